//! Cognitive complexity: G. Ann Campbell, "Cognitive Complexity", SonarSource, v1.5.
//!
//! `if unless case cond receive for` and each `rescue` and `catch` block cost 1 and the level of
//! nesting, once for the whole construct. The `else` of an `if` costs 1, and so does an `if` alone in
//! an `else`, which nests no deeper. `with` costs as a condition does when it has an `else`, and
//! nothing otherwise. `fn` and `&` deepen the nesting and cost nothing. A run of like boolean operators
//! costs 1. Several clauses of one function cost 1, and recursion costs 1 (see `measure`).

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::words::{Word, word};

/// Follows the cost along a walk in preorder.
#[derive(Default)]
pub(super) struct Cognitive {
    /// Where a level of nesting ends.
    levels: Vec<u32>,
    pub(super) cost: u32,
}

impl Cognitive {
    pub(super) fn visit(&mut self, ast: &Ast, ix: NodeIx, word: Option<Word>) {
        while self.levels.last().is_some_and(|&end| end <= ix.0) {
            self.levels.pop();
        }
        if ast.kind(ix) == Kind::Pair {
            return self.block(ast, ix);
        }
        let level = self.levels.len() as u32;
        match word {
            Some(Word::If) if is_else_if(ast, ix) => self.cost += 1,
            Some(Word::If | Word::Unless | Word::Case | Word::Cond | Word::Receive | Word::For) => {
                self.cost += 1 + level
            }
            Some(Word::With) if has_else(ast, ix) => self.cost += 1 + level,
            Some(Word::Fn | Word::Capture) => self.levels.push(ast.end(ix)),
            Some(Word::And | Word::Or | Word::AndAnd | Word::OrOr)
                if !is_operand_of_boolean(ast, ix) =>
            {
                self.cost += runs(ast, ix);
            }
            _ => {}
        }
    }

    /// `do`, `else`, `rescue` and so on of a construct.
    fn block(&mut self, ast: &Ast, pair: NodeIx) {
        let Some((key, owner, construct)) = block_of(ast, pair) else {
            return;
        };
        let level = self.levels.len() as u32;
        match (key, construct) {
            (Word::Rescue | Word::Catch, _) => {
                self.cost += 1 + level;
                self.levels.push(ast.end(pair));
            }
            (Word::Else, Word::If | Word::Unless) => {
                let lone = ast.child(pair, 0);
                let else_if = lone.is_some_and(|lone| is_else_if(ast, lone));
                self.cost += u32::from(!else_if);
                if !is_else_if(ast, owner) {
                    self.levels.push(ast.end(pair));
                }
            }
            (Word::Do, Word::If) if is_else_if(ast, owner) => {}
            (
                Word::Do | Word::Else | Word::After,
                Word::If | Word::Unless | Word::Case | Word::Cond | Word::Receive | Word::For,
            ) => self.levels.push(ast.end(pair)),
            (Word::Do | Word::Else, Word::With) if has_else(ast, owner) => {
                self.levels.push(ast.end(pair));
            }
            _ => {}
        }
    }
}

/// The key of a block, the call that it is a block of, and that call's word.
fn block_of(ast: &Ast, pair: NodeIx) -> Option<(Word, NodeIx, Word)> {
    let key = ast.atom(pair).and_then(word)?;
    let list = ast
        .parent(pair)
        .filter(|&list| ast.kind(list) == Kind::List)?;
    let owner = ast.parent(list)?;
    let construct = ast.atom_of(owner, Kind::Call).and_then(word)?;
    let is_construct = matches!(
        construct,
        Word::If
            | Word::Unless
            | Word::Case
            | Word::Cond
            | Word::Receive
            | Word::For
            | Word::With
            | Word::Try
            | Word::Def
            | Word::Defp
            | Word::Defmacro
            | Word::Defmacrop
    );
    is_construct.then_some((key, owner, construct))
}

/// An `if` that is all there is in the `else` of another.
fn is_else_if(ast: &Ast, ix: NodeIx) -> bool {
    let is_if = ast.atom_of(ix, Kind::Call).and_then(word) == Some(Word::If);
    let pair = ast
        .parent(ix)
        .filter(|&pair| is_if && ast.kind(pair) == Kind::Pair);
    matches!(
        pair.and_then(|pair| block_of(ast, pair)),
        Some((Word::Else, _, Word::If | Word::Unless))
    )
}

fn has_else(ast: &Ast, ix: NodeIx) -> bool {
    let lists = ast.children(ix).filter(|&arg| ast.kind(arg) == Kind::List);
    lists
        .flat_map(|list| ast.children(list))
        .any(|pair| ast.atom_of(pair, Kind::Pair).and_then(word) == Some(Word::Else))
}

fn boolean(ast: &Ast, ix: NodeIx) -> Option<Word> {
    match ast.atom_of(ix, Kind::Call).and_then(word)? {
        Word::And | Word::AndAnd => Some(Word::And),
        Word::Or | Word::OrOr => Some(Word::Or),
        _ => None,
    }
}

fn is_operand_of_boolean(ast: &Ast, ix: NodeIx) -> bool {
    ast.parent(ix)
        .is_some_and(|parent| boolean(ast, parent).is_some())
}

/// Runs of like operators in an expression, read from left to right.
fn runs(ast: &Ast, root: NodeIx) -> u32 {
    enum Step {
        Operand(NodeIx),
        Operator(Word),
    }
    let mut steps = vec![Step::Operand(root)];
    let (mut runs, mut last) = (0, None);
    while let Some(step) = steps.pop() {
        match step {
            Step::Operator(operator) => {
                runs += u32::from(last != Some(operator));
                last = Some(operator);
            }
            Step::Operand(ix) => {
                let sides = (ast.child(ix, 0), ast.child(ix, 1));
                if let (Some(operator), (Some(left), Some(right))) = (boolean(ast, ix), sides) {
                    steps.push(Step::Operand(right));
                    steps.push(Step::Operator(operator));
                    steps.push(Step::Operand(left));
                }
            }
        }
    }
    runs
}
