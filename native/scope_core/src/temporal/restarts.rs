//! Restarts: which process a supervisor started in place of one that died.
//!
//! A supervisor takes its messages in order, and starts again what was begun with the same function. Of several dead
//! children of one kind it is the oldest that is meant; that, and whether a child is started again at all, is in nobody's record:
//! so a restart is likely, never certain.

use std::collections::VecDeque;

use ahash::AHashMap;

use crate::temporal::happening::{Happening, Tag, What};

#[derive(Default)]
pub(super) struct Restarts {
    supervisors: AHashMap<u64, Supervisor>,
}

/// A call to a supervisor.
struct Call {
    key: u64,
    arrived: u32,
    /// It asks for a child to be started, or it is not known what it asks for.
    starts: bool,
}

#[derive(Default)]
struct Supervisor {
    /// What each child was begun with.
    children: AHashMap<u64, u64>,
    /// Those that died and were not started again: what they were begun with, and the message that told of it.
    dead: VecDeque<(u64, u32)>,
    /// The last such message, until a child is started for it: meanwhile others are stopped to be started with it.
    told: Option<u32>,
    /// Calls that wait for their answer.
    calls: Vec<Call>,
    /// Started while a call waited that may have asked for it: the death that it may stand for, and the start.
    open: Vec<(Option<u32>, u32)>,
}

/// Dead children that one supervisor's record holds: those that are never started again stay in it.
const DEAD_MAX: usize = 1024;

/// A message that told of a death, and the start of a successor.
pub(super) type Restart = (u32, u32);

impl Restarts {
    /// The restarts that are known with this event.
    pub fn take(&mut self, at: u32, event: &Happening) -> Vec<Restart> {
        if event.what == What::Spawned && event.special {
            self.supervisors.entry(event.process).or_default();
            return Vec::new();
        }
        let Some(supervisor) = self.supervisors.get_mut(&event.process) else {
            return Vec::new();
        };
        match event.what {
            What::Spawn if event.key != 0 => supervisor.spawned(at, event),
            What::Arrived => {
                supervisor.arrived(at, event);
                Vec::new()
            }
            What::Sent | What::SentToNone if event.tag == Tag::Reply => {
                supervisor.answered(event.key)
            }
            What::Exit => {
                self.supervisors.remove(&event.process);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

impl Supervisor {
    fn arrived(&mut self, at: u32, event: &Happening) {
        match event.tag {
            Tag::Call => self.calls.push(Call {
                key: event.key,
                arrived: at,
                starts: event.special || !event.telling,
            }),
            Tag::Exit | Tag::Down => {
                let Some(begun) = self.children.remove(&event.peer) else {
                    return;
                };
                let told = match event.tag {
                    Tag::Exit => Some(at),
                    // It was stopped by the supervisor itself: to be started again with another, or for a call.
                    _ => self.told.filter(|told| !self.called_before(*told)),
                };
                if let Some(told) = told {
                    if self.dead.len() >= DEAD_MAX {
                        self.dead.pop_front();
                    }
                    self.dead.push_back((begun, told));
                    self.told = Some(told);
                }
            }
            _ => {}
        }
    }

    fn spawned(&mut self, at: u32, event: &Happening) -> Vec<Restart> {
        self.children.insert(event.peer, event.key);
        let place = self.dead.iter().position(|(dead, _)| *dead == event.key);
        let place = place.filter(|place| !self.called_before(self.dead[*place].1));
        let told = place
            .and_then(|place| self.dead.remove(place))
            .map(|dead| dead.1);
        if told.is_some() {
            self.told = None;
        }
        if self.calls.iter().any(|call| call.starts) {
            self.open.push((told, at));
            return Vec::new();
        }
        told.map(|told| (told, at)).into_iter().collect()
    }

    /// The answer to a call: what was started last was started for it, if it asked for that. What came before the call is dealt
    /// with: children that were not started again are forgotten.
    fn answered(&mut self, key: u64) -> Vec<Restart> {
        let Some(place) = self.calls.iter().position(|call| call.key == key) else {
            return Vec::new();
        };
        let call = self.calls.remove(place);
        if call.starts {
            self.open.pop();
        }
        self.dead.retain(|(_, told)| *told > call.arrived);
        self.told = self.told.filter(|told| *told > call.arrived);
        let open = std::mem::take(&mut self.open).into_iter();
        open.filter_map(|(told, at)| Some((told?, at))).collect()
    }

    fn called_before(&self, told: u32) -> bool {
        self.calls.iter().any(|call| call.arrived < told)
    }
}
