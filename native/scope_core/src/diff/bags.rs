//! How alike two pieces of code are: multisets of what they are made of.

use crate::ast::{Ast, Kind, NodeIx};

/// A sorted multiset.
#[derive(Clone, Debug, Default)]
pub(super) struct Bag(Vec<u64>);

impl Bag {
    pub(super) fn new(mut items: Vec<u64>) -> Bag {
        items.sort_unstable();
        Bag(items)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Dice's coefficient: twice what is shared over all there is, from 0 to 1. Two empty bags have nothing in common.
    pub(super) fn dice(&self, other: &Bag) -> f32 {
        let all = self.0.len() + other.0.len();
        if all == 0 {
            return 0.0;
        }
        2.0 * common(&self.0, &other.0) as f32 / all as f32
    }
}

fn common(a: &[u64], b: &[u64]) -> usize {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                i += 1;
                j += 1;
            }
        }
    }
    shared
}

/// What a node is, without its children: its kind, and the name of a call, a key or an atom. A variable's name and a
/// literal's value do not count: they are what edits change first.
pub(super) fn label(ast: &Ast, ix: NodeIx) -> u64 {
    let kind = match ast.kind(ix) {
        Kind::VarIn => Kind::Var,
        Kind::WideInt => Kind::Int,
        kind => kind,
    };
    let name = match kind {
        Kind::Call | Kind::Pair | Kind::Atom => ast.atom(ix).map_or(0, |atom| u64::from(atom.0)),
        _ => 0,
    };
    (kind as u64) << 32 | name
}

/// The mean of two likenesses: of whole subtrees (which a renamed variable spoils) and of labels (which say little
/// of small pieces).
pub(super) fn likeness(old: &Ast, o: NodeIx, new: &Ast, n: NodeIx) -> f32 {
    let hashes =
        |ast: &Ast, ix: NodeIx| Bag::new(range(ast, ix).map(|at| ast.hash(at)).collect::<Vec<_>>());
    let labels = |ast: &Ast, ix: NodeIx| {
        Bag::new(range(ast, ix).map(|at| label(ast, at)).collect::<Vec<_>>())
    };
    let whole = hashes(old, o).dice(&hashes(new, n));
    let by_label = labels(old, o).dice(&labels(new, n));
    (whole + by_label) / 2.0
}

fn range(ast: &Ast, ix: NodeIx) -> impl Iterator<Item = NodeIx> {
    (ix.0..ast.end(ix)).map(NodeIx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_counts_what_is_shared() {
        let bag = |items: &[u64]| Bag::new(items.to_vec());
        assert_eq!(bag(&[1, 2, 2, 3]).dice(&bag(&[2, 2, 3, 1])), 1.0);
        assert_eq!(bag(&[1, 2]).dice(&bag(&[2, 3])), 0.5);
        assert_eq!(bag(&[1, 1]).dice(&bag(&[1, 2])), 0.5);
        assert_eq!(bag(&[]).dice(&bag(&[])), 0.0);
        assert_eq!(bag(&[7]).dice(&bag(&[])), 0.0);
    }
}
