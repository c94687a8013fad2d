//! Merkle hashes without metadata.
//!
//! An entry's hash is xxh3-64, seeded with its kind, over the hash of its payload and the hashes of
//! its children. Atoms count by their text, literals by their bytes. The recipe is part of every
//! persisted id: changing it changes all of them.

use std::collections::HashMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::atoms::Atom;

use super::arena::{Ast, NodeIx};
use super::kind::Kind;

/// Fills the columns of hashes, from the last entry to the first: children come before their parent.
pub(super) fn fill(ast: &mut Ast) {
    let mut atoms: HashMap<u32, u64, ahash::RandomState> = HashMap::default();
    let blobs: Vec<u64> = (0..ast.blobs.len() as u32)
        .map(|index| xxh3_64(ast.blobs.get(index)))
        .collect();
    let mut parts: Vec<u8> = Vec::new();
    for at in (0..ast.len()).rev() {
        let kind = ast.kinds[at];
        let raw = ast.payloads[at];
        let own = match kind {
            kind if kind.has_atom() => *atoms
                .entry(raw)
                .or_insert_with(|| xxh3_64(Atom(raw).text().as_bytes())),
            kind if kind.has_blob() => blobs[raw as usize],
            Kind::Int => u64::from(raw),
            _ => 0,
        };
        parts.clear();
        parts.extend_from_slice(&own.to_le_bytes());
        for child in ast.children(NodeIx(at as u32)) {
            parts.extend_from_slice(&ast.hash(child).to_le_bytes());
        }
        let hash = xxh3_64_with_seed(&parts, kind as u64);
        ast.hashes_low[at] = hash as u32;
        ast.hashes_high[at] = (hash >> 32) as u32;
    }
}
