//! One event, as far as its causes go.

use crate::capture::points::FunctionKey;

/// How an activation ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    Return,
    Tail,
    Error,
    Aborted,
    Lost,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum What {
    /// An activation began; `jumped` when it is known to have been reached by a jump.
    Enter {
        jumped: bool,
    },
    End(Ending),
    /// A variable was bound, an expression gave a value, a branch was taken, an exception was caught, a user's own code ran.
    Inside,
    /// An exception was caught or reported, with its value.
    Raised,
    /// Instrumented code is about to send.
    Site,
    /// The VM saw the process send.
    Sent,
    /// The VM saw a message come to the process.
    Arrived,
    /// The VM saw the process send to somebody who is not there.
    SentToNone,
    /// Instrumented code took a message: a clause of `receive`, or a callback.
    Handled,
    /// The process made another (`peer`).
    Spawn,
    /// The process began; `peer` made it.
    Spawned,
    Exit,
    Link,
    Unlink,
    Register,
    Unregister,
    /// The process got a scheduler, or gave it up.
    In,
    Out,
    /// Anything else: garbage collection, log records.
    Other,
}

/// What kind of message it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tag {
    Plain,
    Call,
    Cast,
    Reply,
    Down,
    Exit,
    System,
}

impl Tag {
    /// The number in the event's head.
    pub fn from_byte(byte: u8) -> Tag {
        match byte {
            1 => Tag::Call,
            2 => Tag::Cast,
            3 => Tag::Reply,
            4 => Tag::Down,
            5 => Tag::Exit,
            6 => Tag::System,
            _ => Tag::Plain,
        }
    }
}

/// One event of the log, without its values.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Happening {
    pub id: u64,
    /// Nanoseconds.
    pub at_ns: u64,
    /// The word of the process.
    pub process: u64,
    pub what: What,
    /// Enter and End: the activation. Others: the activation that they belong to, 0 when that is not known.
    pub token: u64,
    /// The other process (sender, receiver, child, parent, linked), 0 when that is not known.
    pub peer: u64,
    /// The message's key: equal messages have equal keys, a call and its reply have the one of their reference. Of a spawn
    /// what the new process was begun with, of an exit the reason; 0 when that is not known.
    pub key: u64,
    pub tag: Tag,
    /// The message is more than an atom or a small number: nobody makes up the same by chance.
    pub telling: bool,
    /// Sites: it is known that a timer will send it.
    pub delayed: bool,
    /// Activations: the function.
    pub function: Option<FunctionKey>,
    /// Whether that function is a callback of an OTP behaviour that the behaviour's own loop calls. Spawns: such a loop begins.
    pub callback: bool,
    /// Spawns: a supervisor begins. Exits: the reason is `normal`. Links and their ends: the other process did it, or its
    /// death. Calls that arrive: a supervisor is asked to start a child. Enters: the jump right before can have gone nowhere else.
    pub special: bool,
}

impl Happening {
    /// An event with nothing known but when, where and what.
    pub fn new(id: u64, at_ns: u64, process: u64, what: What) -> Self {
        Happening {
            id,
            at_ns,
            process,
            what,
            token: 0,
            peer: 0,
            key: 0,
            tag: Tag::Plain,
            telling: false,
            delayed: false,
            function: None,
            callback: false,
            special: false,
        }
    }

    /// Whether the process itself did it: what arrives, what others do to it (a link, a name), and what the VM does on the
    /// side, says nothing of where it is.
    pub fn is_own(&self) -> bool {
        use What::*;
        !matches!(
            self.what,
            Arrived | In | Out | Other | Link | Unlink | Register | Unregister
        )
    }
}
