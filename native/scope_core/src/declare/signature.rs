//! How a function is called, as its documentation shows it: `reduce(enumerable, acc, fun)`.
//!
//! The names are those that the compiler puts into the docs chunk (`Module.compile_definition_attributes` of
//! Elixir): of each argument the first clause that names it, and what stands for a pattern without a name.

use std::collections::HashMap;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::head::head_call;
use crate::source::{Unit, function_text};

use super::facts::ModuleFacts;
use super::print::is_binary;

/// A parameter: its name, and its default where it has one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameter {
    pub name: String,
    pub default: Option<NodeIx>,
    /// A guess: another clause may name it.
    guess: bool,
}

/// `name(a, b \\ default)`.
pub fn signature(unit: &Unit, function: u32) -> String {
    let name = unit.functions()[function as usize].name;
    let shown = parameters(unit, function)
        .into_iter()
        .map(|one| match one.default {
            Some(default) => format!(
                "{} \\\\ {}",
                one.name,
                default_text(unit, function, default)
            ),
            None => one.name,
        });
    let shown: Vec<String> = shown.collect();
    match &shown[..] {
        [left, right] if is_binary(name.text()) => format!("{left} {} {right}", name.text()),
        [one] if matches!(name.text(), "+" | "-" | "!") => format!("{}{one}", name.text()),
        [one] if name.text() == "not" => format!("not {one}"),
        _ => format!("{}({})", function_text(name), shown.join(", ")),
    }
}

/// A default; an attribute as what it is set to.
pub(super) fn default_text(unit: &Unit, function: u32, default: NodeIx) -> String {
    let module = unit.functions()[function as usize].module;
    let declared = unit.declared();
    let value = declared
        .module(module)
        .and_then(|facts| attribute_value(unit.ast(), facts, default));
    unit.expression(value.unwrap_or(default))
}

/// What `@name` is set to, when that is written literally.
fn attribute_value(ast: &Ast, facts: &ModuleFacts, read: NodeIx) -> Option<NodeIx> {
    if !call(ast, read, "@") {
        return None;
    }
    let name = ast.child(read, 0).and_then(|one| ast.atom(one))?;
    let found = facts.attributes.iter().rev().find(|one| one.name == name)?;
    let literal = ast.kind(found.value).is_leaf() || ast.kind(found.value) == Kind::List;
    literal.then_some(found.value)
}

/// The parameters of a function over all its clauses.
pub fn parameters(unit: &Unit, function: u32) -> Vec<Parameter> {
    let ast = unit.ast();
    let declared = unit.declared();
    let definition = &unit.functions()[function as usize];
    let facts = declared.module(definition.module);
    let mut merged = of_exception(unit, function);
    for clause in unit.clauses_of_function(function) {
        let Some(head) = head_call(ast, clause.node) else {
            continue;
        };
        let skip = match ast.kind(head) {
            Kind::Call => 0,
            Kind::CallExpr => 1,
            _ => usize::MAX,
        };
        let args: Vec<NodeIx> = ast.children(head).skip(skip).collect();
        let own = of_clause(unit, facts, &args);
        merged = Some(match merged {
            None => own,
            Some(older) if older.len() == own.len() => merge(older, own),
            Some(older) => older,
        });
    }
    merged.unwrap_or_default()
}

/// What `defexception` defines comes first, and gives the names.
fn of_exception(unit: &Unit, function: u32) -> Option<Vec<Parameter>> {
    let one = &unit.functions()[function as usize];
    let module = &unit.modules()[one.module as usize];
    if !module.defines_exception || one.arity != 1 {
        return None;
    }
    let declared = unit.declared();
    let has_message = declared
        .module(one.module)
        .and_then(|facts| super::struct_fields(unit.ast(), facts))
        .is_none_or(|fields| fields.iter().any(|field| field.name.text() == "message"));
    let name = match (one.name.text(), has_message) {
        ("exception", true) => "msg",
        ("exception", false) => "args",
        ("message", true) => "exception",
        _ => return None,
    };
    Some(vec![Parameter {
        name: name.to_string(),
        default: None,
        guess: false,
    }])
}

fn merge(older: Vec<Parameter>, newer: Vec<Parameter>) -> Vec<Parameter> {
    let pairs = older.into_iter().zip(newer).enumerate();
    pairs
        .map(|(at, (old, new))| {
            let default = old.default;
            if !old.guess || (new.guess && old.name == new.name) {
                return old;
            }
            match new.guess {
                false => Parameter { default, ..new },
                true => Parameter {
                    name: format!("arg{}", at + 1),
                    default,
                    guess: true,
                },
            }
        })
        .collect()
}

/// What stands in for a pattern, before names are told apart.
enum Named {
    Certain(String),
    Guess(String),
    Key(String),
}

fn of_clause(unit: &Unit, facts: Option<&ModuleFacts>, args: &[NodeIx]) -> Vec<Parameter> {
    let ast = unit.ast();
    let mut counts: HashMap<String, u32> = HashMap::new();
    let mut named = Vec::with_capacity(args.len());
    for &arg in args {
        let (pattern, default) = match call(ast, arg, "\\\\") {
            true => (ast.child(arg, 0).unwrap_or(arg), ast.child(arg, 1)),
            false => (arg, None),
        };
        let name = simplify(unit, facts, pattern);
        if let Named::Key(key) = &name {
            *counts.entry(key.clone()).or_insert(0) += 1;
        }
        named.push((name, default));
    }
    let mut numbers: HashMap<String, u32> = HashMap::new();
    named
        .into_iter()
        .map(|(name, default)| {
            let (name, guess) = match name {
                Named::Certain(name) => (name, false),
                Named::Guess(name) => (name, true),
                Named::Key(key) => {
                    let number = numbers.entry(key.clone()).or_insert(0);
                    *number += 1;
                    match counts.get(&key) {
                        Some(1) => (key, true),
                        _ => (format!("{key}{number}"), true),
                    }
                }
            };
            Parameter {
                name,
                default,
                guess,
            }
        })
        .collect()
}

fn call(ast: &Ast, ix: NodeIx, name: &str) -> bool {
    ast.atom_of(ix, Kind::Call)
        .is_some_and(|atom| atom.text() == name)
}

fn variable(ast: &Ast, ix: NodeIx) -> Option<Atom> {
    match ast.kind(ix) {
        Kind::Var | Kind::VarIn => ast.atom(ix),
        _ => None,
    }
}

fn simplify(unit: &Unit, facts: Option<&ModuleFacts>, pattern: NodeIx) -> Named {
    let ast = unit.ast();
    let key = |text: &str| Named::Key(text.to_string());
    match ast.kind(pattern) {
        Kind::Var | Kind::VarIn => plain(ast.atom(pattern), true),
        Kind::Int | Kind::WideInt => key("int"),
        Kind::Float => key("float"),
        Kind::Binary => key("binary"),
        Kind::List | Kind::ImproperList => key("list"),
        Kind::Atom => match ast.atom(pattern).map(Atom::text) {
            Some("true" | "false") => key("bool"),
            _ => key("atom"),
        },
        Kind::Call if call(ast, pattern, "=") => {
            let mut sides = ast.children(pattern).filter_map(|side| variable(ast, side));
            match sides.next() {
                Some(name) => plain(Some(name), false),
                None => key("arg"),
            }
        }
        Kind::Call if call(ast, pattern, "%") => {
            let name = ast.child(pattern, 0);
            key(&name.map_or("struct".to_string(), |name| struct_key(unit, name)))
        }
        Kind::Call if call(ast, pattern, "%{}") => key("map"),
        Kind::Call if call(ast, pattern, "var!") => {
            let name = ast.child(pattern, 0).and_then(|one| variable(ast, one));
            plain(name, true)
        }
        Kind::Call if call(ast, pattern, "@") => {
            let value = facts.and_then(|facts| attribute_value(ast, facts, pattern));
            value.map_or_else(|| key("arg"), |value| simplify(unit, None, value))
        }
        _ => key("arg"),
    }
}

/// A name with an underscore in front gives way to others, unless it was written to name a pattern.
fn plain(name: Option<Atom>, alone: bool) -> Named {
    let text = name.map_or("_", Atom::text);
    match text.strip_prefix('_') {
        None => Named::Certain(text.to_string()),
        Some(rest) => {
            let text = if rest.is_empty() { "_" } else { rest };
            match alone {
                true => Named::Guess(text.to_string()),
                false => Named::Certain(text.to_string()),
            }
        }
    }
}

/// `%My.HTTPServer{}` is `http_server`.
fn struct_key(unit: &Unit, name: NodeIx) -> String {
    let text = unit.expression(name);
    let is_module = text
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_uppercase());
    match text.rsplit('.').next() {
        Some(last) if is_module => underscore(last),
        _ => "struct".to_string(),
    }
}

/// As Elixir's `Macro.underscore/1` does with one segment.
pub(crate) fn underscore(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 4);
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| chars[before]);
        let behind = chars.get(at + 1);
        let breaks = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before != '_'
                    && (!before.is_ascii_uppercase()
                        || behind.is_some_and(|next| next.is_ascii_lowercase()))
            });
        if breaks {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::underscore;

    #[test]
    fn names_of_modules_as_variables() {
        for (name, expect) in [
            ("HTTPServer", "http_server"),
            ("DateTime", "date_time"),
            ("ISO", "iso"),
            ("MapSet", "map_set"),
            ("Base64", "base64"),
        ] {
            assert_eq!(underscore(name), expect);
        }
    }
}
