//! The bytes of a record on their way into the log.

use crate::atoms::Atom;
use crate::capture::record::RecordKind;

/// What the engine asks of the VM while it reads records.
pub trait Names {
    /// The atom of a reason's class.
    fn reason(&mut self, class: u32) -> Option<Atom>;

    /// The atom of a word.
    fn atom(&mut self, word: u64) -> Option<Atom>;
}

/// Appends the bytes of a record as the log keeps them.
pub(super) fn append(into: &mut Vec<u8>, _kind: RecordKind, blob: &[u8], _names: &mut impl Names) {
    into.extend_from_slice(blob);
}
