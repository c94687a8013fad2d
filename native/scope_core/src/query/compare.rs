//! Comparing columns with values and with columns.

use std::cmp::Ordering;

use crate::atoms::existing;
use crate::query::vector::{MISSING, Missing, Vector, atom_text};
use crate::value::Value;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Comparison {
    /// Of values as they are: an atom is no text. An order between values of different kinds, or with `nil`, does not hold.
    pub fn holds(self, left: &Value, right: &Value) -> bool {
        match self {
            Comparison::Eq => left.same(right),
            Comparison::Ne => !left.same(right),
            other => left.order(right).is_some_and(|order| decided(other, order)),
        }
    }
}

/// Equality as queries mean it: numbers are numbers, and an atom equals its text.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Atom(_), Value::Binary(_)) | (Value::Binary(_), Value::Atom(_)) => {
            !a.is_nil() && !b.is_nil() && a.as_text() == b.as_text()
        }
        _ => a.same(b),
    }
}

/// The order of two values of one kind; `None` between kinds.
pub fn order(a: &Value, b: &Value) -> Option<Ordering> {
    if a.is_nil() || b.is_nil() {
        return None;
    }
    match (a.as_text(), b.as_text()) {
        (Some(a), Some(b)) => Some(a.cmp(b)),
        _ => a.order(b),
    }
}

pub fn holds(comparison: Comparison, a: &Value, b: &Value) -> bool {
    match comparison {
        Comparison::Eq => same(a, b),
        Comparison::Ne => !same(a, b),
        Comparison::Gt => order(a, b).is_some_and(Ordering::is_gt),
        Comparison::Gte => order(a, b).is_some_and(Ordering::is_ge),
        Comparison::Lt => order(a, b).is_some_and(Ordering::is_lt),
        Comparison::Lte => order(a, b).is_some_and(Ordering::is_le),
    }
}

fn decided(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Eq => order.is_eq(),
        Comparison::Ne => order.is_ne(),
        Comparison::Gt => order.is_gt(),
        Comparison::Gte => order.is_ge(),
        Comparison::Lt => order.is_lt(),
        Comparison::Lte => order.is_le(),
    }
}

/// The comparison read from the other side.
pub fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Gt => Comparison::Lt,
        Comparison::Gte => Comparison::Lte,
        Comparison::Lt => Comparison::Gt,
        Comparison::Lte => Comparison::Gte,
        same => same,
    }
}

/// A loop for each comparison: the machine compares several values at a time in it.
fn each<T: Copy + PartialOrd>(values: &[T], comparison: Comparison, with: T) -> Vec<bool> {
    match comparison {
        Comparison::Eq => values.iter().map(|value| *value == with).collect(),
        Comparison::Ne => values.iter().map(|value| *value != with).collect(),
        Comparison::Gt => values.iter().map(|value| *value > with).collect(),
        Comparison::Gte => values.iter().map(|value| *value >= with).collect(),
        Comparison::Lt => values.iter().map(|value| *value < with).collect(),
        Comparison::Lte => values.iter().map(|value| *value <= with).collect(),
    }
}

/// Each row of a column with one value; missing where the row is.
pub fn with_value(column: &Vector, comparison: Comparison, value: &Value) -> Vector {
    let len = column.len();
    if value.is_nil() {
        return Vector::Bool(vec![false; len], Some(vec![true; len].into()));
    }
    let (held, missing): (Vec<bool>, Missing) = match (column, value) {
        (Vector::Int(values, missing), Value::Int(with)) => {
            (each(values, comparison, *with), missing.clone())
        }
        (Vector::Float(values, missing), Value::Float(with)) => {
            (each(values, comparison, *with), missing.clone())
        }
        (Vector::Int(values, missing), Value::Float(_)) => {
            let held = values
                .iter()
                .map(|n| holds(comparison, &Value::Int(*n), value));
            (held.collect(), missing.clone())
        }
        (Vector::Float(values, missing), Value::Int(with)) => {
            // Below 2^53 every integer is a float, exactly.
            let held = match with.unsigned_abs() < 1 << 53 {
                true => each(values, comparison, *with as f64),
                false => values
                    .iter()
                    .map(|n| holds(comparison, &Value::Float(*n), value))
                    .collect(),
            };
            (held, missing.clone())
        }
        (Vector::Atom(codes), Value::Atom(with))
            if matches!(comparison, Comparison::Eq | Comparison::Ne) =>
        {
            (each(codes, comparison, with.0), missing_of(column))
        }
        (Vector::Atom(codes), Value::Binary(text))
            if matches!(comparison, Comparison::Eq | Comparison::Ne) =>
        {
            let text = String::from_utf8_lossy(text);
            let one = existing(&text).map_or(u32::MAX, |atom| atom.0);
            let other = existing(&format!("Elixir.{text}")).map_or(u32::MAX, |atom| atom.0);
            let wanted = comparison == Comparison::Eq;
            let held = codes
                .iter()
                .map(|code| (*code == one || *code == other) == wanted);
            (held.collect(), missing_of(column))
        }
        (Vector::Text(codes, texts), Value::Binary(_) | Value::Atom(_)) => {
            let with = value.as_text().unwrap_or_default();
            let of_text = |text: &[u8]| decided(comparison, text.cmp(with));
            (
                by_text(codes, texts.len(), |code| of_text(&texts[code])),
                missing_of(column),
            )
        }
        _ => {
            let held = (0..len).map(|row| holds(comparison, &column.value(row), value));
            (held.collect(), missing_of(column))
        }
    };
    Vector::Bool(held, missing)
}

/// Something of each text: once a text where texts repeat, and once a row where they do not.
pub fn by_text(codes: &[u32], texts: usize, of_text: impl Fn(usize) -> bool) -> Vec<bool> {
    if texts <= codes.len() {
        let known: Vec<bool> = (0..texts).map(&of_text).collect();
        let of = |code: &u32| known.get(*code as usize).copied().unwrap_or(false);
        return codes.iter().map(of).collect();
    }
    let of = |code: &u32| (*code as usize) < texts && of_text(*code as usize);
    codes.iter().map(of).collect()
}

/// Two columns, row by row.
pub fn columns(a: &Vector, comparison: Comparison, b: &Vector) -> Vector {
    let len = a.len();
    let held: Vec<bool> = match (a, b) {
        (Vector::Int(a, _), Vector::Int(b, _)) => a
            .iter()
            .zip(b)
            .map(|(a, b)| decided(comparison, a.cmp(b)))
            .collect(),
        (Vector::Float(a, _), Vector::Float(b, _)) => a
            .iter()
            .zip(b)
            .map(|(a, b)| {
                a.partial_cmp(b)
                    .is_some_and(|order| decided(comparison, order))
            })
            .collect(),
        _ => (0..len)
            .map(|row| match (a.text(row), b.text(row)) {
                (Some(a), Some(b)) => decided(comparison, a.cmp(b)),
                _ => holds(comparison, &a.value(row), &b.value(row)),
            })
            .collect(),
    };
    let missing = either_missing(a, b);
    Vector::Bool(held, missing)
}

pub fn missing_of(column: &Vector) -> Missing {
    match column {
        Vector::Bool(_, missing) | Vector::Int(_, missing) | Vector::Float(_, missing) => {
            missing.clone()
        }
        _ => {
            let missing: Vec<bool> = (0..column.len())
                .map(|row| column.is_missing(row))
                .collect();
            missing.contains(&true).then(|| missing.into())
        }
    }
}

pub fn either_missing(a: &Vector, b: &Vector) -> Missing {
    match (missing_of(a), missing_of(b)) {
        (None, other) | (other, None) => other,
        (Some(a), Some(b)) => Some(a.iter().zip(b.iter()).map(|(a, b)| *a || *b).collect()),
    }
}

/// Whether each row is one of some values.
pub fn within(column: &Vector, values: &[Value]) -> Vector {
    let missing = missing_of(column);
    let held = match column {
        Vector::Int(rows, _) => {
            let known: ahash::AHashSet<i64> = values.iter().filter_map(as_int).collect();
            rows.iter().map(|n| known.contains(n)).collect()
        }
        Vector::Text(codes, texts) => {
            let known: ahash::AHashSet<&[u8]> = values.iter().filter_map(present_text).collect();
            by_text(codes, texts.len(), |code| known.contains(&*texts[code]))
        }
        Vector::Atom(codes) => {
            let known: ahash::AHashSet<&[u8]> = values.iter().filter_map(present_text).collect();
            let mut last = (MISSING, false);
            let mut of = |code: &u32| {
                if *code != last.0 && *code != MISSING {
                    last = (*code, known.contains(atom_text(*code)));
                }
                *code != MISSING && last.1
            };
            codes.iter().map(&mut of).collect()
        }
        _ => (0..column.len())
            .map(|row| {
                let found = column.value(row);
                values.iter().any(|value| same(&found, value))
            })
            .collect(),
    };
    Vector::Bool(held, missing)
}

fn present_text(value: &Value) -> Option<&[u8]> {
    match value.is_nil() {
        true => None,
        false => value.as_text(),
    }
}

fn as_int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Float(n) if n.fract() == 0.0 && n.abs() < 9e15 => Some(*n as i64),
        _ => None,
    }
}
