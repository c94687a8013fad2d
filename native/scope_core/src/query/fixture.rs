//! Two small tables, for tests.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::query::{
    AnswerColumn, Builder, Catalogue, ColumnInfo, ColumnIx, Context, Found, MemoryTable, Select,
    Table, Tables, Type, plan, run, sql, unknown,
};
use crate::value::Value;

pub struct Fixture {
    tables: Vec<(&'static str, MemoryTable)>,
}

pub fn column(values: &[Value]) -> Arc<crate::query::Vector> {
    let kind = values
        .iter()
        .find(|value| !value.is_nil())
        .map_or(Type::Int, |value| match value {
            Value::Int(_) => Type::Int,
            Value::Float(_) => Type::Float,
            Value::Binary(_) => Type::Text,
            _ => Type::Any,
        });
    let mut builder = Builder::new(kind);
    for value in values {
        builder.push(value.clone());
    }
    Arc::new(builder.finish())
}

impl Fixture {
    pub fn new() -> Fixture {
        let text = Value::text;
        let int = Value::Int;
        let functions = MemoryTable {
            rows: 5,
            columns: vec![
                (
                    "name",
                    column(&[text("a"), text("b"), text("c"), text("d"), text("e")]),
                ),
                (
                    "module",
                    column(&[text("M"), text("M"), text("N"), text("N"), Value::nil()]),
                ),
                (
                    "calls",
                    column(&[int(10), int(0), int(7), Value::nil(), int(3)]),
                ),
                (
                    "share",
                    column(&[
                        Value::Float(0.5),
                        Value::Float(0.25),
                        Value::nil(),
                        Value::Float(1.0),
                        Value::Float(0.0),
                    ]),
                ),
            ],
        };
        let modules = MemoryTable {
            rows: 3,
            columns: vec![
                ("module", column(&[text("M"), text("N"), text("O")])),
                (
                    "kind",
                    column(&[text("genserver"), text("plain"), text("plain")]),
                ),
            ],
        };
        Fixture {
            tables: vec![("functions", functions), ("modules", modules)],
        }
    }

    pub fn ask(&self, text: &str) -> Result<Vec<Vec<Value>>> {
        let select = sql::parse(text, self)?;
        Ok(rows(&self.run(select)?))
    }

    pub fn run(&self, select: Select) -> Result<Found> {
        let wanted = || true;
        let context = Context::new(Duration::from_secs(5), 1 << 28, &wanted);
        run(&plan(select, self)?, &context)
    }

    fn named(&self, name: &str) -> Result<&MemoryTable> {
        let found = self.tables.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, table)| table)
            .ok_or_else(|| unknown("table", name, self.tables.iter().map(|(name, _)| *name)))
    }
}

impl Catalogue for Fixture {
    fn table(&self, name: &str) -> Result<()> {
        self.named(name).map(|_| ())
    }

    fn column(&self, table: &str, path: &str) -> Result<ColumnInfo> {
        let table = self.named(table)?;
        let found = table.columns.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, column)| ColumnInfo {
                kind: column.kind(),
                costly: false,
            })
            .ok_or_else(|| unknown("column", path, table.columns.iter().map(|(name, _)| *name)))
    }

    fn default_columns(&self, table: &str) -> Vec<ColumnIx> {
        let columns = self.named(table).map(|table| &table.columns);
        columns.map_or(Vec::new(), |columns| {
            columns.iter().map(|(name, _)| (*name).into()).collect()
        })
    }
}

impl Tables for Fixture {
    fn table(&self, name: &str) -> Result<&dyn Table> {
        self.named(name).map(|table| table as &dyn Table)
    }
}

pub fn rows(found: &Found) -> Vec<Vec<Value>> {
    let cell = |column: &AnswerColumn, row: usize| match column {
        AnswerColumn::Vector(vector) => vector.value(row),
        AnswerColumn::Late { .. } => Value::text("late"),
    };
    (0..found.rows)
        .map(|row| {
            found
                .columns
                .iter()
                .map(|column| cell(column, row))
                .collect()
        })
        .collect()
}
