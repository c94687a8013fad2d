//! A block: up to some thousand consecutive events as columns. The unit of reading, and of what is compressed.
//!
//! A row takes 19 bytes, plus 8 for each process of the block, 16 for a time above 4 s, 8 for a reason, and 6 with the
//! bytes of its value. A closed block never changes, but for where the activations that began in it ended.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Result;
use crate::ingest::effect::{EventKind, NONE};
use crate::ingest::log::Entry;
use crate::ingest::log::columns::{Times, Tokens, ring_of};

/// The kind takes the top six bits of the point's column.
pub(crate) const POINT_BITS: u32 = 26;
pub(crate) const POINT_MASK: u32 = (1 << POINT_BITS) - 1;
/// Of an event that has no point.
pub(crate) const NO_POINT: u32 = POINT_MASK;
/// An inclusive time that does not fit its column is among `long`.
pub(crate) const LONG: u32 = u32::MAX;

/// The bits of some kinds.
pub(crate) type Kinds = u64;

pub(crate) fn kind_bit(kind: EventKind) -> Kinds {
    1 << kind as u32
}

/// Which tokens of one ring a stretch of events has: those of beginnings, and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RingSpan {
    pub ring: u16,
    /// Empty (`first > last`) when no activation began.
    pub begun: (u64, u64),
    pub any: (u64, u64),
}

impl RingSpan {
    pub fn add(spans: &mut Vec<RingSpan>, other: &RingSpan) {
        match spans.iter_mut().find(|span| span.ring == other.ring) {
            Some(span) => {
                span.begun = (
                    span.begun.0.min(other.begun.0),
                    span.begun.1.max(other.begun.1),
                );
                span.any = (span.any.0.min(other.any.0), span.any.1.max(other.any.1));
            }
            None => spans.push(*other),
        }
    }

    pub fn of(token: u64, begins: bool) -> RingSpan {
        RingSpan {
            ring: ring_of(token),
            begun: if begins {
                (token, token)
            } else {
                (u64::MAX, 0)
            },
            any: (token, token),
        }
    }

    pub fn may_begin(spans: &[RingSpan], token: u64) -> bool {
        let within = |span: &RingSpan| span.begun.0 <= token && token <= span.begun.1;
        spans
            .iter()
            .any(|span| span.ring == ring_of(token) && within(span))
    }

    pub fn may_hold(spans: &[RingSpan], token: u64) -> bool {
        let within = |span: &RingSpan| span.any.0 <= token && token <= span.any.1;
        spans
            .iter()
            .any(|span| span.ring == ring_of(token) && within(span))
    }
}

/// What can be said of a block without its rows.
#[derive(Clone, Debug)]
pub(crate) struct BlockHead {
    pub first_event_id: u64,
    pub rows: u32,
    /// Of the rows that came in order: the time of the first, and the latest.
    pub min_ns: u64,
    pub max_ns: u64,
    pub kinds: Kinds,
    /// Some rows came later than their time.
    pub late: bool,
    pub rings: Box<[RingSpan]>,
    /// Of an earlier VM: its process words name nothing here.
    pub foreign: bool,
}

impl BlockHead {
    pub fn end_event_id(&self) -> u64 {
        self.first_event_id + u64::from(self.rows)
    }

    pub fn holds(&self, event_id: u64) -> bool {
        event_id >= self.first_event_id && event_id < self.end_event_id()
    }

    pub fn bytes(&self) -> usize {
        size_of::<BlockHead>() + self.rings.len() * size_of::<RingSpan>()
    }
}

/// Values of some rows, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blobs {
    pub rows: Vec<u16>,
    pub ends: Vec<u32>,
    pub bytes: Vec<u8>,
}

impl Blobs {
    fn push(&mut self, row: u16, blob: &[u8]) {
        self.rows.push(row);
        self.bytes.extend_from_slice(blob);
        self.ends.push(self.bytes.len() as u32);
    }

    fn range(&self, row: u16) -> Option<(u32, u32)> {
        let at = self.rows.binary_search(&row).ok()?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some((start, self.ends[at]))
    }

    fn memory_bytes(&self) -> usize {
        self.rows.len() * 6 + self.bytes.len()
    }
}

#[derive(Debug)]
pub(crate) struct Block {
    pub head: BlockHead,
    pub at: Times,
    pub process: Box<[u16]>,
    pub token: Tokens,
    pub point_kind: Box<[u32]>,
    /// Of a beginning: how many events later it ended (0 while open, `NONE` when that is too many). Of an end: its
    /// inclusive nanoseconds. Longer than the block where that was closed early.
    pub link: Arc<[AtomicU32]>,
    pub processes: Box<[u64]>,
    /// `(row, inclusive_ns)` and `(row, atom)`, by row.
    pub long: Box<[(u16, u64)]>,
    pub reasons: Box<[(u16, u32)]>,
    pub blobs: Blobs,
}

/// The bytes of a value, in the format of the log; they keep the block that they lie in.
#[derive(Clone)]
pub struct Blob {
    block: Arc<Block>,
    range: (u32, u32),
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.block.blobs.bytes[self.range.0 as usize..self.range.1 as usize]
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Blob) -> bool {
        **self == **other
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blob({:?})", &**self)
    }
}

/// One row, read back.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Row {
    pub event_id: u64,
    pub at_ns: u64,
    pub process_word: u64,
    pub token: u64,
    /// The store's number, or `NONE`.
    pub point: u32,
    pub kind: EventKind,
    /// Ends only.
    pub inclusive_ns: Option<u64>,
    /// Beginnings only: the event id of the end, where it is known.
    pub ended: Option<u64>,
    /// Atom number or `NONE`.
    pub reason: u32,
    /// Of another VM.
    pub foreign: bool,
    pub blob: Option<Blob>,
}

impl Block {
    pub fn rows(&self) -> usize {
        self.head.rows as usize
    }

    #[inline]
    pub fn kind(&self, row: usize) -> EventKind {
        EventKind::ALL[(self.point_kind[row] >> POINT_BITS) as usize]
    }

    pub fn process_word(&self, row: usize) -> u64 {
        self.processes[usize::from(self.process[row])]
    }

    pub fn row(block: &Arc<Block>, row: usize) -> Row {
        let kind = block.kind(row);
        let event_id = block.head.first_event_id + row as u64;
        let link = block.link[row].load(Ordering::Relaxed);
        let (inclusive_ns, ended) = match kind {
            EventKind::Enter => (None, ended(event_id, link)),
            kind if !kind.is_end() => (None, None),
            _ if link == LONG => (find(&block.long, row), None),
            _ => (Some(u64::from(link)), None),
        };
        let blob = block.blobs.range(row as u16);
        let point = block.point_kind[row] & POINT_MASK;
        Row {
            event_id,
            at_ns: block.at.get(row),
            process_word: block.process_word(row),
            token: block.token.get(row),
            point: if point == NO_POINT { NONE } else { point },
            kind,
            inclusive_ns,
            ended,
            reason: find(&block.reasons, row).unwrap_or(NONE),
            foreign: block.head.foreign,
            blob: blob.map(|range| Blob {
                block: Arc::clone(block),
                range,
            }),
        }
    }

    /// The row where the activation of `token` began.
    pub fn find_begun(&self, token: u64) -> Option<usize> {
        if !RingSpan::may_begin(&self.head.rings, token) {
            return None;
        }
        let begins = |row: &usize| self.point_kind[*row] >> POINT_BITS == EventKind::Enter as u32;
        (0..self.rows())
            .filter(begins)
            .find(|row| self.token.get(*row) == token)
    }

    /// Where the beginning at `event_id` ended: so many events later.
    pub fn set_link(&self, event_id: u64, distance: u32) {
        let row = (event_id - self.head.first_event_id) as usize;
        if row < self.rows() && self.kind(row) == EventKind::Enter {
            self.link[row].store(distance, Ordering::Relaxed);
        }
    }

    /// A block of its own, links included.
    pub fn copy(&self) -> Block {
        let links = self.link.iter().take(self.rows());
        Block {
            head: self.head.clone(),
            at: self.at.clone(),
            process: self.process.clone(),
            token: self.token.clone(),
            point_kind: self.point_kind.clone(),
            link: links
                .map(|link| AtomicU32::new(link.load(Ordering::Relaxed)))
                .collect(),
            processes: self.processes.clone(),
            long: self.long.clone(),
            reasons: self.reasons.clone(),
            blobs: self.blobs.clone(),
        }
    }

    /// Puts other bytes in the place of each row's: `change` appends them.
    pub fn map_blobs(
        &mut self,
        mut change: impl FnMut(EventKind, &[u8], &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut changed = Blobs::default();
        let mut start = 0;
        for (row, end) in self.blobs.rows.iter().zip(&self.blobs.ends) {
            let kind = self.kind(usize::from(*row));
            change(
                kind,
                &self.blobs.bytes[start..*end as usize],
                &mut changed.bytes,
            )?;
            changed.rows.push(*row);
            changed.ends.push(changed.bytes.len() as u32);
            start = *end as usize;
        }
        self.blobs = changed;
        Ok(())
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<Block>()
            + self.head.rings.len() * size_of::<RingSpan>()
            + self.at.bytes()
            + self.token.bytes()
            + self.process.len() * 2
            + self.point_kind.len() * 4
            + self.link.len() * 4
            + self.processes.len() * 8
            + self.long.len() * 16
            + self.reasons.len() * 8
            + self.blobs.memory_bytes()
    }
}

pub(crate) fn ended(event_id: u64, link: u32) -> Option<u64> {
    (link != 0 && link != NONE).then(|| event_id + u64::from(link))
}

/// By row, in lists that were filled row by row.
fn find<T: Copy>(list: &[(u16, T)], row: usize) -> Option<T> {
    let at = list
        .binary_search_by_key(&row, |(row, _)| usize::from(*row))
        .ok()?;
    Some(list[at].1)
}

/// The block that is being filled.
#[derive(Debug)]
pub(crate) struct OpenBlock {
    pub first_event_id: u64,
    at: Vec<u64>,
    process: Vec<u16>,
    token: Vec<u64>,
    pub point_kind: Vec<u32>,
    link: Arc<[AtomicU32]>,
    pub processes: Vec<u64>,
    long: Vec<(u16, u64)>,
    reasons: Vec<(u16, u32)>,
    blobs: Blobs,
    kinds: Kinds,
    late: bool,
    rings: Vec<RingSpan>,
    /// The latest time before this block, and by now.
    before_ns: u64,
    max_ns: u64,
    rows_max: usize,
    /// Recorded by an earlier VM.
    pub foreign: bool,
}

impl OpenBlock {
    /// For up to `rows_max` rows; `max_ns` is the latest time of all that came before.
    pub fn new(rows_max: usize, first_event_id: u64, max_ns: u64) -> Self {
        OpenBlock {
            first_event_id,
            at: Vec::with_capacity(rows_max),
            process: Vec::with_capacity(rows_max),
            token: Vec::with_capacity(rows_max),
            point_kind: Vec::with_capacity(rows_max),
            link: new_links(rows_max),
            processes: Vec::new(),
            long: Vec::new(),
            reasons: Vec::new(),
            blobs: Blobs::default(),
            kinds: 0,
            late: false,
            rings: Vec::new(),
            before_ns: max_ns,
            max_ns,
            rows_max,
            foreign: false,
        }
    }

    pub fn len(&self) -> usize {
        self.at.len()
    }

    pub fn max_ns(&self) -> u64 {
        self.max_ns
    }

    pub fn min_ns(&self) -> Option<u64> {
        self.at.first().copied()
    }

    /// Whether the next row may go here: consecutive, and not full.
    #[inline]
    pub fn takes(&self, event_id: u64, blob_bytes_max: usize) -> bool {
        self.len() < self.rows_max
            && event_id == self.first_event_id + self.len() as u64
            && self.blobs.bytes.len() < blob_bytes_max
    }

    pub fn add_process(&mut self, word: u64) -> u16 {
        self.processes.push(word);
        (self.processes.len() - 1) as u16
    }

    pub fn process(&self, number: u16) -> Option<u64> {
        self.processes.get(usize::from(number)).copied()
    }

    #[inline]
    pub fn append(&mut self, entry: &Entry<'_>, process: u16) {
        let row = self.len();
        let begins = entry.kind == EventKind::Enter;
        self.note_token(entry.token, begins);
        let link = match entry.kind.is_end() {
            false => 0,
            true => match u32::try_from(entry.inclusive_ns) {
                Ok(ns) if ns != LONG => ns,
                _ => {
                    self.long.push((row as u16, entry.inclusive_ns));
                    LONG
                }
            },
        };
        if entry.reason != NONE {
            self.reasons.push((row as u16, entry.reason));
        }
        if !entry.blob.is_empty() {
            self.blobs.push(row as u16, entry.blob);
        }
        self.kinds |= kind_bit(entry.kind);
        self.at.push(entry.at_ns);
        self.process.push(process);
        self.token.push(entry.token);
        self.point_kind
            .push((entry.kind as u32) << POINT_BITS | entry.point.min(NO_POINT));
        self.link[row].store(link, Ordering::Relaxed);
        self.late |= entry.at_ns < self.max_ns;
        self.max_ns = self.max_ns.max(entry.at_ns);
    }

    #[inline]
    fn note_token(&mut self, token: u64, begins: bool) {
        if token == 0 {
            return;
        }
        let ring = ring_of(token);
        match self.rings.iter_mut().find(|span| span.ring == ring) {
            Some(span) => {
                if begins {
                    span.begun = (span.begun.0.min(token), span.begun.1.max(token));
                }
                span.any = (span.any.0.min(token), span.any.1.max(token));
            }
            None => self.rings.push(RingSpan::of(token, begins)),
        }
    }

    #[inline]
    pub fn set_link(&self, event_id: u64, distance: u32) {
        let row = (event_id - self.first_event_id) as usize;
        let begins = |word: &u32| *word >> POINT_BITS == EventKind::Enter as u32;
        if self.point_kind.get(row).is_some_and(begins) {
            self.link[row].store(distance, Ordering::Relaxed);
        }
    }

    /// What was reserved, used or not.
    pub fn memory_bytes(&self) -> usize {
        self.rows_max * 26
            + self.processes.capacity() * 8
            + self.long.capacity() * 16
            + self.reasons.capacity() * 8
            + self.blobs.rows.capacity() * 6
            + self.blobs.bytes.capacity()
    }

    /// The row where the activation of `token` began.
    pub fn find_begun(&self, token: u64) -> Option<usize> {
        if !RingSpan::may_begin(&self.rings, token) {
            return None;
        }
        let begins = |row: &usize| self.point_kind[*row] >> POINT_BITS == EventKind::Enter as u32;
        (0..self.len())
            .filter(begins)
            .find(|row| self.token[*row] == token)
    }

    fn head(&self) -> BlockHead {
        // The first row that came in order has the time of the block's beginning.
        let mut running = self.before_ns;
        let first = self.at.iter().find(|at| {
            let in_order = **at >= running;
            running = running.max(**at);
            in_order
        });
        BlockHead {
            first_event_id: self.first_event_id,
            rows: self.len() as u32,
            min_ns: first.copied().unwrap_or(self.before_ns),
            max_ns: self.max_ns,
            kinds: self.kinds,
            late: self.late,
            rings: self.rings.as_slice().into(),
            foreign: self.foreign,
        }
    }

    /// The rows so far, for a reader. Costs a copy of one block.
    pub fn view(&self) -> Block {
        Block {
            head: self.head(),
            at: Times::Wide(self.at.as_slice().into()),
            process: self.process.as_slice().into(),
            token: Tokens::Wide(self.token.as_slice().into()),
            point_kind: self.point_kind.as_slice().into(),
            link: Arc::clone(&self.link),
            processes: self.processes.as_slice().into(),
            long: self.long.as_slice().into(),
            reasons: self.reasons.as_slice().into(),
            blobs: self.blobs.clone(),
        }
    }

    /// The finished block. Its links stay those that readers of a view have.
    pub fn close(mut self) -> Block {
        self.blobs.rows.shrink_to_fit();
        self.blobs.ends.shrink_to_fit();
        self.blobs.bytes.shrink_to_fit();
        Block {
            head: self.head(),
            at: Times::narrowest(&self.at),
            process: self.process.into(),
            token: Tokens::narrowest(&self.token),
            point_kind: self.point_kind.into(),
            link: self.link,
            processes: self.processes.into(),
            long: self.long.into(),
            reasons: self.reasons.into(),
            blobs: self.blobs,
        }
    }
}

pub(crate) fn new_links(rows: usize) -> Arc<[AtomicU32]> {
    (0..rows).map(|_| AtomicU32::new(0)).collect()
}
