//! A segment: consecutive events as columns.

use serde::{Deserialize, Serialize};

use crate::ingest::effect::{EventKind, NONE};
use crate::ingest::log::Entry;
use crate::limits;

/// The kind takes the top bits of the point's column.
const POINT_BITS: u32 = 26;
const POINT_MASK: u32 = (1 << POINT_BITS) - 1;
/// Of an event without a point.
pub(super) const POINT_NONE: u32 = POINT_MASK;
/// A segment with so many bytes of values is full, however few its rows.
const BLOB_BYTES_MAX: usize = 1024 * 1024;
/// An inclusive time that does not fit its column is among `long`.
const LONG: u32 = u32::MAX;
/// Rows that one entry of the token index covers.
const BLOCK_ROWS: usize = 4096;
/// Times are kept as 32 bits of 16 ns (a segment spans 68 s), from a little before the first row's: rounds of the
/// drain are in order per process only, so a later row may be slightly earlier.
const UNIT_BITS: u32 = 4;
const SLACK_NS: u64 = 1_000_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Segment {
    first_event_id: u64,
    base_ns: u64,
    at: Vec<u32>,
    process: Vec<u16>,
    token: Vec<u64>,
    point_kind: Vec<u32>,
    /// Of a beginning: how many events later it ended (0 while open). Of an end: its inclusive nanoseconds.
    link: Vec<u32>,
    processes: Vec<u64>,
    /// `(row, inclusive_ns)` and `(row, atom)`, by row.
    long: Vec<(u16, u64)>,
    reasons: Vec<(u16, u32)>,
    /// The values of all rows, one after the other, and where those of a row begin.
    blobs: Vec<u8>,
    blob_at: Vec<(u16, u32)>,
    min_ns: u64,
    max_ns: u64,
    blocks: Vec<Vec<TokenStart>>,
    /// Of an earlier VM: its process words name nothing here.
    foreign: bool,
    /// Nothing is appended any more.
    sealed: bool,
    rows_max: usize,
}

/// The first beginning that a ring gave to a block. Within a ring, later beginnings have larger sequences.
#[derive(Clone, Copy, Debug)]
struct TokenStart {
    ring: u16,
    sequence: u64,
}

/// One row, read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub event_id: u64,
    pub at_ns: u64,
    pub process_word: u64,
    pub token: u64,
    pub point: u32,
    pub kind: EventKind,
    /// Ends only.
    pub inclusive_ns: Option<u64>,
    /// Beginnings only: the event id of the end, where it is known.
    pub ended: Option<u64>,
    /// Atom number or `NONE`.
    pub reason: u32,
}

fn ring_of(token: u64) -> u16 {
    (token >> 48) as u16
}

fn sequence_of(token: u64) -> u64 {
    token & ((1 << 48) - 1)
}

impl Segment {
    /// A row with its part of what belongs to a segment.
    pub const ROW_BYTES: usize = 24;

    /// For up to `rows`, reserved at once: a log that grows never copies, and pages that are not touched cost nothing.
    pub fn new(rows: usize, first_event_id: u64, at_ns: u64) -> Self {
        Segment {
            first_event_id,
            base_ns: at_ns.saturating_sub(SLACK_NS) >> UNIT_BITS << UNIT_BITS,
            at: Vec::with_capacity(rows),
            process: Vec::with_capacity(rows),
            token: Vec::with_capacity(rows),
            point_kind: Vec::with_capacity(rows),
            link: Vec::with_capacity(rows),
            processes: Vec::new(),
            long: Vec::new(),
            reasons: Vec::new(),
            blobs: Vec::new(),
            blob_at: Vec::new(),
            min_ns: u64::MAX,
            max_ns: 0,
            blocks: Vec::new(),
            foreign: false,
            sealed: false,
            rows_max: rows,
        }
    }

    pub fn is_foreign(&self) -> bool {
        self.foreign
    }

    pub fn len(&self) -> usize {
        self.token.len()
    }

    pub fn first_event_id(&self) -> u64 {
        self.first_event_id
    }

    pub fn end_event_id(&self) -> u64 {
        self.first_event_id + self.len() as u64
    }

    pub fn bounds_ns(&self) -> (u64, u64) {
        (self.min_ns, self.max_ns)
    }

    pub fn holds(&self, event_id: u64) -> bool {
        event_id >= self.first_event_id && event_id - self.first_event_id < self.len() as u64
    }

    /// Whether the next row may go here: consecutive, near enough in time, and not full.
    #[inline]
    pub fn takes(&self, event_id: u64, at_ns: u64) -> bool {
        !self.sealed
            && self.len() < self.rows_max
            && self.blobs.len() < BLOB_BYTES_MAX
            && event_id == self.first_event_id + self.len() as u64
            && at_ns >= self.base_ns
            && (at_ns - self.base_ns) >> UNIT_BITS <= u64::from(u32::MAX)
            && self.processes.len() < usize::from(u16::MAX)
    }

    pub fn add_process(&mut self, word: u64) -> u16 {
        self.processes.push(word);
        (self.processes.len() - 1) as u16
    }

    pub fn process(&self, number: u16) -> u64 {
        self.processes
            .get(usize::from(number))
            .copied()
            .unwrap_or(0)
    }

    #[inline]
    pub fn append(&mut self, entry: &Entry<'_>, process: u16) {
        let row = self.len();
        if row % BLOCK_ROWS == 0 {
            self.blocks.push(Vec::new());
        }
        if entry.kind == EventKind::Enter {
            self.note_token(entry.token);
        }
        let link = match entry.kind {
            kind if !kind.is_end() => 0,
            _ => u32::try_from(entry.inclusive_ns)
                .ok()
                .filter(|ns| *ns != LONG)
                .unwrap_or_else(|| {
                    self.long.push((row as u16, entry.inclusive_ns));
                    LONG
                }),
        };
        if entry.reason != NONE {
            self.reasons.push((row as u16, entry.reason));
        }
        if !entry.blob.is_empty() {
            self.blob_at.push((row as u16, self.blobs.len() as u32));
            self.blobs.extend_from_slice(entry.blob);
        }
        self.at
            .push(((entry.at_ns - self.base_ns) >> UNIT_BITS) as u32);
        self.process.push(process);
        self.token.push(entry.token);
        self.point_kind
            .push((entry.kind as u32) << POINT_BITS | entry.point());
        self.link.push(link);
        let at_ns = entry.at_ns >> UNIT_BITS << UNIT_BITS;
        self.min_ns = self.min_ns.min(at_ns);
        self.max_ns = self.max_ns.max(at_ns);
    }

    #[inline]
    fn note_token(&mut self, token: u64) {
        let ring = ring_of(token);
        if let Some(block) = self.blocks.last_mut() {
            if !block.iter().any(|start| start.ring == ring) {
                block.push(TokenStart {
                    ring,
                    sequence: sequence_of(token),
                });
            }
        }
    }

    #[inline]
    pub fn set_link(&mut self, event_id: u64, distance: u32) {
        let row = (event_id - self.first_event_id) as usize;
        if let Some(link) = self.link.get_mut(row) {
            // A beginning's link only: of an end the column means something else.
            if self.point_kind[row] >> POINT_BITS == EventKind::Enter as u32 {
                *link = distance;
            }
        }
    }

    /// No more rows: gives back what was reserved and not used.
    pub fn seal(&mut self) {
        self.sealed = true;
        self.at.shrink_to_fit();
        self.process.shrink_to_fit();
        self.token.shrink_to_fit();
        self.point_kind.shrink_to_fit();
        self.link.shrink_to_fit();
        self.processes.shrink_to_fit();
    }

    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Bytes of the rows and what belongs to them.
    pub fn memory_bytes(&self) -> usize {
        let blocks: usize = self
            .blocks
            .iter()
            .map(|block| block.capacity() * size_of::<TokenStart>())
            .sum();
        self.len() * 22
            + self.processes.len() * 8
            + (self.long.len() + self.reasons.len()) * 16
            + self.blobs.len()
            + self.blob_at.len() * 8
            + blocks
    }

    pub fn row(&self, event_id: u64) -> Row {
        self.row_at((event_id - self.first_event_id) as usize)
    }

    pub fn row_at(&self, row: usize) -> Row {
        let kind = EventKind::ALL[(self.point_kind[row] >> POINT_BITS) as usize];
        let event_id = self.first_event_id + row as u64;
        let link = self.link[row];
        let (inclusive_ns, ended) = match kind {
            EventKind::Enter => (
                None,
                (link != 0 && link != NONE).then(|| event_id + u64::from(link)),
            ),
            kind if !kind.is_end() => (None, None),
            _ if link == LONG => (find(&self.long, row), None),
            _ => (Some(u64::from(link)), None),
        };
        Row {
            event_id,
            at_ns: self.base_ns + (u64::from(self.at[row]) << UNIT_BITS),
            process_word: self.process(self.process[row]),
            token: self.token[row],
            point: self.point_kind[row] & POINT_MASK,
            kind,
            inclusive_ns,
            ended,
            reason: find(&self.reasons, row).unwrap_or(NONE),
        }
    }

    /// The values of an event that this segment holds.
    pub fn blob(&self, event_id: u64) -> Option<std::sync::Arc<[u8]>> {
        let row = (event_id - self.first_event_id) as usize;
        let at = self
            .blob_at
            .binary_search_by_key(&row, |(row, _)| usize::from(*row))
            .ok()?;
        let start = self.blob_at[at].1 as usize;
        let end = self
            .blob_at
            .get(at + 1)
            .map_or(self.blobs.len(), |(_, next)| *next as usize);
        Some(self.blobs[start..end].into())
    }

    pub fn points(
        &self,
    ) -> impl ExactSizeIterator<Item = (u32, EventKind)> + DoubleEndedIterator + '_ {
        self.point_kind.iter().map(|word| {
            (
                word & POINT_MASK,
                EventKind::ALL[(word >> POINT_BITS) as usize],
            )
        })
    }

    /// The rows of a process, or none at all when it never was here.
    pub fn has_process(&self, word: u64) -> bool {
        self.processes.contains(&word)
    }

    /// The row where the activation of `token` began.
    pub fn find_token(&self, token: u64) -> Option<usize> {
        let (ring, sequence) = (ring_of(token), sequence_of(token));
        let block = self.blocks.iter().rposition(|block| {
            block
                .iter()
                .any(|start| start.ring == ring && start.sequence <= sequence)
        })?;
        let from = block * BLOCK_ROWS;
        let to = (from + BLOCK_ROWS).min(self.len());
        (from..to).find(|row| {
            self.token[*row] == token
                && self.point_kind[*row] >> POINT_BITS == EventKind::Enter as u32
        })
    }

    /// For saving: the columns, with the store's own numbers of points.
    pub fn save(&self) -> SavedSegment {
        SavedSegment {
            first_event_id: self.first_event_id,
            base_ns: self.base_ns,
            at: self.at.clone(),
            process: self.process.clone(),
            token: self.token.clone(),
            point_kind: self.point_kind.clone(),
            link: self.link.clone(),
            blobs: self.blobs.clone(),
            blob_at: self.blob_at.clone(),
            processes: self.processes.clone(),
            long: self.long.clone(),
            reasons: self
                .reasons
                .iter()
                .map(|(row, atom)| (*row, crate::atoms::Atom(*atom)))
                .collect(),
        }
    }
}

/// A segment in a file. Nothing in it is believed before `into_segment` has looked at it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SavedSegment {
    first_event_id: u64,
    base_ns: u64,
    at: Vec<u32>,
    process: Vec<u16>,
    token: Vec<u64>,
    point_kind: Vec<u32>,
    link: Vec<u32>,
    blobs: Vec<u8>,
    blob_at: Vec<(u16, u32)>,
    processes: Vec<u64>,
    long: Vec<(u16, u64)>,
    reasons: Vec<(u16, crate::atoms::Atom)>,
}

impl SavedSegment {
    pub fn rows(&self) -> usize {
        self.token.len()
    }

    /// The segment with its points translated by `points` (saved number → ours), or why it cannot be one.
    pub fn into_segment(self, points: &[u32]) -> Result<Segment, &'static str> {
        let rows = self.token.len();
        let columns = [
            self.at.len(),
            self.process.len(),
            self.point_kind.len(),
            self.link.len(),
        ];
        if rows == 0 || rows > limits::SEGMENT_ROWS || columns.iter().any(|len| *len != rows) {
            return Err("columns of an event segment differ in length");
        }
        if self.first_event_id.checked_add(rows as u64).is_none()
            || self
                .base_ns
                .checked_add(u64::from(u32::MAX) << UNIT_BITS)
                .is_none()
        {
            return Err("numbers of an event segment are out of range");
        }
        let rising = self.blob_at.windows(2).all(|pair| pair[0] < pair[1]);
        let within =
            |(row, at): &(u16, u32)| usize::from(*row) < rows && *at as usize <= self.blobs.len();
        if !rising
            || !self.blob_at.iter().all(within)
            || !self.blob_at.is_sorted_by_key(|(_, at)| *at)
        {
            return Err("values of an event segment are out of place");
        }
        let mut segment = Segment::new(rows, self.first_event_id, 0);
        segment.base_ns = self.base_ns;
        segment.foreign = true;
        segment.processes = self.processes;
        segment.blobs = self.blobs;
        segment.blob_at = self.blob_at;
        segment.long = self.long;
        segment.reasons = self
            .reasons
            .into_iter()
            .map(|(row, atom)| (row, atom.0))
            .collect();
        for row in 0..rows {
            let kind = (self.point_kind[row] >> POINT_BITS) as usize;
            let kind = *EventKind::ALL
                .get(kind)
                .ok_or("an event of an unknown kind")?;
            let point = match self.point_kind[row] & POINT_MASK {
                POINT_NONE => POINT_NONE,
                point => *points
                    .get(point as usize)
                    .ok_or("an event of an unknown point")?,
            };
            if usize::from(self.process[row]) >= segment.processes.len() {
                return Err("an event of an unknown process");
            }
            if row % BLOCK_ROWS == 0 {
                segment.blocks.push(Vec::new());
            }
            segment.token.push(self.token[row]);
            if kind == EventKind::Enter {
                segment.note_token(self.token[row]);
            }
            segment
                .point_kind
                .push((kind as u32) << POINT_BITS | point & POINT_MASK);
            let at_ns = segment.base_ns + (u64::from(self.at[row]) << UNIT_BITS);
            segment.min_ns = segment.min_ns.min(at_ns);
            segment.max_ns = segment.max_ns.max(at_ns);
        }
        segment.at = self.at;
        segment.process = self.process;
        segment.link = self.link;
        Ok(segment)
    }
}

/// By row, in lists that were filled row by row.
fn find<T: Copy>(list: &[(u16, T)], row: usize) -> Option<T> {
    let at = list
        .binary_search_by_key(&row, |(row, _)| usize::from(*row))
        .ok()?;
    Some(list[at].1)
}
