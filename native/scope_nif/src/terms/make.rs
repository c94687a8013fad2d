//! Builds terms from the arena.

use rustler::{Env, Term};
use scope_core::ast::{Ast, Make, NodeIx};
use scope_core::atoms::Atom;
use scope_core::error::Result;

use super::atoms_map::AtomCache;
use super::raw::{Heap, Raw};

/// The quoted code of a node, exactly as it was encoded.
pub fn read_ast<'a>(env: Env<'a>, ast: &Ast, ix: NodeIx) -> Result<Term<'a>> {
    let mut terms = Terms {
        heap: Heap::of(env),
        atoms: AtomCache::default(),
    };
    let raw = ast.read(ix, &mut terms)?;
    Ok(unsafe { Term::new(env, raw) })
}

struct Terms {
    heap: Heap,
    atoms: AtomCache,
}

impl Make for Terms {
    type Term = Raw;

    fn atom(&mut self, atom: Atom) -> Result<Raw> {
        self.atoms.word(self.heap, atom)
    }

    fn int(&mut self, int: i64) -> Result<Raw> {
        Ok(self.heap.new_int(int))
    }

    fn float(&mut self, float: f64) -> Result<Raw> {
        self.heap.new_float(float)
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<Raw> {
        self.heap.new_binary(bytes)
    }

    fn opaque(&mut self, bytes: &[u8]) -> Result<Raw> {
        self.heap.internal(bytes)
    }

    fn cons(&mut self, item: Raw, tail: Raw) -> Result<Raw> {
        Ok(self.heap.cons(item, tail))
    }

    fn nil(&mut self) -> Result<Raw> {
        Ok(self.heap.empty_list())
    }

    fn tuple(&mut self, items: &[Raw]) -> Result<Raw> {
        Ok(self.heap.new_tuple(items))
    }

    fn map(&mut self, items: &[Raw]) -> Result<Raw> {
        self.heap.new_map(items)
    }
}
