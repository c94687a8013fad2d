//! Events and statistics as rows of named columns.

use crate::capture::points::FunctionKey;
use crate::captured::show;
use crate::error::Result;
use crate::export::about::About;
use crate::export::item::{Item, kind_name};
use crate::export::{Exporter, Options, Pass, Sink};
use crate::ingest::CallStats;

/// Bytes of the text of one value.
const VALUE_BYTES: usize = 4096;

/// What a column holds. Every column but those of `Count` and `Time` may be empty in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Unsigned, always there.
    Count,
    /// Nanoseconds since 1970, always there.
    Time,
    MaybeCount,
    MaybeTime,
    Text,
}

pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Cell {
    Number(u64),
    Text(String),
    Empty,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

pub const EVENT_COLUMNS: [Column; 13] = [
    column("event_id", Kind::Count),
    column("kind", Kind::Text),
    column("time", Kind::Time),
    column("process", Kind::Text),
    column("correlation_id", Kind::Count),
    column("module", Kind::Text),
    column("function", Kind::Text),
    column("arity", Kind::MaybeCount),
    column("clause", Kind::MaybeCount),
    column("line", Kind::MaybeCount),
    column("duration_ns", Kind::MaybeCount),
    column("reason", Kind::Text),
    column("value", Kind::Text),
];

pub const STATISTICS_COLUMNS: [Column; 18] = [
    column("module", Kind::Text),
    column("function", Kind::Text),
    column("arity", Kind::Count),
    column("calls", Kind::Count),
    column("returned", Kind::Count),
    column("tail_calls", Kind::Count),
    column("errors", Kind::Count),
    column("aborted", Kind::Count),
    column("lost", Kind::Count),
    column("open", Kind::Count),
    column("total_ns", Kind::Count),
    column("self_ns", Kind::Count),
    column("min_ns", Kind::MaybeCount),
    column("max_ns", Kind::MaybeCount),
    column("p50_ns", Kind::MaybeCount),
    column("p95_ns", Kind::MaybeCount),
    column("p99_ns", Kind::MaybeCount),
    column("last_executed", Kind::MaybeTime),
];

/// A format of tables.
pub trait Writer: Send {
    fn begin(&mut self, columns: &[Column], about: &About, out: &mut Sink<'_>) -> Result<()>;
    fn row(&mut self, row: Vec<Cell>, out: &mut Sink<'_>) -> Result<()>;
    fn end(&mut self, about: &About, out: &mut Sink<'_>) -> Result<()>;
}

/// A module as Elixir writes it.
fn module(text: &str) -> String {
    match text.strip_prefix("Elixir.") {
        Some(alias) => alias.to_owned(),
        None => format!(":{text}"),
    }
}

fn maybe(number: Option<u64>) -> Cell {
    number.map_or(Cell::Empty, Cell::Number)
}

/// What was captured, as text.
fn value(item: &Item) -> Cell {
    let blob = item.blob.as_deref().unwrap_or_default();
    match item.value_bytes(blob) {
        [] => Cell::Empty,
        bytes => Cell::Text(show(bytes, &(), VALUE_BYTES)),
    }
}

/// The events of the log.
pub struct Events<W> {
    pub writer: W,
    pub options: Options,
}

impl<W: Writer> Exporter for Events<W> {
    fn begin(&mut self, about: &About, out: &mut Sink<'_>) -> Result<()> {
        self.writer.begin(&EVENT_COLUMNS, about, out)
    }

    fn take(&mut self, item: &Item, out: &mut Sink<'_>) -> Result<()> {
        let process = match item.local {
            true => (self.options.pid)(item.process),
            false => format!("earlier {:x}", item.process),
        };
        let text = |text: Option<String>| text.map_or(Cell::Empty, Cell::Text);
        let key = item.function();
        let number = |read: &dyn Fn(&crate::capture::points::PointInfo) -> u32| {
            maybe(item.point.as_ref().map(|point| u64::from(read(point))))
        };
        let row = vec![
            Cell::Number(item.id),
            Cell::Text(kind_name(item.kind).into()),
            Cell::Number(item.at_ns),
            Cell::Text(process),
            Cell::Number(item.token),
            text(key.map(|key| module(key.module.text()))),
            text(key.map(|key| key.name.text().to_owned())),
            number(&|point| point.function.arity),
            number(&|point| point.clause),
            number(&|point| point.line),
            maybe(item.duration_ns),
            text(item.reason.map(|reason| module(reason.text()))),
            value(item),
        ];
        self.writer.row(row, out)
    }

    fn pass(&mut self, about: &About, out: &mut Sink<'_>) -> Result<Pass> {
        self.writer.end(about, out)?;
        Ok(Pass::Done)
    }
}

/// The statistics of all functions.
pub struct Statistics<W> {
    pub writer: W,
    pub rows: Vec<(FunctionKey, CallStats)>,
}

impl<W: Writer> Exporter for Statistics<W> {
    fn begin(&mut self, about: &About, out: &mut Sink<'_>) -> Result<()> {
        self.writer.begin(&STATISTICS_COLUMNS, about, out)
    }

    fn take(&mut self, _item: &Item, _out: &mut Sink<'_>) -> Result<()> {
        Ok(())
    }

    fn pass(&mut self, about: &About, out: &mut Sink<'_>) -> Result<Pass> {
        for (key, stats) in std::mem::take(&mut self.rows) {
            let counts = [
                u64::from(key.arity),
                stats.calls,
                stats.returned,
                stats.tailed,
                stats.errors,
                stats.aborted,
                stats.lost,
                stats.open(),
                stats.total_ns,
                stats.self_ns,
            ];
            let maybes = [
                stats.min_ns,
                stats.max_ns,
                stats.p50_ns,
                stats.p95_ns,
                stats.p99_ns,
                stats.last_executed,
            ];
            let row = [
                Cell::Text(module(key.module.text())),
                Cell::Text(key.name.text().to_owned()),
            ];
            let row = row.into_iter().chain(counts.map(Cell::Number));
            self.writer
                .row(row.chain(maybes.map(maybe)).collect(), out)?;
        }
        self.writer.end(about, out)?;
        Ok(Pass::Done)
    }
}
