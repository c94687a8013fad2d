//! Arguments, looked at before they are believed.

use rustler::{Binary, ListIterator, Term};
use scope_core::atoms::Atom;
use scope_core::capture::points::FunctionKey;
use scope_core::error::{Error, Result};
use scope_core::store::{CorrelationId, Mode};
use scope_core::value::Value;

use crate::atoms;
use crate::terms::{atom_from_term, value_from_term};

/// Longer texts name nothing.
const TEXT_BYTES_MAX: usize = 16 * 1024;
const ARITY_MAX: u32 = 255;

pub fn invalid(what: &'static str, detail: &str) -> Error {
    Error::Invalid {
        what,
        detail: detail.to_owned(),
    }
}

pub fn is_nil(term: Term<'_>) -> bool {
    rustler::types::atom::nil() == term
}

pub fn atom(term: Term<'_>, what: &'static str) -> Result<Atom> {
    atom_from_term(term).ok_or_else(|| invalid(what, "it is no atom"))
}

pub fn text<'a>(term: Term<'a>, what: &'static str) -> Result<&'a str> {
    let bytes = bytes(term, what)?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(Error::LimitExceeded {
            what,
            limit: TEXT_BYTES_MAX as u64,
        });
    }
    std::str::from_utf8(bytes).map_err(|_| invalid(what, "it is not UTF-8"))
}

pub fn bytes<'a>(term: Term<'a>, what: &'static str) -> Result<&'a [u8]> {
    let binary: Binary<'a> =
        Binary::from_term(term).map_err(|_| invalid(what, "it is no binary"))?;
    // SAFETY: the bytes live as long as the term, which lives as long as the call.
    Ok(unsafe { std::slice::from_raw_parts(binary.as_slice().as_ptr(), binary.len()) })
}

pub fn maybe<'a, T>(term: Term<'a>, read: impl FnOnce(Term<'a>) -> Result<T>) -> Result<Option<T>> {
    if is_nil(term) {
        Ok(None)
    } else {
        read(term).map(Some)
    }
}

pub fn count(term: Term<'_>, what: &'static str) -> Result<u64> {
    term.decode()
        .map_err(|_| invalid(what, "it is no integer from 0 on"))
}

pub fn list<'a>(term: Term<'a>, what: &'static str) -> Result<ListIterator<'a>> {
    // An improper tail would end the iteration as if the list were whole.
    match term.list_length() {
        Ok(_) => term.decode().map_err(|_| invalid(what, "it is no list")),
        Err(_) => Err(invalid(what, "it is no proper list")),
    }
}

pub fn tuple<'a>(term: Term<'a>, what: &'static str) -> Result<Vec<Term<'a>>> {
    rustler::types::tuple::get_tuple(term).map_err(|_| invalid(what, "it is no tuple"))
}

pub fn function_key(term: Term<'_>) -> Result<FunctionKey> {
    let parts = tuple(term, "function_key")?;
    let [module, name, arity] = parts[..] else {
        return Err(invalid("function_key", "it is not {module, name, arity}"));
    };
    let arity: u32 = arity
        .decode()
        .map_err(|_| invalid("function_key", "its arity is no number"))?;
    if arity > ARITY_MAX {
        return Err(invalid("function_key", "its arity is above 255"));
    }
    Ok(FunctionKey {
        module: atom(module, "function_key")?,
        name: atom(name, "function_key")?,
        arity,
    })
}

/// `[{name, value}]`.
pub fn fields(term: Term<'_>) -> Result<Vec<(Atom, Value)>> {
    list(term, "fields")?
        .map(|item| {
            let pair = tuple(item, "fields")?;
            match pair[..] {
                [name, value] => Ok((atom(name, "fields")?, value_from_term(value)?)),
                _ => Err(invalid("fields", "an item is no pair")),
            }
        })
        .collect()
}

/// A list of atoms: a path, or names of fields.
pub fn path(term: Term<'_>) -> Result<Vec<Atom>> {
    list(term, "field")?
        .map(|item| atom(item, "field"))
        .collect()
}

pub fn mode(term: Term<'_>) -> Result<Mode> {
    if atoms::replace() == term {
        Ok(Mode::Replace)
    } else if atoms::patch() == term {
        Ok(Mode::Patch)
    } else {
        Err(invalid("mode", "it is neither :replace nor :patch"))
    }
}

pub fn correlation_id(term: Term<'_>) -> Result<CorrelationId> {
    if let Ok(int) = term.decode::<i64>() {
        return Ok(CorrelationId::Int(int));
    }
    if let Some(atom) = atom_from_term(term) {
        return Ok(CorrelationId::Atom(atom));
    }
    let bytes = bytes(term, "correlation_id")?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(Error::LimitExceeded {
            what: "correlation_id",
            limit: TEXT_BYTES_MAX as u64,
        });
    }
    Ok(CorrelationId::Bytes(bytes.into()))
}
