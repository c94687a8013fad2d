//! Builds an [`Ast`] from tokens.

use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::limits::{AST_DEPTH_MAX, AST_ENTRIES_MAX};

use super::arena::{Ast, NO_META, limit, reserve};
use super::blobs::BlobsBuilder;
use super::kind::Kind;
use super::meta::{MetaBuilder, Tag};
use super::tokens::Tokens;

/// Takes one term, token by token. The metadata of a node is told first (`begin_meta`, tokens into
/// `meta()`, `end_meta`), then the node is opened.
///
/// ```
/// use scope_core::ast::{Builder, Kind, Tokens};
/// use scope_core::atoms::intern;
///
/// // {:f, [line: 7], [1]}
/// let mut builder = Builder::new();
/// builder.begin_meta();
/// builder.meta().open_list()?;
/// builder.meta().open_pair(intern("line"))?;
/// builder.meta().int(7)?;
/// builder.meta().close()?;
/// builder.meta().close()?;
/// builder.end_meta()?;
/// builder.open_call(intern("f"))?;
/// builder.int(1)?;
/// builder.close()?;
/// let ast = builder.finish()?;
/// assert_eq!(ast.kind(ast.root()), Kind::Call);
/// assert_eq!(ast.line(ast.root()), Some(7));
/// # Ok::<(), scope_core::error::Error>(())
/// ```
pub struct Builder {
    kinds: Vec<Kind>,
    payloads: Vec<u32>,
    sizes: Vec<u32>,
    metas: Vec<u32>,
    /// The open entries, from the root down.
    open: Vec<u32>,
    meta: MetaBuilder,
    blobs: BlobsBuilder,
    pending: Option<u32>,
}

/// Metadata without its integers, as one builder knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetaShape(u32);

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

impl Builder {
    pub fn new() -> Self {
        Builder {
            kinds: Vec::new(),
            payloads: Vec::new(),
            sizes: Vec::new(),
            metas: Vec::new(),
            open: Vec::new(),
            meta: MetaBuilder::new(),
            blobs: BlobsBuilder::default(),
            pending: None,
        }
    }

    pub fn begin_meta(&mut self) {
        self.meta.begin();
    }

    /// The receiver of the metadata's tokens.
    pub fn meta(&mut self) -> MetaTokens<'_> {
        MetaTokens {
            meta: &mut self.meta,
            blobs: &mut self.blobs,
        }
    }

    /// Ends the metadata. Gives its shape, which further metadata may have in common with it.
    pub fn end_meta(&mut self) -> Result<MetaShape> {
        let (shape, offset) = self.meta.end()?;
        self.pending = Some(offset);
        Ok(MetaShape(shape))
    }

    /// The whole metadata of the next node: like one that was told to this builder, but for its
    /// integers, which come in the order of the tokens.
    pub fn meta_of_shape(&mut self, shape: MetaShape, ints: &[i64]) -> Result<()> {
        self.pending = Some(self.meta.record(shape.0, ints)?);
        Ok(())
    }

    /// `{name, meta, args}`: the arguments follow.
    pub fn open_call(&mut self, name: Atom) -> Result<()> {
        let meta = self.take_meta()?;
        self.open_entry(Kind::Call, name.0, meta)
    }

    /// `{form, meta, args}`: the form follows, then the arguments.
    pub fn open_call_expr(&mut self) -> Result<()> {
        let meta = self.take_meta()?;
        self.open_entry(Kind::CallExpr, 0, meta)
    }

    /// `{name, meta, context}`; no context is `nil`.
    pub fn var(&mut self, name: Atom, context: Option<Atom>) -> Result<()> {
        let meta = self.take_meta()?;
        match context {
            None => self.entry(Kind::Var, name.0, meta),
            Some(context) => {
                self.open_entry(Kind::VarIn, name.0, meta)?;
                self.entry(Kind::Atom, context.0, NO_META)?;
                self.close()
            }
        }
    }

    /// The AST, once everything that was opened is closed.
    pub fn finish(self) -> Result<Ast> {
        if self.kinds.is_empty() || !self.open.is_empty() {
            return Err(malformed("unfinished term"));
        }
        let (shapes, meta_bytes) = self.meta.finish();
        Ast::seal(
            self.kinds,
            self.payloads,
            self.sizes,
            self.metas,
            shapes,
            meta_bytes,
            self.blobs.finish(),
        )
    }

    fn take_meta(&mut self) -> Result<u32> {
        self.pending
            .take()
            .ok_or_else(|| malformed("a node without metadata"))
    }

    fn entry(&mut self, kind: Kind, payload: u32, meta: u32) -> Result<()> {
        if self.kinds.len() >= AST_ENTRIES_MAX {
            return Err(limit("entries of an AST", AST_ENTRIES_MAX));
        }
        if self.open.is_empty() && !self.kinds.is_empty() {
            return Err(malformed("more than one term"));
        }
        reserve(&mut self.kinds, 1)?;
        reserve(&mut self.payloads, 1)?;
        reserve(&mut self.sizes, 1)?;
        reserve(&mut self.metas, 1)?;
        self.kinds.push(kind);
        self.payloads.push(payload);
        self.sizes.push(1);
        self.metas.push(meta);
        Ok(())
    }

    fn open_entry(&mut self, kind: Kind, payload: u32, meta: u32) -> Result<()> {
        if self.open.len() >= AST_DEPTH_MAX {
            return Err(limit("depth of an AST", AST_DEPTH_MAX));
        }
        self.entry(kind, payload, meta)?;
        reserve(&mut self.open, 1)?;
        self.open.push(self.kinds.len() as u32 - 1);
        Ok(())
    }

    fn blob(&mut self, kind: Kind, bytes: &[u8]) -> Result<()> {
        let index = self.blobs.add(bytes)?;
        self.entry(kind, index, NO_META)
    }
}

impl Tokens for Builder {
    fn open_list(&mut self) -> Result<()> {
        self.open_entry(Kind::List, 0, NO_META)
    }

    fn open_tuple(&mut self) -> Result<()> {
        self.open_entry(Kind::Tuple, 0, NO_META)
    }

    fn open_pair(&mut self, key: Atom) -> Result<()> {
        self.open_entry(Kind::Pair, key.0, NO_META)
    }

    fn open_map(&mut self) -> Result<()> {
        self.open_entry(Kind::Map, 0, NO_META)
    }

    fn close(&mut self) -> Result<()> {
        let at = self
            .open
            .pop()
            .ok_or_else(|| malformed("close without open"))? as usize;
        let size = self.kinds.len() - at;
        self.sizes[at] = size as u32;
        let ok = match self.kinds[at] {
            Kind::Pair => size >= 2 && self.sizes[at + 1] as usize == size - 1,
            Kind::CallExpr => size >= 2,
            _ => true,
        };
        if ok {
            Ok(())
        } else {
            Err(malformed("wrong number of elements"))
        }
    }

    fn close_improper(&mut self) -> Result<()> {
        match self.open.last() {
            Some(&at) if self.kinds[at as usize] == Kind::List => {
                self.kinds[at as usize] = Kind::ImproperList;
                self.close()
            }
            _ => Err(malformed("an improper list that is no list")),
        }
    }

    fn atom(&mut self, atom: Atom) -> Result<()> {
        self.entry(Kind::Atom, atom.0, NO_META)
    }

    fn int(&mut self, int: i64) -> Result<()> {
        match i32::try_from(int) {
            Ok(small) => self.entry(Kind::Int, small as u32, NO_META),
            Err(_) => self.blob(Kind::WideInt, &int.to_le_bytes()),
        }
    }

    fn float(&mut self, float: f64) -> Result<()> {
        self.blob(Kind::Float, &float.to_le_bytes())
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<()> {
        self.blob(Kind::Binary, bytes)
    }

    fn opaque(&mut self, bytes: &[u8]) -> Result<()> {
        self.blob(Kind::Opaque, bytes)
    }
}

/// Takes the metadata of one node.
pub struct MetaTokens<'a> {
    meta: &'a mut MetaBuilder,
    blobs: &'a mut BlobsBuilder,
}

impl Tokens for MetaTokens<'_> {
    fn open_list(&mut self) -> Result<()> {
        self.meta.open(Tag::List, 0)
    }

    fn open_tuple(&mut self) -> Result<()> {
        self.meta.open(Tag::Tuple, 0)
    }

    fn open_pair(&mut self, key: Atom) -> Result<()> {
        self.meta.open(Tag::Pair, key.0)
    }

    fn open_map(&mut self) -> Result<()> {
        self.meta.open(Tag::Map, 0)
    }

    fn close(&mut self) -> Result<()> {
        self.meta.close(false)
    }

    fn close_improper(&mut self) -> Result<()> {
        self.meta.close(true)
    }

    fn atom(&mut self, atom: Atom) -> Result<()> {
        self.meta.leaf(Tag::Atom, atom.0)
    }

    fn int(&mut self, int: i64) -> Result<()> {
        self.meta.int(int)
    }

    fn float(&mut self, float: f64) -> Result<()> {
        let blob = self.blobs.add(&float.to_le_bytes())?;
        self.meta.leaf(Tag::Float, blob)
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<()> {
        let blob = self.blobs.add(bytes)?;
        self.meta.leaf(Tag::Binary, blob)
    }

    fn opaque(&mut self, bytes: &[u8]) -> Result<()> {
        let blob = self.blobs.add(bytes)?;
        self.meta.leaf(Tag::Opaque, blob)
    }
}

fn malformed(detail: &str) -> Error {
    Error::Invalid {
        what: "AST",
        detail: detail.to_string(),
    }
}
