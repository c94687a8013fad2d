use super::*;
use crate::ast::testing::*;

/// Any term is measured and judged, however odd; what is found names nodes, and thresholds decide.
#[test]
fn whatever_is_parsed_is_judged() {
    let mut random = Random(23);
    let strict = Thresholds {
        long_function_lines: 0,
        nesting_levels: 0,
        large_module_lines: 0,
        parameters: 0,
        clone_nodes: 1,
        clone_renamed_nodes: 1,
        clone_lines: 0,
        ..Thresholds::default()
    };
    for _ in 0..rounds(2_000) {
        let inner: Vec<T> = (0..3).map(|_| random.term(6)).collect();
        let definition = call("def", 1, 3, vec![random.term(2), body(random.term(7))]);
        let content = T::Tuple(vec![
            atom("__block__"),
            T::List(vec![]),
            T::List([inner, vec![definition.clone(), definition]].concat()),
        ]);
        let module = call("defmodule", 1, 1, vec![alias(1, 11, &["A"]), body(content)]);
        let unit = Arc::new(Unit::build(Some("lib/a.ex"), None, ast(&module)).unwrap());
        for one in findings(&unit, &strict).iter().chain(&unit.findings()) {
            assert!((one.node.0 as usize) < unit.ast().len());
            assert!((0.0..=1.0).contains(&one.confidence));
        }
        for class in clones(&[unit.clone(), unit.clone()], &strict) {
            assert!(class.places.len() > 1);
        }
        let sizes = unit.sizes();
        assert_eq!(sizes.clauses.len(), unit.clauses().len());
        for clause in 0..unit.clauses().len() as u32 {
            let index = unit.clause_maintainability(clause);
            assert!((0.0..=100.0).contains(&index), "{index}");
        }
    }
}

#[test]
fn names_lead_back_to_kinds() {
    for &smell in Smell::ALL {
        assert_eq!(Smell::named(smell.text()), Some(smell));
    }
    let mut thresholds = Thresholds::default();
    for (name, ..) in Thresholds::ALL {
        assert!(thresholds.set(name, 7), "{name}");
    }
    assert!(!thresholds.set("nothing", 7));
    assert_eq!(thresholds.of(Smell::ManyParameters), Some(7));
    assert_eq!(thresholds.of(Smell::BareRescue), None);
}
