//! What a probe writes: 32 bytes, fixed.

use crate::capture::clock::Ticks;
use crate::numbered::numbered;

numbered! {
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
        /// A trace is taken away; the payload is its number.
        TraceClosed = 47,

        /// A traced function has ended, and this is where it went on: the function, or `undefined`.
        ReturnedTo = 48,

        // Of the account of who reached what.
        /// The process begins to work for the owner in the payload; that owner's work ends.
        WorkBegin = 18,
        WorkEnd = 19,
    }
}

impl RecordKind {
    /// The kind of this number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        RecordKind::BY_BYTE
            .get(usize::from(byte))
            .copied()
            .flatten()
    }

    const BY_BYTE: [Option<RecordKind>; 64] = {
        let mut table = [None; 64];
        let mut at = 0;
        while at < Self::ALL.len() {
            table[Self::ALL[at] as usize] = Some(Self::ALL[at]);
            at += 1;
        }
        table
    };

    /// Whether the record begins something, or ends nothing: these are refused first when a ring fills up, so that what
    /// has begun can still be reported to end.
    #[inline]
    pub fn opens(self) -> bool {
        use RecordKind::*;
        !matches!(
            self,
            Exit | Tail
                | TryLeave
                | Caught
                | Down
                | Pause
                | ForeignError
                | ProcessExit
                | WorkEnd
                | TraceClosed
        )
    }
}

/// What the beginning of a foreign activation carries in place of a reason.
pub mod foreign {
    const ENDLESS: u32 = 1 << 8;

    /// Of the trace with this number; `ends` says whether its end will be reported.
    #[inline(always)]
    pub fn of(trace: u32, ends: bool) -> u32 {
        if ends { trace } else { trace | ENDLESS }
    }

    #[inline(always)]
    pub fn trace(reason: u32) -> u8 {
        reason as u8
    }

    #[inline(always)]
    pub fn is_endless(reason: u32) -> bool {
        reason & ENDLESS != 0
    }
}

/// One record, as the consumer sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    pub at: Ticks,
    /// The word of the process's pid: opaque here.
    pub process: u64,
    pub payload: u64,
    /// Dense number of the point; 0 where the kind has none.
    pub point: u32,
    pub kind: RecordKind,
    /// Class of the reason (24 bits) of `Caught`; 0 when there is none. `Enter` of a foreign point: see [`foreign`].
    pub reason: u32,
    pub blob: BlobState,
}

/// Whether bytes belong to a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BlobState {
    #[default]
    None,
    /// They are the next ones of the thread's blobs.
    Here,
    /// There was no room for them.
    Lost,
}

pub(super) const WORDS: usize = 4;

// The kind's byte: the kind itself takes six bits.
const KIND: u8 = 0x3F;
const LOST: u8 = 0x40;
const HERE: u8 = 0x80;

impl Record {
    #[inline(always)]
    pub(super) fn to_words(self) -> [u64; WORDS] {
        let blob = match self.blob {
            BlobState::None => 0,
            BlobState::Here => HERE,
            BlobState::Lost => LOST,
        };
        let aux = u64::from(self.reason) << 8 | u64::from(self.kind as u8 | blob);
        [
            self.at,
            self.process,
            self.payload,
            aux << 32 | u64::from(self.point),
        ]
    }

    #[inline(always)]
    pub(super) fn from_words(words: [u64; WORDS]) -> Option<Record> {
        let aux = (words[3] >> 32) as u32;
        Some(Record {
            at: words[0],
            process: words[1],
            payload: words[2],
            point: words[3] as u32,
            kind: RecordKind::from_byte(aux as u8 & KIND)?,
            reason: aux >> 8,
            blob: match aux as u8 & !KIND {
                0 => BlobState::None,
                LOST => BlobState::Lost,
                _ => BlobState::Here,
            },
        })
    }
}
