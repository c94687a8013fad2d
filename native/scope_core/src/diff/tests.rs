use super::*;
use crate::ast::NodeIx;
use crate::ast::testing::*;
use crate::source::Unit;

fn unit(term: &T) -> Unit {
    Unit::build(Some("lib/a.ex"), None, ast(term)).unwrap()
}

fn block(terms: Vec<T>) -> T {
    T::Tuple(vec![atom("__block__"), T::List(vec![]), T::List(terms)])
}

fn module(name: &str, definitions: Vec<T>) -> T {
    call(
        "defmodule",
        1,
        1,
        vec![alias(1, 11, &[name]), body(block(definitions))],
    )
}

fn def(name: &str, args: Vec<T>, value: T) -> T {
    call("def", 2, 3, vec![call(name, 2, 7, args), body(value)])
}

fn x() -> T {
    var("x", 1, 1)
}

fn f(name: &str, args: Vec<T>) -> T {
    call(name, 1, 1, args)
}

/// Some body that is like no other.
fn work(seed: i64) -> T {
    block(vec![
        f(
            "=",
            vec![var("y", 1, 1), f("load", vec![x(), T::Int(seed)])],
        ),
        f(
            "check",
            vec![var("y", 1, 1), atom("strict"), T::Int(seed + 1)],
        ),
        f("store", vec![x(), var("y", 1, 1)]),
    ])
}

fn check(old: &[T], new: &[T], expect: impl Fn(&Unit, &Unit, &Matching)) {
    let (old, new) = (
        unit(&module("A", old.to_vec())),
        unit(&module("A", new.to_vec())),
    );
    let matching = match_units(&old, &new);
    // One to one, and of one kind.
    let mut seen = std::collections::HashSet::new();
    for at in 0..old.ast().len() as u32 {
        if let Some(n) = matching.node(NodeIx(at)) {
            assert!(seen.insert(n), "two nodes became one");
        }
    }
    expect(&old, &new, &matching);
}

fn function(unit: &Unit, name: &str) -> u32 {
    let mut all = unit.functions().iter().zip(0..);
    all.find(|(one, _)| one.name.text() == name).unwrap().1
}

#[test]
fn a_function_that_comes_in_leaves_the_others_alone() {
    check(
        &[def("a", vec![x()], work(1)), def("b", vec![x()], work(5))],
        &[
            def("a", vec![x()], work(1)),
            def("new", vec![x()], work(9)),
            def("b", vec![x()], work(5)),
        ],
        |old, new, matching| {
            for name in ["a", "b"] {
                assert_eq!(
                    matching.function(function(old, name)),
                    Some(function(new, name))
                );
            }
            let all = matching.nodes();
            assert!(all.iter().all(|&n| n != NONE), "nothing went");
            let changes = module_changes(old, new, matching);
            assert_eq!(changes[0].change_type, ChangeType::Major);
            let kinds: Vec<Change> = changes[0].functions.iter().map(|one| one.change).collect();
            assert_eq!(kinds, [Change::Added]);
        },
    );
}

#[test]
fn a_renamed_function_takes_its_body_along() {
    check(
        &[def("a", vec![x()], work(1)), def("b", vec![x()], work(5))],
        &[def("a", vec![x()], work(1)), def("c", vec![x()], work(5))],
        |old, new, matching| {
            assert_eq!(
                matching.function(function(old, "b")),
                Some(function(new, "c"))
            );
            assert!(matching.nodes().iter().all(|&n| n != NONE));
            let changes = module_changes(old, new, matching);
            assert_eq!(changes[0].functions.len(), 1);
            assert_eq!(changes[0].functions[0].change, Change::Renamed);
            assert_eq!(changes[0].functions[0].aspects, ["name"]);
        },
    );
}

#[test]
fn small_functions_are_not_taken_for_each_other() {
    check(
        &[
            def("a", vec![x()], atom("ok")),
            def("b", vec![x()], work(5)),
        ],
        &[
            def("c", vec![x()], atom("ok")),
            def("b", vec![x()], work(5)),
        ],
        |old, _, matching| {
            assert_eq!(matching.function(function(old, "a")), None);
            let node = old.clauses()
                [old.functions()[function(old, "a") as usize].clauses.start as usize]
                .node;
            assert_eq!(matching.node(node), None);
        },
    );
}

#[test]
fn of_two_equal_candidates_none_is_taken() {
    check(
        &[def("a", vec![x()], work(5))],
        &[def("c", vec![x()], work(5)), def("d", vec![x()], work(5))],
        |old, _, matching| assert_eq!(matching.function(function(old, "a")), None),
    );
}

#[test]
fn what_is_wrapped_stays_what_it_is() {
    let wrapped = f("if", vec![var("ready", 1, 1), body(work(1))]);
    check(
        &[def("a", vec![x()], work(1))],
        &[def("a", vec![x()], wrapped)],
        |old, new, matching| {
            assert!(
                matching.nodes().iter().all(|&n| n != NONE),
                "{:?}",
                matching.nodes()
            );
            let pair = |unit: &Unit| {
                let clause = unit.clauses()[0].node;
                let list = unit.ast().child(clause, 1).unwrap();
                unit.ast().child(list, 0).unwrap()
            };
            // The body's `do`, not that of the `if`.
            assert_eq!(matching.node(pair(old)), Some(pair(new)));
        },
    );
}

#[test]
fn a_renamed_variable_is_the_same_variable() {
    let body = |name: &str| {
        f(
            "store",
            vec![f("load", vec![var(name, 1, 1)]), var(name, 1, 1)],
        )
    };
    check(
        &[def("a", vec![var("x", 1, 1)], body("x"))],
        &[def("a", vec![var("y", 1, 1)], body("y"))],
        |_, _, matching| assert!(matching.nodes().iter().all(|&n| n != NONE)),
    );
}

#[test]
fn statements_that_change_places_are_found() {
    let one = f("first", vec![x(), T::Int(1)]);
    let two = f("second", vec![x(), T::Int(2)]);
    check(
        &[def("a", vec![x()], block(vec![one.clone(), two.clone()]))],
        &[def("a", vec![x()], block(vec![two, one]))],
        |old, new, matching| {
            for at in 0..old.ast().len() as u32 {
                let n = matching.node(NodeIx(at)).expect("nothing went");
                if old.ast().size(NodeIx(at)) == 3 {
                    assert_eq!(old.ast().atom(NodeIx(at)), new.ast().atom(n));
                }
            }
        },
    );
}

#[test]
fn work_is_bounded_and_what_is_identical_is_found_all_the_same() {
    let statements = |from: i64| -> Vec<T> {
        (0..3_000)
            .map(|n| f("step", vec![x(), T::Int(from + n), atom("go")]))
            .collect()
    };
    let started = std::time::Instant::now();
    let mut new = statements(0);
    new.remove(1_500);
    check(
        &[def("a", vec![x()], block(statements(0)))],
        &[def("a", vec![x()], block(new))],
        |_, _, matching| {
            let gone = matching.nodes().iter().filter(|&&n| n == NONE).count();
            assert_eq!(gone, 4, "the statement that went: a call and its arguments");
        },
    );
    check(
        &[def("a", vec![x()], block(statements(0)))],
        &[def("a", vec![x()], block(statements(10_000)))],
        |_, _, _| {},
    );
    assert!(started.elapsed().as_secs() < 5);
}
