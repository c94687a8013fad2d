//! A function with what is known of it, as a value.

use ahash::AHashMap;

use crate::atoms::intern;
use crate::ingest::CallStats;
use crate::source::{Unit, module_text};
use crate::store::locate::runtime_key;
use crate::store::repository::Repository;
use crate::store::structs::{date_time, execution_statistics, key_value, word};
use crate::value::Value;

use super::Score;
use super::interest::{Lively, REPEATED};
use super::web::{Node, Of, Tie, Web};

/// Other ends that are told of one function, each way.
const ENDS_MAX: usize = 12;
const TESTS_MAX: usize = 8;

fn record(fields: Vec<(&str, Value)>) -> Value {
    let fields = fields.into_iter();
    Value::record(fields.map(|(name, value)| (intern(name), value)).collect())
}

fn id(node: &Node) -> String {
    match node.of {
        Of::Module(module) => node.unit.module_id(module),
        Of::Function(function) => node.unit.function_id(function),
    }
}

/// Where the walk began: `[%{ast_node_id:, weight:}]`, the heaviest first.
pub fn seeds(web: &Web, start: &[(u32, f64)]) -> Value {
    let whole: f64 = start.iter().map(|(_, weight)| weight).sum();
    let one = |(number, weight): &(u32, f64)| {
        let node = &web.nodes[*number as usize];
        record(vec![
            ("ast_node_id", Value::text(&id(node))),
            ("weight", Value::Float(weight / whole)),
        ])
    };
    Value::List(start.iter().take(32).map(one).collect())
}

pub fn item(
    repository: &Repository,
    web: &Web,
    lively: &Lively,
    number: u32,
    score: Score,
) -> Value {
    let node = &web.nodes[number as usize];
    let Of::Function(function) = node.of else {
        return Value::nil();
    };
    let unit = &node.unit;
    let written = &unit.functions()[function as usize];
    let interest = lively.interest(number);
    let stats = stats(repository, unit, function);
    let text = |text: Option<&str>| text.map_or_else(Value::nil, Value::text);
    let float = Value::Float;
    let mut fields = vec![
        ("ast_node_id", Value::text(&id(node))),
        ("function", key_value(&node.key)),
        ("kind", word(written.kind.text())),
        ("public", Value::bool(written.kind.is_public())),
        ("file", Value::text(unit.file())),
        ("path", text(web.path(unit).map(|path| &**path))),
        ("line", Value::Int(i64::from(written.position.line))),
        ("end_line", Value::Int(i64::from(written.end_line))),
        ("proximity", float(score.proximity)),
        ("score", float(score.whole)),
        ("seed", Value::bool(score.asked > 0.0)),
        (
            "interest",
            record(vec![
                ("failing", float(interest.failing)),
                ("origin", float(interest.origin)),
                ("heat", float(interest.heat)),
                ("repeated", float(interest.repeated)),
                ("change", float(interest.change)),
                ("unheard", float(interest.unheard)),
                ("swallowed", float(interest.swallowed)),
                ("finding", float(interest.finding)),
                ("idle", float(interest.idle)),
            ]),
        ),
        (
            "complexity",
            Value::Int(i64::from(written.metrics.cyclomatic_complexity)),
        ),
        (
            "statistics",
            stats.as_ref().map_or_else(Value::nil, execution_statistics),
        ),
        ("clauses", clauses(repository, unit, function)),
        ("calls", ends(web, lively, number, true)),
        ("called_by", ends(web, lively, number, false)),
        (
            "findings",
            web.findings
                .get(&number)
                .cloned()
                .unwrap_or_else(|| Value::List(Vec::new())),
        ),
        ("documentation", text(web.documentation(node).as_deref())),
        ("tests", tests(repository, node)),
    ];
    let module = module_text(node.key.module);
    let versions = repository.versions_of(&module).len();
    fields.push(("versions", Value::count(versions as u64)));
    fields.push((
        "change",
        web.changed.get(&number).map_or_else(Value::nil, |change| {
            record(vec![
                ("kind", word(if change.added { "added" } else { "changed" })),
                ("at", date_time(change.at_ns)),
            ])
        }),
    ));
    record(fields)
}

fn stats(repository: &Repository, unit: &Unit, function: u32) -> Option<CallStats> {
    let key = runtime_key(unit, function)?;
    let mut names = vec![key];
    names.extend(repository.former_names(&key));
    repository.runtime().stats_of_all(&names)
}

/// The clauses of a function with how often each was entered and failed, where more than one could be.
fn clauses(repository: &Repository, unit: &Unit, function: u32) -> Value {
    let written = &unit.functions()[function as usize];
    let known = match runtime_key(unit, function) {
        Some(key) => repository.runtime().clause_stats(&key),
        None => Vec::new(),
    };
    let one = |number: u32| {
        let clause = &unit.clauses()[number as usize];
        // A clause is known by where it begins.
        let own = known
            .iter()
            .filter(|one| one.point.line == clause.position.line);
        let (calls, failed) = own.fold((0, 0), |(calls, failed), one| {
            let stats = &one.stats;
            (calls + stats.calls, failed + stats.errors + stats.aborted)
        });
        record(vec![
            ("ast_node_id", Value::text(&unit.clause_id(number))),
            ("line", Value::Int(i64::from(clause.position.line))),
            ("calls", Value::count(calls)),
            ("failed", Value::count(failed)),
        ])
    };
    Value::List(written.clauses.clone().map(one).collect())
}

/// The other ends of a function's edges: those observed most often first.
fn ends(web: &Web, lively: &Lively, number: u32, outgoing: bool) -> Value {
    let (ties, seen) = match outgoing {
        true => (web.out.of(number), lively.out.get(&number)),
        false => (web.into.of(number), lively.into.get(&number)),
    };
    let mut all: AHashMap<u32, (Option<Tie>, u64)> = AHashMap::new();
    for (to, tie) in ties.iter().filter(|(_, tie)| *tie != Tie::Within) {
        all.entry(*to).or_default().0 = Some(*tie);
    }
    for (to, count) in seen.into_iter().flatten() {
        all.entry(*to).or_default().1 += count;
    }
    let mut all: Vec<(u32, (Option<Tie>, u64))> = all.into_iter().collect();
    all.sort_unstable_by(|a, b| b.1.1.cmp(&a.1.1).then(a.0.cmp(&b.0)));
    let left_out = all.len().saturating_sub(ENDS_MAX);
    let one = |(to, (tie, count)): &(u32, (Option<Tie>, u64))| {
        let (from, other) = if outgoing {
            (number, *to)
        } else {
            (*to, number)
        };
        let per_call = lively.per_call(from, *count);
        let repeated = *count > 0 && per_call >= REPEATED && other != from;
        record(vec![
            ("ast_node_id", Value::text(&id(&web.nodes[*to as usize]))),
            ("kind", word(tie.map_or("observed", Tie::text))),
            ("written", Value::bool(tie.is_some())),
            ("count", Value::count(*count)),
            (
                "per_call",
                match repeated {
                    true => Value::Float(per_call),
                    false => Value::nil(),
                },
            ),
            (
                "failed",
                Value::count(lively.warmth.get(to).map_or(0, |warmth| warmth.failed)),
            ),
        ])
    };
    record(vec![
        (
            "items",
            Value::List(all.iter().take(ENDS_MAX).map(one).collect()),
        ),
        ("left_out", Value::count(left_out as u64)),
    ])
}

/// Tests that were recorded to reach it.
fn tests(repository: &Repository, node: &Node) -> Value {
    let stored = repository.function_record(&node.key);
    let stored = stored.and_then(|record| record.fields.get(intern("test_cases")).cloned());
    match stored {
        Some(Value::List(mut all)) => {
            all.truncate(TESTS_MAX);
            Value::List(all)
        }
        _ => Value::List(Vec::new()),
    }
}
