//! Shapes as text, the way Elixir would write them.

use crate::atoms::Atom;
use crate::source::{function_text, module_text};

use super::shape::{Presence, Shape, Type};

/// Bytes of one shape, give or take its last part.
pub(super) const TEXT_MAX: usize = 160;

impl Shape {
    /// As Elixir writes it, with `_` for what is not known; cut when it is long.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        if out.len() > TEXT_MAX {
            if !out.ends_with("...") {
                out.push_str("...");
            }
            return;
        }
        match self {
            Shape::Any | Shape::Param(_) => out.push('_'),
            Shape::Atom(atom) => out.push_str(&atom_text(*atom)),
            Shape::Int(int) => out.push_str(&int.to_string()),
            Shape::Text(text) => {
                let short: String = text.chars().take(40).collect();
                out.push_str(&format!("{short:?}"));
            }
            Shape::Of(of) => out.push_str(of.text()),
            Shape::Own => out.push_str("self()"),
            Shape::Process(_) => out.push_str("pid()"),
            Shape::Tuple(parts) => write_all(out, "{", "}", &parts.items, Shape::write),
            Shape::List(parts) => write_all(out, "[", "]", &parts.items, |item, out| {
                item.shape.write(out);
                if item.presence == Presence::Many {
                    out.push_str("...");
                }
            }),
            Shape::Map(map) => {
                let open = match map.structure {
                    Some(name) => format!("%{}{{", module_text(name)),
                    None => "%{".to_owned(),
                };
                write_all(out, &open, "}", &map.entries.items, |(key, value), out| {
                    match key.atom().filter(|key| !key.text().starts_with("Elixir.")) {
                        Some(key) => out.push_str(&format!("{}: ", function_text(key))),
                        None => {
                            key.write(out);
                            out.push_str(" => ");
                        }
                    }
                    value.write(out);
                });
            }
            Shape::OneOf(parts) => {
                for (at, one) in parts.items.iter().enumerate() {
                    if at > 0 {
                        out.push_str(" | ");
                    }
                    one.write(out);
                }
            }
        }
    }
}

impl Type {
    fn text(self) -> &'static str {
        match self {
            Type::Atom => "atom()",
            Type::Number => "number()",
            Type::Binary => "binary()",
            Type::Pid => "pid()",
            Type::Reference => "reference()",
            Type::Port => "port()",
            Type::Function => "function()",
            Type::Tuple => "tuple()",
            Type::List => "list()",
            Type::Map => "map()",
        }
    }
}

/// An atom as `inspect` shows it.
pub(super) fn atom_text(atom: Atom) -> String {
    match atom.text() {
        "nil" | "true" | "false" => atom.text().to_owned(),
        // `:DOWN` needs no quotes, though no function can be called so.
        text if text.starts_with(|c: char| c.is_ascii_uppercase()) && is_plain(text) => {
            format!(":{text}")
        }
        _ => module_text(atom),
    }
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn write_all<T>(
    out: &mut String,
    open: &str,
    close: &str,
    items: &[T],
    write: impl Fn(&T, &mut String),
) {
    out.push_str(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        if out.len() > TEXT_MAX {
            out.push_str("...");
            break;
        }
        write(item, out);
    }
    out.push_str(close);
}
