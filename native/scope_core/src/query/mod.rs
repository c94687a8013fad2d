//! Asking: a small relational engine over anything that has columns.
//!
//! A question ([`Select`]) names tables, conditions, joins, groups, order and limits. [`plan`] decides how it is answered,
//! [`execute`] does it, batch by batch over columns, within a [`Context`] (deadline, memory, whether anyone still waits).
//! What the tables are is the store's business ([`Table`]). Expressions are flat programs, so nothing recurses over what a
//! caller built.

mod admission;
mod compare;
mod context;
mod eval;
mod exec;
mod explain;
mod expr;
#[cfg(test)]
mod fixture;
mod like;
mod memory;
mod names;
mod plan;
mod select;
pub mod sql;
mod table;
mod vector;

pub use admission::{Admissions, Permit, QUERIES};
pub use compare::Comparison;
pub use context::Context;
pub use exec::{Answer as Found, AnswerColumn, execute as run, planned};
pub use explain::Step;
pub use expr::{Arithmetic, Expr, Function, Op as ExprOp};
pub use memory::{MemoryTable, give};
pub use names::unknown;
pub use plan::{Plan as QueryPlan, plan};
pub use select::{Aggregate, AggregateKind, Grouping, Item, Join, JoinKind, Key, Select, TableUse};
pub use table::{Access, Batch, Catalogue, ColumnInfo, ColumnIx, Hint, Scan, Sink, Table, Tables};
pub use vector::{Builder, Dictionary, MISSING, Missing, Type, Vector, atom_text};

use std::borrow::Cow;

use crate::value::Value;

/// One row of a source. `Column` is a field that was looked up once, when the query was planned.
pub trait Row {
    type Column;

    fn value(&self, column: &Self::Column) -> Cow<'_, Value>;
}
