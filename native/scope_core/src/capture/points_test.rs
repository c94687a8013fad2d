use super::*;
use crate::atoms::intern;

fn function(name: &str) -> FunctionKey {
    FunctionKey {
        module: intern("Points.Test"),
        name: intern(name),
        arity: 1,
    }
}

fn point(build: u64, index: u32, name: &str) -> PointInfo {
    let function = function(name);
    PointInfo {
        build,
        index,
        function,
        kind: PointKind::Clause,
        clause: 0,
        line: 1,
        column: None,
    }
}

#[test]
fn a_build_is_found_by_its_literals_and_registered_once() {
    let registry = PointRegistry::with_capacity(8, 64);
    let first = registry
        .register(7, &[point(7, 0, "a"), point(7, 1, "b")])
        .unwrap();
    let second = registry.register(9, &[point(9, 2, "a")]).unwrap();
    assert_eq!(
        (first.base, first.count, second.base, second.count),
        (0, 2, 2, 3)
    );
    assert_eq!(registry.register(7, &[point(7, 5, "z")]).unwrap(), first);
    assert_eq!(registry.resolve(7 << 20 | 1), Some(1));
    assert_eq!(registry.resolve(7 << 20 | 2), None);
    assert_eq!(registry.resolve(8 << 20), None);
    assert_eq!(registry.info(4).unwrap().function, function("a"));
    assert!(
        registry.info(2).is_none() && !registry.is_on(2),
        "a hole reports nothing"
    );
    let mut known = Vec::new();
    registry.catch_up(&mut known);
    assert_eq!(known[0].unwrap().function, known[4].unwrap().function);
}

#[test]
fn switching_reaches_what_is_registered_later() {
    let registry = PointRegistry::with_capacity(8, 64);
    registry
        .register(1, &[point(1, 0, "a"), point(1, 1, "b")])
        .unwrap();
    assert_eq!(
        registry.switch(&Selection::Function(function("a")), false),
        1
    );
    assert!(!registry.is_on(0) && registry.is_on(1));
    registry
        .register(2, &[point(2, 0, "a"), point(2, 1, "b")])
        .unwrap();
    assert!(!registry.is_on(2) && registry.is_on(3));
    assert_eq!(
        registry.switch(&Selection::Module(intern("Points.Test")), true),
        4
    );
    assert!((0..4).all(|dense| registry.is_on(dense)));
    assert_eq!(
        registry.switch(&Selection::Points(vec![2 << 20 | 1, 77 << 20]), false),
        1
    );
    assert!(!registry.is_on(3));
}

#[test]
fn bounds_and_nonsense_are_refused() {
    let registry = PointRegistry::with_capacity(1, 4);
    for (build, points) in [
        (0, vec![]),
        (1 << 39, vec![]),
        (1, vec![point(2, 0, "a")]),
        (1, vec![point(1, 1 << 20, "a")]),
        (1, vec![point(1, 0, "a"), point(1, 0, "b")]),
    ] {
        assert!(
            matches!(
                registry.register(build, &points),
                Err(Error::Invalid { .. })
            ),
            "{build}"
        );
    }
    assert!(matches!(
        registry.register(1, &[point(1, 4, "a")]),
        Err(Error::LimitExceeded { what: "points", .. })
    ));
    registry.register(1, &[point(1, 0, "a")]).unwrap();
    assert!(matches!(
        registry.register(2, &[point(2, 0, "a")]),
        Err(Error::LimitExceeded { what: "builds", .. })
    ));
}
