//! What was decided about a word, remembered without a lock: a table in which later decisions replace earlier ones.

use crate::sync::{AtomicU64, Ordering};

/// Words are of at most 48 bits here; larger ones are decided anew each time.
pub struct Decisions {
    /// `word << 16 | generation << 8 | decision + 1`; 0 while empty.
    slots: Box<[AtomicU64]>,
    generation: AtomicU64,
}

impl Decisions {
    /// A table of `slots` (a power of two).
    pub fn new(slots: usize) -> Self {
        Decisions {
            slots: (0..slots.next_power_of_two())
                .map(|_| AtomicU64::new(0))
                .collect(),
            generation: AtomicU64::new(0),
        }
    }

    #[inline(always)]
    pub fn get(&self, word: u64) -> Option<bool> {
        let found = self.slots[self.place(word)].load(Ordering::Relaxed);
        if found >> 8 != word << 8 | self.generation() || found == 0 {
            return None;
        }
        Some(found & 0xFF == 2)
    }

    /// Remembers a decision that was made under `generation`.
    pub fn put(&self, word: u64, generation: u64, decision: bool) {
        if word >> 48 == 0 {
            let entry = word << 16 | generation << 8 | (u64::from(decision) + 1);
            self.slots[self.place(word)].store(entry, Ordering::Relaxed);
        }
    }

    /// Read before a decision is made.
    #[inline(always)]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Forgets everything: what was decided before is not found any more.
    pub fn forget(&self) {
        self.generation
            .store((self.generation() + 1) & 0xFF, Ordering::Release);
        for slot in &self.slots {
            slot.store(0, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    fn place(&self, word: u64) -> usize {
        (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (self.slots.len() - 1)
    }
}
