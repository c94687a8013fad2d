//! How a process stood at a moment: what was open, what it was doing, what waited.

use ahash::AHashMap;

use crate::temporal::happening::{Ending, Happening, What};
use crate::temporal::messages::Messages;
use crate::temporal::window::Window;

/// An activation that was open.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenCall {
    pub token: u64,
    /// Where it began.
    pub began: u32,
    /// What happened in it so far: bindings, values of expressions, branches.
    pub inside: Vec<u32>,
    /// There was more than is held.
    pub cut: bool,
    /// It is a callback, or what one jumped to.
    in_place: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It has an activation open, or has a scheduler.
    Running,
    /// Nothing is open, or it gave its scheduler up.
    Waiting,
    Exited,
    /// The window holds nothing of it up to the moment.
    Unknown,
}

/// A process at a moment, by places of events in the window.
#[derive(Clone, PartialEq, Debug)]
pub struct ProcessState {
    /// Outermost first.
    pub stack: Vec<OpenCall>,
    pub status: Status,
    /// The last callback of an OTP behaviour that had given a value: its end, or that of what it jumped to. The state is in the
    /// value. None where that callback went on in code without probes.
    pub last_result: Option<u32>,
    /// The callback that runs: its beginning. The state is its last argument.
    pub in_callback: Option<u32>,
    /// Arrivals that were not seen to be taken, oldest first: those that still waited (the process did nothing since), and
    /// those that code without probes may have taken.
    pub waiting: Vec<u32>,
    pub unaccounted: Vec<u32>,
    /// Words of linked processes.
    pub links: Vec<u64>,
    /// `Register` events of the names it had.
    pub names: Vec<u32>,
    pub spawned: Option<u32>,
    pub exited: Option<u32>,
    /// The last event up to the moment.
    pub last: Option<u32>,
    /// The beginning of the process is in the window: nothing of it is missing for want of an earlier look.
    pub from_birth: bool,
    /// No process of a behaviour: its functions with the names of callbacks are none.
    plain: bool,
    /// Whether arrivals, links and names of this process are recorded at all.
    pub messages_seen: bool,
    pub links_seen: bool,
}

/// Events of one activation that a state holds at most: the newest.
const INSIDE_MAX: usize = 256;

impl ProcessState {
    /// After everything that the process did up to `at_ns` (and, of what it did then, up to `id`).
    pub fn at(window: &Window, messages: &Messages, process: u64, at_ns: u64, id: u64) -> Self {
        let mut state = ProcessState {
            stack: Vec::new(),
            status: Status::Unknown,
            last_result: None,
            in_callback: None,
            waiting: Vec::new(),
            unaccounted: Vec::new(),
            links: Vec::new(),
            names: Vec::new(),
            spawned: None,
            exited: None,
            last: None,
            from_birth: false,
            plain: false,
            messages_seen: false,
            links_seen: false,
        };
        let upto = |event: &Happening| (event.at_ns, event.id) <= (at_ns, id);
        let own = window.of_process(process);
        let until = own.partition_point(|at| upto(window.event(*at)));
        let mut scheduled = None;
        let mut names: AHashMap<u64, u32> = AHashMap::new();
        let mut arrived: Vec<u32> = Vec::new();
        for at in &own[..until] {
            let event = window.event(*at);
            state.last = Some(*at);
            match event.what {
                What::Enter { jumped } => state.enter(*at, event, jumped),
                What::End(ending) => state.end(*at, event, ending),
                What::Inside | What::Raised | What::Handled | What::Site => {
                    state.inside(*at, event.token);
                }
                What::Arrived => {
                    state.messages_seen = true;
                    arrived.push(*at);
                }
                What::Spawn => {}
                What::Spawned => {
                    state.spawned = Some(*at);
                    // A supervisor's callback gives what its children are, not its state.
                    state.plain = event.key != 0 && !event.callback || event.special;
                    state.from_birth = true;
                }
                What::Exit => state.exited = Some(*at),
                What::Link => {
                    state.links_seen = true;
                    state.links.push(event.peer);
                }
                What::Unlink => {
                    state.links_seen = true;
                    state.links.retain(|other| *other != event.peer);
                }
                What::Register => {
                    names.insert(event.key, *at);
                }
                What::Unregister => {
                    names.remove(&event.key);
                }
                What::In => scheduled = Some(true),
                What::Out => scheduled = Some(false),
                What::Sent | What::SentToNone | What::Other => {}
            }
        }
        state.links.sort_unstable();
        state.links.dedup();
        state.names = names.into_values().collect();
        state.names.sort_unstable();
        state.mail(window, messages, &own[..until], arrived, (at_ns, id));
        state.status = match (state.exited, state.last) {
            (Some(_), _) => Status::Exited,
            (None, None) => Status::Unknown,
            _ => match scheduled {
                Some(true) => Status::Running,
                Some(false) => Status::Waiting,
                None if state.stack.is_empty() => Status::Waiting,
                None => Status::Running,
            },
        };
        state
    }

    fn enter(&mut self, at: u32, event: &Happening, jumped: bool) {
        // What a callback jumped to gives its value in its place.
        if self.stack.is_empty() && event.callback && !jumped && !self.plain {
            self.in_callback = Some(at);
        }
        self.stack.push(OpenCall {
            token: event.token,
            began: at,
            inside: Vec::new(),
            cut: false,
            in_place: self.stack.is_empty() && (jumped || self.in_callback == Some(at)),
        });
    }

    fn end(&mut self, at: u32, event: &Happening, ending: Ending) {
        let place = self.stack.iter().position(|call| call.token == event.token);
        let in_place = place.is_some_and(|place| self.stack[place].in_place);
        if let Some(below) = place {
            self.stack.truncate(below);
        }
        if self.in_callback.is_none() || !in_place || !self.stack.is_empty() {
            return;
        }
        match ending {
            Ending::Return => {
                self.last_result = Some(at);
                self.in_callback = None;
            }
            Ending::Tail => self.last_result = None,
            Ending::Error | Ending::Aborted | Ending::Lost => {
                self.last_result = None;
                self.in_callback = None;
            }
        }
    }

    fn inside(&mut self, at: u32, token: u64) {
        let mut open = self.stack.iter_mut().rev();
        let call = match token {
            0 => open.next(),
            token => open.find(|call| call.token == token),
        };
        if let Some(call) = call {
            if call.inside.len() >= INSIDE_MAX {
                call.inside.remove(0);
                call.cut = true;
            }
            call.inside.push(at);
        }
    }

    /// What had arrived and was not taken: an arrival that is never seen to be taken waits for sure only while
    /// the process has done nothing since.
    fn mail(
        &mut self,
        window: &Window,
        messages: &Messages,
        own: &[u32],
        arrived: Vec<u32>,
        upto: (u64, u64),
    ) {
        let active = own.iter().rev().find(|at| window.event(**at).is_own());
        for at in arrived {
            let handled = messages.of_event(at).and_then(|message| message.handled);
            match handled.map(|handled| window.event(handled)) {
                Some(event) if (event.at_ns, event.id) <= upto => {}
                Some(_) => self.waiting.push(at),
                None if active.is_none_or(|active| *active < at) => self.waiting.push(at),
                None => self.unaccounted.push(at),
            }
        }
    }
}
