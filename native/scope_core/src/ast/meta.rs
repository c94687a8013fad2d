//! Metadata: a few shapes, and the numbers that fill them.
//!
//! `[closing: [line: 3, column: 9], line: 3, column: 5]` is a *shape* (a term with holes for its
//! integers), kept once a file, and four small integers, kept for each node. A line is stored
//! as its distance to the line before it in the same metadata, so that most take one byte.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::atoms::{Atom, intern};
use crate::error::{Error, Result};
use crate::limits::{AST_META_BYTES_MAX, AST_META_TOKENS_MAX};

use super::arena::{limit, reserve};
use super::varint;

/// What a token of a shape is: the upper four bits. The lower 28 are a count, an atom or a literal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Tag {
    List = 0,
    Improper = 1,
    Tuple = 2,
    Pair = 3,
    Map = 4,
    Atom = 5,
    /// A hole for an integer.
    Int = 6,
    /// A hole for a line.
    Line = 7,
    Float = 8,
    Binary = 9,
    Opaque = 10,
}

pub(super) const PAYLOAD_MAX: u32 = (1 << 28) - 1;

impl Tag {
    const ALL: [Tag; 11] = [
        Tag::List,
        Tag::Improper,
        Tag::Tuple,
        Tag::Pair,
        Tag::Map,
        Tag::Atom,
        Tag::Int,
        Tag::Line,
        Tag::Float,
        Tag::Binary,
        Tag::Opaque,
    ];

    pub(super) fn of(token: u32) -> Option<Tag> {
        Tag::ALL.get((token >> 28) as usize).copied()
    }

    pub(super) fn is_hole(self) -> bool {
        matches!(self, Tag::Int | Tag::Line)
    }

    /// How many terms follow a token as its elements.
    pub(super) fn elements(self, payload: u32) -> u32 {
        match self {
            Tag::List | Tag::Improper | Tag::Tuple | Tag::Map => payload,
            Tag::Pair => 1,
            _ => 0,
        }
    }
}

pub(super) fn token(tag: Tag, payload: u32) -> u32 {
    (tag as u32) << 28 | payload
}

pub(super) fn payload(token: u32) -> u32 {
    token & PAYLOAD_MAX
}

/// Which hole of a shape is the node's own line, and which its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u16,
    pub(super) column: u16,
}

pub(super) const NO_HOLE: u16 = u16::MAX;

#[derive(Default, Clone, Debug)]
pub(super) struct Shapes {
    pub(super) tokens: Vec<u32>,
    pub(super) ends: Vec<u32>,
    pub(super) places: Vec<Place>,
}

impl Shapes {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: u32) -> &[u32] {
        let index = index as usize;
        let start = if index == 0 {
            0
        } else {
            self.ends[index - 1] as usize
        };
        &self.tokens[start..self.ends[index] as usize]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        (self.tokens.capacity() + self.ends.capacity()) * size_of::<u32>()
            + self.places.capacity() * size_of::<Place>()
    }

    pub(super) fn push(&mut self, tokens: &[u32]) -> Result<u32> {
        reserve(&mut self.tokens, tokens.len())?;
        reserve(&mut self.ends, 1)?;
        reserve(&mut self.places, 1)?;
        self.tokens.extend_from_slice(tokens);
        self.ends.push(self.tokens.len() as u32);
        self.places.push(place(tokens));
        Ok(self.ends.len() as u32 - 1)
    }
}

/// Finds the holes of `line` and `column` at the top of a keyword list.
fn place(tokens: &[u32]) -> Place {
    let (line, column) = (intern("line"), intern("column"));
    let mut found = Place {
        line: NO_HOLE,
        column: NO_HOLE,
    };
    let mut hole = 0u16;
    let mut key = None;
    for (token, depth) in Depths::new(tokens) {
        let tag = Tag::of(token);
        if tag.is_some_and(Tag::is_hole) {
            if depth == 2 && key == Some(line.0) && found.line == NO_HOLE {
                found.line = hole;
            }
            if depth == 2 && key == Some(column.0) && found.column == NO_HOLE {
                found.column = hole;
            }
            hole = hole.saturating_add(1);
        }
        key = (depth == 1 && tag == Some(Tag::Pair)).then(|| payload(token));
    }
    found
}

/// The tokens of a shape, each with the number of terms that enclose it.
pub(super) struct Depths<'a> {
    tokens: std::slice::Iter<'a, u32>,
    /// Elements still to come, of each enclosing term.
    open: Vec<u32>,
}

impl<'a> Depths<'a> {
    pub(super) fn new(tokens: &'a [u32]) -> Self {
        Depths {
            tokens: tokens.iter(),
            open: Vec::new(),
        }
    }
}

impl Iterator for Depths<'_> {
    type Item = (u32, usize);

    fn next(&mut self) -> Option<(u32, usize)> {
        let token = *self.tokens.next()?;
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
        let depth = self.open.len();
        if let Some(left) = self.open.last_mut() {
            *left -= 1;
        }
        let elements = Tag::of(token).map_or(0, |tag| tag.elements(payload(token)));
        if elements > 0 {
            self.open.push(elements);
        }
        Some((token, depth))
    }
}

/// Collects the metadata of one AST.
pub(super) struct MetaBuilder {
    shapes: Shapes,
    by_hash: HashMap<u64, u32, ahash::RandomState>,
    bytes: Vec<u8>,
    /// Holes of each shape.
    holes: Vec<u32>,
    /// The metadata being told: its tokens, its integers, and the open terms (token, elements so far).
    tokens: Vec<u32>,
    ints: Vec<i64>,
    open: Vec<(u32, u32)>,
    line: Atom,
}

impl MetaBuilder {
    pub(super) fn new() -> Self {
        MetaBuilder {
            shapes: Shapes::default(),
            by_hash: HashMap::default(),
            bytes: Vec::new(),
            holes: Vec::new(),
            tokens: Vec::new(),
            ints: Vec::new(),
            open: Vec::new(),
            line: intern("line"),
        }
    }

    pub(super) fn begin(&mut self) {
        self.tokens.clear();
        self.ints.clear();
        self.open.clear();
    }

    fn push(&mut self, tag: Tag, payload: u32) -> Result<()> {
        if payload > PAYLOAD_MAX || self.tokens.len() >= AST_META_TOKENS_MAX {
            return Err(limit(
                "terms in the metadata of a node",
                AST_META_TOKENS_MAX,
            ));
        }
        if self.open.is_empty() && !self.tokens.is_empty() {
            return Err(malformed("more than one term"));
        }
        if let Some((_, elements)) = self.open.last_mut() {
            *elements += 1;
        }
        reserve(&mut self.tokens, 1)?;
        self.tokens.push(token(tag, payload));
        Ok(())
    }

    pub(super) fn open(&mut self, tag: Tag, payload: u32) -> Result<()> {
        self.push(tag, payload)?;
        reserve(&mut self.open, 1)?;
        self.open.push((self.tokens.len() as u32 - 1, 0));
        Ok(())
    }

    pub(super) fn close(&mut self, improper: bool) -> Result<()> {
        let (at, elements) = self
            .open
            .pop()
            .ok_or_else(|| malformed("close without open"))?;
        let at = at as usize;
        match Tag::of(self.tokens[at]) {
            Some(Tag::List) if improper && elements >= 2 => {
                self.tokens[at] = token(Tag::Improper, elements);
            }
            Some(tag @ (Tag::List | Tag::Tuple)) if !improper => {
                self.tokens[at] = token(tag, elements);
            }
            Some(Tag::Map) if !improper && elements % 2 == 0 => {
                self.tokens[at] = token(Tag::Map, elements);
            }
            Some(Tag::Pair) if !improper && elements == 1 => {}
            _ => return Err(malformed("wrong number of elements")),
        }
        Ok(())
    }

    pub(super) fn leaf(&mut self, tag: Tag, payload: u32) -> Result<()> {
        self.push(tag, payload)
    }

    pub(super) fn int(&mut self, value: i64) -> Result<()> {
        let is_line = self.tokens.last() == Some(&token(Tag::Pair, self.line.0));
        self.push(if is_line { Tag::Line } else { Tag::Int }, 0)?;
        reserve(&mut self.ints, 1)?;
        self.ints.push(value);
        Ok(())
    }

    /// Ends the metadata being told. Gives its shape and the offset of its record.
    pub(super) fn end(&mut self) -> Result<(u32, u32)> {
        if self.tokens.is_empty() || !self.open.is_empty() {
            return Err(malformed("unfinished term"));
        }
        let shape = self.shape()?;
        let ints = std::mem::take(&mut self.ints);
        let offset = self.record(shape, &ints);
        self.ints = ints;
        Ok((shape, offset?))
    }

    /// Records metadata of a shape that is known: its integers, in their order.
    pub(super) fn record(&mut self, shape: u32, ints: &[i64]) -> Result<u32> {
        if self.holes.get(shape as usize).copied() != Some(ints.len() as u32) {
            return Err(malformed("integers do not fit the shape"));
        }
        reserve(&mut self.bytes, 10 * (1 + ints.len()))?;
        let offset = self.bytes.len() as u32;
        varint::push(&mut self.bytes, u64::from(shape));
        let (mut line, mut ints) = (0i64, ints.iter());
        for &token in self.shapes.get(shape) {
            let value = match Tag::of(token) {
                Some(tag) if tag.is_hole() => *ints.next().expect("an integer for each hole"),
                _ => continue,
            };
            let is_line = Tag::of(token) == Some(Tag::Line);
            let stored = if is_line {
                value.wrapping_sub(line)
            } else {
                value
            };
            line = if is_line { value } else { line };
            varint::push(&mut self.bytes, varint::zigzag(stored));
        }
        if self.bytes.len() + self.shapes.tokens.len() * size_of::<u32>() > AST_META_BYTES_MAX {
            return Err(limit("bytes of an AST's metadata", AST_META_BYTES_MAX));
        }
        Ok(offset)
    }

    fn shape(&mut self) -> Result<u32> {
        // Safe: any u32 is four bytes, and bytes have no alignment.
        let bytes = unsafe {
            std::slice::from_raw_parts(self.tokens.as_ptr().cast::<u8>(), self.tokens.len() * 4)
        };
        for seed in 0.. {
            let hash = xxh3_64_with_seed(bytes, seed);
            match self.by_hash.get(&hash) {
                Some(&found) if self.shapes.get(found) == self.tokens => return Ok(found),
                Some(_) => continue,
                None => {
                    let index = self.shapes.push(&self.tokens)?;
                    reserve(&mut self.holes, 1)?;
                    self.holes.push(self.ints.len() as u32);
                    self.by_hash.insert(hash, index);
                    return Ok(index);
                }
            }
        }
        unreachable!("seeds do not run out")
    }

    pub(super) fn finish(mut self) -> (Shapes, Vec<u8>) {
        self.shapes.tokens.shrink_to_fit();
        self.shapes.ends.shrink_to_fit();
        self.shapes.places.shrink_to_fit();
        self.bytes.shrink_to_fit();
        (self.shapes, self.bytes)
    }
}

fn malformed(detail: &str) -> Error {
    Error::Invalid {
        what: "metadata",
        detail: detail.to_string(),
    }
}
