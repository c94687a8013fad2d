//! What is kept of the events, where, and what is not.

use std::sync::atomic::Ordering;

use crate::ingest::store::RuntimeStore;

/// The accounts of an event log: `seen = kept + evicted`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogStats {
    /// Events ingested since the store was made, or loaded.
    pub seen: u64,
    pub kept: u64,
    /// Dropped to keep within the bounds, or never kept.
    pub evicted: u64,
    /// Of those kept, on the disk.
    pub on_disk: u64,
    /// Stamped earlier than an event that was ingested before them.
    pub late: u64,
    /// Values that were too large for the log, whose events are kept without.
    pub values_left_out: u64,
    pub segments: u64,
    pub memory_bytes: u64,
    pub disk_bytes: u64,
    /// Blocks read back, and those that could not be.
    pub blocks_read: u64,
    pub blocks_damaged: u64,
    /// Segments that could not be written, and why the last of them could not.
    pub spill_failures: u64,
    pub spill_error: Option<String>,
    /// Nanoseconds since 1970; `None` when nothing is kept.
    pub oldest_ns: Option<u64>,
    pub newest_ns: Option<u64>,
    /// Events that callers brought.
    pub brought: u64,
    pub brought_evicted: u64,
    pub brought_bytes: u64,
    /// Times of the oldest and the newest of them.
    pub brought_ns: Option<(i64, i64)>,
}

impl RuntimeStore {
    pub fn log_stats(&self) -> LogStats {
        let spill = &self.spill;
        let mut stats = self.read(|inner| {
            let log = &inner.log;
            let bounds = log.bounds_ns();
            LogStats {
                seen: inner.events,
                kept: log.len(),
                evicted: log.evicted(),
                on_disk: log.disk_rows(),
                late: log.late(),
                values_left_out: log.values_left_out(),
                segments: log.segments() as u64,
                memory_bytes: log.memory_bytes() as u64,
                oldest_ns: bounds.map(|(oldest, _)| oldest),
                newest_ns: bounds.map(|(_, newest)| newest),
                ..LogStats::default()
            }
        });
        let side = self.side.read();
        stats.brought = side.len();
        stats.brought_evicted = side.evicted();
        stats.brought_bytes = side.bytes() as u64;
        stats.brought_ns = side.bounds_ns();
        stats.memory_bytes += spill.memory_bytes() as u64;
        stats.disk_bytes = spill.disk_bytes.load(Ordering::Relaxed);
        stats.blocks_read = spill.read.load(Ordering::Relaxed);
        stats.blocks_damaged = spill.damaged.load(Ordering::Relaxed);
        stats.spill_failures = spill.failures.load(Ordering::Relaxed);
        stats.spill_error = spill.last_error.lock().clone();
        stats
    }
}
