//! Calls of other modules that are more than calls.

use crate::ast::{Kind, NodeIx};

use super::super::form::{Form, form, is_call};
use super::build::Builder;

impl Builder<'_> {
    /// `:erlang.error(x)`, `:erlang.raise(kind, reason, stack)`, `System.halt()`...
    pub(super) fn raises_by_name(&self, ix: NodeIx) -> bool {
        let dot = (self.ast.kind(ix) == Kind::CallExpr).then(|| self.ast.child(ix, 0));
        let Some(dot) = dot
            .flatten()
            .filter(|&dot| is_call(self.ast, dot, Form::Dot))
        else {
            return false;
        };
        let module = self.ast.child(dot, 0);
        let module = module.and_then(|one| self.ast.atom_of(one, Kind::Atom));
        let name = self.ast.child(dot, 1);
        let name = name.and_then(|one| self.ast.atom_of(one, Kind::Atom));
        match (module, name) {
            (Some(module), Some(name)) => {
                module.text() == "erlang"
                    && matches!(name.text(), "error" | "raise" | "throw" | "exit" | "halt")
                    && self.ast.children(ix).count() > 1
            }
            _ => false,
        }
    }

    /// `Kernel.||(x)`, as it stands in pipes.
    pub(super) fn remote_short_circuit(&self, ix: NodeIx) -> bool {
        let dot = (self.ast.kind(ix) == Kind::CallExpr).then(|| self.ast.child(ix, 0));
        let Some(dot) = dot
            .flatten()
            .filter(|&dot| is_call(self.ast, dot, Form::Dot))
        else {
            return false;
        };
        let kernel = self.ast.child(dot, 0).is_some_and(|module| {
            is_call(self.ast, module, Form::Aliases)
                && self.ast.size(module) == 2
                && self
                    .ast
                    .child(module, 0)
                    .and_then(|one| self.ast.atom(one))
                    .is_some_and(|name| name.text() == "Kernel")
        });
        let name = self.ast.child(dot, 1).and_then(|one| self.ast.atom(one));
        kernel
            && name.and_then(form) == Some(Form::ShortCircuit)
            && self.ast.children(ix).count() > 1
    }
}
