//! The gates of the VM's own traces: what each may still record, and whether it is over.
//!
//! The VM asks before every event whether it is wanted, in any thread, so a gate is a few words without a lock. A limit
//! that is reached closes the gate by itself; whoever opened the trace takes it away when he sees that. A count may be
//! passed by as many events as there are threads, because asking and recording are two steps.

use std::time::Duration;

use crate::capture::clock::{Clock, Ticks};
use crate::capture::config::CaptureConfig;
use crate::error::{Error, Result};
use crate::limits;
use crate::sync::{AtomicU64, Mutex, Ordering};

/// What a trace may do until it ends by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceLimits {
    /// Events.
    pub count: u64,
    /// Events within one window; 0 does not bound them.
    pub rate: u64,
    pub window: Duration,
    /// Whether more than `rate` ends the trace; else what is too much is refused until the window is over.
    pub rate_ends: bool,
    pub time: Duration,
}

/// Why a trace is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Over {
    Count = 1,
    Rate = 2,
    Time = 3,
    Stopped = 4,
}

/// The state of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceStatus {
    pub over: Option<Over>,
    /// Events that it let through, and that it refused.
    pub taken: u64,
    pub refused: u64,
}

/// The gates of a VM. A trace is known by an id that is never used again: `generation << 8 | slot`.
pub struct Traces {
    slots: [Trace; limits::TRACES_MAX],
    generations: Mutex<u64>,
    anchor: (Ticks, std::time::Instant),
}

#[derive(Default)]
pub struct Trace {
    /// The trace that has the slot, or 0.
    id: AtomicU64,
    /// `Over`, or 0.
    over: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
    count: AtomicU64,
    until: AtomicU64,
    rate: AtomicU64,
    rate_ends: AtomicU64,
    window: AtomicU64,
    window_began: AtomicU64,
    window_taken: AtomicU64,
    /// Whatever its opener says of it: what to record.
    options: AtomicU64,
    /// How much of values.
    bounds: [AtomicU64; 2],
}

impl Traces {
    pub fn new(clock: &Clock) -> Self {
        Traces {
            slots: std::array::from_fn(|_| Trace::default()),
            generations: Mutex::new(0),
            anchor: (clock.now(), std::time::Instant::now()),
        }
    }

    /// Opens a gate; gives the trace's id. May sleep for some milliseconds when the VM has just started.
    ///
    /// `LimitExceeded` when `TRACES_MAX` are open.
    pub fn open(&self, clock: &Clock, limits: TraceLimits, options: u64) -> Result<u64> {
        self.open_with(clock, limits, options, CaptureConfig::DEFAULT)
    }

    /// As `open`, with bounds of the values that it records.
    pub fn open_with(
        &self,
        clock: &Clock,
        limits: TraceLimits,
        options: u64,
        bounds: CaptureConfig,
    ) -> Result<u64> {
        let ticks = self.rate(clock);
        let mut generation = self.generations.lock();
        let free = |slot: &Trace| slot.id.load(Ordering::Relaxed) == 0;
        let Some(at) = self.slots.iter().position(free) else {
            return Err(Error::LimitExceeded {
                what: "traces",
                limit: limits::TRACES_MAX as u64,
            });
        };
        *generation += 1;
        let (slot, now) = (&self.slots[at], clock.now());
        let id = *generation << 8 | at as u64;
        let of = |duration: Duration| (duration.as_nanos() as f64 * ticks) as u64;
        slot.over.store(0, Ordering::Relaxed);
        slot.taken.store(0, Ordering::Relaxed);
        slot.refused.store(0, Ordering::Relaxed);
        slot.count.store(limits.count, Ordering::Relaxed);
        slot.until
            .store(now.saturating_add(of(limits.time)), Ordering::Relaxed);
        slot.rate.store(limits.rate, Ordering::Relaxed);
        slot.rate_ends
            .store(u64::from(limits.rate_ends), Ordering::Relaxed);
        slot.window.store(of(limits.window), Ordering::Relaxed);
        slot.window_began.store(now, Ordering::Relaxed);
        slot.window_taken.store(0, Ordering::Relaxed);
        slot.options.store(options, Ordering::Relaxed);
        for (slot, word) in slot.bounds.iter().zip(bounds.to_words()) {
            slot.store(word, Ordering::Relaxed);
        }
        // Last, and with release: who finds the trace finds its limits.
        slot.id.store(id, Ordering::Release);
        Ok(id)
    }

    /// Ticks of a nanosecond.
    fn rate(&self, clock: &Clock) -> f64 {
        const BASELINE_MIN: Duration = Duration::from_millis(5);
        if let Clock::Counter(_) = clock {
            return 1.0;
        }
        if let Some(missing) = BASELINE_MIN.checked_sub(self.anchor.1.elapsed()) {
            std::thread::sleep(missing);
        }
        let ticks = clock.now().saturating_sub(self.anchor.0);
        ticks as f64 / self.anchor.1.elapsed().as_nanos() as f64
    }

    /// The gate of a trace that is open, or over but not closed.
    #[inline(always)]
    pub fn get(&self, id: u64) -> Option<&Trace> {
        let slot = self.slots.get((id & 0xFF) as usize)?;
        (id != 0 && slot.id.load(Ordering::Acquire) == id).then_some(slot)
    }

    /// Lets nothing more through. What has begun may still end.
    pub fn stop(&self, id: u64) {
        if let Some(trace) = self.get(id) {
            trace.end(Over::Stopped);
        }
    }

    /// Forgets the trace; whether it was known.
    pub fn close(&self, id: u64) -> bool {
        let _generation = self.generations.lock();
        match self.get(id) {
            Some(trace) => {
                trace.id.store(0, Ordering::Release);
                true
            }
            None => false,
        }
    }

    /// Whether any trace is known. While there is one, somebody has to read the rings.
    pub fn any(&self) -> bool {
        let known = |slot: &Trace| slot.id.load(Ordering::Relaxed) != 0;
        self.slots.iter().any(known)
    }

    /// The ids of all known traces.
    pub fn all(&self) -> Vec<u64> {
        let ids = self
            .slots
            .iter()
            .map(|slot| slot.id.load(Ordering::Relaxed));
        ids.filter(|id| *id != 0).collect()
    }
}

impl Trace {
    /// Whether one more event is wanted. To be asked before it is recorded.
    #[inline(always)]
    pub fn admits(&self, now: Ticks) -> bool {
        if self.over.load(Ordering::Relaxed) != 0 {
            return self.refuse();
        }
        if self.taken.load(Ordering::Relaxed) >= self.count.load(Ordering::Relaxed) {
            self.end(Over::Count);
            return self.refuse();
        }
        if now >= self.until.load(Ordering::Relaxed) {
            self.end(Over::Time);
            return self.refuse();
        }
        let rate = self.rate.load(Ordering::Relaxed);
        rate == 0 || self.admits_rate(now, rate)
    }

    fn admits_rate(&self, now: Ticks, rate: u64) -> bool {
        let began = self.window_began.load(Ordering::Relaxed);
        if now.saturating_sub(began) >= self.window.load(Ordering::Relaxed) {
            let next = self.window_began.compare_exchange(
                began,
                now,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if next.is_ok() {
                self.window_taken.store(0, Ordering::Relaxed);
            }
            return true;
        }
        if self.window_taken.load(Ordering::Relaxed) < rate {
            return true;
        }
        if self.rate_ends.load(Ordering::Relaxed) != 0 {
            self.end(Over::Rate);
        }
        self.refuse()
    }

    /// Counts an event that is recorded, or was dropped for want of room.
    #[inline(always)]
    pub fn take(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        if self.rate.load(Ordering::Relaxed) != 0 {
            self.window_taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether it still records, or is over.
    #[inline(always)]
    pub fn is_on(&self) -> bool {
        self.over.load(Ordering::Relaxed) == 0
    }

    #[inline(always)]
    pub fn options(&self) -> u64 {
        self.options.load(Ordering::Relaxed)
    }

    /// How much of a value it records.
    #[inline(always)]
    pub fn bounds(&self) -> CaptureConfig {
        CaptureConfig::from_words([
            self.bounds[0].load(Ordering::Relaxed),
            self.bounds[1].load(Ordering::Relaxed),
        ])
    }

    #[cold]
    fn refuse(&self) -> bool {
        self.refused.fetch_add(1, Ordering::Relaxed);
        false
    }

    #[cold]
    fn end(&self, over: Over) {
        let _ = self
            .over
            .compare_exchange(0, over as u64, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Looks at the time, too: a trace without events is over as well.
    pub fn status(&self, now: Ticks) -> TraceStatus {
        if now >= self.until.load(Ordering::Relaxed) {
            self.end(Over::Time);
        }
        TraceStatus {
            over: match self.over.load(Ordering::Relaxed) {
                1 => Some(Over::Count),
                2 => Some(Over::Rate),
                3 => Some(Over::Time),
                4 => Some(Over::Stopped),
                _ => None,
            },
            taken: self.taken.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

/// The number of a trace's slot, as a record carries it: 1..=TRACES_MAX.
#[inline(always)]
pub fn number_of(id: u64) -> u32 {
    (id & 0xFF) as u32 + 1
}

#[cfg(all(test, not(loom)))]
#[path = "traces_test.rs"]
mod tests;
