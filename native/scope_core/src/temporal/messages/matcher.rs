//! The matcher: one pass over the window.

use std::collections::VecDeque;

use ahash::{AHashMap, AHashSet};

use crate::error::Result;
use crate::temporal::basis::Basis;
use crate::temporal::budget::Budget;
use crate::temporal::happening::{Ending, Happening, Tag, What};
use crate::temporal::messages::{Message, calls};
use crate::temporal::window::Window;

/// A receiver, a key, a kind of message: what looks the same from the receiver's side.
pub(super) type Look = (u64, u64, Tag);

/// What waits in a mailbox and looks the same.
#[derive(Default)]
pub(super) struct Waiting {
    pub messages: VecDeque<u32>,
    /// Those taken while others waited, since the last time that none did: certain once none waits again.
    pub open: Vec<u32>,
}

pub(super) struct Matcher<'w> {
    pub(super) window: &'w Window,
    pub(super) messages: Vec<Message>,
    /// Sites whose send by the VM has not come, by sender.
    site: AHashMap<u64, u32>,
    /// Processes that jumped, and have done nothing since.
    jumped: AHashSet<u64>,
    /// Sent and not arrived (nor handled).
    under_way: AHashMap<Look, VecDeque<u32>>,
    pub(super) mailboxes: AHashMap<Look, Waiting>,
    /// Processes that the VM reports sends of, and when it first did; that it reports arrivals at.
    sends_since: AHashMap<u64, u64>,
    receives: AHashSet<u64>,
    /// Processes that were followed from their first moment, and when that was.
    pub(super) born: AHashMap<u64, u64>,
    /// Pairs where everything sent before the recording has come through.
    flushed: AHashSet<(u64, u64)>,
    /// Receivers that have taken something that proves that nothing old waits any more; what came to the others, and
    /// what they took.
    pub(super) settled: AHashSet<u64>,
    pub(super) unsettled: AHashMap<u64, Vec<u32>>,
    /// Senders of messages with a key where one could have been taken for another: what follows is not certain either.
    doubted: AHashSet<(u64, u64, Tag)>,
    /// How many sites and how many arrivals there are of each key.
    seen: AHashMap<u64, (u32, u32)>,
    /// Keys of the calls that were seen: a reply with such a key has no equal.
    references: AHashSet<u64>,
    /// The VM tells who sent what arrives.
    senders_told: bool,
}

impl<'w> Matcher<'w> {
    pub fn new(window: &'w Window) -> Self {
        let mut sends_since = AHashMap::new();
        let (mut receives, mut born) = (AHashSet::new(), AHashMap::new());
        let mut references = AHashSet::new();
        let mut seen: AHashMap<u64, (u32, u32)> = AHashMap::new();
        let mut senders_told = false;
        for event in window.events() {
            if event.tag == Tag::Call && event.what != What::Site {
                references.insert(event.key);
            }
            match event.what {
                What::Site => seen.entry(event.key).or_default().0 += 1,
                What::Sent | What::SentToNone => {
                    sends_since.entry(event.process).or_insert(event.at_ns);
                }
                What::Arrived => {
                    seen.entry(event.key).or_default().1 += 1;
                    receives.insert(event.process);
                    senders_told |= event.peer != 0 && event.tag == Tag::Plain;
                }
                What::Spawned => {
                    born.insert(event.process, event.at_ns);
                }
                _ => {}
            }
        }
        Matcher {
            window,
            messages: Vec::new(),
            site: AHashMap::new(),
            jumped: AHashSet::new(),
            under_way: AHashMap::new(),
            mailboxes: AHashMap::new(),
            sends_since,
            receives,
            born,
            flushed: AHashSet::new(),
            settled: AHashSet::new(),
            unsettled: AHashMap::new(),
            doubted: AHashSet::new(),
            seen,
            references,
            senders_told,
        }
    }

    pub fn run(mut self, budget: &Budget<'_>) -> Result<Vec<Message>> {
        let window = self.window;
        for (at, event) in (0..).zip(window.events()) {
            budget.step()?;
            match event.what {
                What::Site => self.at_site(at, event),
                What::Sent => self.sent(at, event, false),
                What::SentToNone => self.sent(at, event, true),
                What::Arrived => self.arrived(at, event),
                What::Handled => self.handled(at, event),
                What::End(Ending::Tail) => {
                    self.jumped.insert(event.process);
                }
                What::End(_) => self.left(event),
                What::Enter { jumped: true } | What::Spawn => {}
                _ if event.is_own() => self.went_on(event.process),
                _ => {}
            }
        }
        for waiting in self.mailboxes.into_values() {
            for number in waiting.open {
                let message = &mut self.messages[number as usize];
                if message.taking == Some(Basis::OldestWaiting) {
                    message.taking = Some(Basis::Unaccounted);
                }
            }
        }
        budget.check()?;
        calls::join(self.window, &mut self.messages, budget)?;
        Ok(self.messages)
    }

    pub(super) fn add(&mut self, event: &Happening, sender: u64, receiver: u64) -> u32 {
        self.messages.push(Message {
            site: None,
            sent: None,
            arrived: None,
            handled: None,
            sender,
            receiver,
            key: event.key,
            tag: event.tag,
            passage: None,
            taking: None,
            alike: 0,
            timer: false,
            to_none: false,
        });
        self.messages.len() as u32 - 1
    }

    fn at_site(&mut self, at: u32, event: &Happening) {
        self.jumped.remove(&event.process);
        let number = self.add(event, event.process, event.peer);
        self.messages[number as usize].site = Some(at);
        self.messages[number as usize].timer = event.delayed;
        if event.delayed {
            self.site.remove(&event.process);
        } else {
            self.site.insert(event.process, number);
        }
        // The sites of a call and of a reply do not know the reference that names it.
        if !matches!(event.tag, Tag::Call | Tag::Reply) {
            let look = (event.peer, event.key, event.tag);
            self.under_way.entry(look).or_default().push_back(number);
        }
    }

    /// The activation of a site ends: what it meant to send, it has sent, or never will.
    fn left(&mut self, event: &Happening) {
        self.went_on(event.process);
        if let Some(number) = self.site.get(&event.process) {
            let site = self.messages[*number as usize].site;
            if site.is_some_and(|site| self.window.event(site).token == event.token) {
                self.site.remove(&event.process);
            }
        }
    }

    /// A site in tail position sends after its activation has ended, and before its process does anything else.
    fn went_on(&mut self, process: u64) {
        if self.jumped.remove(&process) {
            self.site.remove(&process);
        }
    }

    /// The VM saw a send: of the site right before it, where that meant this message.
    fn sent(&mut self, at: u32, event: &Happening, to_none: bool) {
        let site = self.site.get(&event.process).copied();
        let site = site.filter(|number| {
            let message = &self.messages[*number as usize];
            let same = match (message.tag, event.tag) {
                (Tag::Call, Tag::Call) | (Tag::Reply, Tag::Reply) => true,
                (Tag::Plain | Tag::Cast, Tag::Call) => false,
                _ => message.key == event.key,
            };
            same && (message.receiver == 0 || event.peer == 0 || message.receiver == event.peer)
        });
        let number = match site {
            Some(number) => {
                self.site.remove(&event.process);
                self.forget_under_way(number);
                number
            }
            None => self.add(event, event.process, event.peer),
        };
        let message = &mut self.messages[number as usize];
        message.sent = Some(at);
        message.to_none = to_none;
        message.key = event.key;
        message.tag = event.tag;
        if event.peer != 0 {
            message.receiver = event.peer;
        }
        let look = (message.receiver, event.key, event.tag);
        if !to_none {
            self.under_way.entry(look).or_default().push_back(number);
        }
    }

    fn forget_under_way(&mut self, number: u32) {
        let message = self.messages[number as usize];
        let look = (message.receiver, message.key, message.tag);
        if let Some(queue) = self.under_way.get_mut(&look) {
            queue.retain(|other| *other != number);
        }
    }

    // Sent → arrived

    fn arrived(&mut self, at: u32, event: &Happening) {
        let number = match self.take_sent(event) {
            Some((number, basis, alike)) => {
                let message = &mut self.messages[number as usize];
                message.passage = Some(basis);
                message.alike = alike;
                message.receiver = event.process;
                number
            }
            None => self.add(event, event.peer, event.process),
        };
        self.messages[number as usize].arrived = Some(at);
        self.note_unsettled(event.process, number);
        let look = (event.process, event.key, event.tag);
        let waiting = self.mailboxes.entry(look).or_default();
        waiting.messages.push_back(number);
    }

    /// The message under way that an arrival is, on what that stands, and how many others it could have been.
    fn take_sent(&mut self, event: &Happening) -> Option<(u32, Basis, u32)> {
        if event.tag == Tag::Call {
            let taken = self.take_call(event)?;
            let message = &self.messages[taken.0 as usize];
            if message.sent.is_some() {
                self.flushed.insert((message.sender, event.process));
            }
            return Some(taken);
        }
        // No process sent it: a timer or the VM did, if the VM tells senders at all.
        let from_nobody = event.peer == 0 && self.senders_told && event.tag != Tag::Reply;
        let candidates = self.candidates(event, |matcher, message| {
            if from_nobody {
                message.sent.is_none()
            } else if event.peer != 0 && message.timer {
                false
            } else if event.peer != 0 {
                // A site in a process whose sends are seen, and no send: that is a timer's.
                let timer =
                    message.sent.is_none() && matcher.sends_since.contains_key(&message.sender);
                message.sender == event.peer && !timer
            } else {
                true
            }
        });
        // A timer that was set again makes the older one void more often than not.
        let number = if from_nobody {
            *candidates.last()?
        } else {
            let to = |number: &&u32| self.messages[**number as usize].receiver == event.process;
            *candidates.iter().find(to).or(candidates.first())?
        };
        let message = self.messages[number as usize];
        let of = |other: &u32| self.messages[*other as usize];
        let alike = candidates.len() as u32 - 1;
        let one_sender = candidates
            .iter()
            .all(|other| of(other).sender == message.sender);
        // Sent to a name, it may have gone elsewhere.
        let named = candidates.iter().any(|other| of(other).receiver == 0);
        let doubted = |sender: u64| (sender, event.key, event.tag);
        let in_doubt = candidates
            .iter()
            .any(|other| self.doubted.contains(&doubted(of(other).sender)));
        let basis = if event.tag == Tag::Reply && self.references.contains(&event.key) {
            Basis::UniqueKey
        } else if self.window.gaps {
            Basis::Gaps
        } else if in_doubt || alike > 0 && (named || from_nobody || !one_sender) {
            Basis::Ambiguous
        } else if from_nobody
            && event.telling
            && (message.sender == event.process || self.once(event))
        {
            Basis::OnlyTimer
        } else if from_nobody {
            Basis::TimerUnknown
        } else if event.peer == 0 {
            Basis::SenderUnknown
        } else if message.sent.is_none() {
            Basis::SenderNotTraced
        } else if self.covered(message.sender, event.process) {
            Basis::PairOrder
        } else {
            Basis::BeforeRecording
        };
        if basis == Basis::UniqueKey && message.sent.is_some() {
            self.flushed.insert((message.sender, event.process));
        }
        if basis == Basis::Ambiguous {
            let senders: Vec<u64> = candidates.iter().map(|other| of(other).sender).collect();
            self.doubted.extend(senders.into_iter().map(doubted));
        }
        self.messages[number as usize].timer |= from_nobody;
        self.forget_under_way(number);
        Some((number, basis, alike))
    }

    /// Whether a message was seen once only: one site, one arrival.
    fn once(&self, event: &Happening) -> bool {
        let seen = self.seen.get(&event.key).copied().unwrap_or_default();
        seen == (1, 1)
    }

    /// Messages under way that look like the event's, to its process or to a name, in the order of sending.
    fn candidates(&self, event: &Happening, fits: impl Fn(&Self, &Message) -> bool) -> Vec<u32> {
        let queue = |to: u64| self.under_way.get(&(to, event.key, event.tag));
        let both = [queue(event.process), queue(0)]
            .into_iter()
            .flatten()
            .flatten();
        let mut found: Vec<u32> = both
            .copied()
            .filter(|number| fits(self, &self.messages[*number as usize]))
            .collect();
        found.sort_unstable();
        found
    }

    /// Whether nothing that the sender sent to the receiver before it was followed can still come.
    fn covered(&self, sender: u64, receiver: u64) -> bool {
        let since = self.sends_since.get(&sender);
        self.born.contains_key(&sender)
            || self.flushed.contains(&(sender, receiver))
            || matches!((since, self.born.get(&receiver)), (Some(since), Some(born)) if since < born)
    }

    // Arrived → handled

    fn handled(&mut self, at: u32, event: &Happening) {
        // A state machine's callback is given what was cast, as it is given what was sent.
        let cast = Happening {
            tag: Tag::Cast,
            ..*event
        };
        let looks_cast = |event: &Happening| {
            let waiting = self.mailboxes.get(&(event.process, event.key, event.tag));
            waiting.is_some_and(|waiting| !waiting.messages.is_empty())
                || self
                    .under_way
                    .contains_key(&(event.process, event.key, event.tag))
        };
        if event.tag == Tag::Plain && !looks_cast(event) && looks_cast(&cast) {
            self.take(at, &cast);
        } else {
            self.take(at, event);
        }
    }

    fn take(&mut self, at: u32, event: &Happening) {
        if self.receives.contains(&event.process) && self.take_waiting(at, event) {
            return;
        }
        let number = match self.take_unseen(event) {
            Some((number, basis, alike)) => {
                let message = &mut self.messages[number as usize];
                message.passage = Some(basis);
                message.alike = alike;
                message.receiver = event.process;
                number
            }
            None => self.add(event, event.peer, event.process),
        };
        self.messages[number as usize].handled = Some(at);
        self.note_unsettled(event.process, number);
    }

    fn take_waiting(&mut self, at: u32, event: &Happening) -> bool {
        let look = (event.process, event.key, event.tag);
        let Some(waiting) = self.mailboxes.get_mut(&look) else {
            return false;
        };
        let Some(number) = waiting.messages.pop_front() else {
            return false;
        };
        let unique = event.tag == Tag::Call;
        let settled =
            self.born.contains_key(&event.process) || self.settled.contains(&event.process);
        let basis = if unique {
            Basis::UniqueKey
        } else if self.window.gaps {
            Basis::Gaps
        } else if !settled {
            Basis::BeforeRecording
        } else if waiting.messages.is_empty() {
            Basis::OnlyWaiting
        } else {
            Basis::OldestWaiting
        };
        // One that was alone had others before it that were taken unseen: then it may be that this one still waits.
        let alone = waiting.messages.is_empty();
        if basis == Basis::OldestWaiting {
            waiting.open.push(number);
        } else if alone {
            waiting.open.clear();
        }
        let alike = waiting.messages.len() as u32;
        let message = &mut self.messages[number as usize];
        message.handled = Some(at);
        message.taking = Some(basis);
        message.alike = message.alike.max(alike);
        if unique && event.callback && !settled {
            self.settle(event.process, number);
        }
        true
    }

    // Sent → handled, where arrivals are not seen

    fn take_unseen(&mut self, event: &Happening) -> Option<(u32, Basis, u32)> {
        if event.tag == Tag::Call {
            return self.take_call(event);
        }
        let candidates = self.candidates(event, |_, message| {
            event.peer == 0 || message.sender == event.peer
        });
        let number = *candidates.first()?;
        let alike = candidates.len() as u32 - 1;
        self.forget_under_way(number);
        let basis = match alike {
            _ if self.window.gaps => Basis::Gaps,
            0 => Basis::ArrivalNotTraced,
            _ => Basis::Ambiguous,
        };
        Some((number, basis, alike))
    }

    /// A call names itself by its reference.
    fn take_call(&mut self, event: &Happening) -> Option<(u32, Basis, u32)> {
        let look = (event.process, event.key, Tag::Call);
        let mut queues = [look, (0, event.key, Tag::Call)].into_iter();
        let number = queues.find_map(|look| self.under_way.get_mut(&look)?.pop_front())?;
        Some((number, Basis::UniqueKey, 0))
    }
}
