//! A few words that change together: read without a lock, never half old and half new, never freed.
//!
//! Two buffers and a version, whose last bit says which buffer holds. A writer fills the other one and then steps the
//! version; a reader copies the one that holds and looks again: another version, and he copies anew. A writer that is
//! stopped in the middle holds up nobody, because what it writes is not what holds. A reader goes round only when a
//! whole change happened meanwhile.

use crate::sync::{AtomicU64, Ordering, fence};

pub struct Versioned<const N: usize> {
    version: AtomicU64,
    buffers: [[AtomicU64; N]; 2],
    #[cfg(loom)]
    pub(in crate::capture) seeded: Seeded,
}

/// Mistakes that the model must catch.
#[cfg(loom)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Seeded {
    #[default]
    None,
    /// The version is stepped without publishing what was written.
    RelaxedStep,
    /// The reader does not look again.
    NoSecondLook,
    /// The writer writes into the buffer that holds.
    InPlace,
}

impl<const N: usize> Versioned<N> {
    pub fn new(words: [u64; N]) -> Self {
        Versioned {
            version: AtomicU64::new(0),
            buffers: [
                words.map(AtomicU64::new),
                std::array::from_fn(|_| AtomicU64::new(0)),
            ],
            #[cfg(loom)]
            seeded: Seeded::None,
        }
    }

    /// The words, and their version.
    #[inline(always)]
    pub fn read(&self) -> (u64, [u64; N]) {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let buffer = &self.buffers[(version & 1) as usize];
            let words = std::array::from_fn(|at| buffer[at].load(Ordering::Relaxed));
            // Whoever read a word of a later change sees that change's version, or a later one.
            fence(Ordering::Acquire);
            #[cfg(loom)]
            if self.seeded == Seeded::NoSecondLook {
                return (version, words);
            }
            if self.version.load(Ordering::Relaxed) == version {
                return (version, words);
            }
        }
    }

    /// The first word alone, and the version that it belongs to.
    #[inline(always)]
    pub fn first(&self) -> (u64, u64) {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let word = self.buffers[(version & 1) as usize][0].load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if self.version.load(Ordering::Relaxed) == version {
                return (version, word);
            }
        }
    }

    /// The version now.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Replaces the words. One writer at a time: the caller holds a lock.
    pub fn write(&self, words: [u64; N]) {
        let version = self.version.load(Ordering::Relaxed);
        #[cfg(not(loom))]
        let (target, step) = (version + 1, Ordering::Release);
        #[cfg(loom)]
        let (target, step) = match self.seeded {
            Seeded::RelaxedStep => (version + 1, Ordering::Relaxed),
            Seeded::InPlace => (version, Ordering::Release),
            _ => (version + 1, Ordering::Release),
        };
        // The step before is seen by whoever sees a word of what follows.
        fence(Ordering::Release);
        for (slot, word) in self.buffers[(target & 1) as usize].iter().zip(words) {
            slot.store(word, Ordering::Relaxed);
        }
        #[cfg(loom)]
        if self.seeded == Seeded::InPlace {
            return self.version.store(version + 2, step);
        }
        self.version.store(target, step);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn what_is_written_is_read_and_the_version_steps() {
        let cell = Versioned::new([1, 2, 3]);
        assert_eq!(cell.read(), (0, [1, 2, 3]));
        for round in 1..10 {
            cell.write([round; 3]);
            assert_eq!(cell.read(), (round, [round; 3]));
            assert_eq!(cell.first(), (round, round));
            assert_eq!(cell.version(), round);
        }
    }

    #[test]
    fn readers_see_whole_changes_while_they_happen() {
        let cell = Versioned::new([0u64; 8]);
        let stop = AtomicBool::new(false);
        let writes = if cfg!(miri) { 50 } else { 200_000 };
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut last = 0;
                        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                            let (version, words) = cell.read();
                            assert!(
                                words.iter().all(|word| *word == version),
                                "{version} {words:?}"
                            );
                            assert!(version >= last, "time goes on");
                            let (version, word) = cell.first();
                            assert!(word == version && version >= last, "{word} {version}");
                            last = version;
                        }
                    })
                })
                .collect();
            (1..=writes).for_each(|round| cell.write([round; 8]));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            readers
                .into_iter()
                .for_each(|reader| reader.join().unwrap());
        });
    }
}
