//! Modules and functions as tables. What the source says of all of them is put into columns once for each version of the
//! repository; what a run says, once for each question.

use std::any::Any;
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

/// What holds for one version of a repository.
pub type Kept = parking_lot::Mutex<KeptColumns>;

/// Bytes of columns that are kept.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

#[derive(Default)]
pub struct KeptColumns {
    version: u64,
    bytes: usize,
    columns: BTreeMap<(&'static str, Arc<str>), Arc<Vector>>,
    /// Where the rows of a table come from, and other things that are made once, by name.
    made: BTreeMap<&'static str, Arc<dyn Any + Send + Sync>>,
}

impl KeptColumns {
    fn get(&self, version: u64, table: &'static str, column: &Arc<str>) -> Option<Arc<Vector>> {
        let found = self.columns.get(&(table, column.clone()));
        found.filter(|_| self.version == version).cloned()
    }

    /// Whether what is of this version may be kept: a question over an older one is none of the cache's business.
    fn turn_to(&mut self, version: u64) -> bool {
        if version > self.version {
            *self = KeptColumns {
                version,
                ..KeptColumns::default()
            };
        }
        version == self.version
    }

    fn put(&mut self, version: u64, table: &'static str, column: &Arc<str>, values: &Arc<Vector>) {
        let bytes = values.heap_bytes();
        if self.turn_to(version) && self.bytes + bytes <= KEPT_BYTES {
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

/// What is made once for each version.
pub fn once<T: Send + Sync + 'static>(
    kept: &Kept,
    version: u64,
    name: &'static str,
    make: impl FnOnce() -> T,
) -> Arc<T> {
    let known = {
        let kept = kept.lock();
        let found = kept.made.get(name).filter(|_| kept.version == version);
        found.cloned()
    };
    if let Some(known) = known.and_then(|known| known.downcast::<T>().ok()) {
        return known;
    }
    // Not under the lock: two who ask at once both make it, and both are right.
    let made = Arc::new(make());
    let mut kept = kept.lock();
    if kept.turn_to(version) {
        kept.made.insert(name, made.clone());
    }
    made
}

/// Rows of one kind.
pub trait Kind {
    /// Where a row comes from: what is kept of it.
    type Place: Send + Sync + 'static;
    type Row<'r>: Row<Column = crate::store::columns::Column<Self::Field>>
    where
        Self: 'r;
    type Field: FromName;

    fn places(&self) -> Vec<Self::Place>;

    fn row(&self, place: &Self::Place) -> Self::Row<'_>;

    fn cell(row: &Self::Row<'_>, column: &Column<Self::Field>) -> Cell;

    /// What no field of the row is.
    fn extra(row: &Self::Row<'_>, name: &str) -> Option<Value>;

    /// The module of a row.
    fn module(place: &Self::Place) -> Atom;

    /// A column that comes straight from what was counted, where nothing that is stored has a say in it.
    fn figures(&self, path: &str, places: &[Self::Place], kept: &Kept) -> Option<Vector>;
}

pub struct RowTable<'m, K: Kind + 'm> {
    info: &'static TableInfo,
    kind: &'m K,
    version: u64,
    kept: &'m Kept,
    places: OnceCell<Arc<Vec<K::Place>>>,
}

impl<'m, K: Kind> RowTable<'m, K> {
    pub fn new(info: &'static TableInfo, kind: &'m K, version: u64, kept: &'m Kept) -> Self {
        RowTable {
            info,
            kind,
            version,
            kept,
            places: OnceCell::new(),
        }
    }

    fn places(&self) -> &[K::Place] {
        self.places.get_or_init(|| {
            once(self.kept, self.version, self.info.name, || {
                self.kind.places()
            })
        })
    }

    fn column_of(path: &str) -> Result<Column<K::Field>> {
        let path: Vec<Atom> = path.split('.').map(intern).collect();
        Column::new(&path).ok_or_else(|| Error::Invalid {
            what: "field",
            detail: "an empty path".into(),
        })
    }

    fn values(&self, path: &str, of: &mut dyn Iterator<Item = &K::Place>) -> Result<Vector> {
        let kind = Schema.column(self.info.name, path)?.kind;
        let column = Self::column_of(path)?;
        let mut builder = Builder::new(kind);
        for place in of {
            let row = self.kind.row(place);
            builder.push(match K::extra(&row, path) {
                Some(value) => value,
                None => row.value(&column).into_owned(),
            });
        }
        Ok(builder.finish())
    }

    fn column(&self, path: &Arc<str>) -> Result<Arc<Vector>> {
        if self.info.is_of_run(path) {
            let figures = self.kind.figures(path, self.places(), self.kept);
            return Ok(Arc::new(match figures {
                Some(figures) => figures,
                None => self.values(path, &mut self.places().iter())?,
            }));
        }
        let known = self.kept.lock().get(self.version, self.info.name, path);
        if let Some(kept) = known {
            return Ok(kept);
        }
        let values = Arc::new(self.values(path, &mut self.places().iter())?);
        self.kept
            .lock()
            .put(self.version, self.info.name, path, &values);
        Ok(values)
    }

    /// What is shown of some rows.
    pub fn cells(&self, path: &str, rows: &[i64]) -> Result<Vec<Cell>> {
        let column = Self::column_of(path)?;
        let all = self.places();
        let cell = |row: &i64| {
            let place = usize::try_from(*row).ok().and_then(|row| all.get(row));
            place.map_or_else(
                || Cell::Value(Value::nil()),
                |place| K::cell(&self.kind.row(place), &column),
            )
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
        self.places().len() as u64
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
        give(&columns, self.places().len(), sink)
    }
}

impl<K: Kind> RowTable<'_, K> {
    /// Of one module's rows alone: nothing is computed for the others.
    fn scan_module(&self, module: &[u8], scan: &Scan<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let text = |place: &K::Place| crate::query::atom_text(K::module(place).0);
        let places = self.places().iter().enumerate();
        let own: Vec<_> = places.filter(|(_, place)| text(place) == module).collect();
        let mut columns = Vec::with_capacity(scan.columns.len() + 1);
        for path in scan.columns {
            let values = self.values(path, &mut own.iter().map(|(_, place)| *place))?;
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
