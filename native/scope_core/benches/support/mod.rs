//! What the benches share: a capture that is written to as a program would, and quantiles.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scope_core::atoms::{Atom, intern};
use scope_core::capture::clock::Clock;
use scope_core::capture::points::{FunctionKey, PointInfo, PointKind, PointRegistry};
use scope_core::capture::record::RecordKind;
use scope_core::capture::ring::Ring;
use scope_core::capture::{Capture, Closing, Host, NO_REASON, Overflow, Work};
use scope_core::captured::format::put_binary;
use scope_core::ingest::RuntimeStore;

pub const FUNCTIONS: u32 = 2_000;
/// Events of one burst: what fits into every ring.
pub const BURST: u64 = 20_000;

pub struct Alive;

impl Host for Alive {
    fn monitor(&mut self, _: u64) -> bool {
        true
    }

    fn is_alive(&mut self, _: u64) -> bool {
        true
    }

    fn atom(&mut self, _: u64) -> Option<Atom> {
        None
    }
}

/// What one burst of records looks like.
#[derive(Clone, Copy)]
pub struct Load {
    #[allow(dead_code, reason = "not every bench prints it")]
    pub name: &'static str,
    pub rings: usize,
    pub processes: u64,
    pub depth: usize,
    /// Bytes of the arguments of each call; 0 records calls only.
    pub bytes: usize,
}

pub fn function(number: u32) -> FunctionKey {
    FunctionKey {
        module: intern("B"),
        name: intern(&format!("f{number}")),
        arity: 1,
    }
}

/// A capture that somebody writes to.
pub struct Program {
    pub capture: Capture,
    rings: Vec<Arc<Ring>>,
    load: Load,
    turn: u64,
    stack: Vec<u64>,
    blob: Vec<u8>,
}

impl Program {
    pub fn new(load: Load, stores: &[Arc<RuntimeStore>]) -> Program {
        let registry = PointRegistry::new();
        let point = |index| PointInfo {
            build: 1,
            index,
            function: function(index),
            kind: PointKind::Clause,
            clause: 0,
            line: 1,
            column: None,
        };
        let points: Vec<PointInfo> = (0..FUNCTIONS).map(point).collect();
        registry.register(1, &points).unwrap();
        let capture = Capture::with(Clock::new(), registry, 1 << 16);
        capture.start(Overflow::Drop);
        stores.iter().for_each(|store| capture.subscribe(store));
        let claim = |_| capture.threads.claim().unwrap();
        Program {
            rings: (0..load.rings).map(claim).collect(),
            capture,
            load,
            turn: 0,
            stack: Vec::new(),
            blob: binary_of(load.bytes),
        }
    }

    /// Writes about so many events; how many.
    pub fn write(&mut self, events: u64) -> u64 {
        let mut written = 0;
        while written < events {
            self.turn += 1;
            let turn = self.turn;
            let process = 1 + turn % self.load.processes;
            let ring = &self.rings[turn as usize % self.rings.len()];
            for level in 0..self.load.depth {
                let function =
                    (turn as u32).wrapping_mul(31).wrapping_add(level as u32) % FUNCTIONS;
                let token = match self.blob.is_empty() {
                    true => self
                        .capture
                        .open(ring, RecordKind::Enter, process, function),
                    false => self.capture.open_with(
                        ring,
                        RecordKind::Enter,
                        process,
                        function,
                        &self.blob,
                    ),
                };
                self.stack.push(token.unwrap());
            }
            while let Some(token) = self.stack.pop() {
                let closing = Closing {
                    kind: RecordKind::Exit,
                    process,
                    token,
                    point: 0,
                    reason: NO_REASON,
                };
                self.capture.close(ring, closing).unwrap();
            }
            written += 2 * self.load.depth as u64;
        }
        written
    }

    /// Reads the rings to the end; nanoseconds per event.
    pub fn ingest(&mut self, written: u64) -> f64 {
        let work = Work {
            budget: Duration::from_secs(10),
            thorough: false,
        };
        let started = Instant::now();
        let read = self.capture.ingest(&mut Alive, work).unwrap().records;
        let cost = started.elapsed().as_nanos() as f64 / read as f64;
        assert_eq!(read, written);
        cost
    }

    /// Writes and ingests about so many events.
    #[allow(dead_code, reason = "not every bench needs it")]
    pub fn run(&mut self, events: u64) {
        let mut left = events;
        while left > 0 {
            let written = self.write(left.min(2 * BURST));
            self.ingest(written);
            left = left.saturating_sub(written);
        }
    }
}

/// A captured binary of so many bytes, as a probe writes it.
fn binary_of(bytes: usize) -> Vec<u8> {
    match bytes {
        0 => Vec::new(),
        _ => {
            let mut out = Vec::new();
            put_binary(&mut out, &vec![b'x'; bytes]);
            out
        }
    }
}

/// The value below which a share of the sorted `samples` lies.
#[allow(dead_code, reason = "not every bench needs it")]
pub fn quantile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[((samples.len() - 1) as f64 * share) as usize]
}
