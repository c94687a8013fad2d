//! Observed call edges: who called whom, how, how often.

use ahash::AHashMap;
use serde::{Deserialize, Serialize};

use crate::capture::points::FunctionKey;
use crate::ingest::effect::NONE;
use crate::limits;

/// How the callee was reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum EdgeKind {
    /// From an activation that was open meanwhile, directly or through uninstrumented code.
    Call,
    /// By a jump: the caller's activation ended there.
    Tail,
}

/// One observed edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Edge {
    pub caller: FunctionKey,
    pub callee: FunctionKey,
    pub kind: EdgeKind,
    pub count: u64,
}

/// Caller and callee by the registry's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct EdgeKey {
    pub caller: u32,
    pub callee: u32,
    pub kind: EdgeKind,
}

/// Numbers the edges once for all stores, so that a store counts in an array.
pub(crate) struct EdgeTable {
    numbers: AHashMap<EdgeKey, u32>,
    keys: Vec<EdgeKey>,
    /// The number last seen for a hash: most programs call the same few thousand edges again and again.
    recent: Box<[u32; RECENT]>,
    pub refused: u64,
}

const RECENT: usize = 4096;

impl EdgeTable {
    pub fn new() -> Self {
        EdgeTable {
            numbers: AHashMap::new(),
            keys: Vec::new(),
            recent: Box::new([NONE; RECENT]),
            refused: 0,
        }
    }

    /// The number of an edge, or `NONE` (counted) past the limit.
    #[inline]
    pub fn number(&mut self, key: EdgeKey) -> u32 {
        let mixed = u64::from(key.caller) << 33 | u64::from(key.callee) << 1 | key.kind as u64;
        let at = (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52) as usize;
        let recent = self.recent[at];
        if recent != NONE && self.keys[recent as usize] == key {
            return recent;
        }
        let number = self.number_slowly(key);
        self.recent[at] = number;
        number
    }

    #[cold]
    fn number_slowly(&mut self, key: EdgeKey) -> u32 {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        if self.keys.len() >= limits::EDGES_MAX {
            self.refused += 1;
            return NONE;
        }
        let number = self.keys.len() as u32;
        self.keys.push(key);
        self.numbers.insert(key, number);
        number
    }

    pub fn key(&self, number: u32) -> EdgeKey {
        self.keys[number as usize]
    }
}
