//! From ids, places and points to nodes.

use std::sync::Arc;

use crate::ast::NodeIx;
use crate::atoms::{self, Atom};
use crate::capture::points::FunctionKey;
use crate::error::{Error, Result};
use crate::source::{Found, NodeId, Unit, module_text};
use crate::store::repository::Repository;
use crate::store::state::State;

/// A node, or what is more than one: a function of several clauses, a file.
#[derive(Clone, Debug)]
pub struct Located {
    pub unit: Arc<Unit>,
    pub found: Found,
}

impl Located {
    /// The nodes it is made of, never none.
    pub fn nodes(&self) -> Vec<NodeIx> {
        match self.found {
            Found::File => vec![self.unit.ast().root()],
            Found::Module(module) => vec![self.unit.modules()[module as usize].node],
            Found::Function(function) => self
                .unit
                .clauses_of_function(function)
                .iter()
                .map(|clause| clause.node)
                .collect(),
            Found::Clause(clause) => vec![self.unit.clauses()[clause as usize].node],
            Found::Node(ix) => vec![ix],
        }
    }

    pub fn function(&self) -> Option<u32> {
        match self.found {
            Found::Function(function) => Some(function),
            Found::Clause(clause) => Some(self.unit.clauses()[clause as usize].function),
            Found::Node(ix) => self
                .unit
                .clause_of(ix)
                .map(|clause| self.unit.clauses()[clause as usize].function),
            _ => None,
        }
    }

    pub fn clause(&self) -> Option<u32> {
        match self.found {
            Found::Clause(clause) => Some(clause),
            Found::Node(ix) => self.unit.clause_of(ix),
            _ => None,
        }
    }

    pub fn module(&self) -> Option<u32> {
        match self.found {
            Found::File => None,
            Found::Module(module) => Some(module),
            Found::Function(function) => Some(self.unit.functions()[function as usize].module),
            Found::Clause(clause) => {
                let function = self.unit.clauses()[clause as usize].function;
                Some(self.unit.functions()[function as usize].module)
            }
            Found::Node(ix) => self.unit.module_of(ix),
        }
    }
}

/// The functions as the runtime calls them: a macro is compiled to another name.
pub fn runtime_key(unit: &Unit, function: u32) -> Option<FunctionKey> {
    let definition = &unit.functions()[function as usize];
    let module = &unit.modules()[definition.module as usize];
    if definition.dynamic || module.dynamic {
        return None;
    }
    let (name, arity) = match definition.kind.is_macro() {
        // A name that was never interned never ran.
        true => (
            atoms::existing(&format!("MACRO-{}", definition.name))?,
            definition.arity + 1,
        ),
        false => (definition.name, definition.arity),
    };
    Some(FunctionKey {
        module: module.name,
        name,
        arity,
    })
}

/// The function of a key, as the runtime names it or as the source does (a macro by its own name and arity).
pub fn function_number(unit: &Unit, key: &FunctionKey) -> Option<u32> {
    let as_written = || {
        let numbers = 0..unit.functions().len() as u32;
        let mut own = numbers.filter(|number| {
            let one = &unit.functions()[*number as usize];
            one.name == key.name
                && one.arity == key.arity
                && !one.dynamic
                && unit.modules()[one.module as usize].name == key.module
        });
        own.next()
    };
    unit.find_function(key.module, key.name, key.arity)
        .or_else(as_written)
}

impl Repository {
    /// What an id names.
    ///
    /// Errors: `Invalid` for what is no id, `NotFound` for what is not stored.
    pub fn locate(&self, id: &str) -> Result<Located> {
        self.with(|state| state.locate(id))
    }

    /// As `locate`, at once: `None` when older versions have to be asked, which may take a comparison of two of them.
    pub fn locate_now(&self, id: &str) -> Result<Option<Located>> {
        let parsed = NodeId::parse(id)?;
        self.with(|state| match state.locate_present(&parsed) {
            None if state.history.is_empty() => Err(Error::NotFound { what: "node" }),
            found => Ok(found),
        })
    }

    /// Whether an id names something here: a node, or a function or module that was stored without code.
    pub fn holds(&self, id: &str) -> bool {
        self.with(|state| state.holds(id))
    }

    /// The id of a module, a function (`arity` given), or the only function of a name.
    pub fn node_of_function(
        &self,
        module: Atom,
        name: Option<Atom>,
        arity: Option<u32>,
    ) -> Result<String> {
        let not_found = || Error::NotFound { what: "node" };
        let record = self.module(module);
        let Some(name) = name else {
            return record
                .map(|record| record.id.to_string())
                .ok_or_else(not_found);
        };
        let definition = record.as_ref().and_then(|record| record.definition());
        if let Some((unit, number, module_def)) = definition {
            let function = match arity {
                Some(arity) => function_number(
                    unit,
                    &FunctionKey {
                        module,
                        name,
                        arity,
                    },
                ),
                None => {
                    let mut named = module_def
                        .functions
                        .clone()
                        .filter(|function| unit.functions()[*function as usize].name == name);
                    // The first one: which of several arities it was, nobody knows.
                    named.next()
                }
            };
            debug_assert!((number as usize) < unit.modules().len());
            if let Some(function) = function {
                return Ok(unit.function_id(function));
            }
        }
        let stored = arity.map(|arity| FunctionKey {
            module,
            name,
            arity,
        });
        match stored.filter(|key| self.function_record(key).is_some()) {
            Some(key) => Ok(function_id(&key)),
            None => Err(not_found()),
        }
    }

    /// The innermost node around a place. `file` is relative to its project, absolute, or the end of a path.
    pub fn node_at(&self, file: &str, line: u32, column: Option<u32>) -> Result<String> {
        let not_found = || Error::NotFound { what: "node" };
        // What was stored by hand is newer than what was imported.
        for record in self.modules().iter().filter(|record| !record.imported) {
            if let Some((unit, _, module)) = record.definition()
                && same_file(unit.file(), file)
                && module.position.line <= line
                && line <= module.end_line
            {
                return Ok(unit.node_id(unit.innermost_at(line, column)));
            }
        }
        let unit = self.unit_of_file(file).ok_or_else(not_found)?;
        Ok(unit.node_id(unit.innermost_at(line, column)))
    }

    /// The unit of an imported file. A path that several files end with names none of them.
    pub fn unit_of_file(&self, file: &str) -> Option<Arc<Unit>> {
        let state = self.state();
        if let Some(found) = state.files.get(file) {
            return Some(found.unit.clone());
        }
        let mut ending: Option<Arc<Unit>> = None;
        let mut several = false;
        for stored in state.files.values() {
            if stored.path() == file {
                return Some(stored.unit.clone());
            }
            if same_file(stored.path(), file) {
                several |= ending.is_some();
                ending = Some(stored.unit.clone());
            }
        }
        ending.filter(|_| !several)
    }
}

impl State {
    /// What stands under an id now, or what became of what did.
    pub(super) fn locate(&self, id: &str) -> Result<Located> {
        let id = NodeId::parse(id)?;
        if let Some(found) = self.locate_present(&id) {
            return Ok(found);
        }
        match self.follow(&id) {
            Some(Ok(found)) => Ok(found),
            Some(Err(gone)) => Err(gone.into()),
            None => Err(Error::NotFound { what: "node" }),
        }
    }

    fn locate_present(&self, id: &NodeId) -> Option<Located> {
        let unit = match id.module() {
            Some(module) => self.modules.get(module)?.source.as_ref()?.unit.clone(),
            None => self.file_of_anchor(id.anchor())?,
        };
        let found = unit.resolve(id)?;
        Some(Located { unit, found })
    }

    /// The present id of what an id of an older version names; `None` for an id of this one, and for what is gone.
    pub(super) fn present_id(&self, id: &str) -> Option<String> {
        if self.history.is_empty() {
            return None;
        }
        let id = NodeId::parse(id).ok()?;
        if self.locate_present(&id).is_some() {
            return None;
        }
        let found = self.follow(&id)?.ok()?;
        Some(found.unit.id_of(found.found))
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.locate(id).is_ok()
            || self.modules.contains_key(id)
            || self.functions.keys().any(|key| function_id(key) == id)
    }

    pub(super) fn file_of_anchor(&self, anchor: &str) -> Option<Arc<Unit>> {
        let path = anchor
            .replace("%3A", ":")
            .replace("%23", "#")
            .replace("%25", "%");
        let mut found = self.files.values().filter(|file| file.path() == path);
        if let Some(file) = found.next() {
            return Some(file.unit.clone());
        }
        let loose = self.modules.values().filter(|record| !record.imported);
        let mut loose = loose.filter_map(|record| record.source.as_ref());
        loose
            .find(|source| source.unit.file() == path)
            .map(|source| source.unit.clone())
    }
}

/// One is the other, or its end.
fn same_file(a: &str, b: &str) -> bool {
    let ends = |long: &str, short: &str| {
        !short.is_empty()
            && long
                .strip_suffix(short)
                .is_some_and(|rest| rest.ends_with('/'))
    };
    a == b || ends(a, b) || ends(b, a)
}

/// The id of a function that has no source here.
pub fn function_id(key: &FunctionKey) -> String {
    format!(
        "{}.{}/{}",
        module_text(key.module),
        crate::source::function_text(key.name),
        key.arity
    )
}
