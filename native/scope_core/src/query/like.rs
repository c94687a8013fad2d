//! SQL's `LIKE`: `%` is any run, `_` any one character.

/// Whether `text` matches `pattern`. Linear in memory, at worst `text × pattern` steps.
pub fn like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last `%` was, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'%') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'_') => {
                p += 1;
                t += character(text, t);
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    let taken = taken + character(text, taken);
                    star = Some((at, taken));
                    p = at + 1;
                    t = taken;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'%')
}

/// As `like`, whatever the case of letters.
pub fn like_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    let lower = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    like(lower(pattern).as_bytes(), lower(text).as_bytes())
}

/// Bytes of the UTF-8 character at `at`; 1 for what is not UTF-8.
fn character(text: &[u8], at: usize) -> usize {
    let length = match text[at] {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    };
    length.min(text.len() - at)
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a%", "abc", true),
            ("%c", "abc", true),
            ("%b%", "abc", true),
            ("%d%", "abc", false),
            ("a_c", "abc", true),
            ("a_c", "aüc", true),
            ("a__c", "aüc", false),
            ("", "", true),
            ("%", "", true),
            ("_", "", false),
            ("%ab%ab", "ababab", true),
            ("%a%b%c%d", "aaabbbccc", false),
        ] {
            assert_eq!(
                like(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
