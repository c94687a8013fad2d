//! A question in the engine's own terms: what both the DSL and SQL become.
//!
//! Columns of all tables are numbered together: `Op::Column(n)` is `Select::columns[n]`. After grouping, the numbers are
//! those of the keys, then those of the aggregates.

use crate::query::expr::Expr;
use crate::query::table::{ColumnInfo, ColumnIx};

#[derive(Clone, Debug)]
pub struct TableUse {
    pub name: String,
    pub alias: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinKind {
    Inner,
    Left,
}

/// Joins the next table to those before it.
#[derive(Clone, Debug)]
pub struct Join {
    pub kind: JoinKind,
    pub on: Expr,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AggregateKind {
    /// Of rows, or of values that are there.
    Count,
    Sum,
    Average,
    Min,
    Max,
    /// `0.0..=1.0`, interpolated between the two nearest values (SQL's `PERCENTILE_CONT`; Hyndman and Fan's type 7).
    Percentile(f64),
    /// Of a sample (divided by n - 1).
    Deviation,
}

impl AggregateKind {
    pub fn name(self) -> String {
        match self {
            AggregateKind::Count => "count".into(),
            AggregateKind::Sum => "sum".into(),
            AggregateKind::Average => "avg".into(),
            AggregateKind::Min => "min".into(),
            AggregateKind::Max => "max".into(),
            AggregateKind::Percentile(part) => format!("percentile {part}"),
            AggregateKind::Deviation => "stddev".into(),
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Aggregate {
    pub kind: AggregateKind,
    /// `None` counts rows.
    pub argument: Option<Expr>,
    pub distinct: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Grouping {
    pub keys: Vec<Expr>,
    pub aggregates: Vec<Aggregate>,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub name: String,
    pub expr: Expr,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub expr: Expr,
    pub descending: bool,
    /// Otherwise what is missing comes last, whatever the direction.
    pub missing_first: bool,
}

#[derive(Clone, Debug)]
pub struct Select {
    pub tables: Vec<TableUse>,
    /// One less than tables.
    pub joins: Vec<Join>,
    /// Of which table, and which.
    pub columns: Vec<(usize, ColumnIx)>,
    /// What they hold, and whether that costs.
    pub infos: Vec<ColumnInfo>,
    pub condition: Expr,
    pub grouping: Option<Grouping>,
    pub having: Expr,
    pub items: Vec<Item>,
    pub distinct: bool,
    pub order: Vec<Key>,
    pub limit: Option<usize>,
    pub offset: usize,
    /// Whether rows are counted that a limit cuts off.
    pub count_all: bool,
}

impl Select {
    /// The number of a column, which is added when it is new.
    pub fn column(&mut self, table: usize, column: ColumnIx, info: ColumnInfo) -> usize {
        let same = |at: &(usize, ColumnIx)| at.0 == table && at.1 == column;
        self.columns.iter().position(same).unwrap_or_else(|| {
            self.columns.push((table, column));
            self.infos.push(info);
            self.columns.len() - 1
        })
    }

    pub fn of_table(name: &str) -> Select {
        Select {
            tables: vec![TableUse {
                name: name.to_string(),
                alias: name.to_string(),
            }],
            joins: Vec::new(),
            columns: Vec::new(),
            infos: Vec::new(),
            condition: Expr::yes(),
            grouping: None,
            having: Expr::yes(),
            items: Vec::new(),
            distinct: false,
            order: Vec::new(),
            limit: None,
            offset: 0,
            count_all: false,
        }
    }
}
