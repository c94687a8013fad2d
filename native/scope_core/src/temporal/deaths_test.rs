//! Deaths and restarts over windows written by hand.

use crate::temporal::happening::{Happening, Tag, What};
use crate::temporal::window::Window;
use crate::temporal::{Basis, Budget, CausalEdge, Causality, EdgeKind, Messages};

/// Events one microsecond apart.
struct Log(Vec<Happening>);

impl Log {
    fn add(
        &mut self,
        process: u64,
        what: What,
        peer: u64,
        edit: impl FnOnce(&mut Happening),
    ) -> u32 {
        let id = self.0.len() as u64;
        let mut event = Happening::new(id, id * 1_000, process, what);
        event.peer = peer;
        edit(&mut event);
        self.0.push(event);
        id as u32
    }

    fn edges(&self, kind: EdgeKind, gaps: bool) -> Vec<(u32, u32, Basis)> {
        let budget = Budget::unlimited();
        let window = Window::new(self.0.clone(), gaps);
        let messages = Messages::of(&window, &budget).unwrap();
        let causality = Causality::of(&window, &messages, &budget).unwrap();
        let all = causality.edges().iter();
        all.filter(|edge| edge.kind == kind)
            .map(
                |CausalEdge {
                     from, to, basis, ..
                 }| (*from, *to, *basis),
            )
            .collect()
    }
}

const TOLD: u64 = 1;
const DEAD: u64 = 2;

/// One that is told of deaths, and one that dies; the exit and its message.
fn death(linked: bool, by_link: bool) -> (Log, u32, u32) {
    let mut log = Log(Vec::new());
    log.add(TOLD, What::Spawned, 9, |_| {});
    log.add(DEAD, What::Spawned, TOLD, |_| {});
    if linked {
        log.add(TOLD, What::Link, DEAD, |_| {});
    }
    let exit = log.add(DEAD, What::Exit, 0, |event| event.key = 7);
    if by_link {
        log.add(TOLD, What::Unlink, DEAD, |event| event.special = true);
    }
    let told = log.add(TOLD, What::Arrived, DEAD, |event| event.tag = Tag::Exit);
    (log, exit, told)
}

#[test]
fn a_death_through_a_link_is_exact_and_a_signal_is_none() {
    let (log, exit, told) = death(true, true);
    assert_eq!(
        log.edges(EdgeKind::Exit, false),
        [(exit, told, Basis::NamedByVm)]
    );
    assert_eq!(log.edges(EdgeKind::Exit, true), [(exit, told, Basis::Gaps)]);
    // The link was still there when the message came: somebody sent it, and died.
    let (log, ..) = death(true, false);
    assert_eq!(log.edges(EdgeKind::Exit, false), []);
    let (log, ..) = death(false, false);
    assert_eq!(log.edges(EdgeKind::Exit, false), []);
}

#[test]
fn who_dies_with_another_has_the_same_reason_and_does_not_trap_exits() {
    let die = |normal: bool, key: u64, unlinked: bool| {
        let mut log = Log(Vec::new());
        log.add(TOLD, What::Spawned, 9, |_| {});
        log.add(TOLD, What::Link, DEAD, |_| {});
        if unlinked {
            log.add(TOLD, What::Unlink, DEAD, |_| {});
        }
        log.add(DEAD, What::Exit, 0, |event| {
            (event.key, event.special) = (7, normal)
        });
        log.add(TOLD, What::Exit, 0, |event| {
            (event.key, event.special) = (key, normal)
        });
        log.edges(EdgeKind::Exit, false).len()
    };
    assert_eq!(die(false, 7, false), 1);
    assert_eq!(die(true, 7, false), 0);
    assert_eq!(die(false, 8, false), 0);
    assert_eq!(die(false, 7, true), 0);
}

/// A supervisor whose child of kind 5 died; `calls` says what is asked of it, before and after.
fn restart(supervisor: bool, call_before: bool, kind: u64) -> usize {
    let mut log = Log(Vec::new());
    log.add(TOLD, What::Spawned, 9, |event| event.special = supervisor);
    log.add(TOLD, What::Spawn, DEAD, |event| event.key = 5);
    if call_before {
        log.add(TOLD, What::Arrived, 8, |event| {
            (event.tag, event.key, event.special) = (Tag::Call, 77, true);
        });
    }
    log.add(DEAD, What::Exit, 0, |_| {});
    log.add(TOLD, What::Arrived, DEAD, |event| event.tag = Tag::Exit);
    log.add(TOLD, What::Spawn, 3, |event| event.key = kind);
    log.add(TOLD, What::Sent, 8, |event| {
        (event.tag, event.key) = (Tag::Reply, 77)
    });
    log.edges(EdgeKind::Restart, false).len()
}

#[test]
fn a_restart_is_one_of_a_supervisors_child_of_the_same_kind() {
    assert_eq!(restart(true, false, 5), 1);
    assert_eq!(restart(false, false, 5), 0, "no supervisor");
    assert_eq!(restart(true, false, 6), 0, "another kind");
    assert_eq!(
        restart(true, true, 5),
        0,
        "it was asked for by a call that came first"
    );
}
