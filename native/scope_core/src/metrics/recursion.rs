//! Which functions of a module take part in a recursion cycle.
//!
//! Edges are the local calls and captures that the source shows: `f(x)`, `x |> f()`, `&f/1`, and the
//! same behind `__MODULE__`. Cycles are strongly connected components (Tarjan, SIAM J. Comput. 1972),
//! found without recursion.

/// For each function, whether it can reach itself. `edges[f]` are the functions that `f` calls.
pub(super) fn recursive(edges: &[Vec<u32>]) -> Vec<bool> {
    const UNSEEN: u32 = u32::MAX;
    let count = edges.len();
    let mut found = vec![false; count];
    let (mut index, mut low) = (vec![UNSEEN; count], vec![0u32; count]);
    let mut on_stack = vec![false; count];
    let (mut stack, mut next) = (Vec::new(), 0u32);
    for start in 0..count {
        if index[start] != UNSEEN {
            continue;
        }
        // A function and how many of its edges are walked.
        let mut path = vec![(start, 0usize)];
        while let Some(&mut (at, ref mut walked)) = path.last_mut() {
            if *walked == 0 {
                index[at] = next;
                low[at] = next;
                next += 1;
                stack.push(at);
                on_stack[at] = true;
            }
            if let Some(&to) = edges[at].get(*walked) {
                *walked += 1;
                let to = to as usize;
                if index[to] == UNSEEN {
                    path.push((to, 0));
                } else if on_stack[to] {
                    low[at] = low[at].min(index[to]);
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                low[parent] = low[parent].min(low[at]);
            }
            if low[at] == index[at] {
                let first = stack
                    .iter()
                    .rposition(|&one| one == at)
                    .expect("it was pushed");
                let cyclic = stack.len() - first > 1 || edges[at].contains(&(at as u32));
                for one in stack.drain(first..) {
                    on_stack[one] = false;
                    found[one] = cyclic;
                }
            }
        }
    }
    found
}
