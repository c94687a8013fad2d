//! Byte strings, each kept once.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::{Error, Result};
use crate::limits::AST_LITERAL_BYTES_MAX;

use super::arena::reserve;

#[derive(Default, Clone, Debug)]
pub(super) struct Blobs {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<u32>,
}

impl Blobs {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes with this index, which must be below `len()`.
    #[inline]
    pub(super) fn get(&self, index: u32) -> &[u8] {
        let index = index as usize;
        let start = if index == 0 {
            0
        } else {
            self.ends[index - 1] as usize
        };
        &self.bytes[start..self.ends[index] as usize]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

/// Collects blobs and finds the ones it has.
#[derive(Default)]
pub(super) struct BlobsBuilder {
    blobs: Blobs,
    by_hash: HashMap<u64, u32, ahash::RandomState>,
    /// Bytes handed in, repeated ones too: this bounds the time as well as the memory.
    seen: usize,
}

impl BlobsBuilder {
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<u32> {
        self.seen = self.seen.saturating_add(bytes.len());
        if self.seen > AST_LITERAL_BYTES_MAX {
            return Err(Error::LimitExceeded {
                what: "bytes of an AST's literals",
                limit: AST_LITERAL_BYTES_MAX as u64,
            });
        }
        // Different bytes with one hash (it takes an adversary) try the next seed.
        for seed in 0.. {
            match self.by_hash.get(&xxh3_64_with_seed(bytes, seed)) {
                Some(&found) if self.blobs.get(found) == bytes => return Ok(found),
                Some(_) => continue,
                None => return self.insert(bytes, seed),
            }
        }
        unreachable!("seeds do not run out")
    }

    fn insert(&mut self, bytes: &[u8], seed: u64) -> Result<u32> {
        let index = self.blobs.len() as u32;
        reserve(&mut self.blobs.bytes, bytes.len())?;
        reserve(&mut self.blobs.ends, 1)?;
        self.blobs.bytes.extend_from_slice(bytes);
        self.blobs.ends.push(self.blobs.bytes.len() as u32);
        self.by_hash.insert(xxh3_64_with_seed(bytes, seed), index);
        Ok(index)
    }

    pub(super) fn finish(mut self) -> Blobs {
        self.blobs.bytes.shrink_to_fit();
        self.blobs.ends.shrink_to_fit();
        self.blobs
    }
}
