//! The rings of all threads.

use crate::capture::ring::Ring;
use crate::limits;
use crate::sync::{Arc, AtomicU64, AtomicUsize, Mutex, Ordering};

/// Hands out rings, one to a thread, and keeps them for the consumer.
pub struct Threads {
    rings: Mutex<Vec<Arc<Ring>>>,
    /// Length of `rings`: tells the consumer of a new one without the lock.
    count: AtomicUsize,
    records: usize,
    /// Records that were refused because their thread got no ring.
    no_ring: AtomicU64,
}

impl Threads {
    /// Rings of `records` each.
    pub fn new(records: usize) -> Self {
        Threads {
            rings: Mutex::new(Vec::new()),
            count: AtomicUsize::new(0),
            records,
            no_ring: AtomicU64::new(0),
        }
    }

    /// A ring for the calling thread: one that a thread has left, or a new one. `None` past `RINGS_MAX`.
    pub fn claim(&self) -> Option<Arc<Ring>> {
        let mut rings = self.rings.lock();
        if let Some(left) = rings.iter().find(|ring| ring.adopt()) {
            return Some(Arc::clone(left));
        }
        if rings.len() >= limits::RINGS_MAX {
            return None;
        }
        let ring = Arc::new(Ring::new(rings.len() as u16 + 1, self.records));
        rings.push(Arc::clone(&ring));
        self.count.store(rings.len(), Ordering::Release);
        Some(ring)
    }

    /// Counts a record of a thread without a ring.
    #[cold]
    pub fn count_no_ring(&self) {
        self.no_ring.fetch_add(1, Ordering::Relaxed);
    }

    pub fn no_ring(&self) -> u64 {
        self.no_ring.load(Ordering::Relaxed)
    }

    /// Appends to `known` the rings made since it was last filled.
    pub fn catch_up(&self, known: &mut Vec<Arc<Ring>>) {
        if self.count.load(Ordering::Acquire) > known.len() {
            let rings = self.rings.lock();
            known.extend(rings[known.len()..].iter().cloned());
        }
    }

    /// Records of a ring.
    pub fn records(&self) -> u64 {
        self.records as u64
    }

    /// Whether any ring is more than half full: what a process that waits for room waits for to end.
    pub fn is_pressed(&self) -> bool {
        self.rings.lock().iter().any(|ring| ring.is_half_full())
    }

    pub fn all(&self) -> Vec<Arc<Ring>> {
        self.rings.lock().clone()
    }
}
