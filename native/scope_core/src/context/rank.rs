//! Personalised PageRank: where a walker is found who starts at what was asked for, follows edges by their weights, and begins
//! again now and then (Page, Brin, Motwani, Winograd 1999; Haveliwala 2002).
//!
//! Found by pushing (Andersen, Chung, Lang 2006): a node's share of what is not yet settled stays there for one part, and goes on to its
//! neighbours for the other, until no node has more than `Options::least` left. The work is bounded by that and not by the size
//! of the graph; what is left unsettled bounds the error, and is told.

use std::collections::VecDeque;

use ahash::AHashMap;

/// How the walk goes.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How likely the walker begins again at each step: 1 minus the damping factor.
    pub restart: f64,
    /// Shares below this are left where they are.
    pub least: f64,
    /// Pushes at most.
    pub pushes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            restart: 0.15,
            least: 5e-5,
            pushes_max: 5_000,
        }
    }
}

/// Who was found where.
#[derive(Clone, Debug, Default)]
pub struct Ranked {
    /// By node: its share; all of them and `unsettled` are 1.
    pub shares: AHashMap<u32, f64>,
    /// What was not settled: no share is more than this too small.
    pub unsettled: f64,
    pub pushes: usize,
}

/// Ranks nodes by how near they are to `start` (nodes and weights above 0). `neighbours` puts the weighted edges of a node into
/// the list it is given.
pub fn personalised(
    start: &[(u32, f64)],
    mut neighbours: impl FnMut(u32, &mut Vec<(u32, f64)>),
    options: Options,
) -> Ranked {
    let whole: f64 = start.iter().map(|(_, weight)| weight).sum();
    if whole.is_nan() || whole <= 0.0 || !whole.is_finite() {
        return Ranked::default();
    }
    let mut walk = Walk::default();
    for (node, weight) in start {
        walk.add(*node, weight / whole, options.least);
    }
    let mut ranked = Ranked::default();
    let mut edges: Vec<(u32, f64)> = Vec::new();
    while let Some(node) = walk.next() {
        if ranked.pushes >= options.pushes_max {
            break;
        }
        let share = walk.take(node);
        if share < options.least {
            walk.put_back(node, share);
            continue;
        }
        ranked.pushes += 1;
        *ranked.shares.entry(node).or_default() += options.restart * share;
        let onward = (1.0 - options.restart) * share;
        edges.clear();
        neighbours(node, &mut edges);
        let total: f64 = edges.iter().map(|(_, weight)| weight).sum();
        if total > 0.0 && total.is_finite() {
            for (to, weight) in &edges {
                walk.add(*to, onward * weight / total, options.least);
            }
        } else {
            // Nowhere to go: the walker begins again.
            for (to, weight) in start {
                walk.add(*to, onward * weight / whole, options.least);
            }
        }
    }
    ranked.unsettled = walk.left();
    ranked
}

/// What is not settled yet, and who waits for a push.
#[derive(Default)]
struct Walk {
    open: AHashMap<u32, (f64, bool)>,
    waiting: VecDeque<u32>,
}

impl Walk {
    fn add(&mut self, node: u32, share: f64, least: f64) {
        let (open, waits) = self.open.entry(node).or_default();
        *open += share;
        if *open >= least && !*waits {
            *waits = true;
            self.waiting.push_back(node);
        }
    }

    fn next(&mut self) -> Option<u32> {
        self.waiting.pop_front()
    }

    fn take(&mut self, node: u32) -> f64 {
        match self.open.get_mut(&node) {
            Some((open, waits)) => {
                *waits = false;
                std::mem::take(open)
            }
            None => 0.0,
        }
    }

    fn put_back(&mut self, node: u32, share: f64) {
        self.open.entry(node).or_default().0 += share;
    }

    fn left(&self) -> f64 {
        self.open.values().map(|(open, _)| open).sum()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The definition, iterated over a whole matrix until nothing changes.
    fn by_iteration(
        nodes: usize,
        edges: &[(u32, u32, f64)],
        start: &[(u32, f64)],
        restart: f64,
    ) -> Vec<f64> {
        let whole: f64 = start.iter().map(|(_, weight)| weight).sum();
        let mut begin = vec![0.0; nodes];
        for (node, weight) in start {
            begin[*node as usize] += weight / whole;
        }
        let mut out = vec![0.0; nodes];
        for (from, _, weight) in edges {
            out[*from as usize] += weight;
        }
        let mut now = begin.clone();
        for _ in 0..2_000 {
            let mut then: Vec<f64> = begin.iter().map(|share| restart * share).collect();
            for (from, to, weight) in edges {
                then[*to as usize] +=
                    (1.0 - restart) * now[*from as usize] * weight / out[*from as usize];
            }
            let lost: f64 = (0..nodes)
                .filter(|node| out[*node] == 0.0)
                .map(|node| now[node])
                .sum();
            for node in 0..nodes {
                then[node] += (1.0 - restart) * lost * begin[node];
            }
            now = then;
        }
        now
    }

    fn graph(seed: u64, nodes: u32, edges: usize) -> Vec<(u32, u32, f64)> {
        let mut random = seed | 1;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        (0..edges)
            .map(|_| {
                let (from, to) = (next() % u64::from(nodes), next() % u64::from(nodes));
                (from as u32, to as u32, 0.1 + (next() % 100) as f64 / 10.0)
            })
            .collect()
    }

    fn ranked(edges: &[(u32, u32, f64)], start: &[(u32, f64)], options: Options) -> Ranked {
        let of = |node: u32, into: &mut Vec<(u32, f64)>| {
            let own = edges.iter().filter(|(from, _, _)| *from == node);
            into.extend(own.map(|(_, to, weight)| (*to, *weight)));
        };
        personalised(start, of, options)
    }

    #[test]
    fn pushing_gives_what_the_definition_says() {
        let options = Options {
            least: 1e-9,
            pushes_max: usize::MAX,
            ..Options::default()
        };
        for seed in 1..20 {
            let edges = graph(seed * 7919, 40, 90);
            let start = [(seed as u32 % 40, 2.0), (3, 1.0)];
            let found = ranked(&edges, &start, options);
            let said = by_iteration(40, &edges, &start, options.restart);
            for (node, said) in said.iter().enumerate() {
                let share = found.shares.get(&(node as u32)).copied().unwrap_or(0.0);
                assert!((share - said).abs() < 1e-6, "{seed} {node}: {share} {said}");
            }
        }
    }

    #[test]
    fn what_is_left_bounds_the_error() {
        let edges = graph(99, 200, 700);
        let start = [(0, 1.0)];
        let said = by_iteration(200, &edges, &start, 0.15);
        for least in [1e-2, 1e-3, 1e-4] {
            let options = Options {
                least,
                ..Options::default()
            };
            let found = ranked(&edges, &start, options);
            let whole: f64 = found.shares.values().sum::<f64>() + found.unsettled;
            assert!((whole - 1.0).abs() < 1e-9);
            for (node, said) in said.iter().enumerate() {
                let share = found.shares.get(&(node as u32)).copied().unwrap_or(0.0);
                assert!(share <= said + 1e-9 && said - share <= found.unsettled + 1e-9);
            }
        }
    }

    #[test]
    fn it_ends_whatever_it_is_given() {
        let none = ranked(&[], &[(0, 0.0)], Options::default());
        assert!(none.shares.is_empty());
        let odd = ranked(&[], &[(0, f64::NAN)], Options::default());
        assert!(odd.shares.is_empty());
        let alone = ranked(&[], &[(0, 1.0)], Options::default());
        assert!(alone.shares[&0] > 0.99);
        let few = Options {
            pushes_max: 3,
            ..Options::default()
        };
        assert!(ranked(&graph(5, 50, 200), &[(0, 1.0)], few).pushes <= 3);
    }
}
