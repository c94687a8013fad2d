//! The log against a plain list, over random histories: rows in order and late, with values of all sizes; blocks and
//! segments that end, go to the disk, are dropped; a disk that is full; stores that are saved and read again; readers that
//! hold on to what is gone.

mod damage;
mod memory;
mod model;
mod plain;
mod shelf;
mod threads;

pub(super) use shelf::Shelf;

use std::sync::Arc;

use model::{Shape, World};

const STEPS: u64 = if cfg!(miri) { 300 } else { 2_000 };

fn run(seed: u64, shape: Shape) {
    let mut world = World::new(seed, shape);
    for round in 0..3 {
        for step in 0..STEPS {
            step_of(&mut world);
            if step % (STEPS / 3) == STEPS / 6 {
                ask(&mut world);
            }
        }
        world.shelf.fill(false);
        hold(&mut world);
        // Spilled links, late rows and holes go through a file as well.
        if round == 1 {
            world.reload();
            ask(&mut world);
        }
    }
}

fn step_of(world: &mut World) {
    world.append();
    if world.random.one_in(100) {
        world.bring();
    }
    if world.random.one_in(20) {
        world.spill();
    }
    if world.shape.disk_bytes.is_some() && world.shape.large == 30 && world.random.one_in(STEPS / 2)
    {
        let full = world.random.one_in(2);
        world.was_full |= full;
        world.shelf.fill(full);
    }
}

fn ask(world: &mut World) {
    let store = Arc::clone(&world.store);
    let reading = store.reading();
    let kept = world.kept(&reading, false);
    world.check_limits(&kept);
    for _ in 0..30 {
        world.ask(&reading, &kept, false);
    }
    for _ in 0..4 {
        world.ask_both(&reading, &kept);
    }
}

/// A reader has what it had, whatever was dropped, spilled and appended since.
fn hold(world: &mut World) {
    let store = Arc::clone(&world.store);
    let reading = store.reading();
    let kept = world.kept(&reading, false);
    for _ in 0..STEPS {
        step_of(world);
    }
    let still: Vec<u64> = kept.iter().map(|row| row.event_id).collect();
    let kept = world.kept(&reading, true);
    assert_eq!(
        still,
        kept.iter().map(|row| row.event_id).collect::<Vec<_>>()
    );
    for _ in 0..60 {
        world.ask(&reading, &kept, true);
    }
}

const FREE: Shape = Shape {
    bytes: 64 << 20,
    events: u64::MAX,
    age_ns: u64::MAX,
    disk_bytes: None,
    large: 10_000,
};

#[test]
fn a_log_with_room_keeps_everything() {
    (0..4).for_each(|seed| run(seed, FREE));
}

#[test]
fn a_log_of_few_bytes_keeps_the_newest() {
    for (seed, bytes) in (10..).zip([4 << 10, 40 << 10, 300 << 10, 1 << 20]) {
        let large = 20 + seed;
        run(
            seed,
            Shape {
                bytes,
                large,
                ..FREE
            },
        );
    }
}

#[test]
fn a_log_of_few_events_keeps_the_newest() {
    for (seed, events) in (20..).zip([100, 1_000, 9_000]) {
        run(seed, Shape { events, ..FREE });
    }
}

#[test]
fn a_log_of_a_short_time_keeps_what_is_young() {
    for (seed, age_ns) in (30..).zip([20_000, 400_000, 10_000_000_000]) {
        run(seed, Shape { age_ns, ..FREE });
    }
}

#[test]
fn a_log_on_the_disk_keeps_everything() {
    let disk_bytes = Some(64 << 20);
    for (seed, bytes) in (40..).zip([400 << 10, 1 << 20, 2 << 20]) {
        let large = 400;
        let shape = Shape {
            bytes,
            disk_bytes,
            large,
            ..FREE
        };
        run(seed, shape);
    }
}

#[test]
fn a_small_disk_and_a_full_one_keep_what_they_can() {
    for (seed, disk) in (50..).zip([150 << 10, 400 << 10, 64 << 20]) {
        let disk_bytes = Some(disk);
        let shape = Shape {
            bytes: 200 << 10,
            disk_bytes,
            large: 30,
            ..FREE
        };
        run(seed, shape);
    }
}

/// What is on the disk is found by indexes in memory: these are bounded, too, and it is the oldest that goes.
#[test]
fn a_disk_too_large_for_its_index_keeps_the_newest() {
    let shape = Shape {
        bytes: 24 << 10,
        disk_bytes: Some(64 << 20),
        large: 400,
        ..FREE
    };
    let mut world = World::new(70, shape);
    (0..4 * STEPS).for_each(|_| world.append());
    let reading = Arc::clone(&world.store);
    let kept = world.kept(&reading.reading(), false);
    let stats = world.store.log_stats();
    assert!(stats.evicted > 0 && stats.on_disk > 0, "{stats:?}");
    assert!(world.newest_are_kept(&kept), "{stats:?}");
}

#[test]
fn bounds_hold_together() {
    for seed in 60..63 {
        let shape = Shape {
            bytes: 300 << 10,
            events: 8_000,
            age_ns: 3_000_000,
            disk_bytes: Some(300 << 10),
            large: 30,
        };
        run(seed, shape);
    }
}
