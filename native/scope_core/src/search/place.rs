//! Where code begins.

use crate::ast::{Ast, NodeIx};
use crate::source::Position;

/// The node's own place, as its metadata has it: of a remote call the name's, of an operator the operator's. Literals
/// have none, and neither have lists and pairs: then where the code in them begins, else what comes before them.
pub fn place(ast: &Ast, ix: NodeIx) -> Position {
    own(ast, ix)
        .or_else(|| within(ast, ix))
        .or_else(|| (0..ix.0).rev().find_map(|at| own(ast, NodeIx(at))))
        .unwrap_or(Position { line: 1, column: 1 })
}

/// The first place of the code: of `a.b + c` that of `a`.
pub fn start(ast: &Ast, ix: NodeIx) -> Position {
    let own = place(ast, ix);
    // The leftmost path: what else is in a node comes behind it.
    let mut at = ix;
    let mut first = own;
    while ast.end(at) > at.0 + 1 {
        at = NodeIx(at.0 + 1);
        if let Some(place) = self::own(ast, at) {
            first = first.min(place);
        }
    }
    first
}

fn own(ast: &Ast, ix: NodeIx) -> Option<Position> {
    let (line, column) = ast.position(ix);
    let column = column.unwrap_or(1);
    line.map(|line| Position { line, column })
}

fn within(ast: &Ast, ix: NodeIx) -> Option<Position> {
    (ix.0 + 1..ast.end(ix)).find_map(|at| own(ast, NodeIx(at)))
}
