//! Queries over the store: from paths to columns, from sources to rows.

use std::time::Duration;

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::query::{Answer, Direction, Op, Plan, Program, Row, execute};
use crate::store::columns::{Cell, Column, FromName};
use crate::store::function_row::FunctionRow;
use crate::store::locate::function_number;
use crate::store::module_row::ModuleRow;
use crate::store::node_row::NodeRow;
use crate::store::view::View;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    Modules,
    Functions,
    Nodes,
}

pub type Path = Vec<Atom>;

/// A question as it is asked: fields are still paths.
pub struct Question {
    pub from: From,
    pub select: Vec<Path>,
    pub condition: Vec<Op<Path>>,
    pub order: Vec<(Path, Direction)>,
    pub limit: Option<usize>,
    pub offset: usize,
    pub timeout: Duration,
}

pub struct Reply {
    pub rows: Vec<Vec<Cell>>,
    pub total: usize,
    pub scanned: usize,
}

/// Answers a question.
///
/// Errors: `Timeout`, `Invalid`, `LimitExceeded`.
pub fn ask(view: &View<'_>, question: Question) -> Result<Reply> {
    view.repository.open()?;
    match question.from {
        From::Modules => {
            let modules = view.repository.modules();
            let rows = modules
                .iter()
                .map(|record| ModuleRow::new(view, record.clone()));
            run(question, rows, ModuleRow::cell)
        }
        From::Functions => {
            let modules = view.repository.modules();
            let of_source = modules.iter().flat_map(|record| {
                let range = record
                    .definition()
                    .map_or(0..0, |(_, _, module)| module.functions.clone());
                range.filter_map(|function| FunctionRow::of_source(view, record.clone(), function))
            });
            let repository = view.repository;
            let known = |record: &crate::store::record::FunctionRecord| {
                let key = record.key;
                repository.definition(key.module).is_some_and(|(unit, _)| {
                    function_number(&unit, &key).is_some_and(|number| {
                        // A function that defaults make is its definition's row.
                        unit.functions()[number as usize].arity == key.arity
                    })
                })
            };
            let stored = match repository.has_stored_functions() {
                true => repository.stored_functions(),
                false => Vec::new(),
            };
            let alone = stored.into_iter().filter(|record| !known(record));
            let rows = of_source.chain(alone.map(|record| FunctionRow::of_stored(view, record)));
            run(question, rows, FunctionRow::cell)
        }
        From::Nodes => {
            let units = view.repository.units();
            let rows = units.iter().flat_map(|unit| {
                (0..unit.ast().len() as u32).map(move |ix| NodeRow::new(view, unit, NodeIx(ix)))
            });
            run(question, rows, NodeRow::cell)
        }
    }
}

fn run<F, R>(
    question: Question,
    rows: impl Iterator<Item = R>,
    cell: impl Fn(&R, &Column<F>) -> Cell,
) -> Result<Reply>
where
    F: FromName,
    R: Row<Column = Column<F>>,
{
    let select = question
        .select
        .iter()
        .map(column)
        .collect::<Result<Vec<_>>>()?;
    let condition = question
        .condition
        .into_iter()
        .map(operation)
        .collect::<Result<Vec<_>>>()?;
    let order = question
        .order
        .iter()
        .map(|(path, direction)| Ok((column(path)?, *direction)));
    let plan = Plan {
        condition: Program::new(condition)?,
        order: order.collect::<Result<Vec<_>>>()?,
        limit: question.limit,
        offset: question.offset,
        timeout: question.timeout,
    };
    let Answer {
        rows,
        total,
        scanned,
    } = execute(&plan, rows)?;
    let rows = rows
        .iter()
        .map(|row| select.iter().map(|column| cell(row, column)).collect())
        .collect();
    Ok(Reply {
        rows,
        total,
        scanned,
    })
}

fn operation<F: FromName>(op: Op<Path>) -> Result<Op<Column<F>>> {
    Ok(match op {
        Op::Compare {
            comparison,
            column: path,
            value,
        } => Op::Compare {
            comparison,
            column: column(&path)?,
            value,
        },
        Op::In {
            column: path,
            values,
        } => Op::In {
            column: column(&path)?,
            values,
        },
        Op::Like {
            column: path,
            pattern,
        } => Op::Like {
            column: column(&path)?,
            pattern,
        },
        Op::And(n) => Op::And(n),
        Op::Or(n) => Op::Or(n),
        Op::Not => Op::Not,
    })
}

fn column<F: FromName>(path: &Path) -> Result<Column<F>> {
    Column::new(path).ok_or_else(|| Error::Invalid {
        what: "field",
        detail: "an empty path".into(),
    })
}
