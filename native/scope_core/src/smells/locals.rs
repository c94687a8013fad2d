//! The functions of a module and which of them call which, by what the source shows.

use std::collections::HashMap;

use crate::atoms::Atom;
use crate::source::Unit;
use crate::source::calls::{CallSite, ModuleRef};

/// Functions of one module by name and arity, those that defaults make included.
pub(super) struct Locals {
    module: u32,
    first: u32,
    by_key: HashMap<(Atom, u32), u32, ahash::RandomState>,
}

impl Locals {
    pub(super) fn new(unit: &Unit, module: u32) -> Self {
        let range = unit.modules()[module as usize].functions.clone();
        let mut by_key = HashMap::default();
        for number in range.clone() {
            let function = &unit.functions()[number as usize];
            if function.dynamic {
                continue;
            }
            for arity in function.arity.saturating_sub(function.defaults)..=function.arity {
                by_key.entry((function.name, arity)).or_insert(number);
            }
        }
        Locals {
            module,
            first: range.start,
            by_key,
        }
    }

    /// The function of this module that a call goes to.
    pub(super) fn target(&self, unit: &Unit, site: &CallSite<'_>) -> Option<u32> {
        let own = unit.modules()[self.module as usize].name;
        let here = match site.callee.module {
            ModuleRef::Local | ModuleRef::Imported(_) => true,
            ModuleRef::Known(module) => module == own,
            ModuleRef::Dynamic => false,
        };
        let key = (site.callee.name, site.callee.arity);
        here.then(|| self.by_key.get(&key).copied()).flatten()
    }

    /// For each function, the functions of the module that it calls.
    pub(super) fn edges(&self, unit: &Unit) -> Vec<Vec<u32>> {
        let functions = unit.functions_of_module(self.module);
        let edges = functions.iter().map(|function| {
            let clauses = function.clauses.clone();
            let sites =
                clauses.flat_map(|clause| unit.call_sites_in(unit.clauses()[clause as usize].node));
            let mut called: Vec<u32> = sites
                .filter(|site| !site.quoted)
                .filter_map(|site| self.target(unit, &site))
                .map(|number| number - self.first)
                .collect();
            called.sort_unstable();
            called.dedup();
            called
        });
        edges.collect()
    }
}
