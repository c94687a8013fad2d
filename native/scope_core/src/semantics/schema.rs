//! Fields and associations of Ecto schemas.

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;

use super::concept::{ConceptField, Relation};
use super::survey::{Survey, arguments, is_call, option};

/// The associations of Ecto's `schema` block that lead to another schema.
const ASSOCIATIONS: [&str; 6] = [
    "belongs_to",
    "has_one",
    "has_many",
    "many_to_many",
    "embeds_one",
    "embeds_many",
];

pub struct Schema {
    /// The `schema` or `embedded_schema`.
    pub node: NodeIx,
    pub embedded: bool,
    /// The table.
    pub source: Option<String>,
    pub fields: Vec<ConceptField>,
    pub relations: Vec<Relation>,
}

/// What a schema block says; `None` without one.
pub fn schema(survey: &Survey<'_>) -> Option<Schema> {
    let ast = survey.ast;
    let block = survey
        .body_calls()
        .find(|one| matches!(one.callee.name.text(), "schema" | "embedded_schema"))?
        .node;
    let source = arguments(ast, block)
        .first()
        .and_then(|&one| ast.binary(one))
        .map(|text| String::from_utf8_lossy(text).into_owned());
    let mut found = Schema {
        node: block,
        embedded: is_call(ast, block, "embedded_schema"),
        source,
        fields: Vec::new(),
        relations: Vec::new(),
    };
    let inside = survey
        .body_calls()
        .filter(|one| ast.contains(block, one.node));
    for call in inside {
        let name = call.callee.name.text();
        let args = arguments(ast, call.node);
        match name {
            "field" => field(survey, call.node, &args, &mut found),
            "timestamps" => timestamps(survey, call.node, &args, &mut found),
            _ if ASSOCIATIONS.contains(&name) => {
                association(survey, call.callee.name, call.node, &args, &mut found);
            }
            _ => {}
        }
    }
    Some(found)
}

fn name_of(survey: &Survey<'_>, args: &[NodeIx]) -> Option<Atom> {
    survey.ast.atom_of(*args.first()?, Kind::Atom)
}

fn field(survey: &Survey<'_>, node: NodeIx, args: &[NodeIx], found: &mut Schema) {
    let Some(name) = name_of(survey, args) else {
        return;
    };
    let options = args.get(2).copied();
    let is_true = |key: &str| {
        options
            .and_then(|list| option(survey.ast, list, key))
            .is_some_and(|value| survey.text(value) == "true")
    };
    found.fields.push(ConceptField {
        name,
        node,
        type_text: args
            .get(1)
            .map_or(":string".to_string(), |&one| survey.text(one)),
        default: options
            .and_then(|list| option(survey.ast, list, "default"))
            .map(|value| survey.text(value)),
        is_virtual: is_true("virtual"),
        redact: is_true("redact"),
    });
}

fn timestamps(survey: &Survey<'_>, node: NodeIx, args: &[NodeIx], found: &mut Schema) {
    let options = args.first().copied();
    let type_text = options
        .and_then(|list| option(survey.ast, list, "type"))
        .map_or(":naive_datetime".to_string(), |value| survey.text(value));
    for name in ["inserted_at", "updated_at"] {
        let said = options.and_then(|list| option(survey.ast, list, name));
        let own = said.and_then(|value| survey.ast.atom_of(value, Kind::Atom));
        if own.is_some_and(|own| own.text() == "false") {
            continue;
        }
        found.fields.push(ConceptField {
            name: own.unwrap_or_else(|| crate::atoms::intern(name)),
            node,
            type_text: type_text.clone(),
            default: None,
            is_virtual: false,
            redact: false,
        });
    }
}

fn association(survey: &Survey<'_>, kind: Atom, node: NodeIx, args: &[NodeIx], found: &mut Schema) {
    let (Some(name), Some(&target)) = (name_of(survey, args), args.get(1)) else {
        return;
    };
    let ast = survey.ast;
    let through = option(ast, target, "through");
    let module = match ast.kind(target) {
        Kind::Atom => ast.atom(target),
        // `{"table", Module}`
        Kind::Tuple => ast
            .child(target, 1)
            .and_then(|one| survey.unit.module_named(one)),
        _ => survey.unit.module_named(target),
    };
    found.relations.push(Relation {
        kind,
        name: Some(name),
        to: module,
        node,
        through: through.map(|path| survey.text(path)),
        confidence: 1.0,
    });
    if kind.text() == "belongs_to" {
        let options = args.get(2).copied();
        let key = options
            .and_then(|list| option(ast, list, "foreign_key"))
            .and_then(|value| ast.atom_of(value, Kind::Atom));
        found.fields.push(ConceptField {
            name: key.unwrap_or_else(|| crate::atoms::intern(&format!("{}_id", name.text()))),
            node,
            type_text: options
                .and_then(|list| option(ast, list, "type"))
                .map_or(":id".to_string(), |value| survey.text(value)),
            default: None,
            is_virtual: false,
            redact: false,
        });
    }
}
