//! Stored fields: terms as values, and back.
//!
//! The recursion here is bounded by `VALUE_DEPTH_MAX`, not by the input.

use std::sync::Arc;

use rustler::sys::ErlNifTermType;
use rustler::{Env, Term};
use scope_core::error::{Error, Result};
use scope_core::limits::VALUE_DEPTH_MAX;
use scope_core::value::Value;

use super::atoms_map::AtomCache;
use super::raw::{Heap, Raw};

/// Terms in one stored field, shared ones as often as they appear.
const TERMS_MAX: usize = 4 * 1024 * 1024;
/// Bytes of the binaries in one stored field.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// The value of a term. What is deeper than `VALUE_DEPTH_MAX` or has no text is kept as external term format.
pub fn value_from_term(term: Term<'_>) -> Result<Value> {
    let heap = Heap::of(term.get_env());
    let mut taking = Taking {
        heap,
        atoms: AtomCache::default(),
        terms: 0,
        bytes: 0,
    };
    taking.value(term.as_c_arg(), 0)
}

/// The term of a value.
pub fn value_to_term<'a>(env: Env<'a>, value: &Value) -> Result<Term<'a>> {
    let mut making = Making {
        heap: Heap::of(env),
        atoms: AtomCache::default(),
    };
    let raw = making.term(value)?;
    Ok(unsafe { Term::new(env, raw) })
}

struct Taking {
    heap: Heap,
    atoms: AtomCache,
    terms: usize,
    bytes: usize,
}

impl Taking {
    fn value(&mut self, term: Raw, depth: usize) -> Result<Value> {
        self.count_terms(1)?;
        let heap = self.heap;
        let inner = depth + 1;
        Ok(match heap.kind(term) {
            ErlNifTermType::ERL_NIF_TERM_TYPE_ATOM => Value::Atom(self.atoms.atom(heap, term)?),
            ErlNifTermType::ERL_NIF_TERM_TYPE_INTEGER => match heap.int(term) {
                Some(int) => Value::Int(int),
                None => self.opaque(term)?,
            },
            ErlNifTermType::ERL_NIF_TERM_TYPE_FLOAT => match heap.float(term) {
                Some(float) => Value::Float(float),
                None => self.opaque(term)?,
            },
            ErlNifTermType::ERL_NIF_TERM_TYPE_BITSTRING => match heap.binary(term) {
                Some(bytes) => Value::Binary(self.copy(bytes)?),
                None => self.opaque(term)?,
            },
            ErlNifTermType::ERL_NIF_TERM_TYPE_LIST if inner < VALUE_DEPTH_MAX => {
                if !heap.is_proper_list(term) {
                    return self.opaque(term);
                }
                let (mut items, mut rest) = (Vec::new(), term);
                while let Some((head, tail)) = heap.uncons(rest) {
                    items.push(self.value(head, inner)?);
                    rest = tail;
                }
                Value::List(items)
            }
            ErlNifTermType::ERL_NIF_TERM_TYPE_TUPLE if inner < VALUE_DEPTH_MAX => {
                let items = heap.tuple(term).unwrap_or(&[]).iter();
                Value::Tuple(
                    items
                        .map(|&item| self.value(item, inner))
                        .collect::<Result<_>>()?,
                )
            }
            ErlNifTermType::ERL_NIF_TERM_TYPE_MAP if inner < VALUE_DEPTH_MAX => {
                let items = heap.map(term)?;
                let pairs = items.chunks_exact(2);
                let pairs = pairs
                    .map(|pair| Ok((self.value(pair[0], inner)?, self.value(pair[1], inner)?)));
                Value::Map(pairs.collect::<Result<_>>()?)
            }
            _ => self.opaque(term)?,
        })
    }

    fn opaque(&mut self, term: Raw) -> Result<Value> {
        self.weigh(term)?;
        let bytes = self.heap.external(term, <[u8]>::to_vec)?;
        self.count_bytes(bytes.len())?;
        Ok(Value::Opaque(Arc::from(bytes)))
    }

    /// Counts a term before it is written out: shared parts would be repeated, without bound.
    fn weigh(&mut self, term: Raw) -> Result<()> {
        let mut left = vec![term];
        while let Some(term) = left.pop() {
            self.count_terms(1)?;
            let heap = self.heap;
            match heap.kind(term) {
                ErlNifTermType::ERL_NIF_TERM_TYPE_LIST => {
                    if let Some((head, tail)) = heap.uncons(term) {
                        left.push(tail);
                        left.push(head);
                    }
                }
                ErlNifTermType::ERL_NIF_TERM_TYPE_TUPLE => {
                    let items = heap.tuple(term).unwrap_or(&[]);
                    self.count_terms(items.len())?;
                    left.extend_from_slice(items);
                }
                ErlNifTermType::ERL_NIF_TERM_TYPE_MAP => {
                    let items = heap.map(term)?;
                    self.count_terms(items.len())?;
                    left.extend(items);
                }
                ErlNifTermType::ERL_NIF_TERM_TYPE_BITSTRING => {
                    let bytes = heap.binary(term).map_or(0, <[u8]>::len);
                    self.count_bytes(bytes)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn copy(&mut self, bytes: &[u8]) -> Result<Arc<[u8]>> {
        self.count_bytes(bytes.len())?;
        Ok(Arc::from(bytes))
    }

    fn count_terms(&mut self, terms: usize) -> Result<()> {
        self.terms = self.terms.saturating_add(terms);
        within(self.terms, TERMS_MAX, "terms in a stored field")
    }

    fn count_bytes(&mut self, bytes: usize) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        within(self.bytes, BYTES_MAX, "bytes in a stored field")
    }
}

fn within(count: usize, limit: usize, what: &'static str) -> Result<()> {
    if count > limit {
        return Err(Error::LimitExceeded {
            what,
            limit: limit as u64,
        });
    }
    Ok(())
}

struct Making {
    heap: Heap,
    atoms: AtomCache,
}

impl Making {
    fn term(&mut self, value: &Value) -> Result<Raw> {
        let heap = self.heap;
        match value {
            Value::Atom(atom) => self.atoms.word(heap, *atom),
            Value::Int(int) => Ok(heap.new_int(*int)),
            Value::Float(float) => heap.new_float(*float),
            Value::Binary(bytes) => heap.new_binary(bytes),
            Value::Opaque(bytes) => heap.internal(bytes),
            Value::List(items) => {
                let mut list = heap.empty_list();
                for item in items.iter().rev() {
                    let item = self.term(item)?;
                    list = heap.cons(item, list);
                }
                Ok(list)
            }
            Value::Tuple(items) => {
                let items: Vec<Raw> = items
                    .iter()
                    .map(|item| self.term(item))
                    .collect::<Result<_>>()?;
                Ok(heap.new_tuple(&items))
            }
            Value::Map(pairs) => {
                let mut items = Vec::with_capacity(pairs.len() * 2);
                for (key, value) in pairs {
                    items.push(self.term(key)?);
                    items.push(self.term(value)?);
                }
                heap.new_map(&items)
            }
        }
    }
}
