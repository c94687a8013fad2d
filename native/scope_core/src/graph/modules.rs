//! What the modules of a project define: the table that calls are resolved in.

use ahash::AHashMap;

use crate::atoms::Atom;
use crate::source::{FunctionKind, ModuleKind, Unit};

use super::index::Expanded;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModuleInfo {
    pub protocol: bool,
    /// Of an implementation: the protocol, and for what.
    pub implements: Option<(Atom, Atom)>,
    pub behaviours: Vec<Atom>,
    /// By name and arity, those that defaults make too.
    pub functions: AHashMap<(Atom, u32), FunctionInfo>,
    /// `use` stands in it: macros may define more.
    pub uses: Vec<Atom>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FunctionInfo {
    /// The arity as written; calls with fewer arguments use defaults.
    pub arity: u32,
    pub public: bool,
    pub is_macro: bool,
    /// Shown by the source; else a macro made it.
    pub written: bool,
}

/// The modules that a file defines, from source and from what was compiled of it.
pub(super) fn modules_of(unit: &Unit, compiled: &[Expanded]) -> Vec<(Atom, ModuleInfo)> {
    let mut all: Vec<(Atom, ModuleInfo)> = Vec::new();
    for (number, module) in unit.modules().iter().enumerate() {
        if module.dynamic {
            continue;
        }
        let info = entry(&mut all, module.name);
        info.protocol |= module.kind == ModuleKind::Protocol;
        info.implements = info.implements.or(module.implements);
        info.behaviours.extend(module.behaviours.iter().copied());
        info.uses.extend(module.uses.iter().copied());
        let node = module.node;
        // An implementation for several targets is several modules of one node; the first has the functions.
        let first = unit.modules().iter().position(|one| one.node == node);
        for function in unit.functions_of_module(first.unwrap_or(number) as u32) {
            if function.dynamic {
                continue;
            }
            let least = function.arity.saturating_sub(function.defaults);
            for arity in (least..=function.arity).rev() {
                info.functions
                    .entry((function.name, arity))
                    .or_insert(FunctionInfo {
                        arity: function.arity,
                        public: function.kind.is_public(),
                        is_macro: function.kind.is_macro(),
                        written: true,
                    });
            }
            if function.kind == FunctionKind::Callback {
                info.protocol = true;
            }
        }
    }
    for one in compiled.iter().map(|one| &one.compiled) {
        let info = entry(&mut all, one.module);
        info.protocol |= one.protocol;
        info.implements = info.implements.or(one.implements);
        for &behaviour in &one.behaviours {
            if !info.behaviours.contains(&behaviour) {
                info.behaviours.push(behaviour);
            }
        }
        for function in &one.functions {
            info.functions
                .entry((function.name, function.arity))
                .or_insert(FunctionInfo {
                    arity: function.arity,
                    public: function.public,
                    is_macro: function.is_macro,
                    written: false,
                });
        }
    }
    all
}

fn entry(all: &mut Vec<(Atom, ModuleInfo)>, module: Atom) -> &mut ModuleInfo {
    let at = all.iter().position(|one| one.0 == module);
    let at = at.unwrap_or_else(|| {
        all.push((module, ModuleInfo::default()));
        all.len() - 1
    });
    &mut all[at].1
}

impl ModuleInfo {
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<ModuleInfo>()
            + self.functions.capacity() * (size_of::<((Atom, u32), FunctionInfo)>() + 1)
            + (self.behaviours.capacity() + self.uses.capacity()) * size_of::<Atom>()
    }
}
