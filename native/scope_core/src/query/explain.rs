//! How a question was answered, step by step.

use std::cell::Cell;

/// One step of a plan: what it does, what was expected, what came.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Steps that feed it are one deeper, and follow it.
    pub depth: usize,
    pub name: String,
    pub detail: String,
    pub estimated_rows: Option<f64>,
    /// `None` when it was only planned.
    pub rows: Option<u64>,
    pub nanoseconds: Option<u64>,
}

/// Counts of a step while it runs.
#[derive(Default)]
pub struct Count {
    pub rows: Cell<u64>,
    pub nanoseconds: Cell<u64>,
}

impl Count {
    pub fn add(&self, rows: usize, nanoseconds: u64) {
        self.rows.set(self.rows.get() + rows as u64);
        self.nanoseconds.set(self.nanoseconds.get() + nanoseconds);
    }
}
