//! Questions over the store: the DSL's and SQL's become one, and are answered from one moment.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::ingest::Moment;
use crate::query::{
    Aggregate, AnswerColumn, Catalogue, Context, Expr, ExprOp, Found, Grouping, Item, Key, Select,
    Step, plan, planned, run, sql,
};
use crate::store::columns::Cell;
use crate::store::repository::Repository;
use crate::store::tables::{Schema, Sources, StoreTables, schema};
use crate::store::view::{PointsOf, View};

/// A step of an expression as the DSL writes it: columns and aggregates are still names.
pub enum Written {
    Op(ExprOp),
    Column(String),
    /// What is counted, of which column (`None`: of rows).
    Aggregate(crate::query::AggregateKind, Option<String>, bool),
}

/// A question as the DSL writes it.
pub struct Spec {
    pub from: String,
    pub items: Vec<(String, Vec<Written>)>,
    pub condition: Vec<Written>,
    pub group: Vec<String>,
    pub having: Vec<Written>,
    pub order: Vec<(Vec<Written>, bool)>,
    pub limit: Option<usize>,
    pub offset: usize,
    pub distinct: bool,
    pub count_all: bool,
}

pub enum Asked {
    Sql(String),
    Spec(Box<Spec>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Answer,
    /// Only how it would be answered.
    Plan,
}

/// Bounds, and what only the VM knows.
pub struct Asking<'a> {
    pub mode: Mode,
    pub timeout: Duration,
    pub bytes_max: usize,
    pub wanted: &'a dyn Fn() -> bool,
    pub pid_text: &'a dyn Fn(u64) -> String,
    pub points: PointsOf<'a>,
}

pub struct Told {
    pub names: Vec<String>,
    pub columns: Vec<Vec<Cell>>,
    pub rows: usize,
    pub total: Option<u64>,
    pub scanned: u64,
    pub lost: u64,
    pub steps: Vec<Step>,
    pub peak_bytes: usize,
    /// Of the repository, and events so far: what the answer is of.
    pub version: u64,
    pub events: u64,
}

/// Answers a question from one version of the source and one moment of the run.
///
/// Errors: `Unknown`, `Invalid`, `Timeout`, `Cancelled`, `LimitExceeded`, `Corrupt`.
pub fn answer(repository: &Repository, asked: Asked, asking: &Asking<'_>) -> Result<Told> {
    let repository = repository.open()?.reading();
    let select = match asked {
        Asked::Sql(text) => sql::parse(&text, &Schema)?,
        Asked::Spec(spec) => select_of(*spec)?,
    };
    let Moment {
        reading,
        functions,
        edges,
        events,
    } = moment_for(&repository, &select);
    let view = View::at(&repository, asking.points, functions, &edges);
    let sources = Sources::new(&view, reading, asking.pid_text);
    let tables = StoreTables::new(&view, &sources, edges)?;
    let context = Context::new(asking.timeout, asking.bytes_max, asking.wanted);
    let names = select
        .tables
        .iter()
        .map(|table| table.name.clone())
        .collect::<Vec<_>>();
    let plan = plan(select, &tables)?;
    if asking.mode == Mode::Plan {
        return Ok(Told {
            names: plan
                .select
                .items
                .iter()
                .map(|item| item.name.clone())
                .collect(),
            columns: Vec::new(),
            rows: 0,
            total: None,
            scanned: 0,
            lost: 0,
            steps: planned(&plan),
            peak_bytes: 0,
            version: repository.version(),
            events,
        });
    }
    let found = run(&plan, &context)?;
    let columns = found
        .columns
        .iter()
        .map(|column| cells(column, &found, &names, &tables))
        .collect::<Result<_>>()?;
    Ok(Told {
        columns,
        names: found.names,
        rows: found.rows,
        total: found.total,
        scanned: found.scanned,
        lost: view.lost(),
        steps: found.steps,
        peak_bytes: found.peak_bytes,
        version: repository.version(),
        events,
    })
}

/// What of a run the question looks at, all at one moment.
fn moment_for<'r>(repository: &'r Repository, select: &Select) -> Moment<'r> {
    let of_run = |(table, column): &(usize, std::sync::Arc<str>)| {
        schema::table(&select.tables[*table].name).is_ok_and(|info| info.is_of_run(column))
    };
    let any_of_run = select.columns.iter().any(of_run);
    let any_costly = select.infos.iter().any(|info| info.costly);
    let calls = select.tables.iter().any(|table| table.name == "edges");
    repository.runtime().moment(any_of_run, calls || any_costly)
}

fn cells(
    column: &AnswerColumn,
    found: &Found,
    names: &[String],
    tables: &StoreTables<'_>,
) -> Result<Vec<Cell>> {
    match column {
        AnswerColumn::Vector(vector) => Ok((0..found.rows)
            .map(|row| Cell::Value(vector.value(row)))
            .collect()),
        AnswerColumn::Late {
            table,
            column,
            rows,
        } => tables.cells(&names[*table], column, rows),
    }
}

/// The DSL's question in the engine's terms.
fn select_of(spec: Spec) -> Result<Select> {
    Schema.table(&spec.from)?;
    let mut select = Select::of_table(&spec.from);
    let mut lowering = Lowering {
        select: &mut select,
        from: &spec.from,
        grouping: None,
    };
    let condition = lowering.expr(spec.condition)?;
    let is_aggregate = |ops: &[Written]| ops.iter().any(|op| matches!(op, Written::Aggregate(..)));
    let grouped = !spec.group.is_empty()
        || spec.items.iter().any(|(_, ops)| is_aggregate(ops))
        || is_aggregate(&spec.having);
    if grouped {
        let keys = spec
            .group
            .iter()
            .map(|path| Ok(Expr::column(lowering.column(path)?)))
            .collect::<Result<Vec<_>>>()?;
        lowering.grouping = Some((
            spec.group,
            Grouping {
                keys,
                aggregates: Vec::new(),
            },
        ));
    }
    let mut items = Vec::new();
    for (name, ops) in spec.items {
        items.push(Item {
            name,
            expr: lowering.expr(ops)?,
        });
    }
    let having = lowering.expr(spec.having)?;
    let mut order = Vec::new();
    for (ops, descending) in spec.order {
        order.push(Key {
            expr: lowering.expr(ops)?,
            descending,
            missing_first: false,
        });
    }
    let grouping = lowering.grouping.take().map(|(_, grouping)| grouping);
    if grouping.is_none() && !having.is_yes() {
        return Err(Error::Invalid {
            what: "having",
            detail: "it looks at groups, and there are none; conditions on rows go to where".into(),
        });
    }
    Ok(Select {
        condition,
        grouping,
        having,
        items,
        order,
        distinct: spec.distinct,
        limit: spec.limit,
        offset: spec.offset,
        count_all: spec.count_all,
        ..select
    })
}

struct Lowering<'l> {
    select: &'l mut Select,
    from: &'l str,
    grouping: Option<(Vec<String>, Grouping)>,
}

impl Lowering<'_> {
    fn column(&mut self, path: &str) -> Result<usize> {
        let info = Schema.column(self.from, path)?;
        Ok(self.select.column(0, path.into(), info))
    }

    fn expr(&mut self, written: Vec<Written>) -> Result<Expr> {
        let mut ops = Vec::with_capacity(written.len());
        for op in written {
            ops.push(match op {
                Written::Op(op) => op,
                Written::Column(path) => ExprOp::Column(self.place(&path)?),
                Written::Aggregate(kind, path, distinct) => {
                    let argument = match path {
                        Some(path) => Some(Expr::column(self.column(&path)?)),
                        None => None,
                    };
                    let Some((_, grouping)) = &mut self.grouping else {
                        return Err(Error::Invalid {
                            what: "condition",
                            detail: "an aggregate looks at groups: it goes to select, having or order_by".into(),
                        });
                    };
                    let aggregate = Aggregate {
                        kind,
                        argument,
                        distinct,
                    };
                    let all = &mut grouping.aggregates;
                    let known = all.iter().position(|known| *known == aggregate);
                    let at = known.unwrap_or_else(|| {
                        all.push(aggregate);
                        all.len() - 1
                    });
                    ExprOp::Column(grouping.keys.len() + at)
                }
            });
        }
        match ops.is_empty() {
            true => Ok(Expr::yes()),
            false => Expr::new(ops),
        }
    }

    fn place(&mut self, path: &str) -> Result<usize> {
        let Some((keys, _)) = &self.grouping else {
            return self.column(path);
        };
        match keys.iter().position(|key| key == path) {
            Some(at) => Ok(at),
            None => {
                Schema.column(self.from, path)?;
                Err(Error::Invalid {
                    what: "field",
                    detail: format!(
                        "{path} is not one value a group: put it into group_by, or into an aggregate such as {{:max, :{path}}}"
                    ),
                })
            }
        }
    }
}
