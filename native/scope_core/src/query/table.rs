//! What can be asked: tables, and the catalogue of them.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::Result;
use crate::query::compare::Comparison;
use crate::query::context::Context;
use crate::query::vector::{Type, Vector};
use crate::value::Value;

/// The path of a column, joined by dots.
pub type ColumnIx = Arc<str>;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ColumnInfo {
    pub kind: Type,
    /// Made row by row, at some cost: fetched for the rows of the answer alone where it is only selected.
    pub costly: bool,
}

/// Which tables and columns there are: what a question is checked against before anything is read.
pub trait Catalogue: Sync {
    /// Errors: `Unknown`, with the nearest name.
    fn table(&self, name: &str) -> Result<()>;

    /// Errors: `Unknown`, with the nearest name.
    fn column(&self, table: &str, path: &str) -> Result<ColumnInfo>;

    /// The columns of a row that is asked for as a whole (`SELECT *`).
    fn default_columns(&self, table: &str) -> Vec<ColumnIx>;
}

/// A part of a condition that a table may use to pass rows over. The engine looks at every row it is given all the
/// same, so what a table does with it is its own business, as long as no row that could hold is left out.
#[derive(Clone, Debug)]
pub enum Hint {
    Compare(ColumnIx, Comparison, Value),
    In(ColumnIx, Arc<Vec<Value>>),
}

/// How a table will be read.
#[derive(Clone, Debug)]
pub struct Access {
    /// "scan", or the index's name.
    pub path: String,
    /// Rows that will be given, as far as that is known before.
    pub rows: u64,
}

pub struct Scan<'a> {
    pub columns: &'a [ColumnIx],
    pub hints: &'a [Hint],
}

/// Rows of one table, or of what was made of some.
#[derive(Clone, Debug)]
pub struct Batch {
    pub rows: usize,
    pub columns: Vec<Arc<Vector>>,
}

impl Batch {
    pub fn pick(&self, picked: &[u32]) -> Batch {
        Batch {
            rows: picked.len(),
            columns: self
                .columns
                .iter()
                .map(|column| Arc::new(column.pick(picked)))
                .collect(),
        }
    }

    /// A stretch of rows.
    pub fn slice(&self, from: usize, to: usize) -> Batch {
        let columns = self.columns.iter();
        Batch {
            rows: to - from,
            columns: columns
                .map(|column| Arc::new(column.slice(from, to)))
                .collect(),
        }
    }

    pub fn heap_bytes(&self) -> usize {
        self.columns.iter().map(|column| column.heap_bytes()).sum()
    }
}

pub type Sink<'s> = dyn FnMut(Batch) -> Result<ControlFlow<()>> + 's;

/// One table, at one moment.
pub trait Table {
    /// How many rows there are.
    fn rows(&self) -> u64;

    /// Different values of a column, where that is known without looking.
    fn distinct(&self, column: &str) -> Option<u64>;

    /// How a scan with these hints would go.
    fn access(&self, hints: &[Hint]) -> Access;

    /// Gives the columns in batches, and with each row its number (the last column, `Int`), until the sink breaks off.
    fn scan(&self, scan: &Scan<'_>, context: &Context<'_>, sink: &mut Sink<'_>) -> Result<()>;
}

/// All tables, at one moment.
pub trait Tables {
    /// Errors: `Unknown`.
    fn table(&self, name: &str) -> Result<&dyn Table>;
}
