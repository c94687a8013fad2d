//! Reading a log at one moment: no lock is held, and ingest goes on.

use std::ops::ControlFlow;
use std::sync::Arc;

use imbl::{OrdSet, Vector};

use crate::error::Result;
use crate::ingest::effect::EventKind;
use crate::ingest::log::block::{Block, BlockHead, POINT_BITS, POINT_MASK, RingSpan, Row, ended};
use crate::ingest::log::filter::{Key, Wanted};
use crate::ingest::log::segment::{Mask, Segment};

/// The segments, blocks and late rows of one moment.
pub(crate) struct Snapshot {
    pub sealed: Vector<Arc<Segment>>,
    /// Blocks that are no segment yet, the last of them a copy of the open one.
    pub tail: Vec<Arc<Block>>,
    pub late_rows: OrdSet<Key>,
}

/// What is given to each row that is wanted.
type Visit<'a> = dyn FnMut(Row) -> ControlFlow<()> + 'a;

impl Snapshot {
    /// Every wanted row, in order, until `visit` breaks off.
    pub fn scan(&self, mut wanted: Wanted, visit: &mut Visit<'_>) -> Result<()> {
        if let Some(token) = wanted.token
            && let Some(began) = self.find_begun(token)?
        {
            wanted.first_id = wanted.first_id.max(began.event_id);
            let last = began.ended.unwrap_or(u64::MAX);
            wanted.last_id = wanted.last_id.min(last);
        }
        let mut scan = Scan {
            snapshot: self,
            late: self.late_keys(&wanted),
            wanted: &wanted,
            visit,
        };
        match scan.run()? {
            ControlFlow::Continue(()) => scan.give_late(None).map(|_| ()),
            ControlFlow::Break(()) => Ok(()),
        }
    }

    /// Late rows that may be wanted, the next one last.
    fn late_keys(&self, wanted: &Wanted) -> Vec<Key> {
        if self.late_rows.is_empty() {
            return Vec::new();
        }
        let range = self
            .late_rows
            .range((wanted.from_ns, 0)..=(wanted.to_ns, u64::MAX));
        let placed = range.filter(|(at_ns, id)| wanted.has_place(*at_ns, *id));
        let mut keys: Vec<Key> = placed.copied().collect();
        if !wanted.newest_first {
            keys.reverse();
        }
        keys
    }

    /// The row of an event id.
    pub fn row(&self, event_id: u64) -> Result<Option<Row>> {
        let tail = &self.tail;
        let after = tail.partition_point(|block| block.head.first_event_id <= event_id);
        if let Some(at) = after.checked_sub(1) {
            let block = &tail[at];
            let row = block
                .head
                .holds(event_id)
                .then(|| Block::row(block, (event_id - block.head.first_event_id) as usize));
            return Ok(row);
        }
        let Some(segment) = segment_of(&self.sealed, event_id) else {
            return Ok(None);
        };
        let Some(number) = segment.block_of(event_id) else {
            return Ok(None);
        };
        let block = segment.block(number)?;
        let row = Block::row(&block, (event_id - block.head.first_event_id) as usize);
        Ok(Some(relinked(row, Some(segment))))
    }

    /// Where the activation of `token` began. Tokens of this VM are looked for first: those of an earlier one repeat.
    pub fn find_begun(&self, token: u64) -> Result<Option<Row>> {
        for foreign in [false, true] {
            let blocks = self.tail.iter().rev();
            for block in blocks.filter(|block| block.head.foreign == foreign) {
                if let Some(row) = block.find_begun(token) {
                    return Ok(Some(Block::row(block, row)));
                }
            }
            for segment in self.sealed.iter().rev() {
                if segment.index.foreign != foreign || !segment.index.may_begin(token) {
                    continue;
                }
                if let Some(row) = find_begun_in(segment, token)? {
                    return Ok(Some(row));
                }
            }
        }
        Ok(None)
    }

    /// Every block with its number of rows, the newest first. A block is read when it is asked for.
    pub fn blocks_newest_first(
        &self,
        mut visit: impl FnMut(u64, &dyn Fn() -> Result<Arc<Block>>) -> Result<()>,
    ) -> Result<()> {
        for block in self.tail.iter().rev() {
            visit(block.rows() as u64, &|| Ok(Arc::clone(block)))?;
        }
        for segment in self.sealed.iter().rev() {
            for (number, head) in segment.index.blocks.iter().enumerate().rev() {
                visit(u64::from(head.rows), &|| {
                    let block = segment.block(number)?;
                    segment.index.relink(&block);
                    Ok(block)
                })?;
            }
        }
        Ok(())
    }

    /// The key of an event.
    pub fn key(&self, event_id: u64) -> Result<Option<Key>> {
        Ok(self.row(event_id)?.map(|row| (row.at_ns, row.event_id)))
    }
}

pub(super) fn segment_of(sealed: &Vector<Arc<Segment>>, event_id: u64) -> Option<&Arc<Segment>> {
    let (mut from, mut to) = (0, sealed.len());
    while from < to {
        let middle = from + (to - from) / 2;
        match sealed.get(middle)?.first_event_id() <= event_id {
            true => from = middle + 1,
            false => to = middle,
        }
    }
    let holds = |segment: &&Arc<Segment>| {
        event_id >= segment.first_event_id() && event_id < segment.end_event_id()
    };
    let found = from
        .checked_sub(1)
        .and_then(|at| sealed.get(at))
        .filter(holds);
    // Ids of another machine's VM may be larger than ours, which follow.
    match sealed.front()?.index.foreign {
        true => found.or_else(|| sealed.iter().find(holds)),
        false => found,
    }
}

fn find_begun_in(segment: &Arc<Segment>, token: u64) -> Result<Option<Row>> {
    for number in (0..segment.index.blocks.len()).rev() {
        if !RingSpan::may_begin(&segment.index.blocks[number].rings, token) {
            continue;
        }
        let block = segment.block(number)?;
        if let Some(row) = block.find_begun(token) {
            return Ok(Some(relinked(Block::row(&block, row), Some(segment))));
        }
    }
    Ok(None)
}

/// With the end that came after the block went to the disk.
fn relinked(mut row: Row, segment: Option<&Arc<Segment>>) -> Row {
    if row.kind == EventKind::Enter && row.ended.is_none() {
        let distance = segment.and_then(|segment| segment.index.late_link(row.event_id));
        row.ended = distance.and_then(|distance| ended(row.event_id, distance));
    }
    row
}

/// One pass over the rows that came in order, which lets the late ones in where they belong.
struct Scan<'a, 'v> {
    snapshot: &'a Snapshot,
    wanted: &'a Wanted,
    late: Vec<Key>,
    visit: &'v mut Visit<'a>,
}

impl Scan<'_, '_> {
    fn run(&mut self) -> Result<ControlFlow<()>> {
        let (sealed, tail) = (&self.snapshot.sealed, &self.snapshot.tail);
        if self.wanted.newest_first {
            for block in tail.iter().rev() {
                if self.concerns(&block.head) && self.block(block, None)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            for segment in sealed.iter().rev() {
                if self.segment(segment)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        } else {
            for segment in sealed {
                if self.segment(segment)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            for block in tail {
                if self.concerns(&block.head) && self.block(block, None)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn segment(&mut self, segment: &Arc<Segment>) -> Result<ControlFlow<()>> {
        let index = &segment.index;
        let wanted = self.wanted;
        if !in_time(wanted, index.min_ns, index.max_ns) {
            return Ok(ControlFlow::Continue(()));
        }
        let mut mask: Mask = index.candidates(wanted);
        while mask != 0 {
            let number = match wanted.newest_first {
                true => (Mask::BITS - 1 - mask.leading_zeros()) as usize,
                false => mask.trailing_zeros() as usize,
            };
            mask &= !(1 << number);
            let Some(head) = index.blocks.get(number).filter(|head| self.concerns(head)) else {
                continue;
            };
            if !head.late && !in_time(wanted, head.min_ns, head.max_ns) {
                continue;
            }
            let block = segment.block(number)?;
            if self.block(&block, Some(segment))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether rows that came in order may be wanted.
    fn concerns(&self, head: &BlockHead) -> bool {
        concerns(self.wanted, head) && in_time(self.wanted, head.min_ns, head.max_ns)
    }

    fn block(
        &mut self,
        block: &Arc<Block>,
        segment: Option<&Arc<Segment>>,
    ) -> Result<ControlFlow<()>> {
        let Some(sieve) = Sieve::new(self.wanted, block) else {
            return Ok(ControlFlow::Continue(()));
        };
        let (first, end) = self.rows_within(block);
        let mut done = first;
        while done < end {
            // A stretch of rows, counted from where reading begins.
            let next = (done + STRETCH).min(end);
            let (from, to) = match self.wanted.newest_first {
                true => (first + end - next, first + end - done),
                false => (done, next),
            };
            done = next;
            if sieve.lets_through(block, from, to)
                && self.rows(block, segment, &sieve, (from, to))?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn rows(
        &mut self,
        block: &Arc<Block>,
        segment: Option<&Arc<Segment>>,
        sieve: &Sieve,
        (first, end): (usize, usize),
    ) -> Result<ControlFlow<()>> {
        for at in first..end {
            let row = match self.wanted.newest_first {
                true => first + end - 1 - at,
                false => at,
            };
            if !self.takes(block, sieve, row) {
                continue;
            }
            let key = (block.at.get(row), block.head.first_event_id + row as u64);
            if block.head.late && self.snapshot.late_rows.contains(&key) {
                continue;
            }
            if self.give_late(Some(key))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let row = relinked(Block::row(block, row), segment);
            if (self.visit)(row).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The stretch of rows that time and ids leave, as far as that can be told without looking at each.
    fn rows_within(&self, block: &Block) -> (usize, usize) {
        let (wanted, head) = (self.wanted, &block.head);
        let rows = block.rows();
        let mut first = wanted
            .first_id
            .saturating_sub(head.first_event_id)
            .min(rows as u64) as usize;
        let after_last = wanted
            .last_id
            .saturating_sub(head.first_event_id)
            .saturating_add(1);
        let mut end = after_last.min(rows as u64) as usize;
        if !head.late {
            let before = |limit: u64| {
                let (mut from, mut to) = (0, rows);
                while from < to {
                    let middle = from + (to - from) / 2;
                    match block.at.get(middle) < limit {
                        true => from = middle + 1,
                        false => to = middle,
                    }
                }
                from
            };
            let from_ns = wanted.after.map_or(0, |(at, _)| at).max(wanted.from_ns);
            let to_ns = wanted
                .before
                .map_or(u64::MAX, |(at, _)| at)
                .min(wanted.to_ns);
            if from_ns > head.min_ns {
                first = first.max(before(from_ns));
            }
            if to_ns < head.max_ns {
                end = end.min(before(to_ns + 1));
            }
        }
        (first, end.max(first))
    }

    #[inline]
    fn takes(&self, block: &Block, sieve: &Sieve, row: usize) -> bool {
        let wanted = self.wanted;
        let word = block.point_kind[row];
        wanted.kinds >> (word >> POINT_BITS) & 1 != 0
            && wanted.has_point(word & POINT_MASK)
            && sieve
                .processes
                .as_ref()
                .is_none_or(|numbers| numbers.contains(&block.process[row]))
            && wanted
                .token
                .is_none_or(|token| block.token.get(row) == token)
            && wanted.has_place(block.at.get(row), block.head.first_event_id + row as u64)
    }

    /// Gives the late rows that come before `key`; without one, all.
    fn give_late(&mut self, key: Option<Key>) -> Result<ControlFlow<()>> {
        while let Some(next) = self.late.last().copied() {
            let later = match self.wanted.newest_first {
                true => key.is_some_and(|key| next < key),
                false => key.is_some_and(|key| next > key),
            };
            if later {
                break;
            }
            self.late.pop();
            let Some(row) = self.snapshot.row(next.1)? else {
                continue;
            };
            if self.wanted.takes(&row) && (self.visit)(row).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Whether any rows may be wanted, whenever they were.
pub(super) fn concerns(wanted: &Wanted, head: &BlockHead) -> bool {
    head.kinds & wanted.kinds != 0
        && head.end_event_id() > wanted.first_id
        && head.first_event_id <= wanted.last_id
        && wanted
            .token
            .is_none_or(|token| RingSpan::may_hold(&head.rings, token))
        && !(wanted.process.is_some() && head.foreign)
}

/// Rows that are looked at together before any of them is looked at by itself.
const STRETCH: usize = 128;
/// So many points, or numbers of a process, are looked for in a stretch.
const SOUGHT: usize = 4;

/// What is wanted in the terms of one block, for passing over stretches of rows of which none is: a column is compared as a
/// whole, which is some twenty times as fast as row by row.
struct Sieve {
    points: Option<Vec<u32>>,
    /// The block's numbers of the process; of one that comes and goes there may be several.
    processes: Option<Vec<u16>>,
}

impl Sieve {
    /// `None`: the block has no row that is wanted.
    fn new(wanted: &Wanted, block: &Block) -> Option<Sieve> {
        let processes = wanted.process.map(|word| {
            let all = (0u16..).zip(&*block.processes);
            let own = all.filter(|(_, process)| **process == word);
            own.map(|(number, _)| number).collect::<Vec<u16>>()
        });
        let points = wanted.points.as_ref().map(|points| &points.list);
        if processes.as_ref().is_some_and(Vec::is_empty) || points.is_some_and(Vec::is_empty) {
            return None;
        }
        Some(Sieve {
            points: points.filter(|points| points.len() <= SOUGHT).cloned(),
            processes,
        })
    }

    fn lets_through(&self, block: &Block, from: usize, to: usize) -> bool {
        let processes = self.processes.as_ref();
        let has_process = |number: &u16| has(&block.process[from..to], |one| one == *number);
        let has_point = |point: &u32| {
            has(&block.point_kind[from..to], |word| {
                word & POINT_MASK == *point
            })
        };
        processes.is_none_or(|numbers| numbers.len() > SOUGHT || numbers.iter().any(has_process))
            && self
                .points
                .as_ref()
                .is_none_or(|points| points.iter().any(has_point))
    }
}

/// Without a way out in the middle, so that many are compared at a time.
#[inline]
fn has<T: Copy>(column: &[T], is: impl Fn(T) -> bool) -> bool {
    column.iter().fold(false, |found, one| found | is(*one))
}

pub(super) fn in_time(wanted: &Wanted, min_ns: u64, max_ns: u64) -> bool {
    let from_ns = wanted.after.map_or(0, |(at, _)| at).max(wanted.from_ns);
    let to_ns = wanted
        .before
        .map_or(u64::MAX, |(at, _)| at)
        .min(wanted.to_ns);
    from_ns <= max_ns && to_ns >= min_ns
}
