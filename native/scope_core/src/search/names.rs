//! What names in a file stand for.

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::Unit;
use crate::source::calls::ModuleRef;
use crate::source::words::{Word, atom};

/// The module that a node names: an alias, an atom, `__MODULE__`.
pub(super) fn module(unit: &Unit, ix: NodeIx) -> Option<Atom> {
    let ast = unit.ast();
    match ast.kind(ix) {
        Kind::Atom => ast.atom(ix),
        Kind::Call if ast.atom(ix) == Some(atom(Word::Aliases)) => unit.module_named(ix),
        Kind::Var | Kind::VarIn if ast.atom(ix) == Some(atom(Word::CurrentModule)) => {
            unit.module_named(ix)
        }
        _ => None,
    }
}

/// An unqualified call is one of a function of this module: it is imported, `Kernel`'s, or the module's own.
///
/// Of a module that is imported whole, whoever asks for `Mod.name` is taken to know that it exports `name`: were there
/// another one, the call would not compile. With `any` name nothing says so, and such imports are left out.
pub(super) fn is_call_of(unit: &Unit, ix: NodeIx, module: Atom, any: bool) -> bool {
    let Some(site) = unit.callee(ix) else {
        return false;
    };
    match site.callee.module {
        ModuleRef::Known(known) => known == module,
        ModuleRef::Imported(candidates) => !any && candidates.contains(&module),
        ModuleRef::Local => {
            let defines = |number: u32| {
                let own = &unit.modules()[number as usize];
                own.name == module && !own.dynamic
            };
            site.module.is_some_and(defines)
                && unit
                    .find_function(module, site.callee.name, site.callee.arity)
                    .is_some()
        }
        ModuleRef::Dynamic => false,
    }
}
