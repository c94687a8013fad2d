//! Running a plan over rows.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::query::{Program, Row};
use crate::value::Value;

/// Between two looks at the clock.
const ROWS_PER_CHECK: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Ascending,
    Descending,
}

#[derive(Clone, Debug)]
pub struct Plan<C> {
    pub condition: Program<C>,
    pub order: Vec<(C, Direction)>,
    pub limit: Option<usize>,
    pub offset: usize,
    pub timeout: Duration,
}

/// The rows that are asked for, in order, and how many there were.
#[derive(Debug)]
pub struct Answer<R> {
    pub rows: Vec<R>,
    /// Rows that met the condition.
    pub total: usize,
    /// Rows looked at.
    pub scanned: usize,
}

/// Rows that meet the condition, sorted, then cut. The order of equal rows is that in which they came.
///
/// Errors: `Timeout` past the plan's deadline.
pub fn execute<R: Row>(
    plan: &Plan<R::Column>,
    source: impl Iterator<Item = R>,
) -> Result<Answer<R>> {
    let deadline = Instant::now() + plan.timeout;
    let late = || {
        if Instant::now() >= deadline {
            Err(Error::Timeout {
                what: "query",
                limit_ms: plan.timeout.as_millis() as u64,
            })
        } else {
            Ok(())
        }
    };
    let wanted = plan.limit.map(|limit| limit.saturating_add(plan.offset));
    let mut stack = Vec::new();
    let mut kept: Vec<R> = Vec::new();
    let (mut total, mut scanned) = (0, 0);
    for row in source {
        if scanned % ROWS_PER_CHECK == 0 {
            late()?;
        }
        scanned += 1;
        if !plan.condition.holds(&row, &mut stack) {
            continue;
        }
        total += 1;
        // Unsorted, nothing past the limit is looked at again.
        if !plan.order.is_empty() || wanted.is_none_or(|wanted| kept.len() < wanted) {
            kept.push(row);
        }
    }
    late()?;
    if !plan.order.is_empty() {
        kept = sorted(plan, kept, wanted);
        late()?;
    }
    let rows = kept
        .into_iter()
        .skip(plan.offset)
        .take(plan.limit.unwrap_or(usize::MAX))
        .collect();
    Ok(Answer {
        rows,
        total,
        scanned,
    })
}

/// Keys are computed once a row. Under a limit, only what it lets through is sorted.
fn sorted<R: Row>(plan: &Plan<R::Column>, rows: Vec<R>, wanted: Option<usize>) -> Vec<R> {
    let mut keyed: Vec<(Vec<Value>, usize, R)> = rows
        .into_iter()
        .enumerate()
        .map(|(index, row)| {
            let keys = plan
                .order
                .iter()
                .map(|(column, _)| row.value(column).into_owned())
                .collect();
            (keys, index, row)
        })
        .collect();
    let order = |a: &(Vec<Value>, usize, R), b: &(Vec<Value>, usize, R)| {
        for ((x, y), (_, direction)) in a.0.iter().zip(&b.0).zip(&plan.order) {
            let decided = match (x.is_nil(), y.is_nil()) {
                (true, true) => Ordering::Equal,
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (false, false) if *direction == Direction::Descending => y.sort_order(x),
                (false, false) => x.sort_order(y),
            };
            if decided != Ordering::Equal {
                return decided;
            }
        }
        a.1.cmp(&b.1)
    };
    if let Some(wanted) = wanted
        && wanted > 0
        && wanted < keyed.len()
    {
        keyed.select_nth_unstable_by(wanted - 1, order);
        keyed.truncate(wanted);
    }
    keyed.sort_unstable_by(order);
    keyed.into_iter().map(|(_, _, row)| row).collect()
}

#[cfg(test)]
#[path = "execute_test.rs"]
mod tests;
