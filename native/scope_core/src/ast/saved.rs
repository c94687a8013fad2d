//! An AST on its way to and from a file.
//!
//! Only what cannot be computed is saved. Everything read is checked before it becomes an [`Ast`],
//! and parents and hashes are computed anew, so that no file, however made, leads to a panic, a
//! wrong index or an unbounded walk later.

use std::collections::HashMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::atoms::{Atom, intern};
use crate::error::{Error, Result};
use crate::limits::{
    AST_DEPTH_MAX, AST_ENTRIES_MAX, AST_LITERAL_BYTES_MAX, AST_META_BYTES_MAX, AST_META_TOKENS_MAX,
    AST_SAVED_ATOMS_MAX, ATOM_BYTES_MAX,
};

use super::arena::{Ast, NO_META, NodeIx};
use super::blobs::Blobs;
use super::kind::Kind;
use super::meta::{Shapes, Tag, payload, token};
use super::varint;

/// The saved form. Atoms are numbered by their place in `atoms`.
#[derive(Serialize, Deserialize)]
struct Saved {
    atoms: Vec<String>,
    #[serde(with = "bytes")]
    kinds: Vec<u8>,
    payloads: Vec<u32>,
    sizes: Vec<u32>,
    #[serde(with = "bytes")]
    meta_bytes: Vec<u8>,
    shape_tokens: Vec<u32>,
    shape_ends: Vec<u32>,
    #[serde(with = "bytes")]
    blob_bytes: Vec<u8>,
    blob_ends: Vec<u32>,
}

impl Serialize for Ast {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut numbers: HashMap<u32, u32, ahash::RandomState> = HashMap::default();
        let mut atoms = Vec::new();
        let mut number = |raw: u32| {
            *numbers.entry(raw).or_insert_with(|| {
                atoms.push(Atom(raw).text().to_string());
                atoms.len() as u32 - 1
            })
        };
        let payloads = std::iter::zip(&self.kinds, &self.payloads)
            .map(|(kind, &raw)| if kind.has_atom() { number(raw) } else { raw })
            .collect();
        let shape_tokens = self.shapes.tokens.iter().map(|&one| match Tag::of(one) {
            Some(tag @ (Tag::Pair | Tag::Atom)) => token(tag, number(payload(one))),
            _ => one,
        });
        let shape_tokens = shape_tokens.collect();
        let saved = Saved {
            atoms,
            kinds: self.kinds.iter().map(|&kind| kind as u8).collect(),
            payloads,
            sizes: (0..self.len() as u32)
                .map(|at| self.size(NodeIx(at)))
                .collect(),
            meta_bytes: self.meta_bytes.clone(),
            shape_tokens,
            shape_ends: self.shapes.ends.clone(),
            blob_bytes: self.blobs.bytes.clone(),
            blob_ends: self.blobs.ends.clone(),
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ast {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Saved::deserialize(deserializer)?
            .check()
            .map_err(D::Error::custom)
    }
}

impl Saved {
    fn check(mut self) -> Result<Ast> {
        let atoms = self.intern_atoms()?;
        let blobs = self.take_blobs()?;
        let kinds = self.check_entries(&atoms, &blobs)?;
        let shapes = self.check_shapes(&atoms, &blobs)?;
        let metas = self.check_metas(&kinds, &shapes)?;
        Ast::seal(
            kinds,
            self.payloads,
            self.sizes,
            metas,
            shapes,
            self.meta_bytes,
            blobs,
        )
    }

    fn intern_atoms(&self) -> Result<Vec<Atom>> {
        ensure(self.atoms.len() <= AST_SAVED_ATOMS_MAX, "too many atoms")?;
        ensure(
            self.atoms.iter().all(|text| text.len() <= ATOM_BYTES_MAX),
            "an atom is too long",
        )?;
        Ok(self.atoms.iter().map(|text| intern(text)).collect())
    }

    fn take_blobs(&mut self) -> Result<Blobs> {
        let (bytes, ends) = (
            std::mem::take(&mut self.blob_bytes),
            std::mem::take(&mut self.blob_ends),
        );
        ensure(
            bytes.len() <= AST_LITERAL_BYTES_MAX,
            "too many bytes of literals",
        )?;
        ensure(ends.is_sorted(), "literals overlap")?;
        ensure(
            ends.last().copied().unwrap_or(0) as usize == bytes.len(),
            "literals are cut off",
        )?;
        Ok(Blobs { bytes, ends })
    }

    /// Every subtree lies within its parent, and has what its kind demands. Atoms get their number
    /// in this process.
    fn check_entries(&mut self, atoms: &[Atom], blobs: &Blobs) -> Result<Vec<Kind>> {
        let entries = self.kinds.len();
        ensure(
            entries > 0 && entries <= AST_ENTRIES_MAX,
            "no entries, or too many",
        )?;
        ensure(self.payloads.len() == entries, "payloads do not match")?;
        ensure(self.sizes.len() == entries, "sizes do not match")?;
        ensure(
            self.sizes[0] as usize == entries,
            "the root is not everything",
        )?;
        let kinds = self.kinds.iter().map(|&kind| Kind::from_u8(kind));
        let kinds: Vec<Kind> = kinds
            .collect::<Option<_>>()
            .ok_or_else(|| corrupt("an unknown kind"))?;
        // Ends of the enclosing entries.
        let mut open: Vec<u64> = Vec::new();
        for at in 0..entries {
            while open.last().is_some_and(|&end| end <= at as u64) {
                open.pop();
            }
            let end = at as u64 + u64::from(self.sizes[at]);
            let limit = open.last().copied().unwrap_or(entries as u64);
            ensure(
                self.sizes[at] > 0 && end <= limit,
                "an entry leaves its parent",
            )?;
            ensure(open.len() <= AST_DEPTH_MAX, "too deep")?;
            open.push(end);
        }
        for (at, &kind) in kinds.iter().enumerate() {
            self.check_kind(at, kind, &kinds)?;
            let raw = &mut self.payloads[at];
            if kind.has_atom() {
                *raw = atoms
                    .get(*raw as usize)
                    .ok_or_else(|| corrupt("an unknown atom"))?
                    .0;
            }
            if kind.has_blob() {
                ensure((*raw as usize) < blobs.len(), "an unknown literal")?;
                check_number(kind == Kind::WideInt, kind == Kind::Float, blobs.get(*raw))?;
            }
        }
        Ok(kinds)
    }

    fn check_kind(&self, at: usize, kind: Kind, kinds: &[Kind]) -> Result<()> {
        let size = self.sizes[at] as usize;
        let one_child = || size >= 2 && self.sizes[at + 1] as usize == size - 1;
        let ok = match kind {
            kind if kind.is_leaf() => size == 1,
            Kind::Pair => one_child(),
            Kind::VarIn => size == 2 && kinds[at + 1] == Kind::Atom,
            Kind::CallExpr => size >= 2,
            Kind::ImproperList => size >= 3 && !one_child(),
            Kind::Map => {
                let (mut child, mut children) = (at + 1, 0usize);
                while child < at + size {
                    child += self.sizes[child] as usize;
                    children += 1;
                }
                children % 2 == 0
            }
            _ => true,
        };
        ensure(ok, "an entry has the wrong children")
    }

    fn check_shapes(&mut self, atoms: &[Atom], blobs: &Blobs) -> Result<Shapes> {
        let tokens = std::mem::take(&mut self.shape_tokens);
        ensure(
            tokens.len() * size_of::<u32>() <= AST_META_BYTES_MAX,
            "too much metadata",
        )?;
        let mut shapes = Shapes::default();
        let mut start = 0usize;
        for &end in &self.shape_ends {
            let shape = tokens
                .get(start..end as usize)
                .ok_or_else(|| corrupt("a shape is cut off"))?;
            ensure(shape.len() <= AST_META_TOKENS_MAX, "a shape is too long")?;
            let mut own = Vec::with_capacity(shape.len());
            // Terms still to come; a shape is exactly one term.
            let mut missing = 1u64;
            for &one in shape {
                ensure(missing > 0, "a shape is more than one term")?;
                let tag = Tag::of(one).ok_or_else(|| corrupt("an unknown token"))?;
                let raw = payload(one);
                missing = missing - 1 + u64::from(tag.elements(raw));
                own.push(match tag {
                    Tag::Pair | Tag::Atom => {
                        let atom = atoms.get(raw as usize);
                        token(tag, atom.ok_or_else(|| corrupt("an unknown atom"))?.0)
                    }
                    Tag::Float | Tag::Binary | Tag::Opaque => {
                        ensure((raw as usize) < blobs.len(), "an unknown literal")?;
                        check_number(false, tag == Tag::Float, blobs.get(raw))?;
                        one
                    }
                    Tag::Improper => {
                        ensure(raw >= 2, "an improper list of one element")?;
                        one
                    }
                    Tag::Map => {
                        ensure(raw.is_multiple_of(2), "a map with half a pair")?;
                        one
                    }
                    _ => one,
                });
            }
            ensure(missing == 0, "a shape is cut off")?;
            shapes.push(&own)?;
            start = end as usize;
        }
        Ok(shapes)
    }

    /// The records of metadata lie one behind the other, in the order of their entries.
    fn check_metas(&self, kinds: &[Kind], shapes: &Shapes) -> Result<Vec<u32>> {
        ensure(
            self.meta_bytes.len() <= AST_META_BYTES_MAX,
            "too much metadata",
        )?;
        let holes: Vec<u32> = (0..shapes.len() as u32)
            .map(|shape| {
                let tags = shapes.get(shape).iter().map(|&one| Tag::of(one));
                tags.filter(|tag| tag.is_some_and(Tag::is_hole)).count() as u32
            })
            .collect();
        let mut at = 0usize;
        let mut metas = Vec::with_capacity(kinds.len());
        for kind in kinds {
            if !kind.has_meta() {
                metas.push(NO_META);
                continue;
            }
            metas.push(at as u32);
            let mut next = || {
                varint::read(&self.meta_bytes, &mut at)
                    .ok_or_else(|| corrupt("metadata is cut off"))
            };
            let shape = next()?;
            let holes = usize::try_from(shape)
                .ok()
                .and_then(|shape| holes.get(shape));
            for _ in 0..*holes.ok_or_else(|| corrupt("an unknown shape"))? {
                next()?;
            }
        }
        ensure(at == self.meta_bytes.len(), "metadata of no entry")?;
        Ok(metas)
    }
}

/// The BEAM knows no float that is not finite.
fn check_number(wide: bool, float: bool, bytes: &[u8]) -> Result<()> {
    if !wide && !float {
        return Ok(());
    }
    let eight: [u8; 8] = bytes
        .try_into()
        .map_err(|_| corrupt("a number of the wrong size"))?;
    ensure(
        wide || f64::from_le_bytes(eight).is_finite(),
        "a float that is not finite",
    )
}

fn ensure(holds: bool, otherwise: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(corrupt(otherwise))
    }
}

fn corrupt(detail: &str) -> Error {
    Error::Corrupt {
        detail: format!("AST: {detail}"),
    }
}

/// Bytes as bytes, not as a sequence of numbers.
mod bytes {
    use std::fmt;

    use serde::de::{SeqAccess, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        from.deserialize_byte_buf(Bytes)
    }

    struct Bytes;

    impl<'de> Visitor<'de> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = seq.next_element()? {
                bytes.push(byte);
            }
            Ok(bytes)
        }
    }
}
