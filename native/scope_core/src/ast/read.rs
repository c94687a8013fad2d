//! Takes a subtree out of the arena, bottom-up, by walking it backwards: when an entry is reached,
//! its children are on top of the stack, the first one uppermost.

use crate::atoms::Atom;
use crate::error::{Error, Result};

use super::arena::{Ast, NodeIx, reserve};
use super::kind::Kind;
use super::meta::{Tag, payload};
use super::varint;

/// Makes terms. `Term` is a handle (a word, an index), cheap to copy.
pub trait Make {
    type Term: Copy;

    fn atom(&mut self, atom: Atom) -> Result<Self::Term>;
    fn int(&mut self, int: i64) -> Result<Self::Term>;
    fn float(&mut self, float: f64) -> Result<Self::Term>;
    fn binary(&mut self, bytes: &[u8]) -> Result<Self::Term>;
    /// External term format; fails when the bytes are none.
    fn opaque(&mut self, bytes: &[u8]) -> Result<Self::Term>;
    /// `[item | tail]`.
    fn cons(&mut self, item: Self::Term, tail: Self::Term) -> Result<Self::Term>;
    fn nil(&mut self) -> Result<Self::Term>;
    fn tuple(&mut self, items: &[Self::Term]) -> Result<Self::Term>;
    /// Key, value, key, value, ...; fails when a key comes twice.
    fn map(&mut self, items: &[Self::Term]) -> Result<Self::Term>;
}

/// Terms that wait for their parent, the leftmost on top, each with where it began.
struct Waiting<T> {
    starts: Vec<u32>,
    terms: Vec<T>,
    taken: Vec<T>,
}

impl<T: Copy> Waiting<T> {
    fn new() -> Self {
        Waiting {
            starts: Vec::new(),
            terms: Vec::new(),
            taken: Vec::new(),
        }
    }

    fn push(&mut self, start: u32, term: T) -> Result<()> {
        reserve(&mut self.starts, 1)?;
        reserve(&mut self.terms, 1)?;
        self.starts.push(start);
        self.terms.push(term);
        Ok(())
    }

    /// Takes what began before `end`: the children, the first one first.
    fn take_until(&mut self, end: u32) -> Result<&[T]> {
        let mut count = 0;
        while count < self.starts.len() && self.starts[self.starts.len() - 1 - count] < end {
            count += 1;
        }
        self.take(count)
    }

    fn take(&mut self, count: usize) -> Result<&[T]> {
        self.taken.clear();
        if count > self.terms.len() {
            return Err(malformed("elements are missing"));
        }
        reserve(&mut self.taken, count)?;
        let rest = self.terms.len() - count;
        self.taken.extend(self.terms.drain(rest..).rev());
        self.starts.truncate(rest);
        Ok(&self.taken)
    }
}

impl Ast {
    /// Builds the term of a subtree, exactly as it was told to the builder.
    pub fn read<M: Make>(&self, ix: NodeIx, make: &mut M) -> Result<M::Term> {
        let mut waiting = Waiting::new();
        let mut meta = Meta {
            waiting: Waiting::new(),
            ints: Vec::new(),
        };
        for at in (ix.0..self.end(ix)).rev() {
            let ix = NodeIx(at);
            let children = waiting.take_until(self.end(ix))?;
            let term = self.entry(ix, children, &mut meta, make)?;
            waiting.push(at, term)?;
        }
        waiting.terms.pop().ok_or_else(|| malformed("no entry"))
    }

    fn entry<M: Make>(
        &self,
        ix: NodeIx,
        children: &[M::Term],
        meta: &mut Meta<M::Term>,
        make: &mut M,
    ) -> Result<M::Term> {
        let raw = self.payloads[ix.0 as usize];
        match self.kind(ix) {
            Kind::Call => {
                let name = make.atom(Atom(raw))?;
                let meta = meta.read(self, ix, make)?;
                let args = list(children, None, make)?;
                make.tuple(&[name, meta, args])
            }
            Kind::CallExpr => {
                let (&form, args) = children.split_first().ok_or_else(|| malformed("no form"))?;
                let meta = meta.read(self, ix, make)?;
                let args = list(args, None, make)?;
                make.tuple(&[form, meta, args])
            }
            Kind::Var => {
                let name = make.atom(Atom(raw))?;
                let meta = meta.read(self, ix, make)?;
                let nil = make.atom(nil_atom())?;
                make.tuple(&[name, meta, nil])
            }
            Kind::VarIn => {
                let &context = children.first().ok_or_else(|| malformed("no context"))?;
                let name = make.atom(Atom(raw))?;
                let meta = meta.read(self, ix, make)?;
                make.tuple(&[name, meta, context])
            }
            Kind::Pair => {
                let &value = children.first().ok_or_else(|| malformed("no value"))?;
                let key = make.atom(Atom(raw))?;
                make.tuple(&[key, value])
            }
            Kind::Tuple => make.tuple(children),
            Kind::List => list(children, None, make),
            Kind::ImproperList => {
                let (&tail, items) = children.split_last().ok_or_else(|| malformed("no tail"))?;
                list(items, Some(tail), make)
            }
            Kind::Map => make.map(children),
            Kind::Atom => make.atom(Atom(raw)),
            Kind::Int => make.int(i64::from(raw as i32)),
            Kind::WideInt => make.int(
                self.int(ix)
                    .ok_or_else(|| malformed("not a 64-bit integer"))?,
            ),
            Kind::Float => make.float(self.float(ix).ok_or_else(|| malformed("not a float"))?),
            Kind::Binary => make.binary(self.blob(ix)),
            Kind::Opaque => make.opaque(self.blob(ix)),
        }
    }
}

/// Reads metadata; keeps its buffers from node to node.
struct Meta<T> {
    waiting: Waiting<T>,
    ints: Vec<i64>,
}

impl<T: Copy> Meta<T> {
    fn read<M: Make<Term = T>>(&mut self, ast: &Ast, ix: NodeIx, make: &mut M) -> Result<T> {
        let (shape, mut at) = ast
            .meta_record(ix)
            .ok_or_else(|| malformed("no metadata"))?;
        let tokens = ast.shapes.get(shape);
        self.ints.clear();
        let mut line = 0i64;
        for &token in tokens {
            let tag = Tag::of(token);
            if tag.is_some_and(Tag::is_hole) {
                let raw = varint::read(&ast.meta_bytes, &mut at)
                    .ok_or_else(|| malformed("an integer is missing"))?;
                let mut value = varint::unzigzag(raw);
                if tag == Some(Tag::Line) {
                    line = line.wrapping_add(value);
                    value = line;
                }
                reserve(&mut self.ints, 1)?;
                self.ints.push(value);
            }
        }
        for &token in tokens.iter().rev() {
            let raw = payload(token);
            let term = match Tag::of(token).ok_or_else(|| malformed("unknown token"))? {
                Tag::List => list(self.waiting.take(raw as usize)?, None, make)?,
                Tag::Improper => {
                    let items = self.waiting.take(raw as usize)?;
                    let (&tail, items) = items.split_last().ok_or_else(|| malformed("no tail"))?;
                    list(items, Some(tail), make)?
                }
                Tag::Tuple => make.tuple(self.waiting.take(raw as usize)?)?,
                Tag::Pair => {
                    let value = self.waiting.take(1)?[0];
                    let key = make.atom(Atom(raw))?;
                    make.tuple(&[key, value])?
                }
                Tag::Map => make.map(self.waiting.take(raw as usize)?)?,
                Tag::Atom => make.atom(Atom(raw))?,
                Tag::Int | Tag::Line => make.int(
                    self.ints
                        .pop()
                        .ok_or_else(|| malformed("an integer is missing"))?,
                )?,
                Tag::Float => {
                    let bytes = ast.blobs.get(raw).try_into();
                    make.float(f64::from_le_bytes(
                        bytes.map_err(|_| malformed("not a float"))?,
                    ))?
                }
                Tag::Binary => make.binary(ast.blobs.get(raw))?,
                Tag::Opaque => make.opaque(ast.blobs.get(raw))?,
            };
            self.waiting.push(0, term)?;
        }
        Ok(self.waiting.take(1)?[0])
    }
}

fn list<M: Make>(items: &[M::Term], tail: Option<M::Term>, make: &mut M) -> Result<M::Term> {
    let mut list = match tail {
        Some(tail) => tail,
        None => make.nil()?,
    };
    for &item in items.iter().rev() {
        list = make.cons(item, list)?;
    }
    Ok(list)
}

fn nil_atom() -> Atom {
    static NIL: std::sync::OnceLock<Atom> = std::sync::OnceLock::new();
    *NIL.get_or_init(|| crate::atoms::intern("nil"))
}

fn malformed(detail: &str) -> Error {
    Error::Corrupt {
        detail: format!("AST: {detail}"),
    }
}
