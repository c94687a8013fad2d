//! Disks that fail: full in the middle of a write, cut off, changed, gone. What is in memory stays and is read; what
//! cannot be read is an error that says what; what is lost is counted.

use std::sync::Arc;

use crate::error::Error;
use crate::ingest::log_test::model::{Shape, World};
use crate::ingest::{EventFilter, EventKind};

const SHAPE: Shape = Shape {
    bytes: 400 << 10,
    events: u64::MAX,
    age_ns: u64::MAX,
    disk_bytes: Some(64 << 20),
    large: 400,
};
const ROWS: usize = 14_000;
/// Rows that one may come late by, at most.
const LATE: u64 = 400;

fn world(seed: u64) -> World {
    let mut world = World::new(seed, SHAPE);
    (0..ROWS).for_each(|_| world.append());
    let stats = world.store.log_stats();
    assert!(stats.on_disk > 4_000 && stats.evicted == 0, "{stats:?}");
    world
}

/// The newest events, as far as they are in memory, and whether the whole log can be read.
fn newest(world: &World) -> (usize, Result<usize, Error>) {
    let stats = world.store.log_stats();
    let newest_first = EventFilter {
        newest_first: true,
        ..EventFilter::default()
    };
    // Late ones in memory may be older than the last that went.
    let in_memory = (stats.kept - stats.on_disk - LATE) as usize;
    let newest = world.store.events(&newest_first, in_memory).unwrap();
    let all = world.store.events(&EventFilter::default(), usize::MAX);
    (newest.len(), all.map(|all| all.len()))
}

#[test]
fn a_disk_that_fills_in_the_middle_of_a_write_loses_nothing_that_it_had() {
    for room in [0, 1, 40_000, 100_001] {
        let mut world = World::new(room, SHAPE);
        world.shelf.full_after(room);
        (0..ROWS).for_each(|_| world.append());
        let stats = world.store.log_stats();
        assert!(stats.spill_failures > 0 && stats.evicted > 0, "{stats:?}");
        assert!(stats.spill_error.is_some());
        assert_eq!(stats.kept + stats.evicted, ROWS as u64);
        let store = Arc::clone(&world.store);
        let kept = world.kept(&store.reading(), false);
        assert_eq!(kept.len() as u64, stats.kept);
    }
}

#[test]
fn what_a_file_lost_is_told_and_the_rest_is_read() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 5] = [
        ("one bit", |bytes| bytes[5_000] ^= 4),
        ("its end", |bytes| bytes.truncate(bytes.len() / 2)),
        ("everything", |bytes| bytes.clear()),
        ("a stretch", |bytes| bytes[9_000..9_700].fill(0)),
        ("its order", |bytes| bytes.rotate_left(1)),
    ];
    for (seed, (what, damage)) in (0..).zip(damages) {
        let world = world(seed);
        let reading = Arc::clone(&world.store);
        let before = world.kept(&reading.reading(), false);
        let files = world.shelf.files.lock().clone();
        damage(&mut files[0].bytes.lock());
        let (found, all) = newest(&world);
        let stats = world.store.log_stats();
        assert_eq!(found as u64, stats.kept - stats.on_disk - LATE, "{what}");
        match all {
            Err(Error::Corrupt { detail }) => {
                assert!(detail.contains("cannot be read back"), "{detail}")
            }
            other => panic!("{what}: {other:?}"),
        }
        assert!(stats.blocks_damaged > 0);
        assert_eq!(stats.kept, before.len() as u64);
        // One by one: either as it was, or the error. None is wrong, and none is missing without a word.
        let mut read = 0;
        for row in before.iter().step_by(23) {
            match world.store.event(row.event_id) {
                Ok(Some(event)) => {
                    assert_eq!((event.at_ns, event.kind), (row.at_ns, row.kind));
                    read += 1;
                }
                Err(Error::Corrupt { .. }) => {}
                other => panic!("{what}: {other:?}"),
            }
        }
        assert!(read > 0, "{what}");
        // It goes on: what is written now is read.
        let kinds = Some(vec![EventKind::Enter]);
        let last = EventFilter {
            newest_first: true,
            kinds,
            ..EventFilter::default()
        };
        assert_eq!(world.store.events(&last, 3).unwrap().len(), 3);
    }
}

/// A disk that lies: it says that it wrote, and gives back nothing. The reader is told, again and again.
#[test]
fn damage_that_is_read_twice_is_told_twice() {
    let world = world(9);
    let files = world.shelf.files.lock().clone();
    files.iter().for_each(|file| file.bytes.lock().clear());
    for _ in 0..3 {
        assert!(world.store.events(&EventFilter::default(), 1).is_err());
    }
    assert_eq!(world.store.log_stats().blocks_damaged, 3);
}
