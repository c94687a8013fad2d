//! The one place where a new version of a file takes the place of an old one.

use std::sync::Arc;

use crate::source::Unit;
use crate::store::record::FileRecord;
use crate::store::state::State;

impl State {
    /// Called once for each file whose unit was replaced, with the new one in place and the module records settled,
    /// in the order of the paths. What is changed here is published together with the new unit: no reader sees one
    /// without the other. The two may have one AST and differ only in what their modules are called (`My.Mod` and
    /// `My.Mod~9c01ab`).
    ///
    /// Other writers wait meanwhile, so what is done here has to be proportional to the file.
    pub(super) fn replaced(&mut self, old: &Arc<Unit>, new: &Arc<Unit>) {
        debug_assert!(!Arc::ptr_eq(old, new));
    }
}

impl FileRecord {
    /// This version of a file, keeping of the last one what still holds: when only comments and layout are others,
    /// everything that was computed from the code.
    pub(super) fn after(self, old: &FileRecord) -> FileRecord {
        if Arc::ptr_eq(&self.unit, &old.unit) || !self.unit.same_code(&old.unit) {
            return self;
        }
        FileRecord {
            unit: Arc::new(self.unit.with_derived_of(&old.unit)),
            ..self
        }
    }
}
