use std::sync::Arc;
use std::time::Duration;

use crate::ast::testing::{T, alias, ast, atom, body, call, var};
use crate::source::Unit;

use super::*;

/// A pattern of steps, without a guard.
fn pattern(steps: Vec<(Step, u32)>, captures: usize) -> Pattern {
    Pattern::new(vec![steps], Guard::default(), captures, Through::default()).unwrap()
}

fn unit(term: T) -> Arc<Unit> {
    Arc::new(Unit::build(Some("lib/a.ex"), None, ast(&term)).unwrap())
}

const ALL: Wanted = Wanted {
    limit: None,
    offset: 0,
    timeout: Duration::from_secs(5),
};

fn lines(code: T, pattern: &Pattern) -> Vec<u32> {
    let unit = unit(code);
    let found = search(std::slice::from_ref(&unit), pattern, ALL).unwrap();
    found
        .matches
        .iter()
        .map(|one| unit.ast().line(one.node).unwrap_or(0))
        .collect()
}

fn named(name: &str) -> Step {
    // A name that no code has is looked for in vain.
    crate::atoms::intern(name);
    Step::Call {
        name: Some(name.to_owned()),
        keywords: false,
    }
}

#[test]
fn a_capture_is_the_same_code_everywhere() {
    let code = body(T::List(vec![
        call("==", 1, 1, vec![var("a", 1, 1), var("a", 1, 5)]),
        call("==", 2, 1, vec![var("a", 2, 1), var("b", 2, 5)]),
    ]));
    let same = pattern(
        vec![
            (named("=="), 2),
            (Step::Capture(1), 0),
            (Step::Capture(1), 0),
        ],
        2,
    );
    assert_eq!(lines(code, &same), [1]);
}

#[test]
fn a_pipe_is_a_call() {
    let piped = call(
        "|>",
        3,
        1,
        vec![var("a", 3, 1), call("f", 3, 6, vec![T::Int(2)])],
    );
    let two = pattern(vec![(named("f"), 2), (Step::Any, 0), (Step::Int(2), 0)], 1);
    let one = pattern(vec![(named("f"), 1), (Step::Int(2), 0)], 1);
    assert_eq!(lines(piped.clone(), &two), [3]);
    assert_eq!(lines(piped, &one), [] as [u32; 0]);
}

#[test]
fn any_number_of_things_may_be_none() {
    let code = T::List(vec![
        call("f", 1, 1, vec![T::Int(1), T::Int(2), T::Int(3)]),
        call("f", 2, 1, vec![T::Int(3)]),
        call("f", 3, 1, vec![T::Int(3), T::Int(1)]),
    ]);
    let ends = pattern(
        vec![(named("f"), 2), (Step::Rest(None), 0), (Step::Int(3), 0)],
        1,
    );
    assert_eq!(lines(code.clone(), &ends), [1, 2]);
    // A choice of how many is come back to.
    let between = pattern(
        vec![
            (named("f"), 3),
            (Step::Rest(None), 0),
            (Step::Int(1), 0),
            (Step::Rest(None), 0),
        ],
        1,
    );
    assert_eq!(lines(code, &between), [1, 3]);
}

#[test]
fn a_hostile_pattern_ends_at_its_deadline() {
    let _ = atom("f");
    let items = (0..400).map(T::Int).collect();
    let unit = unit(T::List(vec![T::List(items), alias(1, 1, &["A"])]));
    // Some 400^6 ways to take the items, and none of them ends well.
    let mut steps = vec![(Step::List, 13)];
    for _ in 0..6 {
        steps.push((Step::Rest(None), 0));
        steps.push((Step::Any, 0));
    }
    steps.push((Step::Int(-1), 0));
    let hostile = pattern(steps, 1);
    let wanted = Wanted {
        timeout: Duration::from_millis(30),
        ..ALL
    };
    let begun = std::time::Instant::now();
    let error = search(&[unit], &hostile, wanted).unwrap_err();
    assert!(
        matches!(error, crate::error::Error::Timeout { .. }),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(1));
}
