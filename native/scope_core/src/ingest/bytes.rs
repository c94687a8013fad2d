//! The bytes of a record on their way into the log: what stands before the value stays, the value is translated.

use crate::atoms::Atom;
use crate::capture::record::RecordKind;
use crate::captured::{self, AtomWords, transcode};
use crate::error::Result;
use crate::ingest::effect::EventKind;

/// What the engine asks of the VM while it reads records.
pub trait Names {
    /// The atom of a reason's class.
    fn reason(&mut self, class: u32) -> Option<Atom>;

    /// The atom of a word.
    fn atom(&mut self, word: u64) -> Option<Atom>;
}

/// Bytes before the value. A message: the other process, its key (8 each), its tag. What links processes: the other one.
/// A collection: words of heap and old heap, whether it is a minor one. A note: its source.
const fn head_bytes(kind: EventKind) -> usize {
    match kind {
        EventKind::Sent
        | EventKind::Received
        | EventKind::MessageSent
        | EventKind::MessageArrived
        | EventKind::SentToNone => 17,
        EventKind::Spawn | EventKind::Spawned | EventKind::Link | EventKind::Unlink => 8,
        EventKind::GcBegin | EventKind::GcEnd => 17,
        EventKind::Note => 1,
        _ => 0,
    }
}

/// An event's bytes: what stands before the value, and the value (empty: there is none).
pub fn split(kind: EventKind, blob: &[u8]) -> (&[u8], &[u8]) {
    blob.split_at(head_bytes(kind).min(blob.len()))
}

/// Appends the bytes of a record as the log keeps them. A value that cannot be read is left out: whether it was.
pub(super) fn append(
    into: &mut Vec<u8>,
    kind: RecordKind,
    blob: &[u8],
    words: &mut AtomWords,
    names: &mut impl Names,
) -> bool {
    let head = EventKind::of_record(kind).map_or(0, head_bytes);
    let (head, value) = blob.split_at(head.min(blob.len()));
    into.extend_from_slice(head);
    transcode(value, words, &mut |word| names.atom(word), into).is_ok()
}

/// Appends a row's bytes as they are saved: with nothing in them that only this VM understands. A value that cannot be
/// read is left out.
pub(super) fn portable(kind: EventKind, bytes: &[u8], out: &mut Vec<u8>) {
    let (head, value) = split(kind, bytes);
    out.extend_from_slice(head);
    let end = out.len();
    if !value.is_empty() && captured::portable(value, &(), out).is_err() {
        out.truncate(end);
    }
}

/// The way back. Errors: `Corrupt`, `LimitExceeded` for more atoms than `atoms_left`.
pub(super) fn from_portable(
    kind: EventKind,
    bytes: &[u8],
    atoms_left: &mut usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let (head, value) = split(kind, bytes);
    out.extend_from_slice(head);
    match value.is_empty() {
        true => Ok(()),
        false => captured::from_portable(value, atoms_left, out),
    }
}
