//! What one value may cost, and what it has cost so far.

use std::time::{Duration, Instant};

use rustler::sys::ErlNifEnv;
use scope_core::capture::config::CaptureConfig;
use scope_core::captured::format::{By, CLOSE_BYTES_MAX, TOKEN_BYTES_MAX};

use super::policy::{Policy, policy};
use super::term::Heap;

/// Terms between two looks at the clock.
const LOOK_EVERY: u32 = 32;

/// What one call works with.
pub(super) struct Run<'r> {
    pub heap: Heap,
    pub config: &'r CaptureConfig,
    pub policy: &'static Policy,
    pub limit: usize,
    deadline: Option<Instant>,
    looked: u32,
    pub over: bool,
}

impl<'r> Run<'r> {
    #[inline]
    pub fn new(env: *mut ErlNifEnv, config: &'r CaptureConfig, limit: usize) -> Self {
        Run {
            heap: Heap(env),
            config,
            policy: policy(),
            limit,
            deadline: None,
            looked: 0,
            over: false,
        }
    }

    /// Bytes that are left for content, after what closes all that is open.
    #[inline(always)]
    pub fn room(&self, length: usize, depth: usize) -> usize {
        self.limit
            .saturating_sub(length + TOKEN_BYTES_MAX + (depth + 1) * CLOSE_BYTES_MAX)
    }

    #[inline(always)]
    pub fn has_room(&self, length: usize, depth: usize) -> bool {
        !self.over && length + TOKEN_BYTES_MAX + (depth + 1) * CLOSE_BYTES_MAX <= self.limit
    }

    /// Work that was done, in terms that take as long.
    #[inline(always)]
    pub fn spend(&mut self, work: usize) {
        self.looked = self.looked.saturating_add(work as u32);
    }

    /// Why a container has to end after `count` elements, if it has to.
    #[inline(always)]
    pub fn cut(&mut self, count: u64, length: usize, depth: usize) -> Option<By> {
        self.spend(1);
        if self.looked >= LOOK_EVERY {
            self.looked = 0;
            self.look();
        }
        if self.over {
            Some(By::Time)
        } else if count >= u64::from(self.config.width) {
            Some(By::Width)
        } else if !self.has_room(length, depth) {
            Some(By::Bytes)
        } else {
            None
        }
    }

    /// The clock is first read after some terms: most values are done by then.
    #[cold]
    fn look(&mut self) {
        let now = Instant::now();
        let end = now + Duration::from_nanos(u64::from(self.config.time_ns));
        self.over = now >= *self.deadline.get_or_insert(end);
    }
}
