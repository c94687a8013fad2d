//! Matching the children of two nodes that are partners.

use ahash::AHashMap;

use crate::ast::{Kind, NodeIx};

use super::bags::{label, likeness};
use super::tree::Trees;

/// Children of one node that are compared each with each: more than any written call or block has between two
/// statements that stayed.
const TABLE_MAX: usize = 4_096;
/// Two of a name among statements or elements; two of different names; two at one place of a call.
const SAME_LABEL_LIKENESS_MIN: f32 = 0.4;
const OTHER_LABEL_LIKENESS_MIN: f32 = 0.6;
const SAME_PLACE_LIKENESS_MIN: f32 = 0.5;

impl Trees<'_> {
    /// Goes on until no matched pair is left whose children were not looked at.
    pub(super) fn align_all(&mut self) {
        while let Some((o, n)) = self.open.pop() {
            self.align(o, n);
        }
    }

    fn align(&mut self, o: NodeIx, n: NodeIx) {
        let olds: Vec<NodeIx> = self.old.children(o).collect();
        let news: Vec<NodeIx> = self.new.children(n).collect();
        self.same_ends(&olds, &news);
        self.same_within(&olds, &news);
        if self.is_positional(o, n, &olds, &news) {
            for (&a, &b) in olds.iter().zip(&news) {
                if self.is_free(a, b) && self.at_one_place(a, b) && self.link(a, b) {
                    self.later(a, b);
                }
            }
        }
        for (left, right) in self.gaps(&olds, &news) {
            self.gap(&left, &right);
        }
    }

    /// Neither has a partner, and neither is a definition.
    fn is_free(&self, o: NodeIx, n: NodeIx) -> bool {
        self.is_free_old(o) && self.is_free_new(n)
    }

    fn is_free_old(&self, o: NodeIx) -> bool {
        !self.has_old(o) && !self.old_roots[o.0 as usize]
    }

    fn is_free_new(&self, n: NodeIx) -> bool {
        !self.has_new(n) && !self.new_roots[n.0 as usize]
    }

    fn is_equal(&self, o: NodeIx, n: NodeIx) -> bool {
        self.old.hash(o) == self.new.hash(n)
    }

    /// Equal children at the beginning and at the end.
    fn same_ends(&mut self, olds: &[NodeIx], news: &[NodeIx]) {
        let shared = olds.len().min(news.len());
        let mut front = 0;
        while front < shared && self.stays(olds[front], news[front]) {
            front += 1;
        }
        let mut back = 0;
        while back < shared - front
            && self.stays(olds[olds.len() - 1 - back], news[news.len() - 1 - back])
        {
            back += 1;
        }
    }

    /// Links two children if they are equal; true when they are partners.
    fn stays(&mut self, o: NodeIx, n: NodeIx) -> bool {
        if self.to_new[o.0 as usize] == n.0 {
            return true;
        }
        if !self.is_free(o, n) || !self.is_equal(o, n) {
            return false;
        }
        self.link_equal(o, n);
        true
    }

    /// Equal children that stand as often on both sides: the first is the first, and so on. What was doubled or
    /// thinned out is aligned in its gap.
    fn same_within(&mut self, olds: &[NodeIx], news: &[NodeIx]) {
        let mut places: AHashMap<u64, (Vec<NodeIx>, Vec<NodeIx>)> = AHashMap::new();
        for &o in olds.iter().filter(|&&o| self.is_free_old(o)) {
            places.entry(self.old.hash(o)).or_default().0.push(o);
        }
        if places.is_empty() {
            return;
        }
        for &n in news.iter().filter(|&&n| self.is_free_new(n)) {
            if let Some(found) = places.get_mut(&self.new.hash(n)) {
                found.1.push(n);
            }
        }
        for &o in olds {
            let Some((left, right)) = places.get(&self.old.hash(o)) else {
                continue;
            };
            if left.len() == right.len() && left.first() == Some(&o) {
                let pairs: Vec<_> = left.iter().copied().zip(right.iter().copied()).collect();
                pairs.into_iter().for_each(|(o, n)| self.link_equal(o, n));
            }
        }
    }

    /// Arguments of one call, elements of one tuple: the place says which is which.
    fn is_positional(&self, o: NodeIx, n: NodeIx, olds: &[NodeIx], news: &[NodeIx]) -> bool {
        let block =
            |ix: Option<crate::atoms::Atom>| ix.is_some_and(|name| name.text() == "__block__");
        olds.len() == news.len()
            && !matches!(
                self.old.kind(o),
                Kind::List | Kind::ImproperList | Kind::Map
            )
            && !block(self.old.atom_of(o, Kind::Call))
            && !block(self.new.atom_of(n, Kind::Call))
    }

    fn at_one_place(&mut self, o: NodeIx, n: NodeIx) -> bool {
        if label(self.old, o) == label(self.new, n) {
            return true;
        }
        if self.old.kind(o) != self.new.kind(n) {
            return false;
        }
        match self.old.kind(o).is_leaf() {
            true => true,
            false => self.likeness(o, n) >= SAME_PLACE_LIKENESS_MIN,
        }
    }

    /// What has no partner, between each two children that have and stand in order.
    fn gaps(&self, olds: &[NodeIx], news: &[NodeIx]) -> Vec<(Vec<NodeIx>, Vec<NodeIx>)> {
        let mut gaps = Vec::new();
        let mut next = 0;
        let mut left = Vec::new();
        let free = |from: usize, to: usize| -> Vec<NodeIx> {
            let between = news[from..to].iter().copied();
            between.filter(|&n| self.is_free_new(n)).collect()
        };
        for &o in olds {
            if self.is_free_old(o) {
                left.push(o);
                continue;
            }
            let partner = NodeIx(self.to_new[o.0 as usize]);
            if let Ok(at) = news.binary_search(&partner)
                && at >= next
            {
                gaps.push((std::mem::take(&mut left), free(next, at)));
                next = at + 1;
            }
        }
        gaps.push((left, free(next, news.len())));
        gaps.retain(|(left, right)| !left.is_empty() && !right.is_empty());
        gaps
    }

    /// Children between two that stayed: the alignment, in order, that shares most.
    fn gap(&mut self, left: &[NodeIx], right: &[NodeIx]) {
        if left.len() * right.len() > TABLE_MAX {
            self.alone_of_a_label(left, right);
            return;
        }
        let even = left.len() == right.len();
        let mut scores = vec![0.0f32; left.len() * right.len()];
        for (i, &o) in left.iter().enumerate() {
            for (j, &n) in right.iter().enumerate() {
                scores[i * right.len() + j] = self.score(o, n, even && i == j);
            }
        }
        for (i, j) in in_order(&scores, left.len(), right.len()) {
            let (o, n) = (left[i], right[j]);
            if self.is_equal(o, n) {
                self.link_equal(o, n);
            } else if self.link(o, n) {
                self.later(o, n);
            }
        }
        for &o in left {
            if !self.has_old(o) {
                self.wrapped(o, right);
            }
        }
        for &n in right {
            if !self.has_new(n) {
                self.unwrapped(left, n);
            }
        }
    }

    /// How well two children go together; 0 when they are two things.
    fn score(&mut self, o: NodeIx, n: NodeIx, same_place: bool) -> f32 {
        if self.is_equal(o, n) {
            return 2.0;
        }
        let (kind, other) = (self.old.kind(o), self.new.kind(n));
        let same_label = label(self.old, o) == label(self.new, n);
        if kind.is_leaf() || other.is_leaf() {
            // An element that was changed in its place.
            return if kind == other && same_place {
                0.3
            } else {
                0.0
            };
        }
        if kind != other {
            return 0.0;
        }
        let keyed = kind == Kind::Pair && same_label;
        let likeness = self.likeness(o, n);
        let least = match (keyed, same_label) {
            (true, _) => 0.0,
            (false, true) => SAME_LABEL_LIKENESS_MIN,
            (false, false) => OTHER_LABEL_LIKENESS_MIN,
        };
        match likeness >= least {
            true => likeness.max(0.1),
            false => 0.0,
        }
    }

    /// 0 once the work is used up.
    fn likeness(&mut self, o: NodeIx, n: NodeIx) -> f32 {
        let (a, b) = (self.old.size(o) as usize, self.new.size(n) as usize);
        // Sizes this different cannot share enough.
        if a.max(b) > 8 * a.min(b).max(4) {
            return 0.0;
        }
        if self.work < a + b {
            self.work = 0;
            return 0.0;
        }
        self.work -= a + b;
        likeness(self.old, o, self.new, n)
    }

    /// With too many to compare: what is alone of its label on both sides.
    fn alone_of_a_label(&mut self, left: &[NodeIx], right: &[NodeIx]) {
        let mut places: AHashMap<u64, (u32, u32, NodeIx)> = AHashMap::new();
        for &o in left {
            places.entry(label(self.old, o)).or_insert((0, 0, o)).0 += 1;
        }
        let mut partner: AHashMap<u64, NodeIx> = AHashMap::new();
        for &n in right {
            if let Some(found) = places.get_mut(&label(self.new, n)) {
                found.1 += 1;
                partner.insert(label(self.new, n), n);
            }
        }
        for (label, (olds, news, o)) in places {
            if (olds, news) == (1, 1) && !self.old.kind(o).is_leaf() {
                let n = partner[&label];
                if self.link(o, n) {
                    self.later(o, n);
                }
            }
        }
    }

    /// `x` became `if y do x end`: it stands once in what took its place.
    fn wrapped(&mut self, o: NodeIx, right: &[NodeIx]) {
        let hash = self.old.hash(o);
        let mut found = None;
        for &n in right {
            if self.has_new(n) {
                continue;
            }
            if !self.spend(self.new.size(n)) {
                return;
            }
            for at in n.0 + 1..self.new.end(n) {
                if self.new.hash(NodeIx(at)) == hash {
                    if found.is_some() {
                        return;
                    }
                    found = Some(NodeIx(at));
                }
            }
        }
        if let Some(n) = found
            && self.is_free(o, n)
        {
            self.link_equal(o, n);
        }
    }

    /// The other way round.
    fn unwrapped(&mut self, left: &[NodeIx], n: NodeIx) {
        let hash = self.new.hash(n);
        let mut found = None;
        for &o in left {
            if self.has_old(o) {
                continue;
            }
            if !self.spend(self.old.size(o)) {
                return;
            }
            for at in o.0 + 1..self.old.end(o) {
                if self.old.hash(NodeIx(at)) == hash {
                    if found.is_some() {
                        return;
                    }
                    found = Some(NodeIx(at));
                }
            }
        }
        if let Some(o) = found
            && self.is_free(o, n)
        {
            self.link_equal(o, n);
        }
    }

    fn spend(&mut self, entries: u32) -> bool {
        let enough = self.work >= entries as usize;
        self.work = self.work.saturating_sub(entries as usize);
        enough
    }
}

/// The pairs of the alignment with the greatest sum, in order (Needleman and Wunsch, gaps cost nothing).
fn in_order(scores: &[f32], rows: usize, columns: usize) -> Vec<(usize, usize)> {
    let width = columns + 1;
    let mut best = vec![0.0f32; (rows + 1) * width];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            let skip = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            let score = scores[i * columns + j];
            let take = if score > 0.0 {
                score + best[(i + 1) * width + j + 1]
            } else {
                0.0
            };
            best[i * width + j] = skip.max(take);
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < rows && j < columns {
        let here = best[i * width + j];
        let score = scores[i * columns + j];
        if score > 0.0 && here == score + best[(i + 1) * width + j + 1] {
            pairs.push((i, j));
            i += 1;
            j += 1;
        } else if here == best[(i + 1) * width + j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn the_greatest_sum_in_order() {
        assert_eq!(in_order(&[0.0, 1.0, 1.5, 0.0], 2, 2), [(1, 0)]);
        assert_eq!(in_order(&[1.0, 0.0, 0.0, 1.0], 2, 2), [(0, 0), (1, 1)]);
        assert_eq!(in_order(&[0.0, 0.5, 2.0, 0.0, 0.0, 0.5], 2, 3), [(0, 2)]);
        assert!(in_order(&[0.0], 1, 1).is_empty());
    }
}
