use super::*;

const FREE: TraceLimits = TraceLimits {
    count: u64::MAX,
    rate: 0,
    window: Duration::from_nanos(1),
    rate_ends: true,
    time: Duration::from_secs(3600),
};

fn traces() -> (Clock, Traces) {
    let clock = Clock::counter();
    let traces = Traces::new(&clock);
    (clock, traces)
}

/// Events let through of so many that want to, `step` ticks apart.
fn let_through(trace: &Trace, events: u64, began: Ticks, step: u64) -> u64 {
    (0..events)
        .filter(|event| {
            let admitted = trace.admits(began + event * step);
            if admitted {
                trace.take();
            }
            admitted
        })
        .count() as u64
}

#[test]
fn a_count_is_exact_in_one_thread() {
    let (clock, traces) = traces();
    let id = traces
        .open(&clock, TraceLimits { count: 10, ..FREE }, 0)
        .unwrap();
    let trace = traces.get(id).unwrap();
    assert_eq!(let_through(trace, 100, 0, 1), 10);
    let status = trace.status(0);
    assert_eq!(
        (status.over, status.taken, status.refused),
        (Some(Over::Count), 10, 90)
    );
}

#[test]
fn threads_pass_a_count_by_less_than_their_number() {
    let (clock, traces) = traces();
    let id = traces
        .open(
            &clock,
            TraceLimits {
                count: 5000,
                ..FREE
            },
            0,
        )
        .unwrap();
    let trace = traces.get(id).unwrap();
    let threads = 4;
    let through: u64 = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| let_through(trace, 50_000, 0, 0)))
            .collect();
        all.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert!((5000..5000 + threads).contains(&through), "{through}");
    assert_eq!(trace.status(0).taken, through);
    assert_eq!(trace.status(0).refused, 50_000 * threads - through);
}

#[test]
fn a_rate_ends_the_trace_or_makes_it_wait() {
    let (clock, traces) = traces();
    let limits = TraceLimits {
        rate: 5,
        window: Duration::from_nanos(1000),
        ..FREE
    };
    // Below the rate for ever.
    let id = traces.open(&clock, limits, 0).unwrap();
    let slow = traces.get(id).unwrap();
    assert_eq!(let_through(slow, 1000, 0, 250), 1000);
    // Above it: over, and it stays so.
    let id = traces.open(&clock, limits, 0).unwrap();
    let fast = traces.get(id).unwrap();
    assert_eq!(let_through(fast, 1000, 0, 100), 5);
    assert_eq!(fast.status(0).over, Some(Over::Rate));
    // Ten windows of five.
    let waits = TraceLimits {
        rate_ends: false,
        ..limits
    };
    let id = traces.open(&clock, waits, 0).unwrap();
    let thinned = traces.get(id).unwrap();
    let through = let_through(thinned, 100, 0, 100);
    assert!((50..=60).contains(&through), "{through}");
    assert_eq!(thinned.status(0).over, None);
}

#[test]
fn time_ends_it_with_and_without_events() {
    let (clock, traces) = traces();
    let limits = TraceLimits {
        time: Duration::from_nanos(1000),
        ..FREE
    };
    let id = traces.open(&clock, limits, 0).unwrap();
    let through = let_through(traces.get(id).unwrap(), 100, 0, 100);
    assert!((9..=11).contains(&through), "{through}");
    let id = traces.open(&clock, limits, 0).unwrap();
    let silent = traces.get(id).unwrap();
    assert_eq!(silent.status(5).over, None);
    assert_eq!(silent.status(10_000).over, Some(Over::Time));
}

#[test]
fn an_id_is_never_used_again_and_slots_are() {
    let (clock, traces) = traces();
    let mut seen = Vec::new();
    for round in 0..3 {
        let ids: Vec<u64> = (0..limits::TRACES_MAX)
            .map(|at| traces.open(&clock, FREE, at as u64).unwrap())
            .collect();
        assert!(
            traces.open(&clock, FREE, 0).is_err() && traces.any(),
            "round {round}"
        );
        assert_eq!(traces.all().len(), limits::TRACES_MAX);
        for id in &ids {
            assert!(!seen.contains(id));
            traces.stop(*id);
            assert!(!traces.get(*id).unwrap().admits(0));
            assert!(traces.close(*id) && !traces.close(*id));
            assert!(traces.get(*id).is_none());
        }
        seen.extend(ids);
    }
    assert!(!traces.any() && traces.get(0).is_none());
}
