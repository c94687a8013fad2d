//! Nodes of the source as a table, a file at a time. Kinds, names and places come straight from the arena.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::ast::{Kind, NodeIx};
use crate::atoms::{Atom, intern};
use crate::error::{Error, Result};
use crate::query::{
    Access, Batch, Builder, Catalogue, Comparison, Context, Dictionary, Hint, MISSING, Missing,
    Row, Scan, Sink, Table, Vector, atom_text,
};
use crate::source::Unit;
use crate::store::columns::{Cell, Column};
use crate::store::node_row::{NodeField, NodeRow, kind_word};
use crate::store::tables::points::function_name;
use crate::store::tables::schema::Schema;
use crate::store::view::View;
use crate::value::Value;

pub struct Nodes<'m> {
    view: &'m View<'m>,
    units: Arc<[Arc<Unit>]>,
    /// The number of each unit's first row, and one more.
    firsts: Vec<i64>,
}

impl<'m> Nodes<'m> {
    pub fn new(view: &'m View<'m>) -> Self {
        let units = view.repository.units();
        let mut firsts = vec![0];
        for unit in units.iter() {
            firsts.push(firsts[firsts.len() - 1] + unit.ast().len() as i64);
        }
        Nodes {
            view,
            units,
            firsts,
        }
    }

    fn column_of(path: &str) -> Result<Column<NodeField>> {
        let path: Vec<Atom> = path.split('.').map(intern).collect();
        Column::new(&path).ok_or_else(|| Error::Invalid {
            what: "field",
            detail: "an empty path".into(),
        })
    }

    pub fn cells(&self, path: &str, rows: &[i64]) -> Result<Vec<Cell>> {
        let column = Self::column_of(path)?;
        let cell = |row: &i64| {
            let at = self
                .firsts
                .partition_point(|first| first <= row)
                .checked_sub(1);
            let unit = at
                .filter(|_| *row >= 0)
                .and_then(|at| Some((self.units.get(at)?, at)));
            let Some((unit, at)) = unit else {
                return Cell::Value(Value::nil());
            };
            let ix = NodeIx((row - self.firsts[at]) as u32);
            NodeRow::new(self.view, unit, ix).cell(&column)
        };
        Ok(rows.iter().map(cell).collect())
    }

    fn column(&self, unit: &Arc<Unit>, path: &str) -> Result<Vector> {
        let ast = unit.ast();
        let nodes = || (0..ast.len() as u32).map(NodeIx);
        let ints = |of: &dyn Fn(NodeIx) -> Option<i64>| {
            let values: Vec<Option<i64>> = nodes().map(of).collect();
            let missing: Missing = values
                .contains(&None)
                .then(|| values.iter().map(Option::is_none).collect());
            Vector::Int(
                values.iter().map(|value| value.unwrap_or(0)).collect(),
                missing,
            )
        };
        let function = |ix: NodeIx| {
            let clause = unit.clause_of(ix)?;
            Some(&unit.functions()[unit.clauses()[clause as usize].function as usize])
        };
        Ok(match path {
            "kind" => {
                // Kinds are few: their words are looked up once.
                let mut words: [u32; 256] = [MISSING; 256];
                Vector::Atom(
                    nodes()
                        .map(|ix| {
                            let kind = ast.kind(ix);
                            let word = &mut words[kind as usize & 255];
                            if *word == MISSING
                                && let Value::Atom(atom) = kind_word(kind)
                            {
                                *word = atom.0;
                            }
                            *word
                        })
                        .collect(),
                )
            }
            "name" => Vector::Atom(
                nodes()
                    .map(|ix| match ast.kind(ix).has_meta() {
                        true => ast.atom(ix).map_or(MISSING, |atom| atom.0),
                        false => MISSING,
                    })
                    .collect(),
            ),
            "line" => ints(&|ix| ast.line(ix).map(i64::from)),
            "column" => ints(&|ix| ast.column(ix).map(i64::from)),
            "argument_count" => ints(&|ix| match ast.kind(ix) {
                Kind::Call => Some(ast.children(ix).count() as i64),
                Kind::CallExpr => Some(ast.children(ix).count() as i64 - 1),
                _ => None,
            }),
            "module_name" => Vector::Atom(
                nodes()
                    .map(|ix| {
                        let module = unit.module_of(ix);
                        module.map_or(MISSING, |module| unit.modules()[module as usize].name.0)
                    })
                    .collect(),
            ),
            "function_name" => Vector::Atom(
                nodes()
                    .map(|ix| function(ix).map_or(MISSING, |function| function.name.0))
                    .collect(),
            ),
            "arity" => ints(&|ix| function(ix).map(|function| i64::from(function.arity))),
            "file" | "source_file" => {
                let texts: Dictionary = Arc::new(vec![Arc::from(unit.file().as_bytes())]);
                Vector::Text(vec![0; ast.len()], texts)
            }
            "function" => {
                let names = unit.functions().iter().map(|function| {
                    let key = crate::capture::points::FunctionKey {
                        module: unit.modules()[function.module as usize].name,
                        name: function.name,
                        arity: function.arity,
                    };
                    Arc::from(function_name(&key).as_bytes())
                });
                let texts: Dictionary = Arc::new(names.collect());
                let codes = nodes().map(|ix| {
                    let clause = unit.clause_of(ix);
                    clause.map_or(MISSING, |clause| unit.clauses()[clause as usize].function)
                });
                Vector::Text(codes.collect(), texts)
            }
            path => {
                let mut builder = Builder::new(Schema.column("ast_nodes", path)?.kind);
                let column = Self::column_of(path)?;
                for ix in nodes() {
                    builder.push(
                        NodeRow::new(self.view, unit, ix)
                            .value(&column)
                            .into_owned(),
                    );
                }
                builder.finish()
            }
        })
    }

    /// Whether rows of a unit can meet the conditions.
    fn concerns(unit: &Unit, hints: &[Hint]) -> bool {
        hints.iter().all(|hint| match hint {
            Hint::Compare(column, Comparison::Eq, value) => match &**column {
                "file" | "source_file" => value
                    .as_text()
                    .is_none_or(|text| text == unit.file().as_bytes()),
                "module_name" => value.as_text().is_none_or(|text| {
                    let mut modules = unit.modules().iter();
                    modules.any(|module| atom_text(module.name.0) == text)
                }),
                _ => true,
            },
            _ => true,
        })
    }
}

impl Table for Nodes<'_> {
    fn rows(&self) -> u64 {
        self.firsts[self.firsts.len() - 1] as u64
    }

    fn distinct(&self, column: &str) -> Option<u64> {
        match column {
            "kind" => Some(11),
            "file" | "source_file" => Some(self.units.len() as u64),
            _ => None,
        }
    }

    fn access(&self, hints: &[Hint]) -> Access {
        let own = self.units.iter().filter(|unit| Self::concerns(unit, hints));
        let rows = own.map(|unit| unit.ast().len() as u64).sum();
        Access {
            path: match rows == Table::rows(self) {
                true => "scan".into(),
                false => "index of files".into(),
            },
            rows,
        }
    }

    fn scan(&self, scan: &Scan<'_>, context: &Context<'_>, sink: &mut Sink<'_>) -> Result<()> {
        for (unit, first) in self.units.iter().zip(&self.firsts) {
            if !Self::concerns(unit, scan.hints) {
                continue;
            }
            context.check()?;
            let mut columns = Vec::with_capacity(scan.columns.len() + 1);
            for path in scan.columns {
                columns.push(Arc::new(self.column(unit, path)?));
            }
            let rows = unit.ast().len();
            columns.push(Arc::new(Vector::Int(
                (*first..first + rows as i64).collect(),
                None,
            )));
            if sink(Batch { rows, columns })? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}
