//! Queries over the store: from paths to columns, from sources to rows.

use std::time::Duration;

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::query::{Answer, Comparison, Direction, Op, Plan, Program, Row, execute};
use crate::store::columns::{Cell, Column, FromName};
use crate::store::function_row::FunctionRow;
use crate::store::locate::function_number;
use crate::store::module_row::ModuleRow;
use crate::store::node_row::NodeRow;
use crate::store::view::View;
use crate::value::Value;

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
            let only = only_module(&question.condition);
            let any_stored = view.repository.has_stored_functions();
            let of_source = modules.iter().flat_map(|record| {
                let range = record
                    .definition()
                    .filter(|(_, _, module)| only.is_none_or(|name| name == module.name))
                    .map_or(0..0, |(_, _, module)| module.functions.clone());
                range.filter_map(|function| {
                    FunctionRow::of_source(view, record.clone(), function, any_stored)
                })
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
            let stored = match any_stored {
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

/// The module that every answer is of, when the condition says so: then other modules need no scan.
fn only_module(condition: &[Op<Path>]) -> Option<Atom> {
    let conjunction = condition
        .iter()
        .all(|op| !matches!(op, Op::Or(_) | Op::Not));
    let name_is = |op: &Op<Path>| match op {
        Op::Compare {
            comparison: Comparison::Eq,
            column,
            value: Value::Atom(name),
        } if matches!(column.as_slice(), [field] if field.text() == "module_name") => Some(*name),
        _ => None,
    };
    condition.iter().find_map(name_is).filter(|_| conjunction)
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
