//! Comma-separated values (RFC 4180), with what the file says of itself in lines that begin with `#`.

use crate::error::Result;
use crate::export::Sink;
use crate::export::about::About;
use crate::export::table::{Cell, Column, Writer};

#[derive(Default)]
pub struct Csv {
    line: String,
}

impl Writer for Csv {
    fn begin(&mut self, columns: &[Column], about: &About, out: &mut Sink<'_>) -> Result<()> {
        out.text(&about.comments())?;
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        out.text(&format!("{}\n", names.join(",")))
    }

    fn row(&mut self, row: Vec<Cell>, out: &mut Sink<'_>) -> Result<()> {
        self.line.clear();
        for (at, cell) in row.iter().enumerate() {
            if at > 0 {
                self.line.push(',');
            }
            match cell {
                Cell::Number(number) => self.line.push_str(&number.to_string()),
                Cell::Empty => {}
                Cell::Text(text) if text.contains(['"', ',', '\n', '\r', '#']) => {
                    self.line.push('"');
                    self.line.push_str(&text.replace('"', "\"\""));
                    self.line.push('"');
                }
                Cell::Text(text) => self.line.push_str(text),
            }
        }
        self.line.push('\n');
        out.text(&self.line)
    }

    fn end(&mut self, _about: &About, _out: &mut Sink<'_>) -> Result<()> {
        Ok(())
    }
}
