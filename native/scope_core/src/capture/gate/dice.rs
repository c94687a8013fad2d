//! Chance for sampling: a generator per thread, a few nanoseconds, no lock.

/// A thread's dice (xorshift64*), and which of a gate's counters the thread adds to.
#[derive(Clone, Copy, Debug)]
pub struct Dice {
    state: u64,
    lane: usize,
}

impl Dice {
    /// From any seed. Threads with different `lane`s do not share counters, up to their number.
    pub fn new(seed: u64, lane: usize) -> Self {
        // The state must not be 0, and near seeds are to be far apart.
        let state = seed.wrapping_add(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
        let mut dice = Dice {
            state: state.max(1),
            lane,
        };
        for _ in 0..4 {
            dice.roll();
        }
        dice
    }

    #[inline(always)]
    pub fn roll(&mut self) -> u32 {
        let mut x = self.state;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.state = x;
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    }

    #[inline(always)]
    pub(super) fn lane(&self) -> usize {
        self.lane
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_range_comes_up_as_often_as_it_should() {
        for seed in [0, 1, 2, u64::MAX] {
            let mut dice = Dice::new(seed, 0);
            let mut parts = [0u32; 16];
            (0..160_000).for_each(|_| parts[(dice.roll() >> 28) as usize] += 1);
            // Chi squared with 15 degrees of freedom: above 44.3 once in 10,000 times, and the seeds are fixed.
            let chi: f64 = parts
                .iter()
                .map(|n| (f64::from(*n) - 10_000.0).powi(2) / 10_000.0)
                .sum();
            assert!(chi < 44.3, "seed {seed}: {chi}");
        }
    }
}
