//! Contexts: modules that give a part of the domain its functions, over the schemas that belong to it.

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::source::ModuleType;

use super::judged::Judged;
use super::survey::{Survey, callee, last_segment};

/// The schemas that a context manages. `None` when the module is none.
pub fn context(survey: &Survey<'_>, kind: &Judged<ModuleType>) -> Option<Judged<Vec<Atom>>> {
    if kind.value != ModuleType::Plain {
        return None;
    }
    let is_public =
        |one: &&crate::source::FunctionDef| one.kind.is_public() && !one.kind.is_macro();
    if survey.functions().iter().filter(is_public).count() == 0 {
        return None;
    }
    let own = survey.definition().name;
    let mut schemas: Vec<Atom> = Vec::new();
    let mut nodes: Vec<NodeIx> = Vec::new();
    for (module, node) in referred(survey) {
        if !schemas.contains(&module) && is_schema(survey, module) {
            schemas.push(module);
            nodes.push(node);
        }
    }
    if schemas.is_empty() {
        return None;
    }
    let inside = |schema: &Atom| {
        let prefix = format!("{}.", own.text());
        schema.text().starts_with(&prefix)
    };
    let namespace = schemas.iter().any(inside);
    let repo = survey.calls().iter().find(|one| {
        callee(one).is_some_and(|module| last_segment(module) == "Repo" || is_repo(survey, module))
    });
    nodes.extend(repo.map(|one| one.node));
    let (confidence, why) = match (repo.is_some(), namespace) {
        (true, true) => (
            0.95,
            "it reads and writes schemas of its own namespace through a repo",
        ),
        (true, false) => (0.8, "it reads and writes schemas through a repo"),
        (false, true) => (0.6, "it works on schemas of its own namespace"),
        (false, false) => return None,
    };
    Some(Judged::new(schemas, confidence, why, nodes))
}

/// Modules that are named, each with a node.
pub fn referred(survey: &Survey<'_>) -> Vec<(Atom, NodeIx)> {
    let facts = survey.facts();
    let own = survey.definition().name;
    let directives = facts.directives.iter().map(|one| (one.module, one.node));
    let references = facts.references.iter().map(|one| (one.module, one.node));
    let mut all: Vec<(Atom, NodeIx)> = Vec::new();
    for (module, node) in directives.chain(references) {
        if module != own && !all.iter().any(|(known, _)| *known == module) {
            all.push((module, node));
        }
    }
    all
}

fn is_schema(survey: &Survey<'_>, module: Atom) -> bool {
    survey.modules.type_of(module) == Some(ModuleType::EctoSchema)
}

fn is_repo(survey: &Survey<'_>, module: Atom) -> bool {
    survey.modules.type_of(module) == Some(ModuleType::EctoRepo)
}

/// The module is data of the project: a schema or a struct.
pub fn is_data(survey: &Survey<'_>, module: Atom) -> bool {
    matches!(
        survey.modules.type_of(module),
        Some(ModuleType::EctoSchema | ModuleType::Struct)
    )
}
