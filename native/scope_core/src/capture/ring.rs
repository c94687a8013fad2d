//! A ring: one thread writes, one consumer reads, neither waits for the other.
//!
//! `head` and `tail` only grow. The writer fills a slot and then publishes it by storing `head` with
//! `Release`; the reader, having loaded `head` with `Acquire`, finds the slot filled. The words of a slot are relaxed
//! atomics: plain moves on every processor, without undefined behaviour.

use crate::capture::blobs::{BlobCounts, Blobs};
use crate::capture::record::{BlobState, Record, RecordKind, WORDS};
use crate::limits;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

pub struct Ring {
    words: Box<[AtomicU64]>,
    mask: u64,
    /// 1..=RINGS_MAX: the high bits of the tokens made here.
    number: u64,
    writer: Writer,
    reader: Reader,
    blobs: Blobs,
    /// Whether a thread has it.
    owned: AtomicBool,
    #[cfg(loom)]
    pub(super) publish: Ordering,
    #[cfg(loom)]
    pub(super) hand_over: Ordering,
}

/// Written by the thread that owns the ring. Kept off the reader's cache line.
#[repr(align(128))]
struct Writer {
    head: AtomicU64,
    /// The tail as last seen: spares the reader's cache line while there is room.
    tail_seen: AtomicU64,
    /// Refused because the ring was full; of these, records that end something.
    dropped: AtomicU64,
    dropped_ends: AtomicU64,
}

#[repr(align(128))]
struct Reader {
    tail: AtomicU64,
}

/// A refused record: the ring is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Numbers of a ring at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RingCounts {
    pub offered: u64,
    pub stored: u64,
    pub in_flight: u64,
    pub dropped: u64,
    pub dropped_ends: u64,
}

impl Ring {
    /// A ring of `records` (made a power of two, at least 8), with a number that no other ring has.
    pub fn new(number: u16, records: usize) -> Self {
        Self::with_blobs(number, records, limits::RING_BLOB_BYTES)
    }

    /// With room for so many bytes that belong to records.
    pub fn with_blobs(number: u16, records: usize, blob_bytes: usize) -> Self {
        let records = records.clamp(8, 1 << 24).next_power_of_two();
        Ring {
            words: zeroed(records * WORDS),
            mask: records as u64 - 1,
            number: u64::from(number),
            writer: Writer {
                head: AtomicU64::new(0),
                tail_seen: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
                dropped_ends: AtomicU64::new(0),
            },
            reader: Reader {
                tail: AtomicU64::new(0),
            },
            blobs: Blobs::new(blob_bytes),
            owned: AtomicBool::new(true),
            #[cfg(loom)]
            publish: Ordering::Release,
            #[cfg(loom)]
            hand_over: Ordering::Release,
        }
    }

    pub fn capacity(&self) -> u64 {
        self.mask + 1
    }

    /// How many records may be waiting before one of this kind is refused: the last eighth is for ends.
    #[inline(always)]
    fn room_for(&self, kind: RecordKind) -> u64 {
        let capacity = self.mask + 1;
        if kind.opens() {
            capacity - capacity / 8
        } else {
            capacity
        }
    }

    /// Where its records and their bytes lie: address and length in bytes, each.
    pub fn memory(&self) -> [(usize, usize); 2] {
        let records = (self.words.as_ptr().addr(), size_of_val(&*self.words));
        [records, self.blobs.memory()]
    }

    /// Its number: no other ring has it.
    pub fn number(&self) -> u64 {
        self.number
    }

    // The writer's side: only the thread that owns the ring calls these.

    /// The token that the next record will have, should it begin something: unique in the VM, never 0.
    #[inline(always)]
    pub fn next_token(&self) -> u64 {
        self.number << 48 | self.writer.head.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn has_room(&self, kind: RecordKind) -> bool {
        let head = self.writer.head.load(Ordering::Relaxed);
        let room = self.room_for(kind);
        if head - self.writer.tail_seen.load(Ordering::Relaxed) < room {
            return true;
        }
        // Acquire: the reader is done with the slots that it gave back.
        let tail = self.reader.tail.load(Ordering::Acquire);
        self.writer.tail_seen.store(tail, Ordering::Relaxed);
        head - tail < room
    }

    /// Writes a record after `has_room` said yes.
    #[inline(always)]
    pub fn push(&self, record: Record) {
        let head = self.writer.head.load(Ordering::Relaxed);
        let at = ((head & self.mask) as usize) * WORDS;
        let words = &self.words[at..at + WORDS];
        for (slot, word) in words.iter().zip(record.to_words()) {
            slot.store(word, Ordering::Relaxed);
        }
        #[cfg(not(loom))]
        self.writer.head.store(head + 1, Ordering::Release);
        #[cfg(loom)]
        self.writer.head.store(head + 1, self.publish);
    }

    /// Counts a record that found no room.
    #[cold]
    pub fn count_dropped(&self, kind: RecordKind) {
        bump(&self.writer.dropped);
        if !kind.opens() {
            bump(&self.writer.dropped_ends);
        }
    }

    /// Writes a record, or counts it as dropped.
    pub fn offer(&self, record: Record) -> Result<(), Full> {
        if self.has_room(record.kind) {
            self.push(record);
            Ok(())
        } else {
            self.count_dropped(record.kind);
            Err(Full)
        }
    }

    /// Whether these bytes have room: what a writer that would rather wait asks.
    #[inline(always)]
    pub fn has_blob_room(&self, len: usize) -> bool {
        self.blobs.has_room(len) || !self.blobs.can_hold(len)
    }

    /// As `push`, with bytes. Bytes without room are counted, and the record says that they are missing.
    #[inline(always)]
    pub fn push_with(&self, mut record: Record, blob: &[u8]) {
        if self.blobs.has_room(blob.len()) {
            self.blobs.push(blob);
            record.blob = BlobState::Here;
        } else {
            self.blobs.count_dropped();
            record.blob = BlobState::Lost;
        }
        self.push(record);
    }

    /// As `offer`, with bytes.
    pub fn offer_with(&self, record: Record, blob: &[u8]) -> Result<(), Full> {
        if self.has_room(record.kind) {
            self.push_with(record, blob);
            Ok(())
        } else {
            self.count_dropped(record.kind);
            Err(Full)
        }
    }

    // The reader's side: only who holds the consumer's token calls these.

    #[inline]
    pub fn head(&self) -> u64 {
        self.writer.head.load(Ordering::Acquire)
    }

    #[inline]
    pub fn tail(&self) -> u64 {
        self.reader.tail.load(Ordering::Relaxed)
    }

    /// The record at `position`, which lies between tail and a `head` that was read.
    #[inline]
    pub fn read(&self, position: u64) -> Option<Record> {
        let at = ((position & self.mask) as usize) * WORDS;
        let mut words = [0; WORDS];
        for (word, slot) in words.iter_mut().zip(&self.words[at..at + WORDS]) {
            *word = slot.load(Ordering::Relaxed);
        }
        Record::from_words(words)
    }

    /// The bytes of the record that is read now, if it has any; to be called once for each record, in order.
    #[inline]
    pub fn take_blob(&self, record: &Record, into: &mut Vec<u8>) {
        match record.blob {
            BlobState::Here => self.blobs.take(into),
            _ => into.clear(),
        }
    }

    /// Gives all slots before `position` back to the writer.
    #[inline]
    pub fn release_until(&self, position: u64) {
        self.reader.tail.store(position, Ordering::Release);
    }

    // Anybody's.

    /// Whether more than half of it is waiting to be read.
    pub fn is_half_full(&self) -> bool {
        let tail = self.reader.tail.load(Ordering::Acquire);
        self.writer
            .head
            .load(Ordering::Relaxed)
            .saturating_sub(tail)
            > self.capacity() / 2
    }

    /// How many eighths of it are waiting to be read, for the thread that writes. The reader's side is looked at only when
    /// half of it seems to be.
    #[inline(always)]
    pub fn fullness(&self) -> u8 {
        let head = self.writer.head.load(Ordering::Relaxed);
        let mut waiting = head - self.writer.tail_seen.load(Ordering::Relaxed);
        if waiting > self.capacity() / 2 {
            let tail = self.reader.tail.load(Ordering::Acquire);
            self.writer.tail_seen.store(tail, Ordering::Relaxed);
            waiting = head - tail;
        }
        (waiting * 8 / self.capacity()) as u8
    }

    /// `offered = stored + in_flight + dropped`, whatever happens meanwhile.
    pub fn counts(&self) -> RingCounts {
        let tail = self.reader.tail.load(Ordering::Acquire);
        let dropped = self.writer.dropped.load(Ordering::Relaxed);
        let dropped_ends = self.writer.dropped_ends.load(Ordering::Relaxed);
        let head = self.writer.head.load(Ordering::Acquire);
        RingCounts {
            offered: head + dropped,
            stored: tail,
            in_flight: head - tail,
            dropped,
            dropped_ends,
        }
    }

    /// The same of the bytes that belong to records.
    pub fn blob_counts(&self) -> BlobCounts {
        self.blobs.counts()
    }

    /// Takes a ring that its thread has left. The caller holds the registry's lock.
    pub(super) fn adopt(&self) -> bool {
        self.owned
            .compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// The thread ends: what it wrote stays to be read, and another thread may go on writing.
    pub fn leave(&self) {
        #[cfg(not(loom))]
        self.owned.store(false, Ordering::Release);
        #[cfg(loom)]
        self.owned.store(false, self.hand_over);
    }
}

/// Adds one where only one thread writes: no locked instruction.
#[inline(always)]
fn bump(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Zeroed memory takes no room until it is written to.
#[cfg(not(loom))]
pub(super) fn zeroed(count: usize) -> Box<[AtomicU64]> {
    let zeroed = Box::into_raw(vec![0u64; count].into_boxed_slice());
    // SAFETY: an AtomicU64 has the size, alignment (of every 64-bit target here) and bit validity of u64.
    const { assert!(align_of::<AtomicU64>() == align_of::<u64>()) };
    unsafe { Box::from_raw(zeroed as *mut [AtomicU64]) }
}

#[cfg(loom)]
pub(super) fn zeroed(count: usize) -> Box<[AtomicU64]> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn record(kind: RecordKind, payload: u64) -> Record {
        Record {
            at: payload,
            process: 3,
            payload,
            point: 7,
            kind,
            reason: 0xAB_CDEF,
            blob: BlobState::None,
        }
    }

    #[test]
    fn records_come_out_as_they_went_in() {
        let ring = Ring::new(5, 8);
        assert_eq!(ring.next_token(), 5 << 48);
        for round in 0..20 {
            ring.offer(record(RecordKind::Caught, round)).unwrap();
            assert_eq!(ring.head(), round + 1);
            assert_eq!(ring.read(round), Some(record(RecordKind::Caught, round)));
            ring.release_until(round + 1);
        }
        assert_eq!(ring.next_token(), 5 << 48 | 20);
    }

    #[test]
    fn a_full_ring_refuses_beginnings_first_and_counts_exactly() {
        let ring = Ring::new(1, 16);
        let refused = (0..20)
            .filter(|n| ring.offer(record(RecordKind::Enter, *n)).is_err())
            .count();
        assert_eq!(refused, 6);
        let refused = (0..3)
            .filter(|n| ring.offer(record(RecordKind::Exit, *n)).is_err())
            .count();
        assert_eq!(refused, 1);
        let counts = ring.counts();
        assert_eq!(
            counts,
            RingCounts {
                offered: 23,
                stored: 0,
                in_flight: 16,
                dropped: 7,
                dropped_ends: 1
            }
        );
        ring.release_until(16);
        assert!(ring.has_room(RecordKind::Enter));
        assert_eq!(ring.counts().stored, 16);
    }
}
