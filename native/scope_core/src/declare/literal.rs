//! Literals as Elixir writes them.

use crate::atoms::Atom;
use crate::source::{function_text, module_text};

/// As Elixir's `inspect` shows an atom.
pub fn atom_text(atom: Option<Atom>) -> String {
    match atom {
        Some(atom) if matches!(atom.text(), "nil" | "true" | "false") => atom.text().to_string(),
        Some(atom) if atom.text().starts_with("Elixir.") => module_text(atom),
        Some(atom) => format!(":{}", function_text(atom)),
        None => String::new(),
    }
}

pub(super) fn key_text(key: &str) -> String {
    let body = key.strip_suffix(['?', '!']).unwrap_or(key);
    let mut chars = body.chars();
    let plain = chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        key.to_string()
    } else {
        string_text(key)
    }
}

pub(super) fn float_text(float: f64) -> String {
    let text = format!("{float:?}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => {
            format!("{mantissa}.0e{exponent}")
        }
        _ => text,
    }
}

pub(super) fn binary_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => string_text(text),
        Err(_) => {
            let bytes: Vec<String> = bytes.iter().map(u8::to_string).collect();
            format!("<<{}>>", bytes.join(", "))
        }
    }
}

fn string_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '#' => out.push_str("\\#"),
            c if c.is_control() => out.push_str(&format!("\\x{{{:X}}}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
