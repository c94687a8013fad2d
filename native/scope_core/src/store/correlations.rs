//! Correlation ids that callers bring, and the nodes they stand for, in both directions.
//!
//! Native activations never come here: they are resolved through the event log and cost no entry.
//! Writers take turns (one mutex), so both directions always agree; readers take one shard's lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::source::NodeId;

/// What a caller uses to name an activation.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CorrelationId {
    Int(i64),
    Atom(Atom),
    Bytes(Arc<[u8]>),
}

impl CorrelationId {
    fn heap_bytes(&self) -> usize {
        match self {
            CorrelationId::Bytes(bytes) => bytes.len() + 16,
            _ => 0,
        }
    }
}

type Map<K, V> = DashMap<K, V, ahash::RandomState>;

pub struct Correlations {
    nodes: Map<CorrelationId, Arc<str>>,
    ids: Map<Arc<str>, Vec<CorrelationId>>,
    /// The nodes of each function, module or file: what their ids start with.
    anchored: Map<Arc<str>, Vec<Arc<str>>>,
    count: AtomicUsize,
    /// Text of ids and nodes, in bytes.
    text_bytes: AtomicUsize,
    writer: Mutex<()>,
    max: usize,
    /// Grows before and after every change: who reads it twice and finds it the same has seen no half of one.
    changes: AtomicU64,
}

/// Shards, so that growing one map moves few entries at a time.
const SHARDS: usize = 128;

impl Correlations {
    pub fn new(max: usize) -> Self {
        Correlations {
            nodes: Map::with_hasher_and_shard_amount(Default::default(), SHARDS),
            ids: Map::with_hasher_and_shard_amount(Default::default(), SHARDS),
            anchored: Map::with_hasher_and_shard_amount(Default::default(), SHARDS),
            count: AtomicUsize::new(0),
            text_bytes: AtomicUsize::new(0),
            writer: Mutex::new(()),
            max,
            changes: AtomicU64::new(0),
        }
    }

    /// Makes `id` stand for `node`. An id stands for one node: storing it again moves it.
    ///
    /// Errors: `LimitExceeded` when `id` is new and the limit is reached.
    pub fn put(&self, id: CorrelationId, node: &str) -> Result<()> {
        let _turn = self.writer.lock();
        let before = self.nodes.get(&id).map(|found| found.clone());
        match &before {
            Some(found) if **found == *node => return Ok(()),
            None if self.count.load(Ordering::Relaxed) >= self.max => {
                return Err(Error::LimitExceeded {
                    what: "correlations (max_correlations)",
                    limit: self.max as u64,
                });
            }
            _ => {}
        }
        self.changed();
        if let Some(node) = before {
            self.forget(&id, &node);
        }
        // The text is shared by both maps, and by all ids of the node.
        let node: Arc<str> = match self.ids.get(node) {
            Some(entry) => entry.key().clone(),
            None => {
                self.text_bytes
                    .fetch_add(node.len() + 16, Ordering::Relaxed);
                let node: Arc<str> = Arc::from(node);
                let anchor = anchor_of(&node);
                let key = if *anchor == *node {
                    node.clone()
                } else {
                    Arc::from(anchor)
                };
                self.anchored.entry(key).or_default().push(node.clone());
                node
            }
        };
        self.text_bytes
            .fetch_add(id.heap_bytes(), Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.ids.entry(node.clone()).or_default().push(id.clone());
        self.nodes.insert(id, node);
        self.changed();
        Ok(())
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Tells one moment from another.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Makes what stands for some nodes stand for others. All are taken away before one is put: a node may go by the id
    /// that another one had.
    pub fn move_nodes(&self, moves: &[(Arc<str>, Arc<str>)]) {
        let mut moved = Vec::new();
        {
            let _turn = self.writer.lock();
            self.changed();
            for (from, to) in moves {
                for id in self.ids(from) {
                    self.forget(&id, from);
                    moved.push((id, to));
                }
            }
        }
        for (id, node) in moved {
            // There were as many before, so the limit is not reached.
            let _ = self.put(id, node);
        }
    }

    /// The node of an id.
    pub fn node(&self, id: &CorrelationId) -> Option<Arc<str>> {
        self.nodes.get(id).map(|found| found.clone())
    }

    /// The ids of a node, in the order they were stored.
    pub fn ids(&self, node: &str) -> Vec<CorrelationId> {
        self.ids
            .get(node)
            .map(|found| found.clone())
            .unwrap_or_default()
    }

    pub fn has_node(&self, node: &str) -> bool {
        self.ids.contains_key(node)
    }

    /// The nodes with stored ids whose id starts with this module, function or file.
    pub fn nodes_of_anchor(&self, anchor: &str) -> Vec<Arc<str>> {
        self.anchored
            .get(anchor)
            .map(|found| found.clone())
            .unwrap_or_default()
    }

    pub fn has_anchor(&self, anchor: &str) -> bool {
        self.anchored.contains_key(anchor)
    }

    /// All of them, sorted by id. One consistent cut.
    pub fn all(&self) -> Vec<(CorrelationId, Arc<str>)> {
        let _turn = self.writer.lock();
        let mut all: Vec<_> = self
            .nodes
            .iter()
            .map(|entry| (entry.key().clone(), entry.value().clone()))
            .collect();
        all.sort_unstable();
        all
    }

    /// The nodes that ids stand for.
    pub fn nodes(&self) -> Vec<Arc<str>> {
        self.ids.iter().map(|entry| entry.key().clone()).collect()
    }

    /// Replaces everything.
    pub fn replace(&self, all: impl IntoIterator<Item = (CorrelationId, Arc<str>)>) -> Result<()> {
        {
            let _turn = self.writer.lock();
            self.changed();
            self.nodes.clear();
            self.ids.clear();
            self.anchored.clear();
            self.count.store(0, Ordering::Relaxed);
            self.text_bytes.store(0, Ordering::Relaxed);
        }
        all.into_iter()
            .try_for_each(|(id, node)| self.put(id, &node))
    }

    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of both directions: entries, the room the maps keep, and texts.
    pub fn memory_bytes(&self) -> usize {
        let forward = std::mem::size_of::<(CorrelationId, Arc<str>)>() + 1;
        let backward = std::mem::size_of::<(Arc<str>, Vec<CorrelationId>)>() + 1;
        self.nodes.capacity() * forward
            + self.ids.capacity() * backward
            + self.anchored.capacity() * (size_of::<(Arc<str>, Vec<Arc<str>>)>() + 1)
            + self.ids.len() * size_of::<Arc<str>>()
            + self.len() * std::mem::size_of::<CorrelationId>()
            + self.text_bytes.load(Ordering::Relaxed)
    }

    /// Both directions say the same. Linear; for health checks and tests.
    pub fn agree(&self) -> bool {
        let _turn = self.writer.lock();
        let mut backward = 0;
        for entry in self.ids.iter() {
            backward += entry.value().len();
            let mut ids = entry.value().iter();
            if !ids.all(|id| self.nodes.get(id).is_some_and(|node| *node == *entry.key())) {
                return false;
            }
        }
        backward == self.nodes.len() && backward == self.len()
    }

    fn forget(&self, id: &CorrelationId, node: &Arc<str>) {
        let mut empty = false;
        if let Some(mut ids) = self.ids.get_mut(node) {
            ids.retain(|other| other != id);
            empty = ids.is_empty();
        }
        if empty {
            self.ids.remove(node);
            let anchor = anchor_of(node);
            let mut gone = false;
            if let Some(mut nodes) = self.anchored.get_mut(anchor) {
                nodes.retain(|other| other != node);
                gone = nodes.is_empty();
            }
            if gone {
                self.anchored.remove(anchor);
            }
            self.text_bytes
                .fetch_sub(node.len() + 16, Ordering::Relaxed);
        }
        self.nodes.remove(id);
        self.text_bytes
            .fetch_sub(id.heap_bytes(), Ordering::Relaxed);
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The module, function or file of a node; of text that is no id, itself.
fn anchor_of(node: &str) -> &str {
    match NodeId::parse(node) {
        Ok(id) => &node[..id.anchor().len()],
        Err(_) => node,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: i64) -> CorrelationId {
        CorrelationId::Int(n)
    }

    #[test]
    fn both_directions() {
        let correlations = Correlations::new(10);
        correlations.put(id(1), "A.f/1").unwrap();
        correlations.put(id(2), "A.f/1").unwrap();
        correlations
            .put(CorrelationId::Bytes(Arc::from(&b"x"[..])), "A.g/1")
            .unwrap();
        assert_eq!(correlations.node(&id(2)).as_deref(), Some("A.f/1"));
        assert_eq!(correlations.ids("A.f/1"), [id(1), id(2)]);
        assert_eq!(correlations.node(&id(3)), None);
        assert!(correlations.ids("nope").is_empty());
        assert!(correlations.has_anchor("A.g/1") && !correlations.has_anchor("A"));
        assert!(correlations.agree());
    }

    #[test]
    fn storing_an_id_again_moves_it() {
        let correlations = Correlations::new(1);
        correlations.put(id(1), "a").unwrap();
        correlations.put(id(1), "b").unwrap();
        assert!(correlations.ids("a").is_empty());
        assert_eq!(correlations.ids("b"), [id(1)]);
        assert_eq!((correlations.len(), correlations.agree()), (1, true));
    }

    #[test]
    fn the_limit_holds_and_memory_is_given_back() {
        let correlations = Correlations::new(2);
        correlations.put(id(1), "a").unwrap();
        correlations.put(id(2), "a").unwrap();
        assert!(matches!(
            correlations.put(id(3), "a"),
            Err(Error::LimitExceeded { .. })
        ));
        assert_eq!(correlations.len(), 2);
        correlations.replace([(id(7), Arc::from("z"))]).unwrap();
        assert_eq!(correlations.all(), [(id(7), Arc::from("z"))]);
        assert_eq!(correlations.text_bytes.load(Ordering::Relaxed), 17);
        assert!(correlations.agree());
    }

    #[test]
    fn writers_from_many_threads_keep_both_directions_alike() {
        let correlations = Correlations::new(100_000);
        std::thread::scope(|scope| {
            for thread in 0..4_i64 {
                let correlations = &correlations;
                scope.spawn(move || {
                    for n in 0..2_000 {
                        correlations
                            .put(id(n), &format!("node{}", (n + thread) % 50))
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(correlations.len(), 2_000);
        assert!(correlations.agree());
    }
}
