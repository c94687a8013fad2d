use super::testing::*;
use super::*;
use crate::atoms::intern;

#[test]
fn any_term_comes_back_exactly() {
    let mut random = Random(1);
    for round in 0..rounds(3000) {
        let term = random.term(1 + round % 6);
        let ast = ast(&term);
        assert_eq!(Table::read(&ast).unwrap(), term);
        let saved = rmp_serde::to_vec(&ast).unwrap();
        let again: Ast = rmp_serde::from_slice(&saved).unwrap();
        assert_eq!(Table::read(&again).unwrap(), term);
        assert_eq!(again.hash(again.root()), ast.hash(ast.root()));
    }
}

#[test]
fn hashes_know_code_and_not_where_it_stands() {
    let hash = |term: T| {
        let ast = ast(&term);
        ast.hash(ast.root())
    };
    let f = |name: &str, line: i64, args| hash(call(name, line, line, args));
    assert_eq!(f("f", 1, vec![T::Int(1)]), f("f", 99, vec![T::Int(1)]));
    let different = [
        f("f", 1, vec![T::Int(1)]),
        f("g", 1, vec![T::Int(1)]),
        f("f", 1, vec![T::Int(2)]),
        f("f", 1, vec![T::Int(1), T::Int(1)]),
        f("f", 1, vec![]),
        f("f", 1, vec![T::Float(1.0)]),
        f("f", 1, vec![T::Binary(b"1".to_vec())]),
        f("f", 1, vec![atom("1")]),
        f("f", 1, vec![T::List(vec![T::Int(1)])]),
        f("f", 1, vec![T::Tuple(vec![T::Int(1)])]),
        hash(var("f", 1, 1)),
        hash(atom("f")),
        hash(T::Binary(b"f".to_vec())),
    ];
    for (at, one) in different.iter().enumerate() {
        assert!(!different[..at].contains(one), "number {at}");
    }
    // Part of every persisted id: this number must never change.
    assert_eq!(f("f", 1, vec![T::Int(1)]), 2_066_749_693_085_726_319);
}

#[test]
fn places_come_out_of_metadata() {
    let at = |key: &str, line, column| T::Tuple(vec![atom(key), meta(line, column)]);
    let mut pairs = vec![at("do", 3, 9), at("end", 70_000, 1)];
    let T::List(own) = meta(2, 5) else {
        unreachable!()
    };
    pairs.extend(own);
    let ast = ast(&T::Tuple(vec![
        atom("f"),
        T::List(pairs),
        T::List(vec![T::Int(1)]),
    ]));
    let root = ast.root();
    assert_eq!(ast.position(root), (Some(2), Some(5)));
    assert_eq!(
        ast.meta_position(root, intern("end")),
        Some((70_000, Some(1)))
    );
    assert_eq!(ast.meta_position(root, intern("do")), Some((3, Some(9))));
    assert_eq!(ast.meta_position(root, intern("closing")), None);
    let mut lines = Vec::new();
    ast.each_line(root, |line| lines.push(line));
    assert_eq!(lines, [3, 70_000, 2]);
    assert_eq!(ast.line(NodeIx(1)), None);
    assert_eq!(ast.parent(NodeIx(1)), Some(root));
}

#[test]
#[cfg_attr(miri, ignore)]
fn deep_is_no_problem_and_too_deep_an_error() {
    let deep = |depth: usize| {
        let mut builder = Builder::new();
        for _ in 0..depth {
            builder.open_list()?;
        }
        for _ in 0..depth {
            builder.close()?;
        }
        builder.finish()
    };
    assert_eq!(deep(100_000).unwrap().len(), 100_000);
    assert!(deep(crate::limits::AST_DEPTH_MAX + 1).is_err());
}

#[test]
fn what_makes_no_term_is_refused() {
    let refused = |tell: fn(&mut Builder) -> crate::error::Result<()>| {
        let mut builder = Builder::new();
        let told = tell(&mut builder);
        assert!(told.and_then(|()| builder.finish().map(drop)).is_err());
    };
    refused(|_| Ok(()));
    refused(|to| to.close());
    refused(|to| to.open_list());
    refused(|to| to.int(1).and_then(|()| to.int(2)));
    refused(|to| to.open_pair(intern("a")).and_then(|()| to.close()));
    refused(|to| to.open_tuple().and_then(|()| to.close_improper()));
    refused(|to| to.open_call(intern("no metadata")));
    refused(|to| {
        to.begin_meta();
        to.end_meta().map(drop)
    });
}

#[test]
fn metadata_of_a_known_shape_is_the_same_metadata() {
    let mut builder = Builder::new();
    builder.open_list().unwrap();
    builder.begin_meta();
    {
        let mut meta = builder.meta();
        meta.open_list().unwrap();
        for (key, value) in [("line", 70), ("column", 2)] {
            meta.open_pair(intern(key)).unwrap();
            meta.int(value).unwrap();
            meta.close().unwrap();
        }
        meta.close().unwrap();
    }
    let shape = builder.end_meta().unwrap();
    builder.var(intern("x"), None).unwrap();
    assert!(builder.meta_of_shape(shape, &[1]).is_err());
    builder.meta_of_shape(shape, &[-3, i64::MAX]).unwrap();
    builder.var(intern("y"), None).unwrap();
    builder.close().unwrap();
    let expected = T::List(vec![var("x", 70, 2), var("y", -3, i64::MAX)]);
    assert_eq!(Table::read(&builder.finish().unwrap()).unwrap(), expected);
}

/// Every byte of a saved AST, changed: it is refused, or it is an AST that can be walked.
#[test]
fn no_saved_bytes_can_do_harm() {
    let mut random = Random(7);
    let mut accepted = 0;
    for _ in 0..rounds(40) {
        let saved = rmp_serde::to_vec(&ast(&random.term(5))).unwrap();
        for at in (0..saved.len()).step_by(if cfg!(miri) { 199 } else { 1 }) {
            let mut bytes = saved.clone();
            bytes[at] = random.below(256) as u8;
            let Ok(ast) = rmp_serde::from_slice::<Ast>(&bytes) else {
                continue;
            };
            accepted += 1;
            let _ = Table::read(&ast);
            for ix in 0..ast.len() as u32 {
                let ix = NodeIx(ix);
                let _ = (ast.position(ix), ast.int(ix), ast.float(ix), ast.binary(ix));
                let _ = ast.meta_position(ix, intern("end"));
                assert!(ast.children(ix).all(|child| ast.parent(child) == Some(ix)));
            }
        }
    }
    assert!(
        cfg!(miri) || accepted > 100,
        "the changes never reached the checks behind the format"
    );
}
