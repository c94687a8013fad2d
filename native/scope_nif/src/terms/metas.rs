//! A short way for regular metadata.
//!
//! Nearly all metadata of a file has one of a few shapes: a keyword list of integers, atoms, and
//! keyword lists of integers. Such a list is looked at once, for its keys and integers, and its keys
//! lead to the shape that they had before.

use std::collections::HashMap;

use rustler::sys::ErlNifTermType;
use scope_core::ast::MetaShape;

use super::raw::{Heap, Raw};

/// One step of a signature: what stands at a place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Key(Raw),
    Int,
    Atom(Raw),
    Open,
    Close,
}

#[derive(Default)]
pub(super) struct MetaCache {
    shapes: HashMap<Box<[Step]>, MetaShape, ahash::RandomState>,
    signature: Vec<Step>,
    ints: Vec<i64>,
}

/// Longer metadata takes the long way.
const STEPS_MAX: usize = 64;

impl MetaCache {
    /// Takes the signature and the integers of metadata. False: it is not regular.
    pub(super) fn look_at(&mut self, heap: Heap, meta: Raw) -> bool {
        self.signature.clear();
        self.ints.clear();
        self.list(heap, meta, true).is_some()
    }

    /// The shape that metadata with this signature had.
    pub(super) fn shape(&self) -> Option<MetaShape> {
        self.shapes.get(&self.signature[..]).copied()
    }

    pub(super) fn ints(&self) -> &[i64] {
        &self.ints
    }

    /// What was looked at has this shape.
    pub(super) fn remember(&mut self, shape: MetaShape) {
        self.shapes.insert(self.signature.as_slice().into(), shape);
    }

    /// One level of nesting, and no more: this does not recurse over the input.
    fn list(&mut self, heap: Heap, list: Raw, nests: bool) -> Option<()> {
        let mut rest = list;
        while let Some((item, tail)) = heap.uncons(rest) {
            rest = tail;
            let &[key, value] = heap.tuple(item)? else {
                return None;
            };
            if !heap.is_atom(key) || self.signature.len() >= STEPS_MAX {
                return None;
            }
            self.signature.push(Step::Key(key));
            if let Some(int) = heap.int(value) {
                self.signature.push(Step::Int);
                self.ints.push(int);
                continue;
            }
            match heap.kind(value) {
                ErlNifTermType::ERL_NIF_TERM_TYPE_ATOM => self.signature.push(Step::Atom(value)),
                ErlNifTermType::ERL_NIF_TERM_TYPE_LIST if nests => {
                    self.signature.push(Step::Open);
                    self.list(heap, value, false)?;
                    self.signature.push(Step::Close);
                }
                _ => return None,
            }
        }
        heap.is_empty_list(rest).then_some(())
    }
}
