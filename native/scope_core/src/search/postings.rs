//! Where each name of a file is.
//!
//! Nodes sorted by class and name, then by place: finding a name is a binary search over the file's distinct names.
//! A node takes two bytes in files of up to 65,536 nodes.

use std::sync::Arc;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::Unit;
use crate::source::words::Word;

use super::item::Reader;

/// What a name is used as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub(super) enum Use {
    /// What a call calls: of `f(x)`, `Mod.f(x)`, `x |> f`, `&f/1`, `apply(Mod, :f, [x])`.
    Call = 0,
    /// The key of a pair.
    Key = 1,
    Atom = 2,
    Variable = 3,
}

/// The uses of every name of one file.
#[derive(Clone, Debug)]
pub struct Postings {
    /// Name and use, with the end of its nodes; sorted.
    names: Box<[(u64, u32)]>,
    nodes: Places,
}

#[derive(Clone, Debug)]
enum Places {
    Narrow(Box<[u16]>),
    Wide(Box<[u32]>),
}

impl Unit {
    /// Where each name of this file is, found when first asked for.
    pub(crate) fn postings(&self) -> &Postings {
        let postings = &self.derived().postings;
        postings.get_or_init(|| Arc::new(Postings::new(self.ast())))
    }
}

fn key(name: Atom, used: Use) -> u64 {
    u64::from(name.0) << 2 | used as u64
}

impl Postings {
    fn new(ast: &Ast) -> Postings {
        let mut all: Vec<(u64, u32)> = Vec::with_capacity(ast.len());
        for at in 0..ast.len() as u32 {
            let ix = NodeIx(at);
            if let Some((name, used)) = used(ast, ix) {
                all.push((key(name, used), at));
            }
            if let Some(name) = applied(ast, ix) {
                all.push((key(name, Use::Call), at));
            }
        }
        all.sort_unstable();
        let mut names: Vec<(u64, u32)> = Vec::new();
        for (end, &(key, _)) in (1u32..).zip(&all) {
            match names.last_mut() {
                Some(last) if last.0 == key => last.1 = end,
                _ => names.push((key, end)),
            }
        }
        let nodes = all.iter().map(|&(_, at)| at);
        Postings {
            names: names.into_boxed_slice(),
            nodes: match ast.len() <= usize::from(u16::MAX) + 1 {
                true => Places::Narrow(nodes.map(|at| at as u16).collect()),
                false => Places::Wide(nodes.collect()),
            },
        }
    }

    /// How many nodes use a name so.
    pub(super) fn count(&self, name: Atom, used: Use) -> usize {
        self.range(name, used).len()
    }

    /// Adds the nodes that use a name so, in their order.
    pub(super) fn collect(&self, name: Atom, used: Use, into: &mut Vec<u32>) {
        let range = self.range(name, used);
        match &self.nodes {
            Places::Narrow(nodes) => into.extend(nodes[range].iter().map(|&at| u32::from(at))),
            Places::Wide(nodes) => into.extend_from_slice(&nodes[range]),
        }
    }

    fn range(&self, name: Atom, used: Use) -> std::ops::Range<usize> {
        let wanted = key(name, used);
        match self.names.binary_search_by_key(&wanted, |&(key, _)| key) {
            Ok(at) => {
                let start = at.checked_sub(1).map_or(0, |before| self.names[before].1);
                start as usize..self.names[at].1 as usize
            }
            Err(_) => 0..0,
        }
    }

    pub fn memory_bytes(&self) -> usize {
        let nodes = match &self.nodes {
            Places::Narrow(nodes) => size_of_val::<[u16]>(nodes),
            Places::Wide(nodes) => size_of_val::<[u32]>(nodes),
        };
        size_of::<Postings>() + size_of_val::<[(u64, u32)]>(&self.names) + nodes
    }
}

/// What a node uses its name as, if it stands for itself.
fn used(ast: &Ast, ix: NodeIx) -> Option<(Atom, Use)> {
    let reader = Reader { ast };
    match ast.kind(ix) {
        Kind::Call if reader.is_call(ix, Word::Dot) => None,
        Kind::Call => ast.atom(ix).map(|name| (name, Use::Call)),
        Kind::CallExpr => reader.remote(ix).map(|(_, name)| (name, Use::Call)),
        Kind::Pair => ast.atom(ix).map(|name| (name, Use::Key)),
        Kind::Var | Kind::VarIn => ast.atom(ix).map(|name| (name, Use::Variable)),
        Kind::Atom if reader.stands_alone(ix) => ast.atom(ix).map(|name| (name, Use::Atom)),
        _ => None,
    }
}

/// The name that is called where it does not look like a call.
fn applied(ast: &Ast, ix: NodeIx) -> Option<Atom> {
    let reader = Reader { ast };
    let parent = ast.parent(ix)?;
    let called = match ast.kind(ix) {
        Kind::Var | Kind::VarIn => {
            let piped = reader.pipe(parent).is_some_and(|(_, right)| right == ix);
            piped || reader.is_call(parent, Word::Slash) && parent.0 + 1 == ix.0
        }
        Kind::Atom => reader.is_call(parent, Word::Apply),
        _ => false,
    };
    called.then(|| ast.atom(ix)).flatten()
}
