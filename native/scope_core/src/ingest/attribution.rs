//! For whom the code ran: which test (or whatever else owns a stretch of work) reached which points.
//!
//! An *owner* is a number that its process claims with a `WorkBegin` record, before any of its work, and gives back with
//! `WorkEnd`. What that process reports in its life belongs to the owner for certain. So does what a process reports
//! that is known to descend from one (`relate`), whether this is told before or after. Everything else belongs to
//! whoever was at work at that moment: with one owner at a time (tests that are not async) that is as much as can be
//! known, with several it is a superset; both are marked. Nothing is ever left out.
//!
//! Owners have a *group*: the tests of a module, with its `setup_all` as the group's own number. What the group's own number would
//! answer for meanwhile is the business of its members while one of them is at work.

use ahash::{AHashMap, AHashSet};

use crate::capture::record::{Record, RecordKind};

/// Combinations kept for processes without an owner; beyond, the process is left out of the key and what it reached
/// counts for all that were at work.
const UNOWNED_MAX: usize = 4_000_000;
/// How far ancestors are followed.
const ANCESTORS_MAX: usize = 64;

/// How an owner is known to have reached a point.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum How {
    /// In the owner's own process.
    Own,
    /// In a process that descends from it.
    Descendant,
    /// In another process, while the owner was at work.
    Meanwhile,
}

/// One point that one owner reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// 0: nobody was at work.
    pub owner: u32,
    pub how: How,
    /// The dense number of a clause's or branch's point.
    pub point: u32,
    pub count: u64,
}

/// One life of a pid.
struct Life {
    process: u64,
    owner: Option<u32>,
    parents: Vec<usize>,
    /// Whether somebody was asked to find out who its parents are.
    asked: bool,
    /// Whether it reported anything itself, rather than being named by others only.
    reported: bool,
}

#[derive(Default)]
pub struct Attribution {
    lives: Vec<Life>,
    /// The present life of a process, and its latest, which may be over.
    current: AHashMap<u64, usize>,
    latest: AHashMap<u64, usize>,
    /// The last record was of this process: most are of the same as the one before.
    last: Option<(u64, usize)>,
    /// Owners at work with their groups, ascending; and the number of the set of those that answer.
    working: Vec<(u32, u32)>,
    sets: Vec<Vec<u32>>,
    numbers: AHashMap<Vec<u32>, u32>,
    set: u32,
    reached: AHashMap<(usize, u32, u32), u64>,
    unseen: Vec<usize>,
}

/// The life of what is counted without its process.
const ANYBODY: usize = usize::MAX;

impl Attribution {
    pub fn new() -> Self {
        let mut new = Self::default();
        new.enter_set();
        new
    }

    /// Takes a record, in the order of the drain.
    #[inline]
    pub fn record(&mut self, record: &Record) {
        match record.kind {
            RecordKind::Enter | RecordKind::Reach => self.reach(record.process, record.point),
            RecordKind::WorkBegin => self.begin(
                record.process,
                record.payload as u32,
                (record.payload >> 32) as u32,
            ),
            RecordKind::WorkEnd => self.end(record.payload as u32),
            RecordKind::Down => {
                self.current.remove(&record.process);
                self.last = None;
            }
            _ => {}
        }
    }

    fn reach(&mut self, process: u64, point: u32) {
        let life = self.life(process);
        // What has an owner needs no set: whoever else works meanwhile has no part in it.
        let set = match self.lives[life].owner {
            Some(_) => 0,
            None => self.set,
        };
        let full = self.reached.len() >= UNOWNED_MAX;
        let key = (life, set, point);
        match self.reached.get_mut(&key) {
            Some(count) => *count += 1,
            None if full => *self.reached.entry((ANYBODY, self.set, point)).or_default() += 1,
            None => {
                self.reached.insert(key, 1);
            }
        }
    }

    /// A second claim of a process (a module's `setup_all`, and nothing else) changes nothing that it did before.
    fn begin(&mut self, process: u64, owner: u32, group: u32) {
        if owner == 0 {
            return;
        }
        let life = self.life(process);
        self.lives[life].owner = Some(owner);
        self.lives[life].asked = true;
        if let Err(at) = self.working.binary_search(&(owner, group)) {
            self.working.insert(at, (owner, group));
            self.enter_set();
        }
    }

    fn end(&mut self, owner: u32) {
        let before = self.working.len();
        self.working.retain(|(working, _)| *working != owner);
        if self.working.len() < before {
            self.enter_set();
        }
    }

    fn enter_set(&mut self) {
        let member = |group: u32| {
            let others = self.working.iter();
            others
                .clone()
                .any(|(owner, of)| *of == group && *owner != group)
        };
        let answering = self.working.iter().filter(|(owner, _)| !member(*owner));
        let answering: Vec<u32> = answering.map(|(owner, _)| *owner).collect();
        if let Some(number) = self.numbers.get(&answering) {
            self.set = *number;
            return;
        }
        self.set = self.sets.len() as u32;
        self.sets.push(answering.clone());
        self.numbers.insert(answering, self.set);
    }

    #[inline]
    fn life(&mut self, process: u64) -> usize {
        if let Some((last, life)) = self.last
            && last == process
        {
            return life;
        }
        let life = match self.current.get(&process) {
            Some(life) => *life,
            // What was told of a process before it reported is of this life.
            None => match self.latest.get(&process) {
                Some(&life) if !self.reported(life) => {
                    self.lives[life].reported = true;
                    self.current.insert(process, life);
                    life
                }
                _ => self.born(process),
            },
        };
        self.last = Some((process, life));
        life
    }

    fn reported(&self, life: usize) -> bool {
        self.lives[life].reported
    }

    fn born(&mut self, process: u64) -> usize {
        let life = self.lives.len();
        self.lives.push(Life {
            process,
            owner: None,
            parents: Vec::new(),
            asked: false,
            reported: true,
        });
        self.current.insert(process, life);
        self.latest.insert(process, life);
        self.unseen.push(life);
        life
    }

    /// Processes that nobody has asked for yet, each named once.
    pub fn unknown(&mut self) -> Vec<u64> {
        let mut found = Vec::new();
        for life in std::mem::take(&mut self.unseen) {
            let life = &mut self.lives[life];
            if !life.asked {
                life.asked = true;
                found.push(life.process);
            }
        }
        found
    }

    /// `process` was started by (or for) one of `parents`, nearest first. It may be dead by now.
    pub fn relate(&mut self, process: u64, parents: &[u64]) {
        let life = self.latest_life(process);
        for parent in parents {
            let parent = self.latest_life(*parent);
            let own = &mut self.lives[life];
            if parent != life && !own.parents.contains(&parent) {
                own.parents.push(parent);
            }
        }
    }

    fn latest_life(&mut self, process: u64) -> usize {
        if let Some(life) = self.latest.get(&process) {
            return *life;
        }
        // It never reported, and leads further all the same.
        let life = self.lives.len();
        self.lives.push(Life {
            process,
            owner: None,
            parents: Vec::new(),
            asked: true,
            reported: false,
        });
        self.latest.insert(process, life);
        life
    }

    /// The owner of a life: its own, or that of the nearest ancestor with one.
    fn owner(&self, life: usize) -> Option<(u32, How)> {
        let own = &self.lives[life];
        if let Some(owner) = own.owner {
            return Some((owner, How::Own));
        }
        let mut next: Vec<usize> = own.parents.clone();
        let mut seen: AHashSet<usize> = AHashSet::new();
        let mut at = 0;
        while at < next.len() && at < ANCESTORS_MAX {
            let ancestor = next[at];
            at += 1;
            if !seen.insert(ancestor) {
                continue;
            }
            if let Some(owner) = self.lives[ancestor].owner {
                return Some((owner, How::Descendant));
            }
            next.extend_from_slice(&self.lives[ancestor].parents);
        }
        None
    }

    /// Everything reached, summed up by owner, way and point; in no order.
    pub fn reached(&self) -> Vec<Reached> {
        let owners: Vec<_> = (0..self.lives.len()).map(|life| self.owner(life)).collect();
        let mut sums: AHashMap<(u32, How, u32), u64> = AHashMap::new();
        for (&(life, set, point), &count) in &self.reached {
            let owned = owners.get(life).copied().flatten();
            let working = &self.sets[set as usize];
            match owned {
                Some((owner, how)) => *sums.entry((owner, how, point)).or_default() += count,
                None if working.is_empty() => {
                    *sums.entry((0, How::Meanwhile, point)).or_default() += count;
                }
                None => {
                    for owner in working {
                        *sums.entry((*owner, How::Meanwhile, point)).or_default() += count;
                    }
                }
            }
        }
        let reached = |((owner, how, point), count)| Reached {
            owner,
            how,
            point,
            count,
        };
        sums.into_iter().map(reached).collect()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn see(attribution: &mut Attribution, records: &[(RecordKind, u64, u64)]) {
        for &(kind, process, number) in records {
            attribution.record(&Record {
                at: 0,
                process,
                payload: number,
                point: number as u32,
                kind,
                reason: 0,
                blob: Default::default(),
            });
        }
    }

    fn check(attribution: &Attribution, expect: &[(u32, How, u32, u64)]) {
        let mut found: Vec<_> = attribution
            .reached()
            .iter()
            .map(|one| (one.owner, one.how, one.point, one.count))
            .collect();
        found.sort();
        assert_eq!(found, expect);
    }

    use How::*;
    use RecordKind::*;

    #[test]
    fn a_process_works_for_whom_it_says_and_others_for_whoever_is_at_work() {
        let mut it = Attribution::new();
        let (server, one, two) = (9, 11, 12);
        see(&mut it, &[(Enter, server, 70), (WorkBegin, one, 1)]);
        see(
            &mut it,
            &[(Enter, one, 71), (Enter, one, 71), (Enter, server, 72)],
        );
        see(
            &mut it,
            &[(WorkBegin, two, 2), (Enter, two, 73), (Reach, server, 74)],
        );
        see(
            &mut it,
            &[(WorkEnd, one, 1), (Enter, server, 75), (WorkEnd, two, 2)],
        );
        see(&mut it, &[(Enter, server, 76)]);
        check(
            &it,
            &[
                (0, Meanwhile, 70, 1),
                (0, Meanwhile, 76, 1),
                (1, Own, 71, 2),
                (1, Meanwhile, 72, 1),
                (1, Meanwhile, 74, 1),
                (2, Own, 73, 1),
                (2, Meanwhile, 74, 1),
                (2, Meanwhile, 75, 1),
            ],
        );
    }

    #[test]
    fn descendants_are_known_also_when_it_is_told_later() {
        let mut it = Attribution::new();
        see(
            &mut it,
            &[(WorkBegin, 11, 1), (WorkBegin, 12, 2), (Enter, 21, 70)],
        );
        see(&mut it, &[(Enter, 22, 71), (Enter, 23, 72)]);
        assert_eq!(it.unknown(), [21, 22, 23]);
        assert!(it.unknown().is_empty());
        it.relate(22, &[31]);
        // Dead by now, and one that never reports.
        see(&mut it, &[(Down, 22, 0), (Down, 21, 0)]);
        it.relate(31, &[21]);
        it.relate(21, &[22, 12]);
        check(
            &it,
            &[
                (1, Meanwhile, 72, 1),
                (2, Descendant, 70, 1),
                (2, Descendant, 71, 1),
                (2, Meanwhile, 72, 1),
            ],
        );
    }

    #[test]
    fn a_group_answers_when_none_of_its_members_is_at_work() {
        let mut it = Attribution::new();
        let member = |owner: u64| 5 << 32 | owner;
        let (server, all) = (9, 10);
        see(
            &mut it,
            &[
                (WorkBegin, all, member(5)),
                (Enter, all, 70),
                (Enter, server, 71),
            ],
        );
        see(
            &mut it,
            &[
                (WorkBegin, 11, member(6)),
                (Enter, server, 72),
                (WorkEnd, 11, member(6)),
            ],
        );
        see(
            &mut it,
            &[(Enter, server, 73), (WorkEnd, all, 5), (Enter, server, 74)],
        );
        check(
            &it,
            &[
                (0, Meanwhile, 74, 1),
                (5, Own, 70, 1),
                (5, Meanwhile, 71, 1),
                (5, Meanwhile, 73, 1),
                (6, Meanwhile, 72, 1),
            ],
        );
    }

    #[test]
    fn a_pid_that_is_used_again_is_another_process() {
        let mut it = Attribution::new();
        see(
            &mut it,
            &[(WorkBegin, 11, 1), (Enter, 11, 70), (Down, 11, 0)],
        );
        see(&mut it, &[(WorkEnd, 11, 1), (Enter, 11, 71)]);
        check(&it, &[(0, Meanwhile, 71, 1), (1, Own, 70, 1)]);
    }
}
