//! A block as bytes: columns by byte planes, compressed, with a checksum in front.
//!
//! `magic, raw length, compressed length, xxh3 of what follows, LZ4`. Nothing in it is believed before it was looked at:
//! a damaged block is an error that says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use xxhash_rust::xxh3::xxh3_64;

use crate::ingest::effect::EventKind;
use crate::ingest::log::block::{Blobs, Block, BlockHead, POINT_BITS, RingSpan};
use crate::ingest::log::columns::{Times, Tokens};
use crate::limits;

const MAGIC: [u8; 4] = *b"ESB1";
/// Magic, two lengths, checksum.
pub(crate) const HEAD_BYTES: usize = 4 + 4 + 4 + 8;

type Refused = &'static str;

/// Appends the block to `into`; how many bytes it takes there.
pub(crate) fn encode(block: &Block, into: &mut Vec<u8>) -> usize {
    pack(&raw(block), into)
}

/// Appends the content of a block, compressed, with its head.
pub(crate) fn pack(raw: &[u8], into: &mut Vec<u8>) -> usize {
    let start = into.len();
    into.extend_from_slice(&[0; HEAD_BYTES]);
    let room = lz4_flex::block::get_maximum_output_size(raw.len());
    into.resize(start + HEAD_BYTES + room, 0);
    // There is room for the worst case, so it cannot fail.
    let packed = lz4_flex::block::compress_into(raw, &mut into[start + HEAD_BYTES..]).unwrap_or(0);
    into.truncate(start + HEAD_BYTES + packed);
    let sum = checksum(raw.len() as u32, &into[start + HEAD_BYTES..]);
    let head = &mut into[start..start + HEAD_BYTES];
    head[..4].copy_from_slice(&MAGIC);
    head[4..8].copy_from_slice(&(raw.len() as u32).to_le_bytes());
    head[8..12].copy_from_slice(&(packed as u32).to_le_bytes());
    head[12..].copy_from_slice(&sum.to_le_bytes());
    into.len() - start
}

/// As many bytes as `encode` may append.
pub(crate) fn packed_bytes_max(block: &Block) -> u64 {
    let raw = raw_bytes_max(block);
    (HEAD_BYTES + lz4_flex::block::get_maximum_output_size(raw)) as u64
}

/// As many bytes as a block takes before it is compressed: its columns as they are in memory, or wider.
fn raw_bytes_max(block: &Block) -> usize {
    block.memory_bytes() + block.rows() * 8 + 256
}

/// The block that `bytes` are, or why they are none.
pub(crate) fn decode(bytes: &[u8]) -> Result<Block, Refused> {
    let head = bytes.get(..HEAD_BYTES).ok_or("it is too short")?;
    if head[..4] != MAGIC {
        return Err("it does not begin as a block");
    }
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (raw_len, packed_len) = (word(4), word(8));
    let packed = &bytes[HEAD_BYTES..];
    if packed.len() != packed_len as usize || raw_len as usize > limits::BLOCK_BYTES_MAX {
        return Err("its length is not what it says");
    }
    let sum = u64::from_le_bytes(head[12..].try_into().unwrap_or_default());
    if sum != checksum(raw_len, packed) {
        return Err("its checksum does not match");
    }
    let raw = lz4_flex::block::decompress(packed, raw_len as usize)
        .map_err(|_| "it cannot be decompressed")?;
    let mut reader = Reader { bytes: &raw };
    let block = read(&mut reader)?;
    match reader.bytes.is_empty() {
        true => check(&block).map(|()| block),
        false => Err("something follows its end"),
    }
}

fn checksum(raw_len: u32, packed: &[u8]) -> u64 {
    xxh3_64(packed) ^ u64::from(raw_len).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The content of a block: what is compressed.
pub(crate) fn raw(block: &Block) -> Vec<u8> {
    let rows = block.rows();
    let mut out = Writer(Vec::with_capacity(raw_bytes_max(block)));
    let head = &block.head;
    out.word(head.rows);
    for long in [head.first_event_id, head.min_ns, head.max_ns, head.kinds] {
        out.long(long);
    }
    out.0
        .push(u8::from(head.late) | u8::from(head.foreign) << 1);
    out.word(head.rings.len() as u32);
    for span in &*head.rings {
        out.0.extend_from_slice(&span.ring.to_le_bytes());
        for long in [span.begun.0, span.begun.1, span.any.0, span.any.1] {
            out.long(long);
        }
    }
    match &block.at {
        Times::Narrow { base, offsets } => {
            out.0.push(0);
            out.long(*base);
            out.planes(deltas(offsets.iter().map(|at| u64::from(*at))), 4);
        }
        Times::Wide(times) => {
            out.0.push(1);
            out.planes(deltas(times.iter().copied()), 8);
        }
    }
    out.planes(block.process.iter().map(|number| u64::from(*number)), 2);
    match &block.token {
        Tokens::Narrow {
            bases,
            which,
            offsets,
        } => {
            out.0.push(0);
            out.word(bases.len() as u32);
            bases.iter().for_each(|base| out.long(*base));
            out.0.extend_from_slice(which);
            out.planes(offsets.iter().map(|offset| u64::from(*offset)), 4);
        }
        Tokens::Wide(tokens) => {
            out.0.push(1);
            out.planes(tokens.iter().copied(), 8);
        }
    }
    out.planes(block.point_kind.iter().map(|word| u64::from(*word)), 4);
    let links = block.link.iter().take(rows);
    out.planes(links.map(|link| u64::from(link.load(Ordering::Relaxed))), 4);
    out.word(block.processes.len() as u32);
    out.planes(block.processes.iter().copied(), 8);
    out.word(block.long.len() as u32);
    out.planes(block.long.iter().map(|(row, _)| u64::from(*row)), 2);
    out.planes(block.long.iter().map(|(_, ns)| *ns), 8);
    out.word(block.reasons.len() as u32);
    out.planes(block.reasons.iter().map(|(row, _)| u64::from(*row)), 2);
    out.planes(block.reasons.iter().map(|(_, atom)| u64::from(*atom)), 4);
    out.word(block.blobs.rows.len() as u32);
    out.planes(block.blobs.rows.iter().map(|row| u64::from(*row)), 2);
    out.planes(block.blobs.ends.iter().map(|end| u64::from(*end)), 4);
    out.0.extend_from_slice(&block.blobs.bytes);
    out.0
}

fn read(from: &mut Reader<'_>) -> Result<Block, Refused> {
    let rows = from.word()? as usize;
    if rows == 0 || rows > limits::BLOCK_ROWS {
        return Err("it has more rows than a block may");
    }
    let [first_event_id, min_ns, max_ns, kinds] = from.longs()?;
    let flags = from.take(1)?[0];
    let mut rings = Vec::new();
    for _ in 0..from.count(34)? {
        let ring = u16::from_le_bytes(from.array()?);
        let [begun_first, begun_last, any_first, any_last] = from.longs()?;
        rings.push(RingSpan {
            ring,
            begun: (begun_first, begun_last),
            any: (any_first, any_last),
        });
    }
    let at = match from.take(1)?[0] {
        0 => Times::Narrow {
            base: from.long()?,
            offsets: sums(from.planes(rows, 4)?).map(|at| at as u32).collect(),
        },
        1 => Times::Wide(sums(from.planes(rows, 8)?).collect()),
        _ => return Err("its times are of an unknown form"),
    };
    let process = from.planes(rows, 2)?;
    let token = match from.take(1)?[0] {
        0 => {
            let count = from.count(8)?;
            let bases = (0..count).map(|_| from.long()).collect::<Result<_, _>>()?;
            Tokens::Narrow {
                bases,
                which: from.take(rows)?.into(),
                offsets: from
                    .planes(rows, 4)?
                    .iter()
                    .map(|one| *one as u32)
                    .collect(),
            }
        }
        1 => Tokens::Wide(from.planes(rows, 8)?.into()),
        _ => return Err("its tokens are of an unknown form"),
    };
    let point_kind = from.planes(rows, 4)?;
    let link: Vec<u64> = from.planes(rows, 4)?;
    let processes = from.counted(8)?;
    let (long_rows, long) = from.pairs(8)?;
    let (reason_rows, reasons) = from.pairs(4)?;
    let (blob_rows, blob_ends) = from.pairs(4)?;
    let blob_bytes = blob_ends.last().map_or(0, |end| *end as usize);
    let by_row = |rows: Vec<u64>, values: Vec<u64>| {
        let pairs = rows.into_iter().zip(values);
        pairs
            .map(|(row, value)| (row as u16, value))
            .collect::<Vec<_>>()
    };
    Ok(Block {
        head: BlockHead {
            first_event_id,
            rows: rows as u32,
            min_ns,
            max_ns,
            kinds,
            late: flags & 1 != 0,
            foreign: flags & 2 != 0,
            rings: rings.into(),
        },
        at,
        process: process.iter().map(|number| *number as u16).collect(),
        token,
        point_kind: point_kind.iter().map(|word| *word as u32).collect(),
        link: link
            .iter()
            .map(|link| AtomicU32::new(*link as u32))
            .collect::<Arc<[_]>>(),
        processes: processes.into(),
        long: by_row(long_rows, long).into(),
        reasons: by_row(reason_rows, reasons)
            .into_iter()
            .map(|(row, atom)| (row, atom as u32))
            .collect(),
        blobs: Blobs {
            rows: blob_rows.iter().map(|row| *row as u16).collect(),
            ends: blob_ends.iter().map(|end| *end as u32).collect(),
            bytes: from.take(blob_bytes)?.to_vec(),
        },
    })
}

/// What reading a row relies on.
fn check(block: &Block) -> Result<(), Refused> {
    let rows = block.rows();
    let unknown = |word: &u32| (*word >> POINT_BITS) as usize >= EventKind::ALL.len();
    if block.point_kind.iter().any(unknown) {
        return Err("an event is of an unknown kind");
    }
    let known = block.processes.len();
    if block
        .process
        .iter()
        .any(|number| usize::from(*number) >= known)
    {
        return Err("an event is of an unknown process");
    }
    if let Times::Narrow { base, .. } = &block.at
        && base.checked_add(u64::from(u32::MAX)).is_none()
    {
        return Err("its times are out of range");
    }
    if let Tokens::Narrow { bases, which, .. } = &block.token {
        let outside = |base: &u64| base.checked_add(u64::from(u32::MAX)).is_none();
        if bases.iter().any(outside) || which.iter().any(|group| usize::from(*group) >= bases.len())
        {
            return Err("its tokens are out of range");
        }
    }
    if block.head.first_event_id.checked_add(rows as u64).is_none() {
        return Err("its numbers are out of range");
    }
    let long: Vec<u16> = block.long.iter().map(|(row, _)| *row).collect();
    let reasons: Vec<u16> = block.reasons.iter().map(|(row, _)| *row).collect();
    let rising = |list: &[u16]| {
        list.windows(2).all(|pair| pair[0] < pair[1])
            && list.last().is_none_or(|row| usize::from(*row) < rows)
    };
    let in_place = rising(&long)
        && rising(&reasons)
        && rising(&block.blobs.rows)
        && block.blobs.ends.is_sorted();
    match in_place {
        true => Ok(()),
        false => Err("what belongs to its events is out of place"),
    }
}

/// Each less the one before: times grow slowly.
fn deltas(column: impl ExactSizeIterator<Item = u64>) -> impl ExactSizeIterator<Item = u64> {
    let mut last = 0u64;
    column.map(move |value| {
        let delta = value.wrapping_sub(last);
        last = value;
        delta
    })
}

fn sums(column: Vec<u64>) -> impl Iterator<Item = u64> {
    column.into_iter().scan(0u64, |last, delta| {
        *last = last.wrapping_add(delta);
        Some(*last)
    })
}

struct Writer(Vec<u8>);

impl Writer {
    fn word(&mut self, word: u32) {
        self.0.extend_from_slice(&word.to_le_bytes());
    }

    fn long(&mut self, long: u64) {
        self.0.extend_from_slice(&long.to_le_bytes());
    }

    /// First the low bytes of all, then the next, and so on: planes of like bytes compress well.
    fn planes(&mut self, column: impl ExactSizeIterator<Item = u64>, width: usize) {
        let (start, rows) = (self.0.len(), column.len());
        self.0.resize(start + rows * width, 0);
        let out = &mut self.0[start..];
        for (row, value) in column.enumerate() {
            let bytes = value.to_le_bytes();
            for (plane, byte) in bytes[..width].iter().enumerate() {
                out[plane * rows + row] = *byte;
            }
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Refused> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(count)
            .ok_or("it ends too early")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        self.take(N)?.try_into().map_err(|_| "it ends too early")
    }

    fn word(&mut self) -> Result<u32, Refused> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn long(&mut self) -> Result<u64, Refused> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn longs(&mut self) -> Result<[u64; 4], Refused> {
        Ok([self.long()?, self.long()?, self.long()?, self.long()?])
    }

    /// How many things of `width` bytes follow: never more than there are bytes.
    fn count(&mut self, width: usize) -> Result<usize, Refused> {
        let count = self.word()? as usize;
        match count
            .checked_mul(width)
            .is_some_and(|bytes| bytes <= self.bytes.len())
        {
            true => Ok(count),
            false => Err("it ends too early"),
        }
    }

    fn planes(&mut self, rows: usize, width: usize) -> Result<Vec<u64>, Refused> {
        let bytes = self.take(rows * width)?;
        let mut column = vec![0u64; rows];
        for (plane, bytes) in bytes.chunks_exact(rows.max(1)).enumerate() {
            for (value, byte) in column.iter_mut().zip(bytes) {
                *value |= u64::from(*byte) << (8 * plane);
            }
        }
        Ok(column)
    }

    fn counted(&mut self, width: usize) -> Result<Vec<u64>, Refused> {
        let count = self.count(width)?;
        self.planes(count, width)
    }

    /// Rows, and a value each.
    fn pairs(&mut self, width: usize) -> Result<(Vec<u64>, Vec<u64>), Refused> {
        let count = self.count(2 + width)?;
        Ok((self.planes(count, 2)?, self.planes(count, width)?))
    }
}
