//! Judgements as the structs of the Elixir side.

use crate::ast::NodeIx;
use crate::atoms::{Atom, intern};
use crate::declare::{Modules, node_fields, node_value};
use crate::source::{ModuleType, Unit, module_text};
use crate::store::{structure, word};
use crate::value::Value;

use super::callback::callbacks;
use super::concept::{Concept, ConceptField, Relation, concept};
use super::context::{is_data, referred};
use super::judged::Judged;
use super::module_type::module_type;
use super::pattern::{Pattern, patterns};
use super::role::role;
use super::rule::{Rule, rules};
use super::survey::{Judge, Survey};

fn record(fields: Vec<(&str, Value)>) -> Value {
    let named = fields
        .into_iter()
        .map(|(name, value)| (intern(name), value));
    Value::record(named.collect())
}

fn int(n: u32) -> Value {
    Value::Int(i64::from(n))
}

fn maybe_text(text: Option<&str>) -> Value {
    text.filter(|text| !text.is_empty())
        .map_or(Value::nil(), Value::text)
}

fn nodes(unit: &Unit, nodes: &[NodeIx]) -> Value {
    Value::List(nodes.iter().map(|&node| node_value(unit, node)).collect())
}

/// `%{value, confidence, why, nodes}`.
fn judgement<T>(unit: &Unit, judged: &Judged<T>, value: Value) -> Value {
    record(vec![
        ("value", value),
        ("confidence", Value::Float(judged.confidence)),
        ("why", Value::text(&judged.why)),
        ("nodes", nodes(unit, &judged.nodes)),
    ])
}

/// The fields of the first node, and all nodes.
fn with_nodes<T>(unit: &Unit, judged: &Judged<T>, fields: &mut Vec<(&str, Value)>) {
    fields.push(("confidence", Value::Float(judged.confidence)));
    fields.push(("why", Value::text(&judged.why)));
    fields.push(("nodes", nodes(unit, &judged.nodes)));
    if let Some(&first) = judged.nodes.first() {
        fields.extend(node_fields(unit, first));
    }
}

/// A `%BusinessRule{}`.
fn rule_value(survey: &Survey<'_>, judged: &Judged<Rule>) -> Value {
    let rule = &judged.value;
    let unit = survey.unit;
    let function = rule.clause.map_or(Value::nil(), |clause| {
        let function = unit.clauses()[clause as usize].function;
        let one = &unit.functions()[function as usize];
        Value::Tuple(vec![
            Value::Atom(survey.definition().name),
            Value::Atom(one.name),
            int(one.arity),
        ])
    });
    let id = judged.nodes.first().map(|&node| unit.node_id(node));
    let subjects = rule.subjects.iter().map(|&name| Value::Atom(name));
    let mut fields = vec![
        ("id", maybe_text(id.as_deref())),
        ("kind", word(rule.kind)),
        ("name", Value::text(&rule.name)),
        ("expression", Value::text(&rule.expression)),
        ("subjects", Value::List(subjects.collect())),
        ("module_name", Value::Atom(survey.definition().name)),
        ("function", function),
    ];
    with_nodes(unit, judged, &mut fields);
    structure("ElixirScope.ASTRepository.BusinessRule", fields)
}

/// An `%ArchPattern{}`.
fn pattern_value(survey: &Survey<'_>, judged: &Judged<Pattern>) -> Value {
    let name = survey.definition().name;
    let id = format!("{}:{}", module_text(name), judged.value);
    let mut fields = vec![
        ("id", Value::text(&id)),
        ("name", word(judged.value)),
        ("module_name", Value::Atom(name)),
    ];
    with_nodes(survey.unit, judged, &mut fields);
    structure("ElixirScope.ASTRepository.ArchPattern", fields)
}

fn field_value(unit: &Unit, field: &ConceptField) -> Value {
    let mut fields = vec![
        ("name", Value::Atom(field.name)),
        ("type", maybe_text(Some(&field.type_text))),
        ("default", maybe_text(field.default.as_deref())),
        ("virtual", Value::bool(field.is_virtual)),
        ("redact", Value::bool(field.redact)),
    ];
    fields.extend(node_fields(unit, field.node));
    record(fields)
}

fn relation_value(unit: &Unit, relation: &Relation) -> Value {
    let atom = |name: Option<Atom>| name.map_or(Value::nil(), Value::Atom);
    let mut fields = vec![
        ("kind", Value::Atom(relation.kind)),
        ("name", atom(relation.name)),
        ("to", atom(relation.to)),
        ("through", maybe_text(relation.through.as_deref())),
        ("confidence", Value::Float(relation.confidence)),
    ];
    fields.extend(node_fields(unit, relation.node));
    record(fields)
}

/// A `%DomainConcept{}`.
fn concept_value(survey: &Survey<'_>, judged: &Judged<Concept>) -> Value {
    let unit = survey.unit;
    let concept = &judged.value;
    let name = survey.definition().name;
    let of_fields = concept.fields.iter().map(|one| field_value(unit, one));
    let relations = concept
        .relations
        .iter()
        .map(|one| relation_value(unit, one));
    let mut fields = vec![
        ("id", Value::Atom(name)),
        ("name", Value::text(survey.last_segment())),
        ("kind", word(concept.kind.text())),
        ("source", maybe_text(concept.source.as_deref())),
        ("fields", Value::List(of_fields.collect())),
        ("relations", Value::List(relations.collect())),
    ];
    with_nodes(unit, judged, &mut fields);
    structure("ElixirScope.ASTRepository.DomainConcept", fields)
}

/// Names of the concepts that a module is, leads to, or works on: modules, its own first.
fn concepts_of(survey: &Survey<'_>, own: Option<&Judged<Concept>>) -> Vec<Atom> {
    let mut names: Vec<Atom> = Vec::new();
    if let Some(own) = own {
        names.push(survey.definition().name);
        names.extend(own.value.relations.iter().filter_map(|one| one.to));
    }
    let others = referred(survey).into_iter().map(|(module, _)| module);
    names.extend(others.filter(|&module| is_data(survey, module)));
    let mut seen: Vec<Atom> = Vec::new();
    names.retain(|name| {
        let fresh = !seen.contains(name);
        seen.push(*name);
        fresh
    });
    names
}

/// A `%ModuleMeaning{}`.
pub fn meaning_value(unit: &Unit, module: u32, judge: &Judge<'_>) -> Value {
    let survey = Survey::new(unit, module, judge);
    let kind = module_type(&survey);
    let role = role(&survey, &kind);
    let concept = concept(&survey, &kind);
    let own_rules = rules(&survey, &kind);
    let own_patterns = patterns(&survey, &kind);
    let concepts = concepts_of(&survey, concept.as_ref()).into_iter();
    let behaviours = survey.implements().into_iter().map(|one| {
        let mut fields = vec![("module", Value::Atom(one.module)), ("by", word(one.by))];
        fields.extend(node_fields(unit, one.node));
        record(fields)
    });
    let rules = own_rules.iter().map(|one| rule_value(&survey, one));
    let patterns = own_patterns.iter().map(|one| pattern_value(&survey, one));
    let mut fields = vec![
        ("module_name", Value::Atom(survey.definition().name)),
        (
            "module_type",
            judgement(unit, &kind, word(kind.value.text())),
        ),
        ("role", judgement(unit, &role, Value::Atom(role.value))),
        ("patterns", Value::List(patterns.collect())),
        ("behaviours", Value::List(behaviours.collect())),
        ("callbacks", callback_values(&survey)),
        (
            "concept",
            concept
                .as_ref()
                .map_or(Value::nil(), |one| concept_value(&survey, one)),
        ),
        ("concepts", Value::List(concepts.map(Value::Atom).collect())),
        ("rules", Value::List(rules.collect())),
    ];
    fields.extend(node_fields(unit, survey.node()));
    structure("ElixirScope.ASTRepository.ModuleMeaning", fields)
}

fn callback_values(survey: &Survey<'_>) -> Value {
    let all = callbacks(survey).into_iter().map(|one| {
        let behaviour = one.behaviour.map_or(Value::nil(), Value::Atom);
        let mut fields = vec![
            ("name", Value::Atom(one.name)),
            ("arity", int(one.arity)),
            ("behaviour", behaviour),
            ("marked", Value::bool(one.marked)),
        ];
        fields.extend(node_fields(survey.unit, one.node));
        record(fields)
    });
    Value::List(all.collect())
}

/// What is asked of one module at a time, as a field of its row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aspect {
    Type,
    Role,
    Patterns,
    Callbacks,
    Concepts,
    Rules,
}

/// One aspect of a module: a name, a list of names, or a list of structs.
pub fn aspect_value(unit: &Unit, module: u32, modules: &dyn Modules, aspect: Aspect) -> Value {
    let judge = Judge::new(modules);
    let survey = Survey::new(unit, module, &judge);
    let kind = || module_type(&survey);
    match aspect {
        Aspect::Type => word(kind().value.text()),
        Aspect::Role => Value::Atom(role(&survey, &kind()).value),
        Aspect::Patterns => {
            let all = patterns(&survey, &kind());
            Value::List(all.iter().map(|one| word(one.value)).collect())
        }
        Aspect::Callbacks => names_of_callbacks(&survey),
        Aspect::Concepts => {
            let own = concept(&survey, &kind());
            let names = concepts_of(&survey, own.as_ref());
            Value::List(names.into_iter().map(Value::Atom).collect())
        }
        Aspect::Rules => {
            let all = rules(&survey, &kind());
            Value::List(all.iter().map(|one| rule_value(&survey, one)).collect())
        }
    }
}

/// `[{name, arity}]`; `nil` for a module that implements nothing.
fn names_of_callbacks(survey: &Survey<'_>) -> Value {
    let all = callbacks(survey);
    if all.is_empty() && survey.implements().is_empty() {
        return Value::nil();
    }
    let pairs = all
        .iter()
        .map(|one| Value::Tuple(vec![Value::Atom(one.name), int(one.arity)]));
    Value::List(pairs.collect())
}

/// What a whole project says: concepts, rules or patterns of every module.
pub fn collect(unit: &Unit, module: u32, judge: &Judge<'_>, what: Aspect, all: &mut Vec<Value>) {
    let survey = Survey::new(unit, module, judge);
    let kind = module_type(&survey);
    match what {
        Aspect::Concepts => {
            let own = concept(&survey, &kind);
            all.extend(own.iter().map(|one| concept_value(&survey, one)));
        }
        Aspect::Rules => {
            let own = rules(&survey, &kind);
            all.extend(own.iter().map(|one| rule_value(&survey, one)));
        }
        _ => {
            let own = patterns(&survey, &kind);
            all.extend(own.iter().map(|one| pattern_value(&survey, one)));
        }
    }
}

/// The name of a module's type, `use` followed.
pub fn type_text(unit: &Unit, module: u32, modules: &dyn Modules) -> &'static str {
    let judge = Judge::new(modules);
    let kind: Judged<ModuleType> = module_type(&Survey::new(unit, module, &judge));
    kind.value.text()
}
