//! A function that calls itself, and whether that is the last thing it does.

use crate::ast::{Kind, NodeIx};

use super::super::form::{Form, call_form, form, is_call, option, pairs};
use super::build::Builder;

impl Builder<'_> {
    /// A local call of the function that this is, defaults counted.
    pub(super) fn calls_itself(&self, ix: NodeIx) -> bool {
        let own = &self.unit.functions()[self.function as usize];
        if own.dynamic || self.ast.atom_of(ix, Kind::Call) != Some(own.name) {
            return false;
        }
        let parent = self.ast.parent(ix);
        let piped = parent.is_some_and(|parent| {
            is_call(self.ast, parent, Form::Pipe) && self.ast.child(parent, 1) == Some(ix)
        });
        let arity = self.ast.children(ix).count() as u32 + u32::from(piped);
        arity <= own.arity && arity + own.defaults >= own.arity && form(own.name) != Some(Form::Def)
    }

    /// Nothing is done behind the call but returning.
    pub(super) fn is_tail(&self, ix: NodeIx) -> bool {
        let mut at = ix;
        while let Some(parent) = self.ast.parent(at) {
            let last = self.ast.children(parent).last() == Some(at);
            let tail = match self.ast.kind(parent) {
                Kind::Pair => {
                    let key = self.ast.atom(parent).and_then(form);
                    let list = self.ast.parent(parent);
                    let owner = list.and_then(|list| self.ast.parent(list));
                    let owner = owner.and_then(|owner| call_form(self.ast, owner));
                    match (key, owner) {
                        (Some(Form::Do), Some(Form::Try)) => false,
                        (Some(Form::Do), Some(Form::Def)) => {
                            return list.is_some_and(|list| pairs(self.ast, list).count() == 1);
                        }
                        (Some(Form::Do | Form::Else), Some(Form::For)) => false,
                        (Some(Form::Do | Form::Else), Some(_)) => true,
                        (Some(Form::After), Some(Form::Receive)) => true,
                        (Some(Form::Rescue | Form::Catch), Some(_)) => list
                            .is_some_and(|list| option(self.ast, &[list], Form::After).is_none()),
                        _ => false,
                    }
                }
                // The list of blocks, or of clauses.
                Kind::List => self.ast.kind(at) == Kind::Pair || is_call(self.ast, at, Form::Arrow),
                Kind::Call => match call_form(self.ast, parent) {
                    Some(Form::Block | Form::Arrow | Form::ShortCircuit | Form::Pipe) => last,
                    Some(
                        Form::Case | Form::If | Form::Cond | Form::With | Form::Receive | Form::Try,
                    ) => self.ast.kind(at) == Kind::List,
                    _ => false,
                },
                _ => false,
            };
            if !tail {
                return false;
            }
            at = parent;
        }
        false
    }
}
