//! Reading the rings in order.
//!
//! **The rule.** Read the clock (T), *then* the list of rings, *then* every ring's head; take only records stamped
//! before T; merge them by stamp.
//!
//! **Why per-process order is exact.** Let a process write A in one ring, move to another thread, and write B
//! there. A was published before B's stamp was read. Suppose a round takes B but did not see A: then A was
//! published after the round read that ring's head, hence after T was read; so B's stamp was read after T, and is
//! not before T. The round would not have taken B. (Strictly before: with a coarse clock B's stamp may equal T.)
//!
//! Heads first and T afterwards breaks it: A published after the heads were read but stamped before T is missed while
//! B, in a ring whose head was read later, is taken. The loom test seeds exactly that.

use crate::capture::clock::{Clock, Ticks};
use crate::capture::record::Record;
use crate::capture::ring::Ring;
use crate::sync::Arc;

/// One round after the other, each cut into slices as the caller likes.
#[derive(Default)]
pub struct Drain {
    rings: Vec<Arc<Ring>>,
    /// Rings that still have records in this round.
    cursors: Vec<Cursor>,
    until: Ticks,
    /// The bytes of the record at hand.
    blob: Vec<u8>,
}

struct Cursor {
    ring: usize,
    position: u64,
    head: u64,
    next: Record,
}

/// Slots are given back in lumps: the writer's cache line is not touched for every record.
const RELEASE_EVERY: u64 = 256;

#[cfg(loom)]
pub(super) enum Rule {
    ClockFirst,
    /// The seeded bug.
    HeadsFirst,
}

impl Drain {
    /// Begins a round: everything stamped before now. `catch_up` adds rings that are new.
    pub fn begin(&mut self, clock: &Clock, catch_up: impl FnOnce(&mut Vec<Arc<Ring>>)) {
        debug_assert!(self.is_done());
        self.until = clock.now_fenced();
        catch_up(&mut self.rings);
        let heads = self.rings.iter().map(|ring| ring.head()).collect();
        self.open(heads);
    }

    #[cfg(loom)]
    pub(super) fn begin_by(&mut self, rule: Rule, clock: &Clock, rings: &[Arc<Ring>]) {
        self.rings = rings.to_vec();
        let heads;
        match rule {
            Rule::ClockFirst => {
                self.until = clock.now_fenced();
                heads = self.rings.iter().map(|ring| ring.head()).collect();
            }
            Rule::HeadsFirst => {
                heads = self.rings.iter().map(|ring| ring.head()).collect();
                self.until = clock.now_fenced();
            }
        }
        self.open(heads);
    }

    fn open(&mut self, heads: Vec<u64>) {
        self.cursors.clear();
        for (number, (ring, head)) in self.rings.iter().zip(heads).enumerate() {
            let position = ring.tail();
            if position == head {
                continue;
            }
            if let Some(next) = ring.read(position).filter(|next| next.at < self.until) {
                self.cursors.push(Cursor {
                    ring: number,
                    position,
                    head,
                    next,
                });
            }
        }
    }

    /// Whether the round has given everything.
    pub fn is_done(&self) -> bool {
        self.cursors.is_empty()
    }

    /// Every record stamped before this was given once the round is done.
    pub fn until(&self) -> Ticks {
        self.until
    }

    pub fn rings(&self) -> &[Arc<Ring>] {
        &self.rings
    }

    /// Gives up to `limit` records to `sink`, in order; how many it gave.
    pub fn run(&mut self, limit: usize, mut sink: impl FnMut(&Record, &[u8])) -> usize {
        let mut given = 0;
        while given < limit && !self.cursors.is_empty() {
            let (at, bound) = self.earliest();
            let cursor = &mut self.cursors[at];
            let ring = &self.rings[cursor.ring];
            let start = cursor.position;
            let mut ended = false;
            // From the ring with the earliest record, up to where another ring's turn comes.
            while given < limit && cursor.next.at <= bound {
                ring.take_blob(&cursor.next, &mut self.blob);
                sink(&cursor.next, &self.blob);
                given += 1;
                cursor.position += 1;
                if (cursor.position - start).is_multiple_of(RELEASE_EVERY) {
                    ring.release_until(cursor.position);
                }
                let next = match cursor.position < cursor.head {
                    true => ring
                        .read(cursor.position)
                        .filter(|next| next.at < self.until),
                    false => None,
                };
                match next {
                    Some(next) => cursor.next = next,
                    None => {
                        ended = true;
                        break;
                    }
                }
            }
            ring.release_until(cursor.position);
            if ended {
                self.cursors.swap_remove(at);
            }
        }
        given
    }

    /// The cursor with the earliest record, and the earliest stamp among the others. On equal stamps the ring
    /// with the smaller number goes first.
    fn earliest(&self) -> (usize, Ticks) {
        let (mut first, mut bound) = (0, Ticks::MAX);
        for (at, cursor) in self.cursors.iter().enumerate().skip(1) {
            let best = &self.cursors[first];
            if (cursor.next.at, cursor.ring) < (best.next.at, best.ring) {
                bound = bound.min(best.next.at);
                first = at;
            } else {
                bound = bound.min(cursor.next.at);
            }
        }
        (first, bound)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::capture::record::RecordKind;

    fn record(at: Ticks) -> Record {
        Record {
            at,
            process: 1,
            payload: at,
            point: 0,
            kind: RecordKind::Exit,
            reason: 0,
            blob: Default::default(),
        }
    }

    fn drain(rings: &[Arc<Ring>], now: Ticks, limit: usize) -> Vec<Ticks> {
        let clock = Clock::Counter(now.into());
        let mut drain = Drain::default();
        drain.begin(&clock, |known| known.extend(rings.iter().cloned()));
        let mut seen = Vec::new();
        while !drain.is_done() {
            drain.run(limit, |record, _| seen.push(record.at));
        }
        seen
    }

    fn rings(stamps: &[&[Ticks]]) -> Vec<Arc<Ring>> {
        let ring = |(number, stamps): (usize, &&[Ticks])| {
            let ring = Ring::new(number as u16 + 1, 16);
            stamps
                .iter()
                .for_each(|at| ring.offer(record(*at)).unwrap());
            Arc::new(ring)
        };
        stamps.iter().enumerate().map(ring).collect()
    }

    #[test]
    fn rings_are_merged_by_stamp_and_only_before_now() {
        for limit in [1, 2, 3, 100] {
            let rings = rings(&[&[1, 4, 5, 9], &[2, 3, 8], &[], &[6, 7, 10, 11]]);
            assert_eq!(
                drain(&rings, 10, limit),
                [1, 2, 3, 4, 5, 6, 7, 8, 9],
                "limit {limit}"
            );
            assert_eq!(drain(&rings, 10, limit), [], "limit {limit}");
            assert_eq!(drain(&rings, 12, limit), [10, 11], "limit {limit}");
            assert!(rings.iter().all(|ring| ring.counts().in_flight == 0));
        }
    }
}
