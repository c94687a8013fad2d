//! Causes, effects, states and steps: questions to the core's views of the event log, answers as terms.
//!
//! Every answer carries the events that it speaks of, once each, and how much of the log it was worked out from.

use std::time::{Duration, Instant};

use ahash::AHashSet;
use rustler::{Encoder, Env, LocalPid, NifResult, Term};
use scope_core::error::{Error, Result};
use scope_core::temporal::{
    Basis, Budget, CausalEdge, Direction, EdgeKind, Limits, Message, Motion, ProcessState, Reached,
    Scope, Sense, Status, Tag, View, step,
};

use crate::atoms;
use crate::capture::{pid_word, word_pid};
use crate::runtime::{encode_event, reply, store_of};

/// `{depth, count, before, after}`: how far a walk goes, how many edges it takes, how many events before and after the
/// event are looked at.
type Bounds = (u32, usize, usize, usize);

/// `{timeout_ms, gated?}`: how long a question may take, and whether gates hold back calls.
type Care = (u64, bool);

/// Works out an answer, within its time and as long as the caller lives.
fn ask<T>(env: Env<'_>, care: Care, work: impl FnOnce(&Budget<'_>) -> Result<T>) -> Result<T> {
    let (timeout_ms, gated) = care;
    // SAFETY: the environment of the NIF call at hand, asked in its own thread.
    let wanted = || unsafe { rustler::sys::enif_is_current_process_alive(env.as_c_arg()) != 0 };
    let mut budget = Budget::new(timeout_ms, &wanted);
    budget.gated = gated;
    work(&budget)
}

/// Whether the caller lives.
fn is_wanted(env: Env<'_>) -> bool {
    // SAFETY: the environment of the NIF call at hand, asked in its own thread.
    unsafe { rustler::sys::enif_is_current_process_alive(env.as_c_arg()) != 0 }
}

/// Events, edges and messages that are told between two looks at whether anybody listens.
const TOLD_PER_LOOK: usize = 1024;

/// What led to an event (`back`), or what came of it: `{:ok, %{edges: [..], events: %{..}, ..}}`, nearest first.
#[rustler::nif(schedule = "DirtyCpu")]
fn temporal_walk<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    event_id: u64,
    back: bool,
    bounds: Bounds,
    care: Care,
) -> Term<'a> {
    let (depth, count, before, after) = bounds;
    let found = ask(env, care, |budget| {
        let store = store_of(handle)?;
        let deadline = Instant::now().checked_add(Duration::from_millis(care.0));
        let view = View::around(&store, event_id, Some(Scope::All), before, after, budget)?;
        let at = place(&view, event_id)?;
        let direction = if back {
            Direction::Back
        } else {
            Direction::Forward
        };
        let limits = Limits {
            depth,
            count,
            deadline,
        };
        let found = view.causality.walk(at, direction, limits);
        Ok((view, at, found))
    });
    reply(env, found, |env, (view, at, found)| {
        let mut told = Told::new(&view, env);
        told.event(at);
        let mut edges = Vec::with_capacity(found.visits.len());
        for visit in &found.visits {
            edges.push(told.edge(&visit.edge, visit.depth)?);
        }
        let reached = match found.reached {
            Reached::All => "all",
            Reached::Depth => "depth",
            Reached::Count => "count",
            Reached::Deadline => "deadline",
        };
        let answer = told.finish()?;
        answer
            .map_put(atoms::edges(), edges)?
            .map_put(atoms::reached(), name(env, reached)?)
    })
}

/// What joins the events between two times: `{:ok, %{edges: [..], messages: [..], ..}}`. Of one process, or of all (`nil`).
/// Edges are those between activations and processes, without what lies inside of one activation.
#[rustler::nif(schedule = "DirtyCpu")]
fn temporal_relations<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    process: Option<LocalPid>,
    from_ns: u64,
    to_ns: u64,
    limit: usize,
    care: Care,
) -> Term<'a> {
    let scope = process.map_or(Scope::All, |pid| Scope::Process(pid_word(&pid)));
    let view = ask(env, care, |budget| {
        let store = store_of(handle)?;
        View::between(&store, scope, from_ns, to_ns, limit, budget)
    });
    reply(env, view, |env, view| {
        let mut told = Told::new(&view, env);
        let mut messages = Vec::new();
        for (number, message) in view.messages.all.iter().enumerate() {
            listened(env, number)?;
            messages.push(told.message(message)?);
        }
        let mut edges = Vec::new();
        let between = view.causality.edges().iter();
        let between =
            between.filter(|edge| !matches!(edge.kind, EdgeKind::Within | EdgeKind::Call));
        for (number, edge) in between.enumerate() {
            listened(env, number)?;
            edges.push(told.edge(edge, 1)?);
        }
        let answer = told.finish()?;
        answer
            .map_put(atoms::messages(), messages)?
            .map_put(atoms::edges(), edges)
    })
}

/// How a process stood at a time (or right after an event, when one is given): `{:ok, map}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn temporal_state<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    process: LocalPid,
    at_ns: u64,
    event_id: Option<u64>,
    before: usize,
    care: Care,
) -> Term<'a> {
    let word = pid_word(&process);
    // What was taken later says that it still waited.
    let after = before / 4 + 1;
    let found = ask(env, care, |budget| {
        let store = store_of(handle)?;
        let scope = Scope::Process(word);
        let view = match event_id {
            Some(id) => View::around(&store, id, Some(scope), before, after, budget)?,
            None => View::at(&store, scope, at_ns, None, (before, after), budget)?,
        };
        let moment = match event_id.and_then(|id| view.window.find(id)) {
            Some(at) => (view.window.event(at).at_ns, view.window.event(at).id),
            None => (at_ns, u64::MAX),
        };
        let state = ProcessState::at(&view.window, &view.messages, word, moment.0, moment.1);
        Ok((view, state, moment.0))
    });
    reply(env, found, |env, (view, state, at_ns)| {
        Told::new(&view, env).state(&state, at_ns)
    })
}

/// The event that a step leads to: `{:ok, map | nil}`. In the process of the event, or (`global`) of all.
#[allow(clippy::too_many_arguments)]
#[rustler::nif(schedule = "DirtyCpu")]
fn temporal_step<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    event_id: u64,
    forward: bool,
    motion: rustler::Atom,
    global: bool,
    limit: usize,
    care: Care,
) -> Term<'a> {
    let found = ask(env, care, |budget| {
        let store = store_of(handle)?;
        let motion = match motion {
            motion if motion == atoms::into() => Motion::Into,
            motion if motion == atoms::over() => Motion::Over,
            motion if motion == atoms::out() => Motion::Out,
            _ => {
                let detail = "a step goes :into, :over or :out".to_owned();
                return Err(Error::Invalid {
                    what: "step",
                    detail,
                });
            }
        };
        let scope = global.then_some(Scope::All);
        let (before, after) = if forward { (1, limit) } else { (limit, 1) };
        let view = View::around(&store, event_id, scope, before, after, budget)?;
        let at = place(&view, event_id)?;
        let sense = if forward { Sense::Forward } else { Sense::Back };
        let next = match (global, sense) {
            (true, Sense::Forward) => Some(at + 1).filter(|at| (*at as usize) < view.window.len()),
            (true, Sense::Back) => at.checked_sub(1),
            (false, sense) => step(&view.window, at, sense, motion),
        };
        let more = if forward {
            view.more_after
        } else {
            view.more_before
        };
        match next {
            None if more => Err(Error::LimitExceeded {
                what: "the events that a step goes over",
                limit: limit as u64,
            }),
            next => Ok((view, next)),
        }
    });
    reply(env, found, |env, (view, next)| {
        match next.and_then(|at| view.event(at)) {
            Some(event) => encode_event(env, event),
            None => Ok(rustler::types::atom::nil().encode(env)),
        }
    })
}

/// An error, which nobody will see, once the caller is gone.
fn listened(env: Env<'_>, number: usize) -> NifResult<()> {
    match number % TOLD_PER_LOOK == TOLD_PER_LOOK - 1 && !is_wanted(env) {
        true => Err(rustler::Error::BadArg),
        false => Ok(()),
    }
}

fn place(view: &View, event_id: u64) -> Result<u32> {
    let found = view.window.find(event_id);
    found.ok_or(Error::NotFound { what: "event" })
}

fn name<'a>(env: Env<'a>, text: &str) -> NifResult<Term<'a>> {
    Ok(rustler::Atom::from_str(env, text)?.encode(env))
}

/// An answer in the making, with the events that it has named so far.
struct Told<'v, 'a> {
    view: &'v View,
    env: Env<'a>,
    named: AHashSet<u32>,
}

impl<'v, 'a> Told<'v, 'a> {
    fn new(view: &'v View, env: Env<'a>) -> Self {
        Told {
            view,
            env,
            named: AHashSet::new(),
        }
    }

    /// The id of an event that the answer names.
    fn event(&mut self, at: u32) -> Term<'a> {
        self.named.insert(at);
        self.view.window.event(at).id.encode(self.env)
    }

    fn maybe(&mut self, at: Option<u32>) -> Term<'a> {
        match at {
            Some(at) => self.event(at),
            None => rustler::types::atom::nil().encode(self.env),
        }
    }

    fn list(&mut self, places: &[u32]) -> Term<'a> {
        let ids: Vec<Term<'a>> = places.iter().map(|at| self.event(*at)).collect();
        ids.encode(self.env)
    }

    fn pid(&self, word: u64) -> Term<'a> {
        match word {
            0 => rustler::types::atom::nil().encode(self.env),
            word => word_pid(word).encode(self.env),
        }
    }

    fn basis(&self, basis: Option<Basis>) -> NifResult<Term<'a>> {
        match basis {
            Some(basis) => name(self.env, basis.name()),
            None => Ok(rustler::types::atom::nil().encode(self.env)),
        }
    }

    /// `{from, to, kind, basis, exact?, depth}`.
    fn edge(&mut self, edge: &CausalEdge, depth: u32) -> NifResult<Term<'a>> {
        let env = self.env;
        let (from, to) = (self.event(edge.from), self.event(edge.to));
        let (kind, basis) = (name(env, edge.kind.name())?, name(env, edge.basis.name())?);
        Ok((from, to, kind, basis, edge.basis.is_exact(), depth).encode(env))
    }

    fn message(&mut self, message: &Message) -> NifResult<Term<'a>> {
        let env = self.env;
        let kind = match message.tag {
            _ if message.timer => "timer",
            Tag::Plain => "message",
            Tag::Call => "call",
            Tag::Cast => "cast",
            Tag::Reply => "reply",
            Tag::Down => "down",
            Tag::Exit => "exit",
            Tag::System => "system",
        };
        let basis = message.basis();
        let pairs: [(rustler::Atom, Term<'a>); 11] = [
            (atoms::site(), self.maybe(message.site)),
            (atoms::sent(), self.maybe(message.sent)),
            (atoms::arrived(), self.maybe(message.arrived)),
            (atoms::handled(), self.maybe(message.handled)),
            (atoms::sender(), self.pid(message.sender)),
            (atoms::receiver(), self.pid(message.receiver)),
            (atoms::kind(), name(env, kind)?),
            (atoms::basis(), self.basis(basis)?),
            (
                atoms::exact(),
                basis.is_some_and(Basis::is_exact).encode(env),
            ),
            (atoms::alike(), message.alike.encode(env)),
            (atoms::to_none(), message.to_none.encode(env)),
        ];
        Term::map_from_pairs(env, &pairs)
    }

    fn state(mut self, state: &ProcessState, at_ns: u64) -> NifResult<Term<'a>> {
        let env = self.env;
        let mut stack = Vec::with_capacity(state.stack.len());
        for call in &state.stack {
            let inside = self.list(&call.inside);
            stack.push((call.token, self.event(call.began), inside, call.cut).encode(env));
        }
        let status = match state.status {
            Status::Running => "running",
            Status::Waiting => "waiting",
            Status::Exited => "exited",
            Status::Unknown => "unknown",
        };
        let links: Vec<Term<'a>> = state.links.iter().map(|word| self.pid(*word)).collect();
        let pairs: [(rustler::Atom, Term<'a>); 15] = [
            (atoms::at_ns(), at_ns.encode(env)),
            (atoms::stack(), stack.encode(env)),
            (atoms::status(), name(env, status)?),
            (atoms::last_result(), self.maybe(state.last_result)),
            (atoms::in_callback(), self.maybe(state.in_callback)),
            (atoms::waiting(), self.list(&state.waiting)),
            (atoms::unaccounted(), self.list(&state.unaccounted)),
            (atoms::links(), links.encode(env)),
            (atoms::names(), self.list(&state.names)),
            (atoms::spawned(), self.maybe(state.spawned)),
            (atoms::exited(), self.maybe(state.exited)),
            (atoms::last(), self.maybe(state.last)),
            (atoms::from_birth(), state.from_birth.encode(env)),
            (atoms::messages_seen(), state.messages_seen.encode(env)),
            (atoms::links_seen(), state.links_seen.encode(env)),
        ];
        let mut answer = self.finish()?;
        for (key, value) in pairs {
            answer = answer.map_put(key, value)?;
        }
        Ok(answer)
    }

    /// The events by id, and what the answer was worked out from.
    fn finish(self) -> NifResult<Term<'a>> {
        let env = self.env;
        let mut events = Term::map_new(env);
        for (number, at) in self.named.iter().enumerate() {
            listened(env, number)?;
            if let Some(event) = self.view.event(*at) {
                events = events.map_put(event.event_id, encode_event(env, event)?)?;
            }
        }
        let (first_ns, last_ns, count) = self.view.extent();
        let pairs: [(rustler::Atom, Term<'a>); 6] = [
            (atoms::events(), events),
            (atoms::gated(), self.view.window.gated.encode(env)),
            (atoms::window(), (first_ns, last_ns, count).encode(env)),
            (atoms::more_before(), self.view.more_before.encode(env)),
            (atoms::more_after(), self.view.more_after.encode(env)),
            (atoms::gaps(), self.view.window.gaps.encode(env)),
        ];
        Term::map_from_pairs(env, &pairs)
    }
}
