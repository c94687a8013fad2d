//! The clock of records: raw ticks when recording, nanoseconds since 1970 when read.
//!
//! Where the time stamp counter is invariant (same rate on all cores, never stopping) a tick is one of its
//! counts: 6–8 ns to read against 20–25 ns for the monotonic clock, which is what is used elsewhere.
//!
//! What the ordering rule of `drain` needs of it: *if one read of the clock happened before another, in any
//! threads, it gave no larger number*. Between threads that is what "invariant" promises; `now_fenced` keeps the processor
//! from moving the consumer's read past the loads that follow it. A producer needs no fence: between two
//! records of one process on two threads lies the scheduler's hand-over, some thousand instructions with locks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::sync::{AtomicU64, Ordering};

/// Ticks.
pub type Ticks = u64;

pub enum Clock {
    #[cfg(target_arch = "x86_64")]
    Tsc,
    Monotonic(Instant),
    /// Every read is one later than the last: for tests, and for loom.
    Counter(AtomicU64),
}

impl Clock {
    /// The best clock of this machine.
    pub fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        if tsc_is_invariant() {
            return Clock::Tsc;
        }
        Clock::Monotonic(Instant::now())
    }

    /// A clock that counts its reads.
    pub fn counter() -> Self {
        Clock::Counter(AtomicU64::new(1))
    }

    #[inline(always)]
    pub fn now(&self) -> Ticks {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: every x86-64 processor has the instruction.
            Clock::Tsc => unsafe { std::arch::x86_64::_rdtsc() },
            Clock::Monotonic(start) => start.elapsed().as_nanos() as u64,
            Clock::Counter(count) => count.fetch_add(1, Ordering::AcqRel),
        }
    }

    /// A read that stays before the loads that follow it, and after those that precede it.
    #[inline]
    pub fn now_fenced(&self) -> Ticks {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above; SSE2 is part of x86-64.
            Clock::Tsc => unsafe {
                std::arch::x86_64::_mm_lfence();
                let now = std::arch::x86_64::_rdtsc();
                std::arch::x86_64::_mm_lfence();
                now
            },
            _ => {
                crate::sync::fence(Ordering::SeqCst);
                let now = self.now();
                crate::sync::fence(Ordering::SeqCst);
                now
            }
        }
    }

    /// What a report calls it.
    pub fn name(&self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Clock::Tsc => "tsc",
            Clock::Monotonic(_) => "monotonic",
            Clock::Counter(_) => "counter",
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(target_arch = "x86_64")]
fn tsc_is_invariant() -> bool {
    use std::arch::x86_64::__cpuid;
    if cfg!(miri) {
        return false;
    }
    const EXTENDED: u32 = 0x8000_0000;
    const POWER: u32 = 0x8000_0007;
    const INVARIANT_BIT: u32 = 8;
    __cpuid(EXTENDED).eax >= POWER && __cpuid(POWER).edx >> INVARIANT_BIT & 1 == 1
}

/// Ticks → nanoseconds since 1970. Owned by the consumer.
///
/// The rate comes from the time between the anchor (when the capture was made) and the latest look at the system's
/// monotonic clock, so it gets more exact with age. Stretches join without going back in time.
pub struct Calibration {
    anchor: (Ticks, Instant),
    anchor_unix_ns: u64,
    base_ticks: Ticks,
    base_ns: u64,
    /// Nanoseconds of a tick, as a fixed-point number with 32 binary places.
    rate: u64,
    refined: Instant,
    /// Ticks are nanoseconds already.
    exact: bool,
}

/// A shorter stretch gives a rate that is wrong by more than 10 ppm.
const BASELINE_MIN: Duration = Duration::from_millis(5);
const REFINE_EVERY: Duration = Duration::from_secs(1);
const ONE: u64 = 1 << 32;

impl Calibration {
    /// Anchors now. The rate is known after `refine`.
    pub fn new(clock: &Clock) -> Self {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let anchor = (clock.now(), Instant::now());
        let unix_ns = unix.as_nanos() as u64;
        Calibration {
            anchor,
            anchor_unix_ns: unix_ns,
            base_ticks: anchor.0,
            base_ns: unix_ns,
            rate: 0,
            refined: anchor.1,
            exact: !clock.is_tsc(),
        }
    }

    /// Brings the rate up to date, once a second at most. The first time it may sleep for 5 ms: call it where that
    /// is allowed (a dirty scheduler).
    pub fn refine(&mut self, clock: &Clock) {
        if self.exact {
            self.rate = ONE;
            return;
        }
        let known = self.rate != 0;
        if known && self.refined.elapsed() < REFINE_EVERY {
            return;
        }
        if let Some(missing) = BASELINE_MIN.checked_sub(self.anchor.1.elapsed()) {
            std::thread::sleep(missing);
        }
        let (ticks, at) = (clock.now(), Instant::now());
        let elapsed_ns = at.duration_since(self.anchor.1).as_nanos();
        let elapsed_ticks = u128::from(ticks.saturating_sub(self.anchor.0)).max(1);
        let true_ns = self.anchor_unix_ns + elapsed_ns as u64;
        let before_ns = if known { self.to_ns(ticks) } else { 0 };
        self.rate = ((elapsed_ns << 32) / elapsed_ticks) as u64;
        self.base_ticks = ticks;
        self.base_ns = true_ns.max(before_ns);
        self.refined = at;
    }

    #[inline]
    pub fn to_ns(&self, ticks: Ticks) -> u64 {
        if ticks >= self.base_ticks {
            self.base_ns + self.span_ns(ticks - self.base_ticks)
        } else {
            self.base_ns
                .saturating_sub(self.span_ns(self.base_ticks - ticks))
        }
    }

    /// Nanoseconds of a number of ticks.
    #[inline]
    pub fn span_ns(&self, ticks: Ticks) -> u64 {
        ((u128::from(ticks) * u128::from(self.rate)) >> 32) as u64
    }

    /// Ticks of a number of nanoseconds, once the rate is known.
    pub fn ticks_of(&self, ns: u64) -> Ticks {
        let ticks = (u128::from(ns) << 32) / u128::from(self.rate.max(1));
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}

impl Clock {
    fn is_tsc(&self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Clock::Tsc => true,
            _ => false,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_the_time_of_day() {
        let clock = Clock::new();
        let mut calibration = Calibration::new(&clock);
        calibration.refine(&clock);
        let (before, t0) = (Instant::now(), clock.now());
        std::thread::sleep(Duration::from_millis(20));
        let (t1, elapsed) = (clock.now_fenced(), before.elapsed());
        let measured = Duration::from_nanos(calibration.to_ns(t1) - calibration.to_ns(t0));
        assert!(
            measured.abs_diff(elapsed) < Duration::from_micros(200),
            "{measured:?} {elapsed:?}"
        );
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Duration::from_nanos(calibration.to_ns(clock.now()));
        assert!(
            now.abs_diff(unix) < Duration::from_millis(5),
            "{now:?} {unix:?}"
        );
    }

    #[test]
    fn time_before_the_last_calibration_is_still_in_order() {
        let clock = Clock::new();
        let mut calibration = Calibration::new(&clock);
        let early = clock.now();
        calibration.refine(&clock);
        let late = clock.now();
        assert!(calibration.to_ns(early) < calibration.to_ns(late));
    }
}
