//! Gates: what a point lets through, decided in the probe before anything is encoded.
//!
//! A point without a gate pays nothing: a bit in the byte that its probe reads anyway says that it has none. A gate is
//! read without a lock and counts every arrival once, as passed or as refused by its reason, so what a point saw is known
//! exactly (`seen = passed + refused`) while only a part of it is recorded.
//!
//! What begins an activation asks once; what happens within asks for the activation's token. So an activation is
//! recorded whole or not at all.

mod budget;
mod control;
mod dice;
mod rate;
mod report;
mod rules;
mod settings;
mod table;
mod tally;
mod versioned;

pub use budget::Budget;
pub use control::{Order, Timing};
pub use dice::Dice;
pub use rate::{Bucket, Pace, Rate};
pub use report::{GateReport, Share, Status};
pub use rules::{CaptureChange, Change, Per, Scope, kind_name};
pub use settings::{Priority, Sampling, Settings};
pub use table::Gates;
pub(super) use table::gates_for;
pub use tally::{Counts, Refusal, Tally};
#[cfg(loom)]
pub use versioned::Seeded;
pub use versioned::Versioned;

use crate::capture::clock::{Clock, Ticks};

/// What a gate says to one arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Pass,
    /// Refused, by the settings of this version.
    Refuse(Refusal, u64),
}

/// One gate. It is never freed: its place is used again for another, later.
#[repr(align(64))]
pub struct Gate {
    settings: Versioned<{ settings::WORDS }>,
    /// How many passed while hits were limited.
    hits: Budget,
    bucket: Bucket,
    tally: Tally,
}

impl Gate {
    pub fn new(settings: Settings) -> Self {
        Gate {
            settings: Versioned::new(settings.to_words()),
            hits: Budget::new(),
            bucket: Bucket::new(),
            tally: Tally::new(),
        }
    }

    /// Whether this arrival passes; counted either way. `eighths` says how full the thread's ring is.
    #[inline(always)]
    pub fn admit(&self, clock: &Clock, eighths: impl FnOnce() -> u8, dice: &mut Dice) -> Verdict {
        // Most that is refused is refused by chance, or because the gate is shut: one word says so.
        let roll = dice.roll();
        let (version, first) = self.settings.first();
        if let Some(why) = Settings::refuses_at_once(first, roll) {
            self.tally.refuse(dice.lane(), why);
            return Verdict::Refuse(why, version);
        }
        let (version, words) = self.settings.read();
        let settings = Settings::from_words(words);
        match self.judge(&settings, clock, eighths, roll) {
            Ok(now) => {
                self.tally.pass(dice.lane(), now);
                Verdict::Pass
            }
            Err(why) => {
                self.tally.refuse(dice.lane(), why);
                Verdict::Refuse(why, version)
            }
        }
    }

    /// The cheap reasons first, and what takes from a budget last, so that nothing is taken in vain.
    #[inline(always)]
    fn judge(
        &self,
        settings: &Settings,
        clock: &Clock,
        eighths: impl FnOnce() -> u8,
        roll: u32,
    ) -> Result<Ticks, Refusal> {
        if !settings.enabled {
            return Err(Refusal::Disabled);
        }
        // Before chance: a gate that is spent says so to whoever comes first.
        if let Some(until) = settings.hits_until
            && self.hits.taken() >= until
        {
            return Err(Refusal::HitLimit);
        }
        let mut now = None;
        if let Some(expires_at) = settings.expires_at
            && *now.insert(clock.now()) >= expires_at
        {
            return Err(Refusal::Expired);
        }
        if !settings.sampling.is_all() && !settings.sampling.takes(roll) {
            return Err(Refusal::SampledOut);
        }
        if settings.priority != Priority::Critical && settings.priority.stands_back(eighths()) {
            return Err(Refusal::LowPriority);
        }
        let now = now.unwrap_or_else(|| clock.now());
        if let Some((_, pace)) = settings.rate
            && !self.bucket.take(pace, now)
        {
            return Err(Refusal::RateLimited);
        }
        if let Some(until) = settings.hits_until
            && !self.hits.take(until)
        {
            return Err(Refusal::HitLimit);
        }
        Ok(now)
    }

    /// How much of a value is recorded here, where the gate says so.
    #[inline(always)]
    pub fn config(&self) -> Option<crate::capture::config::CaptureConfig> {
        Settings::from_words(self.settings.read().1).capture
    }

    pub fn settings(&self) -> Settings {
        Settings::from_words(self.settings.read().1)
    }

    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// The version of the settings: another one after every change.
    #[inline]
    pub fn version(&self) -> u64 {
        self.settings.version()
    }

    /// How many passed while hits were limited.
    pub fn hits(&self) -> u64 {
        self.hits.taken()
    }

    /// One writer at a time: the caller holds the table's lock.
    pub(super) fn set(&self, settings: Settings) {
        self.settings.write(settings.to_words());
    }

    /// Makes another gate of it.
    fn renew(&self, settings: Settings) {
        self.hits.clear();
        self.bucket.clear();
        self.tally.clear();
        self.set(settings);
    }
}

#[cfg(all(test, loom))]
mod loom_test;

#[cfg(all(test, not(loom)))]
#[path = "gate/gate_test.rs"]
mod tests;
