//! Reading the calls of a unit.

use std::sync::Arc;

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::source::Unit;

use super::{
    CallSite, Callee, Calls, DYNAMIC, DYNAMIC_NAME, Form, IMPORTED, KNOWN, LOCAL, ModuleRef,
    Packed, QUOTED, calls,
};

impl Calls {
    pub fn len(&self) -> usize {
        self.sites.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// The nodes of calls that are known to be of this module; with `local`, also of those in the module around them.
    pub(crate) fn of_module(&self, module: Atom, local: bool) -> impl Iterator<Item = NodeIx> + '_ {
        let known = module.0 + KNOWN;
        let wanted = move |one: &&Packed| one.module == known || local && one.module == LOCAL;
        self.sites.iter().filter(wanted).map(|one| NodeIx(one.node))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let candidates = self
            .candidates
            .iter()
            .map(|one| one.len() * size_of::<Atom>());
        size_of::<Calls>()
            + self.sites.capacity() * size_of::<Packed>()
            + self.candidates.capacity() * size_of::<Box<[Atom]>>()
            + candidates.sum::<usize>()
            + self.modules.capacity() * size_of::<(u32, Atom)>()
    }

    fn module_ref(&self, module: u32) -> ModuleRef<'_> {
        match module {
            LOCAL => ModuleRef::Local,
            DYNAMIC => ModuleRef::Dynamic,
            set if set & IMPORTED != 0 => {
                ModuleRef::Imported(&self.candidates[(set & !IMPORTED) as usize])
            }
            atom => ModuleRef::Known(Atom(atom - KNOWN)),
        }
    }
}

/// The calls of a unit in preorder.
#[derive(Clone)]
pub struct Sites<'a> {
    unit: &'a Unit,
    calls: &'a Calls,
    next: usize,
    end: usize,
}

impl<'a> Iterator for Sites<'a> {
    type Item = CallSite<'a>;

    fn next(&mut self) -> Option<CallSite<'a>> {
        let packed = self.calls.sites[..self.end].get(self.next)?;
        self.next += 1;
        Some(site(self.unit, self.calls, packed))
    }
}

fn site<'a>(unit: &'a Unit, calls: &'a Calls, packed: &Packed) -> CallSite<'a> {
    let node = NodeIx(packed.node);
    CallSite {
        node,
        module: unit.module_of(node),
        clause: unit.clause_of(node),
        callee: Callee {
            module: calls.module_ref(packed.module),
            name: Atom(packed.name),
            arity: u32::from(packed.arity),
        },
        form: Form::ALL[packed.form as usize],
        quoted: packed.flags & QUOTED != 0,
        dynamic_name: packed.flags & DYNAMIC_NAME != 0,
    }
}

impl Unit {
    /// All calls of this file, found when first asked for.
    pub fn calls(&self) -> &Calls {
        self.derived().calls.get_or_init(|| Arc::new(calls(self)))
    }

    /// All calls in preorder: `f(x)`, `Mod.f(x)`, operators, captures, struct literals, ...
    pub fn call_sites(&self) -> Sites<'_> {
        let calls = self.calls();
        Sites {
            unit: self,
            calls,
            next: 0,
            end: calls.sites.len(),
        }
    }

    /// The calls in the subtree of a node.
    pub fn call_sites_in(&self, node: NodeIx) -> Sites<'_> {
        let calls = self.calls();
        let place = |bound: u32| calls.sites.partition_point(|one| one.node < bound);
        Sites {
            unit: self,
            calls,
            next: place(node.0),
            end: place(self.ast.end(node)),
        }
    }

    /// What a node calls, if it is a call.
    pub fn callee(&self, node: NodeIx) -> Option<CallSite<'_>> {
        let calls = self.calls();
        let at = calls
            .sites
            .binary_search_by_key(&node.0, |one| one.node)
            .ok()?;
        Some(site(self, calls, &calls.sites[at]))
    }

    /// The module that an alias (or `__MODULE__`) stands for at its place. None when it is computed, or when the node
    /// is no alias.
    pub fn module_named(&self, node: NodeIx) -> Option<Atom> {
        let modules = &self.calls().modules;
        let at = modules.binary_search_by_key(&node.0, |one| one.0).ok()?;
        Some(modules[at].1)
    }

    /// Every alias node with the module it stands for, in preorder.
    pub fn named_modules(&self) -> impl Iterator<Item = (NodeIx, Atom)> + '_ {
        let modules = self.calls().modules.iter();
        modules.map(|&(node, module)| (NodeIx(node), module))
    }
}
