//! Nanoseconds per event of the consumer alone: rings, merge, engine, store. `cargo bench -p scope_core --bench ingest`
//!
//! The minimum over rounds is what the code costs; the median what this machine was busy with besides.
//! `-- volume` runs 10^5 to 10^8 events through a log of 64 MB: what one costs must not depend on how many came before.

mod support;

use std::sync::Arc;

use scope_core::ingest::{RuntimeLimits, RuntimeStore};
use support::{BURST, Load, Program, quantile};

const LOADS: [Load; 5] = [
    Load {
        name: "one process, flat",
        rings: 1,
        processes: 1,
        depth: 1,
        bytes: 0,
    },
    Load {
        name: "one process, 8 deep",
        rings: 1,
        processes: 1,
        depth: 8,
        bytes: 0,
    },
    Load {
        name: "1000 processes, 4 deep, 4 rings",
        rings: 4,
        processes: 1_000,
        depth: 4,
        bytes: 0,
    },
    Load {
        name: "the same, arguments of 16 bytes",
        rings: 4,
        processes: 1_000,
        depth: 4,
        bytes: 16,
    },
    Load {
        name: "one process, 1000 deep",
        rings: 1,
        processes: 1,
        depth: 1_000,
        bytes: 0,
    },
];

fn main() {
    if std::env::args().any(|argument| argument == "volume") {
        return volume();
    }
    println!(
        "{:<34} {:>10} {:>12} {:>12}",
        "ns per event (min / median)", "no store", "no log", "log"
    );
    for load in LOADS {
        let columns = [None, Some(0), Some(64 << 20)].map(|log| measure(load, log, 150));
        let [none, counts, log] = columns.map(|(min, median)| format!("{min:.0} / {median:.0}"));
        println!("{:<34} {none:>10} {counts:>12} {log:>12}", load.name);
    }
}

fn volume() {
    println!("ns per event with the log on (64 MB), {}", LOADS[2].name);
    for power in 5..=8 {
        let rounds = 10usize.pow(power).div_ceil(2 * BURST as usize);
        let (min, median) = measure(LOADS[2], Some(64 << 20), rounds);
        println!("10^{power} events: min {min:.0}, median {median:.0}");
    }
}

fn measure(load: Load, log: Option<usize>, rounds: usize) -> (f64, f64) {
    let store = log.map(|event_log_bytes| {
        Arc::new(RuntimeStore::new(RuntimeLimits {
            event_log_bytes,
            ..RuntimeLimits::default()
        }))
    });
    let stores: Vec<_> = store.into_iter().collect();
    let mut program = Program::new(load, &stores);
    let mut costs: Vec<f64> = (0..rounds)
        .map(|_| {
            let written = program.write(2 * BURST);
            program.ingest(written)
        })
        .collect();
    (quantile(&mut costs, 0.0), quantile(&mut costs, 0.5))
}
