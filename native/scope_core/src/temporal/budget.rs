//! How much a question may take: time, bytes, and the life of who asks.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::limits;

/// Between two looks at the clock: some ten microseconds, where events are read.
const STEPS_PER_CHECK: u32 = 256;

pub struct Budget<'a> {
    deadline: Option<Instant>,
    limit_ms: u64,
    /// Whether somebody still waits for the answer.
    wanted: &'a dyn Fn() -> bool,
    /// Gates hold calls back.
    pub gated: bool,
    steps: Cell<u32>,
    bytes: Cell<usize>,
}

impl<'a> Budget<'a> {
    pub fn new(limit_ms: u64, wanted: &'a dyn Fn() -> bool) -> Self {
        Budget {
            // A limit beyond what the clock can tell is none.
            deadline: Instant::now().checked_add(Duration::from_millis(limit_ms)),
            limit_ms,
            wanted,
            gated: false,
            steps: Cell::new(0),
            bytes: Cell::new(0),
        }
    }

    /// For who has no limit: tests.
    pub fn unlimited() -> Budget<'static> {
        Budget::new(u64::MAX, &|| true)
    }

    /// Errors: `Timeout` when the time is over, or nobody waits any more.
    #[inline]
    pub fn step(&self) -> Result<()> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() < STEPS_PER_CHECK {
            return Ok(());
        }
        self.check()
    }

    #[cold]
    pub fn check(&self) -> Result<()> {
        self.steps.set(0);
        let late = self
            .deadline
            .is_some_and(|deadline| Instant::now() > deadline);
        match late || !(self.wanted)() {
            false => Ok(()),
            true => Err(Error::Timeout {
                what: "the question",
                limit_ms: self.limit_ms,
            }),
        }
    }

    /// Counts an event that is held, with its values.
    pub fn hold(&self, bytes: usize) -> Result<()> {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        if self.bytes.get() > limits::TEMPORAL_BYTES_MAX {
            return Err(Error::LimitExceeded {
                what: "bytes of the events that are looked at",
                limit: limits::TEMPORAL_BYTES_MAX as u64,
            });
        }
        self.step()
    }
}
