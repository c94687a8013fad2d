//! A pattern as it is told from outside: lists and tuples, looked at before they are believed.
//!
//! ```text
//! {roots, guard, captures, {names, pipes, captures, apply}}
//! roots:  [[{tag, payload, children}]]      the pattern itself, then those that its guard names
//! guard:  [{test, ...} | :not]              in postfix order
//! ```

use crate::error::Result;
use crate::query::Comparison;
use crate::value::Value;

use super::guard::{Class, Guard, Literal, Test, regex};
use super::pattern::{Pattern, Slot, Step, Through, invalid};

impl Pattern {
    /// Errors: `Invalid` for what is no pattern, `LimitExceeded` for one that is too large.
    pub fn from_value(told: &Value) -> Result<Pattern> {
        let [roots, guard, captures, through] = tuple(told)? else {
            return Err(invalid("it has not four parts"));
        };
        let [names, pipes, functions, apply] = tuple(through)? else {
            return Err(invalid("it does not say what it looks through"));
        };
        let through = Through {
            names: flag(names),
            pipes: flag(pipes),
            captures: flag(functions),
            apply: flag(apply),
        };
        let roots = list(roots)?
            .iter()
            .map(|root| list(root)?.iter().map(step).collect())
            .collect::<Result<Vec<_>>>()?;
        let guard = list(guard)?.iter().map(test).collect::<Result<_>>()?;
        Pattern::new(roots, Guard::new(guard)?, count(captures)?, through)
    }
}

fn step(told: &Value) -> Result<(Step, u32)> {
    let [tag, payload, children] = tuple(told)? else {
        return Err(invalid("a step has not three parts"));
    };
    let call = |payload: &Value| match tuple(payload)? {
        [name, keywords] => Ok((maybe(name, text)?, flag(keywords))),
        _ => Err(invalid("a call has not two parts")),
    };
    let step = match word(tag)? {
        "any" => Step::Any,
        "capture" => Step::Capture(slot(payload)?),
        "rest" => Step::Rest(maybe(payload, slot)?),
        "alternatives" => Step::Alternatives,
        "not" => Step::Not,
        "deep" => Step::Deep,
        "atom" => Step::Atom(text(payload)?),
        "integer" => Step::Int(int(payload)?),
        "float" => match payload {
            Value::Float(float) => Step::Float(*float),
            _ => return Err(invalid("a float is none")),
        },
        "binary" => Step::Binary(bytes(payload)?.to_vec()),
        "variable" => Step::Var(text(payload)?),
        "module" => Step::Module(text(payload)?),
        "call" => {
            let (name, keywords) = call(payload)?;
            Step::Call { name, keywords }
        }
        "remote" => {
            let (name, keywords) = call(payload)?;
            Step::Remote { name, keywords }
        }
        "expression" => Step::Expression,
        "tuple" => Step::Tuple,
        "list" => Step::List,
        "keywords" => Step::Keywords,
        "block" => Step::Block,
        _ => return Err(invalid("a step is of no known kind")),
    };
    let children =
        u32::try_from(int(children)?).map_err(|_| invalid("a step has too many children"))?;
    Ok((step, children))
}

fn test(told: &Value) -> Result<Test> {
    if let Value::Atom(_) = told {
        return match word(told)? {
            "not" => Ok(Test::Not),
            _ => Err(invalid("a condition is of no known kind")),
        };
    }
    let parts = tuple(told)?;
    let Some((tag, parts)) = parts.split_first() else {
        return Err(invalid("a condition is empty"));
    };
    Ok(match (word(tag)?, parts) {
        ("is", [one, class]) => {
            let class =
                Class::named(word(class)?).ok_or_else(|| invalid("a class of code is unknown"))?;
            Test::Is(slot(one)?, class)
        }
        ("compare", [one, operator, wanted]) => {
            Test::Compare(slot(one)?, comparison(operator)?, literal(wanted)?)
        }
        ("in", [one, wanted]) => Test::In(
            slot(one)?,
            list(wanted)?.iter().map(literal).collect::<Result<_>>()?,
        ),
        ("same", [one, other]) => Test::Same(slot(one)?, slot(other)?),
        ("length", [one, operator, wanted]) => {
            Test::Length(slot(one)?, comparison(operator)?, int(wanted)?)
        }
        ("text", [one, source, ignore_case]) => {
            Test::Text(slot(one)?, regex(&text(source)?, flag(ignore_case))?)
        }
        ("inside", [root]) => Test::Inside(count(root)?),
        ("contains", [one, root]) => Test::Contains(slot(one)?, count(root)?),
        ("follows", [root]) => Test::Follows(count(root)?),
        ("precedes", [root]) => Test::Precedes(count(root)?),
        ("and", [n]) => Test::And(operands(n)?),
        ("or", [n]) => Test::Or(operands(n)?),
        _ => return Err(invalid("a condition is of no known kind")),
    })
}

fn literal(told: &Value) -> Result<Literal> {
    Ok(match told {
        Value::Int(int) => Literal::Int(*int),
        Value::Float(float) => Literal::Float(*float),
        Value::Binary(bytes) => Literal::Binary(bytes.to_vec()),
        _ => match tuple(told)? {
            [tag, name] if word(tag)? == "atom" => Literal::atom(&text(name)?),
            [tag, name] if word(tag)? == "module" => Literal::module(&text(name)?),
            _ => return Err(invalid("a literal of its guard is none")),
        },
    })
}

fn comparison(told: &Value) -> Result<Comparison> {
    Ok(match word(told)? {
        "==" => Comparison::Eq,
        "!=" => Comparison::Ne,
        ">" => Comparison::Gt,
        ">=" => Comparison::Gte,
        "<" => Comparison::Lt,
        "<=" => Comparison::Lte,
        _ => return Err(invalid("a comparison is unknown")),
    })
}

fn tuple(told: &Value) -> Result<&[Value]> {
    match told {
        Value::Tuple(items) => Ok(items),
        _ => Err(invalid("something is no tuple")),
    }
}

fn list(told: &Value) -> Result<&[Value]> {
    match told {
        Value::List(items) => Ok(items),
        _ => Err(invalid("something is no list")),
    }
}

fn bytes(told: &Value) -> Result<&[u8]> {
    match told {
        Value::Binary(bytes) => Ok(bytes),
        _ => Err(invalid("something is no binary")),
    }
}

fn text(told: &Value) -> Result<String> {
    let text = std::str::from_utf8(bytes(told)?).map_err(|_| invalid("a name is not UTF-8"))?;
    Ok(text.to_owned())
}

fn word(told: &Value) -> Result<&'static str> {
    match told {
        Value::Atom(atom) => Ok(atom.text()),
        _ => Err(invalid("something is no atom")),
    }
}

fn flag(told: &Value) -> bool {
    *told == Value::bool(true)
}

fn int(told: &Value) -> Result<i64> {
    match told {
        Value::Int(int) => Ok(*int),
        _ => Err(invalid("something is no integer of 64 bits")),
    }
}

fn count(told: &Value) -> Result<usize> {
    usize::try_from(int(told)?).map_err(|_| invalid("a number is negative"))
}

fn slot(told: &Value) -> Result<Slot> {
    Slot::try_from(int(told)?).map_err(|_| invalid("a capture's number is too large"))
}

fn operands(told: &Value) -> Result<u32> {
    u32::try_from(int(told)?).map_err(|_| invalid("an operator has too many operands"))
}

fn maybe<T>(told: &Value, read: impl FnOnce(&Value) -> Result<T>) -> Result<Option<T>> {
    if told.is_nil() {
        Ok(None)
    } else {
        read(told).map(Some)
    }
}
