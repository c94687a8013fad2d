//! From a node to the points that report of it.

use std::cell::RefCell;

use ahash::AHashMap;

use crate::capture::points::FunctionKey;
use crate::error::Result;
use crate::source::Found;
use crate::store::locate::{Located, function_id, runtime_key};
use crate::store::repository::Repository;

/// Where a node reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PointsAt {
    /// The functions that it is in, or that are in it, under all the names that they had.
    pub functions: Vec<FunctionKey>,
    /// Of them only these points (build and index); `None`: all.
    pub points: Option<Vec<(u64, u32)>>,
}

impl Repository {
    /// The points that belong to a node: those that stand at it, or, `within`, those in it. A file, a module and a
    /// function have none of their own: they stand for what is in them.
    ///
    /// Errors: `Invalid` for what is no id, `NotFound` for what is not stored.
    pub fn points_at(&self, id: &str, within: bool) -> Result<PointsAt> {
        let located = match self.locate(id) {
            Ok(located) => located,
            // A function may be known without its code.
            Err(error) => {
                let stored = self.stored_functions();
                let own = stored.iter().find(|record| function_id(&record.key) == id);
                let functions = own.map(|record| vec![record.key]).ok_or(error)?;
                return Ok(self.all_of(functions));
            }
        };
        let unit = &located.unit;
        let key = |function: u32| runtime_key(unit, function);
        let functions: Vec<u32> = match (located.function(), located.module()) {
            (Some(function), _) => vec![function],
            (None, Some(module)) => unit.modules()[module as usize].functions.clone().collect(),
            (None, None) => (0..unit.functions().len() as u32).collect(),
        };
        let mut at = self.all_of(functions.into_iter().filter_map(key).collect());
        if matches!(located.found, Found::Clause(_) | Found::Node(_)) {
            let own = unit.id_of(located.found);
            let inside = self.belongs(&located, true);
            let infos = self.runtime().points_of_functions(&at.functions);
            let belongs = infos.into_iter().filter(|point| {
                let node = self.place_of_point(point.literal(), point);
                node.is_ok_and(|node| match within {
                    false => *node.id == *own,
                    true => inside(&node.id),
                })
            });
            at.points = Some(belongs.map(|point| (point.build, point.index)).collect());
        }
        Ok(at)
    }

    /// All points of a function, whether its source is known or not.
    pub fn points_of_function(&self, key: FunctionKey) -> PointsAt {
        self.all_of(vec![key])
    }

    fn all_of(&self, functions: Vec<FunctionKey>) -> PointsAt {
        let names = functions.into_iter().flat_map(|key| {
            let former = self.former_names(&key);
            std::iter::once(key).chain(former)
        });
        PointsAt {
            functions: names.collect(),
            points: None,
        }
    }

    /// Whether another node is the located one, or, `within`, in it. Each is looked up once.
    pub fn belongs<'a>(&'a self, located: &'a Located, within: bool) -> impl Fn(&str) -> bool + 'a {
        let known: RefCell<AHashMap<String, bool>> = RefCell::default();
        let unit = &located.unit;
        let (nodes, own) = (located.nodes(), unit.id_of(located.found));
        let is_broad = !matches!(located.found, Found::Clause(_) | Found::Node(_));
        let is_in = move |other: &Located| {
            if !within && !is_broad {
                return other.unit.id_of(other.found) == own;
            }
            // A function of one clause has the clause's nodes, and is more than it.
            if let (Found::Clause(_), Found::Function(_)) = (located.found, other.found) {
                return false;
            }
            let ast = unit.ast();
            let is_in = |one| nodes.iter().any(|around| ast.contains(*around, one));
            other.unit.file() == unit.file()
                && other.unit.digest() == unit.digest()
                && other.nodes().into_iter().all(is_in)
        };
        move |id: &str| {
            if let Some(known) = known.borrow().get(id) {
                return *known;
            }
            let belongs = self.locate(id).is_ok_and(|other| is_in(&other));
            known.borrow_mut().insert(id.to_owned(), belongs);
            belongs
        }
    }
}
