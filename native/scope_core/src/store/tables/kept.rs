//! Columns and indexes that are kept for one version of a repository, and which of them questions wanted.
//!
//! An index leads from values of one column, or of several together, to rows. It is made when questions have asked for such
//! equalities a few times, or when somebody wants it; what was asked outlives the version, so that an index that is worth
//! it comes back after a change of the source.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::AHashMap;

use crate::query::{Comparison, Hint, Vector};
use crate::value::Value;

/// Columns that hold for one version of a repository.
pub type Kept = parking_lot::Mutex<KeptColumns>;

/// Bytes of columns and indexes that are kept.
const KEPT_BYTES: usize = 64 * 1024 * 1024;
/// Equalities asked so often make an index of their columns.
const ASKED_MIN: u64 = 3;
/// A table of fewer rows is read faster than any index.
const INDEXED_ROWS_MIN: usize = 256;
/// Different combinations of columns that are remembered.
const ASKED_MAX: usize = 256;

pub type Columns = Arc<[Arc<str>]>;

#[derive(Default)]
pub struct KeptColumns {
    version: u64,
    bytes: usize,
    columns: BTreeMap<(&'static str, Arc<str>), KeptColumn>,
    indexes: BTreeMap<(&'static str, Columns), KeptIndex>,
    asked: BTreeMap<(&'static str, Columns), Equalities>,
    /// Where the rows of a table come from, and other things that are made once, by name.
    once: BTreeMap<&'static str, Arc<dyn Any + Send + Sync>>,
    /// Columns that questions found here, and that they had to make.
    pub found: u64,
    pub made: u64,
}

struct KeptColumn {
    values: Arc<Vector>,
    uses: u64,
}

struct KeptIndex {
    index: Arc<Index>,
    uses: u64,
}

/// How often questions asked for equalities in some columns.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Equalities {
    pub times: u64,
    /// Of these, answered by an index.
    pub indexed: u64,
    /// Somebody wants it, however often it is asked.
    pub wanted: bool,
    /// Nobody wants it, however often it is asked.
    pub unwanted: bool,
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
        let found = kept.once.get(name).filter(|_| kept.version == version);
        found.cloned()
    };
    if let Some(known) = known.and_then(|known| known.downcast::<T>().ok()) {
        return known;
    }
    // Not under the lock: two who ask at once both make it, and both are right.
    let made = Arc::new(make());
    let mut kept = kept.lock();
    if kept.at(version) {
        kept.once.insert(name, made.clone());
    }
    made
}

/// Rows by value.
#[derive(Default)]
pub struct Index {
    rows: AHashMap<Box<[u8]>, Vec<u32>>,
    entries: usize,
    bytes: usize,
}

impl Index {
    /// Of columns that are there: texts, atoms and integers. `None` for others.
    pub fn of(columns: &[Arc<Vector>]) -> Option<Index> {
        let known = |column: &Arc<Vector>| {
            matches!(
                &**column,
                Vector::Text(..) | Vector::Atom(_) | Vector::Int(..)
            )
        };
        let rows = columns.first()?.len();
        if !columns.iter().all(known) {
            return None;
        }
        let mut index = Index::default();
        let mut key = Vec::new();
        for row in 0..rows {
            key.clear();
            // What is missing equals nothing.
            if !columns
                .iter()
                .all(|column| write_row(column, row, &mut key))
            {
                continue;
            }
            index.entries += 1;
            match index.rows.get_mut(key.as_slice()) {
                Some(found) => found.push(row as u32),
                None => {
                    index.bytes += key.len() + 64;
                    index.rows.insert(key.as_slice().into(), vec![row as u32]);
                }
            }
        }
        index.bytes += index.entries * size_of::<u32>();
        Some(index)
    }

    /// The rows that hold these values, in their order. `None` when the index cannot tell.
    pub fn rows(&self, values: &[&Value]) -> Option<&[u32]> {
        let mut key = Vec::new();
        values
            .iter()
            .all(|value| write_value(value, &mut key))
            .then(|| self.rows.get(key.as_slice()).map_or(&[][..], |rows| rows))
    }

    pub fn keys(&self) -> usize {
        self.rows.len()
    }
}

fn write_text(text: &[u8], key: &mut Vec<u8>) {
    key.push(b't');
    key.extend_from_slice(&(text.len() as u32).to_le_bytes());
    key.extend_from_slice(text);
}

fn write_int(int: i64, key: &mut Vec<u8>) {
    key.push(b'i');
    key.extend_from_slice(&int.to_le_bytes());
}

fn write_row(column: &Vector, row: usize, key: &mut Vec<u8>) -> bool {
    if column.is_missing(row) {
        return false;
    }
    match column {
        Vector::Int(values, _) => write_int(values[row], key),
        other => match other.text(row) {
            Some(text) => write_text(text, key),
            None => return false,
        },
    }
    true
}

/// As `write_row`, of what a question compares with. A float may equal an integer: of that the index cannot tell.
fn write_value(value: &Value, key: &mut Vec<u8>) -> bool {
    match value {
        Value::Int(int) => write_int(*int, key),
        Value::Float(_) => return false,
        _ if value.is_nil() => return false,
        other => match other.as_text() {
            Some(text) => write_text(text, key),
            None => return false,
        },
    }
    true
}

/// The columns that a condition equals to something, sorted, with what they are to equal. `indexable` says which.
pub fn equalities(
    hints: &[Hint],
    indexable: impl Fn(&str, &Value) -> bool,
) -> (Vec<Arc<str>>, Vec<&Value>) {
    let mut found: BTreeMap<&str, (&Arc<str>, &Value)> = BTreeMap::new();
    for hint in hints {
        if let Hint::Compare(column, Comparison::Eq, value) = hint
            && indexable(column, value)
        {
            found.entry(column).or_insert((column, value));
        }
    }
    found
        .into_values()
        .map(|(column, value)| (column.clone(), value))
        .unzip()
}

/// What is kept, for people.
pub struct About {
    pub table: &'static str,
    pub columns: Vec<String>,
    pub index: bool,
    pub bytes: usize,
    pub rows: usize,
    /// Different values, of an index.
    pub keys: usize,
    pub uses: u64,
}

impl KeptColumns {
    pub fn get(
        &mut self,
        version: u64,
        table: &'static str,
        column: &Arc<str>,
    ) -> Option<Arc<Vector>> {
        if self.version != version {
            return None;
        }
        let kept = self.columns.get_mut(&(table, column.clone()))?;
        kept.uses += 1;
        self.found += 1;
        Some(kept.values.clone())
    }

    /// As `get`, without its counting as a use.
    pub fn look(
        &self,
        version: u64,
        table: &'static str,
        column: &Arc<str>,
    ) -> Option<&Arc<Vector>> {
        let kept = self.columns.get(&(table, column.clone()));
        kept.filter(|_| self.version == version)
            .map(|kept| &kept.values)
    }

    /// Makes room for a version. False for an older one: a question over it is none of the cache's.
    fn at(&mut self, version: u64) -> bool {
        if version > self.version {
            self.version = version;
            self.bytes = 0;
            self.columns.clear();
            self.indexes.clear();
            self.once.clear();
        }
        version == self.version
    }

    pub fn put(
        &mut self,
        version: u64,
        table: &'static str,
        column: &Arc<str>,
        values: &Arc<Vector>,
    ) {
        self.made += 1;
        let bytes = values.heap_bytes();
        if self.at(version) && self.bytes + bytes <= KEPT_BYTES {
            let values = values.clone();
            let kept = KeptColumn { values, uses: 1 };
            if self.columns.insert((table, column.clone()), kept).is_none() {
                self.bytes += bytes;
            }
        }
    }

    /// The index of these columns, where there is one.
    pub fn index(
        &mut self,
        version: u64,
        table: &'static str,
        columns: &Columns,
    ) -> Option<Arc<Index>> {
        if self.version != version {
            return None;
        }
        let kept = self.indexes.get_mut(&(table, columns.clone()))?;
        kept.uses += 1;
        if let Some(asked) = self.asked.get_mut(&(table, columns.clone())) {
            asked.indexed += 1;
        }
        Some(kept.index.clone())
    }

    pub fn look_index(
        &self,
        version: u64,
        table: &'static str,
        columns: &Columns,
    ) -> Option<&Arc<Index>> {
        let kept = self.indexes.get(&(table, columns.clone()));
        kept.filter(|_| self.version == version)
            .map(|kept| &kept.index)
    }

    pub fn put_index(
        &mut self,
        version: u64,
        table: &'static str,
        columns: &Columns,
        index: &Arc<Index>,
    ) {
        if self.at(version) && self.bytes + index.bytes <= KEPT_BYTES {
            let index = index.clone();
            let bytes = index.bytes;
            let kept = KeptIndex { index, uses: 0 };
            if self
                .indexes
                .insert((table, columns.clone()), kept)
                .is_none()
            {
                self.bytes += bytes;
            }
        }
    }

    /// Takes note of a question. Says whether an index of these columns is to be made.
    pub fn ask(&mut self, table: &'static str, columns: &Columns, rows: usize) -> bool {
        let known = self.asked.contains_key(&(table, columns.clone()));
        if !known && self.asked.len() >= ASKED_MAX {
            return false;
        }
        let asked = self.asked.entry((table, columns.clone())).or_default();
        asked.times += 1;
        asked.wanted || !asked.unwanted && asked.times >= ASKED_MIN && rows >= INDEXED_ROWS_MIN
    }

    /// From now on these columns have an index, or have none, however often they are asked.
    pub fn want(&mut self, table: &'static str, columns: &Columns, wanted: bool) {
        let asked = self.asked.entry((table, columns.clone())).or_default();
        asked.wanted = wanted;
        asked.unwanted = !wanted;
        if !wanted && let Some(kept) = self.indexes.remove(&(table, columns.clone())) {
            self.bytes -= kept.index.bytes;
        }
    }

    pub fn asked(&self) -> impl Iterator<Item = (&'static str, &Columns, Equalities)> {
        self.asked
            .iter()
            .map(|((table, columns), asked)| (*table, columns, *asked))
    }

    pub fn about(&self) -> Vec<About> {
        let columns = self.columns.iter().map(|((table, column), kept)| About {
            table,
            columns: vec![column.to_string()],
            index: false,
            bytes: kept.values.heap_bytes(),
            rows: kept.values.len(),
            keys: 0,
            uses: kept.uses,
        });
        let indexes = self.indexes.iter().map(|((table, columns), kept)| About {
            table,
            columns: columns.iter().map(|column| column.to_string()).collect(),
            index: true,
            bytes: kept.index.bytes,
            rows: kept.index.entries,
            keys: kept.index.keys(),
            uses: kept.uses,
        });
        columns.chain(indexes).collect()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back what is kept; what was asked stays known. Gives its bytes.
    pub fn drop_all(&mut self) -> usize {
        self.columns.clear();
        self.indexes.clear();
        self.once.clear();
        std::mem::take(&mut self.bytes)
    }

    pub fn clear(&mut self) {
        *self = KeptColumns::default();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::query::{Builder, Type};

    fn texts(all: &[&str]) -> Arc<Vector> {
        let mut builder = Builder::new(Type::Text);
        for text in all {
            match *text {
                "" => builder.push_missing(),
                text => builder.push(Value::text(text)),
            }
        }
        Arc::new(builder.finish())
    }

    #[test]
    fn an_index_gives_the_rows_that_reading_all_would() {
        let names = texts(&["a", "b", "", "a", "ab"]);
        let lines = Arc::new(Vector::Int(vec![1, 2, 3, 4, 1], None));
        let index = Index::of(&[names.clone(), lines.clone()]).unwrap();
        let (a, one, four) = (Value::text("a"), Value::Int(1), Value::Int(4));
        assert_eq!(index.rows(&[&a, &one]), Some(&[0][..]));
        assert_eq!(index.rows(&[&a, &four]), Some(&[3][..]));
        assert_eq!(index.rows(&[&a, &Value::Int(9)]), Some(&[][..]));
        // 4.0 equals 4, and the index does not know.
        assert_eq!(index.rows(&[&a, &Value::Float(4.0)]), None);
        assert_eq!(index.entries, 4);
        let alone = Index::of(&[names]).unwrap();
        assert_eq!(alone.rows(&[&a]), Some(&[0, 3][..]));
        assert_eq!(alone.rows(&[&Value::nil()]), None);
    }

    #[test]
    fn what_is_asked_again_is_to_be_indexed_and_a_new_version_begins_anew() {
        let mut kept = KeptColumns::default();
        let columns: Columns = Arc::from(vec![Arc::from("kind")]);
        assert!(!kept.ask("functions", &columns, 1_000));
        assert!(!kept.ask("functions", &columns, 1_000));
        assert!(kept.ask("functions", &columns, 1_000));
        assert!(!kept.ask("functions", &columns, 10), "a small table");
        let index = Arc::new(Index::of(&[texts(&["def", "defp"])]).unwrap());
        kept.put_index(3, "functions", &columns, &index);
        assert!(kept.index(3, "functions", &columns).is_some());
        assert!(kept.index(4, "functions", &columns).is_none());
        kept.put(4, "functions", &Arc::from("kind"), &texts(&["def"]));
        assert!(kept.index(3, "functions", &columns).is_none());
        assert!(kept.ask("functions", &columns, 1_000), "it is still known");
        kept.want("functions", &columns, false);
        assert!(!kept.ask("functions", &columns, 1_000));
    }
}
