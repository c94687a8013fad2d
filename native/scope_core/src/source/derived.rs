//! What follows from one file alone: computed when first asked for, once, and kept with the file.
//!
//! A unit never changes, so neither does this: a new version of a file is a new unit and starts empty, and
//! whatever is joined from several files is mended by asking only the new one.

use std::sync::{Arc, OnceLock};

use crate::declare::Declared;
use crate::flow::Variables;
use crate::metrics::Sizes;
use crate::search::Postings;

use super::calls::Calls;

/// One cell for each concern: `calls: OnceLock<Arc<Calls>>`.
#[derive(Clone, Debug, Default)]
pub struct Derived {
    pub(super) calls: OnceLock<Arc<Calls>>,
    pub(crate) sizes: OnceLock<Arc<Sizes>>,
    pub(crate) postings: OnceLock<Arc<Postings>>,
    pub(crate) declared: OnceLock<Arc<Declared>>,
    pub(crate) variables: OnceLock<Arc<Variables>>,
}

impl Derived {
    /// Bytes held by what was computed so far.
    pub fn memory_bytes(&self) -> usize {
        self.calls.get().map_or(0, |calls| calls.memory_bytes())
            + self.sizes.get().map_or(0, |sizes| sizes.memory_bytes())
            + self.postings.get().map_or(0, |one| one.memory_bytes())
            + self
                .declared
                .get()
                .map_or(0, |declared| declared.memory_bytes())
            + self.variables.get().map_or(0, |one| one.memory_bytes())
    }
}
