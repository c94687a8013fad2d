//! Filter, sort, limit: a small engine over anything that has rows.
//!
//! A condition is a flat program in postfix order, so evaluating one needs a stack of booleans and no
//! recursion. What the rows are is the store's business ([`Row`]).

mod execute;
mod like;
mod program;

pub use execute::{Answer, Direction, Plan, execute};
pub use program::{Comparison, Op, Program};

use std::borrow::Cow;

use crate::value::Value;

/// One row of a source. `Column` is a field that was looked up once, when the query was planned.
pub trait Row {
    type Column;

    fn value(&self, column: &Self::Column) -> Cow<'_, Value>;
}
