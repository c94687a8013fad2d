//! How names look in ids: as Elixir's `inspect` shows them.

use crate::atoms::Atom;

/// A module: `Elixir.My.Mod` is `My.Mod`, `my_mod` is `:my_mod`, what needs quotes gets them.
///
/// ```
/// use scope_core::{atoms::intern, source::module_text};
///
/// assert_eq!(module_text(intern("Elixir.My.Mod")), "My.Mod");
/// assert_eq!(module_text(intern("lists")), ":lists");
/// assert_eq!(module_text(intern("odd name")), ":\"odd name\"");
/// ```
pub fn module_text(module: Atom) -> String {
    let text = module.text();
    match text.strip_prefix("Elixir.") {
        Some(rest) if rest.split('.').all(is_alias_segment) => rest.to_string(),
        _ if text == "Elixir" => text.to_string(),
        _ if is_identifier(text) => format!(":{text}"),
        _ => format!(":{}", quoted(text)),
    }
}

/// A function, as it is written behind the dot: `total`, `valid?`, `+`, `"odd name"`.
pub fn function_text(name: Atom) -> String {
    let text = name.text();
    if is_identifier(text) || OPERATORS.contains(&text) {
        text.to_string()
    } else {
        quoted(text)
    }
}

/// The atom's text of a module as ids show it: the reverse of `module_text`. `None` when it is none.
pub(super) fn module_of_text(text: &str) -> Option<String> {
    match text.strip_prefix(':') {
        Some(rest) if rest.starts_with('"') => unquoted(rest),
        Some(rest) => is_identifier(rest).then(|| rest.to_string()),
        None if text == "Elixir" => Some(text.to_string()),
        None => text
            .split('.')
            .all(is_alias_segment)
            .then(|| format!("Elixir.{text}")),
    }
}

const OPERATORS: &[&str] = &[
    "!", "!=", "!==", "%", "%{}", "&", "&&", "&&&", "*", "**", "+", "++", "+++", "-", "--", "---",
    "..", "...", "..//", "/", "//", "::", "<", "<-", "<<<", "<<>>", "<<~", "<=", "<>", "<|>", "<~",
    "<~>", "=", "==", "===", "=~", ">", ">=", ">>>", "@", "\\\\", "^", "^^^", "{}", "|", "|>",
    "||", "|||", "~>", "~>>", "~~~",
];

pub(super) fn is_alias_segment(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_uppercase())
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_identifier(text: &str) -> bool {
    let body = text.strip_suffix(['?', '!']).unwrap_or(text);
    let mut chars = body.chars();
    chars
        .next()
        .is_some_and(|first| first == '_' || (first.is_alphabetic() && !first.is_uppercase()))
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{{{:X}}}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'x' => {
                let rest = chars.as_str().strip_prefix('{')?;
                let (digits, rest) = rest.split_once('}')?;
                out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                chars = rest.chars();
            }
            c => out.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atoms::intern;

    #[test]
    fn modules_come_back_from_their_text() {
        for text in [
            "Elixir.A.B",
            "lists",
            "odd \"na\\me\n\u{1}",
            "Elixir",
            "Elixir.not_alias",
            "Up",
        ] {
            let shown = module_text(intern(text));
            assert_eq!(module_of_text(&shown).as_deref(), Some(text), "{shown}");
        }
        assert_eq!(module_of_text("config/config.exs"), None);
    }

    #[test]
    fn functions_look_as_inspect_shows_them() {
        let check = |name: &str, expect: &str| assert_eq!(function_text(intern(name)), expect);
        check("total", "total");
        check("valid?", "valid?");
        check("_x1!", "_x1!");
        check("+", "+");
        check("a b", "\"a b\"");
        check("Up", "\"Up\"");
        check("a@b", "\"a@b\"");
        check("größe", "größe");
        check("", "\"\"");
    }
}
