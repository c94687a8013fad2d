//! So many a second, and never more in any second: a token bucket in one word.
//!
//! The word is the time at which the bucket would be full again (the "theoretical arrival time" of the generic cell rate
//! algorithm, ITU-T I.371). One passes when that time is at most `burst - 1` intervals ahead, and moves it one interval on.
//! Within any stretch shorter than a second `burst - 1 + refill` pass at most, where `refill` is how many intervals a
//! second has. So a limit of `rate` is kept, exactly, by `refill = rate + 1 - burst`.

use crate::capture::clock::Ticks;
use crate::sync::{AtomicU64, Ordering};

/// A limit as people say it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rate {
    /// At most so many in any second; at least 1.
    pub per_second: u32,
    /// So many of them at once after a silence; from 1 to `per_second`.
    pub burst: u32,
}

/// A limit in the ticks of a clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Ticks between two, when one follows the other as soon as it may.
    pub interval: u64,
    /// How far the bucket's time may be ahead.
    pub ahead: u64,
}

impl Rate {
    /// With the usual burst: an eighth of the rate.
    pub fn new(per_second: u32) -> Self {
        Rate {
            per_second: per_second.max(1),
            burst: (per_second / 8).max(1),
        }
    }

    pub fn pace(self, ticks_per_second: u64) -> Pace {
        let per_second = self.per_second.max(1);
        let burst = self.burst.clamp(1, per_second);
        let refill = u64::from(per_second + 1 - burst);
        // Rounded up, and a little more than the clock's rate may be wrong by.
        let interval = (ticks_per_second + ticks_per_second / 2048)
            .div_ceil(refill)
            .max(1);
        Pace {
            interval,
            ahead: interval * u64::from(burst - 1),
        }
    }
}

/// The state of a limit.
pub struct Bucket(AtomicU64);

impl Bucket {
    pub(super) fn new() -> Self {
        Bucket(AtomicU64::new(0))
    }

    /// Takes one, if there is one.
    #[inline]
    pub fn take(&self, pace: Pace, now: Ticks) -> bool {
        let mut full_at = self.0.load(Ordering::Relaxed);
        loop {
            if full_at > now.saturating_add(pace.ahead) {
                return false;
            }
            let next = full_at.max(now) + pace.interval;
            match self
                .0
                .compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(other) => full_at = other,
            }
        }
    }

    pub(super) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The most that passed within any second (half open).
    fn densest(passed: &[u64], second: u64) -> usize {
        let mut begin = 0;
        let mut most = 0;
        for (at, time) in passed.iter().enumerate() {
            while passed[begin] + second <= *time {
                begin += 1;
            }
            most = most.max(at - begin + 1);
        }
        most
    }

    #[test]
    fn no_second_has_more_and_a_steady_stream_gets_most_of_it() {
        const SECOND: u64 = 1_000_000;
        for (per_second, burst) in [
            (1, 1),
            (2, 1),
            (2, 2),
            (8, 1),
            (100, 12),
            (100, 100),
            (1000, 125),
        ] {
            let rate = Rate { per_second, burst };
            let mut dice = crate::capture::gate::Dice::new(u64::from(per_second), 0);
            for mean_gap in [3, 700, 20_000] {
                let (bucket, pace) = (Bucket::new(), rate.pace(SECOND));
                let mut passed = Vec::new();
                let mut now = 5;
                while now < 20 * SECOND {
                    if bucket.take(pace, now) {
                        passed.push(now);
                    }
                    // Bursts and silences.
                    now += match dice.roll() % 64 {
                        0 => 1 + mean_gap * u64::from(dice.roll() % 512),
                        roll => 1 + mean_gap * u64::from(roll % 3),
                    };
                }
                let most = densest(&passed, SECOND);
                assert!(
                    most <= per_second as usize,
                    "{rate:?} gap {mean_gap}: {most}"
                );
            }
            let (bucket, pace) = (Bucket::new(), rate.pace(SECOND));
            let steady = (0..10 * SECOND)
                .filter(|now| bucket.take(pace, *now))
                .count();
            let least = 10 * (per_second + 1 - burst) as usize;
            assert!(
                steady * 1000 >= least * 998,
                "{rate:?}: {steady} of {least}"
            );
        }
    }

    #[test]
    fn a_burst_passes_at_once_and_no_more() {
        let rate = Rate {
            per_second: 100,
            burst: 12,
        };
        let (bucket, pace) = (Bucket::new(), rate.pace(1_000_000_000));
        let now = 77_000_000_000;
        assert_eq!((0..100).filter(|_| bucket.take(pace, now)).count(), 12);
    }

    #[test]
    fn threads_together_get_no_more() {
        let rate = Rate {
            per_second: 1000,
            burst: 1000,
        };
        let (bucket, pace) = (Bucket::new(), rate.pace(1_000_000_000));
        let passed: usize = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..500).filter(|_| bucket.take(pace, 1_000_000)).count()))
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(passed, 1000);
    }
}
