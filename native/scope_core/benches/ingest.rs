//! Nanoseconds per event of the consumer alone: rings, merge, engine, store. `cargo bench -p scope_core --bench ingest`
//!
//! The minimum over rounds is what the code costs; the median what this machine was busy with besides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scope_core::atoms::{Atom, intern};
use scope_core::capture::clock::Clock;
use scope_core::capture::points::{FunctionKey, PointInfo, PointKind, PointRegistry};
use scope_core::capture::record::RecordKind;
use scope_core::capture::{Capture, Closing, Host, NO_REASON, Overflow, Work};
use scope_core::ingest::{RuntimeLimits, RuntimeStore};

const FUNCTIONS: u32 = 2_000;
const BURST: u64 = 20_000;

struct Alive;

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
struct Load {
    name: &'static str,
    rings: usize,
    processes: u64,
    depth: usize,
}

fn main() {
    let loads = [
        Load {
            name: "one process, flat",
            rings: 1,
            processes: 1,
            depth: 1,
        },
        Load {
            name: "one process, 8 deep",
            rings: 1,
            processes: 1,
            depth: 8,
        },
        Load {
            name: "1000 processes, 4 deep, 4 rings",
            rings: 4,
            processes: 1_000,
            depth: 4,
        },
        Load {
            name: "one process, 1000 deep",
            rings: 1,
            processes: 1,
            depth: 1_000,
        },
    ];
    println!(
        "{:<34} {:>10} {:>12} {:>12}",
        "ns per event (min / median)", "no store", "no log", "log"
    );
    for load in loads {
        let columns = [None, Some(0), Some(64 << 20)].map(|log| measure(load, log, 150));
        let [none, counts, log] = columns.map(|(min, median)| format!("{min:.0} / {median:.0}"));
        println!("{:<34} {none:>10} {counts:>12} {log:>12}", load.name);
    }
    println!("\nwith volume (log on, 64 MB)");
    for (millions, rounds) in [(0.1, 3), (1.0, 25), (10.0, 250), (50.0, 1250)] {
        let (min, median) = measure(loads[2], Some(64 << 20), rounds);
        println!("{millions:>6} M events: {min:.0} / {median:.0}");
    }
}

fn measure(load: Load, log: Option<usize>, rounds: usize) -> (f64, f64) {
    let registry = PointRegistry::new();
    let point = |index| PointInfo {
        build: 1,
        index,
        function: FunctionKey {
            module: intern("B"),
            name: intern(&format!("f{index}")),
            arity: 1,
        },
        kind: PointKind::Clause,
        clause: 0,
        line: 1,
        column: None,
    };
    registry
        .register(1, &(0..FUNCTIONS).map(point).collect::<Vec<_>>())
        .unwrap();
    let capture = Capture::with(Clock::new(), registry, 1 << 16);
    capture.start(Overflow::Drop);
    let store = log.map(|event_log_bytes| {
        Arc::new(RuntimeStore::new(RuntimeLimits {
            event_log_bytes,
            ..RuntimeLimits::default()
        }))
    });
    store.iter().for_each(|store| capture.subscribe(store));
    let rings: Vec<_> = (0..load.rings)
        .map(|_| capture.threads.claim().unwrap())
        .collect();
    let work = Work {
        budget: Duration::from_secs(1),
        thorough: false,
    };
    let mut stack = Vec::new();
    let mut turn = 0u64;
    let mut costs: Vec<f64> = (0..rounds)
        .map(|_| {
            let mut written = 0;
            while written < 2 * BURST {
                turn += 1;
                let process = 1 + turn % load.processes;
                let ring = &rings[turn as usize % rings.len()];
                for level in 0..load.depth {
                    let function =
                        (turn as u32).wrapping_mul(31).wrapping_add(level as u32) % FUNCTIONS;
                    stack.push(
                        capture
                            .open(ring, RecordKind::Enter, process, function)
                            .unwrap(),
                    );
                }
                while let Some(token) = stack.pop() {
                    let (kind, reason) = (RecordKind::Exit, NO_REASON);
                    capture
                        .close(
                            ring,
                            Closing {
                                kind,
                                process,
                                token,
                                point: 0,
                                reason,
                            },
                        )
                        .unwrap();
                }
                written += 2 * load.depth as u64;
            }
            let started = Instant::now();
            let read = capture.ingest(&mut Alive, work).unwrap().records;
            let cost = started.elapsed().as_nanos() as f64 / read as f64;
            assert_eq!(read, written);
            cost
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    (costs[0], costs[costs.len() / 2])
}
