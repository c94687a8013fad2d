//! A value that is computed when it is first asked for, and counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

static COMPUTED: AtomicU64 = AtomicU64::new(0);

/// How many cells were filled in this process so far: what an edit made necessary is the difference.
pub fn computed() -> u64 {
    COMPUTED.load(Ordering::Relaxed)
}

/// A clone shares what was computed.
#[derive(Debug)]
pub struct Cell<T>(OnceLock<Arc<T>>);

impl<T> Cell<T> {
    pub fn get(&self) -> Option<&Arc<T>> {
        self.0.get()
    }

    pub fn get_or_init(&self, compute: impl FnOnce() -> Arc<T>) -> &Arc<T> {
        self.0.get_or_init(|| {
            COMPUTED.fetch_add(1, Ordering::Relaxed);
            compute()
        })
    }
}

impl<T> Clone for Cell<T> {
    fn clone(&self) -> Self {
        Cell(self.0.clone())
    }
}

impl<T> Default for Cell<T> {
    fn default() -> Self {
        Cell(OnceLock::new())
    }
}
