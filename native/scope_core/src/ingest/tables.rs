//! A store's points, functions and edges, by its own small numbers.
//!
//! The engine speaks in the registry's numbers, a saved store in those of another VM. Each is translated once, by
//! what the number means, so that old and new runs of a function add up.

use ahash::{AHashMap, AHashSet};
use imbl::Vector;

use crate::capture::points::{FunctionKey, PointInfo};
use crate::ingest::edges::{Edge, EdgeKind};
use crate::ingest::effect::NONE;
use crate::ingest::log::EventFilter;
use crate::ingest::stats::{CallStats, Counters, new_histogram};
use crate::limits;

#[derive(Default)]
pub(crate) struct Tables {
    pub points: Vec<PointSlot>,
    /// The same without the counters, for readers of the log to keep.
    pub infos: Vector<PointInfo>,
    pub functions: Vec<FunctionSlot>,
    pub edges: Vec<EdgeSlot>,
    pub histograms: usize,
    by_info: AHashMap<PointInfo, u32>,
    by_key: AHashMap<FunctionKey, u32>,
    by_edge: AHashMap<(u32, u32, EdgeKind), u32>,
    /// The engine's numbers → ours, `NONE` until first met.
    of_point: Vec<u32>,
    of_edge: Vec<u32>,
}

pub(crate) struct PointSlot {
    pub info: PointInfo,
    pub function: u32,
    pub counters: Counters,
    /// Events of a point that neither begins nor ends activations, and when the last of them was.
    pub hits: u64,
    pub last_hit_ns: u64,
    /// Bytes of the values that came with its events, and with the ends of its activations. Of this VM: they are not saved.
    pub value_bytes: u64,
    pub end_bytes: u64,
}

impl PointSlot {
    #[inline]
    pub fn hit(&mut self, at_ns: u64) {
        self.hits += 1;
        self.last_hit_ns = at_ns;
    }
}

pub(crate) struct FunctionSlot {
    pub key: FunctionKey,
    /// Inclusive time with recursion over all clauses counted once: not the sum of the clauses'.
    pub total_ns: u64,
    pub clauses: Vec<u32>,
}

pub(crate) struct EdgeSlot {
    pub caller: u32,
    pub callee: u32,
    pub kind: EdgeKind,
    pub count: u64,
}

impl Tables {
    pub fn function_number(&self, key: &FunctionKey) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// What is known of our point; `None` for the events that have none.
    pub fn info(&self, point: u32) -> Option<PointInfo> {
        Some(self.points.get(point as usize)?.info)
    }

    /// Our number of a function, made when new.
    pub fn number_function(&mut self, key: FunctionKey) -> u32 {
        if let Some(number) = self.by_key.get(&key) {
            return *number;
        }
        let number = self.functions.len() as u32;
        self.functions.push(FunctionSlot {
            key,
            total_ns: 0,
            clauses: Vec::new(),
        });
        self.by_key.insert(key, number);
        number
    }

    /// Our number of a point, made when new.
    pub fn number_point(&mut self, info: PointInfo) -> u32 {
        if let Some(number) = self.by_info.get(&info) {
            return *number;
        }
        let function = self.number_function(info.function);
        let number = self.points.len() as u32;
        self.points.push(PointSlot {
            info,
            function,
            counters: Counters::new(),
            hits: 0,
            last_hit_ns: 0,
            value_bytes: 0,
            end_bytes: 0,
        });
        self.infos.push_back(info);
        self.functions[function as usize].clauses.push(number);
        self.by_info.insert(info, number);
        number
    }

    /// Our number of an edge between our functions, made when new.
    pub fn number_edge(&mut self, caller: u32, callee: u32, kind: EdgeKind) -> u32 {
        if let Some(number) = self.by_edge.get(&(caller, callee, kind)) {
            return *number;
        }
        let number = self.edges.len() as u32;
        self.edges.push(EdgeSlot {
            caller,
            callee,
            kind,
            count: 0,
        });
        self.by_edge.insert((caller, callee, kind), number);
        number
    }

    /// Our number of the engine's point. `info` is asked once.
    #[inline]
    pub fn point_of(&mut self, dense: u32, info: impl FnOnce() -> PointInfo) -> u32 {
        match self.of_point.get(dense as usize) {
            Some(number) if *number != NONE => *number,
            _ => {
                let number = self.number_point(info());
                put(&mut self.of_point, dense, number);
                number
            }
        }
    }

    /// Counts the engine's edge. `ends` is asked once.
    #[inline]
    pub fn count_edge(
        &mut self,
        edge: u32,
        ends: impl Fn(u32) -> Option<(FunctionKey, FunctionKey, EdgeKind)>,
    ) {
        let number = match self.of_edge.get(edge as usize) {
            Some(number) if *number != NONE => *number,
            _ => {
                let Some((caller, callee, kind)) = ends(edge) else {
                    return;
                };
                let (caller, callee) = (self.number_function(caller), self.number_function(callee));
                let number = self.number_edge(caller, callee, kind);
                put(&mut self.of_edge, edge, number);
                number
            }
        };
        self.edges[number as usize].count += 1;
    }

    /// A clause gets its histogram when it first ends, while there are any left to give.
    #[inline]
    pub fn ensure_histogram(&mut self, point: u32) {
        let counters = &mut self.points[point as usize].counters;
        if counters.histogram.is_none() && self.histograms < limits::HISTOGRAMS_MAX {
            counters.histogram = new_histogram();
            self.histograms += 1;
        }
    }

    pub fn calls_of(&self, function: &FunctionSlot) -> u64 {
        function
            .clauses
            .iter()
            .map(|slot| self.points[*slot as usize].counters.calls)
            .sum()
    }

    /// Grows with everything that changes a function's figures.
    pub fn stamp(&self, function: &FunctionSlot) -> u64 {
        let clauses = function.clauses.iter();
        let counters = clauses.map(|slot| &self.points[*slot as usize].counters);
        counters
            .map(|one| one.calls + one.ends.iter().sum::<u64>())
            .sum()
    }

    /// Sums over a function's clauses; `None` when none was entered.
    pub fn function_stats(&self, number: u32) -> Option<CallStats> {
        self.sum(&[number])
    }

    /// Sums over all clauses of functions that are one; `None` when none was entered.
    pub fn sum(&self, numbers: &[u32]) -> Option<CallStats> {
        let functions = || {
            numbers
                .iter()
                .map(|number| &self.functions[*number as usize])
        };
        if functions().all(|function| self.calls_of(function) == 0) {
            return None;
        }
        let mut sum = Counters::new();
        for slot in functions().flat_map(|function| &function.clauses) {
            sum.add(&self.points[*slot as usize].counters);
        }
        sum.total_ns = functions().map(|function| function.total_ns).sum();
        Some(sum.stats())
    }

    pub fn edges(&self, takes: impl Fn(u32, u32) -> bool) -> Vec<Edge> {
        self.edges
            .iter()
            .filter(|edge| edge.count > 0 && takes(edge.caller, edge.callee))
            .map(|edge| Edge {
                caller: self.functions[edge.caller as usize].key,
                callee: self.functions[edge.callee as usize].key,
                kind: edge.kind,
                count: edge.count,
            })
            .collect()
    }

    /// Which of our points a filter takes; `None` when it takes all.
    pub fn points_of(&self, filter: &EventFilter) -> Option<Vec<bool>> {
        if filter.functions.is_none() && filter.points.is_none() {
            return None;
        }
        let mut taken = vec![filter.functions.is_none(); self.points.len()];
        let functions = filter.functions.iter().flatten();
        for number in functions.filter_map(|key| self.function_number(key)) {
            for slot in &self.functions[number as usize].clauses {
                taken[*slot as usize] = true;
            }
        }
        if let Some(points) = &filter.points {
            let points: AHashSet<(u64, u32)> = points.iter().copied().collect();
            for (taken, slot) in taken.iter_mut().zip(&self.points) {
                *taken &= points.contains(&(slot.info.build, slot.info.index));
            }
        }
        Some(taken)
    }
}

/// The engine's numbers are dense and bounded (`POINTS_MAX`, `EDGES_MAX`), so the list is too.
#[cold]
fn put(list: &mut Vec<u32>, at: u32, number: u32) {
    if list.len() <= at as usize {
        list.resize((at as usize + 1).next_power_of_two(), NONE);
    }
    list[at as usize] = number;
}
