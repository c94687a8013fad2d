//! A stored field: the part of an Elixir term that is not an AST.
//!
//! Depth is bounded by `limits::VALUE_DEPTH_MAX`, which is why the derived (recursive) clone, compare
//! and drop are safe here. What is deeper, and what has no text (pids, references, functions), is kept
//! as external-term bytes.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::atoms::{Atom, intern};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Atom(Atom),
    Int(i64),
    Float(f64),
    /// A binary, usually text.
    Binary(Arc<[u8]>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    /// Key and value pairs in the order the BEAM gave them. A struct is a map with a `__struct__` key.
    Map(Vec<(Value, Value)>),
    /// External term format: anything else, exactly as it was.
    Opaque(Arc<[u8]>),
}

struct Words {
    nil: Atom,
    yes: Atom,
    no: Atom,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| Words {
    nil: intern("nil"),
    yes: intern("true"),
    no: intern("false"),
});

impl Value {
    pub fn nil() -> Value {
        Value::Atom(WORDS.nil)
    }

    pub fn bool(yes: bool) -> Value {
        Value::Atom(if yes { WORDS.yes } else { WORDS.no })
    }

    pub fn text(text: &str) -> Value {
        Value::Binary(Arc::from(text.as_bytes()))
    }

    /// An integer; what passes 64 signed bits (no counter of ours does) saturates.
    pub fn count(n: u64) -> Value {
        Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// A map of atom keys.
    pub fn record(fields: Vec<(Atom, Value)>) -> Value {
        Value::Map(
            fields
                .into_iter()
                .map(|(key, value)| (Value::Atom(key), value))
                .collect(),
        )
    }

    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Atom(atom) if *atom == WORDS.nil)
    }

    /// The value under an atom key of a map (or struct) or keyword list.
    pub fn get(&self, key: Atom) -> Option<&Value> {
        let is_key = |value: &Value| matches!(value, Value::Atom(atom) if *atom == key);
        match self {
            Value::Map(pairs) => pairs.iter().find(|(k, _)| is_key(k)).map(|(_, v)| v),
            Value::List(items) => items.iter().find_map(|item| match item {
                Value::Tuple(pair) if pair.len() == 2 && is_key(&pair[0]) => Some(&pair[1]),
                _ => None,
            }),
            _ => None,
        }
    }

    /// Equality as queries mean it: integers and floats are numbers.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => {
                compare_int_float(*a, *b) == Some(Ordering::Equal)
            }
            _ => self == other,
        }
    }

    /// The order of two values of one kind: numbers, atoms by text, binaries by bytes, lists and tuples
    /// element by element. `None` between different kinds, and for `nil`.
    pub fn order(&self, other: &Value) -> Option<Ordering> {
        if self.is_nil() || other.is_nil() {
            return None;
        }
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Float(b)) => compare_int_float(*a, *b),
            (Value::Float(a), Value::Int(b)) => compare_int_float(*b, *a).map(Ordering::reverse),
            (Value::Atom(a), Value::Atom(b)) => Some(a.text().cmp(b.text())),
            (Value::Binary(a), Value::Binary(b)) => Some(a.cmp(b)),
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                for (x, y) in a.iter().zip(b) {
                    match x.order(y) {
                        Some(Ordering::Equal) => {}
                        decided => return decided,
                    }
                }
                Some(a.len().cmp(&b.len()))
            }
            _ => None,
        }
    }

    /// A total order, for sorting: numbers, atoms, binaries, tuples, lists, then the rest, and `nil` last.
    pub fn sort_order(&self, other: &Value) -> Ordering {
        self.order(other)
            .unwrap_or_else(|| self.rank().cmp(&other.rank()))
    }

    fn rank(&self) -> u8 {
        match self {
            value if value.is_nil() => 9,
            Value::Int(_) | Value::Float(_) => 0,
            Value::Atom(_) => 1,
            Value::Binary(_) => 2,
            Value::Tuple(_) => 3,
            Value::List(_) => 4,
            Value::Map(_) => 5,
            Value::Opaque(_) => 6,
        }
    }

    /// The text of a binary or an atom, for patterns. A module's name is without its `Elixir.`.
    pub fn as_text(&self) -> Option<&[u8]> {
        match self {
            Value::Binary(bytes) => Some(bytes),
            Value::Atom(atom) => Some(
                atom.text()
                    .strip_prefix("Elixir.")
                    .unwrap_or(atom.text())
                    .as_bytes(),
            ),
            _ => None,
        }
    }

    /// Heap bytes behind this value, itself not counted.
    pub fn heap_bytes(&self) -> usize {
        let item = std::mem::size_of::<Value>();
        match self {
            Value::Binary(bytes) | Value::Opaque(bytes) => bytes.len() + 16,
            Value::List(items) | Value::Tuple(items) => {
                items.capacity() * item + items.iter().map(Value::heap_bytes).sum::<usize>()
            }
            Value::Map(pairs) => {
                pairs.capacity() * 2 * item
                    + pairs
                        .iter()
                        .map(|(k, v)| k.heap_bytes() + v.heap_bytes())
                        .sum::<usize>()
            }
            _ => 0,
        }
    }
}

/// Exact: an `i64` as `f64` may round, so the rounded ones are compared as integers.
fn compare_int_float(int: i64, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= 9_223_372_036_854_775_808.0 {
        return Some(Ordering::Less);
    }
    if float < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    Some(
        int.cmp(&(whole as i64)).then(
            0.0_f64
                .partial_cmp(&(float - whole))
                .unwrap_or(Ordering::Equal),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_across_kinds_exactly() {
        assert!(Value::Int(2).same(&Value::Float(2.0)));
        assert!(!Value::Int(2).same(&Value::Float(2.5)));
        assert_eq!(
            Value::Int(2).order(&Value::Float(2.5)),
            Some(Ordering::Less)
        );
        assert_eq!(
            Value::Int(-2).order(&Value::Float(-2.5)),
            Some(Ordering::Greater)
        );
        assert_eq!(
            Value::Float(2.5).order(&Value::Int(2)),
            Some(Ordering::Greater)
        );
        assert_eq!(
            Value::Int(i64::MAX).order(&Value::Float(9.3e18)),
            Some(Ordering::Less)
        );
        assert_eq!(
            Value::Int(i64::MAX).order(&Value::Float(9.223372036854775e18)),
            Some(Ordering::Greater)
        );
        assert_eq!(Value::Int(1).order(&Value::Float(f64::NAN)), None);
    }

    #[test]
    fn nil_has_no_order_and_sorts_last() {
        assert_eq!(Value::nil().order(&Value::Int(1)), None);
        assert_eq!(Value::nil().sort_order(&Value::Int(1)), Ordering::Greater);
        assert_eq!(
            Value::text("a").sort_order(&Value::Int(1)),
            Ordering::Greater
        );
    }

    #[test]
    fn paths_lead_into_maps_and_keywords() {
        let map = Value::record(vec![(intern("a"), Value::Int(1))]);
        assert_eq!(map.get(intern("a")), Some(&Value::Int(1)));
        let keyword = Value::List(vec![Value::Tuple(vec![
            Value::Atom(intern("a")),
            Value::Int(2),
        ])]);
        assert_eq!(keyword.get(intern("a")), Some(&Value::Int(2)));
        assert_eq!(Value::Int(1).get(intern("a")), None);
    }
}
