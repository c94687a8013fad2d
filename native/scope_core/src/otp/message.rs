//! What is sent, and what takes it.

use crate::ast::NodeIx;

use super::shape::Shape;

/// How a message travels, which decides who may take it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MessageKind {
    Call,
    Cast,
    Info,
    /// `{:continue, term}`, from a callback to the next one of its own module.
    Continue,
    /// `{:next_event, :internal, term}`, and time-outs of a state machine.
    Event,
    /// To whoever called: what waits for a reply takes it.
    Reply,
    /// A function that runs in an `Agent`.
    Agent,
}

impl MessageKind {
    pub fn text(self) -> &'static str {
        match self {
            MessageKind::Call => "call",
            MessageKind::Cast => "cast",
            MessageKind::Info => "info",
            MessageKind::Continue => "continue",
            MessageKind::Event => "event",
            MessageKind::Reply => "reply",
            MessageKind::Agent => "agent",
        }
    }
}

/// To whom.
#[derive(Clone, PartialEq, Debug)]
pub enum Target {
    /// A pid, a name, `{:via, ...}`, ...
    Server(Shape),
    /// Whoever subscribed to a topic.
    Topic(Shape),
    /// Whoever is served just now.
    Caller,
    /// Everyone in a list of nodes or names.
    Everyone,
}

/// One place that sends.
#[derive(Clone, Debug)]
pub struct Send {
    pub node: NodeIx,
    /// Sent by a function of the same module that was called here: the place in there.
    pub through: Option<NodeIx>,
    pub kind: MessageKind,
    /// What sends: `GenServer.call`, `send`, ...
    pub by: &'static str,
    pub target: Target,
    pub message: Shape,
    /// The VM sends it, because of what is written here: a monitor, a timer's owner, a port.
    pub by_runtime: bool,
}

impl Send {
    pub fn memory_bytes(&self) -> usize {
        let target = match &self.target {
            Target::Server(shape) | Target::Topic(shape) => shape.heap_bytes(),
            _ => 0,
        };
        size_of::<Send>() + target + self.message.heap_bytes()
    }
}

/// One place that subscribes its process to a topic.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub node: NodeIx,
    pub topic: Shape,
}
