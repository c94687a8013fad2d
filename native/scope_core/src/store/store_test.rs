use std::sync::Arc;

use crate::ast::testing::*;
use crate::atoms::intern;
use crate::capture::points::FunctionKey;
use crate::error::Error;
use crate::source::Unit;
use crate::store::saved::with_head;
use crate::store::*;
use crate::value::Value;

pub(crate) fn unit(file: &str, modules: &[&str]) -> Arc<Unit> {
    let definition = |name: &&str| {
        let function = call(
            "def",
            2,
            3,
            vec![
                call("f", 2, 7, vec![var("x", 2, 9)]),
                T::List(vec![T::Tuple(vec![
                    atom("do"),
                    call("g", 3, 5, vec![T::Int(1)]),
                ])]),
            ],
        );
        call(
            "defmodule",
            1,
            1,
            vec![
                alias(1, 11, &[name]),
                T::List(vec![T::Tuple(vec![atom("do"), function])]),
            ],
        )
    };
    let all = T::List(modules.iter().map(definition).collect());
    let block = T::Tuple(vec![atom("__block__"), T::List(vec![]), all]);
    Arc::new(Unit::build(Some(file), None, ast(&block)).unwrap())
}

pub(crate) fn parsed(file: &str, modules: &[&str]) -> Parsed {
    Parsed {
        unit: unit(file, modules),
        lines: 4,
    }
}

fn write(name: &str, mode: Mode, expected: Option<u64>, n: i64) -> ModuleWrite {
    ModuleWrite {
        name: intern(&format!("Elixir.{name}")),
        mode,
        expected,
        source: None,
        fields: vec![(intern("n"), Value::Int(n))],
    }
}

fn filled() -> Repository {
    let repository = Repository::new("filled", Limits::default());
    repository
        .import(
            "/p",
            vec![parsed("lib/a.ex", &["A", "B"]), parsed("lib/b.ex", &["B"])],
            &[],
        )
        .unwrap();
    repository
        .put_module(write("C", Mode::Replace, None, 1))
        .unwrap();
    repository
        .put_module(write("A", Mode::Patch, None, 2))
        .unwrap();
    let key = FunctionKey {
        module: intern("Elixir.A"),
        name: intern("f"),
        arity: 1,
    };
    let fields = vec![(intern("test_coverage"), Value::Float(0.5))];
    repository
        .put_function(FunctionWrite {
            key,
            mode: Mode::Patch,
            expected: None,
            ast: None,
            fields,
        })
        .unwrap();
    repository
        .put_insight(
            "A.f/1",
            vec![(intern("hotspots"), Value::List(vec![Value::text("x")]))],
        )
        .unwrap();
    repository
        .put_correlation(CorrelationId::Int(1), "A.f/1")
        .unwrap();
    repository
}

#[test]
fn names_are_settled_whatever_the_order() {
    let ids = |order: &[usize]| {
        let files: [(&str, &[&str]); 3] = [
            ("lib/b.ex", &["A", "A"]),
            ("lib/a.exs", &["A"]),
            ("lib/z.ex", &["A"]),
        ];
        let repository = Repository::new("r", Limits::default());
        for at in order {
            repository
                .import("/p", vec![parsed(files[*at].0, files[*at].1)], &[])
                .unwrap();
        }
        repository
            .modules()
            .iter()
            .map(|record| record.id.to_string())
            .collect::<Vec<_>>()
    };
    let all = ids(&[0, 1, 2]);
    assert_eq!(all.len(), 4);
    assert_eq!(all[0], "A");
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(ids(&order), all, "{order:?}");
    }
}

#[test]
fn an_import_that_does_not_fit_changes_nothing() {
    let limits = Limits {
        modules_max: 2,
        ..Limits::default()
    };
    let repository = Repository::new("r", limits);
    repository
        .import("/p", vec![parsed("lib/a.ex", &["A"])], &[])
        .unwrap();
    let version = repository.version();
    let refused = repository.import("/p", vec![parsed("lib/b.ex", &["B", "C"])], &[]);
    assert!(matches!(refused, Err(Error::LimitExceeded { .. })));
    assert_eq!(repository.modules().len(), 1);
    assert_eq!(repository.file_paths("/p"), ["lib/a.ex"]);
    assert_eq!(repository.version(), version);
}

#[test]
fn of_writers_that_read_the_same_version_one_wins() {
    let repository = Repository::new("r", Limits::default());
    repository
        .put_module(write("A", Mode::Replace, None, 0))
        .unwrap();
    let name = intern("Elixir.A");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    loop {
                        let record = repository.module(name).unwrap();
                        let Some(Value::Int(n)) = record.fields.get(intern("n")) else {
                            panic!()
                        };
                        match repository.put_module(write(
                            "A",
                            Mode::Patch,
                            Some(record.version),
                            n + 1,
                        )) {
                            Ok(_) => break,
                            Err(Error::Conflict { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            });
        }
    });
    let record = repository.module(name).unwrap();
    assert_eq!(record.fields.get(intern("n")), Some(&Value::Int(2_000)));
}

#[test]
fn the_limit_of_modules_holds_under_many_writers() {
    let repository = Repository::new(
        "r",
        Limits {
            modules_max: 100,
            ..Limits::default()
        },
    );
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let repository = &repository;
            scope.spawn(move || {
                for n in 0..100 {
                    let _ = repository.put_module(write(
                        &format!("M{thread}x{n}"),
                        Mode::Replace,
                        None,
                        0,
                    ));
                }
            });
        }
    });
    assert_eq!(repository.modules().len(), 100);
}

#[test]
fn bytes_and_back() {
    let repository = filled();
    let bytes = repository.to_bytes().unwrap();
    let loaded = Repository::from_bytes(&bytes, Limits::default()).unwrap();
    assert_eq!(loaded.id(), "filled");
    let ids = |repository: &Repository| {
        repository
            .modules()
            .iter()
            .map(|one| (one.id.to_string(), one.imported))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&loaded), ids(&repository));
    let (own, other) = (repository.stats(), loaded.stats());
    assert_eq!(
        (
            own.modules,
            own.functions,
            own.nodes,
            own.correlations,
            own.insights
        ),
        (
            other.modules,
            other.functions,
            other.nodes,
            other.correlations,
            other.insights
        )
    );
    let a = loaded.module(intern("Elixir.A")).unwrap();
    assert_eq!(a.fields.get(intern("n")), Some(&Value::Int(2)));
    assert!(loaded.health(0).broken_records.is_empty());
}

/// A file whose checksum is right and whose content is not: whoever can write one can compute the other.
#[test]
fn no_content_brings_the_reader_down() {
    let bytes = filled().to_bytes().unwrap();
    let payload = bytes[with_head(&[]).len()..].to_vec();
    let reader = std::thread::Builder::new().stack_size(crate::limits::LOAD_STACK_BYTES);
    let read = move || {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut refused = 0;
        for _ in 0..3_000 {
            let mut hostile = payload.clone();
            for _ in 0..=random() % 4 {
                let at = random() as usize % hostile.len();
                match random() % 3 {
                    0 => hostile[at] ^= 1 << (random() % 8),
                    1 => hostile[at] = random() as u8,
                    _ => hostile.truncate(at.max(1)),
                }
            }
            match Repository::from_bytes(&with_head(&hostile), Limits::default()) {
                Ok(repository) => {
                    // What was let in answers without a panic.
                    repository.health(0);
                    repository.stats();
                    let _ = repository.to_bytes();
                }
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 1_000, "{refused}");
        // Nested far deeper than any value.
        let mut deep = vec![0x91; 1_000_000];
        deep.push(0xc0);
        assert!(Repository::from_bytes(&with_head(&deep), Limits::default()).is_err());
    };
    reader.spawn(read).unwrap().join().unwrap();
}

#[test]
fn a_snapshot_is_one_cut() {
    let repository = Repository::new("r", Limits::default());
    let (a, b) = (intern("Elixir.A"), intern("Elixir.B"));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..500 {
                repository
                    .put_module(write("A", Mode::Replace, None, n))
                    .unwrap();
                repository
                    .put_module(write("B", Mode::Replace, None, n))
                    .unwrap();
            }
        });
        let other = Repository::new("other", Limits::default());
        while !writer.is_finished() {
            other.restore(&repository.snapshot().unwrap()).unwrap();
            let n = |name| match other.module(name)?.fields.get(intern("n")) {
                Some(Value::Int(n)) => Some(*n),
                _ => None,
            };
            if let (Some(first), second) = (n(a), n(b).unwrap_or(-1)) {
                // A is written before B: never B ahead of A, nor two behind.
                assert!(first == second || first == second + 1, "{first} {second}");
            }
        }
    });
}
