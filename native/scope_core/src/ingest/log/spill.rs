//! Bringing segments to the disk, block by block, by whoever ingests, outside of the log's lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::ingest::log::disk::{Disk, DiskFile};
use crate::ingest::log::segment::{Body, Segment};
use crate::ingest::log::spilled::{Shared, Spilled};
use crate::ingest::log::{Log, encode};

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

/// A segment on its way.
struct Job {
    segment: Arc<Segment>,
    bytes: Vec<u8>,
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
            if let Some(segment) = next {
                self.job = Some(Job {
                    segment,
                    bytes: Vec::new(),
                    blocks: Vec::new(),
                });
            }
            let Some(job) = &mut self.job else { return };
            if !job.step() {
                if !tight {
                    return;
                }
                continue;
            }
            if let Some(job) = self.job.take() {
                self.finish(job, &with);
            }
            if !tight || self.retry_at.is_some() {
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

    fn finish(&mut self, job: Job, with: &impl Fn(&mut dyn FnMut(&mut Log))) {
        match self.write(&job, with) {
            Ok((file, file_number, at)) => {
                let blocks = job.blocks.iter().map(|(start, len)| (at + start, *len));
                let mut body = Some(Body::Disk(Spilled {
                    file,
                    file_number,
                    blocks: blocks.collect(),
                    shared: Arc::clone(&self.shared),
                }));
                with(&mut |log| {
                    if let Some(body) = body.take() {
                        log.spilled(&job.segment, body);
                    }
                });
            }
            Err(error) => {
                self.shared.failures.fetch_add(1, Ordering::Relaxed);
                *self.shared.last_error.lock() = Some(error);
                self.retry_at = Some(Instant::now() + RETRY_AFTER);
            }
        }
        let bytes = self.disk_bytes();
        self.shared.disk_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Writes the segment, after making room for it. Where it is then: file, its number, position.
    fn write(
        &mut self,
        job: &Job,
        with: &impl Fn(&mut dyn FnMut(&mut Log)),
    ) -> Result<(Arc<dyn DiskFile>, u64, u64), String> {
        let bytes = job.bytes.len() as u64;
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
        let Some(last) = self.files.back_mut() else {
            return Err("no file".to_owned());
        };
        let at = last.bytes;
        // What a failed write leaves behind is written over by the next.
        let written = last.file.write_at(at, &job.bytes);
        written.map_err(|error| error.to_string())?;
        last.bytes += bytes;
        Ok((Arc::clone(&last.file), last.number, at))
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
    fn step(&mut self) -> bool {
        let Body::Memory(blocks) = &self.segment.body else {
            return true;
        };
        if let Some(block) = blocks.get(self.blocks.len()) {
            let start = self.bytes.len() as u64;
            let len = encode(block, &mut self.bytes);
            self.blocks.push((start, len as u32));
        }
        self.blocks.len() >= blocks.len()
    }
}
