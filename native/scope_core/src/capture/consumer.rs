//! The one who reads the rings: rounds of the drain, cut into slices, through the engine to the stores.

use std::time::{Duration, Instant};

use crate::atoms::Atom;
use crate::capture::Capture;
use crate::capture::clock::{Calibration, Clock, Ticks};
use crate::capture::drain::Drain;
use crate::capture::points::FunctionKey;
use crate::ingest::attribution::Attribution;
use crate::ingest::{Engine, EngineCounts, Names};

/// What the consumer needs of the VM.
pub trait Host {
    /// Asks to be told (by a `Down` record) when the process dies. False when it is dead already.
    fn monitor(&mut self, process: u64) -> bool;

    /// Whether the process lives.
    fn is_alive(&mut self, process: u64) -> bool;

    /// The atom of a word.
    fn atom(&mut self, word: u64) -> Option<Atom>;
}

/// What a slice is to do.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// About how long it may take.
    pub budget: Duration,
    /// Also look for processes that died without a word yet: what a flush wants.
    pub thorough: bool,
}

/// What a slice did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Records read.
    pub records: u64,
    /// The round is not finished: come again at once.
    pub more: bool,
}

/// Atoms, by what records call them.
struct HostNames<'a> {
    capture: &'a Capture,
    host: &'a mut dyn Host,
}

impl Names for HostNames<'_> {
    fn reason(&mut self, class: u32) -> Option<Atom> {
        let word = self.capture.reasons.word(class)?;
        self.host.atom(word)
    }

    fn atom(&mut self, word: u64) -> Option<Atom> {
        self.host.atom(word)
    }
}

pub struct Consumer {
    drain: Drain,
    engine: Engine,
    calibration: Calibration,
    watermark: u64,
    downs_missed: u64,
    dropped: u64,
    /// Only while somebody wants to know for whom the code runs.
    pub(super) attribution: Option<Box<Attribution>>,
}

/// Records between two looks at the clock.
const CHUNK: usize = 512;

impl Consumer {
    pub(super) fn new(clock: &Clock, frames_max: usize) -> Self {
        let calibration = Calibration::new(clock);
        Consumer {
            drain: Drain::default(),
            engine: Engine::new(first_event_id(), frames_max),
            calibration,
            watermark: 0,
            downs_missed: 0,
            dropped: 0,
            attribution: None,
        }
    }

    pub(super) fn watermark(&self) -> u64 {
        self.watermark
    }

    pub(super) fn counts(&self) -> EngineCounts {
        self.engine.counts()
    }

    pub(super) fn slice(&mut self, capture: &Capture, host: &mut dyn Host, work: Work) -> Slice {
        let started = Instant::now();
        self.calibration.refine(&capture.clock);
        capture.subscribers(self.engine.stores());
        if self.drain.is_done() {
            self.drain
                .begin(&capture.clock, |rings| capture.threads.catch_up(rings));
            // After the heads were read: every point of every record in this round is registered by now.
            self.engine.catch_up(&capture.points);
            let lost = self
                .drain
                .rings()
                .iter()
                .map(|ring| ring.counts().dropped_ends)
                .sum();
            self.engine.note_lost_ends(lost);
            let dropped = capture.dropped();
            if dropped != self.dropped {
                self.dropped = dropped;
                for store in self.engine.stores() {
                    store.note_dropped(dropped);
                }
            }
        }
        let mut records = 0;
        while !self.drain.is_done() {
            let (engine, calibration) = (&mut self.engine, &self.calibration);
            let attribution = &mut self.attribution;
            records += self.drain.run(CHUNK, |record, blob| {
                if let Some(attribution) = attribution {
                    attribution.record(record);
                }
                let mut names = HostNames { capture, host };
                engine.record(record, blob, calibration, &mut names);
            });
            self.engine.deliver();
            if started.elapsed() >= work.budget {
                break;
            }
        }
        let more = !self.drain.is_done();
        if !more {
            self.end_round(capture, host);
            if work.thorough {
                self.engine.check_alive(|process| host.is_alive(process));
            }
        }
        // A store that its owner drops meanwhile is not kept alive between slices.
        self.engine.stores().clear();
        Slice {
            records: records as u64,
            more,
        }
    }

    pub(super) fn suspects(
        &mut self,
        capture: &Capture,
        quiet: Duration,
        limit: usize,
    ) -> Vec<u64> {
        let now_ns = self.calibration.to_ns(capture.clock.now());
        self.engine
            .suspects(now_ns.saturating_sub(quiet.as_nanos() as u64), limit)
    }

    pub(super) fn retire(
        &mut self,
        capture: &Capture,
        process: u64,
        stack: &[FunctionKey],
        seen: Ticks,
    ) -> usize {
        if self.watermark < seen || !self.drain.is_done() {
            return 0;
        }
        capture.subscribers(self.engine.stores());
        let retired = self
            .engine
            .retire(process, stack, self.calibration.to_ns(seen));
        self.engine.deliver();
        self.engine.stores().clear();
        retired
    }

    fn end_round(&mut self, capture: &Capture, host: &mut dyn Host) {
        let missed = capture.downs_missed();
        if missed != self.downs_missed {
            self.downs_missed = missed;
            self.engine.doubt_all_monitors();
        }
        let until_ns = self.calibration.to_ns(self.drain.until());
        self.engine
            .end_round(until_ns, |process| host.monitor(process));
        self.engine.deliver();
        self.watermark = self.drain.until();
    }
}

/// Event ids of a later VM come after those of an earlier one, and stay small integers: milliseconds since 2024
/// times 2^18, which no VM's events outrun.
fn first_event_id() -> u64 {
    const YEAR_2024_MS: u64 = 1_704_067_200_000;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    ((now.as_millis() as u64).saturating_sub(YEAR_2024_MS) & ((1 << 41) - 1)) << 18
}
