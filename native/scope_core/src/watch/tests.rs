use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{Backend, Settings, Watch};
use crate::error::Error;

/// A directory of its own, removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("scope-watch-{}-{number}", std::process::id()));
        fs::create_dir_all(path.join("lib")).unwrap();
        fs::create_dir_all(path.join("_build/dev")).unwrap();
        Dir(path.canonicalize().unwrap())
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn watch(&self, backend: Backend, native_max: usize) -> Watch {
        Watch::start(Settings {
            roots: vec![self.0.clone()],
            exclude: vec!["_build".into()],
            backend,
            native_max,
            poll_interval: Duration::from_millis(50),
        })
        .unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Takes until these files were seen, or time is up; gives all that were seen, relative.
fn seen(watch: &mut Watch, dir: &Dir, wanted: &[&str]) -> BTreeSet<String> {
    let until = Instant::now() + Duration::from_secs(5);
    let mut all = BTreeSet::new();
    while Instant::now() < until && !wanted.iter().all(|file| all.contains(*file)) {
        if watch.pending() {
            let taken = watch.take().unwrap();
            let relative = |path: &PathBuf| relative(path, &dir.0);
            all.extend(taken.files.iter().map(relative));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    all
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

fn threads() -> usize {
    let named = |entry: std::io::Result<fs::DirEntry>| {
        let comm = entry.ok()?.path().join("comm");
        fs::read_to_string(comm)
            .ok()
            .filter(|name| name.starts_with("notify-rs"))
    };
    fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.filter_map(named).count())
}

fn written_moved_and_removed(backend: Backend) {
    let dir = Dir::new();
    dir.write("lib/old.ex", "1");
    let mut watch = dir.watch(backend, 100);
    assert_eq!(watch.backend(), backend);
    assert_eq!((watch.directories(), watch.note()), (2, None));

    dir.write("lib/new.ex", "1");
    dir.write("lib/notes.txt", "1");
    dir.write("_build/dev/x.ex", "1");
    assert_eq!(
        seen(&mut watch, &dir, &["lib/new.ex"]),
        set(&["lib/new.ex"])
    );

    // As editors write: a new file beside the old one, moved over it.
    dir.write("lib/.old.ex.swp", "2");
    fs::rename(dir.0.join("lib/.old.ex.swp"), dir.0.join("lib/old.ex")).unwrap();
    assert_eq!(
        seen(&mut watch, &dir, &["lib/old.ex"]),
        set(&["lib/old.ex"])
    );

    fs::remove_file(dir.0.join("lib/new.ex")).unwrap();
    assert_eq!(
        seen(&mut watch, &dir, &["lib/new.ex"]),
        set(&["lib/new.ex"])
    );

    // A directory that came later, with a file that was in it before anybody watched.
    dir.write("lib/deep/er/a.ex", "1");
    assert!(seen(&mut watch, &dir, &["lib/deep/er/a.ex"]).contains("lib/deep/er/a.ex"));
    assert_eq!(watch.directories(), 4);
    dir.write("lib/deep/er/b.ex", "1");
    assert!(seen(&mut watch, &dir, &["lib/deep/er/b.ex"]).contains("lib/deep/er/b.ex"));

    fs::remove_dir_all(dir.0.join("lib/deep")).unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    let mut removed = false;
    while !(removed && watch.directories() == 2) && Instant::now() < until {
        removed |= watch.take().unwrap().removed;
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(removed);
    assert_eq!(watch.directories(), 2);
    assert!(watch.stop());
}

fn set(files: &[&str]) -> BTreeSet<String> {
    files.iter().map(|file| file.to_string()).collect()
}

#[test]
fn by_events_of_the_system() {
    written_moved_and_removed(Backend::Native);
}

#[test]
fn by_polling() {
    written_moved_and_removed(Backend::Poll);
}

#[test]
fn beyond_the_limit_it_polls_and_says_so() {
    let dir = Dir::new();
    let mut watch = dir.watch(Backend::Native, 1);
    assert_eq!(watch.backend(), Backend::Poll);
    assert!(watch.note().unwrap().contains("more than 1"));
    // Whoever owns it looks at everything once.
    assert!(watch.take().unwrap().overflow);
    dir.write("lib/a.ex", "1");
    assert_eq!(seen(&mut watch, &dir, &["lib/a.ex"]), set(&["lib/a.ex"]));

    // Also when the limit is met later.
    let mut watch = dir.watch(Backend::Native, 2);
    assert_eq!(watch.backend(), Backend::Native);
    dir.write("lib/more/b.ex", "1");
    assert!(seen(&mut watch, &dir, &["lib/more/b.ex"]).contains("lib/more/b.ex"));
    assert_eq!(watch.backend(), Backend::Poll);
    dir.write("lib/more/c.ex", "1");
    assert!(seen(&mut watch, &dir, &["lib/more/c.ex"]).contains("lib/more/c.ex"));
}

#[test]
fn no_thread_is_left() {
    let dir = Dir::new();
    for backend in [Backend::Native, Backend::Poll] {
        let mut watch = dir.watch(backend, 100);
        // It has its name when it runs, which on a busy machine is not at once.
        let started = std::time::Instant::now();
        while threads() == 0 && started.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(threads() > 0);
        assert!(watch.stop());
        // Stopping twice is stopping.
        assert!(watch.stop());
        drop(watch);
        let watch = dir.watch(backend, 100);
        let events = watch.events.clone();
        drop(watch);
        assert!(
            events.ended(Duration::from_secs(5)),
            "dropping ends the thread soon"
        );
    }
}

#[test]
fn what_is_no_directory_is_refused() {
    let settings = Settings {
        roots: vec!["/no/such/directory".into()],
        exclude: vec![],
        backend: Backend::Native,
        native_max: 1,
        poll_interval: Duration::from_secs(1),
    };
    assert!(matches!(
        Watch::start(settings),
        Err(Error::NotFound { .. })
    ));
}
