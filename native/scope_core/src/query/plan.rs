//! From a question to a plan: which conditions go down to which table, which columns are read, in which order tables
//! are joined, and how far one has to read. The rules are the textbook's (Selinger et al. 1979 for selectivity; Graefe 1993).

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::query::compare;
use crate::query::compare::Comparison;
use crate::query::expr::{Expr, Op};
use crate::query::select::{JoinKind, Select};
use crate::query::table::{Access, ColumnIx, Hint, Table, Tables};

/// What is assumed of a condition that nothing is known of: the part of rows that it lets through.
const EQUALITY: f64 = 0.1;
const RANGE: f64 = 0.3;
const TEXT: f64 = 0.25;
const OTHER: f64 = 0.5;

pub struct ScanPlan<'a> {
    pub table: &'a dyn Table,
    /// Of `Select::tables`.
    pub number: usize,
    /// The columns that are read, as the table numbers them, and as the question does.
    pub columns: Vec<ColumnIx>,
    pub globals: Vec<usize>,
    pub hints: Vec<Hint>,
    /// Conditions on this table alone, over `Select::columns`.
    pub filter: Vec<Expr>,
    pub access: Access,
    /// Rows that pass the filter, estimated.
    pub rows: f64,
}

pub struct JoinPlan<'a> {
    pub kind: JoinKind,
    pub scan: ScanPlan<'a>,
    /// Equal on both sides: an expression over the tables so far, and one over the new one.
    pub keys: Vec<(Expr, Expr)>,
    /// What else has to hold for two rows to match.
    pub residual: Vec<Expr>,
    /// Conditions that can be looked at once this table is joined.
    pub after: Vec<Expr>,
    pub rows: f64,
}

pub struct Plan<'a> {
    pub select: Select,
    pub base: ScanPlan<'a>,
    pub joins: Vec<JoinPlan<'a>>,
    /// Conditions that name no table.
    pub constant: Vec<Expr>,
    /// Items that are fetched for the rows of the answer alone: item, table, column.
    pub late: Vec<(usize, usize, ColumnIx)>,
    /// Rows of the answer, before limit, estimated.
    pub rows: f64,
}

/// Each table is taken once.
const LOST: Error = Error::NotFound { what: "table" };

pub fn plan<'a>(select: Select, tables: &'a dyn Tables) -> Result<Plan<'a>> {
    let tables: Vec<&dyn Table> = select
        .tables
        .iter()
        .map(|table| tables.table(&table.name))
        .collect::<Result<_>>()?;
    let table_of = |column: usize| select.columns[column].0;
    let tables_of = |expr: &Expr| -> u64 {
        expr.columns()
            .fold(0, |all, column| all | 1 << table_of(column))
    };
    // A table on the right of an outer join: what is asked of it after the join is not what is asked before.
    let nullable: u64 = select
        .joins
        .iter()
        .enumerate()
        .filter(|(_, join)| join.kind == JoinKind::Left)
        .fold(0, |all, (at, _)| all | 1 << (at + 1));

    let mut own: Vec<Vec<Expr>> = vec![Vec::new(); tables.len()];
    let mut constant = Vec::new();
    // Conditions over several tables (or a nullable one) with the tables they need.
    let mut shared: Vec<(u64, Expr)> = Vec::new();
    let mut place = |expr: Expr, own: &mut Vec<Vec<Expr>>, constant: &mut Vec<Expr>| {
        let needs = tables_of(&expr);
        match needs.count_ones() {
            0 => constant.push(expr),
            1 if needs & nullable == 0 => own[needs.trailing_zeros() as usize].push(expr),
            _ => shared.push((needs, expr)),
        }
    };
    for expr in select.condition.clone().conjuncts() {
        place(expr, &mut own, &mut constant);
    }
    let mut outer: Vec<Vec<Expr>> = vec![Vec::new(); tables.len()];
    for (at, join) in select.joins.iter().enumerate() {
        for expr in join.on.clone().conjuncts() {
            match join.kind {
                JoinKind::Inner => place(expr, &mut own, &mut constant),
                JoinKind::Left if tables_of(&expr) == 1 << (at + 1) => own[at + 1].push(expr),
                JoinKind::Left => outer[at + 1].push(expr),
            }
        }
    }

    let late = late_items(&select);
    let read = columns_read(&select, &late);
    let mut scans: Vec<Option<ScanPlan<'a>>> = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let globals: Vec<usize> = read
            .iter()
            .copied()
            .filter(|column| table_of(*column) == number)
            .collect();
        let columns = globals
            .iter()
            .map(|column| select.columns[*column].1.clone())
            .collect();
        let filter = std::mem::take(&mut own[number]);
        let hints = hints(&filter, &select.columns);
        let access = table.access(&hints);
        let all = table.rows().max(1) as f64;
        let part: f64 = filter
            .iter()
            .map(|expr| selectivity(expr, *table, &select.columns))
            .product();
        scans.push(Some(ScanPlan {
            table: *table,
            number,
            columns,
            globals,
            hints,
            rows: (all * part).min(access.rows as f64).max(1.0),
            filter,
            access,
        }));
    }

    // The order: as written where an outer join fixes it; else the largest table is read as a stream, and the others
    // come smallest first, those with a condition that ties them to what is there before those without.
    let mut order: Vec<usize> = (0..tables.len()).collect();
    if nullable == 0 && tables.len() > 1 {
        let size = |table: usize| scans[table].as_ref().map_or(0.0, |scan| scan.rows);
        let first = (0..tables.len())
            .max_by(|a, b| size(*a).total_cmp(&size(*b)).then(b.cmp(a)))
            .unwrap_or(0);
        let mut left: Vec<usize> = (0..tables.len()).filter(|table| *table != first).collect();
        order = vec![first];
        while !left.is_empty() {
            let have: u64 = order.iter().fold(0, |all, table| all | 1 << table);
            let tied = |table: usize| {
                shared.iter().any(|(needs, _)| {
                    needs & 1 << table != 0
                        && needs & have != 0
                        && needs & !(have | 1 << table) == 0
                })
            };
            let next = (0..left.len())
                .min_by(|a, b| {
                    let key = |at: usize| (!tied(left[at]), size(left[at]));
                    let ((a_tied, a_size), (b_tied, b_size)) = (key(*a), key(*b));
                    a_tied.cmp(&b_tied).then(a_size.total_cmp(&b_size))
                })
                .unwrap_or(0);
            order.push(left.remove(next));
        }
    }

    let base = scans[order[0]].take().ok_or(LOST)?;
    let mut have: u64 = 1 << order[0];
    let mut rows = base.rows;
    let mut joins = Vec::new();
    for number in &order[1..] {
        let scan = scans[*number].take().ok_or(LOST)?;
        // The first table has no join of its own; it is only moved behind another when all are inner.
        let own = number.checked_sub(1).and_then(|at| select.joins.get(at));
        let kind = own.map_or(JoinKind::Inner, |join| join.kind);
        let with = have | 1 << number;
        let candidates: Vec<Expr> = match kind {
            JoinKind::Left => std::mem::take(&mut outer[*number]),
            JoinKind::Inner => take_ready(&mut shared, with),
        };
        let mut keys = Vec::new();
        let mut residual = Vec::new();
        for expr in candidates {
            match key_of(&expr, have, 1 << number, &tables_of) {
                Some(key) => keys.push(key),
                None => residual.push(expr),
            }
        }
        have = with;
        let after = take_ready(&mut shared, have);
        let matching = match keys.is_empty() {
            true => scan.rows,
            false => {
                let distinct = keys
                    .iter()
                    .filter_map(|(_, key)| key.as_column())
                    .filter_map(|column| scan.table.distinct(&select.columns[column].1))
                    .max()
                    .unwrap_or(scan.rows as u64)
                    .max(1);
                scan.rows / distinct as f64
            }
        };
        rows *= match kind {
            JoinKind::Left => matching.max(1.0),
            JoinKind::Inner => matching,
        };
        rows = rows.max(1.0);
        joins.push(JoinPlan {
            kind,
            scan,
            keys,
            residual,
            after,
            rows,
        });
    }
    Ok(Plan {
        rows,
        select,
        base,
        joins,
        constant,
        late,
    })
}

fn take_ready(shared: &mut Vec<(u64, Expr)>, have: u64) -> Vec<Expr> {
    let mut ready = Vec::new();
    shared.retain_mut(|(needs, expr)| {
        let is_ready = *needs & !have == 0;
        if is_ready {
            ready.push(std::mem::take(expr));
        }
        !is_ready
    });
    ready
}

/// `a = b`, when one side is of the tables so far and the other of the new one.
fn key_of(
    expr: &Expr,
    have: u64,
    new: u64,
    tables_of: &dyn Fn(&Expr) -> u64,
) -> Option<(Expr, Expr)> {
    if expr.ops.last() != Some(&Op::Compare(Comparison::Eq)) {
        return None;
    }
    let sides = expr.operands();
    let side = |at: usize| Expr {
        ops: sides[at].to_vec(),
    };
    let (a, b) = (side(0), side(1));
    let (of_a, of_b) = (tables_of(&a), tables_of(&b));
    let ours = |tables: u64| tables != 0 && tables & !have == 0;
    match (of_a, of_b) {
        (a_tables, b_tables) if ours(a_tables) && b_tables == new => Some((a, b)),
        (a_tables, b_tables) if ours(b_tables) && a_tables == new => Some((b, a)),
        _ => None,
    }
}

/// `column op literal` and `column in literals`, for tables to use.
fn hints(filter: &[Expr], columns: &[(usize, ColumnIx)]) -> Vec<Hint> {
    let of = |column: usize| columns[column].1.clone();
    filter
        .iter()
        .filter_map(|expr| {
            let ops = match expr.ops.as_slice() {
                [ops @ .., Op::IsTrue] => ops,
                ops => ops,
            };
            match ops {
                [
                    Op::Column(column),
                    Op::Literal(value),
                    Op::Compare(comparison),
                ] => Some(Hint::Compare(of(*column), *comparison, value.clone())),
                [
                    Op::Literal(value),
                    Op::Column(column),
                    Op::Compare(comparison),
                ] => Some(Hint::Compare(
                    of(*column),
                    compare::turned(*comparison),
                    value.clone(),
                )),
                [Op::Column(column), Op::In(values)] => {
                    Some(Hint::In(of(*column), Arc::clone(values)))
                }
                _ => None,
            }
        })
        .collect()
}

fn selectivity(expr: &Expr, table: &dyn Table, columns: &[(usize, ColumnIx)]) -> f64 {
    let distinct = |ops: &[Op]| match ops.first() {
        Some(Op::Column(column)) => table.distinct(&columns[*column].1),
        _ => None,
    };
    let ops = match expr.ops.as_slice() {
        [ops @ .., Op::IsTrue] => ops,
        ops => ops,
    };
    match ops.last() {
        Some(Op::Compare(Comparison::Eq)) => {
            distinct(ops).map_or(EQUALITY, |distinct| 1.0 / distinct.max(1) as f64)
        }
        Some(Op::Compare(Comparison::Ne)) => distinct(ops).map_or(1.0 - EQUALITY, |distinct| {
            1.0 - 1.0 / distinct.max(1) as f64
        }),
        Some(Op::Compare(_)) => RANGE,
        Some(Op::In(values)) => distinct(ops)
            .map_or(EQUALITY * values.len() as f64, |distinct| {
                values.len() as f64 / distinct.max(1) as f64
            })
            .min(1.0),
        Some(Op::Like { .. }) => TEXT,
        _ => OTHER,
    }
}

/// Items that are one costly column, of which nothing else needs the value.
fn late_items(select: &Select) -> Vec<(usize, usize, ColumnIx)> {
    if select.grouping.is_some() || select.distinct {
        return Vec::new();
    }
    let mut elsewhere: Vec<usize> = select.condition.columns().collect();
    elsewhere.extend(select.joins.iter().flat_map(|join| join.on.columns()));
    elsewhere.extend(select.order.iter().flat_map(|key| key.expr.columns()));
    let computed = select
        .items
        .iter()
        .filter(|item| item.expr.as_column().is_none());
    elsewhere.extend(computed.flat_map(|item| item.expr.columns()));
    let late = select.items.iter().enumerate().filter_map(|(at, item)| {
        let global = item.expr.as_column()?;
        let (table, column) = &select.columns[global];
        let costly = select.infos[global].costly && !elsewhere.contains(&global);
        costly.then(|| (at, *table, column.clone()))
    });
    late.collect()
}

/// The columns that have to be read, in the order of their numbers.
fn columns_read(select: &Select, late: &[(usize, usize, ColumnIx)]) -> Vec<usize> {
    let mut read: Vec<usize> = select.condition.columns().collect();
    read.extend(select.joins.iter().flat_map(|join| join.on.columns()));
    match &select.grouping {
        Some(grouping) => {
            read.extend(grouping.keys.iter().flat_map(|key| key.columns()));
            let arguments = grouping.aggregates.iter();
            read.extend(
                arguments
                    .filter_map(|aggregate| aggregate.argument.as_ref())
                    .flat_map(|argument| argument.columns()),
            );
        }
        None => {
            let now = select.items.iter().enumerate();
            let now = now.filter(|(at, _)| late.iter().all(|(late, ..)| late != at));
            read.extend(now.flat_map(|(_, item)| item.expr.columns()));
            read.extend(select.order.iter().flat_map(|key| key.expr.columns()));
        }
    }
    read.sort_unstable();
    read.dedup();
    read
}
