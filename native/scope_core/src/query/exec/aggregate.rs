//! Rows to groups, and figures of each.

use std::sync::Arc;

use ahash::AHashSet;

use crate::error::{Error, Result};
use crate::query::context::Context;
use crate::query::eval::{eval, float, vector_of};
use crate::query::exec::Layout;
use crate::query::exec::concat::concat;
use crate::query::exec::keys::{Interned, Numbering};
use crate::query::expr::Expr;
use crate::query::select::{Aggregate, AggregateKind, Grouping};
use crate::query::table::Batch;
use crate::query::vector::{Vector, order_values};
use crate::value::Value;

pub struct Groups {
    keys: Vec<Expr>,
    numbering: Numbering,
    interned: Interned,
    /// The keys of the groups, as they came: a piece a batch.
    of_groups: Vec<Vec<Arc<Vector>>>,
    figures: Vec<Figure>,
    groups: usize,
    held: usize,
}

struct Figure {
    kind: AggregateKind,
    argument: Option<Expr>,
    seen: Option<Seen>,
    state: State,
}

/// Values that a group has already counted.
#[derive(Default)]
struct Seen {
    interned: Interned,
    pairs: AHashSet<(u32, u64, u64)>,
}

enum State {
    Count(Vec<u64>),
    Sum(Vec<Sum>),
    Extreme(Vec<Value>),
    /// All numbers of a group, for what needs them all.
    Numbers(Vec<Vec<f64>>),
    /// Count, mean and sum of squared differences (Welford 1962).
    Spread(Vec<(u64, f64, f64)>),
}

#[derive(Clone, Copy, Default)]
struct Sum {
    count: u64,
    whole: i128,
    fraction: f64,
    is_fraction: bool,
}

impl Groups {
    pub fn new(grouping: &Grouping, layout: &Layout) -> Groups {
        let figures = grouping.aggregates.iter();
        let figures = figures.map(|aggregate| Figure::new(aggregate, layout));
        let mut groups = Groups {
            keys: grouping.keys.iter().map(|key| layout.place(key)).collect(),
            numbering: Numbering::new(grouping.keys.len()),
            interned: Interned::default(),
            of_groups: vec![Vec::new(); grouping.keys.len()],
            figures: figures.collect(),
            groups: 0,
            held: 0,
        };
        // Without keys there is one group, also of no rows.
        if groups.keys.is_empty() {
            groups.grow(1);
        }
        groups
    }

    fn grow(&mut self, groups: usize) {
        self.groups = groups;
        for figure in &mut self.figures {
            match &mut figure.state {
                State::Count(all) => all.resize(groups, 0),
                State::Sum(all) => all.resize(groups, Sum::default()),
                State::Extreme(all) => all.resize(groups, Value::nil()),
                State::Numbers(all) => all.resize(groups, Vec::new()),
                State::Spread(all) => all.resize(groups, (0, 0.0, 0.0)),
            }
        }
    }

    pub fn take(&mut self, batch: &Batch, context: &Context<'_>) -> Result<()> {
        let numbers = match self.keys.is_empty() {
            true => vec![0; batch.rows],
            false => self.number(batch, context)?,
        };
        let mut kept = 0;
        for figure in &mut self.figures {
            kept += figure.take(batch, &numbers, context)?;
        }
        let groups = self.numbering.heap_bytes() + self.interned.heap_bytes();
        let grown = (groups + self.groups * 48 * self.figures.len()).saturating_sub(self.held);
        self.held += grown;
        context.hold(grown + kept)
    }

    fn number(&mut self, batch: &Batch, context: &Context<'_>) -> Result<Vec<u32>> {
        let mut columns = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            columns.push(eval(key, batch, context)?);
        }
        let codes: Vec<_> = columns
            .iter()
            .map(|column| self.interned.codes(column))
            .collect();
        let (numbers, new) = self.numbering.number(&codes, batch.rows);
        if !new.is_empty() {
            for (column, of_groups) in columns.iter().zip(&mut self.of_groups) {
                of_groups.push(Arc::new(column.pick(&new)));
            }
            self.grow(self.numbering.len());
        }
        Ok(numbers)
    }

    /// The groups in the order in which they came: keys, then figures.
    pub fn finish(self, context: &Context<'_>) -> Result<Batch> {
        let mut columns: Vec<Arc<Vector>> = self.of_groups.into_iter().map(concat).collect();
        for figure in self.figures {
            context.check()?;
            columns.push(Arc::new(figure.finish()?));
        }
        // A group without rows has no keys to tell.
        Ok(Batch {
            rows: self.groups,
            columns,
        })
    }
}

impl Figure {
    fn new(aggregate: &Aggregate, layout: &Layout) -> Figure {
        let state = match aggregate.kind {
            AggregateKind::Count => State::Count(Vec::new()),
            AggregateKind::Sum | AggregateKind::Average => State::Sum(Vec::new()),
            AggregateKind::Min | AggregateKind::Max => State::Extreme(Vec::new()),
            AggregateKind::Percentile(_) => State::Numbers(Vec::new()),
            AggregateKind::Deviation => State::Spread(Vec::new()),
        };
        Figure {
            kind: aggregate.kind,
            argument: aggregate.argument.as_ref().map(|expr| layout.place(expr)),
            seen: aggregate.distinct.then(Seen::default),
            state,
        }
    }

    /// Gives the bytes that were kept besides the figures themselves.
    fn take(&mut self, batch: &Batch, numbers: &[u32], context: &Context<'_>) -> Result<usize> {
        let Some(argument) = &self.argument else {
            if let State::Count(counts) = &mut self.state {
                for group in numbers {
                    counts[*group as usize] += 1;
                }
            }
            return Ok(0);
        };
        let values = eval(argument, batch, context)?;
        let mut kept = 0;
        let fresh: Option<Vec<bool>> = self.seen.as_mut().map(|seen| {
            let codes = seen.interned.codes(&values);
            let mut fresh = Vec::with_capacity(codes.len());
            for (group, (kind, number)) in numbers.iter().zip(codes) {
                let new = seen.pairs.insert((*group, kind, number));
                kept += if new { 32 } else { 0 };
                fresh.push(new);
            }
            fresh
        });
        let counts =
            |row: usize| !values.is_missing(row) && fresh.as_ref().is_none_or(|fresh| fresh[row]);
        match &mut self.state {
            State::Count(counted) => {
                for (row, group) in numbers.iter().enumerate() {
                    counted[*group as usize] += u64::from(counts(row));
                }
            }
            State::Sum(sums) => add(sums, &values, numbers, counts),
            State::Extreme(extremes) => {
                let most = self.kind == AggregateKind::Max;
                extreme(extremes, &values, numbers, most);
            }
            State::Numbers(all) => {
                for (row, group) in numbers.iter().enumerate() {
                    if counts(row)
                        && let Some(n) = float(&values.value(row))
                    {
                        all[*group as usize].push(n);
                        kept += 8;
                    }
                }
            }
            State::Spread(all) => {
                for (row, group) in numbers.iter().enumerate() {
                    if counts(row)
                        && let Some(n) = float(&values.value(row))
                    {
                        let (count, mean, squares) = &mut all[*group as usize];
                        *count += 1;
                        let away = n - *mean;
                        *mean += away / *count as f64;
                        *squares += away * (n - *mean);
                    }
                }
            }
        }
        Ok(kept)
    }

    fn finish(self) -> Result<Vector> {
        let kind = self.kind;
        let values = match self.state {
            State::Count(counts) => {
                return Ok(Vector::Int(
                    counts.iter().map(|n| *n as i64).collect(),
                    None,
                ));
            }
            State::Sum(sums) => sums
                .iter()
                .map(|sum| match (sum.count, kind) {
                    (0, _) => Ok(Value::nil()),
                    (count, AggregateKind::Average) => Ok(Value::Float(
                        (sum.whole as f64 + sum.fraction) / count as f64,
                    )),
                    (_, _) if sum.is_fraction => Ok(Value::Float(sum.whole as f64 + sum.fraction)),
                    _ => i64::try_from(sum.whole)
                        .map(Value::Int)
                        .map_err(|_| Error::Invalid {
                            what: "sum",
                            detail: "it leaves 64 bits; sum floats, as in sum(x * 1.0)".into(),
                        }),
                })
                .collect::<Result<Vec<_>>>()?,
            State::Extreme(extremes) => extremes,
            State::Numbers(all) => {
                let part = match kind {
                    AggregateKind::Percentile(part) => part,
                    _ => 0.5,
                };
                all.into_iter()
                    .map(|numbers| percentile(numbers, part))
                    .collect()
            }
            State::Spread(all) => all
                .iter()
                .map(|(count, _, squares)| match count {
                    0 | 1 => Value::nil(),
                    count => Value::Float((squares / (count - 1) as f64).sqrt()),
                })
                .collect(),
        };
        Ok(vector_of(values))
    }
}

fn add(sums: &mut [Sum], values: &Vector, numbers: &[u32], counts: impl Fn(usize) -> bool) {
    match values {
        Vector::Int(values, _) => {
            for (row, group) in numbers.iter().enumerate() {
                if counts(row) {
                    let sum = &mut sums[*group as usize];
                    sum.count += 1;
                    sum.whole += i128::from(values[row]);
                }
            }
        }
        _ => {
            for (row, group) in numbers.iter().enumerate() {
                if !counts(row) {
                    continue;
                }
                let sum = &mut sums[*group as usize];
                match values.value(row) {
                    Value::Int(n) => sum.whole += i128::from(n),
                    Value::Float(n) => {
                        sum.fraction += n;
                        sum.is_fraction = true;
                    }
                    // What is no number adds nothing.
                    _ => continue,
                }
                sum.count += 1;
            }
        }
    }
}

fn extreme(extremes: &mut [Value], values: &Vector, numbers: &[u32], most: bool) {
    for (row, group) in numbers.iter().enumerate() {
        if values.is_missing(row) {
            continue;
        }
        let best = &mut extremes[*group as usize];
        // The common case without making a value.
        if let (Vector::Int(values, _), Value::Int(so_far)) = (values, &*best) {
            if (values[row] > *so_far) == most && values[row] != *so_far {
                *best = Value::Int(values[row]);
            }
            continue;
        }
        let value = values.value(row);
        let better = match order_values(&value, best) {
            std::cmp::Ordering::Greater => most,
            std::cmp::Ordering::Less => !most,
            std::cmp::Ordering::Equal => false,
        };
        if best.is_nil() || better {
            *best = value;
        }
    }
}

fn percentile(mut numbers: Vec<f64>, part: f64) -> Value {
    if numbers.is_empty() {
        return Value::nil();
    }
    let at = part.clamp(0.0, 1.0) * (numbers.len() - 1) as f64;
    let (below, rest) = (at.floor() as usize, at.fract());
    let (_, low, above) = numbers.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Value::Float(low + (high - low) * rest)
}
