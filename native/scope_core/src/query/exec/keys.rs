//! Keys of groups and joins: values as numbers that are equal when the values are.

use std::sync::Arc;

use ahash::AHashMap;

use crate::query::vector::{MISSING, Vector};
use crate::value::Value;

/// What a number stands for: values of different kinds are never equal, numbers among themselves are.
const NOTHING: u64 = 0;
const NUMBER: u64 = 1;
const FRACTION: u64 = 2;
const TEXT: u64 = 3;
const BOOL: u64 = 4;
const OTHER: u64 = 5;

/// Columns are written a nibble each: sixteen to a word.
const COLUMNS_TO_A_WORD: usize = 16;

/// Texts and terms that were met, numbered.
#[derive(Default)]
pub struct Interned {
    texts: AHashMap<Arc<[u8]>, u64>,
    atoms: AHashMap<u32, u64>,
    others: AHashMap<Vec<u8>, u64>,
}

/// One key: a number for each column, then what they stand for.
pub type Key = Box<[u64]>;

impl Interned {
    /// The codes of a column: kind and number.
    pub fn codes(&mut self, column: &Vector) -> Vec<(u64, u64)> {
        let rows = column.len();
        match column {
            Vector::Int(values, missing) => {
                mark(values.iter().map(|n| (NUMBER, *n as u64)), missing)
            }
            Vector::Bool(values, missing) => {
                mark(values.iter().map(|n| (BOOL, u64::from(*n))), missing)
            }
            Vector::Float(values, missing) => mark(values.iter().map(|n| of_float(*n)), missing),
            Vector::Text(codes, texts) => {
                let mut known = vec![u64::MAX; texts.len()];
                let mut of = |code: &u32| match *code {
                    MISSING => (NOTHING, 0),
                    code => {
                        let known = &mut known[code as usize];
                        if *known == u64::MAX {
                            *known = self.text(texts[code as usize].clone());
                        }
                        (TEXT, *known)
                    }
                };
                codes.iter().map(&mut of).collect()
            }
            Vector::Atom(codes) => {
                let mut of = |code: &u32| match *code {
                    MISSING => (NOTHING, 0),
                    code => (TEXT, self.atom(code)),
                };
                codes.iter().map(&mut of).collect()
            }
            Vector::Any(values) => {
                let mut all = Vec::with_capacity(rows);
                for value in values {
                    all.push(self.value(value));
                }
                all
            }
        }
    }

    fn text(&mut self, text: Arc<[u8]>) -> u64 {
        let next = self.texts.len() as u64;
        *self.texts.entry(text).or_insert(next)
    }

    fn atom(&mut self, code: u32) -> u64 {
        if let Some(known) = self.atoms.get(&code) {
            return *known;
        }
        let number = self.text(crate::query::vector::atom_text(code).into());
        self.atoms.insert(code, number);
        number
    }

    fn value(&mut self, value: &Value) -> (u64, u64) {
        match value {
            value if value.is_nil() => (NOTHING, 0),
            Value::Int(n) => (NUMBER, *n as u64),
            Value::Float(n) => of_float(*n),
            Value::Binary(text) => (TEXT, self.text(text.clone())),
            Value::Atom(atom) => match crate::query::vector::as_bool(value) {
                Some(yes) => (BOOL, u64::from(yes)),
                None => (TEXT, self.atom(atom.0)),
            },
            other => {
                // The saved form of a value is one of its kind: equal bytes are equal values.
                let bytes = rmp_serde::to_vec(other).unwrap_or_default();
                let next = self.others.len() as u64;
                (OTHER, *self.others.entry(bytes).or_insert(next))
            }
        }
    }

    pub fn heap_bytes(&self) -> usize {
        self.texts.len() * 48 + self.atoms.len() * 24 + self.others.len() * 96
    }
}

/// A whole float is the integer of that value.
fn of_float(n: f64) -> (u64, u64) {
    match n.fract() == 0.0 && n.abs() < 9e15 {
        true => (NUMBER, n as i64 as u64),
        false => (FRACTION, n.to_bits()),
    }
}

fn mark(codes: impl Iterator<Item = (u64, u64)>, missing: &Option<Box<[bool]>>) -> Vec<(u64, u64)> {
    match missing {
        None => codes.collect(),
        Some(missing) => codes
            .zip(missing.iter())
            .map(|(code, missing)| if *missing { (NOTHING, 0) } else { code })
            .collect(),
    }
}

/// Writes the key of a row; `false` when something of it is missing and that matters.
pub fn write_key(
    codes: &[Vec<(u64, u64)>],
    row: usize,
    missing_matters: bool,
    key: &mut Vec<u64>,
) -> bool {
    key.clear();
    let words = codes.len().div_ceil(COLUMNS_TO_A_WORD);
    key.resize(codes.len() + words, 0);
    for (at, column) in codes.iter().enumerate() {
        let (kind, number) = column[row];
        if missing_matters && kind == NOTHING {
            return false;
        }
        key[at] = number;
        key[codes.len() + at / COLUMNS_TO_A_WORD] |= kind << (at % COLUMNS_TO_A_WORD * 4);
    }
    true
}

/// Keys, numbered in the order in which they came.
pub enum Numbering {
    One(AHashMap<(u64, u64), u32>),
    Many(AHashMap<Key, u32>, Vec<u64>),
}

impl Numbering {
    pub fn new(columns: usize) -> Self {
        match columns {
            1 => Numbering::One(AHashMap::new()),
            _ => Numbering::Many(AHashMap::new(), Vec::new()),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Numbering::One(known) => known.len(),
            Numbering::Many(known, _) => known.len(),
        }
    }

    /// The number of each row's key, and the rows whose keys are new.
    pub fn number(&mut self, codes: &[Vec<(u64, u64)>], rows: usize) -> (Vec<u32>, Vec<u32>) {
        let mut numbers = Vec::with_capacity(rows);
        let mut new = Vec::new();
        match self {
            Numbering::One(known) => {
                // Neighbours are often equal.
                let mut last = None;
                for (row, code) in codes[0].iter().enumerate() {
                    if let Some((same, number)) = last
                        && same == *code
                    {
                        numbers.push(number);
                        continue;
                    }
                    let next = known.len() as u32;
                    let number = *known.entry(*code).or_insert(next);
                    if number == next {
                        new.push(row as u32);
                    }
                    last = Some((*code, number));
                    numbers.push(number);
                }
            }
            Numbering::Many(known, scratch) => {
                for row in 0..rows {
                    write_key(codes, row, false, scratch);
                    let number = match known.get(scratch.as_slice()) {
                        Some(number) => *number,
                        None => {
                            let next = known.len() as u32;
                            known.insert(scratch.clone().into(), next);
                            new.push(row as u32);
                            next
                        }
                    };
                    numbers.push(number);
                }
            }
        }
        (numbers, new)
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Numbering::One(known) => known.len() * 32,
            Numbering::Many(known, scratch) => known.len() * (40 + scratch.len() * 8),
        }
    }
}
