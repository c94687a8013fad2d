//! Hash joins: the smaller table is kept by its key, the rows of the other pass by.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use ahash::AHashMap;
use parking_lot::Mutex;

use crate::error::Result;
use crate::query::context::Context;
use crate::query::eval::{eval, holding};
use crate::query::exec::concat::concat;
use crate::query::exec::keys::{Interned, Key, write_key};
use crate::query::exec::{Layout, filtered};
use crate::query::explain::Count;
use crate::query::expr::Expr;
use crate::query::plan::JoinPlan;
use crate::query::select::{JoinKind, Select};
use crate::query::table::{Batch, Scan};
use crate::query::vector::MISSING;

/// Pairs made at a time.
const PAIRS_MAX: usize = 16 * 1024;

pub struct Probe<'p> {
    join: &'p JoinPlan<'p>,
    rows: Batch,
    by_key: AHashMap<Key, Vec<u32>>,
    interned: Mutex<Interned>,
    /// Over the rows that come.
    keys: Vec<Expr>,
    /// Over both sides.
    residual: Expr,
    bytes: usize,
}

impl<'p> Probe<'p> {
    pub fn build(
        join: &'p JoinPlan<'p>,
        before: &Layout,
        select: &Select,
        context: &Context<'_>,
        count: &Count,
        scanned: &mut u64,
    ) -> Result<Probe<'p>> {
        let own = Layout::new(select).with(&join.scan);
        let both = before.with(&join.scan);
        let filter = own.place(&Expr::all(join.scan.filter.clone()));
        let scan = Scan {
            columns: &join.scan.columns,
            hints: &join.scan.hints,
        };
        let mut pieces: Vec<Batch> = Vec::new();
        let mut bytes = 0;
        let started = Instant::now();
        join.scan.table.scan(&scan, context, &mut |batch| {
            *scanned += batch.rows as u64;
            context.check()?;
            let batch = filtered(batch, &filter, context)?;
            let size = batch.heap_bytes();
            bytes += size;
            context.hold(size)?;
            pieces.push(batch);
            Ok(ControlFlow::Continue(()))
        })?;
        let width = own.width;
        let rows = pieces.iter().map(|piece| piece.rows).sum();
        let columns = (0..width).map(|at| {
            let parts = pieces.iter().map(|piece| piece.columns[at].clone());
            concat(parts.collect())
        });
        let rows = Batch {
            rows,
            columns: columns.collect(),
        };
        count.add(rows.rows, started.elapsed().as_nanos() as u64);

        let mut interned = Interned::default();
        let mut by_key: AHashMap<Key, Vec<u32>> = AHashMap::new();
        let mut codes = Vec::new();
        for (_, key) in &join.keys {
            let values = eval(&own.place(key), &rows, context)?;
            codes.push(interned.codes(&values));
        }
        let mut key = Vec::new();
        for row in 0..rows.rows {
            // What is missing equals nothing.
            if write_key(&codes, row, true, &mut key) {
                match by_key.get_mut(key.as_slice()) {
                    Some(found) => found.push(row as u32),
                    None => {
                        by_key.insert(key.clone().into(), vec![row as u32]);
                    }
                }
            }
        }
        let of_keys = by_key.len() * (48 + codes.len() * 16) + rows.rows * 4;
        context.hold(of_keys)?;
        Ok(Probe {
            keys: join.keys.iter().map(|(key, _)| before.place(key)).collect(),
            residual: both.place(&Expr::all(join.residual.clone())),
            join,
            rows,
            by_key,
            interned: Mutex::new(interned),
            bytes: bytes + of_keys,
        })
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows joined, and those there was no room for this time; with how many matches of their first were made already.
    /// `skip` is that of the batch.
    pub fn probe(
        &self,
        batch: Batch,
        skip: usize,
        context: &Context<'_>,
    ) -> Result<(Batch, Option<(Batch, usize)>)> {
        let mut codes = Vec::with_capacity(self.keys.len());
        {
            let mut interned = self.interned.lock();
            for key in &self.keys {
                codes.push(interned.codes(&*eval(key, &batch, context)?));
            }
        }
        let everything: Vec<u32> = match self.keys.is_empty() {
            true => (0..self.rows.rows as u32).collect(),
            false => Vec::new(),
        };
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let mut key = Vec::new();
        let mut done = 0;
        let mut made = 0;
        while done < batch.rows && (done == 0 || left.len() < PAIRS_MAX) {
            let matches: &[u32] = match self.keys.is_empty() {
                true => &everything,
                false => match write_key(&codes, done, true, &mut key) {
                    true => self.by_key.get(key.as_slice()).map_or(&[], |found| found),
                    false => &[],
                },
            };
            let skipped = if done == 0 {
                skip.min(matches.len())
            } else {
                0
            };
            let mut matches = &matches[skipped..];
            // A row that meets a great many others goes in parts: the caller may be gone meanwhile. Not of an outer join,
            // which has to know whether it met any.
            if matches.len() > PAIRS_MAX && self.join.kind == JoinKind::Inner {
                matches = &matches[..PAIRS_MAX];
                made = skipped + PAIRS_MAX;
            }
            left.extend(std::iter::repeat_n(done as u32, matches.len()));
            right.extend_from_slice(matches);
            if made > 0 {
                break;
            }
            done += 1;
        }
        // A row of which a part was made is not done, but is among those joined.
        let joined = done + usize::from(made > 0);
        let rest = (done < batch.rows).then(|| {
            let rows: Vec<u32> = (done as u32..batch.rows as u32).collect();
            (batch.pick(&rows), made)
        });
        if !self.residual.is_yes() {
            let pairs = self.pairs(&batch, &left, &right);
            let held = holding(&self.residual, &pairs, context)?;
            left = held.iter().map(|at| left[*at as usize]).collect();
            right = held.iter().map(|at| right[*at as usize]).collect();
        }
        if self.join.kind == JoinKind::Left {
            let mut matched = vec![false; joined];
            for row in &left {
                matched[*row as usize] = true;
            }
            let alone = (0..done as u32).filter(|row| !matched[*row as usize]);
            let mut pairs: Vec<(u32, u32)> = left.iter().copied().zip(right).collect();
            pairs.extend(alone.map(|row| (row, MISSING)));
            // In the order of the left side, as they came.
            pairs.sort_by_key(|(row, _)| *row);
            (left, right) = pairs.into_iter().unzip();
        }
        Ok((self.pairs(&batch, &left, &right), rest))
    }

    fn pairs(&self, batch: &Batch, left: &[u32], right: &[u32]) -> Batch {
        let mut columns: Vec<_> = batch
            .columns
            .iter()
            .map(|column| Arc::new(column.pick(left)))
            .collect();
        columns.extend(self.rows.columns.iter().map(|column| {
            Arc::new(match right.contains(&MISSING) {
                true => column.pick_or_missing(right),
                false => column.pick(right),
            })
        }));
        Batch {
            rows: left.len(),
            columns,
        }
    }
}
