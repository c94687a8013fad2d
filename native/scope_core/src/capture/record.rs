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
}

impl RecordKind {
    /// The kind of this number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        use RecordKind::*;
        [
            Enter, Exit, Tail, TryEnter, TryLeave, Caught, Down, Pause, Reach,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }

    /// Whether the record begins something, or ends nothing: these are refused first when a ring fills up, so that what
    /// has begun can still be reported to end.
    #[inline]
    pub fn opens(self) -> bool {
        matches!(
            self,
            RecordKind::Enter | RecordKind::TryEnter | RecordKind::Reach
        )
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
    /// Class of the reason (24 bits) of `Caught`; 0 when there is none.
    pub reason: u32,
}

pub(super) const WORDS: usize = 4;

impl Record {
    #[inline(always)]
    pub(super) fn to_words(self) -> [u64; WORDS] {
        let aux = u64::from(self.reason) << 8 | self.kind as u64;
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
            kind: RecordKind::from_byte(aux as u8)?,
            reason: aux >> 8,
        })
    }
}
