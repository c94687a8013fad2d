//! Files changed one by one against the same files imported at once; readers against writers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::atoms::intern;
use crate::store::tests::{parsed, unit};
use crate::store::*;
use crate::value::Value;

/// A small generator of its own (xorshift): the same run every time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Everything that can be seen of modules: id, file, and whether the id leads back.
fn seen(repository: &Repository) -> Vec<(String, String, bool)> {
    let modules = repository.modules();
    let each = modules.iter().map(|record| {
        let (unit, module, _) = record.definition().expect("imported");
        let leads_back = unit.module_id(module) == *record.id
            && repository.locate(&record.id).is_ok()
            && repository
                .units()
                .iter()
                .any(|other| std::ptr::eq(&**other, &**unit));
        (record.id.to_string(), unit.file().to_owned(), leads_back)
    });
    each.collect()
}

#[test]
fn file_by_file_is_the_same_as_all_at_once() {
    let roots = ["/p", "/q"];
    let paths = ["lib/a.ex", "lib/b.ex", "lib/c.exs"];
    let names = ["A", "B", "C"];
    for seed in 1..120 {
        let mut random = Random(seed * 0x9e37_79b9);
        let one_by_one = Repository::new("r", Limits::default());
        let mut files: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for _ in 0..12 {
            let root = roots[random.below(2) as usize];
            let path = paths[random.below(3) as usize];
            if random.below(4) == 0 {
                files.remove(&(root, path));
                one_by_one.import(root, vec![], &[path.into()]).unwrap();
            } else {
                let count = random.below(4);
                let defined: Vec<_> = (0..count)
                    .map(|_| names[random.below(3) as usize])
                    .collect();
                one_by_one
                    .import(root, vec![parsed(path, &defined)], &[])
                    .unwrap();
                files.insert((root, path), defined);
            }
            let at_once = Repository::new("s", Limits::default());
            for ((root, path), defined) in files.iter().rev() {
                at_once
                    .import(root, vec![parsed(path, defined)], &[])
                    .unwrap();
            }
            assert_eq!(seen(&one_by_one), seen(&at_once), "seed {seed}: {files:?}");
            assert!(
                seen(&one_by_one)
                    .iter()
                    .all(|(_, _, leads_back)| *leads_back)
            );
            assert_eq!(one_by_one.stats().nodes, at_once.stats().nodes);
        }
    }
}

#[test]
fn a_change_leaves_the_records_of_other_files_alone() {
    let repository = Repository::new("r", Limits::default());
    let files = (0..50).map(|n| parsed(&format!("lib/{n:02}.ex"), &[&format!("M{n:02}")]));
    repository.import("/p", files.collect(), &[]).unwrap();
    let before = repository.modules();
    repository
        .import("/p", vec![parsed("lib/07.ex", &["M07", "New"])], &[])
        .unwrap();
    let after = repository.modules();
    let kept = after
        .iter()
        .filter(|record| before.iter().any(|old| std::sync::Arc::ptr_eq(old, record)))
        .count();
    assert_eq!((after.len(), kept), (51, 49));
}

#[test]
fn a_deleted_module_comes_back_with_its_project() {
    let repository = Repository::new("r", Limits::default());
    repository
        .import("/p", vec![parsed("lib/a.ex", &["A"])], &[])
        .unwrap();
    repository.delete_module(intern("Elixir.A")).unwrap();
    assert!(repository.modules().is_empty());
    repository.import("/p", vec![], &[]).unwrap();
    assert_eq!(repository.modules().len(), 1);
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let limits = Limits {
        modules_max: 2,
        ..Limits::default()
    };
    let repository = Repository::new("r", limits);
    repository
        .import("/p", vec![parsed("lib/a.ex", &["A"])], &[])
        .unwrap();
    let version = repository.version();
    let three = repository.import("/p", vec![parsed("lib/b.ex", &["B", "C"])], &[]);
    assert!(three.is_err());
    assert_eq!(repository.version(), version);
    assert_eq!(seen(&repository).len(), 1);
}

/// Every change puts the same number into both modules of the files and into a stored module; a reader that saw two
/// numbers saw two versions.
#[test]
fn a_reading_is_of_one_version() {
    let repository = Repository::new("r", Limits::default());
    let number = |n: usize| format!("N{n}");
    let change = |n: usize| {
        let name = number(n);
        let files = vec![
            parsed("lib/a.ex", &[&name]),
            parsed("lib/b.ex", &["B", &name]),
        ];
        repository.import("/p", files, &[]).unwrap();
    };
    change(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut versions = 0u64;
                    let mut last = 0;
                    while !done.load(Ordering::Acquire) {
                        let reading = repository.reading();
                        let ids: Vec<String> = reading
                            .modules()
                            .iter()
                            .map(|record| record.id.to_string())
                            .collect();
                        // B, N7 and the other N7, which goes by a suffix.
                        assert_eq!(ids.len(), 3, "{ids:?}");
                        assert!(ids[2].starts_with(&format!("{}~", ids[1])), "{ids:?}");
                        // Long enough for the writer to come in between.
                        std::thread::sleep(std::time::Duration::from_micros(300));
                        let again = reading.locate(&ids[1]);
                        assert!(again.is_ok(), "{} went away under a reading", ids[1]);
                        versions += u64::from(reading.version() != last);
                        last = reading.version();
                    }
                    versions
                })
            })
            .collect();
        (1..400).for_each(change);
        done.store(true, Ordering::Release);
        for reader in readers {
            assert!(reader.join().unwrap() > 1, "a reader saw one version only");
        }
    });
}

/// Two snapshots, alike in nothing; a reader that saw a record of one and a correlation of the other saw a mix.
#[test]
fn a_restore_replaces_records_and_correlations_at_once() {
    let repository = Repository::new("r", Limits::default());
    let snapshot_of = |name: &str| {
        let other = Repository::new("s", Limits::default());
        other
            .import("/p", vec![parsed("lib/a.ex", &[name])], &[])
            .unwrap();
        other
            .put_insight(name, vec![(intern("n"), Value::Int(1))])
            .unwrap();
        for n in 0..50 {
            other.put_correlation(CorrelationId::Int(n), name).unwrap();
        }
        other.snapshot().unwrap()
    };
    let both = [snapshot_of("A"), snapshot_of("B")];
    repository.restore(&both[0]).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let reading = repository.reading();
                    let modules = reading.modules();
                    assert_eq!(modules.len(), 1);
                    let all = reading.correlations().all();
                    assert_eq!(all.len(), 50);
                    assert!(all.iter().all(|(_, node)| **node == *modules[0].id));
                    assert!(reading.insight(&modules[0].id).is_some());
                }
            });
        }
        for n in 0..300 {
            repository.restore(&both[n % 2]).unwrap();
        }
        done.store(true, Ordering::Release);
    });
}

#[test]
fn changes_are_told_by_name() {
    let old = unit("lib/a.ex", &["A", "B"]);
    let new = unit("lib/a.ex", &["B", "C"]);
    let path = std::sync::Arc::from("/p/lib/a.ex");
    let change = change::compare(&path, Some(&old), Some(&new));
    let name = |text: &str| intern(&format!("Elixir.{text}"));
    assert_eq!(change.kind, ChangeKind::Modified);
    assert_eq!(
        change.modules,
        [
            (name("A"), ChangeKind::Removed),
            (name("C"), ChangeKind::Added)
        ]
    );
    let functions: Vec<_> = change
        .functions
        .iter()
        .map(|(key, kind)| (key.module, *kind))
        .collect();
    assert_eq!(
        functions,
        [
            (name("A"), ChangeKind::Removed),
            (name("C"), ChangeKind::Added)
        ]
    );
    assert_eq!(
        change::compare(&path, Some(&old), Some(&old)).kind,
        ChangeKind::Unchanged
    );
    assert_eq!(
        change::compare(&path, None, Some(&old)).kind,
        ChangeKind::Added
    );
    assert_eq!(
        change::compare(&path, Some(&old), None).kind,
        ChangeKind::Removed
    );
}

#[test]
fn the_same_code_elsewhere_in_the_text_keeps_what_was_computed() {
    let repository = Repository::new("r", Limits::default());
    let put = |text: &[u8], names: &[&str]| {
        let ast = crate::store::tests::unit("lib/a.ex", names).ast().clone();
        let unit = crate::source::Unit::build(Some("lib/a.ex"), Some(text), (*ast).clone());
        let parsed = Parsed {
            unit: std::sync::Arc::new(unit.unwrap()),
            lines: 4,
        };
        repository.import("/p", vec![parsed], &[]).unwrap();
        repository
            .definition(intern(&format!("Elixir.{}", names[0])))
            .unwrap()
            .0
    };
    let first = put(b"first", &["A"]);
    let calls = std::ptr::from_ref(first.calls());
    let second = put(b"second", &["A"]);
    assert!(!std::sync::Arc::ptr_eq(&first, &second));
    assert_eq!(calls, std::ptr::from_ref(second.calls()));
    let third = put(b"third", &["A", "B"]);
    assert_ne!(calls, std::ptr::from_ref(third.calls()));
}
