//! Takes a term apart into the tokens of an AST, with a stack of its own.

use rustler::Term;
use rustler::sys::ErlNifTermType;
use scope_core::ast::{Ast, Builder, Tokens};
use scope_core::atoms::{Atom, intern};
use scope_core::error::{Error, Result};

use super::atoms_map::AtomCache;
use super::metas::MetaCache;
use super::raw::{Heap, Raw};

/// Encodes quoted code, or any other term: what is no quoted code is kept as the data that it is.
pub fn ast_from_term(term: Term<'_>) -> Result<Ast> {
    let heap = Heap::of(term.get_env());
    let mut walk = Walk {
        heap,
        atoms: AtomCache::default(),
        nil: intern("nil"),
        metas: MetaCache::default(),
    };
    let mut builder = Builder::new();
    walk.quoted(&mut builder, term.as_c_arg())?;
    builder.finish()
}

/// What is left of an open term.
enum Rest<'a> {
    List(Raw),
    /// The tail of an improper list is being told.
    Tail,
    Items(&'a [Raw]),
    Owned(std::vec::IntoIter<Raw>),
}

/// The next step of a walk.
enum Next {
    Term(Raw),
    Tail(Raw),
    Close,
    CloseImproper,
}

struct Walk {
    heap: Heap,
    atoms: AtomCache,
    nil: Atom,
    metas: MetaCache,
}

impl Walk {
    /// Quoted code: three-element tuples of the right make are nodes.
    fn quoted(&mut self, builder: &mut Builder, root: Raw) -> Result<()> {
        let mut open: Vec<Rest<'_>> = Vec::new();
        let mut plain: Vec<Rest<'_>> = Vec::new();
        let mut term = Some(root);
        loop {
            if let Some(one) = term.take() {
                term = self.open_quoted(builder, &mut open, &mut plain, one)?;
                continue;
            }
            match self.next(&mut open) {
                None => return Ok(()),
                Some(Next::Term(next) | Next::Tail(next)) => term = Some(next),
                Some(Next::Close) => builder.close()?,
                Some(Next::CloseImproper) => builder.close_improper()?,
            }
        }
    }

    /// Tells one term, or opens it. Gives a term that comes before what is left of it.
    fn open_quoted<'a>(
        &mut self,
        builder: &mut Builder,
        open: &mut Vec<Rest<'a>>,
        plain: &mut Vec<Rest<'a>>,
        term: Raw,
    ) -> Result<Option<Raw>> {
        let node = match self.heap.kind(term) {
            ErlNifTermType::ERL_NIF_TERM_TYPE_TUPLE => self.heap.tuple(term),
            _ => None,
        };
        let Some(&[form, meta, args]) = node.filter(|node| node.len() == 3) else {
            self.open_plain(builder, open, term)?;
            return Ok(None);
        };
        let heap = self.heap;
        let of_atom = heap.is_atom(form);
        let of_code =
            !of_atom && matches!(heap.kind(form), ErlNifTermType::ERL_NIF_TERM_TYPE_TUPLE);
        let is_var = of_atom && heap.is_atom(args);
        let is_call = (of_atom || of_code) && heap.is_list(args) && heap.is_proper_list(args);
        if !heap.is_list(meta) || !(is_var || is_call) {
            self.open_plain(builder, open, term)?;
            return Ok(None);
        }
        self.meta(builder, plain, meta)?;
        if is_var {
            let name = self.atoms.atom(heap, form)?;
            let context = self.atoms.atom(heap, args)?;
            builder.var(name, (context != self.nil).then_some(context))?;
            return Ok(None);
        }
        push(open, Rest::List(args))?;
        if of_atom {
            builder.open_call(self.atoms.atom(heap, form)?)?;
            return Ok(None);
        }
        builder.open_call_expr()?;
        Ok(Some(form))
    }

    /// The metadata of a node: by its shape when that is known, else term by term.
    fn meta<'a>(
        &mut self,
        builder: &mut Builder,
        plain: &mut Vec<Rest<'a>>,
        meta: Raw,
    ) -> Result<()> {
        let regular = self.metas.look_at(self.heap, meta);
        if regular && let Some(shape) = self.metas.shape() {
            return builder.meta_of_shape(shape, self.metas.ints());
        }
        builder.begin_meta();
        self.plain(&mut builder.meta(), plain, meta)?;
        let shape = builder.end_meta()?;
        if regular {
            self.metas.remember(shape);
        }
        Ok(())
    }

    /// Any term, as data.
    fn plain<'a>(
        &mut self,
        tokens: &mut impl Tokens,
        open: &mut Vec<Rest<'a>>,
        root: Raw,
    ) -> Result<()> {
        open.clear();
        self.open_plain(tokens, open, root)?;
        while let Some(next) = self.next(open) {
            match next {
                Next::Term(term) | Next::Tail(term) => self.open_plain(tokens, open, term)?,
                Next::Close => tokens.close()?,
                Next::CloseImproper => tokens.close_improper()?,
            }
        }
        Ok(())
    }

    fn next(&mut self, open: &mut Vec<Rest<'_>>) -> Option<Next> {
        let next = match open.last_mut()? {
            Rest::List(list) => match self.heap.uncons(*list) {
                Some((head, tail)) => {
                    *list = tail;
                    return Some(Next::Term(head));
                }
                None if self.heap.is_empty_list(*list) => Next::Close,
                None => {
                    let tail = *list;
                    *open.last_mut()? = Rest::Tail;
                    return Some(Next::Tail(tail));
                }
            },
            Rest::Tail => Next::CloseImproper,
            Rest::Items(items) => match items.split_first() {
                Some((&item, rest)) => {
                    *items = rest;
                    return Some(Next::Term(item));
                }
                None => Next::Close,
            },
            Rest::Owned(items) => match items.next() {
                Some(item) => return Some(Next::Term(item)),
                None => Next::Close,
            },
        };
        open.pop();
        Some(next)
    }

    fn open_plain<'a>(
        &mut self,
        tokens: &mut impl Tokens,
        open: &mut Vec<Rest<'a>>,
        term: Raw,
    ) -> Result<()> {
        let heap = self.heap;
        match heap.kind(term) {
            ErlNifTermType::ERL_NIF_TERM_TYPE_ATOM => tokens.atom(self.atoms.atom(heap, term)?),
            ErlNifTermType::ERL_NIF_TERM_TYPE_LIST => {
                tokens.open_list()?;
                push(open, Rest::List(term))
            }
            ErlNifTermType::ERL_NIF_TERM_TYPE_TUPLE => {
                let items = heap.tuple(term).unwrap_or(&[]);
                match *items {
                    [key, _] if heap.is_atom(key) => {
                        tokens.open_pair(self.atoms.atom(heap, key)?)?;
                        push(open, Rest::Items(&items[1..]))
                    }
                    _ => {
                        tokens.open_tuple()?;
                        push(open, Rest::Items(items))
                    }
                }
            }
            ErlNifTermType::ERL_NIF_TERM_TYPE_MAP => {
                tokens.open_map()?;
                push(open, Rest::Owned(heap.map(term)?.into_iter()))
            }
            ErlNifTermType::ERL_NIF_TERM_TYPE_INTEGER => match heap.int(term) {
                Some(int) => tokens.int(int),
                None => heap.external(term, |bytes| tokens.opaque(bytes))?,
            },
            ErlNifTermType::ERL_NIF_TERM_TYPE_FLOAT => match heap.float(term) {
                Some(float) => tokens.float(float),
                None => heap.external(term, |bytes| tokens.opaque(bytes))?,
            },
            ErlNifTermType::ERL_NIF_TERM_TYPE_BITSTRING => match heap.binary(term) {
                Some(bytes) => tokens.binary(bytes),
                None => heap.external(term, |bytes| tokens.opaque(bytes))?,
            },
            _ => heap.external(term, |bytes| tokens.opaque(bytes))?,
        }
    }
}

fn push<'a>(open: &mut Vec<Rest<'a>>, rest: Rest<'a>) -> Result<()> {
    if open.len() == open.capacity() {
        open.try_reserve(1).map_err(|_| Error::LimitExceeded {
            what: "memory left for the walk of a term",
            limit: open.len() as u64,
        })?;
    }
    open.push(rest);
    Ok(())
}
