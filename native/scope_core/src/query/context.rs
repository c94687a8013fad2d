//! What bounds a query: its deadline, its caller's life, its memory.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

pub struct Context<'a> {
    started: Instant,
    timeout: Duration,
    bytes_max: usize,
    bytes: Cell<usize>,
    peak: Cell<usize>,
    /// Whether somebody still waits for the answer.
    wanted: &'a dyn Fn() -> bool,
}

impl<'a> Context<'a> {
    pub fn new(timeout: Duration, bytes_max: usize, wanted: &'a dyn Fn() -> bool) -> Self {
        Context {
            started: Instant::now(),
            timeout,
            bytes_max,
            bytes: Cell::new(0),
            peak: Cell::new(0),
            wanted,
        }
    }

    /// To be asked every millisecond or so of work.
    ///
    /// Errors: `Timeout`; `Cancelled` when the caller is gone.
    pub fn check(&self) -> Result<()> {
        if self.started.elapsed() >= self.timeout {
            return Err(Error::Timeout {
                what: "query",
                limit_ms: self.timeout.as_millis() as u64,
            });
        }
        match (self.wanted)() {
            true => Ok(()),
            false => Err(Error::Cancelled { what: "query" }),
        }
    }

    /// Takes note of memory that the query holds from here on.
    ///
    /// Errors: `LimitExceeded` past its share.
    pub fn hold(&self, bytes: usize) -> Result<()> {
        let held = self.bytes.get().saturating_add(bytes);
        self.bytes.set(held);
        self.peak.set(self.peak.get().max(held));
        match held <= self.bytes_max {
            true => Ok(()),
            false => Err(Error::LimitExceeded {
                what: "bytes of a query's intermediate rows",
                limit: self.bytes_max as u64,
            }),
        }
    }

    pub fn release(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
    }

    pub fn peak_bytes(&self) -> usize {
        self.peak.get()
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
