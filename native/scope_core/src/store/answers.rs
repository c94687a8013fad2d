//! Answers that are kept: exactly as long as nothing changed that they are made of.

use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::asking::Told;
use crate::store::repository::Repository;
use crate::store::tables::schema;

/// Answers kept at a time, whatever they weigh.
const ANSWERS_MAX: usize = 1024;
/// Questions remembered that were expensive once.
const SEEN_MAX: usize = 1024;

/// What an answer was made of: the version of the source and of stored data, of correlations, and of what was observed.
/// Equal stamps, equal answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    version: u64,
    correlations: u64,
    run: [u64; 4],
}

impl Stamp {
    pub fn of(repository: &Repository) -> Stamp {
        Stamp {
            version: repository.version(),
            correlations: repository.correlations().changes(),
            run: repository.runtime().moment_stamp(),
        }
    }
}

#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct AnswerCounts {
    pub entries: u64,
    pub bytes: u64,
    pub hits: u64,
    pub misses: u64,
    /// Answers that a change made worthless.
    pub stale: u64,
    pub evicted: u64,
    pub stored: u64,
}

struct Entry {
    stamp: Stamp,
    told: Arc<Told>,
    bytes: usize,
    used: u64,
}

#[derive(Default)]
pub struct Answers {
    entries: AHashMap<Box<[u8]>, Entry>,
    /// Expensive questions that were asked once, by their hash.
    seen: AHashSet<u64>,
    bytes: usize,
    clock: u64,
    counts: AnswerCounts,
}

impl Answers {
    /// The answer of a question, if it is still one.
    pub fn get(&mut self, key: &[u8], stamp: &Stamp) -> Option<Arc<Told>> {
        self.clock += 1;
        let entry = match self.entries.get_mut(key) {
            Some(entry) if entry.stamp == *stamp => entry,
            Some(_) => {
                self.counts.stale += 1;
                self.counts.misses += 1;
                self.remove(key);
                return None;
            }
            None => {
                self.counts.misses += 1;
                return None;
            }
        };
        entry.used = self.clock;
        self.counts.hits += 1;
        Some(entry.told.clone())
    }

    /// Whether a question was expensive before. Remembers that it was now.
    pub fn seen_before(&mut self, key: &[u8]) -> bool {
        if self.seen.len() >= SEEN_MAX {
            self.seen.clear();
        }
        !self.seen.insert(xxh3_64(key))
    }

    /// Keeps an answer; the longest unused ones make room. One that is larger than a quarter of the room is not kept.
    pub fn put(&mut self, key: &[u8], stamp: Stamp, told: &Arc<Told>, bytes_max: usize) {
        let bytes = told.heap_bytes() + key.len() + 256;
        if bytes > bytes_max / 4 {
            return;
        }
        self.remove(key);
        while self.bytes + bytes > bytes_max || self.entries.len() >= ANSWERS_MAX {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            self.remove(&key);
            self.counts.evicted += 1;
        }
        self.clock += 1;
        self.bytes += bytes;
        self.counts.stored += 1;
        let entry = Entry {
            stamp,
            told: told.clone(),
            bytes,
            used: self.clock,
        };
        self.entries.insert(key.into(), entry);
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }

    pub fn counts(&self) -> AnswerCounts {
        AnswerCounts {
            entries: self.entries.len() as u64,
            bytes: self.bytes as u64,
            ..self.counts
        }
    }

    /// Gives back all answers, or those that a change has made worthless. Gives how many, and their bytes.
    pub fn drop_all(&mut self, still: Option<&Stamp>) -> (u64, u64) {
        let before = (self.entries.len() as u64, self.bytes as u64);
        match still {
            None => {
                self.entries.clear();
                self.seen.clear();
            }
            Some(stamp) => self.entries.retain(|_, entry| entry.stamp == *stamp),
        }
        self.bytes = self.entries.values().map(|entry| entry.bytes).sum();
        (
            before.0 - self.entries.len() as u64,
            before.1 - self.bytes as u64,
        )
    }
}

/// Costly fields that are made of the source, of stored data and of counts alone. Others look at what changes without a
/// write: what an analysis has read of the log so far, which points this VM has.
const OF_CONTENT: [&str; 14] = [
    "ast",
    "ast_node_id",
    "calls",
    "complexity_metrics",
    "correlation_exists",
    "cyclomatic_complexity",
    "documentation",
    "errors",
    "execution_statistics",
    "function_key",
    "has_performance_data",
    "has_runtime_data",
    "signature",
    "source_location",
];

/// Whether a column is a function of what is stored and of the events so far.
pub fn is_of_content(table_name: &str, path: &str) -> bool {
    let first = path.split('.').next().unwrap_or(path);
    let column = schema::table(table_name)
        .ok()
        .and_then(|table| table.column(first));
    column.is_some_and(|column| column.of != schema::Of::Costly || OF_CONTENT.contains(&first))
}
