use std::sync::Arc;

use super::*;
use crate::atoms::intern;
use crate::capture::Capture;
use crate::capture::config::{CaptureConfig, Mode};
use crate::capture::points::{FunctionKey, PointInfo, PointKind, PointRegistry, Selection};
use crate::capture::record::RecordKind;
use crate::capture::ring::Ring;
use crate::error::Error;
use crate::sync::Ordering;

const THREADS: usize = 8;

fn function(name: &str) -> FunctionKey {
    FunctionKey {
        module: intern("Gate.Test"),
        name: intern(name),
        arity: 1,
    }
}

fn point(build: u64, index: u32, name: &str, kind: PointKind) -> PointInfo {
    PointInfo {
        build,
        index,
        function: function(name),
        kind,
        clause: 0,
        line: 1,
        column: None,
    }
}

/// `f/1` has two clauses and a `try`, `g/1` one clause.
fn points(build: u64) -> Vec<PointInfo> {
    vec![
        point(build, 0, "f", PointKind::Clause),
        point(build, 1, "f", PointKind::Clause),
        point(build, 2, "f", PointKind::Try),
        point(build, 3, "g", PointKind::Clause),
    ]
}

fn capture() -> Capture {
    let capture = Capture::with(Clock::counter(), PointRegistry::with_capacity(16, 256), 64);
    capture.register(1, &points(1)).unwrap();
    capture
}

fn order(selection: Selection, change: Change) -> Order {
    Order {
        selection,
        scope: Scope::Calls,
        per: Per::Function,
        change,
    }
}

fn hits(limit: u64) -> Change {
    Change {
        hits: Some(Some(limit)),
        ..Change::default()
    }
}

fn sampled(share: f64) -> Change {
    Change {
        sampling: Some(Sampling::of(share)),
        ..Change::default()
    }
}

fn empty() -> u8 {
    0
}

/// What `THREADS` threads got through a gate that each came to `times` times.
fn crowd(gate: &Gate, clock: &Clock, times: usize) -> u64 {
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..THREADS)
            .map(|lane| {
                scope.spawn(move || {
                    let mut dice = Dice::new(lane as u64, lane);
                    (0..times)
                        .filter(|_| gate.admit(clock, empty, &mut dice) == Verdict::Pass)
                        .count() as u64
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    })
}

#[test]
fn every_arrival_of_many_threads_is_counted_once() {
    let clock = Clock::counter();
    let times = if cfg!(miri) { 40 } else { 20_000 };
    let all = (THREADS * times) as u64;
    let rate = Rate::new(1000);
    for settings in [
        Settings::default(),
        Settings {
            sampling: Sampling::of(0.3),
            ..Settings::default()
        },
        Settings {
            hits_until: Some(77),
            ..Settings::default()
        },
        Settings {
            sampling: Sampling::of(0.5),
            rate: Some((rate, rate.pace(1_000_000))),
            hits_until: Some(50),
            ..Settings::default()
        },
        Settings {
            enabled: false,
            ..Settings::default()
        },
    ] {
        let gate = Gate::new(settings);
        let passed = crowd(&gate, &clock, times);
        let counts = gate.counts();
        assert_eq!(
            (counts.passed, counts.seen()),
            (passed, all),
            "{settings:?}"
        );
        if let Some(limit) = settings.hits_until {
            assert!(passed <= limit);
            assert!(settings.rate.is_some() || passed == limit);
        }
    }
}

#[test]
fn sampling_lets_through_the_share_that_it_says() {
    let clock = Clock::counter();
    let draws = if cfg!(miri) { 500 } else { 100_000 };
    for share in [0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 1.0] {
        for seed in 1..=3 {
            let gate = Gate::new(Settings {
                sampling: Sampling::of(share),
                ..Settings::default()
            });
            let mut dice = Dice::new(seed, 0);
            let passed = (0..draws)
                .filter(|_| gate.admit(&clock, empty, &mut dice) == Verdict::Pass)
                .count() as f64;
            // Five standard deviations of the binomial distribution.
            let (mean, deviation) = (
                draws as f64 * share,
                (draws as f64 * share * (1.0 - share)).sqrt(),
            );
            assert!(
                (passed - mean).abs() <= 5.0 * deviation,
                "{share} {seed}: {passed}"
            );
        }
    }
}

#[test]
fn time_ends_a_gate() {
    let clock = Clock::counter();
    let gate = Gate::new(Settings {
        expires_at: Some(clock.now() + 10),
        ..Settings::default()
    });
    let mut dice = Dice::new(1, 0);
    let verdicts: Vec<_> = (0..20)
        .map(|_| gate.admit(&clock, empty, &mut dice))
        .collect();
    let passed = verdicts.iter().filter(|it| **it == Verdict::Pass).count();
    assert_eq!(passed, 9);
    assert_eq!(verdicts[19], Verdict::Refuse(Refusal::Expired, 0));
    assert_eq!(gate.counts().expired, 11);
    assert_eq!(gate.status(clock.now()), Status::Expired);
}

#[test]
fn a_filling_ring_is_left_to_those_who_matter() {
    let ring = Ring::new(1, 64);
    let clock = Clock::counter();
    let gates = [
        Priority::Low,
        Priority::Medium,
        Priority::High,
        Priority::Critical,
    ]
    .map(|priority| {
        Gate::new(Settings {
            priority,
            ..Settings::default()
        })
    });
    let mut dice = Dice::new(1, 0);
    let mut record = crate::capture::record::Record::from_words([0, 0, 0, 1 << 32]).unwrap();
    record.kind = RecordKind::Enter;
    let mut written = [0; 4];
    let mut refused_by_ring = 0;
    for round in 0..400 {
        let which = round % 4;
        if gates[which].admit(&clock, || ring.fullness(), &mut dice) == Verdict::Pass {
            match ring.offer(record) {
                Ok(()) => written[which] += 1,
                Err(_) => refused_by_ring += 1,
            }
        }
    }
    // Of 64: to 32 all four take turns, to 40 the upper three, to 48 the upper two, to 56 critical ones only.
    assert_eq!(written, [8, 8 + 3, 8 + 3 + 4, 8 + 2 + 4 + 8]);
    assert_eq!(refused_by_ring, 100 - 22);
    let low = gates[0].counts();
    assert_eq!((low.passed, low.low_priority, low.seen()), (8, 92, 100));
    assert_eq!(gates[3].counts().low_priority, 0);
    // Read empty, it is everybody's again.
    ring.release_until(ring.head());
    assert_eq!(ring.fullness(), 0);
    assert_eq!(
        gates[0].admit(&clock, || ring.fullness(), &mut dice),
        Verdict::Pass
    );
}

#[test]
fn a_spent_gate_switches_its_points_off_until_it_is_set_anew() {
    let capture = capture();
    let (ring, mut dice) = (Ring::new(1, 64), Dice::new(1, 0));
    let found = capture.configure(&order(Selection::Function(function("f")), hits(3)));
    assert_eq!(found.unwrap(), 2, "both clauses, not the try");
    // The clauses share the hits.
    let passed: Vec<bool> = (0..6)
        .map(|n| capture.admits(n % 2, &ring, &mut dice))
        .collect();
    assert_eq!(passed, [true, true, true, false, false, false]);
    assert!(!capture.points.is_on(0) && !capture.points.is_on(1));
    assert!(capture.points.is_on(3), "g has no gate");
    let report = capture.gate_of(1 << 20).unwrap();
    assert_eq!((report.counts.passed, report.counts.hit_limit), (3, 3));
    assert_eq!(
        (report.status, report.hits_left),
        (Status::HitLimit, Some(0))
    );
    capture
        .configure(&order(Selection::Function(function("f")), hits(2)))
        .unwrap();
    assert!(capture.points.is_on(0) && capture.points.is_on(1));
    let passed = (0..6)
        .filter(|_| capture.admits(1, &ring, &mut dice))
        .count();
    assert_eq!(passed, 2);
    assert_eq!(capture.gate_of(1 << 20).unwrap().counts.passed, 5);
    // What the user switched off stays off.
    capture
        .points
        .switch(&Selection::Points(vec![1 << 20]), false);
    capture.configure(&order(Selection::All, hits(2))).unwrap();
    assert!(!capture.points.is_on(0) && capture.points.is_on(1));
    assert_eq!(capture.ungate(&Selection::All).unwrap(), 3);
    assert!(capture.gate(1).is_none() && capture.gates.is_empty());
}

#[test]
fn the_narrower_gate_is_the_one_that_holds() {
    let capture = capture();
    capture
        .configure(&order(Selection::All, sampled(0.5)))
        .unwrap();
    assert_eq!(capture.gates.len(), 2);
    let shape = Change {
        capture: Some(Some(CaptureChange {
            mode: Some(Mode::Shape),
            ..CaptureChange::default()
        })),
        ..Change::default()
    };
    let one = Order {
        per: Per::Point,
        ..order(Selection::Points(vec![1 << 20 | 1]), shape)
    };
    capture.configure(&one).unwrap();
    let settings = |index: u64| capture.gate_of(1 << 20 | index).unwrap().settings;
    // The point's own gate begins as its function's was.
    assert_eq!(settings(1).sampling, Sampling::of(0.5));
    assert_eq!(settings(1).capture.unwrap().mode, Mode::Shape);
    assert_eq!(capture.config(1).depth, CaptureConfig::DEFAULT.depth);
    assert_eq!(
        (settings(0).capture, capture.config(0)),
        (None, CaptureConfig::DEFAULT)
    );
    // A change under the broader name reaches both.
    capture
        .configure(&order(
            Selection::Module(intern("Gate.Test")),
            sampled(0.25),
        ))
        .unwrap();
    assert_eq!(settings(0).sampling, settings(1).sampling);
    assert_eq!(settings(1).capture.unwrap().mode, Mode::Shape);
    assert_eq!(capture.gates.len(), 3);
    // Taken away, the broader one holds again.
    capture
        .ungate(&Selection::Points(vec![1 << 20 | 1]))
        .unwrap();
    assert_eq!(
        (settings(1).sampling, settings(1).capture),
        (Sampling::of(0.25), None)
    );
    assert_eq!(capture.gates.len(), 2);
}

#[test]
fn names_reach_code_that_comes_later() {
    let capture = capture();
    let (ring, mut dice) = (Ring::new(1, 64), Dice::new(1, 0));
    capture
        .configure(&order(Selection::Function(function("f")), hits(3)))
        .unwrap();
    let shared = Order {
        per: Per::Selection,
        ..order(Selection::Function(function("g")), hits(1))
    };
    capture.configure(&shared).unwrap();
    assert!(capture.admits(0, &ring, &mut dice));
    let base = capture.register(2, &points(2)).unwrap().base;
    assert_eq!(capture.register(2, &points(2)).unwrap().base, base);
    // The function's budget is one for both builds.
    let passed = (0..5)
        .filter(|_| capture.admits(base, &ring, &mut dice))
        .count();
    assert_eq!(passed, 2);
    assert!(capture.admits(base + 3, &ring, &mut dice) && !capture.admits(3, &ring, &mut dice));
    assert_eq!(capture.report(None).len(), 2);
    capture
        .ungate(&Selection::Module(intern("Gate.Test")))
        .unwrap();
    let base = capture.register(3, &points(3)).unwrap().base;
    assert!((0..4).all(|index| capture.gate(base + index).is_none()));
}

#[test]
fn gates_are_bounded_and_an_order_is_done_whole_or_not() {
    let capture = Capture::with(Clock::counter(), PointRegistry::with_capacity(4, 8), 64);
    let many: Vec<_> = (0..8)
        .map(|n| point(1, n, &format!("h{n}"), PointKind::Clause))
        .collect();
    capture.register(1, &many).unwrap();
    let mut capture = capture;
    capture.gates = Gates::new(&capture.clock, 8, 5);
    let refused = capture.configure(&order(Selection::All, hits(1)));
    assert!(matches!(
        refused,
        Err(Error::LimitExceeded {
            what: "gates",
            limit: 5
        })
    ));
    assert!((0..8).all(|dense| capture.gate(dense).is_none()));
    let some = |from: u64| Selection::Points((from..from + 4).map(|n| 1 << 20 | n).collect());
    let one_each = |from| Order {
        per: Per::Point,
        ..order(some(from), hits(1))
    };
    for round in 0..1000 {
        let from = round % 4;
        assert_eq!(capture.configure(&one_each(from)).unwrap(), 4);
        assert_eq!(capture.ungate(&some(from)).unwrap(), 4);
    }
    assert!(capture.gates.is_empty());
    let shared = Order {
        per: Per::Selection,
        ..order(Selection::All, hits(1))
    };
    assert_eq!(capture.configure(&shared).unwrap(), 8);
    assert_eq!(capture.gates.len(), 1);
    // Given again, it is the same gate.
    assert_eq!(capture.configure(&shared).unwrap(), 8);
    assert_eq!(capture.gates.len(), 1);
}

#[test]
fn a_whole_capture_is_limited_too() {
    let capture = capture();
    let (ring, mut dice) = (Ring::new(1, 64), Dice::new(1, 0));
    capture
        .gates
        .limit(Some(hits(2).apply(Settings::default(), 0)));
    capture
        .configure(&order(Selection::Function(function("f")), sampled(0.0)))
        .unwrap();
    let passed: Vec<bool> = (0..8)
        .map(|n| capture.admits(if n < 4 { 0 } else { 3 }, &ring, &mut dice))
        .collect();
    assert_eq!(
        passed,
        [false, false, false, false, true, true, false, false]
    );
    assert!(capture.is_spent());
    let counts = capture.whole_report().unwrap().counts;
    assert_eq!(
        (counts.passed, counts.hit_limit),
        (2, 2),
        "what a gate refused did not come so far"
    );
    capture.gates.limit(None);
    assert!(!capture.is_spent() && capture.whole_report().is_none());
    assert!(capture.admits(3, &ring, &mut dice));
}

#[test]
fn toggling_under_load_loses_no_count_and_leaves_nothing_closed() {
    let capture = Arc::new(capture());
    let stop = std::sync::atomic::AtomicBool::new(false);
    let toggles = if cfg!(miri) { 20 } else { 1_000 };
    let selection = Selection::Function(function("f"));
    capture
        .configure(&order(selection.clone(), sampled(0.5)))
        .unwrap();
    let (came, passed) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|lane| {
                let (capture, stop) = (&capture, &stop);
                scope.spawn(move || {
                    let (ring, mut dice) = (Ring::new(lane as u16 + 1, 64), Dice::new(7, lane));
                    let (mut came, mut passed) = (0u64, 0u64);
                    while !stop.load(Ordering::Relaxed) {
                        if capture.points.is_on(lane as u32 % 2) {
                            came += 1;
                            passed += u64::from(capture.admits(lane as u32 % 2, &ring, &mut dice));
                        }
                    }
                    (came, passed)
                })
            })
            .collect();
        for round in 0..toggles {
            let change = match round % 3 {
                0 => hits(5),
                1 => sampled(0.1),
                _ => Change {
                    hits: Some(None),
                    enabled: Some(round % 2 == 0),
                    ..Change::default()
                },
            };
            capture
                .configure(&order(selection.clone(), change))
                .unwrap();
            if cfg!(not(miri)) {
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
        }
        let open = Change {
            hits: Some(None),
            enabled: Some(true),
            ..sampled(1.0)
        };
        capture.configure(&order(selection.clone(), open)).unwrap();
        // A probe that was told "spent" before this must not leave the point off.
        std::thread::sleep(std::time::Duration::from_millis(if cfg!(miri) {
            0
        } else {
            20
        }));
        stop.store(true, Ordering::Relaxed);
        let all: Vec<(u64, u64)> = threads.into_iter().map(|one| one.join().unwrap()).collect();
        all.into_iter()
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    });
    assert!(capture.points.is_on(0) && capture.points.is_on(1));
    let counts = capture.gate_of(1 << 20).unwrap().counts;
    assert_eq!((counts.seen(), counts.passed), (came, passed));
    assert_eq!(capture.gates.len(), 1);
}
