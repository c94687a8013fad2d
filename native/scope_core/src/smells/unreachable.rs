//! Clauses that an earlier one leaves nothing to: of functions, `case`, `cond` and `fn`.

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::Unit;
use crate::source::head::head_call;

use super::Finding;
use super::code::{arguments, arrows, block, is_call, plain_variable, subtree};
use super::kind::Smell;

pub(super) fn find(unit: &Unit, found: &mut Vec<Finding>) {
    let ast = unit.ast();
    for function in unit.functions().iter().filter(|one| !one.dynamic) {
        let clauses = function.clauses.clone();
        let clauses = clauses.map(|clause| &unit.clauses()[clause as usize]);
        let nodes: Vec<NodeIx> = clauses
            .filter(|clause| !clause.bodiless)
            .map(|clause| clause.node)
            .collect();
        of_clauses(ast, &nodes, |ix| head(ast, ix), found);
    }
    for clause in unit.clauses() {
        let mut quoted = 0;
        for ix in subtree(ast, clause.node) {
            if is_call(ast, ix, "quote") {
                quoted = quoted.max(ast.end(ix));
            }
            if ix.0 >= quoted {
                construct(ast, ix, found);
            }
        }
    }
}

fn construct(ast: &Ast, ix: NodeIx, found: &mut Vec<Finding>) {
    if ast.kind(ix) != Kind::Call {
        return;
    }
    let body = match ast.atom(ix).map(|name| name.text()) {
        Some("fn") => Some(ix),
        Some("case") => block(ast, ix, "do"),
        Some("cond") => {
            if let Some(body) = block(ast, ix, "do") {
                condition(ast, body, found);
            }
            None
        }
        _ => None,
    };
    if let Some(body) = body {
        let clauses: Vec<NodeIx> = arrows(ast, body).collect();
        of_clauses(ast, &clauses, |arrow| patterns(ast, arrow), found);
    }
}

/// After `true ->` nothing comes.
fn condition(ast: &Ast, body: NodeIx, found: &mut Vec<Finding>) {
    let mut all: Option<NodeIx> = None;
    for arrow in arrows(ast, body) {
        if let Some(earlier) = all {
            report(arrow, earlier, found);
        }
        let only = ast.child(arrow, 0).and_then(|list| ast.child(list, 0));
        let always = only
            .and_then(|one| ast.atom_of(one, Kind::Atom))
            .is_some_and(|atom| !matches!(atom.text(), "false" | "nil"));
        if always {
            all = all.or(Some(arrow));
        }
    }
}

/// What a clause matches.
struct Head {
    patterns: Vec<NodeIx>,
    guard: Option<NodeIx>,
}

fn head(ast: &Ast, definition: NodeIx) -> Option<Head> {
    let call = head_call(ast, definition)?;
    if ast.kind(call) != Kind::Call {
        return None;
    }
    let written = ast.child(definition, 0)?;
    let guard = (written != call).then(|| ast.child(written, 1)).flatten();
    Some(Head {
        patterns: arguments(ast, call).collect(),
        guard,
    })
}

/// Of `patterns -> body`. In `a, b when guard -> body` the last child of `when` is the guard.
fn patterns(ast: &Ast, arrow: NodeIx) -> Option<Head> {
    let list = ast
        .child(arrow, 0)
        .filter(|&one| ast.kind(one) == Kind::List)?;
    let mut patterns: Vec<NodeIx> = ast.children(list).collect();
    let mut guard = None;
    if let [one] = patterns[..]
        && is_call(ast, one, "when")
    {
        patterns = ast.children(one).collect();
        guard = patterns.pop();
    }
    Some(Head { patterns, guard })
}

fn of_clauses(
    ast: &Ast,
    clauses: &[NodeIx],
    head: impl Fn(NodeIx) -> Option<Head>,
    found: &mut Vec<Finding>,
) {
    let mut catch_all: Option<NodeIx> = None;
    let mut seen: Vec<(NodeIx, Vec<u64>)> = Vec::new();
    for &clause in clauses {
        let Some(own) = head(clause) else { continue };
        // Of definitions under a condition, or made by a loop, not all are there.
        let together = |other: NodeIx| ast.parent(other) == ast.parent(clause);
        let parts = own.patterns.iter().chain(&own.guard);
        let hashes: Vec<u64> = parts.map(|&part| ast.hash(part)).collect();
        let twin = seen
            .iter()
            .find(|(other, other_hashes)| together(*other) && *other_hashes == hashes);
        let made_up = subtree(ast, clause).any(|ix| is_call(ast, ix, "unquote"));
        if let Some(earlier) = catch_all.filter(|&one| together(one)) {
            report(clause, earlier, found);
        } else if let Some((earlier, _)) = twin.filter(|_| !made_up) {
            report(clause, *earlier, found);
        }
        if own.guard.is_none() && matches_all(ast, &own.patterns) {
            catch_all = catch_all.or(Some(clause));
        }
        seen.push((clause, hashes));
    }
}

/// Distinct plain variables, and `_`.
fn matches_all(ast: &Ast, patterns: &[NodeIx]) -> bool {
    let mut names = Vec::with_capacity(patterns.len());
    for &pattern in patterns {
        let inner = match is_call(ast, pattern, "\\\\") {
            true => ast.child(pattern, 0),
            false => Some(pattern),
        };
        let Some(name) = inner.and_then(|inner| plain_variable(ast, inner)) else {
            return false;
        };
        if name.text() != "_" && names.contains(&name) {
            return false;
        }
        names.push(name);
    }
    true
}

fn report(clause: NodeIx, earlier: NodeIx, found: &mut Vec<Finding>) {
    let what = "an earlier clause always matches first".to_string();
    found.push(Finding::new(Smell::UnreachableClause, clause, what).related(vec![earlier]));
}
