//! Reading a log of 10^7 events, in memory and from the disk. `cargo bench -p scope_core --bench log`
//!
//! `-- 6` takes 10^6 instead. The time to the first row is that of a whole question: a snapshot, finding the place, one
//! event with its point. Then all rows of the answer, per second.

mod support;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use scope_core::ingest::{Directory, EventFilter, EventKind, RuntimeLimits, RuntimeStore, Spill};
use support::{FUNCTIONS, Load, Program, function, quantile};

const QUESTIONS: usize = 500;
const LOAD: Load = Load {
    name: "1000 processes, 4 deep, 4 rings",
    rings: 4,
    processes: 1_000,
    depth: 4,
    bytes: 0,
};

fn main() {
    let power = std::env::args().find_map(|argument| argument.parse().ok());
    let events = 10u64.pow(power.unwrap_or(7));
    let before = resident_bytes();
    let memory = Arc::new(RuntimeStore::new(RuntimeLimits {
        event_log_bytes: 2 << 30,
        ..RuntimeLimits::default()
    }));
    let mut program = Program::new(LOAD, &[Arc::clone(&memory)]);
    program.run(events);
    let stats = memory.log_stats();
    let per_event = |bytes: u64| bytes as f64 / stats.kept as f64;
    println!(
        "{} events, {:.1} bytes each by the log's account, {:.1} by the operating system's",
        stats.kept,
        per_event(stats.memory_bytes),
        per_event(resident_bytes().saturating_sub(before))
    );
    read(&memory, "in memory");
    drop((program, memory));

    let directory = std::env::temp_dir().join(format!("scope_log_bench_{}", std::process::id()));
    let disk = Arc::new(RuntimeStore::new(RuntimeLimits {
        event_log_bytes: 16 << 20,
        spill: Some(Spill {
            disk: Arc::new(Directory::new(directory.clone())),
            bytes: 8 << 30,
        }),
        ..RuntimeLimits::default()
    }));
    let mut program = Program::new(LOAD, &[Arc::clone(&disk)]);
    let started = Instant::now();
    program.run(events);
    let elapsed = started.elapsed().as_nanos() as f64 / events as f64;
    let stats = disk.log_stats();
    println!(
        "\n{} events on the disk of {}, {:.1} bytes each there; {:.0} ns to write, ingest and spill one; {} evicted",
        stats.on_disk,
        stats.kept,
        stats.disk_bytes as f64 / stats.on_disk as f64,
        elapsed,
        stats.evicted
    );
    read(&disk, "from the disk");
    let _ = std::fs::remove_dir_all(directory);
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn read(store: &RuntimeStore, place: &str) {
    let stats = store.log_stats();
    let (oldest, newest) = (stats.oldest_ns.unwrap(), stats.newest_ns.unwrap());
    let mut random = Random(7);
    let mut at = move || oldest + random.below(newest - oldest);
    let mut random = Random(11);
    // Some activations: the tokens of what began at random times.
    let tokens: Vec<u64> = (0..QUESTIONS)
        .map(|_| {
            let begun = EventFilter {
                from_ns: Some(at()),
                kinds: Some(vec![EventKind::Enter]),
                ..EventFilter::default()
            };
            store.events(&begun, 1).unwrap()[0].token
        })
        .collect();
    type Question<'a> = Box<dyn FnMut(usize) -> EventFilter + 'a>;
    let none = EventFilter::default;
    let mut seed = Random(13);
    let questions: [(&str, Question<'_>); 6] = [
        (
            "a range",
            Box::new(|_| EventFilter {
                from_ns: Some(at()),
                ..none()
            }),
        ),
        (
            "a function",
            Box::new(|n| EventFilter {
                functions: Some(vec![function(n as u32 % FUNCTIONS)]),
                ..none()
            }),
        ),
        (
            "a function, newest first",
            Box::new(|n| EventFilter {
                functions: Some(vec![function(n as u32 % FUNCTIONS)]),
                newest_first: true,
                ..none()
            }),
        ),
        (
            "a process",
            Box::new(|_| EventFilter {
                process: Some(1 + random.below(LOAD.processes)),
                ..none()
            }),
        ),
        (
            "a function of a process",
            Box::new(|n| EventFilter {
                functions: Some(vec![function(n as u32 % FUNCTIONS)]),
                process: Some(1 + seed.below(LOAD.processes)),
                ..none()
            }),
        ),
        (
            "a correlation",
            Box::new(|n| EventFilter {
                token: Some(tokens[n]),
                ..none()
            }),
        ),
    ];
    println!(
        "{:<28} {:>10} {:>10} {:>10} {:>12}",
        place, "first p50", "p95", "p99", "rows/s"
    );
    for (name, mut question) in questions {
        let mut samples = Vec::with_capacity(QUESTIONS);
        let (mut rows, mut spent) = (0u64, 0.0);
        for number in 0..QUESTIONS {
            let filter = question(number);
            let started = Instant::now();
            let mut first = None;
            let mut left = 20_000;
            store
                .scan(&filter, |event| {
                    first.get_or_insert_with(|| started.elapsed());
                    rows += 1;
                    left -= 1;
                    std::hint::black_box(event);
                    match left > 0 && number % 10 == 0 {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    }
                })
                .unwrap();
            // Without a row: until that was known.
            let first = first.unwrap_or_else(|| started.elapsed());
            samples.push(first.as_nanos() as f64 / 1_000.0);
            spent += (started.elapsed() - first).as_secs_f64();
        }
        let mut share = |share| quantile(&mut samples, share);
        println!(
            "{:<28} {:>7.1} us {:>7.1} us {:>7.1} us {:>10.2} M",
            name,
            share(0.5),
            share(0.95),
            share(0.99),
            rows as f64 / spent.max(1e-9) / 1e6
        );
    }
}

/// What the operating system says this process holds.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let resident = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    resident.unwrap_or(0) * 4096
}
