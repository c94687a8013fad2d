//! What a module exports, as far as its own source says so.

use crate::atoms::{Atom, intern};
use crate::source::{ModuleKind, Unit};

use super::brought::Brought;

/// A function or macro: name, arity, and whether it is a macro.
pub type Export = (Atom, u32, bool);

/// Public functions and macros, with the arities that defaults make; sorted.
pub fn exports(unit: &Unit, module: u32) -> Vec<Export> {
    let mut all = Vec::new();
    let functions = unit.functions_of_module(module).iter();
    for function in functions.filter(|one| one.kind.is_public() && !one.dynamic) {
        for arity in function.arity - function.defaults..=function.arity {
            all.push((function.name, arity, function.kind.is_macro()));
        }
    }
    tidy(all)
}

/// What `defstruct`, `defexception`, `defprotocol`, `defimpl` and `use` make, beyond what is written.
pub fn generated(unit: &Unit, module: u32, brought: &Brought) -> Vec<Export> {
    let definition = &unit.modules()[module as usize];
    let mut all = Vec::new();
    for one in &brought.defines {
        for arity in one.arity - one.defaults..=one.arity {
            all.push((one.name, arity, one.is_macro));
        }
    }
    let mut add = |name: &str, arity| all.push((intern(name), arity, false));
    if definition.defines_struct || brought.defines_struct {
        add("__struct__", 0);
        add("__struct__", 1);
    }
    if definition.defines_exception {
        add("exception", 1);
        let message = unit.declared();
        let fields = message
            .module(module)
            .and_then(|facts| super::struct_fields(unit.ast(), facts));
        let has_message =
            fields.is_none_or(|all| all.iter().any(|field| field.name.text() == "message"));
        if has_message {
            add("message", 1);
        }
    }
    match definition.kind {
        ModuleKind::Protocol => {
            add("__protocol__", 1);
            add("impl_for", 1);
            add("impl_for!", 1);
        }
        ModuleKind::Impl => add("__impl__", 1),
        ModuleKind::Module => {}
    }
    let written = exports(unit, module);
    all.retain(|one| !written.contains(one));
    tidy(all)
}

fn tidy(mut all: Vec<Export>) -> Vec<Export> {
    all.sort_by(|a, b| a.0.text().cmp(b.0.text()).then(a.1.cmp(&b.1)));
    all.dedup();
    all
}
