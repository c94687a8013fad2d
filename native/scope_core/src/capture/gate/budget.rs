//! A number that may be used up: exactly that many, whoever takes them.

use crate::sync::{AtomicU64, Ordering};

/// How much was taken so far.
pub struct Budget(AtomicU64);

impl Budget {
    pub fn new() -> Self {
        Budget(AtomicU64::new(0))
    }

    /// Takes one, as long as fewer than `limit` were taken. What is refused is not taken.
    #[inline(always)]
    pub fn take(&self, limit: u64) -> bool {
        let mut taken = self.0.load(Ordering::Relaxed);
        while taken < limit {
            let next = taken + 1;
            match self
                .0
                .compare_exchange_weak(taken, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(other) => taken = other,
            }
        }
        false
    }

    #[inline(always)]
    pub fn taken(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}
