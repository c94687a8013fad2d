//! For fuzz targets: what readers of blocks make of content that nobody wrote, with a checksum that is right.
//!
//! A disk that damages a block fails its checksum. A file that somebody made does not.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::Result;
use crate::ingest::effect::{EventKind, NONE};
use crate::ingest::log::{Block, Bounds, Entry, EventFilter, Log, Snapshot, Wanted};
use crate::ingest::log::{decode, encode, pack, raw};
use crate::ingest::saved_log::SavedLog;

/// Points and reasons that a saved log may name.
const NAMES: usize = 8;

/// The content of a block of events made from `bytes`, twelve of them each; empty when there is none.
pub fn written(bytes: &[u8]) -> Vec<u8> {
    let mut log = Log::new(BOUNDS);
    let mut at_ns = 1_000;
    for (number, one) in bytes.chunks_exact(12).enumerate().take(2_000) {
        at_ns += u64::from(one[0]) << (one[1] % 40);
        let kind = EventKind::ALL[usize::from(one[7]) % EventKind::ALL.len()];
        // A small integer behind what the kind has in front, or no value.
        let mut blob = super::bytes::split(kind, &[one[8]; 17]).0.to_vec();
        if one[11] % 3 != 0 {
            blob.push(0x80 | one[11]);
        }
        let token = u64::from(one[2] % 8) << 48 | u64::from(one[3]);
        log.append(&Entry {
            event_id: number as u64 + 1,
            at_ns: at_ns.saturating_sub(u64::from(one[4] % 3)),
            process: u32::from(one[5] % 16),
            process_word: u64::from(one[5] % 16) << 8,
            token,
            point: if one[6] < 8 { u32::from(one[6]) } else { NONE },
            kind,
            inclusive_ns: u64::from(one[8]) << (one[9] % 48),
            opened: (number as u64).saturating_sub(u64::from(one[8])),
            reason: if one[10] < 4 {
                u32::from(one[10])
            } else {
                NONE
            },
            blob: &blob,
        });
    }
    let block = log.snapshot().tail.first().map(|block| raw(block));
    block.unwrap_or_default()
}

const BOUNDS: Bounds = Bounds {
    bytes: 1 << 20,
    events: u64::MAX,
    age_ns: u64::MAX,
    spills: false,
};

/// Reads `content` as a block that comes back from the disk, and as one of a saved log: every row, in every order, once
/// more after it was written. How many rows it had. Errors: `Corrupt` for what is no block.
pub fn read_again(content: &[u8]) -> Result<u64> {
    let mut packed = Vec::new();
    pack(content, &mut packed);
    let block = decode(&packed).map_err(super::saved_log::corrupt)?;
    let mut again = Vec::new();
    encode(&block, &mut again);
    let same = decode(&again).map_err(super::saved_log::corrupt)?;
    let (block, same) = (Arc::new(block), Arc::new(same));
    for row in 0..block.rows() {
        let (one, other) = (Block::row(&block, row), Block::row(&same, row));
        assert_eq!(one, other, "what was written is what is read");
        block.find_begun(one.token);
        block.set_link(one.event_id, 1);
    }
    read_all(&Snapshot {
        sealed: Default::default(),
        tail: vec![Arc::clone(&block)],
        late_rows: Default::default(),
    })?;
    let saved = SavedLog::of_block(packed, NAMES);
    let rows = saved.check(NAMES)?;
    let mut log = Log::new(BOUNDS);
    saved.restore(&mut log, &[0, 1, 2, 3, 4, 5, 6, 7], |_| {})?;
    assert_eq!(log.len() + log.evicted(), rows);
    read_all(&log.snapshot())?;
    Ok(rows)
}

fn read_all(log: &Snapshot) -> Result<()> {
    for newest_first in [false, true] {
        let filter = EventFilter {
            newest_first,
            ..EventFilter::default()
        };
        let mut tokens = Vec::new();
        log.scan(Wanted::new(&filter, None), &mut |row| {
            if tokens.len() < 16 {
                tokens.push((row.token, row.at_ns, row.event_id));
            }
            let blob = row.blob.as_deref().unwrap_or_default();
            let (head, value) = super::bytes::split(row.kind, blob);
            assert_eq!(head.len() + value.len(), blob.len());
            ControlFlow::Continue(())
        })?;
        for (token, at_ns, event_id) in tokens {
            let filter = EventFilter {
                token: Some(token),
                from_ns: Some(at_ns),
                to_ns: Some(at_ns),
                newest_first,
                ..EventFilter::default()
            };
            log.scan(Wanted::new(&filter, None), &mut |_| {
                ControlFlow::Continue(())
            })?;
            log.key(event_id)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again_and_damage_is_told() {
        let bytes: Vec<u8> = (0..2_400u32).map(|one| (one * 31 % 251) as u8).collect();
        let content = written(&bytes);
        assert_eq!(read_again(&content).ok(), Some(200));
        assert!(read_again(&content[..content.len() - 1]).is_err());
        // Byte by byte, in every column: no damage does harm.
        let content = written(&bytes[..20 * 12]);
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 0xFF;
            let _ = read_again(&damaged);
        }
    }
}
