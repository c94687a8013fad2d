//! The shape of types and specs.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;

pub(super) struct Head {
    pub(super) name: Atom,
    pub(super) dynamic: bool,
    pub(super) arity: u32,
}

fn call(ast: &Ast, ix: NodeIx, name: &str) -> bool {
    ast.atom_of(ix, Kind::Call)
        .is_some_and(|atom| atom.text() == name)
}

/// Name and arity of `name(args) :: definition`, with or without a `when` behind it.
pub(super) fn head(ast: &Ast, definition: NodeIx) -> Option<Head> {
    let mut at = definition;
    if call(ast, at, "when") {
        at = ast.child(at, 0)?;
    }
    if !call(ast, at, "::") {
        return None;
    }
    let head = ast.child(at, 0)?;
    match ast.kind(head) {
        Kind::Call if call(ast, head, "unquote") => Some(Head {
            name: crate::source::aliases::computed(ast, head).atom,
            dynamic: true,
            arity: 0,
        }),
        Kind::Call | Kind::Var | Kind::VarIn => Some(Head {
            name: ast.atom(head)?,
            dynamic: false,
            arity: if ast.kind(head) == Kind::Call {
                ast.children(head).count() as u32
            } else {
                0
            },
        }),
        Kind::CallExpr => {
            let form = ast.child(head, 0)?;
            let name = crate::source::aliases::computed(ast, form);
            Some(Head {
                name: name.atom,
                dynamic: true,
                arity: ast.children(head).count() as u32 - 1,
            })
        }
        _ => None,
    }
}

/// `[name: arity, ...]`, or `[{name, arity}, ...]`.
pub(super) fn names_with_arities(ast: &Ast, list: NodeIx) -> Vec<(Atom, u32)> {
    let mut all = Vec::new();
    if ast.kind(list) != Kind::List {
        return all;
    }
    for item in ast.children(list) {
        let name = ast.atom_of(item, Kind::Pair);
        let arity = ast.child(item, 0).and_then(|one| ast.int(one));
        if let (Some(name), Some(arity)) = (name, arity.and_then(|one| u32::try_from(one).ok())) {
            all.push((name, arity));
        }
    }
    all
}
