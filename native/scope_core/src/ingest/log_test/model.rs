//! A log beside a plain list of what was put into it, and everything that can be asked of both.
//!
//! The list forgets nothing. What the log says it keeps (its rows, read once) is looked up there; every other answer is
//! then compared with a plain filter over these rows. What must be kept is bounded from below by the limits themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::atoms::{Atom, intern};
use crate::capture::points::{FunctionKey, PointInfo, PointKind};
use crate::captured::format::put_binary;
use crate::ingest::effect::NONE;
use crate::ingest::log::Entry;
use crate::ingest::log_test::plain::{began, plain_answer};
use crate::ingest::log_test::shelf::Shelf;
use crate::ingest::reading::Reading;
use crate::ingest::side::{SideEvent, now_ns};
use crate::ingest::{
    Cursor, Event, EventFilter, EventKind, Question, RuntimeLimits, RuntimeStore, SideFilter,
    Spill, Told,
};
use crate::value::Value;

pub(super) const POINTS: u32 = 40;
pub(super) const PROCESSES: u64 = 30;

pub(super) struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }

    pub fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

pub(super) fn function(number: u32) -> FunctionKey {
    FunctionKey {
        module: intern("Log.Model"),
        name: intern(&format!("f{number}")),
        arity: 0,
    }
}

/// Four points a function.
pub(super) fn point(number: u32) -> PointInfo {
    PointInfo {
        build: 3,
        index: number,
        function: function(number / 4),
        kind: PointKind::Clause,
        clause: number % 4,
        line: number,
        column: None,
    }
}

/// A row as the plain list has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plain {
    pub event_id: u64,
    pub at_ns: u64,
    pub process: u64,
    pub token: u64,
    pub point: u32,
    pub kind: EventKind,
    pub inclusive_ns: u64,
    pub ended: Option<u64>,
    pub reason: Option<Atom>,
    pub blob: Vec<u8>,
    pub foreign: bool,
}

impl Plain {
    pub fn key(&self) -> (u64, u64) {
        (self.at_ns, self.event_id)
    }

    /// Whether it is what the log says it is. Of a held reading the end may have come later.
    fn is(&self, event: &Event, held: bool) -> bool {
        let ended = match self.kind {
            EventKind::Enter => self.ended == event.ended || held && event.ended.is_none(),
            _ => event.ended.is_none(),
        };
        ended
            && self.event_id == event.event_id
            && self.at_ns == event.at_ns
            && self.process == event.process
            && self.foreign != event.process_is_local
            && self.token == event.token
            && self.kind == event.kind
            && event.point == (self.point != NONE).then(|| point(self.point))
            && event.duration_ns == self.kind.is_end().then_some(self.inclusive_ns)
            && self.reason == event.reason
            && self.blob == event.blob.as_deref().unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub bytes: usize,
    pub events: u64,
    pub age_ns: u64,
    pub disk_bytes: Option<u64>,
    /// One in so many values is large.
    pub large: u64,
}

pub(super) struct World {
    pub shape: Shape,
    pub store: Arc<RuntimeStore>,
    pub shelf: Arc<Shelf>,
    pub random: Random,
    pub rows: BTreeMap<u64, Plain>,
    pub brought: Vec<SideEvent>,
    /// Begun and not ended: token, event id, when.
    open: Vec<(u64, u64, u64)>,
    next_id: u64,
    next_token: u64,
    now_ns: u64,
    latest_ns: u64,
    pub appended: u64,
    /// The disk was full at some time: then what had no room is gone.
    pub was_full: bool,
}

pub(super) fn limits(shape: &Shape, shelf: &Arc<Shelf>) -> RuntimeLimits {
    RuntimeLimits {
        event_log_bytes: shape.bytes,
        event_log_events: shape.events,
        event_log_age_ns: shape.age_ns,
        spill: shape.disk_bytes.map(|bytes| Spill {
            disk: Arc::clone(shelf) as Arc<dyn crate::ingest::Disk>,
            bytes,
        }),
    }
}

impl World {
    pub fn new(seed: u64, shape: Shape) -> Self {
        let shelf = Arc::new(Shelf::default());
        let store = Arc::new(RuntimeStore::new(limits(&shape, &shelf)));
        store.write(|inner| {
            for number in 0..POINTS {
                assert_eq!(inner.tables.number_point(point(number)), number);
            }
        });
        World {
            store,
            shelf,
            shape,
            random: Random(seed),
            rows: BTreeMap::new(),
            brought: Vec::new(),
            open: Vec::new(),
            next_id: 1_000,
            next_token: 1,
            // Ahead of the machine's clock, by which a reader drops what is too old.
            now_ns: now_ns() + 3_600_000_000_000,
            latest_ns: 0,
            appended: 0,
            was_full: false,
        }
    }

    /// One event, of whatever kind, in order or late.
    pub fn append(&mut self) {
        let random = &mut self.random;
        if random.one_in(3_000) {
            self.next_id += random.below(50_000);
            self.now_ns += random.below(6_000_000_000);
        }
        self.now_ns += random.below(200);
        let mut at_ns = self.now_ns;
        if random.one_in(60) {
            at_ns = at_ns.saturating_sub(random.below(20_000));
        }
        let event_id = self.next_id;
        self.next_id += 1;
        let number = random.below(PROCESSES);
        let ring = 1 + random.below(3);
        let mut row = Plain {
            event_id,
            at_ns,
            process: 700 + number,
            token: 0,
            point: random.below(u64::from(POINTS)) as u32,
            kind: EventKind::Enter,
            inclusive_ns: 0,
            ended: None,
            reason: None,
            blob: Vec::new(),
            foreign: false,
        };
        let mut opened = 0;
        match random.below(10) {
            0..=3 => {
                row.token = ring << 48 | self.next_token;
                self.next_token += 1;
                self.open.push((row.token, event_id, at_ns));
            }
            4..=7 if !self.open.is_empty() => {
                // Mostly the last, sometimes one from long ago.
                let last = self.open.len() - 1;
                let which = match random.one_in(8) {
                    true => random.below(last as u64 + 1) as usize,
                    false => last,
                };
                let (token, began, began_ns) = self.open.remove(which);
                row.kind = match random.below(5) {
                    0 => EventKind::Error,
                    1 => EventKind::Tail,
                    _ => EventKind::Return,
                };
                if row.kind == EventKind::Error {
                    row.reason = Some(intern(["Model.A", "Model.B"][random.below(2) as usize]));
                }
                row.inclusive_ns = at_ns.saturating_sub(began_ns)
                    + if random.one_in(20) { 5_000_000_000 } else { 0 };
                (row.token, opened) = (token, began);
                if let Some(began) = self.rows.get_mut(&began) {
                    began.ended = Some(event_id);
                }
            }
            8 => {
                row.kind = EventKind::Binding;
                row.token = self.open.last().map_or(0, |open| open.0);
            }
            _ => {
                row.kind = [EventKind::MessageSent, EventKind::Spawn, EventKind::GcEnd]
                    [random.below(3) as usize];
                row.point = NONE;
            }
        }
        if random.one_in(4) {
            let bytes = match random.one_in(self.shape.large) {
                true => random.below(60_000),
                false => random.below(40),
            };
            let value: Vec<u8> = (0..bytes).map(|_| random.below(256) as u8).collect();
            // What stands before the value, as long as it is of each kind; saved, it must be a value.
            let head = match row.kind {
                EventKind::MessageSent | EventKind::GcEnd => 17,
                EventKind::Spawn => 8,
                _ => 0,
            };
            row.blob = vec![7; head];
            put_binary(&mut row.blob, &value);
        }
        self.put(row, number as u32, opened);
    }

    fn put(&mut self, mut row: Plain, number: u32, opened: u64) {
        let (left_out, spill) = self.store.write(|inner| {
            let before = inner.log.values_left_out();
            inner.log.append(&Entry {
                event_id: row.event_id,
                at_ns: row.at_ns,
                process: number,
                process_word: row.process,
                token: row.token,
                point: row.point,
                kind: row.kind,
                inclusive_ns: row.inclusive_ns,
                opened,
                reason: row.reason.map_or(NONE, |reason| reason.0),
                blob: &row.blob,
            });
            let wish = inner.log.takes_wish_for_disk();
            (inner.log.values_left_out() > before, wish)
        });
        if left_out {
            row.blob = Vec::new();
        }
        if spill {
            self.store.keep_up();
        }
        self.latest_ns = self.latest_ns.max(row.at_ns);
        self.appended += 1;
        self.rows.insert(row.event_id, row);
    }

    pub fn bring(&mut self) {
        let random = &mut self.random;
        let kinds = ["call", "model_note"];
        let event = SideEvent {
            at_ns: match random.one_in(10) {
                true => -(random.below(1_000) as i64),
                false => self.now_ns as i64 - random.below(100_000) as i64,
            },
            number: 0,
            node: Some(format!("Log.Model.f{}/0", random.below(4))),
            kind: Some(intern(kinds[random.below(2) as usize])),
            event: Value::record(vec![(
                intern("correlation_id"),
                Value::Int(random.below(3) as i64),
            )]),
        };
        let number = self.store.put_side_event(event.clone()).unwrap();
        self.brought.push(SideEvent { number, ..event });
    }

    /// A bit of what ingest does for the disk.
    pub fn spill(&self) {
        self.store.keep_up();
    }

    /// Everything that is kept, checked against the list.
    pub fn kept(&self, reading: &Reading<'_>, held: bool) -> Vec<Plain> {
        let mut kept = Vec::new();
        reading
            .scan(&EventFilter::default(), |event| {
                let row = &self.rows[&event.event_id];
                assert!(row.is(event, held), "{row:?}\n{event:?}");
                kept.push(row.clone());
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(kept.windows(2).all(|pair| pair[0].key() < pair[1].key()));
        kept
    }

    /// What the limits promise of what is kept.
    pub fn check_limits(&self, kept: &[Plain]) {
        let stats = self.store.log_stats();
        assert_eq!(stats.kept, kept.len() as u64);
        assert_eq!(stats.kept + stats.evicted, self.appended);
        assert!(stats.kept + stats.brought <= self.shape.events);
        let bytes = stats.memory_bytes + stats.brought_bytes;
        assert!(bytes <= self.shape.bytes.max(16 << 10) as u64, "{stats:?}");
        if let Some(disk) = self.shape.disk_bytes {
            assert!(stats.disk_bytes <= disk);
        }
        // Of what fits nothing is dropped, but for whole segments at once: three quarters are always there.
        let room = self.shape.disk_bytes.unwrap_or(self.shape.bytes as u64);
        let roomy = room >= 8 << 20;
        let roomy = roomy && !self.was_full;
        if roomy && self.shape.age_ns == u64::MAX {
            let promised = (self.shape.events / 4 * 3).min(self.appended);
            let promised = promised.saturating_sub(stats.brought);
            assert!(stats.kept >= promised, "{promised} promised: {stats:?}");
            assert!(self.newest_are_kept(kept));
        }
        // Only whole blocks go for their age, and none with a row that is young enough.
        if roomy && self.shape.events == u64::MAX {
            let young = self
                .rows
                .values()
                .filter(|row| row.at_ns.saturating_add(self.shape.age_ns) >= self.latest_ns);
            assert!(young.count() <= kept.len());
        }
    }

    /// Whether what is kept is what came last.
    pub fn newest_are_kept(&self, kept: &[Plain]) -> bool {
        let mut ids: Vec<u64> = kept.iter().map(|row| row.event_id).collect();
        ids.sort_unstable();
        let newest = self.rows.keys().rev().take(kept.len()).rev();
        newest.eq(&ids)
    }

    /// One random question of each sort, to both.
    pub fn ask(&mut self, reading: &Reading<'_>, kept: &[Plain], held: bool) {
        let random = &mut self.random;
        let mut filter = EventFilter {
            newest_first: random.one_in(2),
            ..EventFilter::default()
        };
        let some = |random: &mut Random| {
            let at = random.below(kept.len() as u64) as usize;
            kept.get(at).cloned()
        };
        if random.one_in(3) {
            filter.from_ns = some(random).map(|row| row.at_ns + random.below(2));
        }
        if random.one_in(3) {
            filter.to_ns = some(random).map(|row| row.at_ns - random.below(2));
        }
        if random.one_in(3) {
            filter.process = Some(700 + random.below(PROCESSES + 1));
        }
        if random.one_in(4) {
            filter.token = some(random).map(|row| row.token).filter(|token| *token > 0);
        }
        if random.one_in(3) {
            let numbers = 0..=random.below(2);
            let functions = numbers.map(|_| function(random.below(12) as u32));
            filter.functions = Some(functions.collect());
        }
        if random.one_in(4) {
            let points = (0..random.below(12)).map(|_| (3, random.below(44) as u32));
            filter.points = Some(points.collect());
        }
        if random.one_in(3) {
            let kinds = [EventKind::Enter, EventKind::Return, EventKind::GcEnd];
            filter.kinds = Some(kinds[..random.below(4) as usize].to_vec());
        }
        if random.one_in(3) {
            filter.after = some(random).map(|row| row.event_id);
        }
        if random.one_in(4) {
            filter.before = some(random).map(|row| row.event_id);
        }
        let limit = match random.one_in(2) {
            true => usize::MAX,
            false => random.below(50) as usize,
        };
        let expected = plain_answer(kept, &filter, limit);
        let told = reading.events(&filter, limit).unwrap();
        let ids = |rows: &[Plain]| rows.iter().map(|row| row.event_id).collect::<Vec<_>>();
        let told_ids: Vec<u64> = told.iter().map(|event| event.event_id).collect();
        assert_eq!(told_ids, ids(&expected), "{filter:?}");
        assert!(
            expected
                .iter()
                .zip(&told)
                .all(|(row, event)| row.is(event, held))
        );
        if let Some(row) = some(&mut self.random) {
            let event = reading.event(row.event_id).unwrap().unwrap();
            assert!(row.is(&event, held));
            if row.kind == EventKind::Enter {
                self.ask_activation(reading, &row, kept, held);
            }
        }
        let missing = self.random.below(self.next_id + 100);
        if !kept.iter().any(|row| row.event_id == missing) {
            assert_eq!(reading.event(missing).unwrap(), None);
        }
    }

    fn ask_activation(&self, reading: &Reading<'_>, row: &Plain, kept: &[Plain], held: bool) {
        let activation = reading.activation(row.token).unwrap().unwrap();
        let row = began(kept, row.token).unwrap();
        assert!(row.is(&activation.began, held));
        let ended = row.ended.filter(|ended| {
            // Between what is on the disk and what is in memory there may be what was dropped.
            kept.iter().any(|row| row.event_id == *ended)
        });
        if !held {
            assert_eq!(activation.ended.map(|event| event.event_id), ended);
        }
        let point = self.store.point_of_now(row.token);
        if let (Some(found), false) = (point, held) {
            assert_eq!(found.map(|info| info.index), Some(row.point));
        }
    }

    /// A question that takes what was brought as well, whole and page by page.
    pub fn ask_both(&mut self, reading: &Reading<'_>, kept: &[Plain]) {
        let oldest = self.brought_kept();
        let newest_first = self.random.one_in(2);
        let kind = self.random.one_in(2).then(|| intern("call"));
        let mut expected: Vec<(i128, u8, i64)> = kept
            .iter()
            .filter(|row| kind.is_none() || row.kind == EventKind::Enter)
            .map(|row| (i128::from(row.at_ns), 0, row.event_id as i64))
            .collect();
        expected.extend(
            oldest
                .iter()
                .filter(|event| kind.is_none() || event.kind == kind)
                .map(|event| (i128::from(event.at_ns), 1, -1 - event.number as i64)),
        );
        expected.sort_by_key(|(at, class, id)| (*at, *class, id.unsigned_abs()));
        if newest_first {
            expected.reverse();
        }
        let limit = 1 + self.random.below(expected.len() as u64 / 3 + 5) as usize;
        let with_time = self.random.one_in(2);
        let mut told = Vec::new();
        let mut cursor = None;
        loop {
            let question = Question {
                logged: Some(EventFilter {
                    kinds: kind.map(|_| vec![EventKind::Enter]),
                    ..EventFilter::default()
                }),
                brought: Some(SideFilter {
                    kinds: kind.map(|kind| vec![kind]),
                    ..SideFilter::default()
                }),
                after: cursor.filter(|_| !newest_first),
                before: cursor.filter(|_| newest_first),
                newest_first,
                ..Question::default()
            };
            let page = reading.told(question, limit).unwrap();
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= limit);
            told.extend(page.iter().map(|event| match event {
                Told::Logged(event) => (i128::from(event.at_ns), 0, event.event_id as i64),
                Told::Brought(event) => (i128::from(event.at_ns), 1, event.event_id()),
            }));
            let (at_ns, _, event_id) = *told.last().unwrap();
            let at_ns = with_time.then_some(at_ns as i64);
            cursor = Some(Cursor { event_id, at_ns });
        }
        assert_eq!(told, expected, "limit {limit}, newest first {newest_first}");
    }

    /// What was brought and is kept: the newest, by time.
    fn brought_kept(&self) -> Vec<SideEvent> {
        let mut all = self.brought.clone();
        all.sort_by_key(|event| (event.at_ns, event.number));
        let kept = self.store.log_stats().brought as usize;
        all.split_off(all.len() - kept)
    }

    /// Saved, and read by another VM: the same rows, whose processes are of the past.
    pub fn reload(&mut self) {
        let kept = self.kept(&self.store.reading(), false);
        let bytes = rmp_serde::to_vec(&self.store.to_saved(true).unwrap()).unwrap();
        let saved = rmp_serde::from_slice(&bytes).unwrap();
        let shelf = Arc::new(Shelf::default());
        self.store =
            Arc::new(RuntimeStore::from_saved(saved, limits(&self.shape, &shelf)).unwrap());
        self.shelf = shelf;
        let alive: BTreeSet<u64> = kept.iter().map(|row| row.event_id).collect();
        self.rows.retain(|id, _| alive.contains(id));
        for row in self.rows.values_mut() {
            row.foreign = true;
        }
        // What was brought gets new numbers, in its order.
        let mut brought = self.store.side_events(&SideFilter::default(), usize::MAX);
        brought.sort_by_key(|event| event.number);
        self.brought = brought
            .iter()
            .map(|event| SideEvent::clone(event))
            .collect();
        self.open.clear();
        // Another VM's events come later, with tokens that may repeat.
        self.next_id += 1_000_000;
        self.next_token = 1;
        self.now_ns += 1_000_000;
    }
}
