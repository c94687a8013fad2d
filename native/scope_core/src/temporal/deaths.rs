//! Deaths: who was told of them, who died of them, what was started again.
//!
//! What the VM itself says decides. A `DOWN` names who died. An exit signal through a link is told as the link's end right before
//! its message, so a signal that somebody sent on purpose (`Process.exit/2`), which leaves the link alone, is not taken for
//! a death, even when its sender died soon after.

use ahash::{AHashMap, AHashSet};

use crate::error::Result;
use crate::temporal::basis::Basis;
use crate::temporal::budget::Budget;
use crate::temporal::edges::{CausalEdge, EdgeKind};
use crate::temporal::happening::{Ending, Happening, Tag, What};
use crate::temporal::messages::Messages;
use crate::temporal::restarts::Restarts;
use crate::temporal::window::Window;

pub(super) struct Deaths<'w> {
    window: &'w Window,
    messages: &'w Messages,
    edges: &'w mut Vec<CausalEdge>,
    died: AHashMap<u64, u32>,
    links: AHashMap<u64, AHashSet<u64>>,
    /// `(survivor, dead)` of links that ended with a death, whose message has not come.
    cut: AHashSet<(u64, u64)>,
    /// Processes that were followed from their first moment, and those that are told of deaths.
    born: AHashSet<u64>,
    traps: AHashSet<u64>,
    restarts: Restarts,
}

impl<'w> Deaths<'w> {
    pub fn new(window: &'w Window, messages: &'w Messages, edges: &'w mut Vec<CausalEdge>) -> Self {
        Deaths {
            window,
            messages,
            edges,
            died: AHashMap::new(),
            links: AHashMap::new(),
            cut: AHashSet::new(),
            born: AHashSet::new(),
            traps: AHashSet::new(),
            restarts: Restarts::default(),
        }
    }

    pub fn run(mut self, budget: &Budget<'_>) -> Result<()> {
        let window = self.window;
        for (at, event) in (0..).zip(window.events()) {
            budget.step()?;
            match event.what {
                What::Spawned => {
                    self.born.insert(event.process);
                    if event.special {
                        self.traps.insert(event.process);
                    }
                }
                What::Link => {
                    self.link(event.process, event.peer);
                    self.link(event.peer, event.process);
                }
                What::Unlink => {
                    self.unlink(event.process, event.peer);
                    self.unlink(event.peer, event.process);
                    if event.special && self.died.contains_key(&event.peer) {
                        self.cut.insert((event.process, event.peer));
                    }
                }
                What::Exit => self.exit(at, event),
                What::Arrived => self.told(at, event),
                _ => {}
            }
            for (told, at) in self.restarts.take(at, event) {
                self.add(told, at, EdgeKind::Restart, Basis::Next);
            }
        }
        Ok(())
    }

    fn add(&mut self, from: u32, to: u32, kind: EdgeKind, basis: Basis) {
        let basis = match self.window.gaps && basis.is_exact() {
            true => Basis::Gaps,
            false => basis,
        };
        self.edges.push(CausalEdge {
            from,
            to,
            kind,
            basis,
        });
    }

    /// A message that tells of a death, unless somebody made it up.
    fn told(&mut self, at: u32, event: &Happening) {
        let Some(exit) = self.died.get(&event.peer).copied() else {
            return;
        };
        let message = self.messages.of_event(at);
        if message.is_some_and(|message| message.origin().is_some()) {
            return;
        }
        match event.tag {
            Tag::Down => self.add(exit, at, EdgeKind::Monitor, Basis::NamedByVm),
            Tag::Exit if self.cut_off(event) => {
                self.add(exit, at, EdgeKind::Exit, Basis::NamedByVm);
            }
            // Its links are followed, and no link ended: a signal that was sent.
            Tag::Exit if self.born.contains(&event.process) => {}
            Tag::Exit => self.add(exit, at, EdgeKind::Exit, Basis::Linked),
            _ => {}
        }
    }

    /// Whether the link to who died ended right before.
    fn cut_off(&mut self, event: &Happening) -> bool {
        self.traps.insert(event.process);
        self.cut.remove(&(event.process, event.peer))
    }

    fn link(&mut self, process: u64, peer: u64) {
        self.links.entry(process).or_default().insert(peer);
    }

    fn unlink(&mut self, process: u64, peer: u64) {
        if let Some(peers) = self.links.get_mut(&process) {
            peers.remove(&peer);
        }
    }

    fn exit(&mut self, at: u32, event: &Happening) {
        if let Some(killer) = self.killer(at, event) {
            self.add(killer, at, EdgeKind::Exit, Basis::Linked);
        }
        self.died.insert(event.process, at);
    }

    /// The exit that may have ended a process through a link: they were linked still, and both have the same reason, which is not
    /// `normal`. One that is told of deaths does not die of them.
    fn killer(&self, at: u32, event: &Happening) -> Option<u32> {
        if event.special || event.key == 0 || self.traps.contains(&event.process) {
            return None;
        }
        if self.failed_before(at) {
            return None;
        }
        let linked = self.links.get(&event.process)?.iter();
        let dead = linked.filter_map(|peer| self.died.get(peer).copied());
        let same = dead.filter(|exit| self.window.event(*exit).key == event.key);
        same.max()
    }

    /// Whether a process ended by an exception of its own.
    fn failed_before(&self, exit: u32) -> bool {
        let before = self.window.before(exit);
        let mut own = before.filter(|at| self.window.event(*at).is_own());
        own.next().is_some_and(|at| {
            matches!(
                self.window.event(at).what,
                What::End(Ending::Error) | What::Raised
            )
        })
    }
}
