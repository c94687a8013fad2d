//! Where a value comes from: through blocks, branches, matches and pipes, to what makes it.

use crate::ast::{Kind, NodeIx};
use crate::source::Unit;

use super::super::form::{Form, arrow, arrows, call_form, is_call, option, split};

/// Values of one expression that are looked at; an expression of more is one that nobody wrote.
const SOURCES_MAX: usize = 1024;

/// The nodes whose value an expression may have: variables, calls, literals, what builds a value. `None` stands for the
/// `nil` of an `if` without `else`.
pub(crate) fn sources(unit: &Unit, node: NodeIx) -> Vec<Option<NodeIx>> {
    let mut found = Vec::new();
    let mut open = vec![Some(node)];
    let mut steps = 0;
    while let Some(next) = open.pop() {
        steps += 1;
        if steps > SOURCES_MAX {
            break;
        }
        let Some(ix) = next else {
            found.push(None);
            continue;
        };
        let start = open.len();
        if !through(unit, ix, &mut open) {
            found.push(Some(ix));
        }
        open[start..].reverse();
    }
    found
}

/// Puts the expressions whose value a node hands on; false when it makes its own.
fn through(unit: &Unit, ix: NodeIx, open: &mut Vec<Option<NodeIx>>) -> bool {
    let ast = unit.ast();
    if ast.kind(ix) == Kind::Pair {
        open.extend(ast.child(ix, 0).map(Some));
        return true;
    }
    let Some(form) = call_form(ast, ix) else {
        return false;
    };
    let parts = || split(ast, ix);
    let bodies = |open: &mut Vec<Option<NodeIx>>, block: Option<NodeIx>| {
        let Some(block) = block else { return };
        let clauses = arrows(ast, block);
        match clauses.is_empty() {
            true => open.push(Some(block)),
            false => open.extend(
                clauses
                    .iter()
                    .filter_map(|&one| arrow(ast, one).body)
                    .map(Some),
            ),
        }
    };
    match form {
        Form::Block => match ast.children(ix).last() {
            Some(last) => open.push(Some(last)),
            None => open.push(None),
        },
        Form::Match | Form::Pipe => match ast.child(ix, 1) {
            Some(right) => open.push(Some(right)),
            None => return false,
        },
        Form::ShortCircuit => open.extend(ast.children(ix).map(Some)),
        Form::If => {
            let options = parts().options;
            for key in [Form::Do, Form::Else] {
                match option(ast, &options, key) {
                    Some(block) => open.push(Some(block)),
                    None => open.push(None),
                }
            }
        }
        Form::Case | Form::Cond => bodies(open, option(ast, &parts().options, Form::Do)),
        Form::Receive => {
            let options = parts().options;
            bodies(open, option(ast, &options, Form::Do));
            bodies(open, option(ast, &options, Form::After));
        }
        Form::With => {
            let parts = parts();
            open.extend(option(ast, &parts.options, Form::Do).map(Some));
            match option(ast, &parts.options, Form::Else) {
                Some(block) => bodies(open, Some(block)),
                // What did not match is the value.
                None => {
                    let binds = parts
                        .operands
                        .iter()
                        .filter(|&&one| is_call(ast, one, Form::LeftArrow));
                    open.extend(binds.filter_map(|&one| ast.child(one, 1)).map(Some));
                }
            }
        }
        Form::Try => blocks(unit, &parts().options, open),
        _ => return false,
    }
    true
}

/// The values of a `try`: of its `else` when it has one.
pub(super) fn blocks(unit: &Unit, options: &[NodeIx], open: &mut Vec<Option<NodeIx>>) {
    let ast = unit.ast();
    let of = |key| option(ast, options, key);
    let clauses = |key| of(key).map(|block| arrows(ast, block)).unwrap_or_default();
    let otherwise = clauses(Form::Else);
    if otherwise.is_empty() {
        open.extend(of(Form::Do).map(Some));
    }
    for key in [Form::Else, Form::Rescue, Form::Catch] {
        open.extend(
            clauses(key)
                .iter()
                .filter_map(|&one| arrow(ast, one).body)
                .map(Some),
        );
    }
}
