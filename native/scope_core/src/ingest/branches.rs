//! What could have run, and which branches were reached.
//!
//! A store keeps every function that was instrumented while it was told what happens, with its branches, also those
//! that were not reached: what was missed is half of the answer, and a store that was saved cannot ask the VM any more.

use ahash::AHashMap;

use crate::capture::points::{FunctionKey, PointInfo, PointKind, Registered, TailTarget};

/// A branch inside a clause: where it is, and whether it was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Branch {
    pub point: PointInfo,
    pub reached: bool,
}

#[derive(Default)]
pub(crate) struct Branches {
    /// By instrumented function.
    functions: AHashMap<FunctionKey, Vec<Branch>>,
    /// By build, function and clause: the only function that its tail calls name; none where they differ, or do not say.
    jumps: AHashMap<(u64, FunctionKey, u32), Option<FunctionKey>>,
    /// How many of the VM's points are taken in: numbers are only ever added.
    known: usize,
}

impl Branches {
    /// Takes in what was registered since the last time. `points` are all of the VM, by dense number.
    #[inline]
    pub fn catch_up(&mut self, points: &[Option<Registered>]) {
        if self.known < points.len() {
            self.take_in(points);
        }
    }

    #[cold]
    fn take_in(&mut self, points: &[Option<Registered>]) {
        for registered in points[self.known..].iter().flatten() {
            match registered.info.kind {
                PointKind::Clause => self.instrumented(registered.info.function),
                PointKind::Branch => self.add(registered.info, false),
                PointKind::Tail(target) => self.jump(&registered.info, target),
                _ => {}
            }
        }
        self.known = points.len();
    }

    fn jump(&mut self, point: &PointInfo, target: TailTarget) {
        let target = match target {
            TailTarget::Function(function) => Some(function),
            _ => None,
        };
        let clause = (point.build, point.function, point.clause);
        let only = self.jumps.entry(clause).or_insert(target);
        if *only != target {
            *only = None;
        }
    }

    /// The only function that the tail calls of a clause name.
    pub fn only_jump(&self, clause: &PointInfo) -> Option<FunctionKey> {
        let clause = (clause.build, clause.function, clause.clause);
        self.jumps.get(&clause).copied().flatten()
    }

    pub fn instrumented(&mut self, function: FunctionKey) {
        self.functions.entry(function).or_default();
    }

    /// Adds a branch, or what is newly known of one.
    pub fn add(&mut self, point: PointInfo, reached: bool) {
        let known = self.functions.entry(point.function).or_default();
        match known.iter_mut().find(|branch| branch.point == point) {
            Some(branch) => branch.reached |= reached,
            None => known.push(Branch { point, reached }),
        }
    }

    pub fn was_instrumented(&self, function: &FunctionKey) -> bool {
        self.functions.contains_key(function)
    }

    pub fn of_function(&self, function: &FunctionKey, build: u64) -> Vec<Branch> {
        let all = self.functions.get(function).into_iter().flatten();
        all.filter(|branch| branch.point.build == build)
            .copied()
            .collect()
    }

    pub fn functions(&self) -> impl Iterator<Item = (&FunctionKey, &[Branch])> {
        self.functions
            .iter()
            .map(|(key, branches)| (key, branches.as_slice()))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::capture::clock::Clock;
    use crate::capture::points::PointRegistry;
    use crate::capture::{Capture, Overflow, Work};
    use crate::ingest::engine_test::{Alive, BUILD, clause};
    use crate::ingest::{RuntimeLimits, RuntimeStore};
    use crate::sync::Arc;
    use std::time::Duration;

    fn branch(index: u32) -> PointInfo {
        PointInfo {
            index,
            kind: PointKind::Branch,
            ..clause(0)
        }
    }

    fn capture(ring_records: usize) -> Capture {
        let registry = PointRegistry::with_capacity(4, 64);
        let points = [clause(0), branch(1), branch(2)];
        registry.register(BUILD, &points).unwrap();
        let capture = Capture::with(Clock::counter(), registry, ring_records);
        capture.start(Overflow::Drop);
        capture
    }

    /// What a probe does.
    fn pass(capture: &Capture, index: u32) -> bool {
        let point = capture.fresh_branch(branch(index).literal());
        if let Some(point) = point {
            let ring = capture.threads.claim().unwrap();
            capture.reach(&ring, 7, point);
            ring.leave();
        }
        point.is_some()
    }

    fn ingest(capture: &Capture) {
        let budget = Duration::from_secs(1);
        let work = Work {
            budget,
            thorough: false,
        };
        while capture.ingest(&mut Alive, work).unwrap().more {}
    }

    fn reached(store: &RuntimeStore) -> Vec<bool> {
        let branches = store.branches(&clause(0).function, BUILD);
        branches.iter().map(|branch| branch.reached).collect()
    }

    #[test]
    fn a_branch_reports_once_to_each_store() {
        let capture = capture(64);
        let first = Arc::new(RuntimeStore::new(RuntimeLimits::default()));
        capture.subscribe(&first);
        assert!(pass(&capture, 2));
        ingest(&capture);
        assert_eq!(reached(&first), [false, true]);
        assert!(!pass(&capture, 2), "it has reported");

        let second = Arc::new(RuntimeStore::new(RuntimeLimits::default()));
        capture.subscribe(&second);
        assert!(pass(&capture, 1));
        ingest(&capture);
        assert_eq!(reached(&first), [true, true]);
        assert_eq!(reached(&second), [true, false], "2 was reached before");
        assert!(pass(&capture, 2), "again, for the second store");
        ingest(&capture);
        assert_eq!(reached(&second), [true, true]);
    }

    #[test]
    fn a_branch_that_found_no_room_reports_later() {
        let capture = capture(8);
        let store = Arc::new(RuntimeStore::new(RuntimeLimits::default()));
        capture.subscribe(&store);
        let ring = capture.threads.claim().unwrap();
        while capture
            .open(&ring, crate::capture::record::RecordKind::Enter, 7, 0)
            .is_ok()
        {}
        let point = capture.fresh_branch(branch(1).literal()).unwrap();
        capture.reach(&ring, 7, point);
        ingest(&capture);
        assert_eq!(reached(&store), [false, false]);
        assert_eq!(capture.accounts().ring_full, 1);
        capture.reach(&ring, 7, capture.fresh_branch(branch(1).literal()).unwrap());
        ingest(&capture);
        assert_eq!(reached(&store), [true, false]);
    }

    #[test]
    fn what_was_missed_is_saved_too() {
        let capture = capture(64);
        let store = Arc::new(RuntimeStore::new(RuntimeLimits::default()));
        capture.subscribe(&store);
        pass(&capture, 1);
        ingest(&capture);
        let loaded =
            RuntimeStore::from_saved(store.to_saved(true).unwrap(), RuntimeLimits::default())
                .unwrap();
        assert_eq!(reached(&loaded), [true, false]);
        assert!(loaded.was_instrumented([clause(0).function].into_iter()));
    }
}
