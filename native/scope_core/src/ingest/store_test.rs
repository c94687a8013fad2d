//! The store: log, search, saving.

use std::collections::BTreeSet;

use crate::capture::record::RecordKind;
use crate::error::Error;
use crate::ingest::engine_test::{Alive, Rig, clause, function};
use crate::ingest::{Event, EventFilter, EventKind, RuntimeLimits, RuntimeStore, SavedRuntime};
use crate::sync::Arc;

/// Some thousand activations of several processes, nested, with errors.
fn busy(steps: u64) -> Rig {
    let rig = Rig::new(1 << 12, 1000);
    for step in 0..steps {
        let process = step % 7;
        let outer = rig.enter(process, (step % 3) as u32);
        let mark = rig.try_enter(process);
        let inner = rig.enter(process, 3 + (step % 2) as u32);
        match step % 5 {
            0 => rig.close(RecordKind::Caught, process, mark),
            _ => {
                rig.exit(process, inner);
                rig.close(RecordKind::TryLeave, process, mark);
            }
        }
        rig.exit(process, outer);
        rig.pass(step % 40);
        if step % 100 == 0 {
            rig.ingest(&mut Alive);
        }
    }
    rig.ingest(&mut Alive);
    rig
}

fn all(store: &RuntimeStore) -> Vec<Event> {
    store.events(&EventFilter::default(), usize::MAX).unwrap()
}

#[test]
fn a_search_finds_what_a_plain_filter_finds() {
    let rig = busy(3_000);
    let events = all(&rig.store);
    assert_eq!(events.len(), 12_000);
    for event in &events {
        let activation = rig.store.activation(event.token).unwrap().unwrap();
        assert_eq!(activation.began.process, activation.ended.unwrap().process);
    }
    let (early, late) = (events[2_000].at_ns, events[7_000].at_ns);
    let some = events[5_001].clone();
    type Takes<'a> = Box<dyn Fn(&Event) -> bool + 'a>;
    let default = EventFilter::default;
    let cases: Vec<(EventFilter, Takes)> = vec![
        (
            EventFilter {
                functions: Some(vec![function(1), function(4)]),
                ..default()
            },
            Box::new(|e| [function(1), function(4)].contains(&e.point.unwrap().function)),
        ),
        (
            EventFilter {
                points: Some(vec![(5, 2)]),
                ..default()
            },
            Box::new(|e| e.point == Some(clause(2))),
        ),
        (
            EventFilter {
                process: Some(3),
                ..default()
            },
            Box::new(|e| e.process == 3),
        ),
        (
            EventFilter {
                process: Some(99),
                ..default()
            },
            Box::new(|_| false),
        ),
        (
            EventFilter {
                token: Some(some.token),
                ..default()
            },
            Box::new(|e| e.token == some.token),
        ),
        (
            EventFilter {
                token: Some(12_345),
                ..default()
            },
            Box::new(|_| false),
        ),
        (
            EventFilter {
                kinds: Some(vec![EventKind::Error]),
                ..default()
            },
            Box::new(|e| e.kind == EventKind::Error),
        ),
        (
            EventFilter {
                from_ns: Some(early),
                to_ns: Some(late),
                ..default()
            },
            Box::new(|e| e.at_ns >= early && e.at_ns <= late),
        ),
        (
            EventFilter {
                after: Some(some.event_id),
                ..default()
            },
            Box::new(|e| e.event_id > some.event_id),
        ),
        (
            EventFilter {
                functions: Some(vec![function(0)]),
                process: Some(2),
                kinds: Some(vec![EventKind::Enter, EventKind::Return]),
                from_ns: Some(early),
                ..default()
            },
            Box::new(|e| {
                e.point.unwrap().function == function(0)
                    && e.process == 2
                    && matches!(e.kind, EventKind::Enter | EventKind::Return)
                    && e.at_ns >= early
            }),
        ),
    ];
    for (filter, takes) in cases {
        let plain: Vec<Event> = events
            .iter()
            .filter(|event| takes(event))
            .cloned()
            .collect();
        assert_eq!(
            rig.store.events(&filter, usize::MAX).unwrap(),
            plain,
            "{filter:?}"
        );
        let newest = EventFilter {
            newest_first: true,
            ..filter.clone()
        };
        let reversed: Vec<Event> = plain.iter().rev().take(5).cloned().collect();
        assert_eq!(
            rig.store.events(&newest, 5).unwrap(),
            reversed,
            "{newest:?}"
        );
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn the_log_keeps_the_newest_within_its_bytes() {
    let rig = Rig::new(1 << 16, 1000);
    let small = Arc::new(RuntimeStore::new(RuntimeLimits {
        event_log_bytes: 6 << 20,
        ..RuntimeLimits::default()
    }));
    let none = Arc::new(RuntimeStore::new(RuntimeLimits {
        event_log_bytes: 0,
        ..RuntimeLimits::default()
    }));
    rig.capture.subscribe(&small);
    rig.capture.subscribe(&none);
    let mut tokens = Vec::new();
    for step in 0..400_000u64 {
        let token = rig.enter(step % 100, 1);
        rig.exit(step % 100, token);
        tokens.push(token);
        if step % 10_000 == 0 {
            rig.ingest(&mut Alive);
        }
    }
    rig.ingest(&mut Alive);
    for (store, kept) in [(&rig.store, 800_000), (&small, 200_000), (&none, 0)] {
        let totals = store.totals();
        assert_eq!((totals.events, totals.calls), (800_000, 400_000));
        assert_eq!(totals.events_kept + totals.events_evicted, 800_000);
        assert!(totals.events_kept >= kept, "{totals:?}");
        assert!(
            totals.log_bytes <= totals.events_kept * 24 + 4096,
            "{totals:?}"
        );
    }
    assert!(small.totals().log_bytes <= 6 << 20);
    // Newest are found, oldest are gone, and what is found is right.
    let events = all(&small);
    assert_eq!(events.len() as u64, small.totals().events_kept);
    assert_eq!(events.last().unwrap().token, *tokens.last().unwrap());
    assert_eq!(small.activation(tokens[0]).unwrap(), None);
    let kept: BTreeSet<u64> = events.iter().map(|event| event.token).collect();
    for token in tokens.iter().step_by(997) {
        let found = small.activation(*token).unwrap();
        assert_eq!(found.is_some(), kept.contains(token));
        if let Some(activation) = found {
            assert_eq!(activation.ended.unwrap().token, *token);
            assert_eq!(small.point_of_now(*token), Some(Some(clause(1))));
        }
        assert_eq!(
            rig.store.activation(*token).unwrap().unwrap().began.token,
            *token
        );
    }
}

#[test]
fn long_pauses_and_many_processes_begin_segments_and_lose_nothing() {
    let rig = Rig::new(1 << 12, 1000);
    for step in 0..200u64 {
        rig.exit(step, rig.enter(step, 1));
        rig.pass(7_000_000_000);
        rig.ingest(&mut Alive);
    }
    let events = all(&rig.store);
    assert_eq!(events.len(), 400);
    for (step, pair) in events.chunks(2).enumerate() {
        assert_eq!(
            (pair[0].process, pair[1].token),
            (step as u64, pair[0].token)
        );
        assert!(pair[1].at_ns - pair[0].at_ns < 100);
    }
    let span = events[399].at_ns - events[0].at_ns;
    assert!(
        (1_390_000_000_000..1_400_000_000_000).contains(&span),
        "{span}"
    );
    assert!(
        rig.store
            .activation(events[100].token)
            .unwrap()
            .unwrap()
            .ended
            .is_some()
    );
}

fn roundtrip(saved: &SavedRuntime) -> SavedRuntime {
    rmp_serde::from_slice(&rmp_serde::to_vec(saved).unwrap()).unwrap()
}

#[test]
fn a_saved_store_says_the_same() {
    let rig = busy(2_000);
    let saved = roundtrip(&rig.store.to_saved(true).unwrap());
    let back = RuntimeStore::from_saved(saved, RuntimeLimits::default()).unwrap();
    let log_bytes = back.totals().log_bytes;
    let totals = rig.store.totals();
    assert_eq!(
        back.totals(),
        crate::ingest::Totals {
            log_bytes,
            ..totals
        }
    );
    let mut functions = (back.functions(), rig.store.functions());
    functions.0.sort_by_key(|(key, _)| key.name.text());
    functions.1.sort_by_key(|(key, _)| key.name.text());
    assert_eq!(functions.0, functions.1);
    assert_eq!(
        back.clause_stats(&function(1)),
        rig.store.clause_stats(&function(1))
    );
    assert_eq!(back.edges(), rig.store.edges());
    let foreign = |event: Event| Event {
        process_is_local: false,
        ..event
    };
    assert_eq!(
        all(&back),
        all(&rig.store).into_iter().map(foreign).collect::<Vec<_>>()
    );
    let token = all(&rig.store)[77].token;
    let ended = |store: &RuntimeStore| store.activation(token).unwrap().unwrap().ended.map(foreign);
    assert_eq!(ended(&back), ended(&rig.store));
    // The words of another VM's processes name nobody here.
    let filter = EventFilter {
        process: Some(3),
        ..EventFilter::default()
    };
    assert_eq!(back.events(&filter, 10).unwrap(), []);
}

#[test]
fn a_merge_adds_up() {
    let (one, two) = (busy(1_000), busy(500));
    let stats = |rig: &Rig| rig.store.function_stats(&function(1)).unwrap();
    let (first, second) = (stats(&one), stats(&two));
    one.store
        .merge(roundtrip(&two.store.to_saved(true).unwrap()))
        .unwrap();
    let sum = stats(&one);
    assert_eq!(sum.calls, first.calls + second.calls);
    assert_eq!(sum.total_ns, first.total_ns + second.total_ns);
    assert_eq!(sum.self_ns, first.self_ns + second.self_ns);
    assert_eq!(sum.errors, first.errors + second.errors);
    assert_eq!(sum.max_ns, first.max_ns.max(second.max_ns));
    assert!(sum.p50_ns.is_some());
    let totals = one.store.totals();
    assert_eq!((totals.events, totals.events_kept), (6_000, 4_000));
    // Running on after a merge goes on counting in the same places.
    let token = one.enter(1, 1);
    one.exit(1, token);
    one.ingest(&mut Alive);
    assert_eq!(stats(&one).calls, sum.calls + 1);
}

/// Every way to spoil a saved store that still deserializes.
#[test]
fn a_spoiled_save_is_refused_and_leaves_no_trace() {
    let rig = busy(50);
    let good = rmp_serde::to_vec(&rig.store.to_saved(true).unwrap()).unwrap();
    let (mut refused, mut taken) = (0, 0);
    for at in 0..good.len() {
        for change in [1u8, 0x40, 0x80, 0xFF] {
            let mut bytes = good.clone();
            bytes[at] ^= change;
            let Ok(saved) = rmp_serde::from_slice::<SavedRuntime>(&bytes) else {
                refused += 1;
                continue;
            };
            let store = RuntimeStore::new(RuntimeLimits::default());
            match store.merge(saved) {
                Err(Error::Corrupt { .. }) => {
                    refused += 1;
                    assert_eq!(
                        store.totals(),
                        RuntimeStore::new(RuntimeLimits::default()).totals()
                    );
                }
                Err(other) => panic!("{other:?}"),
                // A count or a time that differs is a value like another: reading it must not panic.
                Ok(()) => {
                    taken += 1;
                    all(&store);
                    store.totals();
                    store.functions();
                    store.edges();
                }
            }
        }
        if cfg!(miri) && at > 20 {
            break;
        }
    }
    assert!(refused > 0 && taken > 0, "{refused} {taken}");
}
