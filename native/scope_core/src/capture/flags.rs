//! A byte per point: 0 lets it report. Zeroed memory costs nothing until a page of it is used.
//!
//! Four bits: the point is off; the point, one that reports once, has reported; it has a gate; its gate is spent.

use crate::sync::{AtomicU8, Ordering};

pub(super) struct Flags(Box<[AtomicU8]>);

const OFF: u8 = 1;
const SEEN: u8 = 2;
const GATED: u8 = 4;
const CLOSED: u8 = 8;

impl Flags {
    #[cfg(not(loom))]
    pub(super) fn new(count: usize) -> Self {
        let zeroed = Box::into_raw(vec![0u8; count].into_boxed_slice());
        // SAFETY: an AtomicU8 has the size, alignment and bit validity of u8, and the box is ours alone.
        Flags(unsafe { Box::from_raw(zeroed as *mut [AtomicU8]) })
    }

    #[cfg(loom)]
    pub(super) fn new(count: usize) -> Self {
        Flags((0..count).map(|_| AtomicU8::new(0)).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    pub(super) fn is_off(&self, at: usize) -> bool {
        self.0[at].load(Ordering::Relaxed) & (OFF | CLOSED) != 0
    }

    /// On or off. What is switched on may report anew.
    pub(super) fn set_off(&self, at: usize, off: bool) {
        match off {
            true => self.0[at].fetch_or(OFF, Ordering::Relaxed),
            false => self.0[at].fetch_and(!(OFF | SEEN), Ordering::Relaxed),
        };
    }

    /// Neither off nor seen: what reports once may report.
    #[inline(always)]
    pub(super) fn is_fresh(&self, at: usize) -> bool {
        self.0[at].load(Ordering::Relaxed) & (OFF | CLOSED | SEEN) == 0
    }

    #[inline(always)]
    pub(super) fn is_gated(&self, at: usize) -> bool {
        self.0[at].load(Ordering::Relaxed) & GATED != 0
    }

    pub(super) fn set_gated(&self, at: usize, gated: bool) {
        match gated {
            true => self.0[at].fetch_or(GATED, Ordering::Relaxed),
            false => self.0[at].fetch_and(!GATED, Ordering::Relaxed),
        };
    }

    /// Switches a point off whose gate is spent, as long as `unchanged` says that the gate is still set as it was when it
    /// said so. Whoever sets it anew calls `reopen` afterwards: of the two, the later one here sees what the other did.
    pub(super) fn close(&self, at: usize, unchanged: impl FnOnce() -> bool) {
        self.0[at].fetch_or(CLOSED, Ordering::AcqRel);
        if !unchanged() {
            self.reopen(at);
        }
    }

    pub(super) fn reopen(&self, at: usize) {
        self.0[at].fetch_and(!CLOSED, Ordering::AcqRel);
    }

    pub(super) fn set_seen(&self, at: usize, seen: bool) {
        match seen {
            true => self.0[at].fetch_or(SEEN, Ordering::Relaxed),
            false => self.0[at].fetch_and(!SEEN, Ordering::Relaxed),
        };
    }
}
