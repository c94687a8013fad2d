//! JSON text, written as it comes.

use std::fmt::Write;

/// Appends `text` as a JSON string.
pub fn string(to: &mut String, text: &str) {
    to.push('"');
    for char in text.chars() {
        match char {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            // JSON in a page of HTML must not end its script.
            '<' => to.push_str("\\u003c"),
            char if (char as u32) < 0x20 || char as u32 == 0x7f => {
                let _ = write!(to, "\\u{:04x}", char as u32);
            }
            char => to.push(char),
        }
    }
    to.push('"');
}

/// `"name":"value"` pairs as an object.
pub fn object(to: &mut String, pairs: &[(&str, String)]) {
    to.push('{');
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            to.push(',');
        }
        string(to, name);
        to.push(':');
        string(to, value);
    }
    to.push('}');
}

/// Nanoseconds as microseconds, exactly.
pub fn micros(to: &mut String, ns: u64) {
    let _ = write!(to, "{}.{:03}", ns / 1_000, ns % 1_000);
}

#[cfg(test)]
mod tests {
    #[test]
    fn strings_are_escaped() {
        let mut text = String::new();
        super::string(&mut text, "a\"b\\c\n\u{1}é</x>");
        assert_eq!(text, "\"a\\\"b\\\\c\\n\\u0001é\\u003c/x>\"");
        text.clear();
        super::micros(&mut text, 12_003_045);
        assert_eq!(text, "12003.045");
    }
}
