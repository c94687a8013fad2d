//! Running a plan: rows are pushed from the scan of one table through joins and filters into what collects them.

mod aggregate;
mod collect;
mod concat;
mod join;
mod keys;
mod sort;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::query::context::Context;
use crate::query::eval::{eval, holding};
use crate::query::explain::{Count, Step};
use crate::query::expr::Expr;
use crate::query::plan::{Plan, ScanPlan};
use crate::query::select::{Item, Select};
use crate::query::table::{Batch, ColumnIx, Scan};
use crate::query::vector::Vector;

use aggregate::Groups;
use collect::Collected;
use join::Probe;

/// One column of an answer.
#[derive(Debug)]
pub enum AnswerColumn {
    Vector(Arc<Vector>),
    /// To be fetched, where it is wanted: a column of a table, for these of its rows.
    Late {
        table: usize,
        column: ColumnIx,
        rows: Vec<i64>,
    },
}

#[derive(Debug)]
pub struct Answer {
    pub names: Vec<String>,
    pub columns: Vec<AnswerColumn>,
    pub rows: usize,
    /// Rows before limit and offset, where they were counted.
    pub total: Option<u64>,
    /// Rows that tables gave.
    pub scanned: u64,
    pub steps: Vec<Step>,
    pub peak_bytes: usize,
}

/// Where the question's columns stand in the rows at hand.
#[derive(Clone, Default)]
pub(super) struct Layout {
    /// By the question's number.
    globals: Vec<Option<usize>>,
    /// By the number of the table: where the number of its row stands.
    rows: Vec<Option<usize>>,
    width: usize,
}

impl Layout {
    fn new(select: &Select) -> Layout {
        Layout {
            globals: vec![None; select.columns.len()],
            rows: vec![None; select.tables.len()],
            width: 0,
        }
    }

    /// As it is once a table's columns, and the numbers of its rows, are put behind.
    fn with(&self, scan: &ScanPlan<'_>) -> Layout {
        let mut layout = self.clone();
        for global in &scan.globals {
            layout.globals[*global] = Some(layout.width);
            layout.width += 1;
        }
        layout.rows[scan.number] = Some(layout.width);
        layout.width += 1;
        layout
    }

    pub(super) fn place(&self, expr: &Expr) -> Expr {
        expr.map_columns(|global| self.globals[global].unwrap_or(0))
    }
}

struct Counts {
    scans: Vec<Count>,
    joins: Vec<Count>,
    group: Count,
    having: Count,
    sort: Count,
    output: Count,
}

/// Errors: `Timeout`, `Cancelled`, `LimitExceeded`, `Invalid`, and those of the tables.
pub fn execute(plan: &Plan<'_>, context: &Context<'_>) -> Result<Answer> {
    let select = &plan.select;
    let counts = Counts {
        scans: (0..=plan.joins.len()).map(|_| Count::default()).collect(),
        joins: plan.joins.iter().map(|_| Count::default()).collect(),
        group: Count::default(),
        having: Count::default(),
        sort: Count::default(),
        output: Count::default(),
    };
    let mut scanned = 0;
    let mut layout = Layout::new(select).with(&plan.base);
    let base_filter = layout.place(&Expr::all(plan.base.filter.clone()));

    let mut probes = Vec::new();
    for (at, join) in plan.joins.iter().enumerate() {
        let probe = Probe::build(
            join,
            &layout,
            select,
            context,
            &counts.scans[at + 1],
            &mut scanned,
        )?;
        layout = layout.with(&join.scan);
        probes.push((probe, layout.place(&Expr::all(join.after.clone()))));
    }

    let possible = constants_hold(plan, context)?;
    let mut sink = Sink::new(plan, &layout);
    if possible {
        let scan = Scan {
            columns: &plan.base.columns,
            hints: &plan.base.hints,
        };
        let mut started = Instant::now();
        plan.base.table.scan(&scan, context, &mut |batch| {
            scanned += batch.rows as u64;
            context.check()?;
            let batch = filtered(batch, &base_filter, context)?;
            counts.scans[0].add(batch.rows, started.elapsed().as_nanos() as u64);
            let flow = joined(batch, &probes, &counts.joins, context, &mut |batch| {
                let began = Instant::now();
                let flow = sink.take(batch, context);
                counts.group.add(0, began.elapsed().as_nanos() as u64);
                flow
            });
            started = Instant::now();
            flow
        })?;
    }
    for (probe, _) in &probes {
        context.release(probe.bytes());
    }
    finish(plan, sink, counts, scanned, context)
}

fn constants_hold(plan: &Plan<'_>, context: &Context<'_>) -> Result<bool> {
    let one = Batch {
        rows: 1,
        columns: Vec::new(),
    };
    for expr in &plan.constant {
        if holding(expr, &one, context)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn filtered(batch: Batch, condition: &Expr, context: &Context<'_>) -> Result<Batch> {
    if condition.is_yes() {
        return Ok(batch);
    }
    let rows = holding(condition, &batch, context)?;
    Ok(match rows.len() == batch.rows {
        true => batch,
        false => batch.pick(&rows),
    })
}

/// Through the joins, one after the other, a bounded piece at a time: each join may make many rows of one.
fn joined(
    batch: Batch,
    probes: &[(Probe<'_>, Expr)],
    counts: &[Count],
    context: &Context<'_>,
    sink: &mut dyn FnMut(Batch) -> Result<ControlFlow<()>>,
) -> Result<ControlFlow<()>> {
    // A stack instead of recursion, for what is still to be joined: at which join, and what.
    let mut left = vec![(0, batch)];
    while let Some((at, batch)) = left.pop() {
        if batch.rows == 0 {
            continue;
        }
        let Some((probe, after)) = probes.get(at) else {
            if sink(batch)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            continue;
        };
        let began = Instant::now();
        let (done, rest) = probe.probe(batch, context)?;
        let done = filtered(done, after, context)?;
        counts[at].add(done.rows, began.elapsed().as_nanos() as u64);
        if let Some(rest) = rest {
            left.push((at, rest));
        }
        left.push((at + 1, done));
    }
    Ok(ControlFlow::Continue(()))
}

/// What takes the joined rows: groups, or the rows themselves.
enum Sink {
    Groups(Box<Groups>),
    Rows(Box<Collected>),
}

impl Sink {
    fn new(plan: &Plan<'_>, layout: &Layout) -> Sink {
        let select = &plan.select;
        match &select.grouping {
            Some(grouping) => Sink::Groups(Box::new(Groups::new(grouping, layout))),
            None => Sink::Rows(Box::new(Collected::new(plan, layout))),
        }
    }

    fn take(&mut self, batch: Batch, context: &Context<'_>) -> Result<ControlFlow<()>> {
        match self {
            Sink::Groups(groups) => {
                groups.take(&batch, context)?;
                Ok(ControlFlow::Continue(()))
            }
            Sink::Rows(rows) => rows.take(&batch, context),
        }
    }
}

fn finish(
    plan: &Plan<'_>,
    sink: Sink,
    counts: Counts,
    scanned: u64,
    context: &Context<'_>,
) -> Result<Answer> {
    let select = &plan.select;
    let sink_ns = counts.group.nanoseconds.get();
    let collected = match sink {
        Sink::Rows(rows) => *rows,
        Sink::Groups(groups) => {
            let began = Instant::now();
            let batch = groups.finish(context)?;
            counts
                .group
                .add(batch.rows, began.elapsed().as_nanos() as u64);
            let began = Instant::now();
            let batch = filtered(batch, &select.having, context)?;
            counts
                .having
                .add(batch.rows, began.elapsed().as_nanos() as u64);
            let mut rows = Collected::of_groups(plan);
            // All of a group's rows at once: there is nothing to break off.
            let _ = rows.take(&batch, context)?;
            rows
        }
    };
    let began = Instant::now();
    let total = collected.total();
    let (batch, rows_of_tables) = collected.finish(context)?;
    counts
        .sort
        .add(batch.rows, began.elapsed().as_nanos() as u64);
    counts.output.add(batch.rows, 0);
    let columns = output(plan, batch, rows_of_tables);
    Ok(Answer {
        names: select.items.iter().map(|item| item.name.clone()).collect(),
        rows: counts.output.rows.get() as usize,
        columns,
        total,
        scanned,
        steps: steps(plan, Some((&counts, sink_ns))),
        peak_bytes: context.peak_bytes(),
    })
}

/// The collected columns are the items that are not late, in order.
fn output(
    plan: &Plan<'_>,
    batch: Batch,
    mut rows_of_tables: Vec<(usize, Vec<i64>)>,
) -> Vec<AnswerColumn> {
    let mut now = batch.columns.into_iter();
    let items = plan.select.items.iter().enumerate();
    items
        .map(
            |(at, _)| match plan.late.iter().find(|(late, ..)| *late == at) {
                Some((_, table, column)) => {
                    let rows = rows_of_tables
                        .iter_mut()
                        .find(|(number, _)| number == table);
                    AnswerColumn::Late {
                        table: *table,
                        column: column.clone(),
                        rows: rows.map(|(_, rows)| rows.clone()).unwrap_or_default(),
                    }
                }
                None => AnswerColumn::Vector(
                    now.next()
                        .unwrap_or_else(|| Arc::new(Vector::Any(Vec::new()))),
                ),
            },
        )
        .collect()
}

/// What would be done, without doing it.
pub fn planned(plan: &Plan<'_>) -> Vec<Step> {
    steps(plan, None)
}

fn steps(plan: &Plan<'_>, counts: Option<(&Counts, u64)>) -> Vec<Step> {
    let select = &plan.select;
    let mut steps = Vec::new();
    let mut depth = 0;
    let mut add = |depth: usize,
                   name: &str,
                   detail: String,
                   estimated: Option<f64>,
                   count: Option<&Count>| {
        steps.push(Step {
            depth,
            name: name.to_string(),
            detail,
            estimated_rows: estimated,
            rows: count.map(|count| count.rows.get()),
            nanoseconds: count
                .map(|count| count.nanoseconds.get())
                .filter(|ns| *ns > 0),
        });
    };
    let mut after = plan.rows;
    if let Some(grouping) = &select.grouping {
        after = match grouping.keys.is_empty() {
            true => 1.0,
            false => (after / 4.0).max(1.0),
        };
    }
    if select.limit.is_some() || select.offset > 0 {
        let limit = select
            .limit
            .map_or("all".to_string(), |limit| limit.to_string());
        let cut = select
            .limit
            .map_or(after, |limit| (limit as f64).min(after));
        add(
            depth,
            "limit",
            format!("{limit}, from {}", select.offset),
            Some(cut),
            counts.map(|(counts, _)| &counts.output),
        );
        depth += 1;
    }
    if !select.order.is_empty() {
        let top = select.limit.map_or(String::new(), |limit| {
            format!(", the first {} kept", limit.saturating_add(select.offset))
        });
        add(
            depth,
            "sort",
            format!("{} keys{top}", select.order.len()),
            Some(after),
            counts.map(|(counts, _)| &counts.sort),
        );
        depth += 1;
    }
    if select.distinct {
        add(depth, "distinct", String::new(), Some(after), None);
        depth += 1;
    }
    if !select.having.is_yes() {
        add(
            depth,
            "filter",
            "having".into(),
            Some(after),
            counts.map(|(counts, _)| &counts.having),
        );
        depth += 1;
    }
    if let Some(grouping) = &select.grouping {
        let detail = format!(
            "{} keys, {} aggregates",
            grouping.keys.len(),
            grouping.aggregates.len()
        );
        add(
            depth,
            "group",
            detail,
            Some(after),
            counts.map(|(counts, _)| &counts.group),
        );
        depth += 1;
    }
    for (at, join) in plan.joins.iter().enumerate().rev() {
        let kind = match (join.kind, join.keys.is_empty()) {
            (crate::query::select::JoinKind::Inner, false) => "hash join",
            (crate::query::select::JoinKind::Left, false) => "left hash join",
            (_, true) => "nested join",
        };
        add(
            depth,
            kind,
            format!(
                "{} keys, {} more conditions",
                join.keys.len(),
                join.residual.len() + join.after.len()
            ),
            Some(join.rows),
            counts.map(|(counts, _)| &counts.joins[at]),
        );
        depth += 1;
        let (detail, rows) = scan_detail(plan, &join.scan);
        add(
            depth,
            "scan",
            detail,
            Some(rows),
            counts.map(|(counts, _)| &counts.scans[at + 1]),
        );
    }
    let (detail, rows) = scan_detail(plan, &plan.base);
    add(
        depth,
        "scan",
        detail,
        Some(rows),
        counts.map(|(counts, _)| &counts.scans[0]),
    );
    steps
}

fn scan_detail(plan: &Plan<'_>, scan: &ScanPlan<'_>) -> (String, f64) {
    let table = &plan.select.tables[scan.number];
    let name = match table.name == table.alias {
        true => table.name.clone(),
        false => format!("{} {}", table.name, table.alias),
    };
    let columns = scan.columns.len();
    let detail = format!(
        "{name} by {}, {columns} columns, {} conditions",
        scan.access.path,
        scan.filter.len()
    );
    (detail, scan.rows)
}

/// Items as expressions over the rows at hand.
pub(super) fn placed(items: &[Item], layout: &Layout) -> Vec<Expr> {
    items.iter().map(|item| layout.place(&item.expr)).collect()
}

pub(super) fn evaluated(
    exprs: &[Expr],
    batch: &Batch,
    context: &Context<'_>,
) -> Result<Vec<Arc<Vector>>> {
    exprs
        .iter()
        .map(|expr| eval(expr, batch, context))
        .collect()
}
