//! The one place where the event log meets a file system.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where segments go that memory has no room for.
pub trait Disk: Send + Sync + std::fmt::Debug {
    /// A new, empty file. It is gone when the last holder lets go of it.
    fn create(&self) -> io::Result<Arc<dyn DiskFile>>;
}

/// A file of segments.
pub trait DiskFile: Send + Sync + std::fmt::Debug {
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()>;
}

/// Files of a directory. Each loses its name as soon as it is made, where the operating system allows that: so nothing is
/// left behind, however the VM ends.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    pub fn new(path: PathBuf) -> Self {
        Directory { path }
    }
}

static FILES: AtomicU64 = AtomicU64::new(0);

impl Disk for Directory {
    fn create(&self) -> io::Result<Arc<dyn DiskFile>> {
        std::fs::create_dir_all(&self.path)?;
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let name = format!("elixir_scope-{}-{number}.events", std::process::id());
        let path = self.path.join(name);
        // What is there under this name is of a process that is no more.
        let _ = std::fs::remove_file(&path);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        let named = std::fs::remove_file(&path).is_err().then_some(path);
        Ok(Arc::new(OpenFile { file, named }))
    }
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    /// Where a file cannot lose its name while it is open.
    named: Option<PathBuf>,
}

impl DiskFile for OpenFile {
    #[cfg(unix)]
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, at)
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, into, at)
    }

    #[cfg(windows)]
    fn write_at(&self, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(&self.file, bytes, at)?;
            at += written as u64;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    #[cfg(windows)]
    fn read_at(&self, mut at: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            let read = std::os::windows::fs::FileExt::seek_read(&self.file, into, at)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            at += read as u64;
            into = &mut into[read..];
        }
        Ok(())
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(path) = &self.named {
            let _ = std::fs::remove_file(path);
        }
    }
}
