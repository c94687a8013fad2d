//! Apache Parquet, as much of it as tables of numbers and words need: flat columns, plain numbers, words by a dictionary
//! of each row group, no compression. <https://parquet.apache.org/docs/file-format/>

mod column;
mod rows;
mod thrift;

pub use rows::{Datum, Kind, RowFile};

use column::Chunk;
use thrift::Compact;

use crate::error::Result;
use crate::export::Sink;
use crate::export::about::About;
use crate::export::table::{Cell, Column, Kind as Holds, Writer};
use crate::limits;

pub(super) const MAGIC: &[u8] = b"PAR1";

struct Field {
    name: &'static str,
    kind: Holds,
}

/// What the footer says of a column of a row group.
struct Written {
    values: u64,
    bytes: u64,
    dictionary_at: Option<u64>,
    data_at: u64,
}

#[derive(Default)]
pub struct Parquet {
    fields: Vec<Field>,
    chunks: Vec<Chunk>,
    rows: usize,
    groups: Vec<(u64, Vec<Written>)>,
}

impl Parquet {
    fn end_group(&mut self, out: &mut Sink<'_>) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows) as u64;
        let mut written = Vec::new();
        for chunk in &mut self.chunks {
            let begun = out.bytes;
            let dictionary = chunk.dictionary_page();
            if let Some(page) = &dictionary {
                out.put(page)?;
            }
            let data_at = out.bytes;
            out.put(&chunk.data_page())?;
            written.push(Written {
                values: rows,
                bytes: out.bytes - begun,
                dictionary_at: dictionary.map(|_| begun),
                data_at,
            });
            chunk.clear();
        }
        self.groups.push((rows, written));
        Ok(())
    }

    fn footer(&self, about: &About) -> Vec<u8> {
        let mut to = Compact::default();
        to.i32(1, 2);
        to.list(2, thrift::STRUCT, self.fields.len() + 1);
        to.element(|to| {
            to.text(4, "schema");
            to.i32(5, self.fields.len() as i32);
        });
        for field in &self.fields {
            to.element(|to| schema(to, field));
        }
        to.i64(3, self.groups.iter().map(|(rows, _)| *rows as i64).sum());
        to.list(4, thrift::STRUCT, self.groups.len());
        for (rows, columns) in &self.groups {
            to.element(|to| {
                to.list(1, thrift::STRUCT, columns.len());
                for (field, column) in self.fields.iter().zip(columns) {
                    to.element(|to| chunk(to, field, column));
                }
                to.i64(2, columns.iter().map(|column| column.bytes as i64).sum());
                to.i64(3, *rows as i64);
            });
        }
        let pairs = about.pairs();
        to.list(5, thrift::STRUCT, pairs.len());
        for (name, value) in &pairs {
            to.element(|to| {
                to.text(1, &format!("elixir_scope.{name}"));
                to.text(2, value);
            });
        }
        to.text(
            6,
            concat!("elixir_scope version ", env!("CARGO_PKG_VERSION")),
        );
        to.stop()
    }
}

fn optional(kind: Holds) -> bool {
    !matches!(kind, Holds::Count | Holds::Time)
}

fn physical(kind: Holds) -> i32 {
    if kind == Holds::Text { 6 } else { 2 }
}

fn schema(to: &mut Compact, field: &Field) {
    to.i32(1, physical(field.kind));
    to.i32(3, i32::from(optional(field.kind)));
    to.text(4, field.name);
    match field.kind {
        // UTF8, UINT_64
        Holds::Text => to.i32(6, 0),
        Holds::Count | Holds::MaybeCount => to.i32(6, 14),
        Holds::Time | Holds::MaybeTime => {}
    }
    to.structure(10, |to| match field.kind {
        Holds::Text => to.structure(1, |_| {}),
        Holds::Count | Holds::MaybeCount => to.structure(10, |to| {
            to.byte(1, 64);
            to.bool(2, false);
        }),
        // in UTC, nanoseconds
        Holds::Time | Holds::MaybeTime => to.structure(8, |to| {
            to.bool(1, true);
            to.structure(2, |to| to.structure(3, |_| {}));
        }),
    });
}

fn chunk(to: &mut Compact, field: &Field, column: &Written) {
    to.i64(2, column.dictionary_at.unwrap_or(column.data_at) as i64);
    to.structure(3, |to| {
        to.i32(1, physical(field.kind));
        // PLAIN, RLE, RLE_DICTIONARY
        let encodings: &[i32] = if column.dictionary_at.is_some() {
            &[0, 3, 8]
        } else {
            &[0, 3]
        };
        to.list(2, thrift::I32, encodings.len());
        encodings
            .iter()
            .for_each(|encoding| to.zigzag(i64::from(*encoding)));
        to.list(3, thrift::BINARY, 1);
        to.bytes(field.name.as_bytes());
        to.i32(4, 0);
        to.i64(5, column.values as i64);
        to.i64(6, column.bytes as i64);
        to.i64(7, column.bytes as i64);
        to.i64(9, column.data_at as i64);
        if let Some(at) = column.dictionary_at {
            to.i64(11, at as i64);
        }
    });
}

impl Writer for Parquet {
    fn begin(&mut self, columns: &[Column], _about: &About, out: &mut Sink<'_>) -> Result<()> {
        for column in columns {
            self.fields.push(Field {
                name: column.name,
                kind: column.kind,
            });
            self.chunks.push(Chunk::new(optional(column.kind)));
        }
        out.put(MAGIC)
    }

    fn row(&mut self, row: Vec<Cell>, out: &mut Sink<'_>) -> Result<()> {
        for (chunk, cell) in self.chunks.iter_mut().zip(row) {
            match cell {
                Cell::Number(number) => chunk.number(number),
                Cell::Text(text) => chunk.word(text),
                Cell::Empty => chunk.empty(),
            }
        }
        self.rows += 1;
        if self.rows >= limits::EXPORT_GROUP_ROWS {
            self.end_group(out)?;
        }
        Ok(())
    }

    fn end(&mut self, about: &About, out: &mut Sink<'_>) -> Result<()> {
        self.end_group(out)?;
        let footer = self.footer(about);
        out.put(&footer)?;
        out.put(&(footer.len() as u32).to_le_bytes())?;
        out.put(MAGIC)
    }
}
