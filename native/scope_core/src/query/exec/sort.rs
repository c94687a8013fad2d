//! The order of rows.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::query::vector::{MISSING, Vector, atom_text};

/// One key, as what sorts fast: texts and atoms become their rank.
enum Ranks {
    Int(Vec<i64>),
    Float(Vec<f64>),
    Number(Vec<u32>),
    Slow(Arc<Vector>),
}

pub struct SortKey {
    pub values: Arc<Vector>,
    pub descending: bool,
    pub missing_first: bool,
}

struct Ranked {
    ranks: Ranks,
    values: Arc<Vector>,
    has_missing: bool,
    descending: bool,
    missing_first: bool,
}

impl Ranked {
    fn new(key: &SortKey) -> Ranked {
        let values = key.values.clone();
        let ranks = match &*values {
            Vector::Int(values, _) => Ranks::Int(values.clone()),
            Vector::Float(values, _) => Ranks::Float(values.clone()),
            Vector::Bool(values, _) => {
                Ranks::Number(values.iter().map(|yes| u32::from(*yes)).collect())
            }
            Vector::Text(codes, texts) => {
                let mut order: Vec<u32> = (0..texts.len() as u32).collect();
                order.sort_unstable_by(|a, b| texts[*a as usize].cmp(&texts[*b as usize]));
                let mut ranks = vec![0; texts.len()];
                for (rank, code) in order.iter().enumerate() {
                    ranks[*code as usize] = rank as u32;
                }
                Ranks::Number(
                    codes
                        .iter()
                        .map(|code| ranks.get(*code as usize).copied().unwrap_or(MISSING))
                        .collect(),
                )
            }
            Vector::Atom(codes) => {
                let mut known: Vec<u32> = codes
                    .iter()
                    .copied()
                    .filter(|code| *code != MISSING)
                    .collect();
                known.sort_unstable();
                known.dedup();
                let mut order: Vec<(&[u8], u32)> =
                    known.iter().map(|code| (atom_text(*code), *code)).collect();
                order.sort_unstable();
                let ranks: ahash::AHashMap<u32, u32> = order
                    .iter()
                    .enumerate()
                    .map(|(rank, (_, code))| (*code, rank as u32))
                    .collect();
                Ranks::Number(
                    codes
                        .iter()
                        .map(|code| ranks.get(code).copied().unwrap_or(MISSING))
                        .collect(),
                )
            }
            Vector::Any(_) => Ranks::Slow(values.clone()),
        };
        let has_missing = (0..values.len()).any(|row| values.is_missing(row));
        Ranked {
            ranks,
            has_missing,
            values,
            descending: key.descending,
            missing_first: key.missing_first,
        }
    }

    #[inline]
    fn order(&self, a: usize, b: usize) -> Ordering {
        if self.has_missing {
            let gone = (self.values.is_missing(a), self.values.is_missing(b));
            let gone_comes = match self.missing_first {
                true => Ordering::Less,
                false => Ordering::Greater,
            };
            match gone {
                (true, true) => return Ordering::Equal,
                (true, false) => return gone_comes,
                (false, true) => return gone_comes.reverse(),
                (false, false) => {}
            }
        }
        let order = match &self.ranks {
            Ranks::Int(values) => values[a].cmp(&values[b]),
            Ranks::Float(values) => values[a].total_cmp(&values[b]),
            Ranks::Number(values) => values[a].cmp(&values[b]),
            Ranks::Slow(values) => values.order(a, values, b),
        };
        match self.descending {
            true => order.reverse(),
            false => order,
        }
    }
}

/// The numbers of the rows in order, at most `wanted`. Equal rows stay as they came.
pub fn sorted(keys: &[SortKey], rows: usize, wanted: Option<usize>) -> Vec<u32> {
    let ranked: Vec<Ranked> = keys.iter().map(Ranked::new).collect();
    let order = |a: &u32, b: &u32| {
        for key in &ranked {
            match key.order(*a as usize, *b as usize) {
                Ordering::Equal => {}
                decided => return decided,
            }
        }
        a.cmp(b)
    };
    let mut numbers: Vec<u32> = (0..rows as u32).collect();
    if let Some(wanted) = wanted
        && wanted < rows
    {
        if wanted > 0 {
            numbers.select_nth_unstable_by(wanted - 1, order);
        }
        numbers.truncate(wanted);
    }
    numbers.sort_unstable_by(order);
    numbers
}
