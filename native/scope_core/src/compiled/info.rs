//! What is told of a compiled module beside its definitions, as a map.

use std::collections::HashMap;
use std::sync::Arc;

use crate::atoms::{Atom, intern};
use crate::error::{Error, Result};
use crate::value::Value;

use super::{BODY, Compiled, CompiledCall, Dependency, Target};
use crate::source::Form;

/// What was told, with the caller of each call; none for the body of the module, which runs when it is compiled.
pub struct Told {
    pub compiled: Compiled,
    pub callers: Vec<Option<(Atom, u32)>>,
}

/// Reads `%{module, file, stale, protocol, implements, behaviours, noted, dependencies, around}`.
///
/// `noted` are calls that the definitions do not show, because the compiler made them: `{caller, line, column, target,
/// is_macro}`, caller being `{name, arity}`, or `nil` in the body of the module.
pub fn info(told: &Value) -> Result<Told> {
    let field = |name: &str| told.get(intern(name)).filter(|value| !value.is_nil());
    let module = field("module")
        .and_then(atom)
        .ok_or_else(|| invalid("module"))?;
    let file = field("file").and_then(Value::as_text).unwrap_or(b"");
    let pairs = |value: &Value| -> Option<(Atom, Atom)> {
        match value {
            Value::Tuple(pair) => match &pair[..] {
                [one, other] => Some((atom(one)?, atom(other)?)),
                _ => None,
            },
            _ => None,
        }
    };
    let behaviours = field("behaviours").map_or(&[][..], list);
    let needs = |all: &Value| -> Box<[(Atom, Dependency)]> {
        let kinds = list(all).iter().filter_map(pairs);
        kinds
            .filter_map(|(one, kind)| Some((one, Dependency::from_text(kind.text())?)))
            .collect()
    };
    let mut compiled = Compiled {
        module,
        file: Arc::from(String::from_utf8_lossy(file)),
        stale: is_true(field("stale")),
        protocol: is_true(field("protocol")),
        implements: field("implements").and_then(pairs),
        behaviours: behaviours.iter().filter_map(atom).collect(),
        functions: Box::default(),
        targets: Box::default(),
        calls: Box::default(),
        dependencies: field("dependencies").map(needs),
        around: field("around").map(needs).unwrap_or_default(),
    };
    let (mut targets, mut calls, mut callers) = (Vec::new(), Vec::new(), Vec::new());
    let mut numbers: HashMap<Target, u32, ahash::RandomState> = HashMap::default();
    for note in field("noted").map_or(&[][..], list) {
        let (caller, call, target) = noted(note).ok_or_else(|| invalid("a noted call"))?;
        let next = targets.len() as u32;
        let number = *numbers.entry(target).or_insert(next);
        if number == next {
            targets.push(target);
        }
        calls.push(CompiledCall {
            target: number,
            ..call
        });
        callers.push(caller);
    }
    compiled.targets = targets.into();
    compiled.calls = calls.into();
    Ok(Told { compiled, callers })
}

type Noted = (Option<(Atom, u32)>, CompiledCall, Target);

fn noted(note: &Value) -> Option<Noted> {
    let Value::Tuple(parts) = note else {
        return None;
    };
    let [caller, line, column, Value::Tuple(target), is_macro] = &parts[..] else {
        return None;
    };
    let [module, name, arity] = &target[..] else {
        return None;
    };
    let caller = match caller {
        Value::Tuple(pair) => match &pair[..] {
            [name, arity] => Some((atom(name)?, number(arity))),
            _ => return None,
        },
        _ => None,
    };
    let target = Target {
        module: Some(atom(module)?),
        name: Some(atom(name)?),
        arity: number(arity),
        is_macro: is_true(Some(is_macro)),
    };
    let call = CompiledCall {
        caller: BODY,
        target: 0,
        line: number(line),
        column: number(column),
        form: Form::Plain,
    };
    Some((caller, call, target))
}

fn atom(value: &Value) -> Option<Atom> {
    match value {
        Value::Atom(atom) => Some(*atom),
        _ => None,
    }
}

fn number(value: &Value) -> u32 {
    match value {
        Value::Int(int) => u32::try_from(*int).unwrap_or(0),
        _ => 0,
    }
}

fn list(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        _ => &[],
    }
}

fn is_true(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Atom(atom)) if atom.text() == "true")
}

fn invalid(what: &str) -> Error {
    Error::Invalid {
        what: "facts of a compiled module",
        detail: format!("{what} is missing or malformed"),
    }
}
