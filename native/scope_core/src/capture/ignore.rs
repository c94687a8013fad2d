//! Processes that never record: the collector, and whoever would otherwise observe himself observing.

use crate::error::{Error, Result};
use crate::limits;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// A short list that every probe walks.
pub struct Ignored {
    words: [AtomicU64; limits::IGNORED_MAX],
    /// Slots in use: from 0 up to here, free ones (0) among them.
    used: AtomicUsize,
}

impl Ignored {
    pub fn new() -> Self {
        Ignored {
            words: std::array::from_fn(|_| AtomicU64::new(0)),
            used: AtomicUsize::new(0),
        }
    }

    #[inline(always)]
    pub fn holds(&self, process: u64) -> bool {
        let used = self.used.load(Ordering::Relaxed);
        self.words[..used]
            .iter()
            .any(|word| word.load(Ordering::Relaxed) == process)
    }

    /// Adds a process; `LimitExceeded` when the list is full.
    pub fn add(&self, process: u64) -> Result<()> {
        if self.holds(process) {
            return Ok(());
        }
        for (at, word) in self.words.iter().enumerate() {
            if word
                .compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
            {
                self.used.fetch_max(at + 1, Ordering::Relaxed);
                return Ok(());
            }
        }
        Err(Error::LimitExceeded {
            what: "ignored processes",
            limit: limits::IGNORED_MAX as u64,
        })
    }

    pub fn remove(&self, process: u64) {
        for word in &self.words {
            let _ = word.compare_exchange(process, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

impl Default for Ignored {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_short_and_its_places_are_used_again() {
        let ignored = Ignored::new();
        (1..=limits::IGNORED_MAX as u64).for_each(|process| ignored.add(process).unwrap());
        assert!(ignored.add(99).is_err() && !ignored.holds(99));
        ignored.remove(3);
        ignored.add(99).unwrap();
        assert!(ignored.holds(99) && !ignored.holds(3) && ignored.holds(4));
    }
}
