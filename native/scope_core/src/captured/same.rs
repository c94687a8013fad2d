//! Equality of captured values. In a map the order of keys says nothing.

use xxhash_rust::xxh3::xxh3_64;

use super::tokens::{Token, corrupt};
use super::walk::{Close, Open, Step, walk};
use crate::error::Result;

/// Whether two values are the same: what was cut or withheld counts as it stands.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    match (canonical(a), canonical(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// The same number for values that are the same, within one process.
pub fn hash(bytes: &[u8]) -> Result<u64> {
    canonical(bytes).map(|bytes| xxh3_64(&bytes))
}

/// The value with the keys of its maps in one order, the one of their bytes.
pub fn canonical(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = Canonical::default();
    writer
        .out
        .try_reserve(bytes.len())
        .map_err(|_| corrupt("no memory"))?;
    walk(bytes, |step| writer.step(step))?;
    Ok(writer.out)
}

#[derive(Default)]
struct Canonical {
    out: Vec<u8>,
    /// Open containers: where the content begins, and of maps where each key and value begins.
    open: Vec<(Open, Vec<usize>)>,
}

impl Canonical {
    fn step(&mut self, step: Step<'_>) -> Result<()> {
        if matches!(step, Step::Leaf(_) | Step::Open(_))
            && let Some((Open::Map(_) | Open::Struct(_), starts)) = self.open.last_mut()
        {
            starts.push(self.out.len());
        }
        match step {
            Step::Leaf(token) => token.put(&mut self.out),
            Step::Open(open) => {
                open_token(open).put(&mut self.out);
                self.open.push((open, Vec::new()));
            }
            Step::Tail => Token::Tail.put(&mut self.out),
            Step::Close(_, close) => {
                let (open, starts) = self.open.pop().ok_or_else(|| corrupt("an end"))?;
                match open {
                    Open::Map(_) => self.sort(&starts),
                    Open::Struct(_) => self.sort(starts.get(1..).unwrap_or(&[])),
                    _ => {}
                }
                match (open, close) {
                    (Open::List, Close::Whole) => Token::End.put(&mut self.out),
                    (_, Close::Cut(by, size)) => Token::Cut(by, size).put(&mut self.out),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Pairs begin at every other of `starts`; the last one ends where the bytes do.
    fn sort(&mut self, starts: &[usize]) {
        let Some(&first) = starts.first() else { return };
        let mut ranges: Vec<(usize, usize)> = starts
            .iter()
            .step_by(2)
            .zip(starts.iter().skip(2).step_by(2).chain([&self.out.len()]))
            .map(|(from, to)| (*from, *to))
            .collect();
        if ranges.is_sorted_by(|a, b| self.out[a.0..a.1] <= self.out[b.0..b.1]) {
            return;
        }
        ranges.sort_by(|a, b| self.out[a.0..a.1].cmp(&self.out[b.0..b.1]));
        let sorted: Vec<u8> = ranges
            .iter()
            .flat_map(|(from, to)| &self.out[*from..*to])
            .copied()
            .collect();
        self.out[first..].copy_from_slice(&sorted);
    }
}

fn open_token(open: Open) -> Token<'static> {
    match open {
        Open::List => Token::List,
        Open::Tuple(arity) => Token::Tuple(arity),
        Open::Map(size) => Token::Map(size),
        Open::Struct(size) => Token::Struct(size),
    }
}
