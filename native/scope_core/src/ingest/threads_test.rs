//! Real threads, the real clock, a consumer at work: processes wander between threads, some die.

use std::sync::mpsc;
use std::time::Duration;

use crate::atoms::Atom;
use crate::capture::clock::Clock;
use crate::capture::points::PointRegistry;
use crate::capture::record::RecordKind;
use crate::capture::ring::Ring;
use crate::capture::{Capture, Closing, Host, NO_REASON, Overflow, Work};
use crate::ingest::engine_test::{clause, function};
use crate::ingest::{RuntimeLimits, RuntimeStore};
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering};

const THREADS: usize = 4;
const PROCESSES: u64 = 24;
const TURNS: u64 = if cfg!(miri) { 20 } else { 4_000 };

/// A process: runs for a turn on one thread, then on whichever takes it next.
struct Wanderer {
    word: u64,
    turns: u64,
    open: Vec<u64>,
    seed: u64,
}

/// What the processes say of themselves.
#[derive(Default)]
struct Said {
    calls: AtomicU64,
    returned: AtomicU64,
    aborted: AtomicU64,
    records: AtomicU64,
}

struct Watching<'a>(&'a [AtomicBool]);

impl Host for Watching<'_> {
    fn monitor(&mut self, process: u64) -> bool {
        !self.0[process as usize].load(Ordering::Acquire)
    }

    fn is_alive(&mut self, process: u64) -> bool {
        !self.0[process as usize].load(Ordering::Acquire)
    }

    fn atom(&mut self, _: u64) -> Option<Atom> {
        None
    }
}

/// Some calls and returns; whether it lives on.
fn turn(capture: &Capture, ring: &Ring, process: &mut Wanderer, said: &Said) -> bool {
    for _ in 0..20 {
        process.seed = process
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        if process.seed >> 63 == 0 && process.open.len() < 40 {
            let number = (process.seed >> 40) as u32 % 4;
            let token = loop {
                match capture.open(ring, RecordKind::Enter, process.word, number) {
                    Ok(token) => break token,
                    Err(_) => std::thread::yield_now(),
                }
            };
            process.open.push(token);
            said.calls.fetch_add(1, Ordering::Relaxed);
        } else if let Some(token) = process.open.pop() {
            let (kind, word) = (RecordKind::Exit, process.word);
            let closing = Closing {
                kind,
                process: word,
                token,
                point: 0,
                reason: NO_REASON,
            };
            while capture.close(ring, closing).is_err() {
                std::thread::yield_now();
            }
            said.returned.fetch_add(1, Ordering::Relaxed);
        } else {
            continue;
        }
        said.records.fetch_add(1, Ordering::Relaxed);
    }
    process.turns -= 1;
    process.turns > 0
}

#[test]
fn wandering_processes_are_followed_exactly() {
    let registry = PointRegistry::with_capacity(4, 64);
    registry
        .register(5, &(0..4).map(clause).collect::<Vec<_>>())
        .unwrap();
    let capture = Capture::with(Clock::new(), registry, 1 << 10);
    capture.start(Overflow::Wait);
    let store = Arc::new(RuntimeStore::new(RuntimeLimits {
        event_log_bytes: 4 << 20,
        ..RuntimeLimits::default()
    }));
    capture.subscribe(&store);
    let said = Said::default();
    let dead: Vec<AtomicBool> = (0..=PROCESSES).map(|_| AtomicBool::new(false)).collect();
    let work = Work {
        budget: Duration::from_millis(1),
        thorough: true,
    };

    let (send, receive) = mpsc::channel::<Wanderer>();
    let receive = std::sync::Mutex::new(receive);
    let left = AtomicU64::new(PROCESSES);

    std::thread::scope(|scope| {
        for word in 1..=PROCESSES {
            let turns = TURNS / PROCESSES + word % 5;
            send.send(Wanderer {
                word,
                turns,
                open: Vec::new(),
                seed: word,
            })
            .unwrap();
        }
        let (capture, said, dead, receive, left) = (&capture, &said, &dead, &receive, &left);
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let send = send.clone();
                scope.spawn(move || {
                    let ring = capture.threads.claim().unwrap();
                    while left.load(Ordering::Acquire) > 0 {
                        let next = receive.lock().unwrap().try_recv();
                        let Ok(mut process) = next else {
                            std::thread::yield_now();
                            continue;
                        };
                        if turn(capture, &ring, &mut process, said) {
                            send.send(process).unwrap();
                            continue;
                        }
                        said.aborted
                            .fetch_add(process.open.len() as u64, Ordering::Relaxed);
                        dead[process.word as usize].store(true, Ordering::Release);
                        left.fetch_sub(1, Ordering::AcqRel);
                    }
                    ring.leave();
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            let _ = capture.ingest(&mut Watching(dead), work);
        }
    });
    for _ in 0..3 {
        while capture.ingest(&mut Watching(&dead), work).unwrap().more {}
    }

    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let accounts = capture.accounts();
    assert_eq!(
        (accounts.offered, accounts.stored),
        (read(&said.records), read(&said.records))
    );
    assert_eq!((accounts.engine.open, accounts.engine.processes), (0, 0));
    assert_eq!((accounts.engine.orphans, accounts.engine.lost), (0, 0));
    let sum = |field: fn(&crate::ingest::CallStats) -> u64| -> u64 {
        (0..4)
            .filter_map(|number| store.function_stats(&function(number)))
            .map(|s| field(&s))
            .sum()
    };
    assert_eq!(sum(|s| s.calls), read(&said.calls));
    assert_eq!(sum(|s| s.returned), read(&said.returned));
    assert_eq!(sum(|s| s.aborted), read(&said.aborted));
    assert_eq!(sum(|s| s.errors), 0);
    // A thread that left gives its ring to the next.
    let rings = accounts.rings;
    capture.threads.claim().unwrap();
    assert_eq!(capture.accounts().rings, rings);
}
