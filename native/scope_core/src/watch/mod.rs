//! Source files that change on the disk.
//!
//! The `notify` crate waits for the operating system on a thread of its own, which does nothing but put paths into a
//! bounded set; whoever owns the watch takes them out when it suits him. Directories are watched one by one, so that
//! the thousands below `_build` and `deps` cost nothing, and new ones are added when they are seen.
//!
//! The thread ends with the watch: `stop` waits until it has, dropping only tells it to.

mod events;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Config, ErrorKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use crate::error::{Error, Result};
use events::Events;

/// How the watch learns of changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    /// Told by the operating system.
    Native,
    /// By looking at every directory again and again.
    Poll,
}

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Absolute.
    pub roots: Vec<PathBuf>,
    /// Names of directories that are left out, with everything below.
    pub exclude: Vec<String>,
    pub backend: Backend,
    /// More directories than this are polled: the operating system's share of one user is shared with his editor.
    pub native_max: usize,
    pub poll_interval: Duration,
}

/// What happened since the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Source files that were written, moved or removed: what became of them, the disk says.
    pub files: Vec<PathBuf>,
    /// A directory went away, and files with it.
    pub removed: bool,
    /// More happened than could be kept.
    pub overflow: bool,
}

pub struct Watch {
    settings: Settings,
    watcher: Option<Box<dyn Watcher + Send>>,
    backend: Backend,
    directories: BTreeSet<PathBuf>,
    events: Events,
    note: Option<String>,
}

/// A watch of more is a mistake, such as the root of the disk.
const DIRECTORIES_MAX: usize = 200_000;
/// How long `stop` waits for the thread; it has nothing to do but to end.
const END_TIMEOUT: Duration = Duration::from_secs(2);

impl Watch {
    /// Errors: `NotFound` when a root is no directory, `LimitExceeded` when there are too many directories,
    /// `Invalid` when neither way of watching works.
    pub fn start(settings: Settings) -> Result<Watch> {
        for root in &settings.roots {
            if !root.is_dir() {
                return Err(Error::NotFound {
                    what: "directory to watch",
                });
            }
        }
        let mut watch = Watch {
            backend: settings.backend,
            settings,
            watcher: None,
            directories: BTreeSet::new(),
            events: Events::default(),
            note: None,
        };
        for root in watch.settings.roots.clone() {
            watch.find(&root, &mut Vec::new())?;
        }
        watch.open()?;
        Ok(watch)
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    pub fn directories(&self) -> usize {
        self.directories.len()
    }

    /// Why it polls, when it was not asked to.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Whether there is anything to take. Costs one load.
    pub fn pending(&self) -> bool {
        self.events.pending()
    }

    /// Takes what happened. Directories that are new are watched from now on, and their files are in the answer: they
    /// may have come before anybody watched.
    pub fn take(&mut self) -> Result<Taken> {
        let (paths, overflow) = self.events.take();
        let mut taken = Taken {
            overflow,
            ..Taken::default()
        };
        let mut files = BTreeSet::new();
        for path in paths {
            if self.excluded(&path) {
                continue;
            }
            if path.is_dir() {
                if !self.directories.contains(&path) {
                    let mut found = Vec::new();
                    let fresh = self.find(&path, &mut found)?;
                    files.extend(found);
                    self.watch_all(&fresh)?;
                }
            } else if self.forget(&path) {
                taken.removed = true;
            } else if is_source(&path) {
                files.insert(path);
            }
        }
        taken.files = files.into_iter().collect();
        Ok(taken)
    }

    /// Ends the watch and waits until its thread has ended. False when that took too long.
    pub fn stop(&mut self) -> bool {
        self.close();
        self.events.ended(END_TIMEOUT)
    }

    /// Tells the thread to end.
    fn close(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            // The crate takes it for granted that its thread lives; if it does not, there is nothing to end.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(watcher)));
        }
    }

    // Backends

    fn open(&mut self) -> Result<()> {
        let all: Vec<PathBuf> = self.directories.iter().cloned().collect();
        if self.backend == Backend::Native {
            if all.len() > self.settings.native_max {
                let max = self.settings.native_max;
                return self.poll(format!("{} directories, more than {max}", all.len()));
            }
            match RecommendedWatcher::new(self.events.handler(), Config::default()) {
                Ok(watcher) => self.watcher = Some(Box::new(watcher)),
                Err(error) => return self.poll(error.to_string()),
            }
        } else if self.watcher.is_none() {
            // Contents are compared: times have seconds only, and two edits within one are not rare.
            let config = Config::default()
                .with_poll_interval(self.settings.poll_interval)
                .with_compare_contents(true);
            let watcher = PollWatcher::new(self.events.handler(), config).map_err(unusable)?;
            self.watcher = Some(Box::new(watcher));
        }
        self.watch_all(&all)
    }

    /// From now on by polling.
    fn poll(&mut self, why: String) -> Result<()> {
        self.close();
        self.backend = Backend::Poll;
        self.note = Some(format!(
            "polling, since the system's events cannot be used: {why}"
        ));
        // What happened between the two, nobody saw.
        self.events.overflow();
        self.open()
    }

    fn watch_all(&mut self, directories: &[PathBuf]) -> Result<()> {
        if self.backend == Backend::Native && self.directories.len() > self.settings.native_max {
            let max = self.settings.native_max;
            return self.poll(format!(
                "{} directories, more than {max}",
                self.directories.len()
            ));
        }
        for directory in directories {
            let Some(watcher) = &mut self.watcher else {
                return Ok(());
            };
            match watcher.watch(directory, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                Err(error) if self.backend == Backend::Native && is_limit(&error) => {
                    return self.poll(error.to_string());
                }
                // It went away again, or may not be read.
                Err(_) => {
                    self.directories.remove(directory);
                }
            }
        }
        Ok(())
    }

    // Directories

    /// Puts the directories from `start` down into `directories`, and their source files into `files`. Gives the new
    /// ones.
    fn find(&mut self, start: &Path, files: &mut Vec<PathBuf>) -> Result<Vec<PathBuf>> {
        let mut fresh = Vec::new();
        let mut open = vec![start.to_owned()];
        while let Some(directory) = open.pop() {
            if self.directories.len() >= DIRECTORIES_MAX {
                return Err(Error::LimitExceeded {
                    what: "directories to watch",
                    limit: DIRECTORIES_MAX as u64,
                });
            }
            if !self.directories.insert(directory.clone()) {
                continue;
            }
            let entries = std::fs::read_dir(&directory)
                .into_iter()
                .flatten()
                .flatten();
            for entry in entries {
                let path = entry.path();
                // Links to directories are not followed: they lead out of the project, or in circles.
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && !self.excluded(&path) => open.push(path),
                    Ok(kind) if !kind.is_dir() && is_source(&path) => files.push(path),
                    _ => {}
                }
            }
            fresh.push(directory);
        }
        Ok(fresh)
    }

    /// Forgets a directory that is gone, and what was below it. False when it was none of ours.
    fn forget(&mut self, path: &Path) -> bool {
        if !self.directories.remove(path) {
            return false;
        }
        let below: Vec<PathBuf> = self
            .directories
            .range::<Path, _>((std::ops::Bound::Excluded(path), std::ops::Bound::Unbounded))
            .take_while(|other| other.starts_with(path))
            .cloned()
            .collect();
        for gone in std::iter::once(path.to_owned()).chain(below) {
            self.directories.remove(&gone);
            if let Some(watcher) = &mut self.watcher {
                // The system forgets what is gone by itself; a directory that moved away would still be told of.
                let _ = watcher.unwatch(&gone);
            }
        }
        true
    }

    /// Whether the path is in a directory that is left out, below its root.
    fn excluded(&self, path: &Path) -> bool {
        let root = self
            .settings
            .roots
            .iter()
            .find(|root| path.starts_with(root));
        let inside = root.and_then(|root| path.strip_prefix(root).ok());
        let mut parts = inside.into_iter().flat_map(|inside| inside.components());
        parts.any(|part| {
            let name = part.as_os_str();
            self.settings
                .exclude
                .iter()
                .any(|other| name == other.as_str())
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.close();
    }
}

/// `.ex` and `.exs`, but not what an editor keeps beside them (`.#cart.ex`, `.cart.ex.swp`).
fn is_source(path: &Path) -> bool {
    let named = |name: &str| !name.starts_with('.');
    let source = path
        .extension()
        .is_some_and(|end| end == "ex" || end == "exs");
    source
        && path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(named)
}

fn is_limit(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::MaxFilesWatch => true,
        ErrorKind::Io(io) => io.kind() == std::io::ErrorKind::StorageFull,
        _ => false,
    }
}

fn unusable(error: notify::Error) -> Error {
    Error::Invalid {
        what: "watch",
        detail: error.to_string(),
    }
}
