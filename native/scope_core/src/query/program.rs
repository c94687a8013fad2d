//! A condition as a flat program.

use crate::error::{Error, Result};
use crate::limits;
use crate::query::Row;
use crate::query::like::like;
use crate::value::Value;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Comparison {
    /// An order between values of different kinds, or with `nil`, does not hold.
    pub fn holds(self, left: &Value, right: &Value) -> bool {
        match self {
            Comparison::Eq => left.same(right),
            Comparison::Ne => !left.same(right),
            Comparison::Gt => left.order(right).is_some_and(|order| order.is_gt()),
            Comparison::Gte => left.order(right).is_some_and(|order| order.is_ge()),
            Comparison::Lt => left.order(right).is_some_and(|order| order.is_lt()),
            Comparison::Lte => left.order(right).is_some_and(|order| order.is_le()),
        }
    }
}

/// One step. Comparisons push a boolean; the others take what they need from the stack.
#[derive(Clone, Debug)]
pub enum Op<C> {
    Compare {
        comparison: Comparison,
        column: C,
        value: Value,
    },
    In {
        column: C,
        values: Vec<Value>,
    },
    Like {
        column: C,
        pattern: Vec<u8>,
    },
    And(u32),
    Or(u32),
    Not,
}

/// Steps that leave exactly one boolean. Only `new` makes one, so running it cannot fail.
#[derive(Clone, Debug)]
pub struct Program<C> {
    ops: Vec<Op<C>>,
}

impl<C> Program<C> {
    /// Errors: `LimitExceeded` for too many steps, `Invalid` when the steps do not leave one boolean.
    pub fn new(ops: Vec<Op<C>>) -> Result<Self> {
        if ops.len() > limits::QUERY_OPS_MAX {
            return Err(Error::LimitExceeded {
                what: "conditions",
                limit: limits::QUERY_OPS_MAX as u64,
            });
        }
        let mut depth: usize = 0;
        for op in &ops {
            let takes = match op {
                Op::And(n) | Op::Or(n) => *n as usize,
                Op::Not => 1,
                _ => 0,
            };
            if takes > depth {
                return Err(Error::Invalid {
                    what: "condition",
                    detail: "an operator lacks its operands".into(),
                });
            }
            depth = depth - takes + 1;
        }
        if depth == 1 {
            Ok(Program { ops })
        } else {
            Err(Error::Invalid {
                what: "condition",
                detail: format!("{depth} results instead of one"),
            })
        }
    }

    /// Whether the row meets the condition. `stack` is scratch space, reused from row to row.
    pub fn holds<R: Row<Column = C>>(&self, row: &R, stack: &mut Vec<bool>) -> bool {
        stack.clear();
        for op in &self.ops {
            let result = match op {
                Op::Compare {
                    comparison,
                    column,
                    value,
                } => comparison.holds(&row.value(column), value),
                Op::In { column, values } => {
                    let found = row.value(column);
                    values.iter().any(|value| found.same(value))
                }
                Op::Like { column, pattern } => row
                    .value(column)
                    .as_text()
                    .is_some_and(|text| like(pattern, text)),
                Op::And(n) => take(stack, *n).iter().all(|held| *held),
                Op::Or(n) => take(stack, *n).iter().any(|held| *held),
                Op::Not => !stack.pop().unwrap_or(false),
            };
            if let Op::And(n) | Op::Or(n) = op {
                stack.truncate(stack.len() - *n as usize);
            }
            stack.push(result);
        }
        stack.last().copied().unwrap_or(true)
    }
}

fn take(stack: &[bool], n: u32) -> &[bool] {
    &stack[stack.len() - n as usize..]
}
