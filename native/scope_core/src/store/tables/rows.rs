//! Modules and functions as tables. What the source says of all of them is put into columns once for each version of the
//! repository; what a run says, once for each question.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::atoms::{Atom, intern};
use crate::error::{Error, Result};
use crate::query::{
    Access, Builder, Catalogue, Comparison, Context, Hint, Row, Scan, Sink, Table, Type, Vector,
    give,
};
use crate::store::columns::{Cell, Column, FromName};
use crate::store::tables::kept::{Columns, Index, Kept, equalities, once};
use crate::store::tables::schema::{Schema, TableInfo};
use crate::value::Value;

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
        match &**kept.look(self.version, self.info.name, &Arc::from(column))? {
            Vector::Text(_, texts) => Some(texts.len() as u64),
            Vector::Bool(..) => Some(2),
            _ => None,
        }
    }

    fn access(&self, hints: &[Hint]) -> Access {
        let rows = Table::rows(self);
        let (columns, values) = self.equalities(hints);
        if !columns.is_empty() {
            let columns: Columns = columns.into();
            let kept = self.kept.lock();
            let index = kept.look_index(self.version, self.info.name, &columns);
            if let Some(found) = index.and_then(|index| index.rows(&values)) {
                return Access {
                    path: format!("index of {}", columns.join(", ")),
                    rows: found.len() as u64,
                };
            }
        }
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
        if let Some(picked) = self.indexed(scan.hints)? {
            return self.scan_rows(&picked, scan, context, sink);
        }
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
    /// What the hints equal to something, of columns that can be indexed.
    fn equalities<'h>(&self, hints: &'h [Hint]) -> (Vec<Arc<str>>, Vec<&'h Value>) {
        equalities(hints, |column, value| {
            self.is_indexable(column)
                && match self.info.column(column).map(|column| column.kind) {
                    Some(Type::Int) => matches!(value, Value::Int(_)),
                    _ => !value.is_nil() && value.as_text().is_some(),
                }
        })
    }

    fn is_indexable(&self, column: &str) -> bool {
        let kinds = [Type::Int, Type::Text, Type::Atom];
        !self.info.is_of_run(column)
            && self
                .info
                .column(column)
                .is_some_and(|column| kinds.contains(&column.kind))
    }

    /// The rows that an index gives; makes it where questions have shown that it is worth it.
    fn indexed(&self, hints: &[Hint]) -> Result<Option<Vec<u32>>> {
        let (columns, values) = self.equalities(hints);
        if columns.is_empty() {
            return Ok(None);
        }
        let columns: Columns = columns.into();
        let wanted = {
            let rows = self.places().len();
            self.kept.lock().ask(self.info.name, &columns, rows)
        };
        let found = self
            .kept
            .lock()
            .index(self.version, self.info.name, &columns);
        let index = match found {
            Some(index) => index,
            None if wanted => match self.make_index(&columns)? {
                Some(index) => index,
                None => return Ok(None),
            },
            None => return Ok(None),
        };
        Ok(index.rows(&values).map(<[u32]>::to_vec))
    }

    /// Makes and keeps an index. `None` when a column holds what cannot be indexed.
    pub fn make_index(&self, columns: &Columns) -> Result<Option<Arc<Index>>> {
        let values = columns
            .iter()
            .map(|path| self.column(path))
            .collect::<Result<Vec<_>>>()?;
        let Some(index) = Index::of(&values).map(Arc::new) else {
            return Ok(None);
        };
        self.kept
            .lock()
            .put_index(self.version, self.info.name, columns, &index);
        Ok(Some(index))
    }

    /// Keeps a column of the source, whether a question wants it or not.
    ///
    /// Errors: `Unknown`; `Invalid` of one that changes with every event.
    pub fn prepare(&self, columns: &Columns, indexed: bool) -> Result<()> {
        for path in columns.iter() {
            Schema.column(self.info.name, path)?;
            if self.info.is_of_run(path) || indexed && !self.is_indexable(path) {
                return Err(Error::Invalid {
                    what: "column",
                    detail: format!("{path} is no text, atom or integer of the source"),
                });
            }
            self.column(path)?;
        }
        if indexed {
            self.kept.lock().want(self.info.name, columns, true);
            self.make_index(columns)?;
        }
        Ok(())
    }

    /// Of some rows: what a run says is computed for these alone.
    fn scan_rows(
        &self,
        picked: &[u32],
        scan: &Scan<'_>,
        context: &Context<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let places = self.places();
        let mut columns = Vec::with_capacity(scan.columns.len() + 1);
        for path in scan.columns {
            context.check()?;
            columns.push(match self.info.is_of_run(path) {
                true => {
                    let mut own = picked.iter().map(|row| &places[*row as usize]);
                    Arc::new(self.values(path, &mut own)?)
                }
                false => Arc::new(self.column(path)?.pick(picked)),
            });
        }
        let numbers = picked.iter().map(|row| i64::from(*row));
        columns.push(Arc::new(Vector::Int(numbers.collect(), None)));
        sink(crate::query::Batch {
            rows: picked.len(),
            columns,
        })
        .map(|_| ())
    }

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
