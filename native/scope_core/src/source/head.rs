//! The head of a definition: name, arity, defaults, and the hash that tells clauses apart.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;

use super::aliases::{computed, is, keyword};
use super::define::FunctionKind;
use super::words::{Word, word};

pub(crate) struct Head {
    pub(crate) name: Atom,
    pub(crate) dynamic: bool,
    pub(crate) arity: u32,
    pub(crate) defaults: u32,
    /// 24 bits of the hash of kind, name, arguments and guards. `f` and `f()` are one head.
    pub(crate) hash: u32,
    pub(crate) bodiless: bool,
    /// What stands for the clause: the definition, or one head of a delegated list.
    pub(crate) node: NodeIx,
}

/// The heads of a definition: one, but for `defdelegate [a(x), b(y)], to: M`.
pub(crate) fn heads(ast: &Ast, definition: NodeIx, kind: FunctionKind) -> Vec<Head> {
    let mut args = ast.children(definition);
    let Some(first) = args.next() else {
        return Vec::new();
    };
    let bodiless = !args.any(|arg| has_body(ast, arg, kind));
    if kind == FunctionKind::Defdelegate && ast.kind(first) == Kind::List {
        let heads = ast.children(first);
        return heads
            .filter_map(|one| head(ast, one, one, kind, bodiless))
            .collect();
    }
    head(ast, first, definition, kind, bodiless)
        .into_iter()
        .collect()
}

/// The name with its arguments, in a definition or in one head of a delegated list.
pub(crate) fn head_call(ast: &Ast, node: NodeIx) -> Option<NodeIx> {
    let is_definition = matches!(
        ast.atom_of(node, Kind::Call).and_then(word),
        Some(
            Word::Def
                | Word::Defp
                | Word::Defmacro
                | Word::Defmacrop
                | Word::Defdelegate
                | Word::Defguard
                | Word::Defguardp
        )
    );
    let written = if is_definition {
        ast.child(node, 0)?
    } else {
        node
    };
    match ast.atom_of(written, Kind::Call).and_then(word) {
        Some(Word::When) => ast.child(written, 0),
        _ => Some(written),
    }
}

fn has_body(ast: &Ast, arg: NodeIx, kind: FunctionKind) -> bool {
    let literal = ast.kind(arg) == Kind::List;
    !literal || kind == FunctionKind::Defdelegate || keyword(ast, arg, Word::Do).is_some()
}

fn head(
    ast: &Ast,
    written: NodeIx,
    node: NodeIx,
    kind: FunctionKind,
    bodiless: bool,
) -> Option<Head> {
    let mut call = written;
    let mut guard = None;
    if ast.kind(written) == Kind::Call && is(ast, written, Word::When) {
        call = ast.child(written, 0)?;
        guard = ast.child(written, 1);
    }
    let (name, dynamic, skip) = match ast.kind(call) {
        Kind::Var | Kind::VarIn => (ast.atom(call)?, false, usize::MAX),
        // `def unquote(name)`: without arguments, or the whole head is computed.
        Kind::Call if is(ast, call, Word::Unquote) => {
            let (name, dynamic) = unquoted_name(ast, call);
            (name, dynamic, usize::MAX)
        }
        Kind::Call => (ast.atom(call)?, false, 0),
        Kind::CallExpr => {
            let (name, dynamic) = unquoted_name(ast, ast.child(call, 0)?);
            (name, dynamic, 1)
        }
        _ => return None,
    };
    let args = || ast.children(call).skip(skip);
    let mut parts = vec![kind as u8];
    parts.extend_from_slice(&xxh3_64(name.text().as_bytes()).to_le_bytes());
    for part in args().chain(guard) {
        parts.extend_from_slice(&ast.hash(part).to_le_bytes());
    }
    let is_default = |&arg: &NodeIx| ast.kind(arg) == Kind::Call && is(ast, arg, Word::Default);
    Some(Head {
        name,
        dynamic,
        arity: args().count() as u32,
        defaults: args().filter(is_default).count() as u32,
        hash: xxh3_64_with_seed(&parts, u64::from(guard.is_some())) as u32 & 0x00ff_ffff,
        bodiless,
        node,
    })
}

/// `unquote(:name)` is a name; `unquote(name)` stands for one.
fn unquoted_name(ast: &Ast, form: NodeIx) -> (Atom, bool) {
    let literal = (ast.kind(form) == Kind::Call && is(ast, form, Word::Unquote))
        .then(|| ast.child(form, 0))
        .flatten()
        .and_then(|inner| ast.atom_of(inner, Kind::Atom));
    match literal {
        Some(name) => (name, false),
        None => (computed(ast, form).atom, true),
    }
}
