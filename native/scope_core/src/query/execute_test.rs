use std::borrow::Cow;

use super::*;
use crate::query::{Comparison, Op};

#[derive(Debug, PartialEq, Clone)]
struct Pair(Vec<Value>);

impl Row for Pair {
    type Column = usize;

    fn value(&self, column: &usize) -> Cow<'_, Value> {
        Cow::Borrowed(&self.0[*column])
    }
}

fn rows() -> Vec<Pair> {
    [(1, "b"), (2, "a"), (3, "c"), (4, "a")]
        .iter()
        .map(|(n, text)| Pair(vec![Value::Int(*n), Value::text(text)]))
        .chain([Pair(vec![Value::nil(), Value::text("z")])])
        .collect()
}

fn plan(ops: Vec<Op<usize>>) -> Plan<usize> {
    Plan {
        condition: Program::new(ops).unwrap(),
        order: vec![],
        limit: None,
        offset: 0,
        timeout: Duration::from_secs(5),
    }
}

fn compare(comparison: Comparison, column: usize, value: Value) -> Op<usize> {
    Op::Compare {
        comparison,
        column,
        value,
    }
}

fn numbers(answer: &Answer<Pair>) -> Vec<Value> {
    answer.rows.iter().map(|row| row.0[0].clone()).collect()
}

#[test]
fn conditions_combine() {
    let ops = vec![
        compare(Comparison::Gt, 0, Value::Int(1)),
        compare(Comparison::Eq, 1, Value::text("a")),
        Op::Like {
            column: 1,
            pattern: b"c%".to_vec(),
        },
        Op::Or(2),
        Op::And(2),
    ];
    let answer = execute(&plan(ops), rows().into_iter()).unwrap();
    assert_eq!(
        numbers(&answer),
        [Value::Int(2), Value::Int(3), Value::Int(4)]
    );
    assert_eq!((answer.total, answer.scanned), (3, 5));
}

#[test]
fn nil_is_neither_above_nor_below() {
    let above = plan(vec![compare(Comparison::Gt, 0, Value::Int(3))]);
    assert_eq!(execute(&above, rows().into_iter()).unwrap().total, 1);
    let not_above = plan(vec![compare(Comparison::Gt, 0, Value::Int(3)), Op::Not]);
    assert_eq!(execute(&not_above, rows().into_iter()).unwrap().total, 4);
    let none = plan(vec![compare(Comparison::Eq, 0, Value::nil())]);
    assert_eq!(execute(&none, rows().into_iter()).unwrap().total, 1);
}

#[test]
fn no_condition_is_the_empty_and() {
    assert_eq!(
        execute(&plan(vec![Op::And(0)]), rows().into_iter())
            .unwrap()
            .total,
        5
    );
    assert_eq!(
        execute(&plan(vec![Op::Or(0)]), rows().into_iter())
            .unwrap()
            .total,
        0
    );
}

#[test]
fn sorts_with_nil_last_both_ways_then_cuts() {
    let mut sorted = plan(vec![Op::And(0)]);
    sorted.order = vec![(0, Direction::Descending)];
    let answer = execute(&sorted, rows().into_iter()).unwrap();
    assert_eq!(numbers(&answer)[..2], [Value::Int(4), Value::Int(3)]);
    assert!(numbers(&answer)[4].is_nil());

    sorted.order = vec![(1, Direction::Ascending), (0, Direction::Descending)];
    (sorted.limit, sorted.offset) = (Some(2), 1);
    let answer = execute(&sorted, rows().into_iter()).unwrap();
    assert_eq!(numbers(&answer), [Value::Int(2), Value::Int(1)]);
    assert_eq!(answer.total, 5);
}

#[test]
fn a_malformed_program_is_refused() {
    assert!(Program::<usize>::new(vec![Op::Not]).is_err());
    assert!(Program::<usize>::new(vec![]).is_err());
    assert!(Program::new(vec![Op::And(0), compare(Comparison::Eq, 0, Value::Int(1))]).is_err());
    assert!(Program::<usize>::new(vec![Op::And(u32::MAX)]).is_err());
}

#[test]
fn a_deep_program_needs_no_stack_of_ours() {
    let mut ops = vec![compare(Comparison::Eq, 0, Value::Int(1))];
    ops.extend(std::iter::repeat_n(Op::Not, 9_998));
    assert_eq!(execute(&plan(ops), rows().into_iter()).unwrap().total, 1);
}

#[test]
fn the_deadline_holds() {
    let mut slow = plan(vec![Op::And(0)]);
    slow.timeout = Duration::from_millis(5);
    let endless = std::iter::repeat_with(|| {
        std::thread::sleep(Duration::from_micros(50));
        Pair(vec![Value::Int(1), Value::Int(2)])
    });
    let error = execute(&slow, endless.take(100_000)).unwrap_err();
    assert_eq!(
        error,
        Error::Timeout {
            what: "query",
            limit_ms: 5
        }
    );
}
