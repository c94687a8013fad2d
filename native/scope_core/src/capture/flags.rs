//! A byte per point: 0 lets it report. Zeroed memory costs nothing until a page of it is used.
//!
//! Two bits: the point is off; the point, one that reports once, has reported.

use crate::sync::{AtomicU8, Ordering};

pub(super) struct Flags(Box<[AtomicU8]>);

const OFF: u8 = 1;
const SEEN: u8 = 2;

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
        self.0[at].load(Ordering::Relaxed) & OFF != 0
    }

    pub(super) fn set_off(&self, at: usize, off: bool) {
        self.0[at].store(if off { OFF } else { 0 }, Ordering::Relaxed);
    }

    /// Neither off nor seen: what reports once may report.
    #[inline(always)]
    pub(super) fn is_fresh(&self, at: usize) -> bool {
        self.0[at].load(Ordering::Relaxed) == 0
    }

    pub(super) fn set_seen(&self, at: usize, seen: bool) {
        match seen {
            true => self.0[at].fetch_or(SEEN, Ordering::Relaxed),
            false => self.0[at].fetch_and(!SEEN, Ordering::Relaxed),
        };
    }
}
