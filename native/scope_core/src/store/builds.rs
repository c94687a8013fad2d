//! Code as of a version: which one an event came from, and what stood under an id then.

use std::sync::{Arc, Weak};

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::capture::points::{FunctionKey, PointInfo, PointKind};
use crate::error::{Error, Result};
use crate::source::{Found, NodeId, Unit, module_text};
use crate::store::history::build_text;
use crate::store::locate::{Located, function_id};
use crate::store::repository::Repository;
use crate::store::state::State;
use crate::store::structs::{date_time, structure};
use crate::value::Value;

/// Characters of a build's id that are enough to tell it from others.
const BUILD_CHARACTERS_MIN: usize = 8;

/// Which version of the code is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AsOf {
    /// The id of a version of a file, or how it begins.
    Build(String),
    /// The build of an instrumented module, as events have it.
    Instrumented(u64),
    /// What was current then: nanoseconds since 1970.
    At(u64),
}

/// The node of a point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PointNode {
    /// Its id now; of a node that is gone, the id that it had.
    pub id: Arc<str>,
    /// Its id in the version that the point was compiled from, when that is not the present one.
    pub then: Option<Then>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Then {
    pub id: Arc<str>,
    pub build: String,
    pub file: String,
    /// Nothing became of it.
    pub gone: bool,
}

/// One version of a module's file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VersionEntry {
    pub build: String,
    pub file: String,
    pub from_ns: u64,
    /// `None`: it is the present one.
    pub until_ns: Option<u64>,
    pub functions: u64,
    pub nodes: u64,
}

impl Repository {
    /// What an id named in a version. Errors: `Invalid`, `NotFound` for a build that is not kept, or has no such node.
    pub fn locate_as_of(&self, id: &str, as_of: &AsOf) -> Result<Located> {
        let parsed = NodeId::parse(id)?;
        let state = self.state();
        let anchor = parsed.module().unwrap_or(parsed.anchor()).to_owned();
        let unit = match as_of {
            AsOf::Instrumented(build) => {
                let module = parsed
                    .module_name()
                    .and_then(|name| crate::atoms::existing(&name));
                let module = module.ok_or(Error::NotFound { what: "build" })?;
                let points = self.runtime().points_of_build(module, *build);
                if points.is_empty() {
                    return Err(Error::NotFound { what: "build" });
                }
                self.unit_of_build(&state, module, *build, &points)
                    .ok_or(Error::NotFound { what: "build" })?
            }
            AsOf::Build(text) => state.unit_of_text(&anchor, text)?,
            AsOf::At(at_ns) => state.unit_at(&anchor, *at_ns)?,
        };
        let found = unit
            .resolve(&parsed)
            .ok_or(Error::NotFound { what: "node" })?;
        Ok(Located { unit, found })
    }

    /// The versions of a module's file that are kept, oldest first; the last one is the present.
    pub fn versions_of(&self, module: &str) -> Vec<VersionEntry> {
        self.with(|state| {
            let entry = |unit: &Unit, from_ns: u64, until_ns: Option<u64>| VersionEntry {
                build: build_text(unit.digest()),
                file: unit.file().to_owned(),
                from_ns,
                until_ns,
                functions: unit.functions().len() as u64,
                nodes: unit.ast().len() as u64,
            };
            let record = state.modules.get(module);
            let present = record.and_then(|record| Some((record, record.source.as_ref()?)));
            // What went and came back is the present one.
            let is_present = |unit: &Arc<Unit>| {
                present.is_some_and(|(_, source)| Arc::ptr_eq(&source.unit, unit))
            };
            let versions = state.history.of_anchor(module);
            let mut all: Vec<VersionEntry> = versions
                .filter(|one| !is_present(&one.unit))
                .map(|one| entry(&one.unit, one.from_ns, Some(one.until_ns)))
                .collect();
            all.reverse();
            if let Some((record, source)) = present {
                let since = all.last().and_then(|last| last.until_ns);
                all.push(entry(
                    &source.unit,
                    since.unwrap_or(record.created_ns),
                    None,
                ));
            }
            all
        })
    }

    /// `versions_of` as `[%VersionEntry{}]`.
    pub fn version_values(&self, module: &str) -> Value {
        let value = |one: VersionEntry| {
            structure(
                "ElixirScope.ASTRepository.VersionEntry",
                vec![
                    ("build", Value::text(&one.build)),
                    ("source_file", Value::text(&one.file)),
                    ("from", date_time(one.from_ns)),
                    ("until", one.until_ns.map_or(Value::nil(), date_time)),
                    ("function_count", Value::count(one.functions)),
                    ("node_count", Value::count(one.nodes)),
                ],
            )
        };
        Value::List(self.versions_of(module).into_iter().map(value).collect())
    }

    /// As `node_of_point`, at once: `None` when older versions have to be asked.
    pub fn node_of_point_now(&self, literal: u64, point: &PointInfo) -> Option<Result<Arc<str>>> {
        let quick = self.with(|state| {
            let text = module_text(point.function.module);
            if state.history.of_anchor(&text).next().is_none() {
                return true;
            }
            let version = state
                .modules
                .get(text.as_str())
                .map(|record| record.version);
            self.shared
                .point_nodes
                .get(&literal)
                .is_some_and(|cached| Some(cached.0) == version && cached.1.then.is_none())
        });
        quick.then(|| self.node_of_point(literal, point))
    }

    /// The id of the clause of a point, or of the node in it that it reports of, as far as the source is known; its function
    /// otherwise.
    pub fn node_of_point(&self, literal: u64, point: &PointInfo) -> Result<Arc<str>> {
        self.place_of_point(literal, point)
            .map(|node| node.id.clone())
    }

    /// As `node_of_point`, with what the node was in the version that the point was compiled from.
    pub fn place_of_point(&self, literal: u64, point: &PointInfo) -> Result<Arc<PointNode>> {
        let state = self.state();
        let module = point.function.module;
        let text = module_text(module);
        let record = state.modules.get(text.as_str());
        let version = record.map_or(0, |record| record.version);
        if let Some(cached) = self.shared.point_nodes.get(&literal)
            && cached.0 == version
            && version != 0
        {
            return Ok(cached.1.clone());
        }
        let source = record.map(|record| record.definition().map(|(unit, _, _)| unit.clone()));
        let old = !state.history.is_empty() && state.history.of_anchor(&text).next().is_some();
        let present = match source {
            // Stored without code.
            Some(None) => {
                let id: Arc<str> = Arc::from(function_id(&point.function));
                return Ok(Arc::new(PointNode { id, then: None }));
            }
            Some(Some(unit)) => Some(unit),
            None if old => None,
            None => return Err(Error::NotFound { what: "node" }),
        };
        let unit = match old {
            true => {
                let mut points = self.runtime().points_of_build(module, point.build);
                points.push(*point);
                self.unit_of_build(&state, module, point.build, &points)
            }
            false => present.clone(),
        };
        let unit = unit.ok_or(Error::NotFound { what: "node" })?;
        let found = found_of_point(&unit, &text, point);
        let node = match present {
            Some(present) if Arc::ptr_eq(&present, &unit) => PointNode {
                id: Arc::from(unit.id_of(found)),
                then: None,
            },
            _ => state.old_point(unit, found),
        };
        let node = Arc::new(node);
        if version != 0 {
            self.shared
                .point_nodes
                .insert(literal, (version, node.clone()));
        }
        Ok(node)
    }

    /// The version that a build was compiled from: the newest one in which its clauses stand where the build's points
    /// say. What was found is remembered, as long as that version is kept.
    fn unit_of_build(
        &self,
        state: &State,
        module: Atom,
        build: u64,
        points: &[PointInfo],
    ) -> Option<Arc<Unit>> {
        let known = self
            .shared
            .builds
            .get(&build)
            .and_then(|unit| unit.upgrade());
        if let Some(unit) = known.filter(|unit| state.is_kept(unit)) {
            return Some(unit);
        }
        let text = module_text(module);
        let record = state.modules.get(text.as_str());
        let present = record.and_then(|record| Some(record.source.as_ref()?.unit.clone()));
        let older = state.history.of_anchor(&text).map(|one| one.unit.clone());
        let mut best: Option<(usize, Arc<Unit>)> = None;
        for unit in present.into_iter().chain(older) {
            let fits = points
                .iter()
                .filter(|point| stands_there(&unit, point))
                .count();
            if best.as_ref().is_none_or(|(most, _)| fits > *most) {
                let all = fits == points.len();
                best = Some((fits, unit));
                if all {
                    break;
                }
            }
        }
        let (fits, unit) = best?;
        if fits > 0 {
            self.shared.builds.insert(build, Arc::downgrade(&unit));
        }
        Some(unit)
    }
}

/// From builds to the versions that they were compiled from.
pub(super) type Builds = dashmap::DashMap<u64, Weak<Unit>, ahash::RandomState>;

/// Whether a clause of the point's function begins at the line that the point says. Columns do not count: compilers differ in
/// whether they mean the `def` or the name.
fn stands_there(unit: &Unit, point: &PointInfo) -> bool {
    let FunctionKey {
        module,
        name,
        arity,
    } = point.function;
    unit.find_function(module, name, arity)
        .is_some_and(|function| {
            let mut clauses = unit.clauses_of_function(function).iter();
            clauses.any(|clause| clause.position.line == point.line)
        })
}

/// Macros of `Kernel` that become a `case` without a column.
const WITHOUT_COLUMNS: [&str; 8] = ["if", "unless", "&&", "||", "!", "and", "or", "in"];

/// The node inside of a clause that a point reports of. Without a column that is certain only of what the language's own
/// macros make, where there is but one of them on the line.
fn inner_of_point(unit: &Unit, clause: u32, point: &PointInfo) -> Option<NodeIx> {
    let variable = match point.kind {
        PointKind::Clause | PointKind::Tail(_) | PointKind::Try | PointKind::Branch => return None,
        PointKind::Foreign => return None,
        PointKind::Binding { name, .. } => Some(name),
        _ => None,
    };
    let ast = unit.ast();
    let clause = unit.clauses()[clause as usize].node;
    let mut inside = (clause.0 + 1..ast.end(clause)).map(NodeIx);
    let Some(column) = point.column else {
        let makes = |ix: &NodeIx| {
            let name = ast.atom(*ix).filter(|_| ast.kind(*ix).has_meta());
            ast.line(*ix) == Some(point.line)
                && name.is_some_and(|name| WITHOUT_COLUMNS.contains(&name.text()))
        };
        let first = inside.find(makes)?;
        return inside.find(makes).is_none().then_some(first);
    };
    let place = (Some(point.line), Some(column));
    inside.find(|ix| {
        let kind = ast.kind(*ix);
        kind.has_meta()
            && ast.position(*ix) == place
            && variable.is_none_or(|name| {
                matches!(kind, Kind::Var | Kind::VarIn) && ast.atom(*ix) == Some(name)
            })
    })
}

fn found_of_point(unit: &Arc<Unit>, module: &str, point: &PointInfo) -> Found {
    let FunctionKey {
        module: name,
        name: function,
        arity,
    } = point.function;
    let key = (name, function, arity);
    let clause = unit.clause_at_line(key, point.line, point.column, Some(point.clause));
    if let Some(clause) = clause {
        let inner = inner_of_point(unit, clause, point);
        return inner.map_or(Found::Clause(clause), Found::Node);
    }
    // What a macro of another module put there (`__using__`, a callback) has no clause of its own here. It belongs to
    // what generated it: the innermost node at its line, or else the module.
    let numbers = 0..unit.modules().len() as u32;
    let own = numbers
        .clone()
        .find(|number| unit.module_id(*number) == module);
    let own = own.map_or(Found::File, Found::Module);
    if point.line == 0 {
        return own;
    }
    let ix = unit.innermost_at(point.line, None);
    match unit.module_of(ix) {
        Some(_) => Found::Node(ix),
        None => own,
    }
}

impl State {
    fn is_kept(&self, unit: &Arc<Unit>) -> bool {
        self.history.has(unit) || self.is_current(unit)
    }

    fn old_point(&self, unit: Arc<Unit>, found: Found) -> PointNode {
        let then: Arc<str> = Arc::from(unit.id_of(found));
        let (build, file) = (build_text(unit.digest()), unit.file().to_owned());
        let now = self.forward(unit, found).ok();
        let id = now
            .as_ref()
            .map(|there| Arc::from(there.unit.id_of(there.found)));
        PointNode {
            id: id.unwrap_or_else(|| then.clone()),
            then: Some(Then {
                id: then,
                build,
                file,
                gone: now.is_none(),
            }),
        }
    }

    fn present_unit(&self, anchor: &str) -> Option<Arc<Unit>> {
        let by_module = self.modules.get(anchor);
        let by_module = by_module.and_then(|record| Some(record.source.as_ref()?.unit.clone()));
        by_module.or_else(|| self.file_of_anchor(anchor))
    }

    fn unit_of_text(&self, anchor: &str, text: &str) -> Result<Arc<Unit>> {
        if text.len() < BUILD_CHARACTERS_MIN {
            return Err(Error::Invalid {
                what: "build",
                detail: format!("give at least {BUILD_CHARACTERS_MIN} characters of it"),
            });
        }
        let older = self.history.of_anchor(anchor).map(|one| one.unit.clone());
        let mut all = self.present_unit(anchor).into_iter().chain(older);
        all.find(|unit| build_text(unit.digest()).starts_with(text))
            .ok_or(Error::NotFound { what: "build" })
    }

    /// In microseconds, which is what a `DateTime` keeps.
    fn unit_at(&self, anchor: &str, at_ns: u64) -> Result<Arc<Unit>> {
        let at = at_ns / 1_000;
        let newest = self.history.of_anchor(anchor).next();
        if let Some(unit) = self.present_unit(anchor)
            && newest.map_or_else(|| self.since(&unit), |newest| newest.until_ns) / 1_000 <= at
        {
            return Ok(unit);
        }
        let mut versions = self.history.of_anchor(anchor);
        let then = versions.find(|one| one.from_ns / 1_000 <= at && at < one.until_ns / 1_000);
        then.map(|one| one.unit.clone())
            .ok_or(Error::NotFound { what: "build" })
    }
}
