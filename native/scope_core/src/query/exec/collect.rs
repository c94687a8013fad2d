//! Rows of the answer: kept until they are sorted and cut.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::Result;
use crate::query::context::Context;
use crate::query::exec::concat::concat;
use crate::query::exec::keys::{Interned, Numbering};
use crate::query::exec::sort::{SortKey, sorted};
use crate::query::exec::{Layout, evaluated, placed};
use crate::query::expr::Expr;
use crate::query::plan::Plan;
use crate::query::select::Select;
use crate::query::table::Batch;
use crate::query::vector::Vector;

/// Rows that are kept beyond what a limit lets through, before the surplus is thrown away.
const SURPLUS: usize = 16 * 1024;

/// Numbers of rows, by table.
pub type RowNumbers = Vec<(usize, Vec<i64>)>;

pub struct Collected {
    items: Vec<Expr>,
    keys: Vec<Expr>,
    directions: Vec<(bool, bool)>,
    /// Tables whose rows' numbers are wanted at the end, and where they stand.
    late: Vec<(usize, usize)>,
    distinct: Option<(Interned, Numbering)>,
    limit: Option<usize>,
    offset: usize,
    count_all: bool,
    /// A piece a batch: items, then keys, then numbers of rows.
    pieces: Vec<Batch>,
    kept: usize,
    total: u64,
    complete: bool,
    held: usize,
}

impl Collected {
    pub fn new(plan: &Plan<'_>, layout: &Layout) -> Collected {
        let select = &plan.select;
        let now = select
            .items
            .iter()
            .enumerate()
            .filter(|(at, _)| plan.late.iter().all(|(late, ..)| late != at))
            .map(|(_, item)| item.clone())
            .collect::<Vec<_>>();
        let mut late: Vec<(usize, usize)> = plan
            .late
            .iter()
            .map(|(_, table, _)| (*table, layout.rows[*table].unwrap_or(0)))
            .collect();
        late.sort_unstable();
        late.dedup();
        let keys = select.order.iter().map(|key| layout.place(&key.expr));
        Collected::with(select, placed(&now, layout), keys.collect(), late)
    }

    /// Of groups: their numbers are those of the expressions already.
    pub fn of_groups(plan: &Plan<'_>) -> Collected {
        let select = &plan.select;
        let items = select.items.iter().map(|item| item.expr.clone());
        let keys = select.order.iter().map(|key| key.expr.clone());
        Collected::with(select, items.collect(), keys.collect(), Vec::new())
    }

    fn with(
        select: &Select,
        items: Vec<Expr>,
        keys: Vec<Expr>,
        late: Vec<(usize, usize)>,
    ) -> Collected {
        let directions = select.order.iter();
        Collected {
            distinct: select
                .distinct
                .then(|| (Interned::default(), Numbering::new(items.len()))),
            items,
            keys,
            directions: directions
                .map(|key| (key.descending, key.missing_first))
                .collect(),
            late,
            limit: select.limit,
            offset: select.offset,
            count_all: select.count_all,
            pieces: Vec::new(),
            kept: 0,
            total: 0,
            complete: true,
            held: 0,
        }
    }

    fn wanted(&self) -> Option<usize> {
        self.limit.map(|limit| limit.saturating_add(self.offset))
    }

    pub fn take(&mut self, batch: &Batch, context: &Context<'_>) -> Result<ControlFlow<()>> {
        if self.distinct.is_none() {
            self.total += batch.rows as u64;
        }
        let full = self.keys.is_empty() && self.wanted().is_some_and(|wanted| self.kept >= wanted);
        if full {
            return Ok(match self.count_all {
                true => ControlFlow::Continue(()),
                false => {
                    self.complete = false;
                    ControlFlow::Break(())
                }
            });
        }
        let mut columns = evaluated(&self.items, batch, context)?;
        columns.extend(evaluated(&self.keys, batch, context)?);
        columns.extend(self.late.iter().map(|(_, at)| batch.columns[*at].clone()));
        let mut piece = Batch {
            rows: batch.rows,
            columns,
        };
        if let Some((interned, numbering)) = &mut self.distinct {
            let items = &piece.columns[..self.items.len()];
            let codes: Vec<_> = items.iter().map(|column| interned.codes(column)).collect();
            let (_, new) = numbering.number(&codes, piece.rows);
            piece = piece.pick(&new);
            self.total += piece.rows as u64;
        }
        if self.keys.is_empty()
            && let Some(wanted) = self.wanted()
            && self.kept + piece.rows > wanted
        {
            let rows: Vec<u32> = (0..(wanted - self.kept) as u32).collect();
            piece = piece.pick(&rows);
        }
        self.kept += piece.rows;
        let bytes = piece.heap_bytes();
        self.held += bytes;
        context.hold(bytes)?;
        self.pieces.push(piece);
        if let Some(wanted) = self.wanted()
            && !self.keys.is_empty()
            && self.kept > wanted.saturating_mul(2).saturating_add(SURPLUS)
        {
            self.sort(wanted, context);
        }
        let done = self.keys.is_empty()
            && !self.count_all
            && self.wanted().is_some_and(|wanted| self.kept >= wanted);
        Ok(match done {
            true => {
                self.complete = false;
                ControlFlow::Break(())
            }
            false => ControlFlow::Continue(()),
        })
    }

    /// Sorts what is kept, and lets go of what no limit lets through.
    fn sort(&mut self, wanted: usize, context: &Context<'_>) {
        let batch = joined(std::mem::take(&mut self.pieces), self.width());
        let keys = self.sort_keys(&batch);
        let picked = sorted(&keys, batch.rows, Some(wanted));
        let batch = batch.pick(&picked);
        self.kept = batch.rows;
        context.release(self.held);
        self.held = batch.heap_bytes();
        // It held more a moment ago.
        let _ = context.hold(self.held);
        self.pieces.push(batch);
    }

    fn width(&self) -> usize {
        self.items.len() + self.keys.len() + self.late.len()
    }

    fn sort_keys(&self, batch: &Batch) -> Vec<SortKey> {
        let values = &batch.columns[self.items.len()..self.items.len() + self.keys.len()];
        let keys = values.iter().zip(&self.directions);
        keys.map(|(values, (descending, missing_first))| SortKey {
            values: values.clone(),
            descending: *descending,
            missing_first: *missing_first,
        })
        .collect()
    }

    /// Rows before limit and offset, when all were counted.
    pub fn total(&self) -> Option<u64> {
        self.complete.then_some(self.total)
    }

    /// The items of the rows that are asked for, and the numbers of those rows in their tables.
    pub fn finish(mut self, context: &Context<'_>) -> Result<(Batch, RowNumbers)> {
        context.check()?;
        let mut batch = joined(std::mem::take(&mut self.pieces), self.width());
        if !self.keys.is_empty() {
            let keys = self.sort_keys(&batch);
            let picked = sorted(&keys, batch.rows, self.wanted());
            batch = batch.pick(&picked);
        }
        if self.offset > 0 || self.limit.is_some_and(|limit| limit < batch.rows) {
            let end = self.wanted().unwrap_or(usize::MAX).min(batch.rows);
            let rows: Vec<u32> = (self.offset.min(end) as u32..end as u32).collect();
            batch = batch.pick(&rows);
        }
        let numbers = batch.columns.split_off(self.items.len() + self.keys.len());
        batch.columns.truncate(self.items.len());
        let numbers = self.late.iter().zip(numbers);
        let numbers = numbers.map(|((table, _), column)| {
            let rows = match &*column {
                Vector::Int(rows, missing) => (0..rows.len())
                    .map(|row| match missing {
                        Some(missing) if missing[row] => -1,
                        _ => rows[row],
                    })
                    .collect(),
                _ => Vec::new(),
            };
            (*table, rows)
        });
        Ok((batch, numbers.collect()))
    }
}

fn joined(pieces: Vec<Batch>, width: usize) -> Batch {
    let rows = pieces.iter().map(|piece| piece.rows).sum();
    let mut columns: Vec<Vec<Arc<Vector>>> = vec![Vec::with_capacity(pieces.len()); width];
    for piece in pieces {
        for (all, column) in columns.iter_mut().zip(piece.columns) {
            all.push(column);
        }
    }
    Batch {
        rows,
        columns: columns.into_iter().map(concat).collect(),
    }
}
