//! Puts a graph into its final order: what can be reached first, as control comes to it (reverse postorder), blocks that
//! nothing leads to and that hold nothing left out, the nodes of each block together.

use crate::ast::NodeIx;

use super::super::variables::NONE;
use super::{BlockKind, Cfg, Edge};

pub(super) fn arrange(mut cfg: Cfg, emitted: &[(u32, NodeIx)], incoming: &[u32]) -> Cfg {
    let count = cfg.blocks.len();
    let mut nodes_of: Vec<Vec<NodeIx>> = vec![Vec::new(); count];
    for &(block, node) in emitted {
        nodes_of[block as usize].push(node);
    }
    let mut next_of: Vec<Vec<u32>> = vec![Vec::new(); count];
    for edge in &cfg.edges {
        next_of[edge.from as usize].push(edge.to);
    }
    let mut order = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    for graph in &cfg.graphs {
        let start = order.len();
        postorder(graph.entry, &next_of, &mut seen, &mut order);
        order[start..].reverse();
    }
    for (block, seen) in cfg.blocks.iter_mut().zip(&seen) {
        block.reachable = *seen;
    }
    // The exit ends each graph, also when nothing comes to it.
    let kept = |block: usize| {
        let own = &cfg.blocks[block];
        seen[block]
            || own.kind == BlockKind::Exit
            || incoming[block] > 0
            || !nodes_of[block].is_empty()
            || own.kind == BlockKind::Clause
    };
    order.extend((0..count as u32).filter(|&one| !seen[one as usize] && kept(one as usize)));
    order.sort_by_key(|&one| cfg.blocks[one as usize].graph);
    let mut place = vec![NONE; count];
    for (&block, at) in order.iter().zip(0..) {
        place[block as usize] = at;
    }
    let blocks = std::mem::take(&mut cfg.blocks);
    for &old in &order {
        let mut block = blocks[old as usize];
        block.first = cfg.nodes.len() as u32;
        cfg.nodes.append(&mut nodes_of[old as usize]);
        block.end = cfg.nodes.len() as u32;
        cfg.blocks.push(block);
    }
    let edges = std::mem::take(&mut cfg.edges);
    let ends = |edge: &Edge| (place[edge.from as usize], place[edge.to as usize]);
    cfg.edges = edges
        .iter()
        .filter(|edge| ends(edge).0 != NONE && ends(edge).1 != NONE)
        .map(|edge| Edge {
            from: ends(edge).0,
            to: ends(edge).1,
            ..*edge
        })
        .collect();
    cfg.edges.sort_by_key(|edge| edge.from);
    for graph in &mut cfg.graphs {
        graph.entry = place[graph.entry as usize];
        graph.exit = place[graph.exit as usize];
    }
    cfg.blocks.shrink_to_fit();
    cfg.nodes.shrink_to_fit();
    cfg
}

/// Depth first, with an explicit stack of (block, next successor).
fn postorder(start: u32, next_of: &[Vec<u32>], seen: &mut [bool], order: &mut Vec<u32>) {
    let mut stack = vec![(start, next_of[start as usize].len())];
    seen[start as usize] = true;
    while let Some((block, left)) = stack.last_mut() {
        // From the last to the first: reversed, the first comes first.
        match left.checked_sub(1) {
            None => {
                order.push(*block);
                stack.pop();
            }
            Some(at) => {
                *left = at;
                let next = next_of[*block as usize][at];
                if !std::mem::replace(&mut seen[next as usize], true) {
                    stack.push((next, next_of[next as usize].len()));
                }
            }
        }
    }
}
