//! What can be reached.

/// For each of `nodes` nodes whether one of `roots` leads to it under `edges`.
pub fn reached(
    nodes: usize,
    edges: &[(u32, u32)],
    roots: impl IntoIterator<Item = u32>,
) -> Vec<bool> {
    let mut starts = vec![0u32; nodes + 1];
    for &(from, _) in edges {
        starts[from as usize + 1] += 1;
    }
    for at in 0..nodes {
        starts[at + 1] += starts[at];
    }
    let mut next = starts.clone();
    let mut targets = vec![0u32; edges.len()];
    for &(from, to) in edges {
        targets[next[from as usize] as usize] = to;
        next[from as usize] += 1;
    }
    let mut reached = vec![false; nodes];
    let mut open: Vec<u32> = Vec::new();
    for root in roots {
        if !std::mem::replace(&mut reached[root as usize], true) {
            open.push(root);
        }
    }
    while let Some(at) = open.pop() {
        let range = starts[at as usize] as usize..starts[at as usize + 1] as usize;
        for &to in &targets[range] {
            if !std::mem::replace(&mut reached[to as usize], true) {
                open.push(to);
            }
        }
    }
    reached
}
