use super::*;
use crate::ast::NodeIx;
use crate::ast::testing::*;
use crate::atoms::intern;

fn unit(term: &T) -> Unit {
    Unit::build(Some("lib/a.ex"), None, ast(term)).unwrap()
}

fn block(terms: Vec<T>) -> T {
    T::Tuple(vec![atom("__block__"), T::List(vec![]), T::List(terms)])
}

fn module(line: i64, name: &[&str], definitions: Vec<T>) -> T {
    call(
        "defmodule",
        line,
        1,
        vec![alias(line, 11, name), body(block(definitions))],
    )
}

fn def(line: i64, name: &str, args: Vec<T>, value: T) -> T {
    call("def", line, 3, vec![call(name, line, 7, args), body(value)])
}

/// Every id leads to the node that it was made for, and none comes twice.
fn check_ids(unit: &Unit) {
    let mut seen = std::collections::HashSet::new();
    unit.each_id(|ix, id| {
        assert!(seen.insert(id.to_string()), "{id} twice");
        assert_eq!(unit.node_id(ix), id);
        assert_eq!(unit.find(&NodeId::parse(id).unwrap()), Some(ix), "{id}");
    });
    assert_eq!(seen.len(), unit.ast().len());
}

#[test]
fn ids_name_one_node_each() {
    let twice = || {
        def(
            3,
            "f",
            vec![var("x", 3, 9)],
            call("g", 3, 20, vec![T::Int(1), T::Int(1)]),
        )
    };
    let unit = unit(&block(vec![
        module(
            1,
            &["A"],
            vec![twice(), twice(), module(5, &["B", "C"], vec![twice()])],
        ),
        module(9, &["A"], vec![twice()]),
        call("config", 12, 1, vec![atom("a")]),
    ]));
    check_ids(&unit);
    let names: Vec<String> = (0..3).map(|at| unit.module_id(at)).collect();
    assert_eq!(names, ["A", "A.B.C", "A~2"]);
    assert_eq!(unit.function_id(0), "A.f/1");
    assert_eq!(unit.clause_id(1), format!("{}.2", unit.clause_id(0)));
    assert_eq!(
        unit.find(&NodeId::parse("lib/a.ex").unwrap()),
        Some(NodeIx(0))
    );
    for unknown in [
        "B",
        "A.f/2",
        "A.f/1#000000",
        "A:00000000.1",
        "lib/b.ex",
        "A~3",
        "A.f/1:00000000.1",
    ] {
        assert_eq!(
            unit.find(&NodeId::parse(unknown).unwrap()),
            None,
            "{unknown}"
        );
    }

    let qualified = unit.with_qualifiers(|name| name == intern("Elixir.A"));
    check_ids(&qualified);
    let first = qualified.module_id(0);
    assert!(first.starts_with("A~") && first.len() == 8, "{first}");
    assert_eq!(qualified.module_id(2), format!("{first}.2"));
    assert_eq!(qualified.module_id(1), "A.B.C");
}

#[test]
fn heads_tell_clauses_apart() {
    let guarded = |args: Vec<T>, guard: Option<T>, kind: &str| {
        let head = call("f", 2, 7, args);
        let head = match guard {
            Some(guard) => call("when", 2, 9, vec![head, guard]),
            None => head,
        };
        let definition = call(kind, 2, 3, vec![head, body(T::Int(1))]);
        unit(&module(1, &["A"], vec![definition])).clauses()[0].hash
    };
    let x = || vec![var("x", 2, 9)];
    let plain = guarded(x(), None, "def");
    assert_eq!(plain, guarded(vec![var("x", 77, 78)], None, "def"));
    let all = [
        plain,
        guarded(x(), None, "defp"),
        guarded(vec![var("y", 2, 9)], None, "def"),
        guarded(vec![T::Int(1)], None, "def"),
        guarded(x(), Some(T::Int(1)), "def"),
        guarded(x(), Some(T::Int(2)), "def"),
        guarded(vec![var("x", 2, 9), T::Int(1)], None, "def"),
    ];
    for (at, hash) in all.iter().enumerate() {
        assert!(!all[..at].contains(hash), "number {at}");
    }
}

#[test]
fn places_lead_to_the_innermost_node() {
    // def f(x) do
    //   g(h(x), 1)
    // end
    let inner = call(
        "g",
        3,
        5,
        vec![call("h", 3, 7, vec![var("x", 3, 9)]), T::Int(1)],
    );
    let unit = unit(&module(
        1,
        &["A"],
        vec![def(2, "f", vec![var("x", 2, 9)], inner)],
    ));
    let name = |ix| unit.ast().atom(ix).map(|atom| atom.text());
    assert_eq!(name(unit.innermost_at(3, Some(9))), Some("x"));
    assert_eq!(name(unit.innermost_at(3, Some(7))), Some("h"));
    assert_eq!(name(unit.innermost_at(3, Some(5))), Some("g"));
    assert_eq!(name(unit.innermost_at(3, None)), Some("g"));
    assert_eq!(name(unit.innermost_at(2, None)), Some("def"));
    assert_eq!(name(unit.innermost_at(1, None)), Some("defmodule"));
    for (line, column) in [(0, None), (999, Some(1)), (u32::MAX, Some(u32::MAX))] {
        unit.innermost_at(line, column);
    }
}

#[test]
fn runtime_places_lead_to_clauses() {
    let unit = unit(&module(
        1,
        &["A"],
        vec![
            call("def", 2, 3, vec![call("f", 2, 7, vec![var("x", 2, 9)])]),
            def(3, "f", vec![T::Int(1)], T::Int(1)),
            def(4, "f", vec![T::Int(2)], T::Int(2)),
            call(
                "defmacro",
                6,
                3,
                vec![call("m", 6, 12, vec![]), body(T::Int(2))],
            ),
        ],
    ));
    let clause = |name: &str, arity, line, ordinal| {
        unit.clause_at_line(
            (intern("Elixir.A"), intern(name), arity),
            line,
            None,
            ordinal,
        )
    };
    assert_eq!(clause("f", 1, 4, Some(1)), Some(2));
    assert_eq!(clause("f", 1, 3, None), Some(1));
    // A head without a body never runs: ordinals leave it out.
    assert_eq!(clause("f", 1, 77, Some(0)), Some(1));
    assert_eq!(clause("f", 1, 77, Some(1)), Some(2));
    assert_eq!(clause("f", 1, 77, Some(9)), Some(1));
    // The function that its defaults make says where it is written: there.
    assert_eq!(clause("f", 1, 2, Some(0)), Some(0));
    assert_eq!(clause("MACRO-m", 1, 6, Some(0)), Some(3));
    assert_eq!(clause("m", 0, 6, Some(0)), None);
    assert_eq!(clause("g", 0, 3, None), None);
}

/// A program of random shape: what the extraction looks for, in odd places.
fn program(random: &mut Random, depth: usize) -> T {
    let line = 1 + random.below(40) as i64;
    let below = depth.saturating_sub(1);
    let words = [
        "if", "case", "quote", "fn", "with", "&&", "->", "for", "use", "@", "alias", "&",
    ];
    match random.below(if depth == 0 { 3 } else { 12 }) {
        0 => random.term(2),
        1 => var("x", line, 1),
        2 => T::Int(1),
        3 | 4 => {
            let inner = (0..random.below(4))
                .map(|_| program(random, below))
                .collect();
            module(
                line,
                [&["A"][..], &["B", "C"], &["Elixir", "D"]][random.below(3)],
                inner,
            )
        }
        5..=7 => {
            let kind = ["def", "defp", "defmacro", "defdelegate", "defguard"][random.below(5)];
            let head = match random.below(4) {
                0 => random.term(2),
                1 => call(
                    "when",
                    line,
                    2,
                    vec![call("f", line, 3, vec![T::Int(1)]), T::Int(2)],
                ),
                _ => call(
                    ["f", "+", "a b"][random.below(3)],
                    line,
                    3,
                    vec![program(random, below)],
                ),
            };
            call(kind, line, 1, vec![head, body(program(random, below))])
        }
        8 => {
            let options = T::List(vec![T::Tuple(vec![atom("for"), random.term(2)])]);
            let body = body(program(random, below));
            call(
                "defimpl",
                line,
                1,
                vec![alias(line, 9, &["P"]), options, body],
            )
        }
        9 => block(
            (0..random.below(4))
                .map(|_| program(random, below))
                .collect(),
        ),
        _ => {
            let word = words[random.below(words.len())];
            let mut args: Vec<T> = Vec::new();
            for _ in 0..random.below(3) {
                args.push(program(random, below));
            }
            args.push(body(random.term(1)));
            call(word, line, 1, args)
        }
    }
}

/// Whatever is asked of a unit, the answer is no panic.
fn exercise(unit: &Unit) {
    check_ids(unit);
    for line in 0..45 {
        unit.innermost_at(line, None);
        unit.innermost_at(line, Some(line));
    }
    for (at, function) in (0..).zip(unit.functions()) {
        unit.clause_at(at, function.position.line, None, Some(0));
    }
    unit.memory_bytes();
    unit.validate().unwrap();
}

#[test]
fn any_program_has_unique_ids() {
    let mut random = Random(3);
    for _ in 0..rounds(1500) {
        exercise(&unit(&program(&mut random, 6)));
    }
}

#[test]
fn a_unit_is_saved_and_read() {
    let mut random = Random(11);
    for _ in 0..rounds(200) {
        let before = unit(&program(&mut random, 5));
        let bytes = rmp_serde::to_vec(&before).unwrap();
        let after: Unit = rmp_serde::from_slice(&bytes).unwrap();
        let ids = |unit: &Unit| {
            let mut ids = Vec::new();
            unit.each_id(|_, id| ids.push(id.to_string()));
            ids
        };
        assert_eq!(ids(&before), ids(&after));
        assert_eq!(
            (before.file(), before.digest()),
            (after.file(), after.digest())
        );
        assert_eq!(
            format!("{:?}", before.functions()),
            format!("{:?}", after.functions())
        );
    }
}

#[test]
fn no_saved_bytes_can_do_harm() {
    let mut random = Random(5);
    let mut accepted = 0;
    for _ in 0..rounds(25) {
        let saved = rmp_serde::to_vec(&unit(&program(&mut random, 4))).unwrap();
        for at in (0..saved.len()).step_by(if cfg!(miri) { 199 } else { 1 }) {
            let mut bytes = saved.clone();
            bytes[at] = random.below(256) as u8;
            if let Ok(unit) = rmp_serde::from_slice::<Unit>(&bytes) {
                accepted += 1;
                exercise(&unit);
            }
        }
    }
    assert!(
        cfg!(miri) || accepted > 100,
        "the changes never reached the unit"
    );
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_hundred_thousand_nested_modules_are_no_problem() {
    use crate::ast::{Builder, Tokens};
    let mut builder = Builder::new();
    let depth = 100_000;
    let no_meta = |builder: &mut Builder| {
        builder.begin_meta();
        builder.meta().open_list().unwrap();
        builder.meta().close().unwrap();
        builder.end_meta().unwrap();
    };
    for _ in 0..depth {
        no_meta(&mut builder);
        builder.open_call(intern("defmodule")).unwrap();
        no_meta(&mut builder);
        builder.open_call(intern("__aliases__")).unwrap();
        builder.atom(intern("A")).unwrap();
        builder.close().unwrap();
        builder.open_list().unwrap();
        builder.open_pair(intern("do")).unwrap();
    }
    builder.atom(intern("nil")).unwrap();
    for _ in 0..depth * 3 {
        builder.close().unwrap();
    }
    let unit = Unit::build(None, None, builder.finish().unwrap()).unwrap();
    assert_eq!(unit.modules().len(), depth);
    unit.innermost_at(1, Some(1));
    let deepest = unit.node_id(NodeIx(unit.ast().len() as u32 - 1));
    assert!(unit.find(&NodeId::parse(&deepest).unwrap()).is_some());
}
