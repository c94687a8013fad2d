//! Two versions of a unit, node by node.

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::Unit;
use crate::source::head::head_call;

use super::definitions::{self, Definitions};
use super::tree::Trees;

/// "There is none."
pub const NONE: u32 = u32::MAX;

/// From what stands in the old unit to what became of it in the new one.
#[derive(Clone, Debug)]
pub struct Matching {
    nodes: Vec<u32>,
    definitions: Definitions,
}

fn some(number: u32) -> Option<u32> {
    (number != NONE).then_some(number)
}

impl Matching {
    pub fn node(&self, old: NodeIx) -> Option<NodeIx> {
        some(*self.nodes.get(old.0 as usize)?).map(NodeIx)
    }

    /// By numbers of `Unit::modules`.
    pub fn module(&self, old: u32) -> Option<u32> {
        some(self.definitions.modules[old as usize])
    }

    /// By numbers of `Unit::functions`.
    pub fn function(&self, old: u32) -> Option<u32> {
        some(self.definitions.functions[old as usize])
    }

    /// By numbers of `Unit::clauses`.
    pub fn clause(&self, old: u32) -> Option<u32> {
        some(self.definitions.clauses[old as usize])
    }

    pub fn modules(&self) -> &[u32] {
        &self.definitions.modules
    }

    pub fn functions(&self) -> &[u32] {
        &self.definitions.functions
    }

    pub fn clauses(&self) -> &[u32] {
        &self.definitions.clauses
    }

    /// The partner of each entry of the old arena, `NONE` for what is gone.
    pub fn nodes(&self) -> &[u32] {
        &self.nodes
    }
}

/// Matches two versions of a file. Takes time in proportion to what changed (and to both sizes, for looking); where
/// a comparison would take more, it is left out and fewer nodes are matched.
pub fn match_units(old: &Unit, new: &Unit) -> Matching {
    let (a, b) = (old.ast(), new.ast());
    if a.hash(a.root()) == b.hash(b.root()) && a.len() == b.len() {
        return unchanged(old, new);
    }
    let definitions = definitions::pair(old, new);
    let mut trees = Trees::new(a, b, roots(old), roots(new));
    for (o, &n) in definitions.modules.iter().enumerate() {
        if let Some(n) = some(n) {
            trees.link(old.modules()[o].node, new.modules()[n as usize].node);
        }
    }
    let mut changed = Vec::new();
    for (o, &n) in definitions.clauses.iter().enumerate() {
        let Some(n) = some(n) else { continue };
        let (o, n) = (old.clauses()[o].node, new.clauses()[n as usize].node);
        trees.link(o, n);
        match a.hash(o) == b.hash(n) {
            true => trees.link_below(o, n),
            false => changed.push((o, n)),
        }
    }
    for (o, n) in changed {
        if let (Some(o), Some(n)) = (head_call(a, o), head_call(b, n))
            && same_shape(a, o, b, n)
        {
            trees.link(o, n);
            trees.later(o, n);
        }
        trees.scope(o, n);
    }
    for (o, &n) in definitions.modules.iter().enumerate() {
        if let Some(n) = some(n) {
            trees.scope(old.modules()[o].node, new.modules()[n as usize].node);
        }
    }
    if trees.link(a.root(), b.root()) {
        trees.scope(a.root(), b.root());
    }
    trees.moved();
    Matching {
        nodes: trees.into_nodes(),
        definitions,
    }
}

fn same_shape(a: &Ast, o: NodeIx, b: &Ast, n: NodeIx) -> bool {
    let plain = |kind| match kind {
        Kind::VarIn => Kind::Var,
        kind => kind,
    };
    plain(a.kind(o)) == plain(b.kind(n))
}

/// One tree: every node is what stands at its place. What is defined may go by another name all the same (two files
/// that define one module), but it is defined at the same places.
fn unchanged(old: &Unit, new: &Unit) -> Matching {
    let same = |old: usize, new: usize| match old == new {
        true => (0..old as u32).collect(),
        false => vec![NONE; old],
    };
    Matching {
        nodes: (0..old.ast().len() as u32).collect(),
        definitions: Definitions {
            modules: same(old.modules().len(), new.modules().len()),
            functions: same(old.functions().len(), new.functions().len()),
            clauses: same(old.clauses().len(), new.clauses().len()),
        },
    }
}

/// Where definitions stand: what is in them is matched with what is in their partner, and with nothing else.
fn roots(unit: &Unit) -> Vec<bool> {
    let mut roots = vec![false; unit.ast().len()];
    let modules = unit.modules().iter().map(|one| one.node);
    let clauses = unit.clauses().iter().map(|one| one.node);
    for node in modules.chain(clauses) {
        roots[node.0 as usize] = true;
    }
    roots
}
