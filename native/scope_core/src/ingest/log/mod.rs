//! The event log: the newest beginnings and ends of activations, in columns.
//!
//! A row takes 22 bytes, plus 8 for each process of a segment and 8 for each error with a reason. Segments are
//! filled one after the other and dropped oldest first when the log's bytes are used up; what was dropped is counted.
//! Event ids number the stream of all events, so within a segment they are consecutive.

mod search;
mod segment;

use std::collections::VecDeque;

use crate::ingest::effect::{EventKind, NONE};
use crate::limits;

pub use search::EventFilter;
pub(crate) use search::Search;
pub(crate) use segment::{Row, SavedSegment, Segment};

/// One event to append.
pub(crate) struct Entry<'a> {
    pub event_id: u64,
    pub at_ns: u64,
    pub process: u32,
    pub process_word: u64,
    pub token: u64,
    /// The store's number of the point.
    pub point: u32,
    pub kind: EventKind,
    /// Ends only: the inclusive time, and the event id of the beginning.
    pub inclusive_ns: u64,
    pub opened: u64,
    pub reason: u32,
    /// Its values, in the log's format.
    pub blob: &'a [u8],
}

impl Entry<'_> {
    /// What the log keeps of the point: events of a process have none.
    fn point(&self) -> u32 {
        self.point.min(segment::POINT_NONE)
    }
}

pub(crate) struct Log {
    segments: VecDeque<Segment>,
    bytes_max: usize,
    /// Rows of a segment: an eighth of a small log, so that it never passes its bytes by much.
    segment_rows: usize,
    /// Bytes of all segments but the one that is being filled.
    sealed_bytes: usize,
    rows: u64,
    evicted: u64,
    /// Where a process was last filed: by the engine's number, checked against the word.
    filed: Vec<(u64, u16)>,
    /// Segments ever begun: tells an entry of `filed` from one of an earlier segment.
    generation: u64,
}

impl Log {
    /// A log of 0 bytes keeps nothing and counts everything as evicted.
    pub fn new(bytes_max: usize) -> Self {
        Log {
            segments: VecDeque::new(),
            bytes_max,
            segment_rows: (bytes_max / Segment::ROW_BYTES / 8).clamp(64, limits::SEGMENT_ROWS),
            sealed_bytes: 0,
            rows: 0,
            evicted: 0,
            filed: Vec::new(),
            generation: 0,
        }
    }

    /// Rows kept.
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// Rows dropped to keep within the bytes.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    pub fn memory_bytes(&self) -> usize {
        let open = self.segments.back().filter(|last| !last.is_sealed());
        self.sealed_bytes + open.map_or(0, Segment::memory_bytes)
    }

    #[inline]
    pub fn append(&mut self, entry: &Entry<'_>) {
        if self.bytes_max == 0 {
            self.evicted += 1;
            return;
        }
        let fits = self
            .segments
            .back()
            .is_some_and(|last| last.takes(entry.event_id, entry.at_ns));
        if !fits {
            self.begin_segment(entry);
        }
        let process = self.file_process(entry.process, entry.process_word);
        if let Some(last) = self.segments.back_mut() {
            last.append(entry, process);
            self.rows += 1;
        }
        if entry.kind.is_end() {
            self.link(entry.opened, entry.event_id);
        }
    }

    #[cold]
    fn begin_segment(&mut self, entry: &Entry<'_>) {
        if let Some(last) = self.segments.back_mut().filter(|last| !last.is_sealed()) {
            last.seal();
            self.sealed_bytes += last.memory_bytes();
        }
        while self.sealed_bytes + self.segment_rows * Segment::ROW_BYTES > self.bytes_max {
            let Some(oldest) = self.segments.pop_front() else {
                break;
            };
            self.sealed_bytes = self.sealed_bytes.saturating_sub(oldest.memory_bytes());
            self.rows -= oldest.len() as u64;
            self.evicted += oldest.len() as u64;
        }
        self.segments
            .push_back(Segment::new(self.segment_rows, entry.event_id, entry.at_ns));
        self.generation += 1;
    }

    /// The process's number within the last segment.
    #[inline]
    fn file_process(&mut self, process: u32, word: u64) -> u16 {
        let at = process as usize;
        if at >= self.filed.len() {
            if at >= limits::PROCESSES_MAX * 2 {
                return self
                    .segments
                    .back_mut()
                    .map_or(0, |last| last.add_process(word));
            }
            self.filed.resize(at + 1, (0, 0));
        }
        let Some(last) = self.segments.back_mut() else {
            return 0;
        };
        let (generation, number) = self.filed[at];
        if generation == self.generation && last.process(number) == word {
            return number;
        }
        let number = last.add_process(word);
        self.filed[at] = (self.generation, number);
        number
    }

    /// Notes in the row of the beginning where the end is.
    #[inline]
    fn link(&mut self, opened: u64, ended: u64) {
        let distance = u32::try_from(ended - opened).unwrap_or(NONE);
        // Most activations end in the segment they began in.
        if let Some(last) = self
            .segments
            .back_mut()
            .filter(|last| last.first_event_id() <= opened)
        {
            last.set_link(opened, distance);
        } else if let Some(at) = self.segment_of(opened) {
            self.segments[at].set_link(opened, distance);
        }
    }

    /// The segment that holds an event id, if any does.
    fn segment_of(&self, event_id: u64) -> Option<usize> {
        let after = self
            .segments
            .partition_point(|segment| segment.first_event_id() <= event_id);
        let at = after.checked_sub(1)?;
        self.segments[at].holds(event_id).then_some(at)
    }

    pub fn row(&self, event_id: u64) -> Option<Row> {
        Some(self.segments[self.segment_of(event_id)?].row(event_id))
    }

    /// The values of an event.
    pub fn blob(&self, event_id: u64) -> Option<std::sync::Arc<[u8]>> {
        self.segments[self.segment_of(event_id)?].blob(event_id)
    }

    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.segments.iter()
    }

    /// What never came into this log, of a store that was merged in.
    pub fn count_evicted(&mut self, rows: u64) {
        self.evicted = self.evicted.saturating_add(rows);
    }

    /// Puts back saved segments. Only into an empty log.
    pub fn restore(&mut self, segments: Vec<Segment>) {
        debug_assert!(self.segments.is_empty());
        for mut segment in segments {
            segment.seal();
            self.sealed_bytes += segment.memory_bytes();
            self.rows += segment.len() as u64;
            self.segments.push_back(segment);
            while self.sealed_bytes > self.bytes_max {
                let Some(oldest) = self.segments.pop_front() else {
                    break;
                };
                self.sealed_bytes = self.sealed_bytes.saturating_sub(oldest.memory_bytes());
                self.rows -= oldest.len() as u64;
                self.evicted += oldest.len() as u64;
            }
        }
    }
}
