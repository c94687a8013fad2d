//! Keeping a log within its bytes, its number of events and their age.

use std::sync::Arc;

use crate::ingest::log::Log;
use crate::ingest::log::segment::{Body, Segment};

/// A row of the open block, whose columns are as wide as can be.
const OPEN_ROW_BYTES: usize = 26;
/// A segment's own structures, and its place among the others.
const SEGMENT_BYTES: usize = size_of::<Segment>() + 32;
/// The part of the log's bytes that indexes of what is on the disk may take.
const INDEX_PART: usize = 4;
/// The part of a log's bytes that is left to the allocator.
const ALLOCATOR_PART: usize = 8;
/// The parts of a log's bytes that packing a block may take, and blocks that were read back.
const SPILLING_PART: usize = 16;
pub(super) const READ_BACK_PART: usize = 16;
/// A key in the tree of late rows.
const LATE_ROW_BYTES: usize = 64;

impl Log {
    /// Rows kept, in memory and on the disk.
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// Rows dropped to keep within the bounds.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Rows that were stamped earlier than one logged before them.
    pub fn late(&self) -> u64 {
        self.late
    }

    pub fn disk_rows(&self) -> u64 {
        self.disk_rows
    }

    /// Segments in memory and on the disk.
    pub fn segments(&self) -> usize {
        self.sealed.len()
    }

    /// Values that were too large to be kept.
    pub fn values_left_out(&self) -> u64 {
        self.values_left_out
    }

    /// Bytes in memory: blocks, indexes, and what is needed to write.
    pub fn memory_bytes(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |open| open.memory_bytes());
        self.closed_bytes() + open
    }

    /// Without the open block.
    fn closed_bytes(&self) -> usize {
        self.sealed_bytes
            + self.sealed.len() * SEGMENT_BYTES
            + self.building.memory_bytes()
            + self.late_rows.len() * LATE_ROW_BYTES
            + self.filed.capacity() * size_of::<(u64, u16)>()
    }

    /// Drops what is beyond the bounds. Called when a block begins: the bounds hold with room for that block, and for a
    /// value of so many bytes in it.
    pub(super) fn keep_bounds(&mut self, value_bytes: usize) {
        let block = self.block_rows * OPEN_ROW_BYTES + self.block_blob_bytes.max(value_bytes);
        let bytes = self.own_bytes().saturating_sub(block);
        while self.closed_bytes() > bytes {
            // A large disk is found again by indexes in memory: where they take too much of it, the oldest go with what
            // they index, not the newest events.
            let evicted = match self.disk_index_bytes > bytes / INDEX_PART {
                true => self.evict_oldest(),
                false => self.evict_from_memory(),
            };
            if !evicted {
                break;
            }
        }
        let events = self.bounds.events.saturating_sub(self.beside.1);
        while self.rows + self.block_rows as u64 > events {
            if !self.evict_oldest() {
                break;
            }
        }
        let oldest_ns = self.max_ns.saturating_sub(self.bounds.age_ns);
        self.expire(oldest_ns);
    }

    /// So many bytes, and events, are kept beside the log: within its bounds.
    pub fn make_room_beside(&mut self, (bytes, events): (usize, u64)) {
        self.beside = (bytes, events);
        while self.memory_bytes() > self.own_bytes() && self.evict_from_memory() {}
        while self.rows > 0 && self.rows + events > self.bounds.events && self.evict_oldest() {}
    }

    /// Drops what happened before `oldest_ns`, as far as whole blocks allow.
    pub fn expire(&mut self, oldest_ns: u64) {
        while self.oldest_end_ns().is_some_and(|end| end < oldest_ns) {
            self.evict_oldest();
        }
    }

    /// Times of the oldest block and of the newest row.
    pub fn bounds_ns(&self) -> Option<(u64, u64)> {
        let sealed = self.sealed.front().map(|segment| segment.index.min_ns);
        let building = || self.building.blocks.first().map(|block| block.head.min_ns);
        let open = || self.open.as_ref().and_then(|open| open.min_ns());
        let oldest = sealed.or_else(building).or_else(open)?;
        Some((oldest, self.max_ns.max(oldest)))
    }

    /// How old events may grow; `u64::MAX` is without bound.
    pub fn age_ns(&self) -> u64 {
        self.bounds.age_ns
    }

    /// The latest time in the oldest part that can be dropped.
    fn oldest_end_ns(&self) -> Option<u64> {
        if let Some(segment) = self.sealed.front() {
            return Some(segment.index.max_ns);
        }
        if let Some(block) = self.building.blocks.first() {
            return Some(block.head.max_ns);
        }
        let open = self.open.as_ref().filter(|open| open.len() > 0);
        open.map(|open| open.max_ns())
    }

    /// The oldest segment, wherever it is; without one the oldest block, and without that what there is.
    fn evict_oldest(&mut self) -> bool {
        if self.sealed.is_empty() {
            if self.building.blocks.is_empty() {
                let open = self.open.take();
                let rows = open.map_or(0, |open| open.len() as u64);
                self.rows -= rows;
                self.evicted += rows;
                self.forget_late(0, u64::MAX);
                return rows > 0;
            }
            self.seal_oldest_block();
        }
        match self.sealed.pop_front() {
            Some(segment) => {
                self.dropped(&segment);
                true
            }
            None => false,
        }
    }

    /// The oldest block of the segment that is being filled becomes a segment by itself: the younger ones stay.
    fn seal_oldest_block(&mut self) {
        let building = std::mem::take(&mut self.building);
        for (at, block) in building.blocks.into_iter().enumerate() {
            self.building.push(block);
            if at == 0 {
                self.seal();
            }
        }
    }

    /// The oldest segment in memory: those on the disk come before it, and free nothing.
    fn evict_from_memory(&mut self) -> bool {
        if self.disk_segments == self.sealed.len() {
            if self.building.blocks.is_empty() {
                return false;
            }
            self.seal_oldest_block();
        }
        let segment = self.sealed.remove(self.disk_segments);
        self.dropped(&segment);
        true
    }

    fn dropped(&mut self, segment: &Segment) {
        let rows = segment.rows();
        self.sealed_bytes = self.sealed_bytes.saturating_sub(segment.memory_bytes());
        self.rows -= rows;
        self.evicted += rows;
        if segment.on_disk() {
            self.disk_rows -= rows;
            self.disk_segments -= 1;
            let index = segment.memory_bytes();
            self.disk_index_bytes = self.disk_index_bytes.saturating_sub(index);
        }
        if segment.index.late {
            self.forget_late(segment.first_event_id(), segment.end_event_id());
        }
    }

    fn forget_late(&mut self, first: u64, end: u64) {
        let gone = |key: &&(u64, u64)| key.1 >= first && key.1 < end;
        let keys: Vec<_> = self.late_rows.iter().filter(gone).copied().collect();
        for key in keys {
            self.late_rows.remove(&key);
        }
    }

    /// What never came into this log, of a store that was merged in.
    pub fn count_evicted(&mut self, rows: u64) {
        self.evicted = self.evicted.saturating_add(rows);
    }

    /// Forgets everything that is kept.
    pub fn clear(&mut self) {
        while self.evict_oldest() {}
        self.open = None;
    }

    // Spilling

    /// The oldest segment in memory, when memory is short enough that it should go to the disk.
    pub fn next_to_spill(&self) -> Option<Arc<Segment>> {
        let short = self.is_short();
        let segment = self.sealed.get(self.disk_segments).filter(|_| short)?;
        segment.leave();
        Some(Arc::clone(segment))
    }

    /// Whether something should go to the disk.
    pub(super) fn is_short(&self) -> bool {
        self.bounds.spills && self.memory_bytes() > self.own_bytes() / 8 * 5
    }

    /// Whether memory is so short that spilling has to catch up at once: a block and the largest value still fit.
    pub fn is_tight(&self) -> bool {
        self.memory_bytes() > self.own_bytes() / 4 * 3
    }

    /// Whether the writer should let something go to the disk now. Told once a block.
    pub fn takes_wish_for_disk(&mut self) -> bool {
        std::mem::take(&mut self.wants_disk)
    }

    /// What the log itself may take in memory: something is beside it; who spills packs blocks, and keeps some of those
    /// that were read back; and the allocator has gaps between blocks of other sizes, which count for the system.
    fn own_bytes(&self) -> usize {
        let spilling = match self.bounds.spills {
            true => self.bounds.bytes / SPILLING_PART + self.bounds.bytes / READ_BACK_PART,
            false => 0,
        };
        let allocator = self.bounds.bytes / ALLOCATOR_PART;
        self.bounds
            .bytes
            .saturating_sub(self.beside.0 + spilling + allocator)
    }

    /// A segment is on the disk now; false when it was dropped meanwhile.
    pub fn spilled(&mut self, segment: &Arc<Segment>, body: Body) -> bool {
        let at = self.disk_segments;
        if !self
            .sealed
            .get(at)
            .is_some_and(|held| Arc::ptr_eq(held, segment))
        {
            return false;
        }
        let index = Arc::clone(&segment.index);
        let moved = Segment { index, body };
        self.sealed_bytes = self.sealed_bytes.saturating_sub(segment.memory_bytes());
        self.sealed_bytes += moved.memory_bytes();
        self.disk_index_bytes += moved.memory_bytes();
        self.disk_rows += moved.rows();
        self.disk_segments += 1;
        self.sealed.set(at, Arc::new(moved));
        true
    }

    /// The file that the oldest segment is in.
    pub fn oldest_file(&self) -> Option<u64> {
        match &self.sealed.front()?.body {
            Body::Disk(spilled) => Some(spilled.file_number),
            Body::Memory(_) => None,
        }
    }

    /// Drops every segment of a file.
    pub fn evict_file(&mut self, number: u64) {
        while self.oldest_file() == Some(number) {
            self.evict_oldest();
        }
    }
}
