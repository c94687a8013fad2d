//! Capture: from a probe in instrumented code to an ordered stream of records.
//!
//! A probe resolves its literal ([`points`]), takes the time ([`clock`]) and writes 32 bytes ([`record`]) into the ring
//! of its thread ([`ring`], [`threads`]). One consumer at a time reads all rings in order ([`drain`]) into the engine of
//! [`crate::ingest`], which feeds every subscribed store.

mod blobs;
mod build_table;
pub mod calibrate;
pub mod clock;
pub mod config;
mod consumer;
pub mod drain;
mod flags;
mod foreign;
pub mod gate;
mod ignore;
pub mod points;
mod reasons;
pub mod record;
pub mod redact;
pub mod ring;
pub mod threads;
pub mod traces;
pub mod tracing;
mod work;

#[cfg(all(test, loom))]
mod loom_test;

pub use blobs::BlobCounts;
pub use consumer::{Consumer, Host, Slice, Work};
pub use foreign::ForeignKey;
pub use reasons::{NO_REASON, OTHER};

use std::sync::Weak;

use crate::capture::clock::Clock;
use crate::capture::gate::Gates;
use crate::capture::ignore::Ignored;
use crate::capture::points::PointRegistry;
use crate::capture::reasons::Reasons;
use crate::capture::record::{BlobState, Record, RecordKind};
use crate::capture::ring::{Full, Ring};
use crate::capture::threads::Threads;
use crate::capture::traces::Traces;
use crate::error::Result;
use crate::ingest::{EngineCounts, RuntimeStore};
use crate::limits;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering};

/// What happens when a ring is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    /// The record is dropped and counted.
    Drop,
    /// The process waits until there is room.
    Wait,
}

/// What a probe that begins something is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Nothing: capture, or the point, is off, or its build is not registered.
    Skip,
    /// Record this dense point.
    Record(u32),
}

/// The capture of a VM.
pub struct Capture {
    active: AtomicBool,
    wait: AtomicBool,
    pub clock: Clock,
    pub points: PointRegistry,
    pub gates: Gates,
    pub threads: Threads,
    pub ignored: Ignored,
    pub reasons: Reasons,
    pub traces: Traces,
    unregistered: AtomicU64,
    /// Deaths that found no room in a ring: the consumer looks at all its processes again.
    downs_missed: AtomicU64,
    subscribers: Mutex<Vec<Weak<RuntimeStore>>>,
    consumer: Mutex<Consumer>,
    /// What the consumer last published, for whoever asks while it works.
    published: Mutex<Published>,
    /// Everything stamped before this has reached the stores.
    watermark: AtomicU64,
    /// Whether branches report to each owner of work, not just once: see `work`.
    attributing: AtomicBool,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Published {
    pub counts: EngineCounts,
}

/// The accounts of a capture. `offered = stored + in_flight + ring_full + unregistered + no_ring`, exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Accounts {
    /// Records that probes wanted to write.
    pub offered: u64,
    /// Records that were read from the rings.
    pub stored: u64,
    pub in_flight: u64,
    /// Dropped, by reason.
    pub ring_full: u64,
    pub unregistered: u64,
    pub no_ring: u64,
    /// Values of records, by what became of them: `offered = stored + in_flight + dropped`.
    pub values: BlobCounts,
    pub rings: u64,
    pub points: u64,
    pub builds: u64,
    /// What became of the stored ones.
    pub engine: EngineCounts,
}

impl Capture {
    pub fn new() -> Self {
        Self::with(Clock::new(), PointRegistry::new(), limits::RING_RECORDS)
    }

    pub fn with(clock: Clock, points: PointRegistry, ring_records: usize) -> Self {
        Self::with_frames_max(clock, points, ring_records, limits::FRAMES_MAX)
    }

    /// With a bound of its own on open activations, for tests.
    pub(crate) fn with_frames_max(
        clock: Clock,
        points: PointRegistry,
        ring_records: usize,
        frames_max: usize,
    ) -> Self {
        let consumer = Consumer::new(&clock, frames_max);
        let traces = Traces::new(&clock);
        Capture {
            active: AtomicBool::new(false),
            wait: AtomicBool::new(false),
            gates: gate::gates_for(&clock, points.capacity()),
            clock,
            points,
            threads: Threads::new(ring_records),
            ignored: Ignored::new(),
            reasons: Reasons::new(),
            traces,
            unregistered: AtomicU64::new(0),
            downs_missed: AtomicU64::new(0),
            subscribers: Mutex::new(Vec::new()),
            consumer: Mutex::new(consumer),
            published: Mutex::new(Published::default()),
            watermark: AtomicU64::new(0),
            attributing: AtomicBool::new(false),
        }
    }

    // Switches

    /// Lets probes record. What has begun is recorded to its end even after `stop`.
    pub fn start(&self, overflow: Overflow) {
        self.wait
            .store(overflow == Overflow::Wait, Ordering::Relaxed);
        self.active.store(true, Ordering::Relaxed);
    }

    pub fn stop(&self) {
        self.active.store(false, Ordering::Relaxed);
    }

    #[inline(always)]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn waits(&self) -> bool {
        self.wait.load(Ordering::Relaxed)
    }

    // Probes

    /// Whether the point of a literal is to record. The caller has seen `is_active`.
    #[inline(always)]
    pub fn entry(&self, literal: u64) -> Entry {
        match self.points.resolve(literal) {
            Some(dense) if self.points.is_on(dense) => Entry::Record(dense),
            Some(_) => Entry::Skip,
            None => {
                self.count_unregistered();
                Entry::Skip
            }
        }
    }

    #[cold]
    pub fn count_unregistered(&self) {
        self.unregistered.fetch_add(1, Ordering::Relaxed);
    }

    /// Records a beginning, giving the token of what began.
    #[inline(always)]
    pub fn open(
        &self,
        ring: &Ring,
        kind: RecordKind,
        process: u64,
        point: u32,
    ) -> std::result::Result<u64, Full> {
        if !ring.has_room(kind) {
            return Err(Full);
        }
        let payload = ring.next_token();
        ring.push(Record {
            at: self.clock.now(),
            process,
            payload,
            point,
            kind,
            reason: NO_REASON,
            blob: BlobState::None,
        });
        Ok(payload)
    }

    /// As `open`, with the bytes of the arguments.
    #[inline(always)]
    pub fn open_with(
        &self,
        ring: &Ring,
        kind: RecordKind,
        process: u64,
        point: u32,
        blob: &[u8],
    ) -> std::result::Result<u64, Full> {
        if !ring.has_room(kind) || (self.waits() && !ring.has_blob_room(blob.len())) {
            return Err(Full);
        }
        let payload = ring.next_token();
        let record = Record {
            at: self.clock.now(),
            process,
            payload,
            point,
            kind,
            reason: NO_REASON,
            blob: BlobState::None,
        };
        ring.push_with(record, blob);
        Ok(payload)
    }

    /// As `close`, with bytes: a result, or whatever happened within an activation.
    #[inline(always)]
    pub fn close_with(
        &self,
        ring: &Ring,
        record: Closing,
        blob: &[u8],
    ) -> std::result::Result<(), Full> {
        if !ring.has_room(record.kind) || (self.waits() && !ring.has_blob_room(blob.len())) {
            return Err(Full);
        }
        ring.push_with(record.stamped(self.clock.now()), blob);
        Ok(())
    }

    /// Records that a branch was reached, unless that is known. A ring without room counts the record as dropped; the
    /// branch reports when it is reached again.
    #[inline(always)]
    pub fn reach(&self, ring: &Ring, process: u64, point: u32) {
        // Before the record: a store that subscribes in between clears the mark and is told again.
        self.points.set_seen(point, true);
        let written = ring.offer(Record {
            at: self.clock.now(),
            process,
            payload: 0,
            point,
            kind: RecordKind::Reach,
            reason: NO_REASON,
            blob: BlobState::None,
        });
        if written.is_err() {
            self.points.set_seen(point, false);
        }
    }

    /// The dense number of a branch that has yet to report. The caller has seen `is_active`.
    #[inline(always)]
    pub fn fresh_branch(&self, literal: u64) -> Option<u32> {
        match self.points.resolve(literal) {
            Some(dense) => self.points.is_fresh(dense).then_some(dense),
            None => {
                self.count_unregistered();
                None
            }
        }
    }

    /// Records an end (or a jump, a catch) of what `token` names.
    #[inline(always)]
    pub fn close(&self, ring: &Ring, record: Closing) -> std::result::Result<(), Full> {
        if !ring.has_room(record.kind) {
            return Err(Full);
        }
        ring.push(record.stamped(self.clock.now()));
        Ok(())
    }

    /// Records that a process was held back for some ticks, so that they do not count as its own.
    pub fn pause(&self, ring: &Ring, process: u64, ticks: u64) {
        let closing = Closing {
            kind: RecordKind::Pause,
            process,
            token: ticks,
            point: 0,
            reason: NO_REASON,
        };
        // Without room the record that follows is dropped too, and with it the frame whose time it would correct.
        let _ = self.close(ring, closing);
    }

    /// Records that a process died.
    pub fn down(&self, ring: Option<&Ring>, process: u64) {
        let closing = Closing {
            kind: RecordKind::Down,
            process,
            token: 0,
            point: 0,
            reason: NO_REASON,
        };
        match ring.map(|ring| (ring, self.close(ring, closing))) {
            Some((_, Ok(()))) => return,
            Some((ring, Err(Full))) => ring.count_dropped(RecordKind::Down),
            None => self.threads.count_no_ring(),
        }
        self.downs_missed.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn downs_missed(&self) -> u64 {
        self.downs_missed.load(Ordering::Acquire)
    }

    // Stores

    /// Every activation that begins from the next slice of ingest on reaches `store`, until it is dropped or unsubscribed.
    pub fn subscribe(&self, store: &Arc<RuntimeStore>) {
        let mut subscribers = self.subscribers.lock();
        if !subscribers
            .iter()
            .any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(store)))
        {
            store.begin_anew(self.dropped());
            subscribers.push(Arc::downgrade(store));
            // Last: whatever is reached from here on reports, and finds this store among the subscribers.
            self.points.forget_seen();
        }
    }

    /// Whether it was subscribed.
    pub fn unsubscribe(&self, store: &Arc<RuntimeStore>) -> bool {
        let mut subscribers = self.subscribers.lock();
        let before = subscribers.len();
        subscribers.retain(|known| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(store)));
        subscribers.len() < before
    }

    pub(crate) fn subscribers(&self, into: &mut Vec<Arc<RuntimeStore>>) {
        into.clear();
        self.subscribers
            .lock()
            .retain(|known| match known.upgrade() {
                Some(store) => {
                    into.push(store);
                    true
                }
                None => false,
            });
    }

    // Consumer

    /// Reads the rings, for about the budget, and brings what it read to the stores.
    ///
    /// `Busy` when somebody else is at it. The seat is a guard within this call: it is given up however the call
    /// ends, even when the process that made it was killed meanwhile.
    pub fn ingest(&self, host: &mut dyn Host, work: Work) -> Result<Slice> {
        let mut consumer = self.seat()?;
        let slice = consumer.slice(self, host, work);
        self.watermark
            .store(consumer.watermark(), Ordering::Release);
        self.published.lock().counts = consumer.counts();
        Ok(slice)
    }

    /// Whether the ends of what is open could overflow a ring while nobody reads: then the consumer has
    /// to look now and then, even when capture is off. Up to an eighth of a ring is reserved for ends.
    pub fn needs_watching(&self) -> bool {
        let engine = self.published.lock().counts;
        engine.open + engine.marks > self.threads.records() / 8
    }

    /// Up to `limit` processes that have something open, have been silent for `quiet`, and were not named since they last
    /// reported. `Busy` as with `ingest`.
    pub fn suspects(&self, quiet: std::time::Duration, limit: usize) -> Result<Vec<u64>> {
        let mut consumer = self.seat()?;
        Ok(consumer.suspects(self, quiet, limit))
    }

    /// Ends what a process has open of functions that were not on its stack at `seen` (ticks), as errors; how many. To
    /// be called once `watermark` has passed `seen`, otherwise nothing is done.
    pub fn retire(&self, process: u64, stack: &[points::FunctionKey], seen: u64) -> Result<usize> {
        let mut consumer = self.seat()?;
        let retired = consumer.retire(self, process, stack, seen);
        self.published.lock().counts = consumer.counts();
        Ok(retired)
    }

    fn seat(&self) -> Result<parking_lot::MutexGuard<'_, Consumer>> {
        self.consumer.try_lock().ok_or(crate::error::Error::Busy {
            what: "the consumer",
        })
    }

    /// Everything stamped before this has reached the stores.
    pub fn watermark(&self) -> u64 {
        self.watermark.load(Ordering::Acquire)
    }

    /// Records dropped so far, for whatever reason.
    pub(crate) fn dropped(&self) -> u64 {
        let rings = self.threads.all();
        let of_rings: u64 = rings.iter().map(|ring| ring.counts().dropped).sum();
        of_rings + self.unregistered.load(Ordering::Relaxed) + self.threads.no_ring()
    }

    /// The accounts. They balance at any time; `engine` is as of the last slice.
    pub fn accounts(&self) -> Accounts {
        let mut accounts = Accounts {
            unregistered: self.unregistered.load(Ordering::Relaxed),
            no_ring: self.threads.no_ring(),
            points: self.points.len() as u64,
            builds: self.points.builds() as u64,
            engine: self.published.lock().counts,
            ..Accounts::default()
        };
        accounts.offered = accounts.unregistered + accounts.no_ring;
        for ring in self.threads.all() {
            let counts = ring.counts();
            accounts.offered += counts.offered;
            accounts.stored += counts.stored;
            accounts.in_flight += counts.in_flight;
            accounts.ring_full += counts.dropped;
            accounts.values.add(ring.blob_counts());
            accounts.rings += 1;
        }
        accounts
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

/// What a probe reports of something that is open: its end, or what happened in it.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    pub kind: RecordKind,
    pub process: u64,
    pub token: u64,
    pub point: u32,
    pub reason: u32,
}

impl Closing {
    #[inline(always)]
    fn stamped(self, at: clock::Ticks) -> Record {
        Record {
            at,
            process: self.process,
            payload: self.token,
            point: self.point,
            kind: self.kind,
            reason: self.reason,
            blob: BlobState::None,
        }
    }
}
