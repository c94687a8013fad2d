//! Supervision and messages of everything that a repository holds, joined once for each set of sources.

mod messages;
mod module;
mod pairs;
mod supervision;

use std::sync::Arc;

use ahash::AHashMap;
use parking_lot::Mutex;

use crate::ast::NodeIx;
use crate::atoms::{Atom, intern};
use crate::otp::{Flow, Project, Shape, Site, Tree, flow, tree};
use crate::source::Unit;
use crate::store::repository::Repository;
use crate::value::Value;

/// The joined view, with the units that it was made of.
pub struct Processes {
    units: Arc<[Arc<Unit>]>,
    pub tree: Tree,
    pub flow: Flow,
    /// Places of units in `units`, by address.
    numbers: AHashMap<usize, u32>,
    /// Numbers of `Flow::sent`, by the modules at either end.
    sent_by_module: AHashMap<Atom, Vec<u32>>,
    /// Numbers of `Flow::handlers`, by module.
    taken_by_module: AHashMap<Atom, Vec<u32>>,
}

/// The last one that was made.
#[derive(Default)]
pub(super) struct Cache(Mutex<Option<Arc<Processes>>>);

impl Cache {
    pub(super) fn clear(&self) {
        *self.0.lock() = None;
    }
}

impl Processes {
    pub fn new(units: Arc<[Arc<Unit>]>) -> Processes {
        let project = Project::new(units.iter().map(|unit| &**unit).collect());
        let tree = tree(&project);
        let flow = flow(&project, &tree);
        let addresses = units.iter().map(|unit| Arc::as_ptr(unit) as usize);
        let mut made = Processes {
            numbers: addresses.zip(0..).collect(),
            units,
            tree,
            flow,
            sent_by_module: AHashMap::new(),
            taken_by_module: AHashMap::new(),
        };
        made.index();
        made
    }

    fn number_of(&self, unit: &Unit) -> Option<u32> {
        self.numbers
            .get(&(std::ptr::from_ref(unit) as usize))
            .copied()
    }

    pub fn unit(&self, unit: u32) -> &Arc<Unit> {
        &self.units[unit as usize]
    }

    fn project(&self) -> Project<'_> {
        Project::new(self.units.iter().map(|unit| &**unit).collect())
    }

    /// The unit and the module in it, of its first definition.
    fn place_of_module(&self, name: Atom) -> Option<(u32, u32)> {
        let found = self.units.iter().zip(0u32..);
        let mut found = found.filter_map(|(unit, at)| Some((at, unit.find_module(name)?)));
        found.next()
    }

    /// `ast_node_id`, `file`, `line` and `column` of a node.
    fn place(&self, site: Site) -> Vec<(&'static str, Value)> {
        let unit = self.unit(site.unit);
        let (line, column) = position(unit, site.node);
        let number = |n: Option<u32>| n.map_or(Value::nil(), |n| Value::Int(i64::from(n)));
        vec![
            ("ast_node_id", Value::text(&unit.node_id(site.node))),
            ("file", Value::text(unit.file())),
            ("line", number(line)),
            ("column", number(column)),
        ]
    }

    /// `{module, name, arity}` of the function around a node.
    fn function(&self, site: Site) -> Value {
        let unit = self.unit(site.unit);
        match unit.clause_of(site.node) {
            Some(clause) => function_value(unit, unit.clauses()[clause as usize].function),
            None => Value::nil(),
        }
    }
}

fn function_value(unit: &Unit, function: u32) -> Value {
    let written = &unit.functions()[function as usize];
    let module = unit.modules()[written.module as usize].name;
    Value::Tuple(vec![
        Value::Atom(module),
        Value::Atom(written.name),
        Value::Int(i64::from(written.arity)),
    ])
}

/// The place of a node; of one without, the next one in it that has one.
fn position(unit: &Unit, node: NodeIx) -> (Option<u32>, Option<u32>) {
    let ast = unit.ast();
    let inside = (node.0..ast.end(node)).map(NodeIx);
    let mut places = inside.map(|ix| ast.position(ix));
    places
        .find(|(line, _)| line.is_some())
        .unwrap_or((None, None))
}

/// The value of a shape that leaves nothing open.
fn exact(shape: &Shape) -> Option<Value> {
    Some(match shape {
        Shape::Atom(atom) => Value::Atom(*atom),
        Shape::Int(int) => Value::Int(*int),
        Shape::Text(text) => Value::text(text),
        Shape::Tuple(parts) => Value::Tuple(parts.items.iter().map(exact).collect::<Option<_>>()?),
        Shape::List(parts) => {
            let items = parts.items.iter();
            let always = |one: &crate::otp::Elem| one.presence == crate::otp::Presence::Always;
            if !parts.items.iter().all(always) {
                return None;
            }
            Value::List(items.map(|one| exact(&one.shape)).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn record(fields: Vec<(&str, Value)>) -> Value {
    let fields = fields
        .into_iter()
        .map(|(name, value)| (intern(name), value));
    Value::record(fields.collect())
}

impl Repository {
    /// Supervision and messages of all sources.
    pub fn processes(&self) -> Arc<Processes> {
        let units = self.units();
        let known = self.shared.processes.0.lock().clone();
        if let Some(known) = known
            && (Arc::ptr_eq(&known.units, &units) || same(&known.units, &units))
        {
            return known;
        }
        // Made without the lock: two readers may both make it, none waits for the other.
        let made = Arc::new(Processes::new(units));
        *self.shared.processes.0.lock() = Some(made.clone());
        made
    }
}

fn same(a: &[Arc<Unit>], b: &[Arc<Unit>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}
