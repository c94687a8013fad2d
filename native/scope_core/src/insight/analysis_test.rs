//! Each event is taken once, also one that comes late, and also when there is no time to take all.

use super::*;
use crate::ingest::engine_test::{Alive, Rig, function};

/// Calls of one function by three processes.
fn round(rig: &Rig, calls: u64) {
    for process in 0..3 {
        for _ in 0..calls {
            let token = rig.enter(process, 0);
            rig.pass(1);
            rig.exit(process, token);
        }
        rig.ingest(&mut Alive);
    }
}

#[test]
fn readings_between_rounds_add_up() {
    let rig = Rig::new(1 << 12, 10_000);
    let mut analysis = Analysis::default();
    for rounds in 1..=5 {
        round(&rig, 20);
        analysis.catch_up(&rig.store, Duration::from_secs(10));
        let facts = analysis.function(&function(0)).unwrap();
        assert_eq!((facts.began, facts.ended), (rounds * 60, rounds * 60));
        assert_eq!(analysis.events, rounds * 120);
        assert_eq!(analysis.gap, Gap::default());
        // Nothing new: nothing is taken again.
        analysis.catch_up(&rig.store, Duration::from_secs(10));
        assert_eq!(analysis.events, rounds * 120);
    }
}

#[test]
fn late_events_are_taken_once_whatever_was_read_before() {
    let rig = Rig::new(64, 100_000);
    let mut analysis = Analysis::default();
    let store = &rig.store;
    let mut id = 0;
    let mut append = |at_ns: u64| {
        id += 1;
        store.append_for_test(id, at_ns);
    };
    for at in [100, 200, 300] {
        append(at);
    }
    analysis.catch_up(store, Duration::from_secs(10));
    assert_eq!(analysis.events, 3);
    // Earlier than what was read, between, and later.
    for at in [50, 250, 400, 60, 299] {
        append(at);
    }
    analysis.catch_up(store, Duration::from_secs(10));
    assert_eq!((analysis.events, analysis.gap), (8, Gap::default()));
    for at in [10, 500, 55] {
        append(at);
        analysis.catch_up(store, Duration::ZERO);
    }
    analysis.catch_up(store, Duration::from_secs(10));
    analysis.catch_up(store, Duration::from_secs(10));
    assert_eq!((analysis.events, analysis.gap), (11, Gap::default()));
    assert_eq!((analysis.first_ns, analysis.last_ns), (Some(10), 500));
}
