//! The event log: what happened, in columns, in the order it was ingested.
//!
//! Rows fill an open *block*; a full block is closed, narrowed and shared; sixteen of them make a *segment* with an index
//! by point, process, token, kind and time. Readers take a snapshot (two pointers and a copy of the open block) and
//! then hold no lock. Segments beyond the log's bytes go to the disk, when there is one, or are dropped oldest first; what
//! is dropped is counted. Event ids number the stream of all events, so within a block they are consecutive.
//!
//! A row that is stamped earlier than one before it came *late*: it is counted, and remembered, so that answers are in the
//! order of time all the same.

mod block;
mod blocks;
mod bounds;
mod codec;
mod columns;
mod disk;
mod filter;
mod segment;
mod snapshot;
mod spill;
mod spilled;

use std::sync::Arc;

use imbl::{OrdSet, Vector};

use crate::ingest::effect::{EventKind, NONE};
use crate::limits;

pub use block::Blob;
pub(crate) use block::{Block, LONG, NO_POINT, POINT_BITS, POINT_MASK, Row};
pub(crate) use codec::{decode, encode, packed_bytes_max};
#[cfg(any(fuzzing, all(test, not(loom))))]
pub(crate) use codec::{pack, raw};
pub use disk::{Directory, Disk, DiskFile};
pub use filter::EventFilter;
pub(crate) use filter::{Key, Wanted};
pub(crate) use segment::{Body, Segment};
pub(crate) use snapshot::Snapshot;
pub(crate) use spill::Spiller;
pub(crate) use spilled::Shared as SpillCounts;

use block::OpenBlock;
use segment::{BLOCKS, Building, distance};

/// One event to append.
pub(crate) struct Entry<'a> {
    pub event_id: u64,
    pub at_ns: u64,
    pub process: u32,
    pub process_word: u64,
    pub token: u64,
    /// The store's number of the point, or `NONE`.
    pub point: u32,
    pub kind: EventKind,
    /// Ends only: the inclusive time, and the event id of the beginning.
    pub inclusive_ns: u64,
    pub opened: u64,
    pub reason: u32,
    /// Its values, in the log's format.
    pub blob: &'a [u8],
}

/// Bounds of a log. `u64::MAX` (events, age) is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes in memory; 0 keeps nothing.
    pub bytes: usize,
    pub events: u64,
    pub age_ns: u64,
    /// Whether what memory has no room for goes to a disk.
    pub spills: bool,
}

pub(crate) struct Log {
    bounds: Bounds,
    sealed: Vector<Arc<Segment>>,
    building: Building,
    open: Option<OpenBlock>,
    block_rows: usize,
    block_blob_bytes: usize,
    /// Of all sealed segments.
    sealed_bytes: usize,
    rows: u64,
    /// Of them, in segments on the disk; and those segments, which come first.
    disk_rows: u64,
    disk_segments: usize,
    /// What the indexes of those segments take in memory.
    disk_index_bytes: usize,
    evicted: u64,
    late: u64,
    /// Keys of the late rows that are kept.
    late_rows: OrdSet<Key>,
    /// The latest time logged, and one more than the largest id.
    max_ns: u64,
    end_id: u64,
    /// What is appended now was recorded by an earlier VM.
    foreign: bool,
    /// Where a process was last filed: by the engine's number, checked against the word. So many at most.
    filed: Vec<(u64, u16)>,
    filed_max: usize,
    /// Bytes and number of the events that are kept beside the log, within its bounds.
    beside: (usize, u64),
    /// Values that alone were too large for the log: their events are there without.
    values_left_out: u64,
    /// Memory is short: whoever writes should let something go to the disk before going on.
    wants_disk: bool,
    /// Blocks ever begun: tells an entry of `filed` from one of an earlier block.
    generation: u64,
}

impl Log {
    /// A log of 0 bytes keeps nothing and counts everything as evicted.
    pub fn new(bounds: Bounds) -> Self {
        // A small log has small blocks, so that it never passes its bounds by much, nor drops much at once.
        let rows =
            (bounds.bytes / ROW_BYTES).min(usize::try_from(bounds.events).unwrap_or(usize::MAX));
        let block_rows = (rows / 8 / BLOCKS).clamp(16, limits::BLOCK_ROWS);
        Log {
            bounds,
            sealed: Vector::new(),
            building: Building::default(),
            open: None,
            block_rows,
            block_blob_bytes: (bounds.bytes / 8 / BLOCKS).clamp(1024, limits::BLOCK_BLOB_BYTES),
            sealed_bytes: 0,
            rows: 0,
            disk_rows: 0,
            disk_segments: 0,
            disk_index_bytes: 0,
            evicted: 0,
            late: 0,
            late_rows: OrdSet::new(),
            max_ns: 0,
            end_id: 0,
            foreign: false,
            filed: Vec::new(),
            filed_max: (bounds.bytes / 16 / size_of::<(u64, u16)>())
                .clamp(64, limits::PROCESSES_MAX * 2),
            beside: (0, 0),
            values_left_out: 0,
            wants_disk: false,
            generation: 0,
        }
    }

    /// One more than the id of the newest event; 0 when there was none.
    pub fn end_event_id(&self) -> u64 {
        let sealed = self
            .sealed
            .last()
            .map_or(0, |segment| segment.end_event_id());
        let built = self.building.blocks.last();
        let built = built.map_or(0, |block| block.head.end_event_id());
        self.end_id.max(sealed).max(built)
    }

    #[inline]
    pub fn append(&mut self, entry: &Entry<'_>) {
        if self.bounds.bytes == 0 {
            self.evicted += 1;
            return;
        }
        if entry.blob.len() > self.block_blob_bytes {
            return self.append_large(entry);
        }
        let open = self.open.as_ref();
        if !open.is_some_and(|open| open.takes(entry.event_id, self.block_blob_bytes)) {
            self.begin_block(entry.event_id, 0);
        }
        self.append_here(entry);
    }

    /// A value that would fill a block has one of its own, after room was made for it.
    #[cold]
    fn append_large(&mut self, entry: &Entry<'_>) {
        if entry.blob.len() > self.bounds.bytes / VALUE_PART {
            self.values_left_out += 1;
            return self.append(&Entry {
                blob: &[],
                ..*entry
            });
        }
        self.begin_block(entry.event_id, entry.blob.len());
        self.append_here(entry);
    }

    #[inline]
    fn append_here(&mut self, entry: &Entry<'_>) {
        self.end_id = entry.event_id + 1;
        if entry.at_ns < self.max_ns {
            self.append_late(entry);
        } else {
            self.max_ns = entry.at_ns;
            self.put(entry);
        }
        if entry.kind.is_end() {
            self.link(entry.opened, distance(entry.opened, entry.event_id));
        }
    }

    #[inline]
    fn put(&mut self, entry: &Entry<'_>) {
        let process = self.file_process(entry.process, entry.process_word);
        if let Some(open) = &mut self.open {
            open.append(entry, process);
            self.rows += 1;
        }
    }

    /// Late rows are remembered one by one. Beyond their limit a row gets the time of the latest one instead.
    #[cold]
    fn append_late(&mut self, entry: &Entry<'_>) {
        self.late += 1;
        if self.late_rows.len() < limits::LATE_ROWS_MAX {
            self.late_rows.insert((entry.at_ns, entry.event_id));
            self.put(entry);
        } else {
            let at_ns = self.max_ns;
            self.put(&Entry { at_ns, ..*entry });
        }
    }

    /// Opens a block, for a value of so many bytes besides the ordinary ones.
    #[cold]
    fn begin_block(&mut self, event_id: u64, value_bytes: usize) {
        self.close_block();
        self.keep_bounds(value_bytes);
        self.wants_disk = self.is_short();
        let mut open = OpenBlock::new(self.block_rows, event_id, self.max_ns);
        open.foreign = self.foreign;
        self.open = Some(open);
        self.generation += 1;
    }

    fn close_block(&mut self) {
        if let Some(open) = self.open.take().filter(|open| open.len() > 0) {
            self.building.push(Arc::new(open.close()));
            // A segment of large values has fewer blocks: it is the unit that is dropped.
            if self.building.is_full() || self.building.bytes > self.bounds.bytes / 8 {
                self.seal();
            }
        }
    }

    fn seal(&mut self) {
        if let Some(segment) = self.building.seal() {
            self.sealed_bytes += segment.memory_bytes();
            self.sealed.push_back(Arc::new(segment));
        }
    }

    /// The process's number within the open block.
    #[inline]
    fn file_process(&mut self, process: u32, word: u64) -> u16 {
        let Some(open) = &mut self.open else {
            return 0;
        };
        let at = process as usize;
        if at >= self.filed.len() {
            if at >= self.filed_max {
                return open.add_process(word);
            }
            self.filed.resize(at + 1, (0, 0));
        }
        let (generation, number) = self.filed[at];
        if generation == self.generation && open.process(number) == Some(word) {
            return number;
        }
        let number = open.add_process(word);
        self.filed[at] = (self.generation, number);
        number
    }

    /// Notes with the beginning where the end is.
    #[inline]
    fn link(&self, opened: u64, distance: u32) {
        // Most activations end in the block they began in.
        if let Some(open) = self
            .open
            .as_ref()
            .filter(|open| open.first_event_id <= opened)
        {
            open.set_link(opened, distance);
            return;
        }
        let blocks = &self.building.blocks;
        let after = blocks.partition_point(|block| block.head.first_event_id <= opened);
        if let Some(at) = after.checked_sub(1) {
            if blocks[at].head.holds(opened) {
                blocks[at].set_link(opened, distance);
            }
            return;
        }
        if let Some(segment) = snapshot::segment_of(&self.sealed, opened) {
            segment.set_link(opened, distance);
        }
    }

    /// The row where the activation of `token` began, in what is not on the disk; `None` when it may be there.
    pub fn find_begun_now(&self, token: u64) -> Option<Option<u32>> {
        let point = |word: u32| match word & NO_POINT {
            NO_POINT => NONE,
            point => point,
        };
        if let Some(open) = self.open.as_ref().filter(|open| !open.foreign)
            && let Some(row) = open.find_begun(token)
        {
            return Some(Some(point(open.point_kind[row])));
        }
        let mut foreign = None;
        let sealed = self.sealed.iter().rev();
        let segments = sealed.filter(|segment| segment.index.may_begin(token));
        for block in self.building.blocks.iter().rev() {
            if let Some(row) = block.find_begun(token) {
                return Some(Some(point(block.point_kind[row])));
            }
        }
        for segment in segments {
            let Body::Memory(blocks) = &segment.body else {
                return None;
            };
            for block in blocks.iter().rev() {
                if let Some(row) = block.find_begun(token) {
                    let found = point(block.point_kind[row]);
                    match segment.index.foreign {
                        true => foreign = foreign.or(Some(found)),
                        false => return Some(Some(found)),
                    }
                }
            }
        }
        Some(foreign)
    }

    /// What is there now, for readers.
    pub fn snapshot(&self) -> Snapshot {
        let open = self.open.as_ref().filter(|open| open.len() > 0);
        let mut tail = self.building.blocks.clone();
        tail.extend(open.map(|open| Arc::new(open.view())));
        Snapshot {
            sealed: self.sealed.clone(),
            tail,
            late_rows: self.late_rows.clone(),
        }
    }

    /// Puts back rows of an earlier VM. Only into an empty log, and `end_restoring` follows.
    pub fn restore(&mut self, entry: &Entry<'_>, ended: Option<u64>) {
        self.foreign = true;
        self.append(entry);
        if let (Some(ended), EventKind::Enter) = (ended, entry.kind) {
            self.link(entry.event_id, distance(entry.event_id, ended));
        }
    }

    pub fn end_restoring(&mut self) {
        self.close_block();
        self.seal();
        self.keep_bounds(0);
        self.foreign = false;
        // What this VM logs begins with a time of its own.
        self.max_ns = 0;
    }
}

/// A row with its part of what belongs to a block.
pub(crate) const ROW_BYTES: usize = 24;

/// A single value may take this part of the log's bytes.
const VALUE_PART: usize = 8;
