//! Events within activations: whose they are, and that their bytes stay theirs.

use crate::capture::record::RecordKind;
use crate::capture::{Closing, NO_REASON};
use crate::captured::format::put_binary;
use crate::ingest::engine_test::{Alive, Rig, function};
use crate::ingest::{Event, EventFilter, EventKind};
use crate::limits;

const NO_POINT: u32 = u32::MAX;

/// A text as a value.
fn value(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_binary(&mut bytes, text);
    bytes
}

fn within(rig: &Rig, kind: RecordKind, process: u64, token: u64, point: u32, blob: &[u8]) {
    let closing = Closing {
        kind,
        process,
        token,
        point,
        reason: NO_REASON,
    };
    rig.capture.close_with(&rig.ring, closing, blob).unwrap();
}

fn events(rig: &Rig, kind: EventKind) -> Vec<Event> {
    let filter = EventFilter {
        kinds: Some(vec![kind]),
        ..EventFilter::default()
    };
    rig.store.events(&filter, 100).unwrap()
}

#[test]
fn a_value_belongs_to_its_activation_and_comes_back_as_it_was() {
    let rig = Rig::new(64, limits::FRAMES_MAX);
    let outer = rig.enter(1, 0);
    within(&rig, RecordKind::Bind, 1, outer, 0, &value(b"first"));
    let inner = rig.enter(1, 1);
    // Without a token: the innermost of the point's function, whatever is on top.
    within(&rig, RecordKind::Bind, 1, 0, 0, &value(b"second"));
    within(&rig, RecordKind::Bind, 1, 0, 1, &value(b"third"));
    // Of a process: the innermost of all. Of another process, or of a function that is not open: nobody's.
    within(
        &rig,
        RecordKind::MessageSent,
        1,
        0,
        NO_POINT,
        &[&[0; 17][..], &value(b"fourth")].concat(),
    );
    within(&rig, RecordKind::Bind, 2, 0, 0, b"");
    within(&rig, RecordKind::Bind, 1, 0, 3, &value(b"sixth"));
    rig.exit(1, inner);
    rig.exit(1, outer);
    rig.ingest(&mut Alive);

    let bound = events(&rig, EventKind::Binding);
    let found: Vec<(u64, Option<Vec<u8>>)> = bound
        .iter()
        .map(|event| (event.token, event.blob.as_deref().map(<[u8]>::to_vec)))
        .collect();
    let expected = vec![
        (outer, Some(value(b"first"))),
        (outer, Some(value(b"second"))),
        (inner, Some(value(b"third"))),
        (0, None),
        (0, Some(value(b"sixth"))),
    ];
    assert_eq!(found, expected);
    assert_eq!(bound[2].point.unwrap().function, function(1));
    let sent = events(&rig, EventKind::MessageSent);
    assert_eq!((sent[0].token, sent[0].point), (inner, None));
    assert_eq!(
        sent[0].blob.as_deref(),
        Some(&[&[0; 17][..], &value(b"fourth")].concat()[..])
    );
    assert_eq!(rig.store.function_stats(&function(0)).unwrap().calls, 1);
}

#[test]
fn what_lies_above_an_activation_that_reports_was_unwound() {
    let rig = Rig::new(64, limits::FRAMES_MAX);
    let outer = rig.enter(1, 0);
    rig.enter(1, 1);
    // An exception left the inner one, and code that does not report caught it.
    within(&rig, RecordKind::Bind, 1, outer, 0, &value(b"caught"));
    rig.enter(1, 2);
    rig.exit(1, outer);
    rig.ingest(&mut Alive);
    let errors = rig.store.function_stats(&function(1)).unwrap().errors;
    assert_eq!(errors, 1);
    let callers = rig.store.callers(&function(2));
    assert_eq!(callers[0].caller, function(0));
}

#[test]
fn the_marks_of_its_own_tries_stay() {
    let rig = Rig::new(64, limits::FRAMES_MAX);
    let outer = rig.enter(1, 0);
    let mark = rig.try_enter(1);
    rig.enter(1, 1);
    within(&rig, RecordKind::Raise, 1, outer, 0, &value(b"reason"));
    rig.close(RecordKind::Caught, 1, mark);
    rig.exit(1, outer);
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.orphans, accounts.engine.open), (0, 0));
    assert_eq!(rig.store.function_stats(&function(1)).unwrap().errors, 1);
}

#[test]
fn a_point_that_does_not_exist_is_counted_and_not_believed() {
    let rig = Rig::new(64, limits::FRAMES_MAX);
    within(&rig, RecordKind::Bind, 1, 0, 60, &value(b"x"));
    let accounts = rig.ingest(&mut Alive);
    assert_eq!(accounts.engine.malformed, 1);
    assert_eq!(events(&rig, EventKind::Binding), []);
}

#[test]
fn values_without_room_are_counted_and_their_events_kept() {
    let rig = Rig::new(1 << 12, limits::FRAMES_MAX);
    let token = rig.enter(1, 0);
    let large = value(&vec![7; 512 * 1024]);
    for _ in 0..6 {
        within(&rig, RecordKind::Bind, 1, token, 0, &large);
    }
    let accounts = rig.ingest(&mut Alive);
    let values = accounts.values;
    assert_eq!((values.offered, values.in_flight), (6, 0));
    assert_eq!((values.stored, values.dropped), (3, 3));
    assert_eq!(events(&rig, EventKind::Binding).len(), 6);
    assert_eq!(accounts.engine.values_refused, 0);
}

#[test]
fn bytes_that_are_no_value_are_counted_and_their_event_kept() {
    let rig = Rig::new(64, limits::FRAMES_MAX);
    let token = rig.enter(1, 0);
    within(&rig, RecordKind::Bind, 1, token, 0, &[0xFF, 0, 1]);
    let accounts = rig.ingest(&mut Alive);
    assert_eq!(accounts.engine.values_refused, 1);
    assert_eq!(events(&rig, EventKind::Binding)[0].blob, None);
}
