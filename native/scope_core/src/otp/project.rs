//! Units side by side: which module is where.

use ahash::AHashMap;

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::{FunctionDef, Unit};

use super::syntax::is_call;

/// Several files, or one.
pub struct Project<'a> {
    units: Vec<&'a Unit>,
    /// The unit and the module's number in it. Of several definitions the first.
    modules: AHashMap<Atom, (u32, u32)>,
}

impl<'a> Project<'a> {
    pub fn new(units: Vec<&'a Unit>) -> Project<'a> {
        let mut modules = AHashMap::new();
        for (at, unit) in units.iter().enumerate() {
            for (number, module) in unit.modules().iter().enumerate() {
                if !module.dynamic {
                    let place = (at as u32, number as u32);
                    modules.entry(module.name).or_insert(place);
                }
            }
        }
        Project { units, modules }
    }

    pub fn units(&self) -> &[&'a Unit] {
        &self.units
    }

    pub fn unit(&self, unit: u32) -> &'a Unit {
        self.units[unit as usize]
    }

    pub fn module(&self, name: Atom) -> Option<(u32, u32)> {
        self.modules.get(&name).copied()
    }

    /// The unit and the number of the function that answers a call.
    pub fn function(&self, module: Atom, name: Atom, arity: u32) -> Option<(u32, u32)> {
        let (unit, _) = self.module(module)?;
        let function = self.unit(unit).find_function(module, name, arity)?;
        Some((unit, function))
    }

    pub fn function_def(&self, unit: u32, function: u32) -> &'a FunctionDef {
        &self.unit(unit).functions()[function as usize]
    }
}

/// The arguments of `use wanted, ...` in a module: the node of its options. `Some(None)` without options.
pub(super) fn used(unit: &Unit, module: u32, wanted: Atom) -> Option<Option<NodeIx>> {
    let ast = unit.ast();
    let node = unit.modules()[module as usize].node;
    let is_use = |&ix: &NodeIx| {
        is_call(ast, ix, "use")
            && ast.child(ix, 0).and_then(|name| module_of(unit, name)) == Some(wanted)
            && unit.module_of(ix) == Some(module)
            && unit.clause_of(ix).is_none()
    };
    let found = (node.0..ast.end(node)).map(NodeIx).find(is_use)?;
    Some(ast.child(found, 1))
}

/// The module that a node names: an alias, an atom.
pub(super) fn module_of(unit: &Unit, ix: NodeIx) -> Option<Atom> {
    let atom = unit.ast().atom_of(ix, Kind::Atom);
    atom.or_else(|| unit.module_named(ix))
}
