//! The bytes that belong to records: a second ring of the same thread, read in the same order.
//!
//! A blob is written before its record is published, so whoever sees the record (its `head`, with `Acquire`) finds the
//! blob whole. Records with a blob say so; the reader takes blobs one after the other as it meets such records. So no
//! record needs a position, and a blob that found no room leaves a record without one.

use crate::sync::{AtomicU64, Ordering};

pub(super) struct Blobs {
    words: Box<[AtomicU64]>,
    mask: u64,
    /// Written by the thread that owns the ring: next free word, the tail as last seen, blobs written and refused.
    head: AtomicU64,
    tail_seen: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
    reader: Reader,
}

/// Kept off the writer's cache line.
#[repr(align(128))]
struct Reader {
    tail: AtomicU64,
    taken: AtomicU64,
}

/// Blobs of a ring at one moment: `offered = stored + in_flight + dropped`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BlobCounts {
    pub offered: u64,
    pub stored: u64,
    pub in_flight: u64,
    pub dropped: u64,
}

impl BlobCounts {
    pub(super) fn add(&mut self, other: BlobCounts) {
        self.offered += other.offered;
        self.stored += other.stored;
        self.in_flight += other.in_flight;
        self.dropped += other.dropped;
    }
}

impl Blobs {
    /// Room for `bytes` (made a power of two, at least 32).
    pub fn new(bytes: usize) -> Self {
        let words = (bytes.clamp(32, 1 << 28) / 8).next_power_of_two();
        Blobs {
            words: super::ring::zeroed(words),
            mask: words as u64 - 1,
            head: AtomicU64::new(0),
            tail_seen: AtomicU64::new(0),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            reader: Reader {
                tail: AtomicU64::new(0),
                taken: AtomicU64::new(0),
            },
        }
    }

    /// Where they lie: address and length in bytes.
    pub fn memory(&self) -> (usize, usize) {
        (self.words.as_ptr().addr(), size_of_val(&*self.words))
    }

    /// Words that a blob takes: its length and its bytes.
    #[inline(always)]
    fn words_of(len: usize) -> u64 {
        1 + len.div_ceil(8) as u64
    }

    #[inline(always)]
    pub fn has_room(&self, len: usize) -> bool {
        let (head, wanted) = (self.head.load(Ordering::Relaxed), Self::words_of(len));
        let capacity = self.mask + 1;
        if head - self.tail_seen.load(Ordering::Relaxed) + wanted <= capacity {
            return true;
        }
        // Acquire: the reader is done with the words that it gave back.
        let tail = self.reader.tail.load(Ordering::Acquire);
        self.tail_seen.store(tail, Ordering::Relaxed);
        head - tail + wanted <= capacity
    }

    /// Whether a blob of this length could ever fit.
    pub fn can_hold(&self, len: usize) -> bool {
        Self::words_of(len) <= self.mask + 1
    }

    /// Writes a blob after `has_room` said yes. The record that is published next makes it visible.
    #[inline(always)]
    pub fn push(&self, blob: &[u8]) {
        let head = self.head.load(Ordering::Relaxed);
        self.put(head, blob.len() as u64);
        let mut at = head + 1;
        let mut chunks = blob.chunks_exact(8);
        for chunk in &mut chunks {
            self.put(at, u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
            at += 1;
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            self.put(at, last_word(rest));
            at += 1;
        }
        self.head.store(at, Ordering::Relaxed);
        bump(&self.written);
    }

    #[cold]
    pub fn count_dropped(&self) {
        bump(&self.dropped);
    }

    #[inline(always)]
    fn put(&self, at: u64, word: u64) {
        self.words[(at & self.mask) as usize].store(word, Ordering::Relaxed);
    }

    /// The oldest blob, into `into`; its words go back to the writer. Only who holds the consumer's token calls this,
    /// once for each record that has a blob.
    pub fn take(&self, into: &mut Vec<u8>) {
        let mut at = self.reader.tail.load(Ordering::Relaxed);
        let len = self.get(at) as usize;
        into.clear();
        at += 1;
        // Never more than the ring holds, whatever the length says.
        let words = (len.div_ceil(8) as u64).min(self.mask);
        for _ in 0..words {
            into.extend_from_slice(&self.get(at).to_le_bytes());
            at += 1;
        }
        into.truncate(len);
        self.reader.tail.store(at, Ordering::Release);
        bump(&self.reader.taken);
    }

    #[inline(always)]
    fn get(&self, at: u64) -> u64 {
        self.words[(at & self.mask) as usize].load(Ordering::Relaxed)
    }

    pub fn counts(&self) -> BlobCounts {
        let stored = self.reader.taken.load(Ordering::Acquire);
        let dropped = self.dropped.load(Ordering::Relaxed);
        let written = self.written.load(Ordering::Relaxed).max(stored);
        BlobCounts {
            offered: written + dropped,
            stored,
            in_flight: written - stored,
            dropped,
        }
    }
}

/// Fewer than eight bytes, with zeros behind them. Read in at most three pieces: copying them through memory would wait for
/// itself.
#[inline(always)]
fn last_word(rest: &[u8]) -> u64 {
    let len = rest.len();
    if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        // They overlap, and agree where they do.
        return u64::from(first) | u64::from(last) << (8 * (len - 4));
    }
    let at = |index: usize| rest.get(index).map_or(0, |byte| u64::from(*byte));
    at(0) | at(1) << 8 | at(2) << 16
}

/// Adds one where only one thread writes: no locked instruction.
#[inline(always)]
fn bump(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn blobs_come_out_as_they_went_in_and_a_full_ring_says_so() {
        let blobs = Blobs::new(256);
        let mut out = Vec::new();
        for round in 0..500usize {
            let blob: Vec<u8> = (0..round % 60).map(|byte| (byte + round) as u8).collect();
            assert!(blobs.has_room(blob.len()));
            blobs.push(&blob);
            blobs.take(&mut out);
            assert_eq!(out, blob);
        }
        let mut held = 0;
        while blobs.has_room(20) {
            blobs.push(&[7; 20]);
            held += 1;
        }
        assert_eq!(held, 32 / 4);
        blobs.count_dropped();
        let counts = blobs.counts();
        assert_eq!(
            (counts.offered, counts.in_flight, counts.dropped),
            (509, 8, 1)
        );
        blobs.take(&mut out);
        assert!(blobs.has_room(20) && !blobs.can_hold(249) && blobs.can_hold(248));
    }
}
