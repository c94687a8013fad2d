//! Columns of values: what the engine computes with.
//!
//! A vector holds one type and marks what is missing. Texts are numbers into a dictionary, so that what many rows share
//! is compared once; atoms are their interned numbers.

use std::cmp::Ordering;
use std::sync::Arc;

use ahash::AHashMap;

use crate::atoms::Atom;
use crate::value::Value;

/// What a column holds, besides nothing (`nil`, SQL's `NULL`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    Bool,
    Int,
    Float,
    Text,
    Atom,
    /// Anything: tuples, lists, maps, or values of several kinds.
    Any,
}

impl Type {
    /// As SQL names it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Bool => "BOOLEAN",
            Type::Int => "BIGINT",
            Type::Float => "DOUBLE",
            Type::Text | Type::Atom => "VARCHAR",
            Type::Any => "ANY",
        }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Float)
    }

    pub fn is_text(self) -> bool {
        matches!(self, Type::Text | Type::Atom)
    }
}

/// Number of a text or an atom that is missing.
pub const MISSING: u32 = u32::MAX;

/// Which rows are missing; `None` when none is.
pub type Missing = Option<Box<[bool]>>;

/// The texts of a text vector.
pub type Dictionary = Arc<Vec<Arc<[u8]>>>;

#[derive(Clone, Debug)]
pub enum Vector {
    Bool(Vec<bool>, Missing),
    Int(Vec<i64>, Missing),
    Float(Vec<f64>, Missing),
    Text(Vec<u32>, Dictionary),
    Atom(Vec<u32>),
    Any(Vec<Value>),
}

impl Vector {
    pub fn len(&self) -> usize {
        match self {
            Vector::Bool(values, _) => values.len(),
            Vector::Int(values, _) => values.len(),
            Vector::Float(values, _) => values.len(),
            Vector::Text(codes, _) | Vector::Atom(codes) => codes.len(),
            Vector::Any(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn kind(&self) -> Type {
        match self {
            Vector::Bool(..) => Type::Bool,
            Vector::Int(..) => Type::Int,
            Vector::Float(..) => Type::Float,
            Vector::Text(..) => Type::Text,
            Vector::Atom(_) => Type::Atom,
            Vector::Any(_) => Type::Any,
        }
    }

    #[inline]
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Vector::Bool(_, missing) | Vector::Int(_, missing) | Vector::Float(_, missing) => {
                missing.as_ref().is_some_and(|missing| missing[row])
            }
            Vector::Text(codes, _) | Vector::Atom(codes) => codes[row] == MISSING,
            Vector::Any(values) => values[row].is_nil(),
        }
    }

    /// Bytes of a text or atom, as SQL sees it.
    #[inline]
    pub fn text(&self, row: usize) -> Option<&[u8]> {
        match self {
            Vector::Text(codes, texts) => texts.get(codes[row] as usize).map(|text| &**text),
            Vector::Atom(codes) => (codes[row] != MISSING).then(|| atom_text(codes[row])),
            Vector::Any(values) => match values[row].is_nil() {
                true => None,
                false => values[row].as_text(),
            },
            _ => None,
        }
    }

    pub fn value(&self, row: usize) -> Value {
        if self.is_missing(row) {
            return Value::nil();
        }
        match self {
            Vector::Bool(values, _) => Value::bool(values[row]),
            Vector::Int(values, _) => Value::Int(values[row]),
            Vector::Float(values, _) => Value::Float(values[row]),
            Vector::Text(codes, texts) => Value::Binary(texts[codes[row] as usize].clone()),
            Vector::Atom(codes) => Value::Atom(Atom(codes[row])),
            Vector::Any(values) => values[row].clone(),
        }
    }

    /// The rows of `picked`, in that order.
    pub fn pick(&self, picked: &[u32]) -> Vector {
        let of = |missing: &Missing| -> Missing {
            let missing = missing.as_ref()?;
            Some(picked.iter().map(|row| missing[*row as usize]).collect())
        };
        match self {
            Vector::Bool(values, missing) => Vector::Bool(
                picked.iter().map(|row| values[*row as usize]).collect(),
                of(missing),
            ),
            Vector::Int(values, missing) => Vector::Int(
                picked.iter().map(|row| values[*row as usize]).collect(),
                of(missing),
            ),
            Vector::Float(values, missing) => Vector::Float(
                picked.iter().map(|row| values[*row as usize]).collect(),
                of(missing),
            ),
            Vector::Text(codes, texts) => Vector::Text(
                picked.iter().map(|row| codes[*row as usize]).collect(),
                texts.clone(),
            ),
            Vector::Atom(codes) => {
                Vector::Atom(picked.iter().map(|row| codes[*row as usize]).collect())
            }
            Vector::Any(values) => Vector::Any(
                picked
                    .iter()
                    .map(|row| values[*row as usize].clone())
                    .collect(),
            ),
        }
    }

    /// A stretch of rows.
    pub fn slice(&self, from: usize, to: usize) -> Vector {
        let of = |missing: &Missing| -> Missing { Some(missing.as_ref()?[from..to].into()) };
        match self {
            Vector::Bool(values, missing) => Vector::Bool(values[from..to].to_vec(), of(missing)),
            Vector::Int(values, missing) => Vector::Int(values[from..to].to_vec(), of(missing)),
            Vector::Float(values, missing) => Vector::Float(values[from..to].to_vec(), of(missing)),
            Vector::Text(codes, texts) => Vector::Text(codes[from..to].to_vec(), texts.clone()),
            Vector::Atom(codes) => Vector::Atom(codes[from..to].to_vec()),
            Vector::Any(values) => Vector::Any(values[from..to].to_vec()),
        }
    }

    /// As `pick`; `MISSING` picks nothing, as an outer join has it.
    pub fn pick_or_missing(&self, picked: &[u32]) -> Vector {
        let mut builder = Builder::new(self.kind());
        for row in picked {
            match *row {
                MISSING => builder.push(Value::nil()),
                row => builder.push_from(self, row as usize),
            }
        }
        builder.finish()
    }

    /// `value`, `len` times.
    pub fn repeat(value: &Value, len: usize) -> Vector {
        let mut builder = Builder::new(type_of(value));
        for _ in 0..len {
            builder.push(value.clone());
        }
        builder.finish()
    }

    /// The order of two rows, for sorting: `nil` comes after everything.
    pub fn order(&self, row: usize, other: &Vector, other_row: usize) -> Ordering {
        match (self.is_missing(row), other.is_missing(other_row)) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        match (self, other) {
            (Vector::Bool(a, _), Vector::Bool(b, _)) => a[row].cmp(&b[other_row]),
            (Vector::Int(a, _), Vector::Int(b, _)) => a[row].cmp(&b[other_row]),
            (Vector::Float(a, _), Vector::Float(b, _)) => a[row].total_cmp(&b[other_row]),
            (Vector::Any(a), Vector::Any(b)) => order_values(&a[row], &b[other_row]),
            _ => match (self.text(row), other.text(other_row)) {
                (Some(a), Some(b)) => a.cmp(b),
                _ => order_values(&self.value(row), &other.value(other_row)),
            },
        }
    }

    /// Bytes on the heap, roughly.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Vector::Bool(values, _) => values.len() * 2,
            Vector::Int(values, _) => values.len() * 9,
            Vector::Float(values, _) => values.len() * 9,
            Vector::Text(codes, _) | Vector::Atom(codes) => codes.len() * 4,
            Vector::Any(values) => {
                values.len() * size_of::<Value>()
                    + values.iter().map(Value::heap_bytes).sum::<usize>()
            }
        }
    }
}

/// Atoms sort by their text, module names without `Elixir.`, as they are shown.
pub fn order_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Atom(_), Value::Atom(_)) => a.as_text().cmp(&b.as_text()),
        _ => a.sort_order(b),
    }
}

pub fn atom_text(number: u32) -> &'static [u8] {
    let text = Atom(number).text();
    text.strip_prefix("Elixir.").unwrap_or(text).as_bytes()
}

/// The type of a vector that holds `value`.
pub fn type_of(value: &Value) -> Type {
    match value {
        Value::Atom(atom) if matches!(atom.text(), "true" | "false") => Type::Bool,
        Value::Atom(_) => Type::Atom,
        Value::Int(_) => Type::Int,
        Value::Float(_) => Type::Float,
        Value::Binary(_) => Type::Text,
        _ => Type::Any,
    }
}

/// A boolean, when `value` is one.
pub fn as_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Atom(atom) => match atom.text() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Makes a vector row by row. A value of another type turns the whole into `Any`: nothing is bent to fit.
pub struct Builder {
    /// Without its marks.
    vector: Vector,
    missing: Vec<bool>,
    any_missing: bool,
    codes: AHashMap<Arc<[u8]>, u32>,
    texts: Vec<Arc<[u8]>>,
}

impl Builder {
    pub fn new(kind: Type) -> Self {
        let vector = match kind {
            Type::Bool => Vector::Bool(Vec::new(), None),
            Type::Int => Vector::Int(Vec::new(), None),
            Type::Float => Vector::Float(Vec::new(), None),
            Type::Text => Vector::Text(Vec::new(), Dictionary::default()),
            Type::Atom => Vector::Atom(Vec::new()),
            Type::Any => Vector::Any(Vec::new()),
        };
        Builder {
            vector,
            missing: Vec::new(),
            any_missing: false,
            codes: AHashMap::new(),
            texts: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.missing.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn push(&mut self, value: Value) {
        if value.is_nil() {
            self.push_missing();
        } else if !self.takes(&value) {
            self.generalise();
            self.push(value);
        }
    }

    fn takes(&mut self, value: &Value) -> bool {
        match (&mut self.vector, value) {
            (Vector::Any(values), _) => values.push(value.clone()),
            (Vector::Int(values, _), Value::Int(n)) => values.push(*n),
            (Vector::Float(values, _), Value::Float(n)) => values.push(*n),
            (Vector::Bool(values, _), Value::Atom(_)) => match as_bool(value) {
                Some(yes) => values.push(yes),
                None => return false,
            },
            (Vector::Atom(codes), Value::Atom(atom)) => codes.push(atom.0),
            (Vector::Text(codes, _), Value::Binary(text)) => {
                let next = self.texts.len() as u32;
                let code = *self.codes.entry(text.clone()).or_insert_with(|| {
                    self.texts.push(text.clone());
                    next
                });
                codes.push(code);
            }
            _ => return false,
        }
        self.missing.push(false);
        true
    }

    pub fn push_missing(&mut self) {
        match &mut self.vector {
            Vector::Bool(values, _) => values.push(false),
            Vector::Int(values, _) => values.push(0),
            Vector::Float(values, _) => values.push(0.0),
            Vector::Text(codes, _) | Vector::Atom(codes) => codes.push(MISSING),
            Vector::Any(values) => values.push(Value::nil()),
        }
        self.missing.push(true);
        self.any_missing = true;
    }

    /// A row of another vector.
    pub fn push_from(&mut self, other: &Vector, row: usize) {
        self.push(other.value(row));
    }

    fn generalise(&mut self) {
        let done = std::mem::replace(self, Builder::new(Type::Any));
        self.missing = done.missing.clone();
        self.any_missing = done.any_missing;
        let vector = done.finish();
        let values = (0..vector.len()).map(|row| vector.value(row)).collect();
        self.vector = Vector::Any(values);
    }

    pub fn finish(self) -> Vector {
        let missing = self.any_missing.then(|| self.missing.into_boxed_slice());
        match self.vector {
            Vector::Bool(values, _) => Vector::Bool(values, missing),
            Vector::Int(values, _) => Vector::Int(values, missing),
            Vector::Float(values, _) => Vector::Float(values, missing),
            Vector::Text(codes, _) => Vector::Text(codes, Arc::new(self.texts)),
            other => other,
        }
    }
}
