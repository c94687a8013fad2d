//! Fields of structs and exceptions.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;

use super::facts::ModuleFacts;

/// A field, with its default where it has one.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: Atom,
    pub node: NodeIx,
    pub default: Option<NodeIx>,
    /// One of `@enforce_keys`.
    pub required: bool,
}

/// The fields that `defstruct` or `defexception` lists, literally or through an attribute of the module.
/// `None` when there is no struct, or its fields are computed.
pub fn struct_fields(ast: &Ast, facts: &ModuleFacts) -> Option<Vec<Field>> {
    let list = literal_list(ast, facts, ast.child(facts.structure?, 0)?)?;
    let required = enforced(ast, facts);
    let mut fields = Vec::new();
    for item in ast.children(list) {
        let (name, default) = match ast.kind(item) {
            Kind::Atom => (ast.atom(item)?, None),
            Kind::Pair => (ast.atom(item)?, ast.child(item, 0)),
            _ => return None,
        };
        fields.push(Field {
            name,
            node: item,
            default,
            required: required.contains(&name),
        });
    }
    Some(fields)
}

fn enforced(ast: &Ast, facts: &ModuleFacts) -> Vec<Atom> {
    let mut names = Vec::new();
    for attribute in facts.attribute("enforce_keys") {
        if let Some(list) = literal_list(ast, facts, attribute.value) {
            names.extend(
                ast.children(list)
                    .filter_map(|one| ast.atom_of(one, Kind::Atom)),
            );
        }
    }
    names
}

/// The list itself, or the one that an attribute was set to.
fn literal_list(ast: &Ast, facts: &ModuleFacts, value: NodeIx) -> Option<NodeIx> {
    if ast.kind(value) == Kind::List {
        return Some(value);
    }
    let inner = ast
        .atom_of(value, Kind::Call)
        .filter(|name| name.text() == "@")
        .and_then(|_| ast.child(value, 0))?;
    let name = ast.atom(inner)?;
    let found = facts.attributes.iter().rev().find(|one| one.name == name)?;
    (ast.kind(found.value) == Kind::List).then_some(found.value)
}
