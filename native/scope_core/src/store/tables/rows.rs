//! Modules and functions as tables. What the source says of all of them is put into columns once for each version of the
//! repository; what a run says, once for each question.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::atoms::{Atom, intern};
use crate::error::{Error, Result};
use crate::query::{
    Access, Builder, Catalogue, Comparison, Context, Hint, Row, Scan, Sink, Table, Vector, give,
};
use crate::store::columns::{Cell, Column, FromName};
use crate::store::tables::schema::{Schema, TableInfo};
use crate::value::Value;

/// Columns that hold for one version of a repository.
pub type Kept = parking_lot::Mutex<KeptColumns>;

/// Bytes of columns that are kept.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

#[derive(Default)]
pub struct KeptColumns {
    version: u64,
    bytes: usize,
    columns: BTreeMap<(&'static str, Arc<str>), Arc<Vector>>,
}

impl KeptColumns {
    fn get(&self, version: u64, table: &'static str, column: &Arc<str>) -> Option<Arc<Vector>> {
        let found = self.columns.get(&(table, column.clone()));
        found.filter(|_| self.version == version).cloned()
    }

    fn put(&mut self, version: u64, table: &'static str, column: &Arc<str>, values: &Arc<Vector>) {
        // A question over an older version is none of the cache's.
        if version < self.version {
            return;
        }
        if version > self.version {
            *self = KeptColumns {
                version,
                ..KeptColumns::default()
            };
        }
        let bytes = values.heap_bytes();
        if self.bytes + bytes <= KEPT_BYTES {
            self.bytes += bytes;
            self.columns.insert((table, column.clone()), values.clone());
        }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn clear(&mut self) {
        *self = KeptColumns::default();
    }
}

/// Rows of one kind.
pub trait Kind {
    type Row<'r>: Row<Column = crate::store::columns::Column<Self::Field>>
    where
        Self: 'r;
    type Field: FromName;

    fn rows(&self) -> Vec<Self::Row<'_>>;

    fn cell(row: &Self::Row<'_>, column: &Column<Self::Field>) -> Cell;

    /// What no field of the row is.
    fn extra(row: &Self::Row<'_>, name: &str) -> Option<Value>;

    /// The module of a row.
    fn module(row: &Self::Row<'_>) -> Atom;
}

pub struct RowTable<'m, K: Kind + 'm> {
    info: &'static TableInfo,
    kind: &'m K,
    version: u64,
    kept: &'m Kept,
    rows: OnceCell<Vec<K::Row<'m>>>,
}

impl<'m, K: Kind> RowTable<'m, K> {
    pub fn new(info: &'static TableInfo, kind: &'m K, version: u64, kept: &'m Kept) -> Self {
        RowTable {
            info,
            kind,
            version,
            kept,
            rows: OnceCell::new(),
        }
    }

    fn rows(&self) -> &[K::Row<'m>] {
        self.rows.get_or_init(|| self.kind.rows())
    }

    fn column_of(path: &str) -> Result<Column<K::Field>> {
        let path: Vec<Atom> = path.split('.').map(intern).collect();
        Column::new(&path).ok_or_else(|| Error::Invalid {
            what: "field",
            detail: "an empty path".into(),
        })
    }

    fn values(&self, path: &str, of: &mut dyn Iterator<Item = &K::Row<'m>>) -> Result<Vector> {
        let kind = Schema.column(self.info.name, path)?.kind;
        let column = Self::column_of(path)?;
        let mut builder = Builder::new(kind);
        for row in of {
            builder.push(match K::extra(row, path) {
                Some(value) => value,
                None => row.value(&column).into_owned(),
            });
        }
        Ok(builder.finish())
    }

    fn column(&self, path: &Arc<str>) -> Result<Arc<Vector>> {
        let of_run = self.info.is_of_run(path);
        if !of_run && let Some(kept) = self.kept.lock().get(self.version, self.info.name, path) {
            return Ok(kept);
        }
        let values = Arc::new(self.values(path, &mut self.rows().iter())?);
        if !of_run {
            self.kept
                .lock()
                .put(self.version, self.info.name, path, &values);
        }
        Ok(values)
    }

    /// What is shown of some rows.
    pub fn cells(&self, path: &str, rows: &[i64]) -> Result<Vec<Cell>> {
        let column = Self::column_of(path)?;
        let all = self.rows();
        let cell = |row: &i64| {
            let row = usize::try_from(*row).ok().and_then(|row| all.get(row));
            row.map_or_else(|| Cell::Value(Value::nil()), |row| K::cell(row, &column))
        };
        Ok(rows.iter().map(cell).collect())
    }
}

/// The module that every row is of, when a condition says so.
fn only_module(hints: &[Hint]) -> Option<Vec<u8>> {
    hints.iter().find_map(|hint| match hint {
        Hint::Compare(column, Comparison::Eq, value) if &**column == "module_name" => {
            value.as_text().map(<[u8]>::to_vec)
        }
        _ => None,
    })
}

impl<K: Kind> Table for RowTable<'_, K> {
    fn rows(&self) -> u64 {
        RowTable::rows(self).len() as u64
    }

    fn distinct(&self, column: &str) -> Option<u64> {
        let kept = self.kept.lock();
        match &*kept.get(self.version, self.info.name, &Arc::from(column))? {
            Vector::Text(_, texts) => Some(texts.len() as u64),
            Vector::Bool(..) => Some(2),
            _ => None,
        }
    }

    fn access(&self, hints: &[Hint]) -> Access {
        let rows = Table::rows(self);
        match only_module(hints) {
            Some(_) if self.info.name == "functions" => Access {
                path: "index of modules".into(),
                rows: rows.min(64),
            },
            _ => Access {
                path: "columns".into(),
                rows,
            },
        }
    }

    fn scan(&self, scan: &Scan<'_>, context: &Context<'_>, sink: &mut Sink<'_>) -> Result<()> {
        if let Some(module) = only_module(scan.hints) {
            return self.scan_module(&module, scan, sink);
        }
        let mut columns = Vec::with_capacity(scan.columns.len());
        for path in scan.columns {
            context.check()?;
            columns.push(self.column(path)?);
        }
        let columns: Vec<&Arc<Vector>> = columns.iter().collect();
        give(&columns, RowTable::rows(self).len(), sink)
    }
}

impl<K: Kind> RowTable<'_, K> {
    /// Of one module's rows alone: nothing is computed for the others.
    fn scan_module(&self, module: &[u8], scan: &Scan<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let text = |row: &K::Row<'_>| crate::query::atom_text(K::module(row).0);
        let rows = self.rows().iter().enumerate();
        let own: Vec<_> = rows.filter(|(_, row)| text(row) == module).collect();
        let mut columns = Vec::with_capacity(scan.columns.len() + 1);
        for path in scan.columns {
            let values = self.values(path, &mut own.iter().map(|(_, row)| *row))?;
            columns.push(Arc::new(values));
        }
        let numbers = own.iter().map(|(number, _)| *number as i64);
        columns.push(Arc::new(Vector::Int(numbers.collect(), None)));
        sink(crate::query::Batch {
            rows: own.len(),
            columns,
        })
        .map(|_| ())
    }
}
