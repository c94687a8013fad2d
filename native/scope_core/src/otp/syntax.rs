//! Ways around quoted code.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;

/// The name of a call `name(...)`.
pub(super) fn called(ast: &Ast, ix: NodeIx) -> Option<&'static str> {
    ast.atom_of(ix, Kind::Call).map(Atom::text)
}

pub(super) fn is_call(ast: &Ast, ix: NodeIx, name: &str) -> bool {
    called(ast, ix) == Some(name)
}

/// The name of a variable.
pub(super) fn variable(ast: &Ast, ix: NodeIx) -> Option<Atom> {
    match ast.kind(ix) {
        Kind::Var | Kind::VarIn => ast.atom(ix),
        _ => None,
    }
}

/// The arguments of a call, without the form of `Mod.f(x)`.
pub(super) fn arguments(ast: &Ast, ix: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
    let skip = usize::from(ast.kind(ix) == Kind::CallExpr);
    ast.children(ix).skip(skip)
}

/// `left.name` as the form of a call: both sides.
pub(super) fn dotted(ast: &Ast, call: NodeIx) -> Option<(NodeIx, Atom)> {
    if ast.kind(call) != Kind::CallExpr {
        return None;
    }
    let form = ast.child(call, 0).filter(|&form| is_call(ast, form, "."))?;
    let name = ast.atom_of(ast.child(form, 1)?, Kind::Atom)?;
    Some((ast.child(form, 0)?, name))
}

/// The value under a key of a literal keyword list.
pub(super) fn option(ast: &Ast, list: NodeIx, key: &str) -> Option<NodeIx> {
    if ast.kind(list) != Kind::List {
        return None;
    }
    let is_key = |&pair: &NodeIx| {
        ast.atom_of(pair, Kind::Pair)
            .is_some_and(|name| name.text() == key)
    };
    ast.child(ast.children(list).find(is_key)?, 0)
}

/// A block (`do`, `else`, ...) of a call: in its last argument, or in the one before it (`if x, do: a, else: b` and
/// `with a <- b, else: ...`).
pub(super) fn block(ast: &Ast, call: NodeIx, key: &str) -> Option<NodeIx> {
    let lists = arguments(ast, call).filter(|&one| ast.kind(one) == Kind::List);
    lists.filter_map(|list| option(ast, list, key)).last()
}

/// A branch of `case`, `fn`, `receive`, ...
#[derive(Clone, Copy)]
pub(super) struct Branch {
    pub(super) head: NodeIx,
    pub(super) body: NodeIx,
}

/// The branches of a block that is a list of `->`.
pub(super) fn branches(ast: &Ast, block: NodeIx) -> impl Iterator<Item = Branch> + '_ {
    let is_list = ast.kind(block) == Kind::List;
    let all = is_list.then(|| ast.children(block)).into_iter().flatten();
    all.filter_map(|arrow| branch(ast, arrow))
}

pub(super) fn branch(ast: &Ast, arrow: NodeIx) -> Option<Branch> {
    if !is_call(ast, arrow, "->") {
        return None;
    }
    Some(Branch {
        head: ast.child(arrow, 0)?,
        body: ast.child(arrow, 1)?,
    })
}

/// Patterns and guard of a head: of a branch (a list, perhaps of one `when`) or of a definition.
pub(super) fn head_parts(ast: &Ast, head: NodeIx) -> (Vec<NodeIx>, Option<NodeIx>) {
    let written: Vec<NodeIx> = match ast.kind(head) {
        Kind::List => ast.children(head).collect(),
        _ => vec![head],
    };
    if let [one] = written[..]
        && is_call(ast, one, "when")
    {
        let mut parts: Vec<NodeIx> = ast.children(one).collect();
        let guard = parts.pop();
        return (parts, guard);
    }
    (written, None)
}

/// The first pattern of a branch, and its guard.
pub(super) fn branch_pattern_of(ast: &Ast, branch: Branch) -> (Option<NodeIx>, Option<NodeIx>) {
    let (patterns, guard) = head_parts(ast, branch.head);
    (patterns.first().copied(), guard)
}

/// Arguments, guard and body of a clause `def name(...) when guard do body end`.
pub(super) struct Definition {
    pub(super) arguments: Vec<NodeIx>,
    pub(super) guard: Option<NodeIx>,
    pub(super) body: Option<NodeIx>,
    /// `rescue`, `catch`, `else`, `after` of the definition itself.
    pub(super) rest: Vec<NodeIx>,
}

pub(super) fn definition(ast: &Ast, node: NodeIx) -> Option<Definition> {
    let mut parts = ast.children(node);
    let head = parts.next()?;
    let (patterns, guard) = head_parts(ast, head);
    let call = *patterns.first()?;
    let arguments = match ast.kind(call) {
        Kind::Call => ast.children(call).collect(),
        Kind::CallExpr => ast.children(call).skip(1).collect(),
        _ => Vec::new(),
    };
    let rest = ["rescue", "catch", "else", "after"];
    Some(Definition {
        arguments,
        guard,
        body: block(ast, node, "do"),
        rest: rest
            .iter()
            .filter_map(|key| block(ast, node, key))
            .collect(),
    })
}

/// The pattern of an argument: without its default.
pub(super) fn without_default(ast: &Ast, argument: NodeIx) -> NodeIx {
    match is_call(ast, argument, "\\\\") {
        true => ast.child(argument, 0).unwrap_or(argument),
        false => argument,
    }
}
