//! Which lines of a source hold code.

use crate::ast::{Ast, NodeIx};

use super::lexer::Lexer;

/// A bit for each line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodeLines {
    words: Vec<u64>,
    /// Lines of code before each word.
    before: Vec<u32>,
}

impl CodeLines {
    /// Blank lines and lines with nothing but a comment hold no code. A line within a string, a heredoc or a sigil is
    /// part of a token, whatever it looks like, unless it is blank.
    pub(super) fn of_text(text: &[u8]) -> Self {
        let mut words = Vec::new();
        let mut lexer = Lexer::default();
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let inside = lexer.in_text();
            lexer.line(line);
            let line = line.trim_ascii();
            if !line.is_empty() && (inside || !line.starts_with(b"#")) {
                set(&mut words, number + 1);
            }
        }
        CodeLines::from_words(words)
    }

    /// Without a text: the lines that the AST's metadata names.
    pub(super) fn of_ast(ast: &Ast) -> Self {
        let mut words = Vec::new();
        for at in 0..ast.len() as u32 {
            ast.each_line(NodeIx(at), |line| {
                if line <= LINES_MAX {
                    set(&mut words, line as usize);
                }
            });
        }
        CodeLines::from_words(words)
    }

    pub(super) fn from_words(words: Vec<u64>) -> Self {
        let mut sum = 0u32;
        let before = words.iter().map(|word| {
            let before = sum;
            sum = sum.saturating_add(word.count_ones());
            before
        });
        CodeLines {
            before: before.collect(),
            words,
        }
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Lines of code from `first` to `last`, both included.
    pub(crate) fn count(&self, first: u32, last: u32) -> u32 {
        self.through(last)
            .saturating_sub(first.checked_sub(1).map_or(0, |line| self.through(line)))
    }

    /// Lines of code up to `line`, which is included.
    fn through(&self, line: u32) -> u32 {
        let Some(last) = self.words.len().checked_sub(1) else {
            return 0;
        };
        let (at, bit) = (line as usize / 64, line % 64);
        if at > last {
            return self.before[last].saturating_add(self.words[last].count_ones());
        }
        let up_to = u64::MAX >> (63 - bit);
        self.before[at].saturating_add((self.words[at] & up_to).count_ones())
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>() + self.before.capacity() * size_of::<u32>()
    }
}

/// What metadata claims about lines beyond this one is not believed.
const LINES_MAX: u32 = 4 * 1024 * 1024;

fn set(words: &mut Vec<u64>, line: usize) {
    if words.len() <= line / 64 {
        words.resize(line / 64 + 1, 0);
    }
    words[line / 64] |= 1 << (line % 64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blanks_are_no_code() {
        let text = b"a\n\n  # no\nb # yes\n\"\"\"\n# text\n\n\"\"\"\nc";
        let lines = CodeLines::of_text(text);
        assert_eq!(lines.count(1, 9), 6);
        assert_eq!(lines.count(2, 3), 0);
        assert_eq!(lines.count(1, u32::MAX), 6);
        assert_eq!(
            (lines.count(0, 1), lines.count(4, 4), lines.count(5, 4)),
            (1, 1, 0)
        );
        assert_eq!(CodeLines::default().count(0, 9), 0);
    }

    #[test]
    fn a_comment_within_a_string_is_text() {
        let lines = |text: &str| CodeLines::of_text(text.as_bytes()).count(1, u32::MAX);
        assert_eq!(lines("x = \"a\n# text\n\"\n# comment"), 3);
        assert_eq!(lines("x = 'a\n# text\n'"), 3);
        assert_eq!(lines("~r{\n# text\n}x\n# comment"), 3);
        assert_eq!(lines("\"#{\n# comment\ny}\n# text\""), 3);
        assert_eq!(lines("?\"\n# comment"), 1);
        assert_eq!(lines("x # \"\n# comment"), 1);
    }
}
