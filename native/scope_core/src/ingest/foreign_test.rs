//! Functions that the VM traces: their ends name the function, not the activation, and may never come.

use crate::capture::record::RecordKind;
use crate::capture::tracing::Traced;
use crate::capture::{ForeignKey, NO_REASON};
use crate::ingest::engine_test::{Alive, Rig, function};
use crate::ingest::{CallStats, EventFilter, EventKind};

const TRACE: u32 = 3;
const PROCESS: u64 = 7;
/// Foreign functions have numbers above those of the rig's instrumented ones.
const F: u32 = 20;
const G: u32 = 21;

fn rig() -> Rig {
    Rig::new(1024, 1000)
}

fn traced(rig: &Rig, kind: RecordKind, number: u32, trace: u32) -> Traced {
    let key = ForeignKey {
        module: 11,
        name: u64::from(number) * 64 + 11,
        arity: 0,
    };
    let point = rig
        .capture
        .points
        .foreign(key, || function(number))
        .unwrap();
    Traced {
        kind,
        process: PROCESS,
        point,
        trace,
        reason: NO_REASON,
    }
}

fn call(rig: &Rig, number: u32) {
    let traced = traced(rig, RecordKind::Enter, number, TRACE);
    rig.capture
        .foreign_enter(&rig.ring, traced, true, None)
        .unwrap();
}

fn ends(rig: &Rig, kind: RecordKind, number: u32) {
    let traced = traced(rig, kind, number, TRACE);
    rig.capture.foreign_end(&rig.ring, traced, None).unwrap();
}

fn returns(rig: &Rig, number: u32) {
    ends(rig, RecordKind::Exit, number);
}

fn raises(rig: &Rig, number: u32) {
    ends(rig, RecordKind::ForeignError, number);
}

fn ended(stats: CallStats) -> [u64; 5] {
    [
        stats.calls,
        stats.returned,
        stats.errors,
        stats.lost,
        stats.aborted,
    ]
}

/// The kinds of all events, in order.
fn kinds(rig: &Rig) -> Vec<EventKind> {
    let events = rig.store.events(&EventFilter::default(), 100).unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

#[test]
fn calls_and_returns_nest_as_the_vm_reports_them() {
    let rig = rig();
    // f calls g twice; then f calls itself and jumps to g, whose return comes first.
    call(&rig, F);
    call(&rig, G);
    returns(&rig, G);
    call(&rig, G);
    returns(&rig, G);
    returns(&rig, F);
    call(&rig, F);
    call(&rig, F);
    call(&rig, G);
    returns(&rig, G);
    returns(&rig, F);
    returns(&rig, F);
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.open, accounts.engine.orphans), (0, 0));
    assert_eq!(ended(rig.stats(F)), [3, 3, 0, 0, 0]);
    assert_eq!(ended(rig.stats(G)), [3, 3, 0, 0, 0]);
    let edges = rig.store.edges();
    let count = |from, to| {
        let found = edges
            .iter()
            .find(|edge| edge.caller == function(from) && edge.callee == function(to));
        found.map_or(0, |edge| edge.count)
    };
    assert_eq!((count(F, G), count(F, F), count(G, F)), (3, 1, 0));
}

#[test]
fn an_exception_ends_every_traced_function_that_it_leaves() {
    let rig = rig();
    call(&rig, F);
    call(&rig, G);
    raises(&rig, G);
    returns(&rig, F);
    let accounts = rig.ingest(&mut Alive);
    assert_eq!(accounts.engine.open, 0);
    assert_eq!(ended(rig.stats(G)), [1, 0, 1, 0, 0]);
    assert_eq!(ended(rig.stats(F)), [1, 1, 0, 0, 0]);
    use EventKind::{Enter, Error, Return};
    assert_eq!(kinds(&rig), [Enter, Enter, Error, Return]);
}

#[test]
fn probes_and_traced_functions_share_a_stack() {
    let rig = rig();
    // Instrumented 1 calls traced f, which calls instrumented 2, which fails; f catches it and calls instrumented 3.
    let one = rig.enter(PROCESS, 1);
    call(&rig, F);
    let _two = rig.enter(PROCESS, 2);
    let three = rig.enter(PROCESS, 3);
    rig.exit(PROCESS, three);
    returns(&rig, F);
    rig.exit(PROCESS, one);
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.open, accounts.engine.lost), (0, 0));
    assert_eq!(ended(rig.stats(2)), [1, 0, 1, 0, 0]);
    assert_eq!(ended(rig.stats(F)), [1, 1, 0, 0, 0]);
    assert_eq!(ended(rig.stats(1)), [1, 1, 0, 0, 0]);
    let edges = rig.store.edges();
    assert!(
        edges
            .iter()
            .any(|edge| edge.caller == function(1) && edge.callee == function(F))
    );
    assert!(
        edges
            .iter()
            .any(|edge| edge.caller == function(F) && edge.callee == function(2))
    );
}

#[test]
fn what_a_closed_trace_left_open_is_lost_and_counted() {
    let rig = rig();
    let one = rig.enter(PROCESS, 1);
    call(&rig, F);
    let two = rig.enter(PROCESS, 2);
    call(&rig, G);
    let other = traced(&rig, RecordKind::Enter, F, TRACE + 1);
    rig.capture
        .foreign_enter(&rig.ring, other, true, None)
        .unwrap();
    rig.capture.trace_closed(&rig.ring, TRACE).unwrap();
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.open, accounts.engine.unended), (3, 2));
    assert_eq!(ended(rig.stats(F)), [2, 0, 0, 1, 0]);
    assert_eq!(ended(rig.stats(G)), [1, 0, 0, 1, 0]);
    // The others go on. An end of the closed trace that comes late belongs to nobody.
    returns(&rig, F);
    rig.exit(PROCESS, two);
    rig.exit(PROCESS, one);
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.open, accounts.engine.orphans), (0, 1));
    assert_eq!(ended(rig.stats(1)), [1, 1, 0, 0, 0]);
    assert_eq!(accounts.engine.began, accounts.engine.ended);
}

#[test]
fn an_end_that_never_came_is_lost_not_an_error() {
    let rig = rig();
    let one = rig.enter(PROCESS, 1);
    call(&rig, F);
    call(&rig, G);
    returns(&rig, F);
    call(&rig, F);
    rig.exit(PROCESS, one);
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.open, accounts.engine.unended), (0, 2));
    assert_eq!(ended(rig.stats(G)), [1, 0, 0, 1, 0]);
    assert_eq!(ended(rig.stats(F)), [2, 1, 0, 1, 0]);
}

#[test]
fn calls_without_ends_are_counted_and_stay_out_of_the_stack() {
    let rig = rig();
    let one = rig.enter(PROCESS, 1);
    for _ in 0..100 {
        let traced = traced(&rig, RecordKind::Enter, F, TRACE);
        rig.capture
            .foreign_enter(&rig.ring, traced, false, None)
            .unwrap();
    }
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.open, accounts.engine.unended), (1, 100));
    assert_eq!(ended(rig.stats(F)), [100, 0, 0, 100, 0]);
    assert_eq!(rig.stats(F).max_ns, None);
    rig.exit(PROCESS, one);
    assert_eq!(rig.ingest(&mut Alive).engine.open, 0);
}

/// What the ring refused is lost in the accounts as before, whatever traces left open.
#[test]
fn refused_ends_are_told_from_those_that_nobody_reports() {
    let rig = Rig::new(16, 1000);
    let fill = |rig: &Rig| {
        while rig.ring.has_room(RecordKind::Exit) {
            rig.exit(PROCESS, 0xFFFF << 48);
        }
    };
    let one = rig.enter(PROCESS, 1);
    call(&rig, F);
    let two = rig.enter(PROCESS, 2);
    fill(&rig);
    rig.exit(PROCESS, two);
    rig.ingest(&mut Alive);
    rig.exit(PROCESS, one);
    rig.ingest(&mut Alive);
    assert_eq!(ended(rig.stats(2)), [1, 0, 0, 1, 0]);
    assert_eq!(ended(rig.stats(F)), [1, 0, 0, 1, 0]);
    assert_eq!(ended(rig.stats(1)), [1, 1, 0, 0, 0]);
}

/// Time of a traced function, as of any other: self time without what it called.
#[test]
fn times_are_measured() {
    let rig = rig();
    call(&rig, F);
    rig.pass(1000);
    call(&rig, G);
    rig.pass(50_000);
    returns(&rig, G);
    rig.pass(1000);
    returns(&rig, F);
    rig.ingest(&mut Alive);
    let (f, g) = (rig.stats(F), rig.stats(G));
    assert!((50_000..50_100).contains(&g.total_ns), "{g:?}");
    assert!((52_000..52_200).contains(&f.total_ns), "{f:?}");
    assert!((2000..2200).contains(&f.self_ns), "{f:?}");
}
