//! Walking the edges: what led to an event, and what came of it.

use std::collections::VecDeque;
use std::time::Instant;

use ahash::AHashSet;

use crate::temporal::edges::{CausalEdge, Causality};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Towards causes.
    Back,
    /// Towards effects.
    Forward,
}

/// Where a walk ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Edges from the first event.
    pub depth: u32,
    /// Edges in all.
    pub count: usize,
    pub deadline: Option<Instant>,
}

/// One edge that a walk went over.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Visit {
    pub edge: CausalEdge,
    pub depth: u32,
}

/// Why a walk ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reached {
    /// There is no more.
    All,
    Depth,
    Count,
    Deadline,
}

#[derive(Clone, Debug)]
pub struct Found {
    /// Nearest first.
    pub visits: Vec<Visit>,
    pub reached: Reached,
}

/// Edges between two looks at the clock.
const LOOK_EVERY: usize = 256;

impl Causality {
    /// The edges that lead to an event (or away from it), breadth first, each event once.
    pub fn walk(&self, from: u32, direction: Direction, limits: Limits) -> Found {
        let mut visits = Vec::new();
        let mut seen: AHashSet<u32> = AHashSet::from_iter([from]);
        let mut queue = VecDeque::from([(from, 0u32)]);
        let mut reached = Reached::All;
        while let Some((at, depth)) = queue.pop_front() {
            let edges = match direction {
                Direction::Back => self.to(at),
                Direction::Forward => self.from(at),
            };
            for edge in edges {
                let next = match direction {
                    Direction::Back => edge.from,
                    Direction::Forward => edge.to,
                };
                if depth >= limits.depth {
                    reached = Reached::Depth;
                    break;
                }
                if visits.len() >= limits.count {
                    return Found {
                        visits,
                        reached: Reached::Count,
                    };
                }
                let late = |deadline| Instant::now() > deadline;
                if visits.len() % LOOK_EVERY == LOOK_EVERY - 1 && limits.deadline.is_some_and(late)
                {
                    return Found {
                        visits,
                        reached: Reached::Deadline,
                    };
                }
                visits.push(Visit {
                    edge: *edge,
                    depth: depth + 1,
                });
                if seen.insert(next) {
                    queue.push_back((next, depth + 1));
                }
            }
        }
        Found { visits, reached }
    }
}
