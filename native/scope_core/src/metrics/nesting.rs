//! Nesting depth: the greatest depth over `if unless case cond fn for with`.

use crate::source::words::Word;

/// Follows the depth along a walk in preorder.
#[derive(Default)]
pub(super) struct Nesting {
    ends: Vec<u32>,
    pub(super) deepest: u32,
}

impl Nesting {
    pub(super) fn visit(&mut self, at: u32, end: u32, word: Option<Word>) {
        while self.ends.last().is_some_and(|&end| end <= at) {
            self.ends.pop();
        }
        let nests = matches!(
            word,
            Some(
                Word::If
                    | Word::Unless
                    | Word::Case
                    | Word::Cond
                    | Word::Fn
                    | Word::For
                    | Word::With
            )
        );
        if nests {
            self.ends.push(end);
            self.deepest = self.deepest.max(self.ends.len() as u32);
        }
    }
}
