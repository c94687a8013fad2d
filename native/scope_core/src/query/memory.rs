//! A table that is all there: small ones, and those of tests.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::Result;
use crate::query::context::Context;
use crate::query::names::unknown;
use crate::query::table::{Access, Batch, Hint, Scan, Sink, Table};
use crate::query::vector::Vector;

/// Rows of a batch: small enough that what is computed of it stays in a processor's cache.
pub const BATCH_ROWS: usize = 8 * 1024;

#[derive(Debug, Default)]
pub struct MemoryTable {
    pub columns: Vec<(&'static str, Arc<Vector>)>,
    pub rows: usize,
}

impl MemoryTable {
    fn named(&self, name: &str) -> Result<&Arc<Vector>> {
        let found = self.columns.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, column)| column)
            .ok_or_else(|| unknown("column", name, self.columns.iter().map(|(name, _)| *name)))
    }
}

impl Table for MemoryTable {
    fn rows(&self) -> u64 {
        self.rows as u64
    }

    fn distinct(&self, column: &str) -> Option<u64> {
        match &**self.named(column).ok()? {
            Vector::Text(_, texts) => Some(texts.len() as u64),
            Vector::Bool(..) => Some(2),
            _ => None,
        }
    }

    fn access(&self, _hints: &[Hint]) -> Access {
        Access {
            path: "scan".into(),
            rows: self.rows as u64,
        }
    }

    fn scan(&self, scan: &Scan<'_>, _context: &Context<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let columns = scan
            .columns
            .iter()
            .map(|name| self.named(name))
            .collect::<Result<Vec<_>>>()?;
        give(&columns, self.rows, sink)
    }
}

/// Whole columns, in batches, with the numbers of their rows.
pub fn give(columns: &[&Arc<Vector>], rows: usize, sink: &mut Sink<'_>) -> Result<()> {
    let mut from = 0;
    while from < rows {
        let to = (from + BATCH_ROWS).min(rows);
        let mut batch: Vec<Arc<Vector>> = match (from, to) == (0, rows) {
            true => columns.iter().map(|column| Arc::clone(column)).collect(),
            false => columns
                .iter()
                .map(|column| Arc::new(column.slice(from, to)))
                .collect(),
        };
        batch.push(Arc::new(Vector::Int(
            (from as i64..to as i64).collect(),
            None,
        )));
        let flow = sink(Batch {
            rows: to - from,
            columns: batch,
        })?;
        if flow == ControlFlow::Break(()) {
            break;
        }
        from = to;
    }
    Ok(())
}
