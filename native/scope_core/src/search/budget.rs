//! How long a search may take.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Between two looks at the clock: some ten microseconds.
const STEPS_PER_CHECK: u32 = 1024;

pub(super) struct Budget {
    deadline: Instant,
    limit: Duration,
    steps: u32,
}

impl Budget {
    pub(super) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Budget {
            // A limit beyond what the clock can tell is none.
            deadline: now
                .checked_add(limit)
                .unwrap_or(now + Duration::from_secs(86_400)),
            limit,
            steps: 0,
        }
    }

    #[inline]
    pub(super) fn step(&mut self) -> Result<()> {
        self.steps += 1;
        if self.steps < STEPS_PER_CHECK {
            return Ok(());
        }
        self.check()
    }

    #[cold]
    pub(super) fn check(&mut self) -> Result<()> {
        self.steps = 0;
        if Instant::now() < self.deadline {
            return Ok(());
        }
        Err(Error::Timeout {
            what: "search",
            limit_ms: self.limit.as_millis() as u64,
        })
    }
}
