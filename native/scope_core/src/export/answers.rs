//! Answers of queries, row by row, in the formats of other tools.
//!
//! A column of plain values keeps its type. What is no plain value is JSON of itself, as text, in the formats that know
//! nothing inside of a row, and nested in JSON and MessagePack.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write;

use crate::error::{Error, Result};
use crate::export::Out;
use crate::export::json;
use crate::export::parquet::{Datum, Kind as ParquetKind, RowFile};
use crate::query::{Type, atom_text};
use crate::store::{Cell, Shown, Told};
use crate::value::Value;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowFormat {
    /// RFC 4180, with a head line.
    Csv,
    /// One array of objects.
    Json,
    /// An object a line.
    JsonLines,
    /// One array of maps.
    MessagePack,
    Parquet,
}

impl RowFormat {
    pub const ALL: [(RowFormat, &'static str); 5] = [
        (RowFormat::Csv, "csv"),
        (RowFormat::Json, "json"),
        (RowFormat::JsonLines, "jsonl"),
        (RowFormat::MessagePack, "msgpack"),
        (RowFormat::Parquet, "parquet"),
    ];

    pub fn named(name: &str) -> Option<RowFormat> {
        let found = RowFormat::ALL.iter().find(|(_, own)| *own == name);
        found.map(|(format, _)| *format)
    }
}

/// Parts of one value that are still to be written.
const PARTS_MAX: usize = 1024 * 1024;

/// An answer that is written piece by piece.
pub struct RowsFile<W: Write> {
    format: RowFormat,
    out: Out<W>,
    names: Vec<String>,
    kinds: Vec<Type>,
    next: usize,
    parquet: Option<RowFile>,
    line: String,
    packed: Vec<u8>,
}

impl<W: Write> RowsFile<W> {
    /// Errors: `Write`; `Invalid` when a column holds code, which is no value of a table.
    pub fn new(format: RowFormat, told: &Told, to: W) -> Result<Self> {
        for (name, column) in told.names.iter().zip(&told.columns) {
            if column.has_code() {
                return Err(Error::Invalid {
                    what: "field",
                    detail: format!("{name} holds code; give ast_node_id instead"),
                });
            }
        }
        let kinds: Vec<Type> = told.columns.iter().map(Shown::kind).collect();
        let mut file = RowsFile {
            format,
            out: Out::new(to),
            names: unique(&told.names),
            kinds,
            next: 0,
            parquet: None,
            line: String::new(),
            packed: Vec::new(),
        };
        match format {
            RowFormat::Csv => {
                let names = file.names.iter().map(|name| csv_field(name));
                let head = names.collect::<Vec<_>>().join(",");
                file.out.text(&head)?;
                file.out.text("\r\n")?;
            }
            RowFormat::Json => file.out.text("[")?,
            RowFormat::JsonLines => {}
            RowFormat::MessagePack => {
                let mut head = Vec::new();
                pack_array(told.rows, &mut head);
                file.out.put(&head)?;
            }
            RowFormat::Parquet => {
                let kinds = file.kinds.iter().map(|kind| match kind {
                    Type::Bool => ParquetKind::Bool,
                    Type::Int => ParquetKind::Int,
                    Type::Float => ParquetKind::Float,
                    Type::Text | Type::Atom | Type::Any => ParquetKind::Text,
                });
                let columns = file.names.iter().cloned().zip(kinds).collect();
                file.parquet = Some(RowFile::begin(columns, &mut file.out)?);
            }
        }
        Ok(file)
    }

    /// Writes up to so many rows. True when all are written, and the file is whole.
    pub fn step(&mut self, told: &Told, rows: usize) -> Result<bool> {
        let until = told.rows.min(self.next.saturating_add(rows));
        while self.next < until {
            self.row(told, self.next)?;
            self.next += 1;
        }
        if self.next < told.rows {
            return Ok(false);
        }
        match self.format {
            RowFormat::Json => self
                .out
                .text(if told.rows == 0 { "]\n" } else { "\n]\n" })?,
            RowFormat::Parquet => {
                if let Some(parquet) = self.parquet.take() {
                    parquet.end(&mut self.out)?;
                }
            }
            _ => {}
        }
        self.out.flush()?;
        Ok(true)
    }

    pub fn bytes(&self) -> u64 {
        self.out.bytes
    }

    pub fn rows(&self) -> usize {
        self.next
    }

    fn row(&mut self, told: &Told, row: usize) -> Result<()> {
        match self.format {
            RowFormat::Parquet => {
                let mut data = Vec::with_capacity(self.kinds.len());
                for (column, kind) in told.columns.iter().zip(&self.kinds) {
                    data.push(datum(&column.cell(row), *kind)?);
                }
                match &mut self.parquet {
                    Some(parquet) => parquet.row(data, &mut self.out),
                    None => Ok(()),
                }
            }
            RowFormat::MessagePack => {
                self.packed.clear();
                pack_map(self.names.len(), &mut self.packed);
                for (name, column) in self.names.iter().zip(&told.columns) {
                    pack_text(name.as_bytes(), &mut self.packed);
                    pack(&column.cell(row), &mut self.packed)?;
                }
                self.out.put(&self.packed)
            }
            RowFormat::Csv => {
                self.line.clear();
                for (at, column) in told.columns.iter().enumerate() {
                    if at > 0 {
                        self.line.push(',');
                    }
                    let cell = column.cell(row);
                    match plain(&cell) {
                        Plain::Nothing => {}
                        Plain::Float(float) if !float.is_finite() => {}
                        Plain::Text(text) => self.line.push_str(&csv_field(&text)),
                        other => other.write(&mut self.line),
                    }
                }
                // One empty field alone would read as no row.
                if self.line.is_empty() && told.columns.len() == 1 {
                    self.line.push_str("\"\"");
                }
                self.line.push_str("\r\n");
                self.out.text(&self.line)
            }
            RowFormat::Json | RowFormat::JsonLines => {
                self.line.clear();
                if self.format == RowFormat::Json {
                    self.line.push_str(if row == 0 { "\n" } else { ",\n" });
                }
                self.line.push('{');
                for (at, (name, column)) in self.names.iter().zip(&told.columns).enumerate() {
                    if at > 0 {
                        self.line.push(',');
                    }
                    json::string(&mut self.line, name);
                    self.line.push(':');
                    cell_json(&column.cell(row), &mut self.line)?;
                }
                self.line.push('}');
                if self.format == RowFormat::JsonLines {
                    self.line.push('\n');
                }
                self.out.text(&self.line)
            }
        }
    }
}

/// A second column of one name is called `name_2`.
fn unique(names: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let mut own = name.clone();
        let mut number = 2;
        while all.contains(&own) {
            own = format!("{name}_{number}");
            number += 1;
        }
        all.push(own);
    }
    all
}

fn csv_field(text: &str) -> Cow<'_, str> {
    match text.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        true => Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))),
        false => Cow::Borrowed(text),
    }
}

/// A value that has nothing inside.
enum Plain<'c> {
    Nothing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'c, str>),
}

impl Plain<'_> {
    fn write(&self, to: &mut String) {
        let _ = match self {
            Plain::Nothing => to.write_str("null"),
            Plain::Bool(yes) => write!(to, "{yes}"),
            Plain::Int(int) => write!(to, "{int}"),
            Plain::Float(float) if float.is_finite() => write!(to, "{float:?}"),
            Plain::Float(_) => to.write_str("null"),
            Plain::Text(text) => {
                json::string(to, text);
                Ok(())
            }
        };
    }
}

fn plain(cell: &Cell) -> Plain<'_> {
    match cell {
        Cell::Value(value) => plain_value(value).unwrap_or_else(|| {
            let mut text = String::new();
            // Deeper than any value that is recorded: as text, without its inside.
            match value_json(value, &mut text) {
                Ok(()) => Plain::Text(text.into()),
                Err(_) => Plain::Text("...".into()),
            }
        }),
        Cell::Code(_) => Plain::Text("(code)".into()),
    }
}

fn plain_value(value: &Value) -> Option<Plain<'_>> {
    Some(match value {
        _ if value.is_nil() => Plain::Nothing,
        Value::Int(int) => Plain::Int(*int),
        Value::Float(float) => Plain::Float(*float),
        Value::Atom(atom) => match atom.text() {
            "true" => Plain::Bool(true),
            "false" => Plain::Bool(false),
            _ => Plain::Text(String::from_utf8_lossy(atom_text(atom.0))),
        },
        Value::Binary(bytes) => Plain::Text(String::from_utf8_lossy(bytes)),
        Value::Opaque(_) => Plain::Text("(term)".into()),
        _ => return None,
    })
}

fn cell_json(cell: &Cell, to: &mut String) -> Result<()> {
    match cell {
        Cell::Value(value) => value_json(value, to),
        Cell::Code(_) => {
            to.push_str("\"(code)\"");
            Ok(())
        }
    }
}

enum Step<'v> {
    Value(&'v Value),
    Text(&'static str),
    Key(&'v Value),
}

/// Walks with a stack of its own: what is stored may nest as it likes.
fn value_json(value: &Value, to: &mut String) -> Result<()> {
    let mut steps = vec![Step::Value(value)];
    while let Some(step) = steps.pop() {
        if steps.len() > PARTS_MAX {
            return Err(too_deep());
        }
        match step {
            Step::Text(text) => to.push_str(text),
            Step::Key(value) => {
                let mut text = String::new();
                match plain_value(value) {
                    Some(Plain::Text(text)) => json::string(to, &text),
                    Some(other) => {
                        other.write(&mut text);
                        json::string(to, &text);
                    }
                    None => json::string(to, "(term)"),
                }
                to.push(':');
            }
            Step::Value(value) => match value {
                Value::List(items) | Value::Tuple(items) => {
                    to.push('[');
                    steps.push(Step::Text("]"));
                    for (at, item) in items.iter().enumerate().rev() {
                        steps.push(Step::Value(item));
                        if at > 0 {
                            steps.push(Step::Text(","));
                        }
                    }
                }
                Value::Map(pairs) => {
                    to.push('{');
                    steps.push(Step::Text("}"));
                    for (at, (key, item)) in pairs.iter().enumerate().rev() {
                        steps.push(Step::Value(item));
                        steps.push(Step::Key(key));
                        if at > 0 {
                            steps.push(Step::Text(","));
                        }
                    }
                }
                other => {
                    if let Some(plain) = plain_value(other) {
                        plain.write(to);
                    }
                }
            },
        }
    }
    Ok(())
}

fn too_deep() -> Error {
    Error::LimitExceeded {
        what: "parts of one value in a file",
        limit: PARTS_MAX as u64,
    }
}

fn datum(cell: &Cell, kind: Type) -> Result<Datum> {
    let plain = plain(cell);
    Ok(match (kind, plain) {
        (_, Plain::Nothing) => Datum::Empty,
        (Type::Bool, Plain::Bool(yes)) => Datum::Bool(yes),
        (Type::Int, Plain::Int(int)) => Datum::Int(int),
        (Type::Float, Plain::Float(float)) => Datum::Float(float),
        (Type::Float, Plain::Int(int)) => Datum::Float(int as f64),
        (Type::Text | Type::Atom | Type::Any, Plain::Text(text)) => Datum::Text(text.into_owned()),
        (Type::Text | Type::Atom | Type::Any, other) => {
            let mut text = String::new();
            other.write(&mut text);
            Datum::Text(text)
        }
        // A column's vector holds nothing else.
        _ => Datum::Empty,
    })
}

// MessagePack: <https://github.com/msgpack/msgpack/blob/master/spec.md>

fn pack(cell: &Cell, to: &mut Vec<u8>) -> Result<()> {
    let Cell::Value(value) = cell else {
        pack_text(b"(code)", to);
        return Ok(());
    };
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        if left.len() > PARTS_MAX {
            return Err(too_deep());
        }
        match value {
            Value::List(items) | Value::Tuple(items) => {
                pack_array(items.len(), to);
                left.extend(items.iter().rev());
            }
            Value::Map(pairs) => {
                pack_map(pairs.len(), to);
                for (key, item) in pairs.iter().rev() {
                    left.push(item);
                    left.push(key);
                }
            }
            other => match plain_value(other) {
                Some(Plain::Bool(yes)) => to.push(if yes { 0xc3 } else { 0xc2 }),
                Some(Plain::Int(int)) => {
                    // A vector of bytes cannot fail to be written to.
                    let _ = rmp_int(int, to);
                }
                Some(Plain::Float(float)) => {
                    to.push(0xcb);
                    to.extend_from_slice(&float.to_be_bytes());
                }
                Some(Plain::Text(text)) => pack_text(text.as_bytes(), to),
                _ => to.push(0xc0),
            },
        }
    }
    Ok(())
}

fn rmp_int(int: i64, to: &mut Vec<u8>) -> std::io::Result<()> {
    match int {
        0..=127 => to.push(int as u8),
        -32..=-1 => to.push(int as i8 as u8),
        -128..=-33 => to.write_all(&[0xd0, int as i8 as u8])?,
        _ if i32::try_from(int).is_ok() => {
            to.push(0xd2);
            to.extend_from_slice(&(int as i32).to_be_bytes());
        }
        _ => {
            to.push(0xd3);
            to.extend_from_slice(&int.to_be_bytes());
        }
    }
    Ok(())
}

fn pack_length(length: usize, short: (u8, usize), wide: (u8, u8), to: &mut Vec<u8>) {
    match length {
        _ if length < short.1 => to.push(short.0 | length as u8),
        _ if length <= usize::from(u16::MAX) => {
            to.push(wide.0);
            to.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            to.push(wide.1);
            to.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

fn pack_array(length: usize, to: &mut Vec<u8>) {
    pack_length(length, (0x90, 16), (0xdc, 0xdd), to);
}

fn pack_map(length: usize, to: &mut Vec<u8>) {
    pack_length(length, (0x80, 16), (0xde, 0xdf), to);
}

fn pack_text(text: &[u8], to: &mut Vec<u8>) {
    match text.len() {
        0..=31 => to.push(0xa0 | text.len() as u8),
        32..=255 => to.extend_from_slice(&[0xd9, text.len() as u8]),
        _ => pack_length(text.len(), (0, 0), (0xda, 0xdb), to),
    }
    to.extend_from_slice(text);
}
