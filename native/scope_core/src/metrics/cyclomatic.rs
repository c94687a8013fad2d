//! Cyclomatic complexity, McCabe's and Credo's.
//!
//! McCabe, "A Complexity Measure", IEEE TSE 1976: decisions + 1. Over all clauses of a function:
//! 1 + Σ(N−1) over its heads, `case`, `cond`, `receive`, `fn` of several clauses and the `else` of
//! `with`; +1 for each `if unless for and or && ||`, each `rescue` and `catch` clause, each `<-` in `with`.
//!
//! Credo, `Credo.Check.Refactor.CyclomaticComplexity`, for one definition: +1 for each `def defp
//! defmacro if unless for try and or && ||`, + the number of clauses of each `case` and `cond` (a block that is no
//! list of clauses, as in `case x do unquote(clauses) end`, counts 1). Everything in the definition counts, also its head
//! and modules in it.

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::words::{Word, atom, word};

use super::credo_abc::do_block;

/// What one call adds to McCabe's figure.
pub(crate) fn mccabe_of(ast: &Ast, ix: NodeIx, word: Word) -> u32 {
    match word {
        Word::If | Word::Unless | Word::For => 1,
        Word::And | Word::Or | Word::AndAnd | Word::OrOr => 1,
        Word::Case | Word::Cond => branches(ast, ix, &[Word::Do]).saturating_sub(1),
        Word::Receive => branches(ast, ix, &[Word::Do, Word::After]).saturating_sub(1),
        Word::Fn => (ast.children(ix).count() as u32).saturating_sub(1),
        Word::With => {
            let binds = ast
                .children(ix)
                .filter(|&arg| ast.atom_of(arg, Kind::Call) == Some(atom(Word::LeftArrow)));
            binds.count() as u32 + branches(ast, ix, &[Word::Else]).saturating_sub(1)
        }
        Word::Try | Word::Def | Word::Defp | Word::Defmacro | Word::Defmacrop => {
            branches(ast, ix, &[Word::Rescue, Word::Catch])
        }
        _ => 0,
    }
}

/// What one call adds to Credo's figure.
pub(super) fn credo_of(ast: &Ast, ix: NodeIx, word: Word) -> u32 {
    match word {
        Word::Def | Word::Defp | Word::Defmacro => 1,
        Word::If | Word::Unless | Word::For | Word::Try => 1,
        Word::And | Word::Or | Word::AndAnd | Word::OrOr => 1,
        Word::Case | Word::Cond => match do_block(ast, ix) {
            Some(block) if ast.kind(block) == Kind::List => ast.children(block).count() as u32,
            Some(block) => u32::from(!is_nil(ast, block)),
            None => 0,
        },
        _ => 0,
    }
}

fn is_nil(ast: &Ast, ix: NodeIx) -> bool {
    ast.atom_of(ix, Kind::Atom)
        .is_some_and(|atom| atom.text() == "nil")
}

/// How many `->` stand directly in these blocks of a call.
fn branches(ast: &Ast, ix: NodeIx, blocks: &[Word]) -> u32 {
    let lists = ast.children(ix).filter(|&arg| ast.kind(arg) == Kind::List);
    let pairs = lists.flat_map(|list| ast.children(list));
    let bodies = pairs
        .filter(|&pair| {
            let key = ast.atom_of(pair, Kind::Pair).and_then(word);
            key.is_some_and(|key| blocks.contains(&key))
        })
        .flat_map(|pair| ast.children(pair))
        .filter(|&body| ast.kind(body) == Kind::List);
    let arrows = bodies.flat_map(|body| ast.children(body));
    arrows
        .filter(|&one| ast.atom_of(one, Kind::Call) == Some(atom(Word::Arrow)))
        .count() as u32
}
