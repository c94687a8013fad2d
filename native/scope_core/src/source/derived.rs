//! What follows from one file alone: computed when first asked for, once, and kept with the file.
//!
//! A unit never changes, so neither does this: a new version of a file is a new unit and starts empty, and
//! whatever is joined from several files is mended by asking only the new one.
//!
//! A new version whose code is the same, comments and layout apart, takes over what is here. So nothing in here may say
//! where in the text a node stands: facts name nodes by `NodeIx`, and lines are looked up when they are told.

use crate::declare::Declared;
use crate::flow::{Summaries, Variables};
use crate::metrics::Sizes;
use crate::otp::Facts;
use crate::search::Postings;
use crate::smells::{self, Finding, Fingerprints};

use super::Unit;
use super::calls::Calls;
use super::cell::Cell;

/// One cell for each concern: `calls: Cell<Calls>`.
#[derive(Clone, Debug, Default)]
pub struct Derived {
    pub(super) calls: Cell<Calls>,
    pub(crate) sizes: Cell<Sizes>,
    pub(crate) postings: Cell<Postings>,
    pub(crate) declared: Cell<Declared>,
    pub(crate) variables: Cell<Variables>,
    pub(crate) summaries: Cell<Summaries>,
    pub(crate) otp: Cell<Facts>,
    pub(crate) findings: Cell<Vec<Finding>>,
    pub(crate) fingerprints: Cell<Fingerprints>,
}

impl Unit {
    /// Computes all of it now, instead of when it is first asked for.
    pub fn index(&self) {
        self.calls();
        self.declared();
        self.postings();
        self.sizes();
        self.variables();
        self.summaries();
        self.otp_facts();
        self.findings();
        self.fingerprints();
    }
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
            + self.summaries.get().map_or(0, |one| one.memory_bytes())
            + self.variables.get().map_or(0, |one| one.memory_bytes())
            + self.otp.get().map_or(0, |one| one.memory_bytes())
            + self
                .findings
                .get()
                .map_or(0, |found| smells::memory_bytes(found))
            + self
                .fingerprints
                .get()
                .map_or(0, |prints| prints.memory_bytes())
    }
}
