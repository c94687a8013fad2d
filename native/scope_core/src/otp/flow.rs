//! The messages of a project: every place that sends, joined to the clauses that may take what it sends.
//!
//! A server is found by its module, its registered name, the process that was started, the topic that it subscribed
//! to; a function of a server's own module that sends to a pid is taken as its client. What is left is joined by the
//! message alone, when it has something that tells it from others, and says so.

use ahash::{AHashMap, AHashSet};

use crate::atoms::Atom;

use super::facts::Facts;
use super::fit::Fit;
use super::handlers::{Handler, Taker};
use super::message::{MessageKind, Send, Target};
use super::project::Project;
use super::shape::{Shape, Type};
use super::tree::Tree;

/// Clauses that one message is joined to by its shape alone.
const BY_SHAPE_MAX: usize = 64;

/// How the server was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Resolution {
    /// It is named by its module.
    Module,
    /// A registered name.
    Name,
    /// The process was started here.
    Started,
    /// To itself.
    Own,
    /// A function of the server's own module.
    Client,
    /// A topic that it subscribes to.
    Topic,
    /// The message fits, and nothing else is known.
    Shape,
}

/// Why the server was not found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// The pid or name is computed.
    DynamicTarget,
    /// A name that nothing in the project registers.
    UnknownName,
    /// The module is not in the project.
    ExternalModule,
    /// To whichever process runs this function.
    CallingProcess,
    /// To whoever waits for the reply.
    Caller,
    /// Nobody in the project takes messages of this topic.
    NoSubscriber,
}

/// A clause that takes a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// A number of `Flow::handlers`.
    pub handler: u32,
    /// Whenever the message arrives, this clause takes it.
    pub certain: bool,
}

/// A place that sends.
#[derive(Clone, Debug)]
pub struct Sent {
    pub unit: u32,
    /// A number of the unit's `Facts::sends`.
    pub send: u32,
    /// The modules whose processes get it.
    pub servers: Vec<Atom>,
    pub to: Vec<Edge>,
    pub resolution: Option<Resolution>,
    pub reason: Option<Reason>,
    /// The server is known and none of its clauses takes this.
    pub unhandled: bool,
}

/// All messages of a project.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    pub sent: Vec<Sent>,
    /// The unit, and a number of its `Facts::handlers`.
    pub handlers: Vec<(u32, u32)>,
    /// Of each handler: numbers of `sent`, and whether it certainly takes it.
    pub incoming: Vec<Vec<(u32, bool)>>,
}

struct Join<'p> {
    project: &'p Project<'p>,
    names: AHashMap<Atom, Vec<Atom>>,
    /// `{:via, ...}` and `{:global, ...}`.
    terms: Vec<(Shape, Atom)>,
    handlers: Vec<(u32, u32)>,
    by_module: AHashMap<Atom, Vec<u32>>,
    by_tag: AHashMap<(MessageKind, Atom), Vec<u32>>,
    subscribers: Vec<(Shape, Atom)>,
}

/// Joins the facts of all units.
pub fn flow(project: &Project<'_>, tree: &Tree) -> Flow {
    let join = Join::new(project, tree);
    let mut sent = Vec::new();
    for (unit, at) in project.units().iter().zip(0u32..) {
        for (send, number) in unit.otp_facts().sends.iter().zip(0u32..) {
            let module = unit
                .module_of(send.node)
                .map(|one| unit.modules()[one as usize].name);
            sent.extend(join.resolved(at, number, send, module));
        }
    }
    let mut incoming: Vec<Vec<(u32, bool)>> = vec![Vec::new(); join.handlers.len()];
    for (one, number) in sent.iter().zip(0u32..) {
        for edge in &one.to {
            incoming[edge.handler as usize].push((number, edge.certain));
        }
    }
    Flow {
        sent,
        handlers: join.handlers,
        incoming,
    }
}

/// The atoms that tell a message from others: one for each alternative.
fn tags(shape: &Shape) -> Vec<Atom> {
    let atoms =
        |one: &Shape| -> Vec<Atom> { one.alternatives().iter().filter_map(Shape::atom).collect() };
    let tags = |one: &Shape| match one {
        Shape::Atom(atom) => vec![*atom],
        Shape::Tuple(parts) => {
            let mut parts = parts.items.iter().map(atoms);
            parts.find(|found| !found.is_empty()).unwrap_or_default()
        }
        Shape::Map(map) => map.structure.into_iter().collect(),
        _ => Vec::new(),
    };
    shape.alternatives().iter().flat_map(tags).collect()
}

impl<'p> Join<'p> {
    fn new(project: &'p Project<'p>, tree: &Tree) -> Self {
        let mut join = Join {
            project,
            names: AHashMap::new(),
            terms: Vec::new(),
            handlers: Vec::new(),
            by_module: AHashMap::new(),
            by_tag: AHashMap::new(),
            subscribers: Vec::new(),
        };
        for (name, module) in tree.names() {
            join.name(name, module);
        }
        for (unit, at) in project.units().iter().zip(0u32..) {
            let facts = unit.otp_facts();
            for (name, module) in &facts.names {
                join.name(name, *module);
            }
            for (handler, number) in facts.handlers.iter().zip(0u32..) {
                let global = join.handlers.len() as u32;
                join.handlers.push((at, number));
                let module = unit.modules()[handler.module as usize].name;
                join.by_module.entry(module).or_default().push(global);
                for tag in tags(&handler.pattern) {
                    join.by_tag
                        .entry((handler.kind, tag))
                        .or_default()
                        .push(global);
                }
            }
            for one in &facts.subscriptions {
                if let Some(module) = unit.module_of(one.node) {
                    let module = unit.modules()[module as usize].name;
                    join.subscribers.push((one.topic.clone(), module));
                }
            }
        }
        join
    }

    fn name(&mut self, name: &Shape, module: Atom) {
        match name {
            Shape::Atom(name) => {
                let known = self.names.entry(*name).or_default();
                if !known.contains(&module) {
                    known.push(module);
                }
            }
            Shape::Tuple(_) => {
                let named = (name.clone(), module);
                if !self.terms.contains(&named) {
                    self.terms.push(named);
                }
            }
            _ => {}
        }
    }

    fn handler(&self, number: u32) -> &'p Handler {
        let (unit, at) = self.handlers[number as usize];
        &self.facts(unit).handlers[at as usize]
    }

    fn facts(&self, unit: u32) -> &'p Facts {
        self.project.unit(unit).otp_facts()
    }

    fn resolved(&self, unit: u32, number: u32, send: &Send, own: Option<Atom>) -> Option<Sent> {
        let mut sent = Sent {
            unit,
            send: number,
            servers: Vec::new(),
            to: Vec::new(),
            resolution: None,
            reason: None,
            unhandled: false,
        };
        match &send.target {
            Target::Server(shape) => self.to_server(&mut sent, send, shape, own),
            Target::Topic(topic) => self.to_topic(&mut sent, send, topic),
            Target::Caller => sent.reason = Some(Reason::Caller),
            Target::Everyone => sent.reason = Some(Reason::DynamicTarget),
        }
        // What the VM sends to a process that does not look at it: nothing to tell.
        let is_told = !send.by_runtime || !sent.to.is_empty() || sent.unhandled;
        is_told.then_some(sent)
    }

    fn to_server(&self, sent: &mut Sent, send: &Send, shape: &Shape, own: Option<Atom>) {
        let mut reason = None;
        for one in shape.alternatives() {
            match self.server(one, send, own) {
                Ok((modules, resolution)) => {
                    for module in modules {
                        if !sent.servers.contains(&module) {
                            sent.servers.push(module);
                        }
                    }
                    sent.resolution = sent.resolution.max(Some(resolution));
                }
                Err(why) => reason = Some(why),
            }
        }
        let guessed = send.kind == MessageKind::Info && sent.resolution == Some(Resolution::Client);
        let alone = sent.servers.len() == 1 && reason.is_none() && !guessed;
        for module in sent.servers.clone() {
            self.take(sent, send, module, alone);
        }
        if guessed {
            // A server that passes a message on sends what it takes itself.
            self.others_by_shape(sent, send);
        }
        if send.kind == MessageKind::Agent {
            sent.reason = reason.filter(|_| sent.servers.is_empty());
            return;
        }
        if sent.to.is_empty() && reason.is_none() && !send.by_runtime {
            sent.unhandled = self.is_unhandled(sent, send);
        }
        if sent.to.is_empty() && send.by_runtime {
            let takes = |module: &Atom| self.takes_calls(*module);
            sent.unhandled = sent.servers.iter().any(takes) && is_awaited(send);
        }
        if sent.servers.is_empty() {
            sent.reason = reason;
            if !send.by_runtime {
                self.by_shape(sent, send);
            }
        }
    }

    /// A server process: it has a callback, not only a `receive`.
    fn takes_calls(&self, module: Atom) -> bool {
        let handlers = self.by_module.get(&module).map_or(&[][..], Vec::as_slice);
        let is_callback = |one: &u32| matches!(self.handler(*one).taker, Taker::Clause(_));
        handlers.iter().any(is_callback)
    }

    fn is_unhandled(&self, sent: &Sent, send: &Send) -> bool {
        sent.resolution != Some(Resolution::Client)
            && send.message.is_known()
            && sent.servers.iter().all(|module| self.takes_calls(*module))
            && !sent.servers.is_empty()
    }

    /// The modules whose processes a pid or a name means.
    fn server(
        &self,
        shape: &Shape,
        send: &Send,
        own: Option<Atom>,
    ) -> Result<(Vec<Atom>, Resolution), Reason> {
        match shape {
            Shape::Atom(name) => self.named(*name),
            Shape::Process(process) => match process.module {
                Some(module) => Ok((vec![module], Resolution::Started)),
                None => Err(Reason::DynamicTarget),
            },
            Shape::Own => match own {
                Some(own) if self.by_module.contains_key(&own) => Ok((vec![own], Resolution::Own)),
                _ => Err(Reason::CallingProcess),
            },
            Shape::Tuple(parts) => {
                if let [Shape::Atom(name), _] = parts.items[..]
                    && !matches!(name.text(), "global" | "via")
                {
                    return self.named(name);
                }
                let fits = |one: &&(Shape, Atom)| shape.fits(&one.0) != Fit::No;
                let mut modules: Vec<Atom> =
                    self.terms.iter().filter(fits).map(|one| one.1).collect();
                modules.sort_unstable();
                modules.dedup();
                match (&modules[..], own) {
                    ([], Some(own)) if self.fits_own(send, own) => {
                        Ok((vec![own], Resolution::Client))
                    }
                    ([], _) => Err(Reason::UnknownName),
                    // A module's own client functions mean its own processes.
                    (all, Some(own)) if all.contains(&own) && all.len() > 1 => {
                        Ok((vec![own], Resolution::Client))
                    }
                    _ => Ok((modules, Resolution::Name)),
                }
            }
            Shape::Any | Shape::Param(_) | Shape::Of(Type::Pid | Type::Atom | Type::Tuple) => {
                match own {
                    Some(own) if self.fits_own(send, own) => Ok((vec![own], Resolution::Client)),
                    _ => Err(Reason::DynamicTarget),
                }
            }
            _ => Err(Reason::DynamicTarget),
        }
    }

    fn named(&self, name: Atom) -> Result<(Vec<Atom>, Resolution), Reason> {
        if let Some(modules) = self.names.get(&name) {
            let resolution = match modules[..] == [name] {
                true => Resolution::Module,
                false => Resolution::Name,
            };
            return Ok((modules.clone(), resolution));
        }
        if self.project.module(name).is_some() {
            return Ok((vec![name], Resolution::Module));
        }
        Err(match name.text().starts_with("Elixir.") {
            true => Reason::ExternalModule,
            false => Reason::UnknownName,
        })
    }

    /// Whether the module takes such a message, in a clause that is made for it.
    fn fits_own(&self, send: &Send, own: Atom) -> bool {
        let handlers = self.by_module.get(&own).map_or(&[][..], Vec::as_slice);
        handlers.iter().any(|&one| {
            let handler = self.handler(one);
            let fits = handler.kind == send.kind && send.message.fits(&handler.pattern) != Fit::No;
            // Anyone may send a message to a pid; a call or cast to a pid is mostly meant for the module's own.
            let telling = send.message.is_telling() && handler.pattern.is_telling();
            fits && (send.kind != MessageKind::Info || telling)
        })
    }

    /// Adds the clauses of a module that take the message, in their order.
    fn take(&self, sent: &mut Sent, send: &Send, module: Atom, alone: bool) {
        let handlers = self.by_module.get(&module).map_or(&[][..], Vec::as_slice);
        let mut doubt = !alone;
        for &number in handlers {
            let handler = self.handler(number);
            if handler.kind != send.kind {
                continue;
            }
            let fit = send.message.fits(&handler.pattern);
            let in_receive = matches!(handler.taker, Taker::Receive(_));
            if fit == Fit::No || in_receive && handler.is_catch_all() {
                continue;
            }
            let sure = fit == Fit::Must && !handler.guarded && !in_receive;
            sent.to.push(Edge {
                handler: number,
                certain: sure && !doubt,
            });
            if sure {
                break;
            }
            doubt |= !in_receive;
        }
    }

    fn to_topic(&self, sent: &mut Sent, send: &Send, topic: &Shape) {
        let mut modules: AHashSet<Atom> = AHashSet::new();
        for (own, module) in &self.subscribers {
            let fits = topic.fits(own) != Fit::No || own.fits(topic) != Fit::No;
            if fits && self.takes_calls(*module) && modules.insert(*module) {
                self.take(sent, send, *module, false);
            }
        }
        sent.servers = modules.into_iter().collect();
        sent.servers.sort_unstable_by_key(|one| one.text());
        // Who subscribes through a function of another module is not known, but what it takes is.
        self.others_by_shape(sent, send);
        if sent.to.is_empty() {
            sent.reason = Some(Reason::NoSubscriber);
        } else {
            sent.resolution = Some(Resolution::Topic);
        }
    }

    /// Adds what else may take the message, by the message alone.
    fn others_by_shape(&self, sent: &mut Sent, send: &Send) {
        let resolution = sent.resolution;
        let mut known = std::mem::take(&mut sent.to);
        self.by_shape(sent, send);
        sent.to
            .retain(|edge| !known.iter().any(|one| one.handler == edge.handler));
        known.append(&mut sent.to);
        sent.to = known;
        sent.resolution = resolution;
    }

    /// Joins by the message alone.
    fn by_shape(&self, sent: &mut Sent, send: &Send) {
        if !send.message.is_telling() {
            return;
        }
        let mut found: Vec<u32> = Vec::new();
        for tag in tags(&send.message) {
            let tagged = self.by_tag.get(&(send.kind, tag));
            let fitting = tagged.into_iter().flatten().copied().filter(|&number| {
                let pattern = &self.handler(number).pattern;
                pattern.is_telling() && send.message.fits(pattern) != Fit::No
            });
            found.extend(fitting);
        }
        found.sort_unstable();
        found.dedup();
        if found.is_empty() || found.len() > BY_SHAPE_MAX {
            return;
        }
        sent.resolution = Some(Resolution::Shape);
        let edges = found.into_iter().map(|handler| Edge {
            handler,
            certain: false,
        });
        sent.to.extend(edges);
    }
}

/// Whoever asks for this means to look at it. Exits are trapped for `terminate/2` too, so they are not among it.
fn is_awaited(send: &Send) -> bool {
    matches!(send.by, "Process.monitor" | ":erlang.monitor")
}

impl Flow {
    /// Handlers that nothing in the project sends to, catch-alls and what the system sends left out.
    pub fn unsent<'a>(&'a self, project: &'a Project<'_>) -> impl Iterator<Item = u32> + 'a {
        let numbers = 0..self.handlers.len() as u32;
        numbers.filter(move |&number| {
            let (unit, at) = self.handlers[number as usize];
            let handler = &project.unit(unit).otp_facts().handlers[at as usize];
            self.incoming[number as usize].is_empty()
                && handler.pattern.is_telling()
                && matches!(handler.taker, Taker::Clause(_))
                && !is_of_system(&handler.pattern)
        })
    }
}

/// Messages that the VM and its libraries send.
fn is_of_system(pattern: &Shape) -> bool {
    const TAGS: &[&str] = &[
        "DOWN",
        "EXIT",
        "nodeup",
        "nodedown",
        "timeout",
        "tcp",
        "tcp_closed",
        "tcp_error",
        "tcp_passive",
        "ssl",
        "ssl_closed",
        "ssl_error",
        "udp",
        "udp_error",
        "udp_passive",
        "inet_async",
        "ETS-TRANSFER",
        "data",
        "exit_status",
        "data_in",
        "signal",
        "io_request",
        "system",
        "closed",
        "eof",
    ];
    tags(pattern).iter().any(|tag| TAGS.contains(&tag.text()))
}
