//! What the store gives, as terms.

use rustler::{Encoder, Env, Term};
use scope_core::ast::NodeIx;
use scope_core::atoms::{Atom, intern};
use scope_core::error::Result;
use scope_core::source::Unit;
use scope_core::store::{Cell, Code};

use crate::terms::{atom_to_term, read_ast, value_to_term};

pub fn cell<'a>(env: Env<'a>, cell: &Cell) -> Result<Term<'a>> {
    match cell {
        Cell::Value(value) => value_to_term(env, value),
        Cell::Code(code) => self::code(env, code),
    }
}

pub fn code<'a>(env: Env<'a>, code: &Code) -> Result<Term<'a>> {
    match code {
        Code::Whole(ast) => read_ast(env, ast, ast.root()),
        Code::Nodes(unit, nodes) => self::nodes(env, unit, nodes),
        Code::Mapping(unit, node) => mapping(env, unit, *node),
    }
}

/// One node as it is, several in a `:__block__`.
pub fn nodes<'a>(env: Env<'a>, unit: &Unit, nodes: &[NodeIx]) -> Result<Term<'a>> {
    if let [one] = nodes {
        return read_ast(env, unit.ast(), *one);
    }
    let terms = nodes
        .iter()
        .map(|node| read_ast(env, unit.ast(), *node))
        .collect::<Result<Vec<_>>>()?;
    let block = atom_to_term(env, intern("__block__"))?;
    Ok((block, Vec::<Term<'a>>::new(), terms).encode(env))
}

/// Every node of a module, by id. Each node is a term of its own.
fn mapping<'a>(env: Env<'a>, unit: &Unit, module: NodeIx) -> Result<Term<'a>> {
    let mut keys: Vec<Term<'a>> = Vec::new();
    let mut values: Vec<Term<'a>> = Vec::new();
    let mut failed = None;
    unit.each_id(|ix, id| {
        if failed.is_none() && unit.ast().contains(module, ix) {
            match read_ast(env, unit.ast(), ix) {
                Ok(term) => {
                    keys.push(id.encode(env));
                    values.push(term);
                }
                Err(error) => failed = Some(error),
            }
        }
    });
    match failed {
        Some(error) => Err(error),
        None => map(env, &keys, &values),
    }
}

/// A map with atom keys.
pub fn record<'a>(env: Env<'a>, names: &[Atom], values: &[Term<'a>]) -> Result<Term<'a>> {
    let keys = names
        .iter()
        .map(|name| atom_to_term(env, *name))
        .collect::<Result<Vec<_>>>()?;
    map(env, &keys, values)
}

fn map<'a>(env: Env<'a>, keys: &[Term<'a>], values: &[Term<'a>]) -> Result<Term<'a>> {
    Term::map_from_term_arrays(env, keys, values)
        .map_err(|_| super::args::invalid("record", "two fields have one name"))
}
