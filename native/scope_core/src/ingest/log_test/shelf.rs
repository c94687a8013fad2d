//! A disk in memory, which can be full, lose what it has, or give back other bytes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::ingest::{Disk, DiskFile};

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub files: Mutex<Vec<Arc<Paper>>>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    full: AtomicBool,
    /// Of all bytes ever written.
    room: AtomicU64,
    bounded: AtomicBool,
}

#[derive(Debug, Default)]
pub(crate) struct Paper {
    pub bytes: Mutex<Vec<u8>>,
    state: Arc<State>,
}

impl Shelf {
    pub fn fill(&self, full: bool) {
        self.state.full.store(full, Ordering::Relaxed);
    }

    /// Full after so many more bytes, in the middle of a write.
    pub fn full_after(&self, bytes: u64) {
        self.state.room.store(bytes, Ordering::Relaxed);
        self.state.bounded.store(true, Ordering::Relaxed);
    }
}

impl Disk for Shelf {
    fn create(&self) -> io::Result<Arc<dyn DiskFile>> {
        let state = Arc::clone(&self.state);
        let paper = Arc::new(Paper {
            bytes: Mutex::default(),
            state,
        });
        self.files.lock().push(Arc::clone(&paper));
        Ok(paper)
    }
}

impl DiskFile for Paper {
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut all = self.bytes.lock();
        all.truncate(at as usize);
        if self.state.full.load(Ordering::Relaxed) {
            return Err(io::Error::other("no space left"));
        }
        if self.state.bounded.load(Ordering::Relaxed) {
            let room = self.state.room.load(Ordering::Relaxed);
            let part = bytes.len().min(room as usize);
            all.extend_from_slice(&bytes[..part]);
            self.state.room.store(room - part as u64, Ordering::Relaxed);
            return match part == bytes.len() {
                true => Ok(()),
                false => Err(io::ErrorKind::StorageFull.into()),
            };
        }
        all.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let all = self.bytes.lock();
        let from = all.get(at as usize..at as usize + into.len());
        into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
