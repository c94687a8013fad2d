//! Which lines of a source hold code.

/// A bit for each line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodeLines {
    words: Vec<u64>,
}

impl CodeLines {
    /// Blank lines and lines with nothing but a comment hold no code. A line of a heredoc is part of
    /// a token, whatever it looks like, unless it is blank.
    pub(super) fn of_text(text: &[u8]) -> Self {
        let mut lines = CodeLines::default();
        let mut heredoc: Option<&[u8]> = None;
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match heredoc {
                Some(mark) if line.starts_with(mark) => heredoc = None,
                Some(_) => {}
                None if line.starts_with(b"#") => continue,
                None => heredoc = opens_heredoc(line),
            }
            lines.set(number as u32 + 1);
        }
        lines
    }

    pub(super) fn from_words(words: Vec<u64>) -> Self {
        CodeLines { words }
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    fn set(&mut self, line: u32) {
        let word = line as usize / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (line % 64);
    }

    /// Lines of code from `first` to `last`, both included.
    pub(crate) fn count(&self, first: u32, last: u32) -> u32 {
        let last = last.min((self.words.len() * 64) as u32);
        let holds = |line: u32| {
            self.words
                .get(line as usize / 64)
                .is_some_and(|word| word >> (line % 64) & 1 == 1)
        };
        (first..=last).filter(|&line| holds(line)).count() as u32
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

/// The mark that ends the heredoc which this line leaves open.
fn opens_heredoc(line: &[u8]) -> Option<&'static [u8]> {
    let count = |mark: &[u8]| line.windows(3).filter(|three| *three == mark).count();
    [&b"\"\"\""[..], b"'''"]
        .into_iter()
        .find(|mark| count(mark) == 1)
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
    }
}
