//! The arena: one entry after the other in preorder, a column for each property.

use crate::atoms::Atom;
use crate::error::{Error, Result};

use super::blobs::Blobs;
use super::hash;
use super::kind::Kind;
use super::meta::{Depths, NO_HOLE, Shapes, Tag, payload};
use super::narrow::Narrow;
use super::varint;

/// The index of an entry: its place in preorder. The subtree of `ix` is `ix..ast.end(ix)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeIx(pub u32);

/// "This entry has no metadata."
pub(super) const NO_META: u32 = u32::MAX;
/// Entries of one block. Their metadata takes some 200 bytes, far less than two bytes can count.
const META_BLOCK: usize = 64;

/// One quoted expression (a file, most often), immutable.
///
/// Accessors panic on an index that is not below `len()`, as a slice does; indexes come from the
/// arena itself or from a lookup that checked them.
#[derive(Clone, Debug)]
pub struct Ast {
    pub(super) kinds: Box<[Kind]>,
    /// An atom, a small integer or a literal's index, by kind.
    pub(super) payloads: Box<[u32]>,
    /// Entries of the subtree, the entry itself included.
    sizes: Narrow,
    /// How far back the parent is; 0 for the root.
    parents: Narrow,
    /// The hash of the subtree, in halves: ids use (and lookups scan) the lower one.
    pub(super) hashes_low: Box<[u32]>,
    pub(super) hashes_high: Box<[u32]>,
    /// Where the record of an entry's metadata begins, as the distance to where those of its block do.
    metas: Narrow,
    /// Where the records of each block of entries begin.
    meta_blocks: Box<[u32]>,
    pub(super) meta_bytes: Vec<u8>,
    pub(super) shapes: Shapes,
    pub(super) blobs: Blobs,
}

impl Ast {
    /// Puts the columns together and computes what follows from them: parents and hashes.
    pub(super) fn seal(
        kinds: Vec<Kind>,
        payloads: Vec<u32>,
        sizes: Vec<u32>,
        metas: Vec<u32>,
        shapes: Shapes,
        meta_bytes: Vec<u8>,
        blobs: Blobs,
    ) -> Result<Ast> {
        let entries = kinds.len();
        let mut parents = filled(entries, 0u32)?;
        for ix in 0..entries {
            let mut child = ix + 1;
            let end = ix + sizes[ix] as usize;
            while child < end {
                parents[child] = ix as u32;
                child += sizes[child] as usize;
            }
        }
        let mut meta_blocks = filled(entries.div_ceil(META_BLOCK), 0u32)?;
        let mut next = 0;
        for at in (0..entries).rev() {
            next = if metas[at] == NO_META {
                next
            } else {
                metas[at]
            };
            meta_blocks[at / META_BLOCK] = next;
        }
        let mut ast = Ast {
            parents: Narrow::new(entries, |at| at as u32 - parents[at])?,
            sizes: Narrow::new(entries, |at| sizes[at])?,
            metas: Narrow::new(entries, |at| match metas[at] {
                NO_META => 0,
                offset => offset - meta_blocks[at / META_BLOCK],
            })?,
            kinds: kinds.into_boxed_slice(),
            payloads: payloads.into_boxed_slice(),
            hashes_low: filled(entries, 0)?,
            hashes_high: filled(entries, 0)?,
            meta_blocks,
            meta_bytes,
            shapes,
            blobs,
        };
        hash::fill(&mut ast);
        Ok(ast)
    }

    /// How many entries there are; at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    pub fn root(&self) -> NodeIx {
        NodeIx(0)
    }

    /// The entry with this number, if there is one.
    pub fn get(&self, number: u32) -> Option<NodeIx> {
        ((number as usize) < self.len()).then_some(NodeIx(number))
    }

    #[inline]
    pub fn kind(&self, ix: NodeIx) -> Kind {
        self.kinds[ix.0 as usize]
    }

    /// The atom of a call, a variable, a pair (its key) or an atom.
    #[inline]
    pub fn atom(&self, ix: NodeIx) -> Option<Atom> {
        self.kind(ix)
            .has_atom()
            .then(|| Atom(self.payloads[ix.0 as usize]))
    }

    /// The atom, if the entry is of this kind.
    #[inline]
    pub fn atom_of(&self, ix: NodeIx, kind: Kind) -> Option<Atom> {
        (self.kind(ix) == kind).then(|| Atom(self.payloads[ix.0 as usize]))
    }

    /// The value of an integer of at most 64 bits.
    pub fn int(&self, ix: NodeIx) -> Option<i64> {
        match self.kind(ix) {
            Kind::Int => Some(i64::from(self.payloads[ix.0 as usize] as i32)),
            Kind::WideInt => self.eight_bytes(ix).map(i64::from_le_bytes),
            _ => None,
        }
    }

    pub fn float(&self, ix: NodeIx) -> Option<f64> {
        match self.kind(ix) {
            Kind::Float => self.eight_bytes(ix).map(f64::from_le_bytes),
            _ => None,
        }
    }

    pub fn binary(&self, ix: NodeIx) -> Option<&[u8]> {
        (self.kind(ix) == Kind::Binary).then(|| self.blob(ix))
    }

    /// External term format.
    pub fn opaque(&self, ix: NodeIx) -> Option<&[u8]> {
        (self.kind(ix) == Kind::Opaque).then(|| self.blob(ix))
    }

    pub(super) fn blob(&self, ix: NodeIx) -> &[u8] {
        self.blobs.get(self.payloads[ix.0 as usize])
    }

    fn eight_bytes(&self, ix: NodeIx) -> Option<[u8; 8]> {
        self.blob(ix).try_into().ok()
    }

    /// Entries of the subtree, the entry itself included.
    #[inline]
    pub fn size(&self, ix: NodeIx) -> u32 {
        self.sizes.get(ix.0)
    }

    /// One behind the last entry of the subtree.
    #[inline]
    pub fn end(&self, ix: NodeIx) -> u32 {
        ix.0 + self.sizes.get(ix.0)
    }

    pub fn parent(&self, ix: NodeIx) -> Option<NodeIx> {
        let distance = self.parents.get(ix.0);
        (distance != 0).then(|| NodeIx(ix.0 - distance))
    }

    /// `inner` lies in the subtree of `outer` (or is it).
    pub fn contains(&self, outer: NodeIx, inner: NodeIx) -> bool {
        outer <= inner && inner.0 < self.end(outer)
    }

    #[inline]
    pub fn children(&self, ix: NodeIx) -> Children<'_> {
        Children {
            sizes: &self.sizes,
            next: ix.0 + 1,
            end: self.end(ix),
        }
    }

    pub fn child(&self, ix: NodeIx, position: usize) -> Option<NodeIx> {
        self.children(ix).nth(position)
    }

    /// The hash of the subtree: equal code gives equal hashes, whatever its lines and columns, in
    /// every process and on every machine. xxh3-64.
    #[inline]
    pub fn hash(&self, ix: NodeIx) -> u64 {
        let at = ix.0 as usize;
        u64::from(self.hashes_high[at]) << 32 | u64::from(self.hashes_low[at])
    }

    /// The lower half of the hashes, by entry.
    pub fn hashes_low(&self) -> &[u32] {
        &self.hashes_low
    }

    /// The line in the entry's own metadata, from 1.
    pub fn line(&self, ix: NodeIx) -> Option<u32> {
        self.position(ix).0
    }

    /// The column in the entry's own metadata, from 1.
    pub fn column(&self, ix: NodeIx) -> Option<u32> {
        self.position(ix).1
    }

    /// Line and column in the entry's own metadata.
    pub fn position(&self, ix: NodeIx) -> (Option<u32>, Option<u32>) {
        let mut found = (None, None);
        let Some((shape, mut at)) = self.meta_record(ix) else {
            return found;
        };
        let place = self.shapes.places[shape as usize];
        if place.line == NO_HOLE && place.column == NO_HOLE {
            return found;
        }
        let (mut hole, mut line) = (0u16, 0i64);
        for &token in self.shapes.get(shape) {
            let tag = Tag::of(token);
            if !tag.is_some_and(Tag::is_hole) {
                continue;
            }
            let Some(raw) = varint::read(&self.meta_bytes, &mut at) else {
                return found;
            };
            let mut value = varint::unzigzag(raw);
            if tag == Some(Tag::Line) {
                line = line.wrapping_add(value);
                value = line;
            }
            if hole == place.line {
                found.0 = u32::try_from(value).ok();
            }
            if hole == place.column {
                found.1 = u32::try_from(value).ok();
            }
            hole = hole.saturating_add(1);
        }
        found
    }

    /// The position under `key` in the metadata, as `end: [line: 3, column: 1]` has it.
    pub fn meta_position(&self, ix: NodeIx, key: Atom) -> Option<(u32, Option<u32>)> {
        let (shape, mut at) = self.meta_record(ix)?;
        let tokens = self.shapes.get(shape);
        let (mut top, mut inner, mut base) = (None, None, 0i64);
        let (mut line, mut column) = (None, None);
        for (token, depth) in Depths::new(tokens) {
            match (depth, Tag::of(token)?) {
                (1, Tag::Pair) => top = Some(payload(token)),
                (1, _) => top = None,
                (3, Tag::Pair) => inner = Some(payload(token)),
                (_, tag) if tag.is_hole() => {
                    let mut value = varint::unzigzag(varint::read(&self.meta_bytes, &mut at)?);
                    if tag == Tag::Line {
                        base = base.wrapping_add(value);
                        value = base;
                    }
                    if depth == 4 && top == Some(key.0) {
                        if tag == Tag::Line {
                            line = line.or(u32::try_from(value).ok());
                        } else if inner.is_some_and(|key| Atom(key).text() == "column") {
                            column = column.or(u32::try_from(value).ok());
                        }
                    }
                }
                _ => {}
            }
        }
        line.map(|line| (line, column))
    }

    /// The metadata has this key, whatever its value.
    pub fn has_meta_key(&self, ix: NodeIx, key: Atom) -> bool {
        let Some((shape, _)) = self.meta_record(ix) else {
            return false;
        };
        let mut tokens = Depths::new(self.shapes.get(shape));
        tokens.any(|(token, depth)| {
            depth == 1 && Tag::of(token) == Some(Tag::Pair) && payload(token) == key.0
        })
    }

    /// Calls `visit` with every line in the entry's own metadata: its own, its `end`'s, and so on.
    pub fn each_line(&self, ix: NodeIx, mut visit: impl FnMut(u32)) {
        let Some((shape, mut at)) = self.meta_record(ix) else {
            return;
        };
        let mut line = 0i64;
        for &token in self.shapes.get(shape) {
            let tag = Tag::of(token);
            if !tag.is_some_and(Tag::is_hole) {
                continue;
            }
            let Some(raw) = varint::read(&self.meta_bytes, &mut at) else {
                return;
            };
            if tag == Some(Tag::Line) {
                line = line.wrapping_add(varint::unzigzag(raw));
                if let Ok(line) = u32::try_from(line) {
                    visit(line);
                }
            }
        }
    }

    /// The shape of an entry's metadata, and where its integers begin.
    #[inline]
    pub(super) fn meta_record(&self, ix: NodeIx) -> Option<(u32, usize)> {
        if !self.kind(ix).has_meta() {
            return None;
        }
        let block = self.meta_blocks[ix.0 as usize / META_BLOCK];
        let mut at = (block + self.metas.get(ix.0)) as usize;
        let shape = varint::read(&self.meta_bytes, &mut at)?;
        Some((shape as u32, at))
    }

    /// Bytes held, all columns and tables together.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Ast>()
            + self.kinds.len()
            + 3 * size_of::<u32>() * self.kinds.len()
            + self.sizes.memory_bytes()
            + self.parents.memory_bytes()
            + self.metas.memory_bytes()
            + self.meta_blocks.len() * size_of::<u32>()
            + self.meta_bytes.capacity()
            + self.shapes.memory_bytes()
            + self.blobs.memory_bytes()
    }
}

/// The children of an entry, in order.
#[derive(Clone)]
pub struct Children<'a> {
    sizes: &'a Narrow,
    next: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = NodeIx;

    #[inline]
    fn next(&mut self) -> Option<NodeIx> {
        if self.next >= self.end {
            return None;
        }
        let child = self.next;
        self.next += self.sizes.get(child);
        Some(NodeIx(child))
    }
}

/// Room for `more` elements, or an error instead of an abort.
#[inline]
pub(super) fn reserve<T>(vec: &mut Vec<T>, more: usize) -> Result<()> {
    if vec.capacity() - vec.len() >= more {
        return Ok(());
    }
    vec.try_reserve(more)
        .map_err(|_| out_of_memory::<T>(vec.len() + more))
}

pub(super) fn filled<T: Copy>(length: usize, value: T) -> Result<Box<[T]>> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(length)
        .map_err(|_| out_of_memory::<T>(length))?;
    vec.resize(length, value);
    Ok(vec.into_boxed_slice())
}

fn out_of_memory<T>(elements: usize) -> Error {
    limit(
        "memory left for an AST, in bytes,",
        elements.saturating_mul(size_of::<T>()),
    )
}

pub(super) fn limit(what: &'static str, limit: usize) -> Error {
    Error::LimitExceeded {
        what,
        limit: limit as u64,
    }
}
