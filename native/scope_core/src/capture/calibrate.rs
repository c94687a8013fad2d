//! What the native half of a probe costs on this machine: measured, on a ring and a gate of its own.

use std::time::Instant;

use crate::capture::clock::Clock;
use crate::capture::gate::{Dice, Gate, Sampling, Settings};
use crate::capture::record::{BlobState, Record, RecordKind};
use crate::capture::ring::Ring;

/// Picoseconds of one of each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Costs {
    /// Time taken, 32 bytes written.
    pub record: u64,
    /// The same with 64 bytes of a value.
    pub record_with_value: u64,
    /// A gate that lets through, and one that refuses.
    pub gate_passed: u64,
    pub gate_refused: u64,
}

/// Measures each `rounds` times, five times over, and takes the fastest.
pub fn costs(rounds: u32) -> Costs {
    let clock = Clock::new();
    let ring = Ring::new(1, 1024);
    let mut scratch = Vec::new();
    let mut write = |blob: &[u8]| {
        let record = Record {
            at: clock.now(),
            process: 1,
            payload: ring.next_token(),
            point: 1,
            kind: RecordKind::Exit,
            reason: 0,
            blob: BlobState::None,
        };
        match blob {
            [] => ring.push(record),
            _ => ring.push_with(record, blob),
        }
        // The reader's work, such as it is here, is not the probe's: it is done rarely.
        if ring.head() & 511 == 0 {
            for position in ring.tail()..ring.head() {
                if let Some(record) = ring.read(position) {
                    ring.take_blob(&record, &mut scratch);
                }
            }
            ring.release_until(ring.head());
        }
    };
    let refusing = Gate::new(Settings {
        sampling: Sampling::of(0.0),
        ..Settings::default()
    });
    let passing = Gate::new(Settings::default());
    let mut dice = Dice::new(1, 0);
    let value = [7u8; 64];
    Costs {
        record: fastest(rounds, || write(&[])),
        record_with_value: fastest(rounds, || write(&value)),
        gate_passed: fastest(rounds, || {
            std::hint::black_box(passing.admit(&clock, || 0, &mut dice));
        }),
        gate_refused: fastest(rounds, || {
            std::hint::black_box(refusing.admit(&clock, || 0, &mut dice));
        }),
    }
}

fn fastest(rounds: u32, mut step: impl FnMut()) -> u64 {
    let rounds = rounds.max(1);
    let run = |_| {
        let began = Instant::now();
        (0..rounds).for_each(|_| step());
        began.elapsed().as_nanos() as u64 * 1000 / u64::from(rounds)
    };
    (0..5).map(run).min().unwrap_or(0)
}
