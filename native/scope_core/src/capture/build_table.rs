//! Build → range of dense numbers: open addressing that readers walk without a lock.
//!
//! Entries are only ever added, by one writer at a time (the registry's lock). A writer fills the value
//! before it publishes the key with `Release`, so a reader that finds the key finds the value.

use crate::capture::points::Range;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

pub(super) struct BuildTable {
    slots: Box<[Slot]>,
    used: AtomicUsize,
    capacity: usize,
}

struct Slot {
    /// The build, or 0 while the slot is free.
    build: AtomicU64,
    /// `base << 32 | count`.
    range: AtomicU64,
}

impl BuildTable {
    pub(super) fn new(capacity: usize) -> Self {
        let slots = (capacity.max(1) * 2).next_power_of_two();
        BuildTable {
            slots: (0..slots)
                .map(|_| Slot {
                    build: AtomicU64::new(0),
                    range: AtomicU64::new(0),
                })
                .collect(),
            used: AtomicUsize::new(0),
            capacity,
        }
    }

    #[inline(always)]
    pub(super) fn find(&self, build: u64) -> Option<Range> {
        if build == 0 {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut at = start(build) & mask;
        // Half of the slots are always free, so the walk ends.
        loop {
            let slot = &self.slots[at];
            let found = slot.build.load(Ordering::Acquire);
            if found == build {
                let range = slot.range.load(Ordering::Relaxed);
                return Some(Range {
                    base: (range >> 32) as u32,
                    count: range as u32,
                });
            }
            if found == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// The caller holds the registry's lock, and has checked `find` and `is_full`.
    pub(super) fn insert(&self, build: u64, range: Range) {
        assert!(build != 0 && !self.is_full());
        let mask = self.slots.len() - 1;
        let mut at = start(build) & mask;
        while self.slots[at].build.load(Ordering::Relaxed) != 0 {
            at = (at + 1) & mask;
        }
        let slot = &self.slots[at];
        slot.range.store(
            u64::from(range.base) << 32 | u64::from(range.count),
            Ordering::Relaxed,
        );
        slot.build.store(build, Ordering::Release);
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }
}

/// Builds are hashes already; this only protects against callers who number them 1, 2, 3 times a power of two.
#[inline(always)]
fn start(build: u64) -> usize {
    (build ^ build >> 20) as usize
}
