//! Single cases of the engine: what the model's random programs meet rarely or never.

use std::time::Duration;

use crate::atoms::{Atom, intern};
use crate::capture::clock::Clock;
use crate::capture::points::{FunctionKey, PointInfo, PointKind, PointRegistry};
use crate::capture::record::RecordKind;
use crate::capture::ring::Ring;
use crate::capture::{Accounts, Capture, Closing, Host, NO_REASON, Overflow, Work};
use crate::ingest::{CallStats, RuntimeLimits, RuntimeStore};
use crate::sync::{Arc, Ordering};

pub(super) const BUILD: u64 = 5;

pub(crate) fn function(number: u32) -> FunctionKey {
    FunctionKey {
        module: intern("Engine.Test"),
        name: intern(&format!("f{number}")),
        arity: 0,
    }
}

pub(super) fn clause(number: u32) -> PointInfo {
    let kind = PointKind::Clause;
    let function = function(number);
    PointInfo {
        build: BUILD,
        index: number,
        function,
        kind,
        clause: 0,
        line: number,
        column: None,
    }
}

/// A capture with a clock that counts, one ring, one store.
pub(crate) struct Rig {
    pub capture: Capture,
    pub ring: Arc<Ring>,
    pub store: Arc<RuntimeStore>,
}

/// Everybody lives.
pub(crate) struct Alive;

impl Host for Alive {
    fn monitor(&mut self, _: u64) -> bool {
        true
    }

    fn is_alive(&mut self, _: u64) -> bool {
        true
    }

    fn atom(&mut self, _: u64) -> Option<Atom> {
        None
    }
}

impl Rig {
    pub fn new(ring_records: usize, frames_max: usize) -> Self {
        let registry = PointRegistry::with_capacity(4, 64);
        registry
            .register(BUILD, &(0..8).map(clause).collect::<Vec<_>>())
            .unwrap();
        let capture =
            Capture::with_frames_max(Clock::counter(), registry, ring_records, frames_max);
        capture.start(Overflow::Drop);
        let store = Arc::new(RuntimeStore::new(RuntimeLimits::default()));
        capture.subscribe(&store);
        Rig {
            ring: capture.threads.claim().unwrap(),
            capture,
            store,
        }
    }

    pub fn enter(&self, process: u64, number: u32) -> u64 {
        self.offer(RecordKind::Enter, |ring| {
            self.capture.open(ring, RecordKind::Enter, process, number)
        })
    }

    pub fn try_enter(&self, process: u64) -> u64 {
        self.offer(RecordKind::TryEnter, |ring| {
            self.capture.open(ring, RecordKind::TryEnter, process, 0)
        })
    }

    /// As the probe does: what finds no room counts, and gives token 0.
    fn offer(
        &self,
        kind: RecordKind,
        write: impl Fn(&Ring) -> Result<u64, crate::capture::ring::Full>,
    ) -> u64 {
        write(&self.ring).unwrap_or_else(|_| {
            self.ring.count_dropped(kind);
            0
        })
    }

    pub fn close(&self, kind: RecordKind, process: u64, token: u64) {
        if token != 0 {
            let closing = Closing {
                kind,
                process,
                token,
                point: 0,
                reason: NO_REASON,
            };
            if self.capture.close(&self.ring, closing).is_err() {
                self.ring.count_dropped(kind);
            }
        }
    }

    pub fn exit(&self, process: u64, token: u64) {
        self.close(RecordKind::Exit, process, token);
    }

    pub fn pass(&self, ticks: u64) {
        if let Clock::Counter(count) = &self.capture.clock {
            count.fetch_add(ticks, Ordering::Relaxed);
        }
    }

    pub fn ingest(&self, host: &mut dyn Host) -> Accounts {
        let work = Work {
            budget: Duration::from_secs(1),
            thorough: true,
        };
        while self.capture.ingest(host, work).unwrap().more {}
        let accounts = self.capture.accounts();
        let dropped = accounts.ring_full + accounts.unregistered + accounts.no_ring;
        assert_eq!(
            accounts.offered,
            accounts.stored + accounts.in_flight + dropped
        );
        accounts
    }

    pub fn stats(&self, number: u32) -> CallStats {
        self.store.function_stats(&function(number)).unwrap()
    }
}

/// Answers "dead" once it has let the process write its last words: as when it dies between the reading of
/// the rings and the question.
struct DiesWhenAsked<'a> {
    rig: &'a Rig,
    token: u64,
    asked: u32,
}

impl Host for DiesWhenAsked<'_> {
    fn monitor(&mut self, process: u64) -> bool {
        self.asked += 1;
        self.rig.exit(process, self.token);
        false
    }

    fn is_alive(&mut self, _: u64) -> bool {
        true
    }

    fn atom(&mut self, _: u64) -> Option<Atom> {
        None
    }
}

#[test]
fn the_last_words_of_a_dead_process_are_heard() {
    let rig = Rig::new(64, 100);
    let (outer, inner) = (rig.enter(1, 0), rig.enter(1, 1));
    let mut host = DiesWhenAsked {
        rig: &rig,
        token: inner,
        asked: 0,
    };
    assert!(outer != 0);
    assert_eq!(rig.ingest(&mut host).engine.open, 2);
    let accounts = rig.ingest(&mut host);
    assert_eq!(
        (accounts.engine.open, accounts.engine.processes, host.asked),
        (0, 0, 1)
    );
    assert_eq!((rig.stats(1).returned, rig.stats(1).aborted), (1, 0));
    assert_eq!((rig.stats(0).returned, rig.stats(0).aborted), (0, 1));
}

#[test]
fn at_the_limit_calls_still_count_and_memory_does_not_grow() {
    let rig = Rig::new(4096, 10);
    let tokens: Vec<u64> = (0..50).map(|_| rig.enter(1, 2)).collect();
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.open, accounts.engine.untracked), (10, 40));
    tokens.iter().rev().for_each(|token| rig.exit(1, *token));
    let again = rig.enter(1, 3);
    rig.exit(1, again);
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.open, accounts.engine.orphans), (0, 0));
    let stats = rig.stats(2);
    assert_eq!(
        (stats.calls, stats.returned, stats.lost, stats.open()),
        (50, 10, 40, 0)
    );
    assert_eq!(rig.stats(3).returned, 1);
}

#[test]
fn an_end_that_was_dropped_is_lost_and_no_error() {
    // 8 slots: 7 for beginnings, the last for ends.
    let rig = Rig::new(8, 100);
    let outer = rig.enter(1, 0);
    let inner: Vec<u64> = (0..2).map(|_| rig.enter(1, 1)).collect();
    for _ in 0..4 {
        rig.exit(2, rig.enter(2, 2));
    }
    rig.capture.pause(&rig.ring, 2, 1);
    assert_eq!(rig.ring.counts().in_flight, 8);
    // The ring is full: these two are gone.
    rig.exit(1, inner[1]);
    rig.exit(1, inner[0]);
    rig.ingest(&mut Alive);
    rig.exit(1, outer);
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.open, accounts.engine.orphans), (0, 0));
    let stats = rig.stats(1);
    assert_eq!(
        (stats.calls, stats.lost, stats.errors, stats.returned),
        (2, 2, 0, 0)
    );
    assert_eq!(stats.p50_ns, None, "a lost end bends no distribution");
    assert_eq!(rig.stats(0).returned, 1);
    assert!(accounts.ring_full >= 2);
}

#[test]
fn time_held_back_is_nobodys() {
    let rig = Rig::new(64, 100);
    let outer = rig.enter(1, 0);
    rig.pass(1_000);
    rig.capture.pause(&rig.ring, 1, 900);
    let inner = rig.enter(1, 1);
    rig.exit(1, inner);
    rig.exit(1, outer);
    rig.ingest(&mut Alive);
    let (outer, inner) = (rig.stats(0), rig.stats(1));
    assert!(outer.total_ns < 200 && outer.total_ns >= 100, "{outer:?}");
    assert_eq!(outer.total_ns, outer.self_ns + inner.total_ns);
}

#[test]
fn a_death_without_room_in_the_ring_is_found_out() {
    struct Dead(bool);
    impl Host for Dead {
        fn monitor(&mut self, _: u64) -> bool {
            !self.0
        }
        fn is_alive(&mut self, _: u64) -> bool {
            true
        }
        fn atom(&mut self, _: u64) -> Option<Atom> {
            None
        }
    }
    let rig = Rig::new(8, 100);
    rig.enter(1, 0);
    rig.ingest(&mut Dead(false));
    for _ in 0..8 {
        rig.exit(2, rig.enter(2, 2));
    }
    rig.capture.down(Some(&rig.ring), 1);
    assert_eq!(rig.ring.counts().dropped_ends, 1);
    rig.ingest(&mut Dead(true));
    rig.ingest(&mut Dead(true));
    let accounts = rig.ingest(&mut Dead(true));
    assert_eq!((accounts.engine.open, rig.stats(0).aborted), (0, 1));
}

#[test]
fn who_died_unwatched_worked_until_it_last_reported() {
    struct Gone;
    impl Host for Gone {
        fn monitor(&mut self, process: u64) -> bool {
            process != 1
        }
        fn is_alive(&mut self, process: u64) -> bool {
            process != 1
        }
        fn atom(&mut self, _: u64) -> Option<Atom> {
            None
        }
    }
    let rig = Rig::new(1024, 100);
    rig.enter(1, 0);
    rig.enter(1, 1);
    // Time goes on for the others.
    let other = rig.enter(2, 2);
    for _ in 0..100 {
        rig.exit(2, rig.enter(2, 3));
    }
    rig.exit(2, other);
    for _ in 0..3 {
        rig.ingest(&mut Gone);
    }
    let (outer, inner) = (rig.stats(0), rig.stats(1));
    assert_eq!((outer.aborted, inner.aborted), (1, 1));
    assert_eq!(inner.total_ns, 0);
    assert!(outer.total_ns > 0);
    assert!(outer.total_ns * 50 < rig.stats(2).total_ns);
}

#[test]
fn nonsense_is_counted_and_changes_nothing() {
    let rig = Rig::new(64, 100);
    let token = rig.enter(1, 0);
    rig.exit(1, token + 77);
    rig.exit(9, token);
    rig.close(RecordKind::TryLeave, 1, token);
    rig.close(RecordKind::Caught, 1, token);
    let mark = rig.try_enter(1);
    rig.exit(1, mark);
    rig.close(RecordKind::TryLeave, 1, mark);
    rig.close(RecordKind::TryLeave, 1, mark);
    rig.enter(1, 63);
    rig.exit(1, token);
    let accounts = rig.ingest(&mut Alive);
    assert_eq!((accounts.engine.orphans, accounts.engine.malformed), (6, 1));
    assert_eq!((rig.stats(0).returned, accounts.engine.open), (1, 0));
}

#[test]
fn the_seat_is_for_one() {
    let rig = Rig::new(64, 100);
    struct Nested<'a>(&'a Rig, bool);
    impl Host for Nested<'_> {
        fn monitor(&mut self, _: u64) -> bool {
            let work = Work {
                budget: Duration::ZERO,
                thorough: false,
            };
            self.1 = self.0.capture.ingest(&mut Alive, work).is_err();
            true
        }
        fn is_alive(&mut self, _: u64) -> bool {
            true
        }
        fn atom(&mut self, _: u64) -> Option<Atom> {
            None
        }
    }
    rig.enter(1, 0);
    let mut host = Nested(&rig, false);
    rig.ingest(&mut host);
    assert!(host.1, "a second consumer must meet Busy");
    // A panic inside gives the seat back too.
    struct Panics;
    impl Host for Panics {
        fn monitor(&mut self, _: u64) -> bool {
            panic!("on purpose")
        }
        fn is_alive(&mut self, _: u64) -> bool {
            true
        }
        fn atom(&mut self, _: u64) -> Option<Atom> {
            None
        }
    }
    rig.enter(2, 0);
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rig.ingest(&mut Panics)));
    assert!(panicked.is_err());
    rig.ingest(&mut Alive);
}

/// Uninstrumented code catches, and the process goes on: nothing below reports.
#[test]
fn what_the_real_stack_no_longer_holds_is_retired() {
    let rig = Rig::new(256, 100);
    let server = rig.enter(1, 0);
    let mark = rig.try_enter(1);
    for _ in 0..5 {
        rig.enter(1, 1);
    }
    rig.pass(1_000);
    assert_eq!(rig.ingest(&mut Alive).engine.open, 6);
    let quiet = Duration::from_nanos(500);
    assert_eq!(rig.capture.suspects(quiet, 10).unwrap(), [1]);
    assert_eq!(
        rig.capture.suspects(quiet, 10).unwrap(),
        [],
        "asked once for a silence"
    );
    let seen = rig.capture.clock.now();
    let stack = [function(0), function(5)];
    assert_eq!(
        rig.capture.retire(1, &stack, seen).unwrap(),
        0,
        "not everything before is read"
    );
    rig.ingest(&mut Alive);
    assert_eq!(rig.capture.retire(1, &stack, seen).unwrap(), 5);
    let counts = rig.capture.accounts().engine;
    assert_eq!(
        (counts.open, counts.marks, counts.retired, counts.ended),
        (1, 1, 5, 5)
    );
    assert_eq!((rig.stats(1).errors, rig.stats(1).open()), (5, 0));
    // The rest goes on as if nothing had been.
    let again = rig.enter(1, 1);
    rig.exit(1, again);
    rig.close(RecordKind::TryLeave, 1, mark);
    rig.exit(1, server);
    let counts = rig.ingest(&mut Alive).engine;
    assert_eq!((counts.open, counts.marks, counts.orphans), (0, 0, 0));
    assert_eq!((rig.stats(0).returned, rig.stats(1).returned), (1, 1));
    assert_eq!(rig.store.totals().self_ns, rig.stats(0).total_ns);
    // From below something that stays, too.
    let tokens = [rig.enter(3, 4), rig.enter(3, 5), rig.enter(3, 6)];
    rig.pass(1_000);
    rig.ingest(&mut Alive);
    let seen = rig.capture.clock.now();
    rig.ingest(&mut Alive);
    assert_eq!(
        rig.capture
            .retire(3, &[function(4), function(6)], seen)
            .unwrap(),
        1
    );
    rig.exit(3, tokens[2]);
    rig.exit(3, tokens[0]);
    assert_eq!(rig.ingest(&mut Alive).engine.open, 0);
    let roots = rig.stats(0).total_ns + rig.stats(4).total_ns;
    assert_eq!(rig.store.totals().self_ns, roots);
    // Something that reported after the look is not judged by it.
    rig.enter(2, 3);
    let seen = rig.capture.clock.now();
    rig.enter(2, 4);
    rig.ingest(&mut Alive);
    assert_eq!(rig.capture.retire(2, &[], seen).unwrap(), 0);
    assert_eq!(rig.capture.retire(77, &[], seen).unwrap(), 0);
}
