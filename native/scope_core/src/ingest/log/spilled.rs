//! The blocks of a segment on the disk, and the few that were read back last.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::ingest::log::block::Block;
use crate::ingest::log::bounds::READ_BACK_PART;
use crate::ingest::log::codec;
use crate::ingest::log::disk::DiskFile;
use crate::ingest::log::segment::Index;

/// Blocks that were read back last: so many at most.
const KEPT: usize = 64;

/// What all spilled segments of a log share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    kept: Mutex<Kept>,
    /// Of the blocks that are kept.
    kept_bytes_max: usize,
    pub read: AtomicU64,
    pub damaged: AtomicU64,
    pub failures: AtomicU64,
    pub disk_bytes: AtomicU64,
    pub last_error: Mutex<Option<String>>,
}

/// The latest last: file, position, block.
#[derive(Debug, Default)]
struct Kept {
    blocks: VecDeque<(u64, u64, Arc<Block>)>,
    bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Spilled {
    pub file: Arc<dyn DiskFile>,
    pub file_number: u64,
    /// Where each block begins, and its bytes.
    pub blocks: Box<[(u64, u32)]>,
    pub shared: Arc<Shared>,
}

impl Spilled {
    pub fn memory_bytes(&self) -> usize {
        self.blocks.len() * size_of::<(u64, u32)>()
    }

    pub fn block(&self, number: usize, index: &Index) -> Result<Arc<Block>> {
        let (at, len) = self.blocks[number];
        if let Some(known) = self.shared.find(self.file_number, at) {
            return Ok(known);
        }
        let head = &index.blocks[number];
        let damaged = |why: &str| {
            self.shared.damaged.fetch_add(1, Ordering::Relaxed);
            Error::Corrupt {
                detail: format!(
                    "events {} to {} of the event log (from {} to {} ns since 1970) cannot be read back from the \
                     disk: {why}; other ranges can",
                    head.first_event_id,
                    head.end_event_id() - 1,
                    head.min_ns,
                    head.max_ns
                ),
            }
        };
        let mut bytes = vec![0; len as usize];
        let read = self.file.read_at(at, &mut bytes);
        read.map_err(|error| damaged(&error.to_string()))?;
        let block = codec::decode(&bytes).map_err(damaged)?;
        if block.head.first_event_id != head.first_event_id || block.head.rows != head.rows {
            return Err(damaged("it is another block"));
        }
        self.shared.read.fetch_add(1, Ordering::Relaxed);
        let block = Arc::new(block);
        self.shared.keep(self.file_number, at, &block);
        Ok(block)
    }
}

impl Shared {
    /// For a log of so many bytes.
    pub fn new(log_bytes: usize) -> Self {
        Shared {
            kept_bytes_max: log_bytes / READ_BACK_PART,
            ..Shared::default()
        }
    }

    fn find(&self, file: u64, at: u64) -> Option<Arc<Block>> {
        let kept = self.kept.lock();
        let mut newest_first = kept.blocks.iter().rev();
        let found = newest_first.find(|entry| (entry.0, entry.1) == (file, at));
        found.map(|entry| Arc::clone(&entry.2))
    }

    fn keep(&self, file: u64, at: u64, block: &Arc<Block>) {
        let bytes = block.memory_bytes();
        if bytes > self.kept_bytes_max {
            return;
        }
        let mut dropped = Vec::new();
        let mut kept = self.kept.lock();
        while kept.blocks.len() >= KEPT || kept.bytes + bytes > self.kept_bytes_max {
            let Some(oldest) = kept.blocks.pop_front() else {
                break;
            };
            kept.bytes -= oldest.2.memory_bytes();
            dropped.push(oldest);
        }
        kept.bytes += bytes;
        kept.blocks.push_back((file, at, Arc::clone(block)));
        drop(kept);
        drop(dropped);
    }

    /// Bytes of the blocks that were read back last.
    pub fn memory_bytes(&self) -> usize {
        self.kept.lock().bytes
    }
}
