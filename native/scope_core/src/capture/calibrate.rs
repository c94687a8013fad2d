//! What the native half of a probe costs on this machine: the same steps as the probes take, on a capture, a ring and gates
//! of their own, so that nobody's events are mixed with them.

use std::time::Instant;

use crate::atoms::intern;
use crate::capture::clock::Clock;
use crate::capture::config::CaptureConfig;
use crate::capture::gate::{Dice, Gate, Sampling, Settings};
use crate::capture::points::{FunctionKey, PointInfo, PointKind, PointRegistry};
use crate::capture::record::RecordKind;
use crate::capture::ring::Ring;
use crate::capture::{Capture, Closing, Entry, NO_REASON, Overflow};
use crate::error::Result;
use crate::limits;

const BUILD: u64 = 1;
/// Records that are written at a time; then they are read, which is not the probe's work and not timed.
const BATCH: u32 = 1024;
const REPEATS: u32 = 7;

/// Picoseconds of the steps that need no value of the program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Costs {
    /// A beginning, an end, and something within, without values.
    pub enter: u64,
    pub exit: u64,
    pub within: u64,
    /// A gate that lets through, and one that refuses.
    pub gate_passed: u64,
    pub gate_refused: u64,
}

/// A capture to measure with.
pub struct Bench {
    capture: Capture,
    ring: Ring,
    literal: u64,
    scratch: Vec<u8>,
}

impl Bench {
    pub fn new() -> Result<Self> {
        let registry = PointRegistry::with_capacity(4, 8);
        let capture = Capture::with_frames_max(Clock::new(), registry, 64, 64);
        let point = PointInfo {
            build: BUILD,
            index: 0,
            function: FunctionKey {
                module: intern("Elixir.ElixirScope.Capture.Calibration"),
                name: intern("calibration"),
                arity: 0,
            },
            kind: PointKind::Clause,
            clause: 0,
            line: 1,
            column: None,
        };
        capture.register(BUILD, &[point])?;
        capture.start(Overflow::Drop);
        Ok(Bench {
            capture,
            ring: Ring::new(1, limits::RING_RECORDS),
            literal: point.literal(),
            scratch: Vec::new(),
        })
    }

    /// Picoseconds of one step, the fastest of some repeats of `rounds` each.
    pub fn fastest(&mut self, rounds: u32, mut step: impl FnMut(&Capture, &Ring, u64)) -> u64 {
        let batches = rounds.max(1).div_ceil(BATCH);
        let mut best = u64::MAX;
        for _ in 0..REPEATS {
            let mut spent = 0;
            for _ in 0..batches {
                let began = Instant::now();
                for _ in 0..BATCH {
                    step(&self.capture, &self.ring, self.literal);
                }
                spent += began.elapsed().as_nanos() as u64;
                self.drain();
            }
            best = best.min(spent * 1000 / (u64::from(batches) * u64::from(BATCH)));
        }
        best
    }

    /// On another thread, as the collector does it: the memory comes back from another core. The thread ends here.
    fn drain(&mut self) {
        let (ring, scratch) = (&self.ring, &mut self.scratch);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for position in ring.tail()..ring.head() {
                    if let Some(record) = ring.read(position) {
                        ring.take_blob(&record, scratch);
                    }
                }
                ring.release_until(ring.head());
            });
        });
    }

    /// `asked` is what a probe needs of the VM besides.
    pub fn costs(&mut self, rounds: u32, asked: impl Fn()) -> Costs {
        let clock = Clock::new();
        let refusing = Gate::new(Settings {
            sampling: Sampling::of(0.0),
            ..Settings::default()
        });
        let passing = Gate::new(Settings::default());
        let mut dice = Dice::new(1, 0);
        let mut refusing_dice = Dice::new(2, 0);
        Costs {
            enter: self.fastest(rounds, |capture, ring, literal| {
                asked();
                begin(capture, ring, literal, None);
            }),
            exit: self.fastest(rounds, |capture, ring, _| {
                asked();
                let _ = std::hint::black_box(capture.close(ring, closing(RecordKind::Exit, 0)));
            }),
            within: self.fastest(rounds, |capture, ring, literal| {
                asked();
                within(capture, ring, literal, None);
            }),
            gate_passed: self.fastest(rounds, |_, _, _| {
                std::hint::black_box(passing.admit(&clock, || 0, &mut dice));
            }),
            gate_refused: self.fastest(rounds, |_, _, _| {
                std::hint::black_box(refusing.admit(&clock, || 0, &mut refusing_dice));
            }),
        }
    }
}

fn closing(kind: RecordKind, point: u32) -> Closing {
    Closing {
        kind,
        process: 1,
        token: 1,
        point,
        reason: NO_REASON,
    }
}

/// What a probe at the entry does, with the bytes of the arguments.
#[inline(always)]
pub fn begin(capture: &Capture, ring: &Ring, literal: u64, blob: Option<&[u8]>) {
    let Entry::Record(point) = capture.entry(literal) else {
        return;
    };
    if capture.ignored.holds(1) {
        return;
    }
    let _ = std::hint::black_box(match blob {
        None => capture.open(ring, RecordKind::Enter, 1, point),
        Some(blob) => capture.open_with(ring, RecordKind::Enter, 1, point, blob),
    });
}

/// What a probe within an activation does.
#[inline(always)]
pub fn within(capture: &Capture, ring: &Ring, literal: u64, blob: Option<&[u8]>) {
    let Entry::Record(point) = capture.entry(literal) else {
        return;
    };
    if capture.ignored.holds(1) {
        return;
    }
    std::hint::black_box(capture.config(point));
    let closing = closing(RecordKind::Bind, point);
    let _ = std::hint::black_box(match blob {
        None => capture.close(ring, closing),
        Some(blob) => capture.close_with(ring, closing, blob),
    });
}

/// Bounds of values that nobody has configured.
pub fn config() -> CaptureConfig {
    CaptureConfig::default()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn everything_costs_something_and_values_more_than_none() {
        let mut bench = Bench::new().unwrap();
        let costs = bench.costs(if cfg!(miri) { 1 } else { 4_096 }, || ());
        let all = [
            costs.enter,
            costs.exit,
            costs.within,
            costs.gate_passed,
            costs.gate_refused,
        ];
        assert!(
            all.iter().all(|ps| (1..1_000_000_000).contains(ps)),
            "{costs:?}"
        );
        let rounds = if cfg!(miri) { 1 } else { 4_096 };
        let bytes = [7_u8; 2_048];
        let plain = bench.fastest(rounds, |capture, ring, literal| {
            within(capture, ring, literal, None)
        });
        let large = bench.fastest(rounds, |capture, ring, literal| {
            within(capture, ring, literal, Some(&bytes))
        });
        assert!(cfg!(miri) || large > plain, "{large} {plain}");
    }
}
