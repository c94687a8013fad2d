//! What a probe writes: 32 bytes, fixed.

use crate::capture::clock::Ticks;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RecordKind {
    /// An activation begins; its token is the record's payload.
    Enter = 1,
    /// The activation of the token gives its value.
    Exit = 2,
    /// The activation of the token jumps.
    Tail = 3,
    /// A `try` begins, is left, or caught something.
    TryEnter = 4,
    TryLeave = 5,
    Caught = 6,
    /// The process died.
    Down = 7,
    /// The process was held back; the payload is for how many ticks.
    Pause = 8,
    /// A branch was reached, for the first time that counts.
    Reach = 9,

    // Of an activation (the payload is its token, or 0: the innermost open one of the point's function).
    /// A variable was bound; the blob is its value.
    Bind = 10,
    /// An expression gave a value.
    Value = 11,
    /// A branch was taken.
    Choice = 12,
    /// A message is about to be sent; the blob is a message.
    Send = 13,
    /// A message was taken: by a `receive`, or by a callback of OTP.
    Receive = 14,
    /// An exception was caught; the blob is its value.
    Raise = 15,
    /// The user's own code ran; the blob is what it gave.
    Custom = 16,
    /// Something that another source told: a log record, a telemetry event, a crash.
    Note = 17,

    // Of a process, from the VM's own tracing.
    MessageSent = 32,
    MessageArrived = 33,
    SentToNone = 34,
    Spawn = 35,
    Spawned = 36,
    ProcessExit = 37,
    Link = 38,
    Unlink = 39,
    Register = 40,
    Unregister = 41,
    /// Scheduled in, out.
    In = 42,
    Out = 43,
    GcBegin = 44,
    GcEnd = 45,
    /// An uninstrumented function was left by an exception; the point is the function's.
    ForeignError = 46,
            Exit | Tail
                | TryLeave
                | Caught
                | Down
                | Pause
                | ForeignError
                | ProcessExit
                | TraceClosed
