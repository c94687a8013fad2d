//! How many questions are answered at a time. Those beyond are refused at once, never queued here: whoever asks waits in a
//! place of its own, and no scheduler is kept by one who waits.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::error::{Error, Result};

/// Counts since the VM started, but for `running`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admissions {
    pub running: usize,
    /// Most at a time.
    pub most: usize,
    pub admitted: u64,
    pub refused: u64,
}

#[derive(Default)]
pub struct Admission {
    running: AtomicUsize,
    most: AtomicUsize,
    admitted: AtomicU64,
    refused: AtomicU64,
}

/// Of this VM: its schedulers are what is shared.
pub static QUERIES: Admission = Admission {
    running: AtomicUsize::new(0),
    most: AtomicUsize::new(0),
    admitted: AtomicU64::new(0),
    refused: AtomicU64::new(0),
};

/// A seat, given back when it is dropped, however the question ended.
#[must_use]
pub struct Permit<'a>(&'a Admission);

impl Admission {
    /// Errors: `Busy` when `max` questions are being answered.
    pub fn admit(&self, max: usize) -> Result<Permit<'_>> {
        let taken = self
            .running
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |running| {
                (running < max.max(1)).then_some(running + 1)
            });
        match taken {
            Ok(before) => {
                self.most.fetch_max(before + 1, Ordering::Relaxed);
                self.admitted.fetch_add(1, Ordering::Relaxed);
                Ok(Permit(self))
            }
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(Error::Busy {
                    what: "the query engine",
                })
            }
        }
    }

    pub fn counts(&self) -> Admissions {
        Admissions {
            running: self.running.load(Ordering::Acquire),
            most: self.most.load(Ordering::Relaxed),
            admitted: self.admitted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_so_many_and_each_gives_its_seat_back() {
        let seats = Admission::default();
        let first = seats.admit(2).unwrap();
        let second = seats.admit(2).unwrap();
        assert!(matches!(seats.admit(2), Err(Error::Busy { .. })));
        drop(first);
        let third = seats.admit(2).unwrap();
        assert_eq!(seats.counts().running, 2);
        drop((second, third));
        let counts = seats.counts();
        let expected = Admissions {
            running: 0,
            most: 2,
            admitted: 3,
            refused: 1,
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_panic_gives_the_seat_back() {
        let seats = Admission::default();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _seat = seats.admit(1);
            panic!("while answering");
        }));
        assert!(caught.is_err());
        assert_eq!(seats.counts().running, 0);
    }
}
