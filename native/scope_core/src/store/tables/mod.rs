//! The repository as tables, at one moment.

mod kept;
mod kinds;
mod log;
mod nodes;
mod points;
mod rows;
pub mod schema;
mod small;

use std::cell::OnceCell;

use crate::error::{Error, Result};
use crate::ingest::{Edge, Reading};
use crate::query::{MemoryTable, Table, Tables, unknown};
use crate::store::columns::Cell;
use crate::store::view::View;

use kinds::{Functions, Modules};
use log::{Activations, Events, LogColumns, PidText};
use nodes::Nodes;
use rows::RowTable;

pub use kept::{About as AboutKept, Columns as KeptColumnNames, Equalities, Kept};
pub use log::EVENT_TYPES;
pub use schema::{Schema, TABLES, TableInfo};

/// Rows of modules and functions, made from a view.
pub struct Sources<'v> {
    modules: Modules<'v>,
    functions: Functions<'v>,
    log: LogColumns<'v>,
}

impl<'v> Sources<'v> {
    pub fn new(view: &'v View<'v>, reading: Reading<'v>, pid_text: PidText<'v>) -> Self {
        Sources {
            modules: Modules(view),
            functions: Functions(view),
            log: LogColumns::new(reading, pid_text),
        }
    }
}

/// All tables. What is not asked for is not made.
pub struct StoreTables<'m> {
    view: &'m View<'m>,
    sources: &'m Sources<'m>,
    observed: Vec<Edge>,
    modules: RowTable<'m, Modules<'m>>,
    functions: RowTable<'m, Functions<'m>>,
    nodes: OnceCell<Nodes<'m>>,
    events: Events<'m, 'm>,
    activations: Activations<'m, 'm>,
    clauses: OnceCell<MemoryTable>,
    edges: OnceCell<MemoryTable>,
    processes: OnceCell<MemoryTable>,
    findings: OnceCell<MemoryTable>,
}

impl<'m> StoreTables<'m> {
    pub fn new(view: &'m View<'m>, sources: &'m Sources<'m>, observed: Vec<Edge>) -> Result<Self> {
        let version = view.repository.version();
        let kept = view.repository.kept_columns();
        Ok(StoreTables {
            view,
            sources,
            observed,
            modules: RowTable::new(schema::table("modules")?, &sources.modules, version, kept),
            functions: RowTable::new(
                schema::table("functions")?,
                &sources.functions,
                version,
                kept,
            ),
            nodes: OnceCell::new(),
            events: Events(&sources.log),
            activations: Activations(&sources.log),
            clauses: OnceCell::new(),
            edges: OnceCell::new(),
            processes: OnceCell::new(),
            findings: OnceCell::new(),
        })
    }

    fn nodes(&self) -> &Nodes<'m> {
        self.nodes.get_or_init(|| Nodes::new(self.view))
    }

    /// Keeps columns of modules or functions, and their index. Errors: `Unknown`, `Invalid`.
    pub fn prepare(&self, table: &str, columns: &KeptColumnNames, indexed: bool) -> Result<()> {
        match schema::table(table)?.name {
            "modules" => self.modules.prepare(columns, indexed),
            "functions" => self.functions.prepare(columns, indexed),
            _ => Err(Error::Invalid {
                what: "source",
                detail: "columns and indexes are kept of modules and functions".into(),
            }),
        }
    }

    /// Cells of a column that was left for the end.
    pub fn cells(&self, table: &str, column: &str, rows: &[i64]) -> Result<Vec<Cell>> {
        match table {
            "modules" => self.modules.cells(column, rows),
            "functions" => self.functions.cells(column, rows),
            "ast_nodes" => self.nodes().cells(column, rows),
            _ => Err(Error::NotFound { what: "column" }),
        }
    }
}

impl Tables for StoreTables<'_> {
    fn table(&self, name: &str) -> Result<&dyn Table> {
        let info = schema::table(name)?;
        let repository = self.view.repository;
        Ok(match name {
            "modules" => &self.modules,
            "functions" => &self.functions,
            "ast_nodes" => self.nodes(),
            "events" => &self.events,
            "activations" => &self.activations,
            "clauses" => self
                .clauses
                .get_or_init(|| small::clauses(info, repository)),
            "edges" => self
                .edges
                .get_or_init(|| small::edges(info, repository, &self.observed)),
            "findings" => self.findings.get_or_init(|| small::found(info, repository)),
            "processes" => match self.processes.get() {
                Some(made) => made,
                None => {
                    let made = small::processes(info, &self.sources.log)?;
                    self.processes.get_or_init(|| made)
                }
            },
            other => {
                return Err(unknown(
                    "source",
                    other,
                    TABLES.iter().map(|table| table.name),
                ));
            }
        })
    }
}
