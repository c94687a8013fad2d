//! What there is to say of gates.

use crate::capture::Capture;
use crate::capture::gate::table::Owner;
use crate::capture::gate::{Counts, Gate, Per, Settings};
use crate::capture::points::{FunctionKey, PointInfo, PointKind, Selection};

/// What became of a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Open,
    /// It counts, and lets nothing through.
    Disabled,
    /// Its hits are used up: its points are off, and counted nothing since.
    HitLimit,
    /// Its time is over.
    Expired,
}

/// A gate, as it is now.
#[derive(Clone, Debug)]
pub struct GateReport {
    pub number: u32,
    pub per: Per,
    pub settings: Settings,
    pub counts: Counts,
    /// How many may still pass, where that is limited.
    pub hits_left: Option<u64>,
    pub status: Status,
    /// Its points.
    pub points: Vec<PointInfo>,
    /// Nanoseconds since 1970; `None` where it never happened or never will.
    pub made_at_ns: u64,
    pub last_passed_at_ns: Option<u64>,
    pub expires_at_ns: Option<u64>,
}

/// How much of the calls of a function was recorded since its gates were made.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Share {
    /// What was asked for, 0.0 to 1.0: the least of its gates.
    pub sampling: f64,
    pub seen: u64,
    pub passed: u64,
}

impl Gate {
    /// What became of it by `now`.
    pub fn status(&self, now: u64) -> Status {
        let settings = self.settings();
        if settings
            .hits_until
            .is_some_and(|until| self.hits() >= until)
        {
            Status::HitLimit
        } else if settings.expires_at.is_some_and(|at| now >= at) {
            Status::Expired
        } else if !settings.enabled {
            Status::Disabled
        } else {
            Status::Open
        }
    }
}

impl Capture {
    /// The gate of one point, as it is now.
    pub fn gate_of(&self, literal: u64) -> Option<GateReport> {
        let number = self.gates.number_of(self.points.resolve(literal)?)?;
        self.report(Some(number)).pop()
    }

    /// `None` where no gate holds anything of the function's calls back. A gate that others share counts theirs, too.
    pub fn share_of(&self, function: FunctionKey) -> Option<Share> {
        if self.gates.is_empty() {
            return None;
        }
        let points = self.points.matching(&Selection::Function(function));
        let clauses = points
            .iter()
            .filter(|(_, point)| point.info.kind == PointKind::Clause);
        let mut gates: Vec<u32> = clauses
            .filter_map(|(dense, _)| self.gates.number_of(*dense))
            .collect();
        gates.sort_unstable();
        gates.dedup();
        let mut share = Share {
            sampling: 1.0,
            seen: 0,
            passed: 0,
        };
        for gate in gates.iter().filter_map(|number| self.gates.at(*number)) {
            let counts = gate.counts();
            share.sampling = share.sampling.min(gate.settings().sampling.share());
            share.seen += counts.seen();
            share.passed += counts.passed;
        }
        (share.sampling < 1.0 || share.seen > share.passed).then_some(share)
    }

    /// All gates as they are now, or the one of this number.
    pub fn report(&self, wanted: Option<u32>) -> Vec<GateReport> {
        let mut inner = self.gates.inner.lock();
        inner.calibration.refine(&self.clock);
        let inner = &*inner;
        let now = self.clock.now();
        let all = inner.places.iter().zip(0u32..);
        all.filter(|(_, number)| wanted.is_none_or(|wanted| wanted == *number))
            .filter_map(|(place, number)| {
                let (owner, gate) = (place.owner?, self.gates.at(number)?);
                let (settings, counts) = (gate.settings(), gate.counts());
                let to_ns = |ticks: u64| inner.calibration.to_ns(ticks);
                Some(GateReport {
                    number,
                    per: match owner {
                        Owner::Point(_) => Per::Point,
                        Owner::Function(..) => Per::Function,
                        Owner::Selection(..) => Per::Selection,
                    },
                    settings,
                    counts,
                    hits_left: settings
                        .hits_until
                        .map(|until| until.saturating_sub(gate.hits())),
                    status: gate.status(now),
                    points: place
                        .points
                        .iter()
                        .filter_map(|dense| self.points.info(*dense))
                        .collect(),
                    made_at_ns: to_ns(place.made_at),
                    last_passed_at_ns: (counts.last_passed_at != 0)
                        .then(|| to_ns(counts.last_passed_at)),
                    expires_at_ns: settings.expires_at.map(to_ns),
                })
            })
            .collect()
    }

    /// What the whole capture is limited by, if it is, and what came of it.
    pub fn whole_report(&self) -> Option<GateReport> {
        if !self.gates.is_limited() {
            return None;
        }
        let mut inner = self.gates.inner.lock();
        inner.calibration.refine(&self.clock);
        let (gate, now) = (self.gates.whole(), self.clock.now());
        let (settings, counts) = (gate.settings(), gate.counts());
        let to_ns = |ticks: u64| inner.calibration.to_ns(ticks);
        Some(GateReport {
            number: u32::MAX,
            per: Per::Selection,
            settings,
            counts,
            hits_left: settings
                .hits_until
                .map(|until| until.saturating_sub(gate.hits())),
            status: gate.status(now),
            points: Vec::new(),
            made_at_ns: 0,
            last_passed_at_ns: (counts.last_passed_at != 0).then(|| to_ns(counts.last_passed_at)),
            expires_at_ns: settings.expires_at.map(to_ns),
        })
    }

    /// Whether the whole capture has used up what it was limited to: then it is to be stopped.
    pub fn is_spent(&self) -> bool {
        self.gates.is_limited()
            && matches!(
                self.gates.whole().status(self.clock.now()),
                Status::HitLimit | Status::Expired
            )
    }
}
