//! Spilling: what went to the disk reads as what stayed; damage and a full disk are told, never hidden.

use std::sync::Arc;

use crate::error::Error;
use crate::ingest::engine_test::{Alive, Rig};
use crate::ingest::log_test::Shelf;
use crate::ingest::{Disk, Event, EventFilter, EventKind, RuntimeLimits, RuntimeStore, Spill};

/// A store with little memory beside one with plenty: both are told the same.
fn run(shelf: &Arc<Shelf>, disk_bytes: u64) -> (Rig, Arc<RuntimeStore>) {
    let rig = Rig::new(1 << 14, 1000);
    let spilling = Arc::new(RuntimeStore::new(RuntimeLimits {
        event_log_bytes: 256 << 10,
        spill: Some(Spill {
            disk: Arc::clone(shelf) as Arc<dyn Disk>,
            bytes: disk_bytes,
        }),
        ..RuntimeLimits::default()
    }));
    rig.capture.subscribe(&spilling);
    let first = rig.enter(99, 2);
    for step in 0..40_000u64 {
        let token = rig.enter(step % 7, (step % 5) as u32);
        rig.pass(step % 50);
        rig.exit(step % 7, token);
        if step % 1_000 == 0 {
            rig.ingest(&mut Alive);
        }
    }
    // It began in what is on the disk by now.
    rig.exit(99, first);
    rig.ingest(&mut Alive);
    (rig, spilling)
}

fn all(store: &RuntimeStore, filter: &EventFilter) -> Vec<Event> {
    store.events(filter, usize::MAX).unwrap()
}

#[test]
#[cfg_attr(miri, ignore)]
fn what_is_on_the_disk_reads_as_what_is_in_memory() {
    let shelf = Arc::new(Shelf::default());
    let (rig, spilling) = run(&shelf, 64 << 20);
    let stats = spilling.log_stats();
    assert_eq!((stats.evicted, stats.kept), (0, 80_002));
    assert!(stats.on_disk > 60_000 && stats.disk_bytes > 0, "{stats:?}");
    assert!(spilling.totals().log_bytes <= 256 << 10);
    let filters = [
        EventFilter::default(),
        EventFilter {
            process: Some(3),
            kinds: Some(vec![EventKind::Return]),
            ..EventFilter::default()
        },
        EventFilter {
            points: Some(vec![(5, 2)]),
            newest_first: true,
            ..EventFilter::default()
        },
        EventFilter {
            process: Some(99),
            ..EventFilter::default()
        },
    ];
    for filter in filters {
        assert_eq!(all(&spilling, &filter), all(&rig.store, &filter));
    }
    let token = all(&rig.store, &EventFilter::default())[0].token;
    let activation = spilling.activation(token).unwrap();
    assert!(activation.as_ref().unwrap().ended.is_some());
    assert_eq!(activation, rig.store.activation(token).unwrap());
}

#[test]
#[cfg_attr(miri, ignore)]
fn damage_is_an_error_that_says_what_cannot_be_read() {
    let shelf = Arc::new(Shelf::default());
    let (_rig, spilling) = run(&shelf, 64 << 20);
    let files = shelf.files.lock();
    for at in (0..200).map(|step| step * 97) {
        if let Some(byte) = files[0].bytes.lock().get_mut(at) {
            *byte ^= 0x10;
        }
    }
    match spilling.events(&EventFilter::default(), usize::MAX) {
        Err(Error::Corrupt { detail }) => assert!(detail.contains("cannot be read back")),
        other => panic!("{:?}", other.map(|events| events.len())),
    }
    assert!(spilling.log_stats().blocks_damaged > 0);
    // The newest are in memory.
    let newest = EventFilter {
        newest_first: true,
        ..EventFilter::default()
    };
    assert_eq!(spilling.events(&newest, 100).unwrap().len(), 100);
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_full_disk_and_a_small_one_keep_the_newest_and_count_the_rest() {
    let small = run(&Arc::new(Shelf::default()), 200_000).1.log_stats();
    assert!(
        small.disk_bytes <= 200_000 && small.evicted > 0,
        "{small:?}"
    );
    assert_eq!(small.kept + small.evicted, 80_002);
    let full = Arc::new(Shelf::default());
    full.fill(true);
    let full = run(&full, 64 << 20).1.log_stats();
    assert!(full.spill_failures > 0 && full.evicted > 0, "{full:?}");
    assert_eq!(full.kept + full.evicted, 80_002);
    assert_eq!(full.spill_error.as_deref(), Some("no space left"));
}

/// A bound of age drops what is older, and nothing that is younger, whatever block it shares.
#[test]
#[cfg_attr(miri, ignore)]
fn nothing_younger_than_the_bound_of_age_is_dropped() {
    const AGE_NS: u64 = 200_000;
    let rig = Rig::new(1 << 14, 1000);
    let young = Arc::new(RuntimeStore::new(RuntimeLimits {
        event_log_age_ns: AGE_NS,
        ..RuntimeLimits::default()
    }));
    rig.capture.subscribe(&young);
    for step in 0..30_000u64 {
        let token = rig.enter(step % 7, (step % 5) as u32);
        rig.pass(20);
        rig.exit(step % 7, token);
        if step % 500 == 0 {
            rig.ingest(&mut Alive);
        }
    }
    rig.ingest(&mut Alive);
    let everything = all(&rig.store, &EventFilter::default());
    let newest = everything.last().unwrap().at_ns;
    let younger = everything
        .iter()
        .filter(|event| event.at_ns + AGE_NS >= newest)
        .count() as u64;
    // Not read as events: reading looks at the clock of the machine, which runs otherwise than this one.
    let kept = young.read(|inner| inner.log.len());
    assert!(kept >= younger, "{kept} of {younger} are kept");
    assert!(kept < everything.len() as u64 / 2, "{kept} are kept");
}
