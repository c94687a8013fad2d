//! The causality graph of a window: every edge, with what it stands on.

use std::collections::VecDeque;

use ahash::{AHashMap, AHashSet};

use crate::error::Result;
use crate::temporal::basis::Basis;
use crate::temporal::budget::Budget;
use crate::temporal::deaths::Deaths;
use crate::temporal::happening::{Ending, Happening, Tag, What};
use crate::temporal::messages::Messages;
use crate::temporal::window::Window;

/// How one event led to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum EdgeKind {
    /// The event happened in this activation, or while this message was handled.
    Within,
    Call,
    Tail,
    Spawn,
    Message,
    Reply,
    Timer,
    /// An exit signal, through a link or as a message.
    Exit,
    /// A `DOWN`.
    Monitor,
    /// A supervisor started a successor.
    Restart,
    /// An exception went on from one activation to its caller, or ended the process.
    Exception,
}

impl EdgeKind {
    pub const ALL: [EdgeKind; 11] = [
        EdgeKind::Within,
        EdgeKind::Call,
        EdgeKind::Tail,
        EdgeKind::Spawn,
        EdgeKind::Message,
        EdgeKind::Reply,
        EdgeKind::Timer,
        EdgeKind::Exit,
        EdgeKind::Monitor,
        EdgeKind::Restart,
        EdgeKind::Exception,
    ];

    /// The name that readers get.
    pub fn name(self) -> &'static str {
        match self {
            EdgeKind::Within => "within",
            EdgeKind::Call => "call",
            EdgeKind::Tail => "tail",
            EdgeKind::Spawn => "spawn",
            EdgeKind::Message => "message",
            EdgeKind::Reply => "reply",
            EdgeKind::Timer => "timer",
            EdgeKind::Exit => "exit",
            EdgeKind::Monitor => "monitor",
            EdgeKind::Restart => "restart",
            EdgeKind::Exception => "exception",
        }
    }
}

/// One edge, by places in the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CausalEdge {
    pub from: u32,
    pub to: u32,
    pub kind: EdgeKind,
    pub basis: Basis,
}

/// All edges of a window.
pub struct Causality {
    /// By `to`.
    edges: Vec<CausalEdge>,
    /// Where the edges to an event begin.
    to: Vec<u32>,
    /// By `from`.
    forward: Vec<CausalEdge>,
    from: Vec<u32>,
}

impl Causality {
    /// Errors: `Timeout`.
    pub fn of(window: &Window, messages: &Messages, budget: &Budget<'_>) -> Result<Self> {
        let calls = (0..).zip(&messages.all);
        let calls = calls.filter(|(_, message)| message.tag == Tag::Call);
        let mut edges = Builder {
            window,
            messages,
            edges: Vec::new(),
            calls: calls
                .clone()
                .map(|(number, call)| ((call.receiver, call.key), number))
                .collect(),
            waited: calls.map(|(_, call)| (call.sender, call.key)).collect(),
        }
        .build(budget)?;
        let count = window.len();
        edges.sort_by_key(|edge| (edge.to, edge.from, edge.kind));
        edges.dedup_by_key(|edge| (edge.to, edge.from, edge.kind));
        let mut forward = edges.clone();
        forward.sort_by_key(|edge| (edge.from, edge.to, edge.kind));
        Ok(Causality {
            to: starts(count, edges.iter().map(|edge| edge.to)),
            from: starts(count, forward.iter().map(|edge| edge.from)),
            edges,
            forward,
        })
    }

    /// Every edge, by the event it leads to.
    pub fn edges(&self) -> &[CausalEdge] {
        &self.edges
    }

    /// The edges that lead to an event.
    pub fn to(&self, at: u32) -> &[CausalEdge] {
        slice(&self.edges, &self.to, at)
    }

    /// The edges that lead away from it.
    pub fn from(&self, at: u32) -> &[CausalEdge] {
        slice(&self.forward, &self.from, at)
    }
}

/// Where the run of each key begins in a sorted sequence of keys below `count`; one more at the end.
fn starts(count: usize, keys: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut starts = vec![0u32; count + 1];
    for key in keys {
        starts[key as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    starts
}

fn slice<'a>(edges: &'a [CausalEdge], starts: &[u32], at: u32) -> &'a [CausalEdge] {
    match (starts.get(at as usize), starts.get(at as usize + 1)) {
        (Some(from), Some(to)) => &edges[*from as usize..*to as usize],
        _ => &[],
    }
}

/// What a caller does that has its answer; one that gave the call up has none.
fn goes_on(what: What) -> bool {
    !matches!(
        what,
        What::End(Ending::Error | Ending::Aborted | Ending::Lost) | What::Raised | What::Exit
    )
}

struct Builder<'w> {
    window: &'w Window,
    messages: &'w Messages,
    edges: Vec<CausalEdge>,
    /// Calls by receiver and key, and who waited for an answer with a key.
    calls: AHashMap<(u64, u64), u32>,
    waited: AHashSet<(u64, u64)>,
}

/// What a pass over one process remembers.
#[derive(Default)]
struct Along {
    /// The last thing that the process itself did.
    last: Option<u32>,
    /// The last jump, until something else happens.
    jump: Option<u32>,
    /// The last exception that ended an activation, until something else happens.
    failed: Option<u32>,
    /// The process's first event.
    first: Option<u32>,
    /// What arrived and was not seen to be taken, oldest first.
    unseen: VecDeque<u32>,
    /// A behaviour's loop, which takes what is oldest.
    in_order: bool,
    /// It has answered a call, and done nothing since.
    done: bool,
    /// The last message that each activation took.
    taken: AHashMap<u64, u32>,
}

impl Builder<'_> {
    fn build(mut self, budget: &Budget<'_>) -> Result<Vec<CausalEdge>> {
        for process in self.window.processes() {
            self.along(process, budget)?;
        }
        self.messages_and_replies();
        budget.check()?;
        self.spawns();
        Deaths::new(self.window, self.messages, &mut self.edges).run(budget)?;
        Ok(self.edges)
    }

    fn add(&mut self, from: u32, to: u32, kind: EdgeKind, basis: Basis) {
        self.edges.push(CausalEdge {
            from,
            to,
            kind,
            basis,
        });
    }

    // Inside one process

    fn along(&mut self, process: u64, budget: &Budget<'_>) -> Result<()> {
        let window = self.window;
        let mut along = Along::default();
        for at in window.of_process(process) {
            budget.step()?;
            let event = window.event(*at);
            self.inside(*at, event, &mut along);
            along.first.get_or_insert(*at);
            if !event.is_own() {
                continue;
            }
            along.last = Some(*at);
            along.jump = matches!(event.what, What::End(Ending::Tail)).then_some(*at);
            along.failed = match event.what {
                What::End(Ending::Error) | What::Raised => Some(*at),
                _ => None,
            };
            if event.what == What::Handled && event.token != 0 {
                along.taken.insert(event.token, *at);
            }
            if event.what == What::Handled
                && let Some(arrived) = self.messages.of_event(*at).and_then(|it| it.arrived)
            {
                self.taken_up_to(arrived, &mut along);
            }
        }
        Ok(())
    }

    fn inside(&mut self, at: u32, event: &Happening, along: &mut Along) {
        let around = self.window.around(at);
        match event.what {
            What::Enter { jumped } => self.entered(at, jumped, around, along),
            What::End(ending) => {
                if let Some(began) = around {
                    self.add(began, at, EdgeKind::Within, Basis::Within)
                }
                if ending == Ending::Error
                    && let Some(failed) = along.failed
                {
                    // Both were found gone by who caught it.
                    self.add(failed, at, EdgeKind::Exception, Basis::CallerUnseen);
                }
            }
            What::Arrived => {
                let message = self.messages.of_event(at);
                let seen = message.is_some_and(|message| message.handled.is_some());
                // What a loop waits for in the middle of a message is none that it takes.
                if !(seen || along.in_order && event.tag == Tag::Reply) {
                    along.unseen.push_back(at);
                }
            }
            What::Spawned => along.in_order = event.callback,
            What::In | What::Out | What::Other => {}
            What::Link | What::Unlink | What::Register | What::Unregister if event.special => {}
            What::Sent | What::SentToNone if around.is_none() && event.tag == Tag::Reply => {
                match self.calls.get(&(event.process, event.key)).copied() {
                    Some(call) => self.answers(at, call, along),
                    None => self.without_caller(at, along),
                }
            }
            What::Exit => {
                if let Some(failed) = along.failed {
                    self.add(failed, at, EdgeKind::Exception, Basis::Before);
                } else if let Some(last) = along.last {
                    self.add(last, at, EdgeKind::Within, Basis::Before);
                }
            }
            _ => {
                if let Some(began) = around {
                    let taken = along.taken.get(&self.window.event(began).token);
                    let from = taken.copied().filter(|_| event.what != What::Handled);
                    self.add(from.unwrap_or(began), at, EdgeKind::Within, Basis::Within);
                } else {
                    self.without_caller(at, along);
                }
            }
        }
    }

    fn entered(&mut self, at: u32, jumped: bool, around: Option<u32>, along: &mut Along) {
        // One in between may be missing, or the end of what looks open.
        let within = match self.window {
            window if window.gaps => Basis::Gaps,
            window if window.gated => Basis::Sampled,
            _ => Basis::Within,
        };
        if let Some(jump) = along.jump.filter(|_| jumped) {
            // It may have jumped elsewhere, to code without probes, and this come after.
            let sure = self.window.event(at).special;
            self.add(
                jump,
                at,
                EdgeKind::Tail,
                if sure { within } else { Basis::Next },
            );
        } else if let Some(caller) = around {
            let there = self.window.outlived(self.window.event(caller).token, at);
            let basis = if there {
                within
            } else {
                within.and(Basis::CallerUnseen)
            };
            self.add(caller, at, EdgeKind::Call, basis);
        } else if self.handles(at).is_none() {
            self.without_caller(at, along);
        }
    }

    /// What nobody in the window called: of a message that arrived, or of the process's beginning.
    fn without_caller(&mut self, at: u32, along: &mut Along) {
        let basis = match along.unseen.len() {
            0 | 1 => Basis::Before,
            _ => Basis::Ambiguous,
        };
        let born = along
            .first
            .filter(|first| self.window.event(*first).what == What::Spawned);
        let enters = matches!(self.window.event(at).what, What::Enter { .. });
        let arrived = if !along.in_order {
            let newest = along.unseen.pop_back();
            along.unseen.clear();
            newest
        } else if enters {
            along.unseen.pop_front()
        } else {
            // Of the message at hand, unless this is the first that was done for it.
            let first = |arrived: &u32| along.done || along.last.is_none_or(|last| last < *arrived);
            along.unseen.front().copied().filter(first)
        };
        along.done = false;
        match (arrived, born, along.last) {
            (Some(arrived), ..) => self.add(arrived, at, EdgeKind::Message, basis),
            (None, _, Some(last)) if along.in_order => {
                self.add(last, at, EdgeKind::Within, Basis::Before);
            }
            (None, Some(born), _) => self.add(born, at, EdgeKind::Within, Basis::Before),
            (None, None, Some(last)) => self.add(last, at, EdgeKind::Within, Basis::Before),
            (None, None, None) => {}
        }
    }

    /// The answer to a call, sent by the loop around the callback.
    fn answers(&mut self, at: u32, call: u32, along: &mut Along) {
        let message = self.messages.all[call as usize];
        let window = self.window;
        let ended = message
            .handled
            .and_then(|handled| window.ended(window.event(handled).token));
        let from = ended
            .filter(|ended| *ended < at)
            .or(message.handled)
            .or(message.arrived);
        if let Some(from) = from.filter(|from| *from < at) {
            self.add(from, at, EdgeKind::Within, Basis::UniqueKey);
        }
        if let Some(arrived) = message.arrived {
            self.taken_up_to(arrived, along);
        }
        along.done = true;
    }

    /// A loop that has taken a message has taken all that came before it.
    fn taken_up_to(&self, arrived: u32, along: &mut Along) {
        if along.in_order {
            let older = along.unseen.partition_point(|unseen| *unseen <= arrived);
            along.unseen.drain(..older);
        }
    }

    /// Where a callback that begins here takes its message.
    fn handles(&self, began: u32) -> Option<u32> {
        let own = self.window.event(began);
        if !own.callback || self.window.around(began).is_some() {
            return None;
        }
        let next = self.window.after(began);
        let mut own_next = next.filter(|at| self.window.event(*at).is_own());
        let first = own_next.find(|at| {
            let event = self.window.event(*at);
            event.what == What::Handled || event.token != own.token
        })?;
        let event = self.window.event(first);
        (event.what == What::Handled && event.token == own.token).then_some(first)
    }

    // Between processes

    fn messages_and_replies(&mut self) {
        let messages = self.messages;
        for message in &messages.all {
            let kind = match message.tag {
                _ if message.timer => EdgeKind::Timer,
                Tag::Reply => EdgeKind::Reply,
                _ => EdgeKind::Message,
            };
            if let (Some(site), Some(sent)) = (message.site, message.sent) {
                self.add(site, sent, EdgeKind::Within, Basis::Within);
            }
            if let (Some(origin), Some(arrived), Some(basis)) =
                (message.origin(), message.arrived, message.passage)
            {
                self.add(origin, arrived, kind, basis);
            }
            if let Some(handled) = message.handled {
                self.taken(
                    message.origin(),
                    message.arrived,
                    handled,
                    message.basis(),
                    message.taking,
                    kind,
                );
            }
            if let (Tag::Reply, Some(arrived), None) =
                (message.tag, message.arrived, message.handled)
            {
                self.answered(arrived, message.key);
            }
        }
        self.returns();
    }

    fn taken(
        &mut self,
        origin: Option<u32>,
        arrived: Option<u32>,
        handled: u32,
        basis: Option<Basis>,
        taking: Option<Basis>,
        kind: EdgeKind,
    ) {
        // A callback is what the message caused; taking it is the first thing that the callback does.
        let began = self.window.began(self.window.event(handled).token);
        let began = began.filter(|began| self.handles(*began) == Some(handled));
        let target = began.unwrap_or(handled);
        match (origin, basis, arrived, taking) {
            (Some(origin), Some(basis), ..) => self.add(origin, target, kind, basis),
            (_, _, Some(arrived), Some(taking)) => self.add(arrived, target, kind, taking),
            _ => {}
        }
    }

    /// A reply that arrived: what the process that waited for it did next.
    fn answered(&mut self, arrived: u32, key: u64) {
        let waited = self
            .waited
            .contains(&(self.window.event(arrived).process, key));
        let mut next = self.window.after(arrived);
        let next = next.find(|at| self.window.event(*at).is_own());
        if let Some(next) = next {
            let basis = if waited {
                Basis::UniqueKey
            } else {
                Basis::Next
            };
            self.add(arrived, next, EdgeKind::Reply, basis);
        }
    }

    /// Calls whose reply was not seen on its way: the caller went on after the callback had ended.
    fn returns(&mut self) {
        let window = self.window;
        let messages = self.messages;
        let replied = self.edges.iter();
        let replied = replied.filter(|edge| edge.kind == EdgeKind::Reply);
        let mut replied: AHashSet<u32> = replied.map(|edge| edge.to).collect();
        for call in &messages.all {
            let (Tag::Call, Some(site), Some(handled)) = (call.tag, call.site, call.handled) else {
                continue;
            };
            let Some(end) = window.ended(window.event(handled).token) else {
                continue;
            };
            let ended_ns = window.event(end).at_ns;
            let mut after = window.after(site).skip_while(|at| {
                let event = window.event(*at);
                !event.is_own() || event.what == What::Sent
            });
            let Some(next) = after.next().filter(|at| {
                window.event(*at).at_ns >= ended_ns && goes_on(window.event(*at).what)
            }) else {
                continue;
            };
            if replied.insert(next) {
                self.add(end, next, EdgeKind::Reply, Basis::Next);
            }
        }
    }

    fn spawns(&mut self) {
        let window = self.window;
        let mut made: AHashMap<u64, u32> = AHashMap::new();
        for (at, event) in (0..).zip(window.events()) {
            if event.what == What::Spawn && event.peer != 0 {
                // The VM's own word comes first, the code that made it after.
                made.entry(event.peer).or_insert(at);
            }
        }
        for process in window.processes() {
            let Some(first) = window.of_process(process).first().copied() else {
                continue;
            };
            if let Some(spawn) = made.get(&process) {
                self.add(*spawn, first, EdgeKind::Spawn, Basis::NamedByVm);
            }
        }
    }
}
