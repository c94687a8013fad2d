//! `rescue` of everything, without doing anything about it.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::Unit;

use super::Finding;
use super::code::{arguments, arrows, is_call, plain_variable, subtree, value_of};
use super::kind::Smell;

pub(super) fn find(unit: &Unit, found: &mut Vec<Finding>) {
    let ast = unit.ast();
    for clause in unit.clauses() {
        let mut quoted = 0;
        for ix in subtree(ast, clause.node) {
            if is_call(ast, ix, "quote") {
                quoted = quoted.max(ast.end(ix));
            }
            let rescues = ix == clause.node || is_call(ast, ix, "try");
            if rescues && ix.0 >= quoted {
                let lists = arguments(ast, ix);
                let blocks = lists.filter_map(|list| value_of(ast, list, "rescue"));
                for block in blocks {
                    arrows(ast, block).for_each(|arrow| check(ast, arrow, found));
                }
            }
        }
    }
}

fn check(ast: &Ast, arrow: NodeIx, found: &mut Vec<Finding>) {
    let pattern = ast.child(arrow, 0).and_then(|list| ast.child(list, 0));
    let Some(name) = pattern.and_then(|pattern| plain_variable(ast, pattern)) else {
        return;
    };
    let Some(body) = ast.child(arrow, 1) else {
        return;
    };
    if subtree(ast, body).any(|ix| raises_again(ast, ix)) {
        return;
    }
    // Whoever looks at the exception does something about it.
    let used = !name.text().starts_with('_') && mentions(ast, body, name);
    if !used {
        let what = "rescues every exception and says nothing of it".to_string();
        found.push(Finding::new(Smell::BareRescue, arrow, what));
    }
}

fn mentions(ast: &Ast, body: NodeIx, name: Atom) -> bool {
    subtree(ast, body).any(|ix| ast.kind(ix).has_meta() && ast.atom(ix) == Some(name))
}

/// It goes on, or somebody is told.
fn raises_again(ast: &Ast, ix: NodeIx) -> bool {
    if ast.kind(ix) == Kind::Atom {
        let told = ast.atom(ix).map(|atom| atom.text());
        return matches!(told, Some("Logger" | "warn"));
    }
    const NAMES: [&str; 6] = [
        "raise",
        "reraise",
        "exit",
        "throw",
        "flunk",
        "__STACKTRACE__",
    ];
    ast.kind(ix).has_meta()
        && ast
            .atom(ix)
            .is_some_and(|name| NAMES.contains(&name.text()))
}
