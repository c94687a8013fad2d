//! Exports: the event log and the statistics in the formats of other tools.
//!
//! An export reads the log page by page and writes as it reads, so its memory does not grow with the log. It is taken
//! in steps (`Job::step`), each bounded in time: whoever drives it can show progress, keep a deadline, or give up.
//! Values in a file are those of the log, where what is secret was never written.

mod about;
mod chrome;
mod csv;
mod flame;
mod folded;
mod item;
mod job;
mod joins;
mod json;
mod nested;
mod otlp;
mod parquet;
mod replay;
mod speedscope;
mod table;
mod tree;

pub use about::About;
pub use item::{Item, Pages, Peer, kind_name};
pub use job::{Job, Progress};
pub use replay::{Change, Frame, Replay};
pub use tree::CallTree;

use std::io::Write;
use std::sync::Arc;

use crate::capture::points::FunctionKey;
use crate::error::{Error, Result};
use crate::ingest::EventFilter;

/// What can be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Folded stacks, nanoseconds of self time: one line for each stack.
    Folded,
    /// <https://www.speedscope.app/file-format-schema.json>
    Speedscope,
    /// Chrome's trace event format, which Perfetto reads.
    Chrome,
    /// OTLP/JSON spans.
    Otlp,
    /// A flame graph that is one SVG file.
    Svg,
    /// Events, one row each.
    EventsCsv,
    EventsParquet,
    /// Statistics, one row for each function.
    StatisticsCsv,
    StatisticsParquet,
}

impl Format {
    pub const ALL: [(Format, &'static str); 9] = [
        (Format::Folded, "folded"),
        (Format::Speedscope, "speedscope"),
        (Format::Chrome, "chrome"),
        (Format::Otlp, "otlp"),
        (Format::Svg, "svg"),
        (Format::EventsCsv, "events_csv"),
        (Format::EventsParquet, "events_parquet"),
        (Format::StatisticsCsv, "statistics_csv"),
        (Format::StatisticsParquet, "statistics_parquet"),
    ];

    pub fn named(name: &str) -> Option<Format> {
        let found = Format::ALL.iter().find(|(_, own)| *own == name);
        found.map(|(format, _)| *format)
    }

    /// Whether it is made of activations: then the log is replayed, and needs all kinds of events.
    fn of_statistics(self) -> bool {
        matches!(self, Format::StatisticsCsv | Format::StatisticsParquet)
    }
}

/// Where a function stands, as far as the repository knows.
pub type PlaceOf = Arc<dyn Fn(&FunctionKey) -> Option<Place> + Send + Sync>;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    pub file: String,
    pub line: u32,
}

/// What is asked of an export.
#[derive(Clone)]
pub struct Options {
    pub filter: EventFilter,
    /// What the file says of itself: the project, the machine. Free text.
    pub title: String,
    /// How much of what happened was to be recorded at all, in words.
    pub sampling: String,
    /// Profiles of single processes in one speedscope file: the busiest.
    pub processes_max: usize,
    /// Bytes of events held at a time by formats that must sort them by process.
    pub memory_bytes: usize,
    pub place: PlaceOf,
    /// The pid of a process of this VM, as text.
    pub pid: Arc<dyn Fn(u64) -> String + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            filter: EventFilter::default(),
            title: "ElixirScope".into(),
            sampling: "everything".into(),
            processes_max: 200,
            memory_bytes: 64 * 1024 * 1024,
            place: Arc::new(|_| None),
            pid: Arc::new(|word| format!("#PID<word {word:x}>")),
        }
    }
}

/// Where an export goes, with its size so far.
pub struct Out<W> {
    writer: W,
    pub bytes: u64,
}

impl<W: Write> Out<W> {
    pub fn new(writer: W) -> Self {
        Out { writer, bytes: 0 }
    }

    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.writer.write_all(bytes).map_err(failed)
    }

    pub fn text(&mut self, text: &str) -> Result<()> {
        self.put(text.as_bytes())
    }

    pub fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(failed)
    }

    pub fn into_inner(self) -> W {
        self.writer
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::Write {
        detail: error.to_string(),
    }
}

/// The sink of an exporter.
pub(crate) type Sink<'a> = Out<&'a mut dyn Write>;

/// Whether an exporter wants to see the events again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pass {
    Again,
    Done,
}

/// One format. Events come in the order of the log.
pub(crate) trait Exporter: Send {
    fn begin(&mut self, about: &About, out: &mut Sink<'_>) -> Result<()>;
    fn take(&mut self, item: &Item, out: &mut Sink<'_>) -> Result<()>;
    /// All events of this pass were taken.
    fn pass(&mut self, about: &About, out: &mut Sink<'_>) -> Result<Pass>;
}

/// `Module.name/arity` as Elixir writes it, without the quotes of odd names.
pub fn function_name(key: &FunctionKey) -> String {
    let module = key.module.text();
    match module.strip_prefix("Elixir.") {
        Some(alias) => format!("{alias}.{}/{}", key.name.text(), key.arity),
        None => format!(":{module}.{}/{}", key.name.text(), key.arity),
    }
}
