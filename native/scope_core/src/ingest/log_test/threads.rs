//! Readers beside a writer that fills, spills and drops as fast as it can.
//!
//! Every column of a row follows from its event id, so a row that is torn, or of another place, shows itself. A reading
//! must hold all ids from its first to its last, up to at least what was written before it was taken.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::captured::format::put_binary;
use crate::ingest::log::Entry;
use crate::ingest::log_test::model::{POINTS, Random, Shape, function, limits, point};
use crate::ingest::log_test::shelf::Shelf;
use crate::ingest::{Directory, Event, EventFilter, EventKind, RuntimeLimits, RuntimeStore, Spill};

const ROWS: u64 = if cfg!(miri) { 600 } else { 150_000 };
const READERS: u64 = if cfg!(miri) { 2 } else { 4 };
const FIRST: u64 = 10;

fn mixed(event_id: u64) -> u64 {
    event_id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}

fn kind(event_id: u64) -> EventKind {
    [EventKind::Enter, EventKind::Return, EventKind::Binding][(mixed(event_id) % 3) as usize]
}

fn value(event_id: u64, out: &mut Vec<u8>) {
    out.clear();
    if mixed(event_id).is_multiple_of(5) {
        let bytes = (mixed(event_id) % 90) as usize;
        put_binary(out, &vec![event_id as u8; bytes]);
    }
}

fn write(store: &RuntimeStore, written: &AtomicU64) {
    let mut blob = Vec::new();
    let mut next = FIRST;
    while next < FIRST + ROWS {
        let end = (next + 1 + mixed(next) % 700).min(FIRST + ROWS);
        store.write(|inner| {
            for event_id in next..end {
                let kind = kind(event_id);
                value(event_id, &mut blob);
                inner.log.append(&Entry {
                    event_id,
                    at_ns: at_ns(event_id),
                    process: (mixed(event_id) % 50) as u32,
                    process_word: 900 + mixed(event_id) % 50,
                    token: (1 + event_id % 3) << 48 | event_id,
                    point: (mixed(event_id) % u64::from(POINTS)) as u32,
                    kind,
                    inclusive_ns: mixed(event_id) % 1_000_000,
                    opened: u64::MAX,
                    reason: crate::ingest::effect::NONE,
                    blob: &blob,
                });
            }
        });
        next = end;
        written.store(end - 1, Ordering::Release);
        store.keep_up();
    }
}

fn at_ns(event_id: u64) -> u64 {
    (1 << 60) | (event_id * 7)
}

fn check(event: &Event) {
    let id = event.event_id;
    let mut blob = Vec::new();
    value(id, &mut blob);
    let inclusive = (kind(id) == EventKind::Return).then_some(mixed(id) % 1_000_000);
    assert_eq!(
        (
            event.at_ns,
            event.process,
            event.token,
            event.kind,
            event.point,
            event.duration_ns,
            event.blob.as_deref().unwrap_or_default(),
        ),
        (
            at_ns(id),
            900 + mixed(id) % 50,
            (1 + id % 3) << 48 | id,
            kind(id),
            Some(point((mixed(id) % u64::from(POINTS)) as u32)),
            inclusive,
            &*blob,
        )
    );
}

/// What a reading holds, from its oldest to its newest row; that it was whole.
fn whole(reading: &crate::ingest::Reading<'_>) -> (u64, u64) {
    let (mut first, mut last) = (0, 0);
    reading
        .scan(&EventFilter::default(), |event| {
            check(event);
            assert!(
                last == 0 || event.event_id == last + 1,
                "{last} and then {event:?}"
            );
            if first == 0 {
                first = event.event_id;
            }
            last = event.event_id;
            ControlFlow::Continue(())
        })
        .unwrap();
    (first, last)
}

fn read(store: &RuntimeStore, written: &AtomicU64, done: &AtomicBool, seed: u64) -> u64 {
    let mut random = Random(seed);
    let (mut readings, mut seen) = (0, 0);
    while !done.load(Ordering::Acquire) {
        let before = written.load(Ordering::Acquire);
        let reading = store.reading();
        let (first, last) = whole(&reading);
        assert!(
            last >= before.max(seen),
            "{last} after {before} were written"
        );
        seen = last;
        readings += 1;
        if last == 0 {
            continue;
        }
        let filter = EventFilter {
            process: random.one_in(2).then(|| 900 + random.below(50)),
            functions: random
                .one_in(2)
                .then(|| vec![function(random.below(10) as u32)]),
            kinds: random.one_in(2).then(|| vec![EventKind::Return]),
            from_ns: Some(at_ns(first + random.below(last - first + 1))),
            newest_first: random.one_in(2),
            ..EventFilter::default()
        };
        let expected = (first..=last).filter(|id| {
            let number = (mixed(*id) % u64::from(POINTS)) as u32;
            at_ns(*id) >= filter.from_ns.unwrap_or(0)
                && filter
                    .process
                    .is_none_or(|process| process == 900 + mixed(*id) % 50)
                && filter
                    .kinds
                    .as_ref()
                    .is_none_or(|kinds| kinds.contains(&kind(*id)))
                && filter
                    .functions
                    .as_ref()
                    .is_none_or(|functions| functions.contains(&function(number / 4)))
        });
        let mut expected: Vec<u64> = expected.collect();
        if filter.newest_first {
            expected.reverse();
        }
        let told = reading.events(&filter, usize::MAX).unwrap();
        told.iter().for_each(check);
        let told: Vec<u64> = told.iter().map(|event| event.event_id).collect();
        assert_eq!(told, expected, "{filter:?}");
        // Meanwhile much was written, spilled and dropped.
        assert_eq!(whole(&reading), (first, last));
    }
    readings
}

fn run(limits: RuntimeLimits) -> Arc<RuntimeStore> {
    let store = Arc::new(RuntimeStore::new(limits));
    store.write(|inner| {
        (0..POINTS).for_each(|number| assert_eq!(inner.tables.number_point(point(number)), number));
    });
    let (written, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|seed| {
                scope.spawn({
                    let (store, written, done) = (&store, &written, &done);
                    move || read(store, written, done, seed)
                })
            })
            .collect();
        let writer = scope.spawn(|| write(&store, &written));
        let ended = writer.join();
        done.store(true, Ordering::Release);
        let readings: u64 = readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .sum();
        ended.unwrap();
        assert!(readings >= READERS, "the readers saw nothing");
    });
    store
}

const SHAPE: Shape = Shape {
    bytes: 400 << 10,
    events: u64::MAX,
    age_ns: u64::MAX,
    disk_bytes: None,
    large: 1,
};

#[test]
fn readers_see_whole_rows_in_order_while_the_oldest_are_dropped() {
    let stats = run(limits(&SHAPE, &Arc::default())).log_stats();
    assert!(stats.evicted > 0);
    assert_eq!(stats.kept + stats.evicted, ROWS);
}

#[test]
fn readers_see_whole_rows_in_order_while_they_go_to_a_disk_that_is_too_small() {
    let disk_bytes = Some(2 << 20);
    let shape = Shape {
        disk_bytes,
        ..SHAPE
    };
    let stats = run(limits(&shape, &Arc::new(Shelf::default()))).log_stats();
    assert!(
        cfg!(miri) || stats.blocks_read > 0 && stats.evicted > 0,
        "{stats:?}"
    );
    assert_eq!(stats.kept + stats.evicted, ROWS);
}

#[test]
#[cfg_attr(miri, ignore)]
fn readers_see_whole_rows_in_order_while_they_go_to_files() {
    let path = std::env::temp_dir().join(format!("scope_log_threads_{}", std::process::id()));
    let spill = Some(Spill {
        disk: Arc::new(Directory::new(path.clone())),
        bytes: 1 << 30,
    });
    let limits = RuntimeLimits {
        event_log_bytes: 1 << 20,
        spill,
        ..RuntimeLimits::default()
    };
    let stats = run(limits).log_stats();
    assert_eq!((stats.kept, stats.evicted), (ROWS, 0), "{stats:?}");
    assert!(stats.on_disk > 0 && stats.blocks_damaged == 0);
    let left = std::fs::read_dir(&path).map_or(0, |files| files.count());
    assert_eq!(left, 0, "a spilled file has no name");
    let _ = std::fs::remove_dir_all(path);
}
