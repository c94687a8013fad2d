//! What `quote` blocks in a module's functions declare: what `use` of the module brings.

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::FunctionKind;
use crate::source::head::{head_call, heads};
use crate::source::words::{Word, word};

use super::facts::{Injected, Injection};
use super::walk::Walk;

/// What one `quote` declares, and the buffers of reading it.
#[derive(Default)]
pub(super) struct Injecting {
    heads: Vec<NodeIx>,
    /// What `@doc` and `@impl` said of the next definition: whether it is hidden.
    hidden: Option<bool>,
}

impl Injecting {
    pub(super) fn nothing() -> Injection {
        Injection {
            function: Atom(0),
            directives: Vec::new(),
            behaviours: Vec::new(),
            defines: Vec::new(),
            defines_struct: false,
            includes: Vec::new(),
        }
    }

    /// Reads a `quote`, whose aliases are those of where it stands.
    pub(super) fn quote(&mut self, walk: &mut Walk<'_>, quote: NodeIx) -> Injection {
        let mut found = Injecting::nothing();
        self.heads.clear();
        self.hidden = None;
        let (mut at, end) = (quote.0 + 1, walk.ast.end(quote));
        while at < end {
            let ix = NodeIx(at);
            walk.aliases.leave(at);
            at += 1;
            let Some(name) = walk.ast.atom_of(ix, Kind::Call) else {
                continue;
            };
            match word(name) {
                // Somebody else's module.
                Some(Word::Defmodule | Word::Defprotocol | Word::Defimpl) => at = walk.ast.end(ix),
                Some(Word::Alias | Word::Require | Word::Use) => {
                    found.directives.extend(walk.directives_of(ix, false));
                }
                Some(Word::Attribute) => {
                    self.said(walk, ix);
                    behaviour(walk, ix, &mut found);
                }
                Some(Word::Defstruct | Word::Defexception) => found.defines_struct = true,
                Some(Word::Def | Word::Defdelegate) => self.define(walk, ix, false, &mut found),
                Some(Word::Defmacro | Word::Defguard) => self.define(walk, ix, true, &mut found),
                Some(Word::Defp | Word::Defmacrop | Word::Defguardp) => {
                    self.heads.extend(head_call(walk.ast, ix));
                    self.hidden = None;
                }
                _ if name.text() == "import" => {
                    found.directives.extend(walk.directives_of(ix, false));
                }
                _ if self.heads.contains(&ix) => {}
                _ if walk.defines(name) && !found.includes.contains(&name) => {
                    found.includes.push(name);
                }
                _ => {}
            }
        }
        found
    }

    fn define(&mut self, walk: &Walk<'_>, ix: NodeIx, is_macro: bool, found: &mut Injection) {
        self.heads.extend(head_call(walk.ast, ix));
        for head in heads(walk.ast, ix, FunctionKind::Def) {
            let hidden = self.hidden.take().unwrap_or(false);
            let is_known = |one: &Injected| {
                one.name == head.name && one.arity == head.arity && one.is_macro == is_macro
            };
            if !head.dynamic && !found.defines.iter().any(is_known) {
                found.defines.push(Injected {
                    name: head.name,
                    arity: head.arity,
                    defaults: head.defaults,
                    is_macro,
                    hidden,
                });
            }
        }
    }

    fn said(&mut self, walk: &Walk<'_>, attribute: NodeIx) {
        let ast = walk.ast;
        let inner = ast.child(attribute, 0);
        let value = inner.and_then(|inner| ast.child(inner, 0));
        let no = value.is_some_and(|value| {
            ast.atom_of(value, Kind::Atom)
                .is_some_and(|atom| atom.text() == "false")
        });
        match inner.and_then(|inner| ast.atom(inner)).map(Atom::text) {
            Some("doc") => self.hidden = Some(no),
            Some("impl") => self.hidden = self.hidden.or(Some(!no)),
            _ => {}
        }
    }

    /// Adds what one more `quote` of a function declares.
    pub(super) fn add(all: &mut Vec<Injection>, function: Atom, more: Injection) {
        let Some(known) = all.iter_mut().find(|one| one.function == function) else {
            all.push(Injection { function, ..more });
            return;
        };
        known.directives.extend(more.directives);
        known.behaviours.extend(more.behaviours);
        known.defines.extend(more.defines);
        known.defines_struct |= more.defines_struct;
        known.includes.extend(more.includes);
    }
}

/// `@behaviour X`, and `@behaviour unquote(__MODULE__)`, which is the module that quotes.
fn behaviour(walk: &Walk<'_>, ix: NodeIx, found: &mut Injection) {
    let ast = walk.ast;
    let value = ast
        .child(ix, 0)
        .filter(|&inner| ast.atom_of(inner, Kind::Call).and_then(word) == Some(Word::Behaviour))
        .and_then(|inner| ast.child(inner, 0));
    let Some(mut value) = value else {
        return;
    };
    let unquoted = ast.atom_of(value, Kind::Call).and_then(word) == Some(Word::Unquote);
    if unquoted {
        value = ast.child(value, 0).unwrap_or(value);
    } else if matches!(ast.kind(value), Kind::Var | Kind::VarIn) {
        return;
    }
    let name = walk.resolve(value);
    if !name.dynamic {
        found.behaviours.push((name.atom, ix));
    }
}
