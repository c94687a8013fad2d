//! A segment: up to sixteen blocks, with an index that says which of them hold a point, a process, a token.
//!
//! Segments never change once they are made. Their blocks are in memory or on the disk; the index stays in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ahash::AHashMap;
use parking_lot::Mutex;

use crate::error::Result;
use crate::ingest::effect::NONE;
use crate::ingest::log::block::{Block, BlockHead, Kinds, NO_POINT, POINT_MASK, RingSpan};
use crate::ingest::log::filter::{Points, Wanted};
use crate::ingest::log::spilled::Spilled;

/// Blocks of a segment: one bit of a mask each.
pub(crate) const BLOCKS: usize = 16;

pub(crate) type Mask = u16;

#[derive(Debug)]
pub(crate) struct Index {
    pub blocks: Box<[BlockHead]>,
    pub min_ns: u64,
    pub max_ns: u64,
    pub kinds: Kinds,
    pub late: bool,
    rings: Box<[RingSpan]>,
    /// Sorted, with the blocks that hold them.
    points: Box<[u32]>,
    point_masks: Box<[Mask]>,
    processes: Box<[u64]>,
    process_masks: Box<[Mask]>,
    pub foreign: bool,
    /// Ends of activations that came after the blocks went to the disk: event id of the beginning, distance.
    links: Mutex<AHashMap<u64, u32>>,
    /// The blocks go to the disk, or went: from now on ends are noted in `links` too.
    leaving: AtomicBool,
}

#[derive(Debug)]
pub(crate) enum Body {
    Memory(Box<[Arc<Block>]>),
    Disk(Spilled),
}

#[derive(Debug)]
pub(crate) struct Segment {
    pub index: Arc<Index>,
    pub body: Body,
}

impl Segment {
    pub fn first_event_id(&self) -> u64 {
        self.index.blocks[0].first_event_id
    }

    pub fn end_event_id(&self) -> u64 {
        self.index.blocks[self.index.blocks.len() - 1].end_event_id()
    }

    pub fn rows(&self) -> u64 {
        self.index
            .blocks
            .iter()
            .map(|head| u64::from(head.rows))
            .sum()
    }

    /// Bytes in memory.
    pub fn memory_bytes(&self) -> usize {
        self.index.memory_bytes()
            + match &self.body {
                Body::Memory(blocks) => blocks.iter().map(|block| block.memory_bytes()).sum(),
                Body::Disk(spilled) => spilled.memory_bytes(),
            }
    }

    pub fn on_disk(&self) -> bool {
        matches!(self.body, Body::Disk(_))
    }

    /// A block, from wherever it is. Errors: `Corrupt` when the disk does not give back what was written.
    pub fn block(&self, number: usize) -> Result<Arc<Block>> {
        match &self.body {
            Body::Memory(blocks) => Ok(Arc::clone(&blocks[number])),
            Body::Disk(spilled) => spilled.block(number, &self.index),
        }
    }

    /// The block that holds an event id, if any does.
    pub fn block_of(&self, event_id: u64) -> Option<usize> {
        let heads = &self.index.blocks;
        let after = heads.partition_point(|head| head.first_event_id <= event_id);
        let at = after.checked_sub(1)?;
        heads[at].holds(event_id).then_some(at)
    }

    /// Where the beginning at `event_id` ended.
    pub fn set_link(&self, event_id: u64, distance: u32) {
        if self.index.leaving.load(Ordering::Acquire) {
            self.index.links.lock().insert(event_id, distance);
        }
        if let (Body::Memory(blocks), Some(at)) = (&self.body, self.block_of(event_id)) {
            blocks[at].set_link(event_id, distance);
        }
    }

    /// Called under the log's lock, before the first block is written.
    pub fn leave(&self) {
        self.index.leaving.store(true, Ordering::Release);
    }
}

impl Index {
    /// How the late ends of a block's activations are put into it when it comes back.
    pub fn relink(&self, block: &Block) {
        let links = self.links.lock();
        if links.is_empty() {
            return;
        }
        if links.len() < block.rows() {
            for (event_id, distance) in links.iter() {
                if block.head.holds(*event_id) {
                    block.set_link(*event_id, *distance);
                }
            }
        } else {
            for event_id in block.head.first_event_id..block.head.end_event_id() {
                if let Some(distance) = links.get(&event_id) {
                    block.set_link(event_id, *distance);
                }
            }
        }
    }

    /// An end that came after the block went to the disk.
    pub fn late_link(&self, event_id: u64) -> Option<u32> {
        match self.leaving.load(Ordering::Acquire) {
            true => self.links.lock().get(&event_id).copied(),
            false => None,
        }
    }

    pub fn memory_bytes(&self) -> usize {
        let heads: usize = self.blocks.iter().map(BlockHead::bytes).sum();
        size_of::<Index>()
            + heads
            + self.rings.len() * size_of::<RingSpan>()
            + self.points.len() * 6
            + self.processes.len() * 10
            + self.links.lock().capacity() * 16
    }

    /// The blocks that may hold what is wanted, a bit each.
    pub fn candidates(&self, wanted: &Wanted) -> Mask {
        let mut mask = Mask::MAX;
        if self.kinds & wanted.kinds == 0 {
            return 0;
        }
        if let Some(points) = &wanted.points {
            mask &= self.with_points(points);
        }
        if let Some(word) = wanted.process {
            mask &= match self.foreign {
                true => 0,
                false => masked(&self.processes, &self.process_masks, word),
            };
        }
        if let Some(token) = wanted.token
            && !RingSpan::may_hold(&self.rings, token)
        {
            return 0;
        }
        if mask == 0 {
            return 0;
        }
        let takes = |head: &BlockHead| {
            head.kinds & wanted.kinds != 0
                && head.end_event_id() > wanted.first_id
                && head.first_event_id <= wanted.last_id
                && wanted
                    .token
                    .is_none_or(|token| RingSpan::may_hold(&head.rings, token))
        };
        for (number, head) in self.blocks.iter().enumerate() {
            if !takes(head) {
                mask &= !(1 << number);
            }
        }
        mask
    }

    fn with_points(&self, wanted: &Points) -> Mask {
        let all = self.points.len();
        let steps = wanted.list.len() * (usize::BITS - all.leading_zeros()) as usize;
        if steps < all {
            let masks = wanted.list.iter();
            return masks.fold(0, |mask, point| {
                mask | masked(&self.points, &self.point_masks, *point)
            });
        }
        let masks = self.points.iter().zip(&self.point_masks);
        masks
            .filter(|(point, _)| wanted.has(**point))
            .fold(0, |mask, (_, blocks)| mask | blocks)
    }

    pub fn may_begin(&self, token: u64) -> bool {
        RingSpan::may_begin(&self.rings, token)
    }
}

fn masked<T: Ord>(keys: &[T], masks: &[Mask], key: T) -> Mask {
    keys.binary_search(&key).map_or(0, |at| masks[at])
}

/// The segment that is being filled: its finished blocks, and the index so far.
#[derive(Default)]
pub(crate) struct Building {
    pub blocks: Vec<Arc<Block>>,
    pub bytes: usize,
    points: Vec<(u32, Mask)>,
    processes: AHashMap<u64, Mask>,
    /// By point: in which segment it was last met, and where it is in `points`.
    met: Vec<(u32, u32)>,
    generation: u32,
}

impl Building {
    pub fn push(&mut self, block: Arc<Block>) {
        if self.blocks.is_empty() {
            self.generation = self.generation.wrapping_add(1).max(1);
        }
        let bit = 1 << self.blocks.len();
        for word in &*block.point_kind {
            let point = word & POINT_MASK;
            if point == NO_POINT {
                continue;
            }
            let at = point as usize;
            if at >= self.met.len() {
                self.met.resize((at + 1).next_power_of_two(), (0, 0));
            }
            if self.met[at].0 != self.generation {
                self.met[at] = (self.generation, self.points.len() as u32);
                self.points.push((point, 0));
            }
            self.points[self.met[at].1 as usize].1 |= bit;
        }
        for word in &*block.processes {
            *self.processes.entry(*word).or_default() |= bit;
        }
        self.bytes += block.memory_bytes();
        self.blocks.push(block);
    }

    pub fn is_full(&self) -> bool {
        self.blocks.len() == BLOCKS
    }

    /// Bytes of the blocks, and of the index so far.
    pub fn memory_bytes(&self) -> usize {
        self.bytes
            + self.points.capacity() * size_of::<(u32, Mask)>()
            + self.met.capacity() * size_of::<(u32, u32)>()
            // Of a hash table: an entry, and its share of what is empty.
            + self.processes.capacity() * 20
    }

    /// The finished segment; `None` when there is no block.
    pub fn seal(&mut self) -> Option<Segment> {
        let blocks = std::mem::take(&mut self.blocks);
        let (first, last) = (blocks.first()?, blocks.last()?);
        let mut points = std::mem::take(&mut self.points);
        points.sort_unstable();
        let mut processes: Vec<(u64, Mask)> = self.processes.drain().collect();
        processes.sort_unstable();
        let mut rings = Vec::new();
        for span in blocks.iter().flat_map(|block| &*block.head.rings) {
            RingSpan::add(&mut rings, span);
        }
        let index = Index {
            min_ns: first.head.min_ns,
            max_ns: last.head.max_ns,
            kinds: blocks
                .iter()
                .fold(0, |kinds, block| kinds | block.head.kinds),
            late: blocks.iter().any(|block| block.head.late),
            rings: rings.into(),
            points: points.iter().map(|(point, _)| *point).collect(),
            point_masks: points.iter().map(|(_, mask)| *mask).collect(),
            processes: processes.iter().map(|(word, _)| *word).collect(),
            process_masks: processes.iter().map(|(_, mask)| *mask).collect(),
            foreign: first.head.foreign,
            links: Mutex::default(),
            leaving: AtomicBool::new(false),
            blocks: blocks.iter().map(|block| block.head.clone()).collect(),
        };
        self.bytes = 0;
        Some(Segment {
            index: Arc::new(index),
            body: Body::Memory(blocks.into()),
        })
    }
}

/// How many events later, as the column keeps it.
pub(crate) fn distance(opened: u64, ended: u64) -> u32 {
    u32::try_from(ended.saturating_sub(opened)).unwrap_or(NONE)
}
