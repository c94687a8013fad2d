use super::*;

#[test]
fn cycles_are_found_with_the_shortest_and_where_to_cut() {
    // 0 -> 1 -> 2 -> 0, 1 -> 0; 3 -> 3; 4 -> 0
    let edges = [
        (0, 1, 5),
        (1, 2, 1),
        (2, 0, 1),
        (1, 0, 2),
        (3, 3, 1),
        (4, 0, 1),
    ];
    let found = cycles(5, &edges);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].members, [0, 1, 2]);
    assert_eq!(found[0].shortest, [0, 1]);
    assert_eq!(found[0].cut, (1, 0));
    assert_eq!(
        (&found[1].members[..], &found[1].shortest[..]),
        (&[3][..], &[3][..])
    );
    assert!(cycles(3, &[(0, 1, 1), (1, 2, 1)]).is_empty());
}

/// Every component's shortest cycle is a cycle, and none is shorter: against a search of all walks.
#[test]
fn shortest_cycles_are_shortest() {
    let mut random = crate::ast::testing::Random(3);
    for _ in 0..crate::ast::testing::rounds(300) {
        let nodes = 7u32;
        let edges: Vec<(u32, u32, u64)> = (0..random.below(16))
            .map(|_| (random.below(7) as u32, random.below(7) as u32, 1))
            .collect();
        let is_edge = |from: u32, to: u32| edges.iter().any(|one| (one.0, one.1) == (from, to));
        // Whether some walk of exactly `steps` edges leads from one node to another.
        let walks = |from: u32, to: u32, steps: usize| {
            let mut at = vec![from];
            for _ in 0..steps {
                at = (0..nodes)
                    .filter(|&next| at.iter().any(|&one| is_edge(one, next)))
                    .collect();
            }
            at.contains(&to)
        };
        let length = |node: u32| (1..8).find(|&steps| walks(node, node, steps));
        let found = cycles(nodes, &edges);
        let in_cycles: Vec<u32> = {
            let mut all: Vec<u32> = found.iter().flat_map(|one| one.members.clone()).collect();
            all.sort_unstable();
            all
        };
        let expected: Vec<u32> = (0..nodes).filter(|&node| length(node).is_some()).collect();
        assert_eq!(in_cycles, expected);
        for cycle in found {
            let least = cycle.members.iter().filter_map(|&node| length(node)).min();
            assert_eq!(Some(cycle.shortest.len()), least, "{edges:?}");
            let pairs = cycle
                .shortest
                .iter()
                .zip(cycle.shortest.iter().cycle().skip(1));
            assert!(pairs.clone().all(|(&from, &to)| is_edge(from, to)));
            assert!(
                pairs
                    .map(|(&from, &to)| (from, to))
                    .any(|edge| edge == cycle.cut)
            );
        }
    }
}

#[test]
fn what_is_reached() {
    let edges = [(0, 1), (1, 2), (3, 4)];
    assert_eq!(reached(5, &edges, [0]), [true, true, true, false, false]);
    assert_eq!(reached(5, &edges, [4, 1]), [false, true, true, false, true]);
    assert_eq!(reached(0, &[], []), Vec::<bool>::new());
}
