//! The one place where a new version of a file takes the place of an old one.

use std::sync::Arc;

use crate::source::Unit;
use crate::store::repository::Repository;

impl Repository {
    /// Called once for each file whose unit was replaced, after the new one is in place, in the order of the paths.
    /// The two may have one AST and differ only in what their modules are called (`My.Mod` and `My.Mod~9c01ab`).
    ///
    /// Runs while `gate` is held exclusively: what is done here delays every writer, so it has to be proportional
    /// to the file.
    pub(super) fn replaced(&self, old: &Arc<Unit>, new: &Arc<Unit>) {
        debug_assert!(!Arc::ptr_eq(old, new));
    }
}
