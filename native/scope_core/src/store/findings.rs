//! Findings as `%CodeSmell{}`.

use std::collections::HashSet;
use std::sync::Arc;

use crate::ast::NodeIx;
use crate::atoms::{Atom, intern};
use crate::capture::points::FunctionKey;
use crate::smells::{self, CloneClass, Finding, Smell, Thresholds};
use crate::source::Unit;
use crate::store::repository::Repository;
use crate::store::structs::{key_value, structure, word};
use crate::value::Value;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct FindingsAsked {
    /// Empty for all.
    pub kinds: Vec<Smell>,
    pub thresholds: Thresholds,
    /// Also what stands in tests.
    pub tests: bool,
}

impl FindingsAsked {
    fn wants(&self, smell: Smell) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&smell)
    }
}

/// The findings of all files, clones included: by file, in the order of the source.
pub fn findings(repository: &Repository, asked: &FindingsAsked) -> Value {
    let mut units: Vec<Arc<Unit>> = repository
        .units()
        .iter()
        .filter(|unit| asked.tests || !is_test(unit.file()))
        .cloned()
        .collect();
    units.sort_by(|a, b| a.file().cmp(b.file()));
    let by_default = asked.thresholds == Thresholds::default();
    let mut found: Vec<(usize, NodeIx, Value)> = Vec::new();
    let within = Smell::ALL
        .iter()
        .any(|&one| !is_clone(one) && asked.wants(one));
    let mut quoted: HashSet<Atom> = HashSet::new();
    if asked.wants(Smell::UnusedPrivateFunction) {
        for unit in repository.units().iter() {
            quoted.extend(smells::quoted_calls(unit));
        }
    }
    for (number, unit) in units.iter().enumerate().filter(|_| within) {
        let mut push = |one: &Finding| {
            if asked.wants(one.smell) && !is_called_by_macros(unit, one, &quoted) {
                found.push((number, one.node, of_unit(unit, one, &asked.thresholds)));
            }
        };
        match by_default {
            true => unit.findings().iter().for_each(&mut push),
            false => smells::findings(unit, &asked.thresholds)
                .iter()
                .for_each(&mut push),
        }
    }
    if Smell::ALL
        .iter()
        .any(|&one| is_clone(one) && asked.wants(one))
    {
        for class in smells::clones(&units, &asked.thresholds) {
            if asked.wants(class.smell) {
                let (number, node) = class.places[0];
                found.push((number, node, of_clones(&units, &class, &asked.thresholds)));
            }
        }
    }
    found.sort_by_key(|(number, node, _)| (*number, *node));
    Value::List(found.into_iter().map(|(_, _, value)| value).collect())
}

/// Quoted code of some module calls a function of this name: where it ends up nobody knows.
fn is_called_by_macros(unit: &Unit, finding: &Finding, quoted: &HashSet<Atom>) -> bool {
    let name = || {
        let function = function_of(unit, finding.node)?;
        Some(unit.functions()[function as usize].name)
    };
    finding.smell == Smell::UnusedPrivateFunction
        && name().is_some_and(|name| quoted.contains(&name))
}

/// The findings in a function, with the default thresholds; those about other files (clones) are not among them.
pub fn findings_of_function(unit: &Unit, function: u32) -> Value {
    let thresholds = Thresholds::default();
    let found = unit.findings();
    let own = found
        .iter()
        .filter(|one| function_of(unit, one.node) == Some(function));
    Value::List(own.map(|one| of_unit(unit, one, &thresholds)).collect())
}

/// The findings of each function that has some, with how sure the surest is.
pub fn findings_by_function(unit: &Unit) -> Vec<(u32, f64, Value)> {
    let thresholds = Thresholds::default();
    let mut all: std::collections::BTreeMap<u32, (f64, Vec<Value>)> = Default::default();
    for one in &unit.findings() {
        if let Some(function) = function_of(unit, one.node) {
            let (sure, values) = all.entry(function).or_default();
            *sure = sure.max(one.confidence);
            values.push(of_unit(unit, one, &thresholds));
        }
    }
    let all = all.into_iter();
    all.map(|(function, (sure, values))| (function, sure, Value::List(values)))
        .collect()
}

/// Name, why, instead, source and thresholds of every kind.
pub fn catalog() -> Value {
    let kinds = Smell::ALL.iter().map(|&smell| {
        let thresholds = Thresholds::ALL.iter().filter(|one| one.1 == smell);
        let thresholds = thresholds.map(|&(name, _, default, meaning)| {
            Value::record(vec![
                (intern("name"), word(name)),
                (intern("default"), Value::Int(i64::from(default))),
                (intern("meaning"), Value::text(meaning)),
            ])
        });
        Value::record(vec![
            (intern("kind"), word(smell.text())),
            (intern("why"), Value::text(smell.why())),
            (intern("instead"), Value::text(smell.instead())),
            (intern("source"), Value::text(smell.source())),
            (intern("thresholds"), Value::List(thresholds.collect())),
        ])
    });
    Value::List(kinds.collect())
}

fn is_clone(smell: Smell) -> bool {
    matches!(smell, Smell::CloneExact | Smell::CloneRenamed)
}

/// `test/`, `apps/a/test/`, `a_test.exs`.
fn is_test(file: &str) -> bool {
    file.split('/').any(|part| part == "test") || file.ends_with("_test.exs")
}

fn of_unit(unit: &Unit, finding: &Finding, thresholds: &Thresholds) -> Value {
    let place = (unit, finding.node);
    let related = finding.related.iter().map(|&node| location(unit, node));
    code_smell(
        finding.smell,
        place,
        &finding.what,
        finding.measured,
        finding.confidence,
        related.collect(),
        thresholds,
    )
}

fn of_clones(units: &[Arc<Unit>], class: &CloneClass, thresholds: &Thresholds) -> Value {
    let (number, node) = class.places[0];
    let others = class.places[1..]
        .iter()
        .map(|&(number, node)| location(&units[number], node));
    let what = format!(
        "{} places with the same {} lines{}",
        class.places.len(),
        class.lines,
        match class.smell {
            Smell::CloneRenamed => " but for names and literals",
            _ => "",
        }
    );
    code_smell(
        class.smell,
        (&units[number], node),
        &what,
        Some(f64::from(class.nodes)),
        1.0,
        others.collect(),
        thresholds,
    )
}

fn code_smell(
    smell: Smell,
    (unit, node): (&Unit, NodeIx),
    what: &str,
    measured: Option<f64>,
    confidence: f64,
    related: Vec<Value>,
    thresholds: &Thresholds,
) -> Value {
    let (id, file, line, column) = place(unit, node);
    let function = function_of(unit, node).map_or(Value::nil(), |number| {
        let function = &unit.functions()[number as usize];
        key_value(&FunctionKey {
            module: unit.modules()[function.module as usize].name,
            name: function.name,
            arity: function.arity,
        })
    });
    let module = unit.module_of(node).map_or(Value::nil(), |module| {
        Value::Atom(unit.modules()[module as usize].name)
    });
    let threshold = thresholds
        .of(smell)
        .map_or(Value::nil(), |n| Value::Int(i64::from(n)));
    structure(
        "ElixirScope.ASTRepository.CodeSmell",
        vec![
            ("kind", word(smell.text())),
            ("ast_node_id", id),
            ("file", file),
            ("line", line),
            ("column", column),
            ("module_name", module),
            ("function_key", function),
            ("what", Value::text(what)),
            ("why", Value::text(smell.why())),
            ("instead", Value::text(smell.instead())),
            ("measured", measured.map_or(Value::nil(), Value::Float)),
            ("threshold", threshold),
            ("source", Value::text(smell.source())),
            ("confidence", Value::Float(confidence)),
            ("related", Value::List(related)),
        ],
    )
}

fn function_of(unit: &Unit, node: NodeIx) -> Option<u32> {
    let clause = unit.clause_of(node)?;
    Some(unit.clauses()[clause as usize].function)
}

fn location(unit: &Unit, node: NodeIx) -> Value {
    let (id, file, line, column) = place(unit, node);
    Value::record(vec![
        (intern("ast_node_id"), id),
        (intern("file"), file),
        (intern("line"), line),
        (intern("column"), column),
    ])
}

/// Id, file, line and column; a node without a place of its own stands where what is in it begins, or else where the
/// nearest around it does.
fn place(unit: &Unit, node: NodeIx) -> (Value, Value, Value, Value) {
    let ast = unit.ast();
    let number = |n: Option<u32>| n.map_or(Value::nil(), |n| Value::Int(i64::from(n)));
    let within = (node.0..ast.end(node))
        .map(NodeIx)
        .find(|&ix| ast.line(ix).is_some());
    let mut at = within.or(Some(node));
    while let Some(ix) = at.filter(|&ix| ast.line(ix).is_none()) {
        at = ast.parent(ix);
    }
    let (line, column) = at.map_or((None, None), |ix| ast.position(ix));
    (
        Value::text(&unit.node_id(node)),
        Value::text(unit.file()),
        number(line),
        number(column),
    )
}
