//! The matcher against a simulated VM that knows the truth.

use super::simulated::{Run, World, simulate};
use super::{Message, Messages};
use crate::temporal::happening::{Happening, Tag, What};
use crate::temporal::window::Window;
use crate::temporal::{Basis, Budget};

#[derive(Default, Debug)]
struct Score {
    exact: usize,
    inferred: usize,
    /// Inferred, and not so: allowed, but not often.
    mistaken: usize,
    /// Both sides are in the window, and nothing joins them.
    missed: usize,
}

/// Judges every message; an exact one that is not so fails at once.
fn judge(run: &Run, gaps: bool) -> Score {
    let window = Window::new(run.events.clone(), gaps);
    let messages = Messages::of(&window, &Budget::unlimited()).unwrap();
    let mut score = Score::default();
    let mut joined = std::collections::HashSet::new();
    for message in &messages.all {
        let truth = |at: u32| run.truth[&window.event(at).id];
        let (Some(origin), Some(target)) = (message.origin(), message.target()) else {
            continue;
        };
        let right = truth(origin) == truth(target);
        let basis = message.basis();
        match basis {
            Some(basis) if basis.is_exact() => {
                assert!(
                    right,
                    "wrong and exact: {message:?} {:?} {:?}",
                    window.event(origin),
                    window.event(target)
                );
                score.exact += 1;
            }
            _ => {
                score.inferred += 1;
                score.mistaken += usize::from(!right);
            }
        }
        if right {
            joined.insert(truth(target));
        }
    }
    let sides = |whats: &[What]| {
        let of = run
            .events
            .iter()
            .filter(|event| whats.contains(&event.what));
        of.map(|event| run.truth[&event.id])
            .collect::<std::collections::HashSet<_>>()
    };
    let sent = sides(&[What::Site, What::Sent]);
    let taken = sides(&[What::Handled, What::Arrived]);
    score.missed = sent
        .intersection(&taken)
        .filter(|uid| !joined.contains(uid))
        .count();
    score
}

fn sum(world: World, gaps: bool, runs: u64) -> Score {
    let mut all = Score::default();
    for seed in 0..runs {
        let score = judge(&simulate(world, seed), gaps);
        all.exact += score.exact;
        all.inferred += score.inferred;
        all.mistaken += score.mistaken;
        all.missed += score.missed;
    }
    all
}

#[test]
fn a_traced_world_is_matched_exactly() {
    // Names that nobody resolved, on the wire too, leave two candidates now and then.
    let score = sum(
        World {
            named: 0,
            ..World::seen()
        },
        false,
        300,
    );
    assert_eq!((score.missed, score.mistaken), (0, 0), "{score:?}");
    // Equal messages that waited when a process died: nobody saw all of them taken.
    assert!(
        score.inferred * 200 < score.exact && score.exact > 10_000,
        "{score:?}"
    );
    let score = sum(World::seen(), false, 300);
    let share = score.exact as f64 / (score.exact + score.inferred) as f64;
    assert!(
        share > 0.98 && score.missed * 100 < score.exact,
        "{share} {score:?}"
    );
}

#[test]
fn equal_messages_only_from_many_senders() {
    let world = World {
        contents: 1,
        processes: 12,
        named: 0,
        ..World::seen()
    };
    let score = sum(world, false, 200);
    assert_eq!((score.missed, score.mistaken), (0, 0), "{score:?}");
    // Equal messages that waited when a process died: nobody saw all of them taken.
    assert!(
        score.inferred * 200 < score.exact && score.exact > 10_000,
        "{score:?}"
    );
}

#[test]
fn whatever_is_missing_nothing_wrong_is_called_exact() {
    for contents in [1, 2, 40] {
        for silent_takes in [0, 30] {
            for traced in [true, false] {
                for senders_told in [true, false] {
                    for timers in [true, false] {
                        let world = World {
                            contents,
                            silent_takes,
                            traced,
                            senders_told,
                            timers,
                            ..World::seen()
                        };
                        sum(world, false, 30);
                        sum(
                            World {
                                from_step: 150,
                                ..world
                            },
                            false,
                            30,
                        );
                        sum(
                            World {
                                dropped: 20,
                                ..world
                            },
                            true,
                            30,
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn probes_alone_find_nearly_everything_that_differs() {
    let world = World {
        traced: false,
        contents: 1 << 40,
        silent_sends: 0,
        named: 0,
        ..World::seen()
    };
    let score = sum(world, false, 100);
    assert_eq!((score.missed, score.mistaken), (0, 0), "{score:?}");
    // Calls are certain also so.
    assert!(score.exact > 200, "{score:?}");
}

// By hand

fn event(id: u64, process: u64, what: What, key: u64, tag: Tag, peer: u64) -> Happening {
    let mut event = Happening::new(id, id * 10, process, what);
    (event.key, event.tag, event.peer) = (key, tag, peer);
    event.token = process;
    event.callback = true;
    event
}

fn matched(events: Vec<Happening>) -> (Window, Vec<Message>) {
    let window = Window::new(events, false);
    let messages = Messages::of(&window, &Budget::unlimited()).unwrap().all;
    (window, messages)
}

#[test]
fn one_of_two_equal_messages_that_wait_is_not_certain_until_both_were_taken() {
    use {Tag::Plain, What::*};
    let mut events = vec![
        event(1, 7, Spawned, 0, Plain, 0),
        event(2, 8, Spawned, 0, Plain, 0),
        event(3, 9, Spawned, 0, Plain, 0),
        event(4, 7, Sent, 5, Plain, 9),
        event(5, 8, Sent, 5, Plain, 9),
        event(6, 9, Arrived, 5, Plain, 8),
        event(7, 9, Arrived, 5, Plain, 7),
        event(8, 9, Handled, 5, Plain, 0),
    ];
    let (_, found) = matched(events.clone());
    let from_8 = found.iter().find(|message| message.sender == 8).unwrap();
    assert_eq!(
        (from_8.handled, from_8.basis()),
        (Some(7), Some(Basis::Unaccounted))
    );
    events.push(event(9, 9, Handled, 5, Plain, 0));
    let (_, found) = matched(events);
    let basis = |sender| {
        found
            .iter()
            .find(|message| message.sender == sender)
            .unwrap()
            .basis()
    };
    assert!(basis(8).unwrap().is_exact() && basis(7).unwrap().is_exact());
}

#[test]
fn a_call_that_was_given_up_comes_first() {
    use {Tag::Call, What::*};
    let (_, found) = matched(vec![
        event(1, 7, Site, 5, Call, 9),
        event(2, 7, Raised, 0, Tag::Plain, 0),
        event(3, 7, Site, 6, Call, 9),
        event(4, 9, Handled, 100, Call, 7),
        event(5, 9, Handled, 101, Call, 7),
        event(6, 7, Inside, 0, Tag::Plain, 0),
    ]);
    assert_eq!(
        (found[0].handled, found[0].basis()),
        (Some(3), Some(Basis::NotReturned))
    );
    assert_eq!(
        (found[1].handled, found[1].basis()),
        (Some(4), Some(Basis::AwaitedCall))
    );
}

#[test]
fn a_call_that_was_answered_elsewhere_is_not_taken_for_another() {
    use {Tag::Call, What::*};
    let (_, found) = matched(vec![
        event(1, 7, Site, 5, Call, 9),
        event(2, 7, Inside, 0, Tag::Plain, 0),
        event(3, 7, Site, 6, Call, 9),
        event(4, 9, Handled, 100, Call, 7),
        event(5, 7, Inside, 0, Tag::Plain, 0),
    ]);
    assert_eq!((found[0].handled, found[1].handled), (None, Some(3)));
    assert_eq!(found[1].basis(), Some(Basis::AwaitedCall));
}
