//! Bringing segments to the disk, block by block, by whoever ingests, outside of the log's lock.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::ingest::log::disk::{Disk, DiskFile};
use crate::ingest::log::segment::{Body, Segment};
use crate::ingest::log::spilled::{Shared, Spilled};
use crate::ingest::log::{Log, encode, packed_bytes_max};

/// After a write that failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const FILE_BYTES_MIN: u64 = 64 * 1024;
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(crate) struct Spiller {
    disk: Arc<dyn Disk>,
    bytes_max: u64,
    shared: Arc<Shared>,
    /// Oldest first; the last is written to.
    files: VecDeque<SpillFile>,
    next_number: u64,
    job: Option<Job>,
    retry_at: Option<Instant>,
}

struct SpillFile {
    number: u64,
    file: Arc<dyn DiskFile>,
    bytes: u64,
}

/// A segment on its way, block by block: what is packed is never more than one of them.
struct Job {
    segment: Arc<Segment>,
    file: Arc<dyn DiskFile>,
    file_number: u64,
    /// Where in the file the next block goes.
    end: u64,
    /// Where each finished block begins, and its bytes.
    blocks: Vec<(u64, u32)>,
}

impl Spiller {
    pub fn new(disk: Arc<dyn Disk>, bytes_max: u64, shared: Arc<Shared>) -> Self {
        Spiller {
            disk,
            bytes_max,
            shared,
            files: VecDeque::new(),
            next_number: 1,
            job: None,
            retry_at: None,
        }
    }

    /// One step: a block, or, where memory is tight, as many as it takes. `with` runs its argument under the log's lock.
    pub fn turn(&mut self, with: impl Fn(&mut dyn FnMut(&mut Log))) {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        self.retry_at = None;
        loop {
            let mut tight = false;
            let mut oldest_file = None;
            let mut next = None;
            with(&mut |log| {
                tight = log.is_tight();
                oldest_file = log.oldest_file();
                if self.job.is_none() {
                    next = log.next_to_spill();
                }
            });
            self.let_go(oldest_file);
            let begun = match next {
                Some(segment) => self.begin(segment, &with),
                None => Ok(()),
            };
            let Some(job) = &mut self.job else {
                return begun.unwrap_or_else(|error| self.failed(error));
            };
            match job.step() {
                Err(error) => {
                    self.job = None;
                    return self.failed(error.to_string());
                }
                Ok(true) => self.finish(&with),
                Ok(false) => {}
            }
            if !tight {
                return;
            }
        }
    }

    /// Files before the oldest that still holds a segment.
    fn let_go(&mut self, oldest: Option<u64>) {
        while self.files.len() > 1
            && oldest.is_none_or(|oldest| self.files[0].number < oldest)
            && self.files.pop_front().is_some()
        {}
        let bytes = self.disk_bytes();
        self.shared.disk_bytes.store(bytes, Ordering::Relaxed);
    }

    fn disk_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// What could not be written stays in memory, for as long as there is room.
    fn failed(&mut self, error: String) {
        self.shared.failures.fetch_add(1, Ordering::Relaxed);
        *self.shared.last_error.lock() = Some(error);
        self.retry_at = Some(Instant::now() + RETRY_AFTER);
    }

    fn finish(&mut self, with: &impl Fn(&mut dyn FnMut(&mut Log))) {
        let Some(job) = self.job.take() else { return };
        if let Some(last) = self.files.back_mut() {
            last.bytes = job.end;
        }
        let mut body = Some(Body::Disk(Spilled {
            file: job.file,
            file_number: job.file_number,
            blocks: job.blocks.into(),
            shared: Arc::clone(&self.shared),
        }));
        with(&mut |log| {
            if let Some(body) = body.take() {
                log.spilled(&job.segment, body);
            }
        });
        let bytes = self.disk_bytes();
        self.shared.disk_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Finds a place for a segment, after making room for as much as it can take.
    fn begin(
        &mut self,
        segment: Arc<Segment>,
        with: &impl Fn(&mut dyn FnMut(&mut Log)),
    ) -> Result<(), String> {
        let Body::Memory(blocks) = &segment.body else {
            return Ok(());
        };
        let bytes: u64 = blocks.iter().map(|block| packed_bytes_max(block)).sum();
        if bytes > self.bytes_max {
            return Err(format!(
                "a segment of {bytes} bytes is more than the disk may take"
            ));
        }
        while self.disk_bytes() + bytes > self.bytes_max {
            let Some(oldest) = self.files.pop_front() else {
                break;
            };
            with(&mut |log| log.evict_file(oldest.number));
        }
        let file_bytes = (self.bytes_max / 8).clamp(FILE_BYTES_MIN, FILE_BYTES_MAX);
        let full = |file: &SpillFile| file.bytes > 0 && file.bytes + bytes > file_bytes;
        if self.files.back().is_none_or(full) {
            let file = self.disk.create().map_err(|error| error.to_string())?;
            self.files.push_back(SpillFile {
                number: self.next_number,
                file,
                bytes: 0,
            });
            self.next_number += 1;
        }
        let Some(last) = self.files.back() else {
            return Err("no file".to_owned());
        };
        // What a failed write leaves behind is written over by the next.
        self.job = Some(Job {
            file: Arc::clone(&last.file),
            file_number: last.number,
            end: last.bytes,
            blocks: Vec::with_capacity(blocks.len()),
            segment,
        });
        Ok(())
    }

    /// Closes all files.
    pub fn clear(&mut self) {
        self.job = None;
        self.files.clear();
        self.shared.disk_bytes.store(0, Ordering::Relaxed);
    }
}

impl Job {
    /// One more block; whether it was the last.
    fn step(&mut self) -> io::Result<bool> {
        let Body::Memory(blocks) = &self.segment.body else {
            return Ok(true);
        };
        if let Some(block) = blocks.get(self.blocks.len()) {
            let mut bytes = Vec::new();
            encode(block, &mut bytes);
            self.file.write_at(self.end, &bytes)?;
            self.blocks.push((self.end, bytes.len() as u32));
            self.end += bytes.len() as u64;
        }
        Ok(self.blocks.len() >= blocks.len())
    }
}
