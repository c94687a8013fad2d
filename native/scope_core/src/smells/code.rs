//! Short ways through the arena.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::calls::{CallSite, ModuleRef};

/// A call of this name: `name(...)`.
pub(super) fn is_call(ast: &Ast, ix: NodeIx, name: &str) -> bool {
    ast.atom_of(ix, Kind::Call)
        .is_some_and(|atom| atom.text() == name)
}

/// The arguments of a call, of a name or of an expression.
pub(super) fn arguments(ast: &Ast, ix: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
    let skip = usize::from(ast.kind(ix) == Kind::CallExpr);
    ast.children(ix).skip(skip)
}

/// The value under a key of a list.
pub(super) fn value_of(ast: &Ast, list: NodeIx, key: &str) -> Option<NodeIx> {
    if ast.kind(list) != Kind::List {
        return None;
    }
    let mut pairs = ast.children(list).filter(|&pair| {
        ast.atom_of(pair, Kind::Pair)
            .is_some_and(|atom| atom.text() == key)
    });
    ast.child(pairs.next()?, 0)
}

/// What stands under `do`, `else`, `rescue`, ... of a call.
pub(super) fn block(ast: &Ast, call: NodeIx, key: &str) -> Option<NodeIx> {
    arguments(ast, call).find_map(|arg| value_of(ast, arg, key))
}

/// The `->` clauses of a block, or of a `fn`.
pub(super) fn arrows(ast: &Ast, of: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
    ast.children(of).filter(|&one| is_call(ast, one, "->"))
}

/// The entries of a subtree in preorder, itself first.
pub(super) fn subtree(ast: &Ast, ix: NodeIx) -> impl Iterator<Item = NodeIx> {
    (ix.0..ast.end(ix)).map(NodeIx)
}

/// The module and name of what is called, when the module is known.
pub(super) fn remote(site: &CallSite<'_>) -> Option<(&'static str, &'static str)> {
    match site.callee.module {
        ModuleRef::Known(module) if !site.dynamic_name => {
            Some((module.text(), site.callee.name.text()))
        }
        _ => None,
    }
}

/// A name that matches anything: a variable that is no pseudo-variable.
pub(super) fn plain_variable(ast: &Ast, ix: NodeIx) -> Option<Atom> {
    let name = ast.atom_of(ix, Kind::Var)?;
    let text = name.text();
    let pseudo = text.starts_with("__") && text.ends_with("__") && text.len() > 4;
    (!pseudo).then_some(name)
}

/// An alias or atom, as opposed to what is computed.
pub(super) fn is_literal(ast: &Ast, ix: NodeIx) -> bool {
    match ast.kind(ix) {
        Kind::Var | Kind::VarIn | Kind::CallExpr => false,
        Kind::Call => is_call(ast, ix, "__aliases__"),
        Kind::List | Kind::Tuple | Kind::Pair => subtree(ast, ix)
            .skip(1)
            .all(|one| !ast.kind(one).has_meta() || is_call(ast, one, "__aliases__")),
        _ => true,
    }
}

/// The left side of a pipe whose right side this is, or the first argument.
pub(super) fn input(ast: &Ast, call: NodeIx) -> Option<NodeIx> {
    match ast.parent(call) {
        Some(pipe) if is_call(ast, pipe, "|>") && pipe.0 + 1 != call.0 => ast.child(pipe, 0),
        _ => arguments(ast, call).next(),
    }
}

/// The last step of a pipe: what it gives.
pub(super) fn last_step(ast: &Ast, ix: NodeIx) -> NodeIx {
    let mut at = ix;
    while is_call(ast, at, "|>") {
        match ast.child(at, 1) {
            Some(right) => at = right,
            None => break,
        }
    }
    at
}

/// The first segment of a module's name: `MyApp`, for `MyAppWeb` too. None for what is no alias.
pub(super) fn root_of(module: &str) -> Option<&str> {
    let name = module.strip_prefix("Elixir.")?;
    let first = name.split('.').next()?;
    Some(first.strip_suffix("Web").unwrap_or(first))
}
