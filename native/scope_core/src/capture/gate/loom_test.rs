//! Every interleaving of probes and of whoever sets a gate anew, within loom's model of memory.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p scope_core --release --lib loom`

use loom::thread;

use crate::capture::flags::Flags;
use crate::capture::gate::{Seeded, Versioned};
use crate::capture::loom_test::explore;
use crate::sync::{Arc, AtomicU64, Ordering};

/// Two changes, read while they are made: what is read is one of the three, whole, and no older than what was read before.
fn change_model(seeded: Seeded) -> impl Fn() {
    move || {
        let mut cell = Versioned::new([0u64; 2]);
        cell.seeded = seeded;
        let cell = Arc::new(cell);
        let writer = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || {
                cell.write([1; 2]);
                cell.write([2; 2]);
            })
        };
        let mut last = 0;
        for _ in 0..2 {
            let (_, words) = cell.read();
            assert!(words[0] == words[1], "torn: {words:?}");
            assert!(words[0] >= last, "back in time");
            last = words[0];
        }
        writer.join().unwrap();
        assert_eq!(cell.read().1, [2; 2]);
    }
}

#[test]
fn loom_a_change_of_settings_is_seen_whole() {
    let tried = explore(change_model(Seeded::None)).expect("no interleaving may fail");
    assert!(tried >= 100, "only {tried} interleavings");
    println!("settings: {tried} interleavings");
}

#[test]
fn loom_settings_catch_a_relaxed_step() {
    assert_eq!(
        explore(change_model(Seeded::RelaxedStep)),
        None,
        "the seeded bug must be caught"
    );
}

#[test]
fn loom_settings_catch_a_reader_that_does_not_look_again() {
    assert_eq!(
        explore(change_model(Seeded::NoSecondLook)),
        None,
        "the seeded bug must be caught"
    );
}

#[test]
fn loom_settings_catch_writing_in_place() {
    assert_eq!(
        explore(change_model(Seeded::InPlace)),
        None,
        "the seeded bug must be caught"
    );
}

/// Two probes were told "spent" by the old settings, while the gate is set anew: however they interleave, the point is on
/// at the end. `looks`: whether a probe looks for another version after it switched the point off.
fn close_model(looks: bool) -> impl Fn() {
    move || {
        let flags = Arc::new(Flags::new(1));
        let cell = Arc::new(Versioned::new([0u64; 1]));
        let probes: Vec<_> = (0..2)
            .map(|_| {
                let (flags, cell) = (Arc::clone(&flags), Arc::clone(&cell));
                thread::spawn(move || {
                    let (version, words) = cell.read();
                    if words[0] == 0 {
                        flags.close(0, || !looks || cell.version() == version);
                    }
                })
            })
            .collect();
        cell.write([1]);
        flags.reopen(0);
        probes.into_iter().for_each(|probe| probe.join().unwrap());
        assert!(!flags.is_off(0), "left off though its gate is set anew");
    }
}

#[test]
fn loom_a_gate_set_anew_is_never_left_closed() {
    let tried = explore(close_model(true)).expect("no interleaving may fail");
    assert!(tried >= 100, "only {tried} interleavings");
    println!("close: {tried} interleavings");
}

#[test]
fn loom_closing_catches_a_probe_that_does_not_look_again() {
    assert_eq!(
        explore(close_model(false)),
        None,
        "the seeded bug must be caught"
    );
}

/// Hits that several threads take at a time: as many as there are, never one more.
fn hits_model(exact: bool) -> impl Fn() {
    move || {
        let gate = Arc::new(crate::capture::gate::Budget::new());
        let passed = Arc::new(AtomicU64::new(0));
        let takers: Vec<_> = (0..3)
            .map(|_| {
                let (gate, passed) = (Arc::clone(&gate), Arc::clone(&passed));
                thread::spawn(move || {
                    let taken = match exact {
                        true => gate.take(2),
                        // Looks and takes in two steps.
                        false => gate.taken() < 2 && gate.take(u64::MAX),
                    };
                    if taken {
                        passed.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        takers.into_iter().for_each(|taker| taker.join().unwrap());
        assert_eq!(passed.load(Ordering::Relaxed), 2);
    }
}

#[test]
fn loom_hits_are_taken_exactly() {
    let tried = explore(hits_model(true)).expect("no interleaving may fail");
    assert!(tried >= 20, "only {tried} interleavings");
    println!("hits: {tried} interleavings");
}

#[test]
fn loom_hits_catch_looking_before_taking() {
    assert_eq!(
        explore(hits_model(false)),
        None,
        "the seeded bug must be caught"
    );
}
