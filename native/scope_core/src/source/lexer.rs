//! Just enough of Elixir's lexical grammar to tell text from code: strings, charlists, heredocs, sigils, quoted atoms,
//! interpolation, comments and character literals. Reads line by line.

/// A piece of text, or code within one.
#[derive(Clone, Copy)]
enum Mode {
    /// Ends at the byte; escapes and interpolation mean something unless it is raw.
    Text { end: u8, raw: bool },
    /// Ends at a line that begins with the byte three times.
    Heredoc { end: u8, raw: bool },
    /// `#{`: how many braces are open in it.
    Code { braces: u32 },
}

/// Text nested in code nested in text; the outermost code is the empty stack.
#[derive(Default)]
pub(super) struct Lexer {
    modes: Vec<Mode>,
}

impl Lexer {
    /// The next line begins within text.
    pub(super) fn in_text(&self) -> bool {
        matches!(
            self.modes.last(),
            Some(Mode::Text { .. } | Mode::Heredoc { .. })
        )
    }

    /// Reads one line, without its line break.
    pub(super) fn line(&mut self, line: &[u8]) {
        let mut at = 0;
        if let Some(&Mode::Heredoc { end, .. }) = self.modes.last() {
            let blanks = line.iter().take_while(|byte| byte.is_ascii_whitespace());
            let start = blanks.count();
            if line[start..].starts_with(&[end; 3]) {
                self.modes.pop();
                at = start + 3;
            }
        }
        while at < line.len() {
            at = match self.modes.last() {
                Some(&Mode::Text { end, raw }) => self.text(line, at, Some(end), raw),
                Some(&Mode::Heredoc { raw, .. }) => self.text(line, at, None, raw),
                _ => self.code(line, at),
            };
        }
    }

    /// One step in text; gives where to go on.
    fn text(&mut self, line: &[u8], at: usize, end: Option<u8>, raw: bool) -> usize {
        let byte = line[at];
        if byte == b'\\' {
            // A raw sigil knows one escape: that of its end.
            let skips = !raw || line.get(at + 1).copied() == end;
            return at + 1 + usize::from(skips);
        }
        if Some(byte) == end {
            self.modes.pop();
            return at + 1;
        }
        if !raw && line[at..].starts_with(b"#{") {
            self.modes.push(Mode::Code { braces: 0 });
            return at + 2;
        }
        at + 1
    }

    /// One step in code; gives where to go on.
    fn code(&mut self, line: &[u8], at: usize) -> usize {
        let rest = &line[at..];
        match rest[0] {
            b'#' => line.len(),
            b'"' | b'\'' => self.open(rest, at, false),
            b'~' => self.sigil(line, at),
            // A character, unless it ends a name.
            b'?' if at == 0 || !is_name_byte(line[at - 1]) => match rest.get(1) {
                Some(b'\\') => at + 3,
                _ => at + 2,
            },
            b'{' => {
                if let Some(Mode::Code { braces }) = self.modes.last_mut() {
                    *braces += 1;
                }
                at + 1
            }
            b'}' => {
                match self.modes.last_mut() {
                    Some(Mode::Code { braces: 0 }) => {
                        self.modes.pop();
                    }
                    Some(Mode::Code { braces }) => *braces -= 1,
                    _ => {}
                }
                at + 1
            }
            _ => at + 1,
        }
    }

    /// A quote: a heredoc when three of them end the line.
    fn open(&mut self, rest: &[u8], at: usize, raw: bool) -> usize {
        let end = rest[0];
        if rest.starts_with(&[end; 3]) {
            self.modes.push(Mode::Heredoc { end, raw });
            return at + 3;
        }
        self.modes.push(Mode::Text { end, raw });
        at + 1
    }

    fn sigil(&mut self, line: &[u8], at: usize) -> usize {
        let name = &line[at + 1..];
        let length = match name.first() {
            Some(byte) if byte.is_ascii_lowercase() => 1,
            Some(byte) if byte.is_ascii_uppercase() => name
                .iter()
                .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
                .count(),
            _ => return at + 1,
        };
        let raw = name[0].is_ascii_uppercase();
        let opens = at + 1 + length;
        let Some(&open) = line.get(opens) else {
            return opens;
        };
        let end = match open {
            b'"' | b'\'' => return self.open(&line[opens..], opens, raw),
            b'(' => b')',
            b'[' => b']',
            b'{' => b'}',
            b'<' => b'>',
            b'/' | b'|' => open,
            _ => return opens,
        };
        self.modes.push(Mode::Text { end, raw });
        opens + 1
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After these lines, the next one begins in text.
    fn check(text: &str, expect: bool) {
        let mut lexer = Lexer::default();
        text.split('\n')
            .for_each(|line| lexer.line(line.as_bytes()));
        assert_eq!(lexer.in_text(), expect, "{text}");
    }

    #[test]
    fn text_is_told_from_code() {
        for (text, expect) in [
            ("\"a", true),
            ("\"a\"", false),
            ("\"\"", false),
            (r#""a\""#, true),
            (r#""a\\""#, false),
            ("\"\"\"\n\"", true),
            ("\"\"\"\n  \"\"\" <> x", false),
            ("\"\"\"\nx \"\"\"", true),
            ("\"#{%{a: \"}\"}}\"", false),
            ("\"#{\"", true),
            ("\"#{f(\"x\")", false),
            ("?\"", false),
            (r#"?\""#, false),
            ("ok?\"a", true),
            ("x # \"", false),
            ("~s(a\"", true),
            ("~s(a\")", false),
            ("~S(#{)", false),
            ("~S(a\\)", true),
            ("~S|a\\n|", false),
            ("~S\"\"\"\n#{\n\"\"\"", false),
            ("~HTML\"\"\"\n\"", true),
            (":\"a b\"", false),
            (":\"a\nb", true),
            ("a ~> b", false),
            ("'it", true),
        ] {
            check(text, expect);
        }
    }
}
