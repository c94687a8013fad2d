//! Matching the trees of two versions of one definition.

use ahash::AHashMap;

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::words::{Word, word};

use super::bags::label;
use super::matching::NONE;

/// A subtree of fewer entries is too common to be recognised out of its place.
const FOUND_ENTRIES_MIN: u32 = 5;
/// The same, when it is recognised in another definition.
const MOVED_ENTRIES_MIN: u32 = 9;
/// Containers that share less are two containers.
const CONTAINER_DICE_MIN: f32 = 0.5;
/// Children that are asked for what their parent became.
const CHILDREN_ASKED_MAX: usize = 64;
/// Entries that comparisons may look at, for each entry of both trees, and in any case. When they are used up, only
/// what is identical, or alone of its kind among its siblings, is matched.
const WORK_PER_ENTRY: usize = 24;
const WORK_MIN: usize = 20_000;

pub(super) struct Trees<'a> {
    pub(super) old: &'a Ast,
    pub(super) new: &'a Ast,
    pub(super) to_new: Vec<u32>,
    pub(super) to_old: Vec<u32>,
    pub(super) old_roots: Vec<bool>,
    pub(super) new_roots: Vec<bool>,
    /// Matched pairs whose children are to be matched.
    pub(super) open: Vec<(NodeIx, NodeIx)>,
    pub(super) work: usize,
}

/// Where one hash stands on both sides, and how often.
#[derive(Default)]
struct Places {
    old: u32,
    olds: u32,
    new: u32,
    news: u32,
}

impl<'a> Trees<'a> {
    pub(super) fn new(
        old: &'a Ast,
        new: &'a Ast,
        old_roots: Vec<bool>,
        new_roots: Vec<bool>,
    ) -> Self {
        Trees {
            old,
            new,
            to_new: vec![NONE; old.len()],
            to_old: vec![NONE; new.len()],
            old_roots,
            new_roots,
            open: Vec::new(),
            work: WORK_MIN + WORK_PER_ENTRY * (old.len() + new.len()),
        }
    }

    pub(super) fn into_nodes(self) -> Vec<u32> {
        self.to_new
    }

    pub(super) fn has_old(&self, o: NodeIx) -> bool {
        self.to_new[o.0 as usize] != NONE
    }

    pub(super) fn has_new(&self, n: NodeIx) -> bool {
        self.to_old[n.0 as usize] != NONE
    }

    /// False when one of them has a partner already.
    pub(super) fn link(&mut self, o: NodeIx, n: NodeIx) -> bool {
        if self.has_old(o) || self.has_new(n) {
            return false;
        }
        self.to_new[o.0 as usize] = n.0;
        self.to_old[n.0 as usize] = o.0;
        true
    }

    /// What is below two nodes of one hash stands at the same places.
    pub(super) fn link_below(&mut self, o: NodeIx, n: NodeIx) {
        debug_assert_eq!(self.old.size(o), self.new.size(n));
        let size = self.old.size(o).min(self.new.size(n));
        let mut at = 1;
        while at < size {
            let (inner_o, inner_n) = (NodeIx(o.0 + at), NodeIx(n.0 + at));
            if self.old_roots[inner_o.0 as usize] {
                // A definition has its own partner, and its own turn.
                at += self.old.size(inner_o);
                continue;
            }
            self.link(inner_o, inner_n);
            at += 1;
        }
    }

    pub(super) fn link_equal(&mut self, o: NodeIx, n: NodeIx) {
        if self.link(o, n) {
            self.link_below(o, n);
        }
    }

    pub(super) fn later(&mut self, o: NodeIx, n: NodeIx) {
        self.open.push((o, n));
    }

    /// Entries below a definition that are its own: not those of definitions in it.
    fn own(ast: &Ast, roots: &[bool], scope: NodeIx) -> Vec<NodeIx> {
        let mut own = Vec::new();
        let mut at = scope.0 + 1;
        while at < ast.end(scope) {
            if roots[at as usize] {
                at = ast.end(NodeIx(at));
            } else {
                own.push(NodeIx(at));
                at += 1;
            }
        }
        own
    }

    /// Matches what is below two definitions that are partners.
    pub(super) fn scope(&mut self, o: NodeIx, n: NodeIx) {
        let olds = Self::own(self.old, &self.old_roots, o);
        let news = Self::own(self.new, &self.new_roots, n);
        self.identical(&olds, &news, FOUND_ENTRIES_MIN);
        self.later(o, n);
        self.align_all();
        self.containers(&olds);
    }

    /// Equal subtrees that stand once on each side, wherever they stand. The largest first: preorder.
    fn identical(&mut self, olds: &[NodeIx], news: &[NodeIx], entries_min: u32) {
        let mut places: AHashMap<u64, Places> = AHashMap::new();
        for &o in olds {
            if self.old.size(o) >= entries_min && !self.has_old(o) {
                let found = places.entry(self.old.hash(o)).or_default();
                found.old = o.0;
                found.olds += 1;
            }
        }
        for &n in news {
            if self.new.size(n) >= entries_min
                && !self.has_new(n)
                && let Some(found) = places.get_mut(&self.new.hash(n))
            {
                found.new = n.0;
                found.news += 1;
            }
        }
        for &o in olds {
            let small = self.old.size(o) < entries_min;
            if small || self.has_old(o) || is_part_of_block(self.old, o) {
                continue;
            }
            if let Some(found) = places.get(&self.old.hash(o))
                && (found.olds, found.news) == (1, 1)
            {
                self.link_equal(o, NodeIx(found.new));
            }
        }
    }

    /// Bottom-up: a node whose children went together into one node of the same label is that node.
    fn containers(&mut self, olds: &[NodeIx]) {
        for &o in olds.iter().rev() {
            if self.has_old(o) || self.old.size(o) < 2 {
                continue;
            }
            let Some(n) = self.candidate(o) else { continue };
            let cost = self.old.size(o) as usize;
            if self.work < cost {
                return;
            }
            self.work -= cost;
            let below = o.0 + 1..self.old.end(o);
            let shared = below
                .filter(|&at| {
                    let partner = self.to_new[at as usize];
                    partner != NONE && partner != n.0 && self.new.contains(n, NodeIx(partner))
                })
                .count();
            let all = self.old.size(o) + self.new.size(n) - 2;
            if 2.0 * shared as f32 / all.max(1) as f32 >= CONTAINER_DICE_MIN && self.link(o, n) {
                self.later(o, n);
                self.align_all();
            }
        }
    }

    /// The parent of most of the partners of a node's children.
    fn candidate(&self, o: NodeIx) -> Option<NodeIx> {
        let mut votes: Vec<(u32, u32)> = Vec::new();
        for child in self.old.children(o).take(CHILDREN_ASKED_MAX) {
            let partner = self.to_new[child.0 as usize];
            if partner == NONE {
                continue;
            }
            let parent = self.new.parent(NodeIx(partner))?;
            let weight = self.old.size(child);
            match votes.iter().position(|(other, _)| *other == parent.0) {
                Some(at) => votes[at].1 += weight,
                None => votes.push((parent.0, weight)),
            }
        }
        let fits = |&&(n, _): &&(u32, u32)| {
            let n = NodeIx(n);
            !self.has_new(n)
                && !self.new_roots[n.0 as usize]
                && label(self.old, o) == label(self.new, n)
        };
        let best = votes
            .iter()
            .filter(fits)
            .max_by_key(|(_, weight)| *weight)?;
        Some(NodeIx(best.0))
    }

    /// What went from one definition into another: a function taken out of a function, most often. Only what stands
    /// once among all that is left on either side.
    pub(super) fn moved(&mut self) {
        let left: Vec<NodeIx> = (0..self.old.len() as u32)
            .map(NodeIx)
            .filter(|&o| !self.has_old(o) && !self.old_roots[o.0 as usize])
            .collect();
        let right: Vec<NodeIx> = (0..self.new.len() as u32)
            .map(NodeIx)
            .filter(|&n| !self.has_new(n) && !self.new_roots[n.0 as usize])
            .collect();
        self.identical(&left, &right, MOVED_ENTRIES_MIN);
    }
}

/// `[do: x, else: y]` and its pairs belong to the call that they stand in, wherever an equal one stands.
fn is_part_of_block(ast: &Ast, ix: NodeIx) -> bool {
    let key = |ix: NodeIx| ast.atom_of(ix, Kind::Pair).and_then(word);
    let is_block = |ix: NodeIx| {
        matches!(
            key(ix),
            Some(Word::Do | Word::Else | Word::Rescue | Word::Catch | Word::After)
        )
    };
    match ast.kind(ix) {
        Kind::List => ast.child(ix, 0).is_some_and(is_block),
        _ => is_block(ix),
    }
}
