use std::sync::Arc;

use crate::ast::testing::*;
use crate::atoms::intern;
use crate::capture::points::{FunctionKey, PointInfo, PointKind};
use crate::error::Error;
use crate::source::Unit;
use crate::store::*;
use crate::value::Value;

/// A module of functions, each with a body that is like no other's.
fn module(name: &str, line: i64, functions: &[(&str, i64)]) -> T {
    let body_of = |seed: i64| {
        let statements = vec![
            call("load", 3, 5, vec![var("x", 3, 10), T::Int(seed)]),
            call(
                "check",
                4,
                5,
                vec![var("x", 4, 11), T::Int(seed + 1), atom("strict")],
            ),
            call("store", 5, 5, vec![var("x", 5, 11)]),
        ];
        T::Tuple(vec![
            atom("__block__"),
            T::List(vec![]),
            T::List(statements),
        ])
    };
    let functions = functions.iter().zip(0..).map(|(&(function, seed), at)| {
        let head = call(function, line + 1 + 5 * at, 7, vec![var("x", 2, 9)]);
        call("def", line + 1 + 5 * at, 3, vec![head, body(body_of(seed))])
    });
    let block = T::Tuple(vec![
        atom("__block__"),
        T::List(vec![]),
        T::List(functions.collect()),
    ]);
    call(
        "defmodule",
        line,
        1,
        vec![alias(line, 11, &[name]), body(block)],
    )
}

fn file(path: &str, line: i64, functions: &[(&str, i64)]) -> Parsed {
    let term = module("A", line, functions);
    Parsed {
        unit: Arc::new(Unit::build(Some(path), None, ast(&term)).unwrap()),
        lines: 10,
    }
}

fn import(repository: &Repository, functions: &[(&str, i64)]) {
    repository
        .import("/p", vec![file("lib/a.ex", 1, functions)], &[])
        .unwrap();
}

fn repository(functions: &[(&str, i64)]) -> Repository {
    let repository = Repository::new("history", Limits::default());
    import(&repository, functions);
    repository
}

/// The id of a literal, of which there is one.
fn id_of_int(repository: &Repository, value: i64) -> String {
    let (unit, _) = repository.definition(intern("Elixir.A")).unwrap();
    let all = (0..unit.ast().len() as u32).map(crate::ast::NodeIx);
    let mut own = all.filter(|&ix| unit.ast().int(ix) == Some(value));
    unit.node_id(own.next().unwrap())
}

fn present(repository: &Repository, id: &str) -> String {
    let located = repository.locate(id).unwrap();
    located.unit.id_of(located.found)
}

#[test]
fn old_ids_lead_to_what_their_nodes_became() {
    let repository = repository(&[("a", 10), ("b", 20)]);
    let old = id_of_int(&repository, 20);
    import(&repository, &[("a", 10), ("renamed", 20)]);
    let new = id_of_int(&repository, 20);
    assert_ne!(old, new);
    assert_eq!(present(&repository, &old), new);
    assert_eq!(present(&repository, "A.b/1"), "A.renamed/1");
    assert_eq!(present(&repository, "A.a/1"), "A.a/1");
    // And on, over many versions.
    for n in 0..40 {
        import(&repository, &[("a", 10), (&format!("again{n}"), 20)]);
    }
    assert_eq!(present(&repository, &old), id_of_int(&repository, 20));
    assert_eq!(present(&repository, "A.again7/1"), "A.again39/1");
    assert!(repository.holds(&old) && !repository.holds("A.never/1"));
}

#[test]
fn what_is_gone_says_so() {
    let repository = repository(&[("a", 10), ("b", 20)]);
    let old = id_of_int(&repository, 20);
    import(&repository, &[("a", 10)]);
    let gone = |id: &str| match repository.locate(id) {
        Err(Error::Gone { file, around, .. }) => (file, around),
        other => panic!("{other:?}"),
    };
    let (path, around) = gone(&old);
    assert_eq!(path, "lib/a.ex");
    // The block of the module's body is still there.
    assert!(around.unwrap().starts_with("A:"));
    gone("A.b/1");
    repository
        .import("/p", vec![], &["lib/a.ex".into()])
        .unwrap();
    assert_eq!(gone("A.a/1").1, None);
    assert!(matches!(
        repository.locate("A.never/1"),
        Err(Error::NotFound { .. })
    ));
}

#[test]
fn what_comes_back_is_what_it_was() {
    let repository = repository(&[("a", 10), ("b", 20)]);
    let old = id_of_int(&repository, 20);
    let snapshot = repository.snapshot().unwrap();
    import(&repository, &[("a", 10)]);
    assert!(repository.locate(&old).is_err());
    repository.restore(&snapshot).unwrap();
    assert_eq!(present(&repository, &old), old);
    import(&repository, &[("a", 10), ("c", 20)]);
    assert_eq!(present(&repository, &old), id_of_int(&repository, 20));
    import(&repository, &[("a", 10), ("b", 20)]);
    assert_eq!(present(&repository, &old), old);
}

#[test]
fn a_file_that_moves_takes_its_ids_along() {
    let repository = repository(&[("a", 10), ("b", 20)]);
    let old = id_of_int(&repository, 20);
    let moved = file("lib/other.ex", 1, &[("a", 10), ("c", 20)]);
    repository
        .import("/p", vec![moved], &["lib/a.ex".into()])
        .unwrap();
    assert_eq!(present(&repository, &old), id_of_int(&repository, 20));
}

#[test]
fn what_callers_stored_follows() {
    let repository = repository(&[("a", 10), ("b", 20)]);
    let (first, second) = (id_of_int(&repository, 20), id_of_int(&repository, 21));
    let id = CorrelationId::Int;
    repository.put_correlation(id(1), &first).unwrap();
    repository.put_correlation(id(2), "A.b/1").unwrap();
    repository
        .put_insight(&second, vec![(intern("n"), Value::Int(7))])
        .unwrap();
    let key = |name: &str| FunctionKey {
        module: intern("Elixir.A"),
        name: intern(name),
        arity: 1,
    };
    let write = FunctionWrite {
        key: key("b"),
        mode: Mode::Replace,
        expected: None,
        ast: None,
        fields: vec![(intern("call_frequency"), Value::Int(3))],
    };
    repository.put_function(write).unwrap();
    import(&repository, &[("a", 10), ("c", 20)]);
    let node = |n: i64| repository.correlations().node(&id(n)).unwrap();
    assert_eq!(&*node(1), id_of_int(&repository, 20));
    assert_eq!(&*node(2), "A.c/1");
    assert_eq!(repository.correlation_ids(&first), [id(1)]);
    assert!(repository.correlations().agree());
    // Under the old id as under the new one.
    let insight = |id: &str| {
        repository
            .insight(id)
            .and_then(|found| found.get(intern("n")).cloned())
    };
    assert_eq!(insight(&second), Some(Value::Int(7)));
    assert_eq!(insight(&id_of_int(&repository, 21)), Some(Value::Int(7)));
    assert!(repository.function_record(&key("b")).is_none());
    assert!(repository.function_record(&key("c")).is_some());
    assert_eq!(repository.former_names(&key("c")), [key("b")]);
    // Stored late, for an id of the version before.
    repository.put_correlation(id(3), &second).unwrap();
    assert_eq!(&*node(3), id_of_int(&repository, 21));
    // A function that goes by the old name now is another one.
    import(&repository, &[("a", 10), ("c", 20), ("b", 90)]);
    assert!(repository.former_names(&key("c")).is_empty());
}

#[test]
fn files_keep_history() {
    let repository = repository(&[("a", 10), ("b", 20)]);
    let old = id_of_int(&repository, 20);
    import(&repository, &[("a", 10), ("c", 20)]);
    import(&repository, &[("a", 10), ("d", 20)]);
    let bytes = repository.to_bytes().unwrap();
    let again = Repository::from_bytes(&bytes, Limits::default()).unwrap();
    assert_eq!(present(&again, &old), id_of_int(&again, 20));
    assert_eq!(present(&again, "A.c/1"), "A.d/1");
    let names = |repository: &Repository| {
        repository.former_names(&FunctionKey {
            module: intern("Elixir.A"),
            name: intern("d"),
            arity: 1,
        })
    };
    assert_eq!(names(&again), names(&repository));
    assert_eq!(names(&again).len(), 2);
    assert_eq!(again.versions_of("A").len(), 3);
    import(&again, &[("a", 10), ("e", 20)]);
    assert_eq!(present(&again, &old), id_of_int(&again, 20));
}

#[test]
fn history_is_bounded_and_the_oldest_goes_first() {
    let repository = repository(&[("a", 10), ("f0", 20)]);
    repository
        .write(|draft| {
            draft.history.bytes_max = 40_000;
            Ok(())
        })
        .unwrap();
    for n in 1..60 {
        import(&repository, &[("a", 10), (&format!("f{n}"), 20)]);
        assert!(repository.with(|state| state.history.memory_bytes()) <= 40_000);
    }
    assert!(matches!(
        repository.locate("A.f0/1"),
        Err(Error::NotFound { .. })
    ));
    assert_eq!(present(&repository, "A.f58/1"), "A.f59/1");
    let kept = repository.versions_of("A").len();
    assert!((2..59).contains(&kept), "{kept}");
}

#[test]
fn the_same_text_again_is_no_version() {
    let repository = repository(&[("a", 10), ("b", 20)]);
    import(&repository, &[("a", 10), ("c", 20)]);
    for _ in 0..5 {
        import(&repository, &[("a", 10), ("c", 20)]);
    }
    assert_eq!(repository.versions_of("A").len(), 2);
    assert_eq!(present(&repository, "A.b/1"), "A.c/1");
}

#[test]
fn points_of_an_old_build_mean_the_code_as_it_was() {
    let repository = repository(&[("a", 10), ("b", 20)]);
    let (unit, _) = repository.definition(intern("Elixir.A")).unwrap();
    let clause = unit.clauses_of_function(1)[0].clone();
    let point = |build: u64, line: u32| PointInfo {
        build,
        index: 0,
        function: FunctionKey {
            module: intern("Elixir.A"),
            name: intern("b"),
            arity: 1,
        },
        kind: PointKind::Clause,
        clause: 0,
        line,
        column: Some(clause.position.column),
    };
    let old = point(7, clause.position.line);
    let then = repository.node_of_point(old.literal(), &old).unwrap();
    assert!(then.starts_with("A.b/1#"));
    // Everything moves down, and the function gets another name.
    let moved = file("lib/a.ex", 40, &[("x", 90), ("a", 10), ("c", 20)]);
    repository.import("/p", vec![moved], &[]).unwrap();
    let node = repository.place_of_point(old.literal(), &old).unwrap();
    assert!(node.id.starts_with("A.c/1#"), "{node:?}");
    let before = node.then.clone().unwrap();
    assert_eq!((before.id.clone(), before.gone), (then.clone(), false));
    let located = repository
        .locate_as_of(&then, &AsOf::Build(before.build.clone()))
        .unwrap();
    assert!(Arc::ptr_eq(&located.unit, &unit));
    assert!(
        repository
            .locate_as_of("A.c/1", &AsOf::Build(before.build))
            .is_err()
    );
    let versions = repository.versions_of("A");
    let at = AsOf::At(versions[0].from_ns);
    assert!(Arc::ptr_eq(
        &repository.locate_as_of("A.b/1", &at).unwrap().unit,
        &unit
    ));
    let now = AsOf::At(crate::store::write::now_ns());
    assert!(repository.locate_as_of("A.c/1", &now).is_ok());
    // And when nothing becomes of it.
    import(&repository, &[("a", 10)]);
    let node = repository.place_of_point(old.literal(), &old).unwrap();
    assert!(node.then.as_ref().unwrap().gone);
    assert_eq!(node.id, then);
}
