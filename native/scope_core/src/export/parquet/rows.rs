//! A Parquet file of typed columns, each of which may be empty in a row.

use std::io::Write;

use super::MAGIC;
use super::column::Chunk;
use super::thrift::{BINARY, Compact, I32, STRUCT};
use crate::error::Result;
use crate::export::Out;
use crate::limits;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Bool,
    Int,
    Float,
    Text,
}

#[derive(Clone, Debug)]
pub enum Datum {
    Empty,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Kind {
    /// BOOLEAN, INT64, DOUBLE, BYTE_ARRAY.
    fn physical(self) -> i32 {
        match self {
            Kind::Bool => 0,
            Kind::Int => 2,
            Kind::Float => 5,
            Kind::Text => 6,
        }
    }
}

struct Written {
    bytes: u64,
    dictionary_at: Option<u64>,
    data_at: u64,
}

pub struct RowFile {
    columns: Vec<(String, Kind)>,
    chunks: Vec<Chunk>,
    rows: usize,
    groups: Vec<(u64, Vec<Written>)>,
}

impl RowFile {
    pub fn begin<W: Write>(columns: Vec<(String, Kind)>, out: &mut Out<W>) -> Result<RowFile> {
        out.put(MAGIC)?;
        let chunk = |(_, kind): &(String, Kind)| match kind {
            Kind::Bool => Chunk::of_bits(),
            _ => Chunk::new(true),
        };
        Ok(RowFile {
            chunks: columns.iter().map(chunk).collect(),
            columns,
            rows: 0,
            groups: Vec::new(),
        })
    }

    pub fn row<W: Write>(&mut self, row: Vec<Datum>, out: &mut Out<W>) -> Result<()> {
        for (chunk, datum) in self.chunks.iter_mut().zip(row) {
            match datum {
                Datum::Empty => chunk.empty(),
                Datum::Bool(yes) => chunk.number(u64::from(yes)),
                Datum::Int(int) => chunk.number(int as u64),
                Datum::Float(float) => chunk.number(float.to_bits()),
                Datum::Text(text) => chunk.word(text),
            }
        }
        self.rows += 1;
        match self.rows >= limits::EXPORT_GROUP_ROWS {
            true => self.end_group(out),
            false => Ok(()),
        }
    }

    fn end_group<W: Write>(&mut self, out: &mut Out<W>) -> Result<()> {
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
                bytes: out.bytes - begun,
                dictionary_at: dictionary.map(|_| begun),
                data_at,
            });
            chunk.clear();
        }
        self.groups.push((rows, written));
        Ok(())
    }

    pub fn end<W: Write>(mut self, out: &mut Out<W>) -> Result<()> {
        self.end_group(out)?;
        let footer = self.footer();
        out.put(&footer)?;
        out.put(&(footer.len() as u32).to_le_bytes())?;
        out.put(MAGIC)
    }

    fn footer(&self) -> Vec<u8> {
        let mut to = Compact::default();
        to.i32(1, 2);
        to.list(2, STRUCT, self.columns.len() + 1);
        to.element(|to| {
            to.text(4, "schema");
            to.i32(5, self.columns.len() as i32);
        });
        for (name, kind) in &self.columns {
            to.element(|to| {
                to.i32(1, kind.physical());
                // OPTIONAL
                to.i32(3, 1);
                to.text(4, name);
                if *kind == Kind::Text {
                    to.i32(6, 0);
                    to.structure(10, |to| to.structure(1, |_| {}));
                }
            });
        }
        to.i64(3, self.groups.iter().map(|(rows, _)| *rows as i64).sum());
        to.list(4, STRUCT, self.groups.len());
        for (rows, columns) in &self.groups {
            to.element(|to| {
                to.list(1, STRUCT, columns.len());
                for ((name, kind), written) in self.columns.iter().zip(columns) {
                    to.element(|to| chunk(to, name, *kind, *rows, written));
                }
                to.i64(2, columns.iter().map(|column| column.bytes as i64).sum());
                to.i64(3, *rows as i64);
            });
        }
        to.text(
            6,
            concat!("elixir_scope version ", env!("CARGO_PKG_VERSION")),
        );
        to.stop()
    }
}

fn chunk(to: &mut Compact, name: &str, kind: Kind, rows: u64, written: &Written) {
    to.i64(2, written.dictionary_at.unwrap_or(written.data_at) as i64);
    to.structure(3, |to| {
        to.i32(1, kind.physical());
        // PLAIN, RLE, RLE_DICTIONARY
        let encodings: &[i32] = match written.dictionary_at {
            Some(_) => &[0, 3, 8],
            None => &[0, 3],
        };
        to.list(2, I32, encodings.len());
        for encoding in encodings {
            to.zigzag(i64::from(*encoding));
        }
        to.list(3, BINARY, 1);
        to.bytes(name.as_bytes());
        to.i32(4, 0);
        to.i64(5, rows as i64);
        to.i64(6, written.bytes as i64);
        to.i64(7, written.bytes as i64);
        to.i64(9, written.data_at as i64);
        if let Some(at) = written.dictionary_at {
            to.i64(11, at as i64);
        }
    });
}
