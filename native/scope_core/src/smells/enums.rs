//! `Enum` in rows: two passes that one function does in one, and chains of lists that want a `Stream`.

use crate::ast::{Ast, NodeIx};
use crate::source::Unit;

use super::Finding;
use super::code::{arguments, input, last_step, remote};
use super::kind::{Smell, Thresholds};

/// First pass, second pass with its arity (what is piped in counted), and what does both.
const ONE_PASS: &[(&str, u32, &str, u32, &str)] = &[
    ("filter", 2, "count", 1, "Enum.count/2"),
    (
        "filter",
        2,
        "filter",
        2,
        "one Enum.filter/2 with both conditions",
    ),
    (
        "reject",
        2,
        "reject",
        2,
        "one Enum.reject/2 with both conditions",
    ),
    (
        "filter",
        2,
        "reject",
        2,
        "one Enum.filter/2 with both conditions",
    ),
    (
        "reject",
        2,
        "filter",
        2,
        "one Enum.filter/2 with both conditions",
    ),
    ("map", 2, "map", 2, "one Enum.map/2 with both functions"),
    ("map", 2, "into", 2, "Enum.into/3"),
    ("map", 2, "join", 1, "Enum.map_join/3"),
    ("map", 2, "join", 2, "Enum.map_join/3"),
    ("map", 2, "concat", 1, "Enum.flat_map/2"),
    ("sort", 1, "reverse", 1, "Enum.sort(_, :desc)"),
    (
        "with_index",
        1,
        "map",
        2,
        "Enum.with_index/2 with a function",
    ),
    ("filter", 2, "first", 1, "Enum.find/2"),
];

/// What takes a collection and builds a list of it.
const STEPS: &[&str] = &[
    "map",
    "filter",
    "reject",
    "flat_map",
    "with_index",
    "concat",
    "uniq",
    "uniq_by",
    "dedup",
    "dedup_by",
    "take_while",
    "drop_while",
    "map_every",
    "intersperse",
    "scan",
    "chunk_every",
    "chunk_by",
    "take",
    "drop",
    "zip",
];

pub(super) fn find(unit: &Unit, thresholds: &Thresholds, found: &mut Vec<Finding>) {
    let ast = unit.ast();
    for site in unit.call_sites().filter(|site| !site.quoted) {
        let Some((second, arity)) = step(unit, site.node) else {
            continue;
        };
        let before = input(ast, site.node).map(|ix| last_step(ast, ix));
        let first = before.and_then(|ix| step(unit, ix).map(|(name, arity)| (ix, name, arity)));
        if let Some((node, name, first_arity)) = first {
            let rule = ONE_PASS.iter().find(|rule| {
                (rule.0, rule.1, rule.2, rule.3) == (name, first_arity, second, arity)
            });
            if let Some((_, _, _, _, both)) = rule {
                let what = format!("Enum.{name} and then {second}: {both} does both");
                let finding = Finding::new(Smell::EnumOnePass, site.node, what);
                found.push(finding.related(vec![node]));
            }
        }
        chain(unit, site.node, thresholds, found);
    }
}

/// The function of `Enum` (or `List.first/1`) that a node calls.
fn step(unit: &Unit, ix: NodeIx) -> Option<(&'static str, u32)> {
    let site = unit.callee(ix)?;
    if !matches!(
        site.form,
        crate::source::calls::Form::Plain | crate::source::calls::Form::Piped
    ) {
        return None;
    }
    let arity = site.callee.arity;
    match remote(&site)? {
        ("Elixir.Enum", name) => Some((name, arity)),
        ("Elixir.List", "first") => Some(("first", arity)),
        _ => None,
    }
}

/// A row of steps that ends here, counted back from its last one.
fn chain(unit: &Unit, last: NodeIx, thresholds: &Thresholds, found: &mut Vec<Finding>) {
    let ast = unit.ast();
    let is_step = |ix: NodeIx| step(unit, ix).is_some_and(|(name, _)| STEPS.contains(&name));
    if !is_step(last) || next_of(ast, last).is_some_and(is_step) {
        return;
    }
    let mut steps = vec![last];
    let mut at = last;
    while let Some(before) = input(ast, at).map(|ix| last_step(ast, ix)) {
        if !is_step(before) {
            break;
        }
        steps.push(before);
        at = before;
    }
    if steps.len() as u32 >= thresholds.enum_chain_steps {
        steps.reverse();
        let names: Vec<&str> = steps
            .iter()
            .filter_map(|&ix| step(unit, ix).map(|(name, _)| name))
            .collect();
        let what = format!("{} lists in a row: {}", steps.len(), names.join(", "));
        steps.pop();
        let finding = Finding::new(Smell::EnumChain, last, what);
        let finding = finding.measured(names.len() as f64).confidence(0.7);
        found.push(finding.related(steps));
    }
}

/// The call that takes what this one gives.
fn next_of(ast: &Ast, ix: NodeIx) -> Option<NodeIx> {
    let parent = ast.parent(ix)?;
    if !super::code::is_call(ast, parent, "|>") {
        let first = arguments(ast, parent).next();
        return (first == Some(ix)).then_some(parent);
    }
    if ast.child(parent, 0) == Some(ix) {
        return ast.child(parent, 1);
    }
    // It is the right side: what follows is the right side of the pipe around.
    let around = ast.parent(parent)?;
    let follows = super::code::is_call(ast, around, "|>") && ast.child(around, 0) == Some(parent);
    match follows {
        true => ast.child(around, 1),
        false => (arguments(ast, around).next() == Some(parent)).then_some(around),
    }
}
