//! Cycles of a directed graph: strongly connected components (petgraph's Kosaraju, which does not recurse), and in each the
//! shortest cycle with the edge whose loss breaks it most cheaply.

use std::collections::VecDeque;

use ahash::AHashMap;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// A set of nodes each of which reaches each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cycle {
    /// In ascending order.
    pub members: Vec<u32>,
    /// The nodes of a shortest cycle, in its order; the last one leads back to the first.
    pub shortest: Vec<u32>,
    /// Of the edges of that cycle the lightest: what is cheapest to change, so that the cycle is broken.
    pub cut: (u32, u32),
}

/// The cycles of `nodes` nodes under `edges`, which are `(from, to, weight)`; several between two nodes add up. The largest
/// first.
pub fn cycles(nodes: u32, edges: &[(u32, u32, u64)]) -> Vec<Cycle> {
    let mut weights: AHashMap<(u32, u32), u64> = AHashMap::new();
    for &(from, to, weight) in edges {
        let sum = weights.entry((from, to)).or_insert(0);
        *sum = sum.saturating_add(weight);
    }
    let mut graph: DiGraph<(), (), u32> = DiGraph::with_capacity(nodes as usize, weights.len());
    for _ in 0..nodes {
        graph.add_node(());
    }
    let mut successors: Vec<Vec<u32>> = vec![Vec::new(); nodes as usize];
    let mut sorted: Vec<(u32, u32)> = weights.keys().copied().collect();
    sorted.sort_unstable();
    for (from, to) in sorted {
        graph.add_edge(
            NodeIndex::new(from as usize),
            NodeIndex::new(to as usize),
            (),
        );
        successors[from as usize].push(to);
    }
    let mut component = vec![u32::MAX; nodes as usize];
    let components = kosaraju_scc(&graph);
    for (number, members) in components.iter().enumerate() {
        for member in members {
            component[member.index()] = number as u32;
        }
    }
    let cyclic = components.iter().enumerate().filter(|(_, members)| {
        let first = members[0].index() as u32;
        members.len() > 1 || weights.contains_key(&(first, first))
    });
    let mut found: Vec<Cycle> = cyclic
        .map(|(number, members)| {
            let mut members: Vec<u32> = members.iter().map(|one| one.index() as u32).collect();
            members.sort_unstable();
            let within = |to: u32| component[to as usize] == number as u32;
            let shortest = shortest(&members, &successors, &within);
            let cut = lightest(&shortest, &weights);
            Cycle {
                members,
                shortest,
                cut,
            }
        })
        .collect();
    found.sort_by(|a, b| {
        b.members
            .len()
            .cmp(&a.members.len())
            .then(a.members.cmp(&b.members))
    });
    found
}

/// A node is looked at from so many starts at most: a shortest cycle of a huge component is then one of those.
const STARTS_MAX: usize = 2_000;

fn shortest(members: &[u32], successors: &[Vec<u32>], within: &dyn Fn(u32) -> bool) -> Vec<u32> {
    let mut best: Vec<u32> = Vec::new();
    for &start in members.iter().take(STARTS_MAX) {
        let bound = if best.is_empty() {
            usize::MAX
        } else {
            best.len()
        };
        if let Some(found) = through(start, successors, within, bound) {
            best = found;
        }
        if best.len() <= 1 {
            break;
        }
    }
    best
}

/// The shortest cycle through a node that is shorter than `bound`: breadth first.
fn through(
    start: u32,
    successors: &[Vec<u32>],
    within: &dyn Fn(u32) -> bool,
    bound: usize,
) -> Option<Vec<u32>> {
    let mut before: AHashMap<u32, u32> = AHashMap::new();
    let mut queue = VecDeque::from([(start, 1usize)]);
    while let Some((at, length)) = queue.pop_front() {
        if length >= bound {
            return None;
        }
        for &to in &successors[at as usize] {
            if to == start {
                let mut path = vec![at];
                let mut at = at;
                while at != start {
                    at = before[&at];
                    path.push(at);
                }
                path.reverse();
                return Some(path);
            }
            if within(to) && !before.contains_key(&to) {
                before.insert(to, at);
                queue.push_back((to, length + 1));
            }
        }
    }
    None
}

fn lightest(cycle: &[u32], weights: &AHashMap<(u32, u32), u64>) -> (u32, u32) {
    let edges = cycle.iter().zip(cycle.iter().cycle().skip(1));
    let edges = edges.map(|(&from, &to)| (from, to));
    edges
        .min_by_key(|edge| (weights.get(edge).copied().unwrap_or(0), *edge))
        .unwrap_or((0, 0))
}
