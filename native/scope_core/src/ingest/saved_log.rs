//! The event log in a file: blocks as they go to the disk, but with atoms by their text and points by the file's numbers.

use std::collections::VecDeque;

use ahash::AHashMap;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::ingest::bytes::from_portable;
use crate::ingest::effect::NONE;
use crate::ingest::log::{Block, Entry, Log, NO_POINT, Snapshot, decode, encode};
use crate::limits;

/// Which events a copy takes along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Events {
    Without,
    /// The newest, as far as there is room (`limits::SAVED_LOG_BYTES_MAX`).
    Newest,
}

/// Oldest first. Nothing in it is believed before `check` has looked at it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct SavedLog {
    /// What the rows' reasons number.
    atoms: Vec<Atom>,
    blocks: VecDeque<Packed>,
    /// Rows that were kept, and had no room here.
    pub left_out: u64,
}

#[derive(Clone, Debug)]
struct Packed(Vec<u8>);

impl SavedLog {
    /// Errors: `Corrupt` when a part that went to the disk cannot be read back.
    pub fn new(log: &Snapshot, events: Events) -> Result<SavedLog> {
        let mut saved = SavedLog::default();
        if events == Events::Without {
            return Ok(saved);
        }
        let mut numbers = AHashMap::new();
        let mut room = limits::SAVED_LOG_BYTES_MAX;
        log.blocks_newest_first(|rows, block| {
            if room == 0 {
                saved.left_out += rows;
                return Ok(());
            }
            let block = portable(&*block()?, &mut numbers, &mut saved.atoms)?;
            let mut bytes = Vec::new();
            encode(&block, &mut bytes);
            match room.checked_sub(bytes.len()) {
                Some(left) => {
                    room = left;
                    saved.blocks.push_front(Packed(bytes));
                }
                None => {
                    room = 0;
                    saved.left_out += rows;
                }
            }
            Ok(())
        })?;
        Ok(saved)
    }

    /// A log of one block as it lies in a file, with so many names of reasons.
    #[cfg(any(fuzzing, all(test, not(loom))))]
    pub fn of_block(packed: Vec<u8>, names: usize) -> SavedLog {
        SavedLog {
            atoms: vec![crate::atoms::intern("reason"); names],
            blocks: VecDeque::from([Packed(packed)]),
            left_out: 0,
        }
    }

    /// Whether it can be a log of a store with so many points; how many rows it has.
    pub fn check(&self, points: usize) -> Result<u64> {
        let mut rows = 0;
        let mut end = 0;
        for block in &self.blocks {
            let block = self.block(block, points)?;
            if block.head.first_event_id < end {
                return Err(corrupt("events overlap"));
            }
            end = block.head.end_event_id();
            rows += u64::from(block.head.rows);
        }
        Ok(rows)
    }

    /// Puts all rows into an empty log; `points` are this store's numbers of the file's. `between` is called block by block.
    pub fn restore(
        &self,
        log: &mut Log,
        points: &[u32],
        mut between: impl FnMut(&mut Log),
    ) -> Result<()> {
        for packed in &self.blocks {
            between(log);
            let block = std::sync::Arc::new(self.block(packed, points.len())?);
            for number in 0..block.rows() {
                let row = Block::row(&block, number);
                let atom = self.atoms.get(row.reason as usize);
                log.restore(
                    &Entry {
                        event_id: row.event_id,
                        at_ns: row.at_ns,
                        process: u32::from(block.process[number]),
                        process_word: row.process_word,
                        token: row.token,
                        point: points.get(row.point as usize).copied().unwrap_or(NONE),
                        kind: row.kind,
                        inclusive_ns: row.inclusive_ns.unwrap_or(0),
                        opened: u64::MAX,
                        reason: atom.map_or(NONE, |atom| atom.0),
                        blob: row.blob.as_deref().unwrap_or_default(),
                    },
                    row.ended,
                );
            }
        }
        log.end_restoring();
        Ok(())
    }

    fn block(&self, packed: &Packed, points: usize) -> Result<Block> {
        let mut block = decode(&packed.0).map_err(corrupt)?;
        let unknown = |word: &u32| {
            let point = word & NO_POINT;
            point != NO_POINT && point as usize >= points
        };
        if block.point_kind.iter().any(unknown) {
            return Err(corrupt("an event of an unknown point"));
        }
        if block
            .reasons
            .iter()
            .any(|(_, atom)| *atom as usize >= self.atoms.len())
        {
            return Err(corrupt("an event with an unknown reason"));
        }
        let mut atoms_left = limits::AST_SAVED_ATOMS_MAX;
        block.map_blobs(|kind, bytes, out| from_portable(kind, bytes, &mut atoms_left, out))?;
        Ok(block)
    }
}

/// The block with what only this VM understands replaced.
fn portable(
    block: &Block,
    numbers: &mut AHashMap<u32, u32>,
    atoms: &mut Vec<Atom>,
) -> Result<Block> {
    let mut block = block.copy();
    for (_, reason) in &mut block.reasons {
        *reason = *numbers.entry(*reason).or_insert_with(|| {
            atoms.push(Atom(*reason));
            atoms.len() as u32 - 1
        });
    }
    block.map_blobs(|kind, bytes, out| {
        super::bytes::portable(kind, bytes, out);
        Ok(())
    })?;
    Ok(block)
}

pub(super) fn corrupt(why: &str) -> Error {
    Error::Corrupt {
        detail: format!("the event log: {why}"),
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Packed;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes of a block of events")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> std::result::Result<Packed, E> {
                Ok(Packed(bytes.to_vec()))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}
