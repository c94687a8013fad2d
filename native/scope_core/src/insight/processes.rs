//! Processes that come and go: who starts them, how long they live, how they end, who starts them again.

use std::collections::VecDeque;

use ahash::AHashMap;

use crate::capture::points::FunctionKey;

/// Living children that are followed.
const CHILDREN_MAX: usize = 64 * 1024;
/// The newest events that are kept one by one.
const EVENTS_MAX: usize = 1024;
/// A child that its parent starts so soon after another has died takes its place.
const RESTART_NS: u64 = 5_000_000_000;

/// What functions of one name started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spawns {
    pub count: u64,
    /// Of those that ended: how many, and how long they lived.
    pub ended: u64,
    pub lived_ns: u64,
    pub failed: u64,
    /// Most alive at once.
    pub alive: u64,
    pub alive_most: u64,
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    Normal,
    /// Anything but `normal`, `shutdown` and `{shutdown, _}`.
    Failed,
}

/// One thing that happened to a process that another started.
#[derive(Clone, PartialEq, Debug)]
pub enum ProcessEvent {
    Ended {
        at_ns: u64,
        process: u64,
        parent: u64,
        exit: Exit,
        reason: Option<String>,
        by: Option<FunctionKey>,
    },
    /// The parent of one that failed started another soon after: inferred.
    Restarted {
        at_ns: u64,
        process: u64,
        parent: u64,
        after_ns: u64,
        instead_of: u64,
        by: Option<FunctionKey>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Child {
    parent: u64,
    by: Option<FunctionKey>,
    began_ns: u64,
    /// The first instrumented function that ran in it.
    home: Option<FunctionKey>,
}

#[derive(Default)]
pub struct Processes {
    children: AHashMap<u64, Child>,
    spawns: AHashMap<Option<FunctionKey>, Spawns>,
    pub events: VecDeque<ProcessEvent>,
    /// By parent: the child that failed last, and when.
    failed: AHashMap<u64, (u64, u64)>,
    pub untold: u64,
}

impl Processes {
    pub fn spawned(&mut self, parent: u64, by: Option<FunctionKey>, child: u64, at_ns: u64) {
        let spawns = self.spawns.entry(by).or_default();
        spawns.count += 1;
        spawns.alive += 1;
        spawns.alive_most = spawns.alive_most.max(spawns.alive);
        if self.children.len() < CHILDREN_MAX {
            self.children.insert(
                child,
                Child {
                    parent,
                    by,
                    began_ns: at_ns,
                    home: None,
                },
            );
        } else {
            self.untold += 1;
        }
        if let Some((instead_of, failed_ns)) = self.failed.remove(&parent) {
            let after_ns = at_ns.saturating_sub(failed_ns);
            if after_ns <= RESTART_NS {
                self.tell(ProcessEvent::Restarted {
                    at_ns,
                    process: child,
                    parent,
                    after_ns,
                    instead_of,
                    by,
                });
            }
        }
    }

    /// A function began in a process that ran nothing else.
    #[inline]
    pub fn ran(&mut self, process: u64, function: FunctionKey) {
        if let Some(child) = self.children.get_mut(&process) {
            child.home.get_or_insert(function);
        }
    }

    /// Who started a process, and the function that it is known by: the first that ran in it, or the one that started it.
    pub fn known(&self, process: u64) -> (Option<u64>, Option<FunctionKey>) {
        match self.children.get(&process) {
            Some(child) => (Some(child.parent), child.home.or(child.by)),
            None => (None, None),
        }
    }

    /// `minded`: the parent was linked to it. Who is not does not start another in its place.
    pub fn ended(
        &mut self,
        process: u64,
        exit: Exit,
        reason: Option<String>,
        minded: bool,
        at_ns: u64,
    ) {
        let Some(child) = self.children.remove(&process) else {
            return;
        };
        let spawns = self.spawns.entry(child.by).or_default();
        spawns.ended += 1;
        spawns.alive = spawns.alive.saturating_sub(1);
        spawns.lived_ns += at_ns.saturating_sub(child.began_ns);
        if exit == Exit::Failed {
            spawns.failed += 1;
            if minded && self.failed.len() < CHILDREN_MAX {
                self.failed.insert(child.parent, (process, at_ns));
            }
            self.tell(ProcessEvent::Ended {
                at_ns,
                process,
                parent: child.parent,
                exit,
                reason,
                by: child.by,
            });
        }
    }

    fn tell(&mut self, event: ProcessEvent) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// What functions that `of` takes started.
    pub fn spawns_of(&self, of: impl Fn(&FunctionKey) -> bool) -> Vec<(FunctionKey, Spawns)> {
        let known = self
            .spawns
            .iter()
            .filter_map(|(by, spawns)| Some(((*by)?, *spawns)));
        let mut found: Vec<_> = known.filter(|(by, _)| of(by)).collect();
        found.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0)));
        found
    }
}
