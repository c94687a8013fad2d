//! Concepts of the domain: schemas, structs and contexts, with their fields and what they lead to.

use crate::ast::{Kind, NodeIx};
use crate::atoms::{Atom, intern};
use crate::declare::struct_fields;
use crate::source::ModuleType;

use super::context::{context, is_data};
use super::judged::Judged;
use super::schema::schema;
use super::survey::{Survey, is_call};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConceptKind {
    Schema,
    EmbeddedSchema,
    Struct,
    Context,
}

impl ConceptKind {
    pub fn text(self) -> &'static str {
        match self {
            ConceptKind::Schema => "schema",
            ConceptKind::EmbeddedSchema => "embedded_schema",
            ConceptKind::Struct => "struct",
            ConceptKind::Context => "context",
        }
    }
}

#[derive(Clone, Debug)]
pub struct ConceptField {
    pub name: Atom,
    pub node: NodeIx,
    /// `:string`, `String.t()`; empty when nothing says it.
    pub type_text: String,
    pub default: Option<String>,
    pub is_virtual: bool,
    pub redact: bool,
}

/// What one concept has to do with another.
#[derive(Clone, Debug)]
pub struct Relation {
    /// `belongs_to`, `has_many`, ...; `refers` for a type that names it, `manages` for a context.
    pub kind: Atom,
    pub name: Option<Atom>,
    pub to: Option<Atom>,
    pub node: NodeIx,
    /// `[:posts, :comments]` of a `has_many ... through:`.
    pub through: Option<String>,
    pub confidence: f64,
}

#[derive(Clone, Debug)]
pub struct Concept {
    pub kind: ConceptKind,
    /// The table of a schema.
    pub source: Option<String>,
    pub fields: Vec<ConceptField>,
    pub relations: Vec<Relation>,
}

/// The concept that a module defines, if it defines one.
pub fn concept(survey: &Survey<'_>, kind: &Judged<ModuleType>) -> Option<Judged<Concept>> {
    match kind.value {
        ModuleType::EctoSchema => of_schema(survey, kind),
        ModuleType::Struct | ModuleType::Plain | ModuleType::Behaviour
            if survey.definition().defines_struct =>
        {
            of_struct(survey)
        }
        ModuleType::Plain => {
            let found = context(survey, kind)?;
            let relations = found
                .value
                .iter()
                .zip(&found.nodes)
                .map(|(&to, &node)| Relation {
                    kind: intern("manages"),
                    name: None,
                    to: Some(to),
                    node,
                    through: None,
                    confidence: found.confidence,
                });
            let concept = Concept {
                kind: ConceptKind::Context,
                source: None,
                fields: Vec::new(),
                relations: relations.collect(),
            };
            Some(Judged::new(
                concept,
                found.confidence,
                found.why,
                found.nodes,
            ))
        }
        _ => None,
    }
}

fn of_schema(survey: &Survey<'_>, kind: &Judged<ModuleType>) -> Option<Judged<Concept>> {
    let found = schema(survey)?;
    let mut concept = Concept {
        kind: match found.embedded {
            true => ConceptKind::EmbeddedSchema,
            false => ConceptKind::Schema,
        },
        source: found.source,
        fields: found.fields,
        relations: found.relations,
    };
    refers(survey, &mut concept);
    let why = match concept.kind {
        ConceptKind::EmbeddedSchema => "an embedded schema of Ecto",
        _ => "a schema of Ecto",
    };
    Some(Judged::new(concept, kind.confidence, why, vec![found.node]))
}

fn of_struct(survey: &Survey<'_>) -> Option<Judged<Concept>> {
    let facts = survey.facts();
    let node = facts.structure?;
    let types = field_types(survey);
    let fields = struct_fields(survey.ast, facts).unwrap_or_default();
    let fields = fields.iter().map(|field| ConceptField {
        name: field.name,
        node: field.node,
        type_text: types
            .iter()
            .find(|(name, _)| *name == field.name)
            .map_or(String::new(), |&(_, node)| survey.text(node)),
        default: field.default.map(|node| survey.text(node)),
        is_virtual: false,
        redact: false,
    });
    let mut concept = Concept {
        kind: ConceptKind::Struct,
        source: None,
        fields: fields.collect(),
        relations: Vec::new(),
    };
    refers(survey, &mut concept);
    // A struct with a type is meant to be spoken of; one without may be anybody's bookkeeping.
    let (confidence, why) = match types.is_empty() {
        true => (0.6, "a struct"),
        false => (0.8, "a struct with a type"),
    };
    Some(Judged::new(concept, confidence, why, vec![node]))
}

/// The pairs of `@type t :: %__MODULE__{field: type}`.
fn field_types(survey: &Survey<'_>) -> Vec<(Atom, NodeIx)> {
    let ast = survey.ast;
    let own = survey.definition().name;
    let facts = survey.facts();
    let mut pairs = Vec::new();
    for one in facts.types.iter().filter(|one| one.name.text() == "t") {
        let end = ast.end(one.definition);
        let structs = (one.definition.0..end)
            .map(NodeIx)
            .filter(|&ix| is_call(ast, ix, "%"));
        for node in structs {
            let (Some(name), Some(map)) = (ast.child(node, 0), ast.child(node, 1)) else {
                continue;
            };
            if survey.unit.module_named(name) == Some(own) {
                for pair in ast.children(map) {
                    if let (Some(key), Some(value)) =
                        (ast.atom_of(pair, Kind::Pair), ast.child(pair, 0))
                    {
                        pairs.push((key, value));
                    }
                }
            }
        }
    }
    pairs
}

/// Types of fields that name data of the project.
fn refers(survey: &Survey<'_>, concept: &mut Concept) {
    let ast = survey.ast;
    let own = survey.definition().name;
    for (name, value) in field_types(survey) {
        for ix in (value.0..ast.end(value)).map(NodeIx) {
            if !is_call(ast, ix, "__aliases__") {
                continue;
            }
            let Some(to) = survey.unit.module_named(ix) else {
                continue;
            };
            let known = |one: &Relation| one.to == Some(to) && one.name == Some(name);
            if to != own && !concept.relations.iter().any(known) && is_data(survey, to) {
                concept.relations.push(Relation {
                    kind: intern("refers"),
                    name: Some(name),
                    to: Some(to),
                    node: ix,
                    through: None,
                    confidence: 0.9,
                });
            }
        }
    }
}
