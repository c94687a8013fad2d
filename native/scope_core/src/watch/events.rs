//! What the thread of the `notify` crate leaves behind: paths, each once, at most so many.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ahash::AHashSet;
use notify::{ErrorKind, Event, EventHandler, EventKind};
use parking_lot::{Condvar, Mutex};

/// Beyond this it is cheaper to look at everything.
const PATHS_MAX: usize = 10_000;

#[derive(Default)]
struct Inner {
    pending: AtomicBool,
    paths: Mutex<(AHashSet<PathBuf>, bool)>,
    /// Handlers that exist: each belongs to a thread and goes when it ends.
    handlers: Mutex<usize>,
    ended: Condvar,
}

#[derive(Clone, Default)]
pub(super) struct Events(Arc<Inner>);

impl Events {
    pub fn pending(&self) -> bool {
        self.0.pending.load(Ordering::Acquire)
    }

    pub fn take(&self) -> (AHashSet<PathBuf>, bool) {
        // First the flag: what comes in between sets it again.
        self.0.pending.store(false, Ordering::Release);
        std::mem::take(&mut *self.0.paths.lock())
    }

    pub fn overflow(&self) {
        self.0.paths.lock().1 = true;
        self.0.pending.store(true, Ordering::Release);
    }

    pub fn handler(&self) -> Handler {
        *self.0.handlers.lock() += 1;
        Handler(self.0.clone())
    }

    /// Waits until no thread is left. False when that took too long.
    pub fn ended(&self, timeout: Duration) -> bool {
        let mut handlers = self.0.handlers.lock();
        let waited = self
            .0
            .ended
            .wait_while_for(&mut handlers, |left| *left > 0, timeout);
        !waited.timed_out()
    }
}

/// What the thread calls. Touches nothing but the set.
pub(super) struct Handler(Arc<Inner>);

impl EventHandler for Handler {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        let event = match event {
            Ok(event) => event,
            // Polling meets a directory that went away as an error, again and again until it is forgotten.
            Err(error) if is_gone(&error) => return self.note(error.paths, false),
            Err(_) => return self.note([], true),
        };
        if matches!(event.kind, EventKind::Access(_)) && !event.need_rescan() {
            return;
        }
        let rescan = event.need_rescan();
        self.note(event.paths, rescan);
    }
}

fn is_gone(error: &notify::Error) -> bool {
    let gone = match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(io) => io.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    };
    gone && !error.paths.is_empty()
}

impl Handler {
    fn note(&self, paths: impl IntoIterator<Item = PathBuf>, rescan: bool) {
        let mut held = self.0.paths.lock();
        let (all, overflow) = &mut *held;
        *overflow |= rescan;
        for path in paths {
            if all.len() < PATHS_MAX {
                all.insert(path);
            } else {
                *overflow = true;
            }
        }
        if *overflow || !all.is_empty() {
            self.0.pending.store(true, Ordering::Release);
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        *self.0.handlers.lock() -= 1;
        self.0.ended.notify_all();
    }
}
