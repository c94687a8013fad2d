//! The event log as two tables: its events, and calls from their beginning to their end. Columns come from the log's own, a
//! block at a time; what the log's index can tell of a condition spares blocks.

use std::cell::{OnceCell, RefCell};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ahash::AHashMap;

use crate::atoms::intern;
use crate::captured::show;
use crate::error::Result;
use crate::ingest::{
    Block, EventFilter, EventKind, LONG, NO_POINT, POINT_BITS, POINT_MASK, Reading, Wanted, split,
};
use crate::query::{
    Access, Batch, Comparison, Context, Dictionary, Hint, MISSING, Missing, Scan, Sink, Table,
    Vector, atom_text,
};
use crate::store::tables::points::PointColumns;
use crate::value::Value;

/// Bytes of the text of one value.
const VALUE_BYTES: usize = 1024;

/// The words of `RuntimeEvent.event_type`, by kind.
pub const EVENT_TYPES: [&str; 29] = [
    "call",
    "return",
    "tail",
    "error",
    "aborted",
    "lost",
    "binding",
    "expression",
    "branch",
    "message_sent",
    "message_received",
    "exception",
    "custom",
    "note",
    "vm_message_sent",
    "vm_message_arrived",
    "vm_sent_to_none",
    "spawn",
    "spawned",
    "process_exit",
    "link",
    "unlink",
    "register",
    "unregister",
    "scheduled_in",
    "scheduled_out",
    "gc_begin",
    "gc_end",
    "return_to",
];

const OUTCOMES: [&str; 6] = ["open", "returned", "tail", "error", "aborted", "lost"];

/// How a process is written.
pub type PidText<'a> = &'a dyn Fn(u64) -> String;

/// Texts of processes, by word and whether it is of an earlier VM.
type Pids = AHashMap<(u64, bool), Arc<[u8]>>;

/// What both tables read.
pub struct LogColumns<'a> {
    reading: Reading<'a>,
    points: OnceCell<PointColumns>,
    pid_text: PidText<'a>,
    pids: RefCell<Pids>,
    types: [u32; EventKind::ALL.len()],
    outcomes: [u32; 6],
}

impl<'a> LogColumns<'a> {
    pub fn new(reading: Reading<'a>, pid_text: PidText<'a>) -> Self {
        LogColumns {
            reading,
            points: OnceCell::new(),
            pid_text,
            pids: RefCell::default(),
            types: EVENT_TYPES.map(|word| intern(word).0),
            outcomes: OUTCOMES.map(|word| intern(word).0),
        }
    }

    pub fn reading(&self) -> &Reading<'a> {
        &self.reading
    }

    fn points(&self) -> &PointColumns {
        self.points
            .get_or_init(|| PointColumns::new(self.reading.points()))
    }

    pub fn pid(&self, word: u64, foreign: bool) -> Arc<[u8]> {
        let mut pids = self.pids.borrow_mut();
        let text = pids.entry((word, foreign)).or_insert_with(|| {
            let text = match foreign {
                true => format!("earlier {word:x}"),
                false => (self.pid_text)(word),
            };
            Arc::from(text.as_bytes())
        });
        text.clone()
    }

    /// What the log's index can use of some conditions.
    fn wanted(&self, hints: &[Hint], kinds: Option<Vec<EventKind>>, times: bool) -> Wanted {
        let mut filter = EventFilter {
            kinds,
            ..EventFilter::default()
        };
        let mut points: Option<Vec<bool>> = None;
        for hint in hints {
            let (column, values): (&str, Vec<&Value>) = match hint {
                Hint::Compare(column, Comparison::Eq, value) => (column, vec![value]),
                Hint::In(column, values) => (column, values.iter().collect()),
                Hint::Compare(column, comparison, Value::Int(at))
                    if times && &**column == "time_ns" =>
                {
                    let at = (*at).max(0) as u64;
                    match comparison {
                        Comparison::Gt | Comparison::Gte => {
                            filter.from_ns = Some(filter.from_ns.unwrap_or(0).max(at));
                        }
                        Comparison::Lt | Comparison::Lte => {
                            filter.to_ns = Some(filter.to_ns.unwrap_or(u64::MAX).min(at));
                        }
                        _ => {}
                    }
                    continue;
                }
                _ => continue,
            };
            let texts = || {
                values
                    .iter()
                    .filter_map(|value| value.as_text())
                    .collect::<Vec<_>>()
            };
            match (column, values.as_slice()) {
                ("event_type", _) if times => {
                    let texts = texts();
                    let kinds = EventKind::ALL.into_iter().zip(EVENT_TYPES);
                    let kinds = kinds.filter(|(_, word)| texts.contains(&word.as_bytes()));
                    filter.kinds = Some(kinds.map(|(kind, _)| kind).collect());
                }
                ("correlation_id", [Value::Int(token)]) => filter.token = Some(*token as u64),
                ("function" | "module_name" | "function_name", _) => {
                    let (texts, columns) = (texts(), self.points());
                    let of_text = |point: usize| match column {
                        "function" => {
                            let (codes, dictionary) = &columns.function;
                            dictionary.get(codes[point] as usize).map(|text| &**text)
                        }
                        "module_name" => Some(atom_text(columns.module[point])),
                        _ => Some(atom_text(columns.name[point])),
                    };
                    let taken = (0..columns.module.len())
                        .map(|point| of_text(point).is_some_and(|text| texts.contains(&text)));
                    let taken: Vec<bool> = taken.collect();
                    points = Some(match points {
                        None => taken,
                        Some(before) => before.iter().zip(taken).map(|(a, b)| *a && b).collect(),
                    });
                }
                _ => {}
            }
        }
        Wanted::new(&filter, points)
    }
}

/// The rows of one block that a table has.
struct Rows<'b> {
    block: &'b Arc<Block>,
    /// `None`: all of them.
    picked: Option<Vec<u32>>,
}

impl Rows<'_> {
    fn len(&self) -> usize {
        self.picked.as_ref().map_or(self.block.rows(), Vec::len)
    }

    fn each<T>(&self, of_row: impl FnMut(usize) -> T) -> Vec<T> {
        match &self.picked {
            None => (0..self.block.rows()).map(of_row).collect(),
            Some(picked) => picked.iter().map(|row| *row as usize).map(of_row).collect(),
        }
    }

    fn point(&self, row: usize) -> Option<usize> {
        let point = self.block.point_kind[row] & POINT_MASK;
        (point != NO_POINT).then_some(point as usize)
    }

    fn kind(&self, row: usize) -> EventKind {
        EventKind::ALL[(self.block.point_kind[row] >> POINT_BITS) as usize]
    }

    fn duration_ns(&self, row: usize) -> Option<u64> {
        if !self.kind(row).is_end() {
            return None;
        }
        match self.block.link[row].load(Ordering::Relaxed) {
            LONG => {
                let long = &self.block.long;
                let at = long
                    .binary_search_by_key(&(row as u16), |(row, _)| *row)
                    .ok()?;
                Some(long[at].1)
            }
            link => Some(u64::from(link)),
        }
    }

    fn maybe_int(&self, of_row: impl Fn(usize) -> Option<i64>) -> Vector {
        let values = self.each(&of_row);
        let missing: Missing = values
            .contains(&None)
            .then(|| values.iter().map(Option::is_none).collect());
        Vector::Int(
            values.iter().map(|value| value.unwrap_or(0)).collect(),
            missing,
        )
    }

    fn maybe_float(&self, of_row: impl Fn(usize) -> Option<f64>) -> Vector {
        let values = self.each(&of_row);
        let missing: Missing = values
            .iter()
            .any(Option::is_none)
            .then(|| values.iter().map(Option::is_none).collect());
        Vector::Float(
            values.iter().map(|value| value.unwrap_or(0.0)).collect(),
            missing,
        )
    }

    fn of_points(&self, of_point: &[u32]) -> Vec<u32> {
        self.each(|row| {
            let point = self.point(row);
            point
                .and_then(|point| of_point.get(point).copied())
                .unwrap_or(MISSING)
        })
    }

    fn numbers_of_points(&self, of_point: &[i64]) -> Vector {
        self.maybe_int(|row| of_point.get(self.point(row)?).copied())
    }

    fn token(&self) -> Vector {
        let tokens = self.each(|row| self.block.token.get(row) as i64);
        let missing = tokens.contains(&0);
        let missing = missing.then(|| tokens.iter().map(|token| *token == 0).collect());
        Vector::Int(tokens, missing)
    }

    fn process(&self, log: &LogColumns<'_>) -> Vector {
        let foreign = self.block.head.foreign;
        let words = self.block.processes.iter();
        let texts: Dictionary = Arc::new(words.map(|word| log.pid(*word, foreign)).collect());
        Vector::Text(self.each(|row| u32::from(self.block.process[row])), texts)
    }

    fn reason(&self) -> Vector {
        let reasons = &self.block.reasons;
        Vector::Atom(self.each(|row| {
            let at = reasons.binary_search_by_key(&(row as u16), |(row, _)| *row);
            at.map_or(MISSING, |at| reasons[at].1)
        }))
    }

    /// What both tables have.
    fn column(&self, name: &str, log: &LogColumns<'_>) -> Option<Vector> {
        let points = log.points();
        Some(match name {
            "correlation_id" => self.token(),
            "process" => self.process(log),
            "function" => Vector::Text(
                self.of_points(&points.function.0),
                points.function.1.clone(),
            ),
            "module_name" => Vector::Atom(self.of_points(&points.module)),
            "function_name" => Vector::Atom(self.of_points(&points.name)),
            "arity" => self.numbers_of_points(&points.arity),
            "clause" => self.numbers_of_points(&points.clause),
            "line" => self.numbers_of_points(&points.line),
            "duration_us" => {
                self.maybe_float(|row| self.duration_ns(row).map(|ns| ns as f64 / 1e3))
            }
            "reason" => self.reason(),
            _ => return None,
        })
    }
}

fn give(
    rows: &Rows<'_>,
    numbers: std::ops::Range<i64>,
    scan: &Scan<'_>,
    of_name: impl Fn(&str) -> Vector,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>> {
    let mut columns: Vec<Arc<Vector>> = scan
        .columns
        .iter()
        .map(|name| Arc::new(of_name(name)))
        .collect();
    columns.push(Arc::new(Vector::Int(numbers.collect(), None)));
    sink(Batch {
        rows: rows.len(),
        columns,
    })
}

fn path(hints: &[Hint], wanted: &Wanted) -> String {
    let restricted = wanted.points.is_some()
        || wanted.token.is_some()
        || wanted.from_ns > 0
        || wanted.to_ns < u64::MAX;
    match restricted && !hints.is_empty() {
        true => "index of blocks".into(),
        false => "scan".into(),
    }
}

pub struct Events<'m, 'a>(pub &'m LogColumns<'a>);

impl Table for Events<'_, '_> {
    fn rows(&self) -> u64 {
        let all = Wanted::new(&EventFilter::default(), None);
        self.0.reading.snapshot().rows_in_blocks(&all)
    }

    fn distinct(&self, column: &str) -> Option<u64> {
        match column {
            "event_type" => Some(EVENT_TYPES.len() as u64),
            "function" => Some(self.0.points().function.1.len() as u64),
            _ => None,
        }
    }

    fn access(&self, hints: &[Hint]) -> Access {
        let wanted = self.0.wanted(hints, None, true);
        Access {
            path: path(hints, &wanted),
            rows: self.0.reading.snapshot().rows_in_blocks(&wanted),
        }
    }

    fn scan(&self, scan: &Scan<'_>, context: &Context<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let log = self.0;
        let wanted = log.wanted(scan.hints, None, true);
        log.reading.snapshot().each_block(&wanted, &mut |block| {
            context.check()?;
            let rows = Rows {
                block,
                picked: None,
            };
            let first = block.head.first_event_id as i64;
            let numbers = first..first + block.rows() as i64;
            let of_name = |name: &str| match name {
                "event_id" => Vector::Int(numbers.clone().collect(), None),
                "event_type" => Vector::Atom(rows.each(|row| log.types[rows.kind(row) as usize])),
                "time_ns" => Vector::Int(rows.each(|row| block.at.get(row) as i64), None),
                "variable" => {
                    let (codes, texts) = &log.points().variable;
                    Vector::Text(rows.of_points(codes), texts.clone())
                }
                "value" => values(block),
                name => rows
                    .column(name, log)
                    .unwrap_or_else(|| Vector::Any(vec![Value::nil(); rows.len()])),
            };
            give(&rows, numbers.clone(), scan, of_name, sink)
        })
    }
}

/// What was captured, as text.
fn values(block: &Arc<Block>) -> Vector {
    let mut builder = crate::query::Builder::new(crate::query::Type::Text);
    for row in 0..block.rows() {
        let row = Block::row(block, row);
        let blob = row.blob.as_deref().unwrap_or_default();
        match split(row.kind, blob).1 {
            [] => builder.push_missing(),
            bytes => builder.push(Value::text(&show(bytes, &(), VALUE_BYTES))),
        }
    }
    builder.finish()
}

pub struct Activations<'m, 'a>(pub &'m LogColumns<'a>);

impl Activations<'_, '_> {
    fn kinds() -> Vec<EventKind> {
        EventKind::ALL
            .into_iter()
            .filter(|kind| kind.is_end() || *kind == EventKind::Enter)
            .collect()
    }
}

impl Table for Activations<'_, '_> {
    fn rows(&self) -> u64 {
        let wanted = Wanted::new(&EventFilter::default(), None);
        // A call is two events, as a rule.
        self.0.reading.snapshot().rows_in_blocks(&wanted) / 2
    }

    fn distinct(&self, column: &str) -> Option<u64> {
        match column {
            "outcome" => Some(OUTCOMES.len() as u64),
            column => Events(self.0).distinct(column),
        }
    }

    fn access(&self, hints: &[Hint]) -> Access {
        let wanted = self.0.wanted(hints, Some(Self::kinds()), false);
        Access {
            path: path(hints, &wanted),
            rows: self.0.reading.snapshot().rows_in_blocks(&wanted) / 2,
        }
    }

    fn scan(&self, scan: &Scan<'_>, context: &Context<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let log = self.0;
        let wanted = log.wanted(scan.hints, Some(Self::kinds()), false);
        log.reading.snapshot().each_block(&wanted, &mut |block| {
            context.check()?;
            let all = Rows {
                block,
                picked: None,
            };
            let is_one = |row: &u32| {
                let kind = all.kind(*row as usize);
                let open = || block.link[*row as usize].load(Ordering::Relaxed) == 0;
                kind.is_end() || kind == EventKind::Enter && open()
            };
            let rows = Rows {
                block,
                picked: Some((0..block.rows() as u32).filter(is_one).collect()),
            };
            let first = block.head.first_event_id as i64;
            let numbers: Vec<i64> = rows.each(|row| first + row as i64);
            let of_name = |name: &str| match name {
                "started_ns" => Vector::Int(
                    rows.each(|row| {
                        let lasted = rows.duration_ns(row).unwrap_or(0);
                        block.at.get(row).saturating_sub(lasted) as i64
                    }),
                    None,
                ),
                "outcome" => Vector::Atom(rows.each(|row| log.outcomes[rows.kind(row) as usize])),
                name => rows
                    .column(name, log)
                    .unwrap_or_else(|| Vector::Any(vec![Value::nil(); rows.len()])),
            };
            let mut columns: Vec<Arc<Vector>> = scan
                .columns
                .iter()
                .map(|name| Arc::new(of_name(name)))
                .collect();
            columns.push(Arc::new(Vector::Int(numbers, None)));
            sink(Batch {
                rows: rows.len(),
                columns,
            })
        })
    }
}
