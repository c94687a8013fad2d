//! Classes of reasons: an exception's module, an atom, the first atom of a tuple.
//!
//! A probe knows the class as a word of the running VM and may not allocate; a record has 24 bits for it. So words
//! are numbered in a table of fixed size, without a lock. What comes when it is full is class `OTHER`.

use crate::limits;
use crate::sync::{AtomicU64, Ordering};

pub struct Reasons {
    slots: Box<[AtomicU64]>,
}

/// No reason is known.
pub const NO_REASON: u32 = 0;
/// A reason that no class was left for.
pub const OTHER: u32 = 0xFF_FFFF;

const PROBES_MAX: usize = 32;

impl Reasons {
    pub fn new() -> Self {
        let slots = limits::REASON_CLASSES_MAX.next_power_of_two();
        Reasons {
            slots: (0..slots).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The class of a word, which is not 0.
    pub fn class(&self, word: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let start = (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize;
        for step in 0..PROBES_MAX {
            let at = (start + step) & mask;
            let slot = &self.slots[at];
            let found = match slot.load(Ordering::Relaxed) {
                0 => match slot.compare_exchange(0, word, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => word,
                    Err(other) => other,
                },
                found => found,
            };
            if found == word {
                return at as u32 + 1;
            }
        }
        OTHER
    }

    /// The word of a class.
    pub fn word(&self, class: u32) -> Option<u64> {
        let at = (class as usize).checked_sub(1)?;
        Some(self.slots.get(at)?.load(Ordering::Relaxed)).filter(|word| *word != 0)
    }
}

impl Default for Reasons {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_one_class_and_a_full_table_says_other() {
        let reasons = Reasons::new();
        let class = reasons.class(77);
        assert_eq!((reasons.class(77), reasons.word(class)), (class, Some(77)));
        assert_ne!(reasons.class(78), class);
        assert_eq!((reasons.word(NO_REASON), reasons.word(OTHER)), (None, None));
        let others = (1..20_000)
            .filter(|word| reasons.class(*word) == OTHER)
            .count();
        assert!(others > 10_000, "{others}");
    }
}
