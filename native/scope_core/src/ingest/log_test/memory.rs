//! The log's bytes by the operating system's measure. A process of its own, so that nothing else is measured.

use std::process::Command;
use std::sync::Arc;

use crate::captured::format::put_binary;
use crate::ingest::effect::NONE;
use crate::ingest::log::Entry;
use crate::ingest::log_test::model::{POINTS, Random, point};
use crate::ingest::side::SideEvent;
use crate::ingest::{Directory, EventFilter, EventKind, RuntimeLimits, RuntimeStore, Spill};
use crate::value::Value;

const BYTES: usize = 16 << 20;
/// What the process takes besides: stacks, and what was first touched meanwhile.
const SLACK: usize = 2 << 20;

/// In memory that this process has at this moment.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    resident * 4096
}

/// What a program may throw at the log.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flood {
    /// No values: rows and nothing else.
    Calls,
    /// Every event of a process of its own: indexes as large as they get.
    Processes,
    /// Values from nothing to some megabytes, each size for a while.
    Values,
    /// What callers bring, beside all that.
    Brought,
}

fn flood(store: &RuntimeStore, what: Flood, most: &mut usize) {
    let mut random = Random(what as u64);
    let mut blob = Vec::new();
    let mut bytes = 0;
    for number in 0u64.. {
        let size = match what {
            Flood::Values => 1usize << (number / 3_000 % 22),
            _ => 0,
        };
        blob.clear();
        if size > 1 && (size < 1 << 16 || random.one_in(size as u64 >> 12)) {
            put_binary(&mut blob, &vec![random.below(256) as u8; size]);
        }
        bytes += 24 + blob.len();
        let spill = store.write(|inner| {
            let process = match what {
                Flood::Processes => number,
                _ => random.below(500),
            };
            inner.log.append(&Entry {
                event_id: number + 1,
                // Some come late.
                at_ns: (1 << 60) + number * 50 - if random.one_in(500) { 900 } else { 0 },
                process: (process % 1_000_000) as u32,
                process_word: process,
                token: (1 << 48) | (number + 1),
                point: random.below(u64::from(POINTS)) as u32,
                kind: EventKind::Enter,
                inclusive_ns: 0,
                opened: 0,
                reason: NONE,
                blob: &blob,
            });
            inner.log.takes_wish_for_disk()
        });
        if spill {
            store.keep_up();
        }
        if what == Flood::Brought && number % 20 == 0 {
            let event = SideEvent {
                at_ns: number as i64,
                number: 0,
                node: None,
                kind: None,
                event: Value::text(&"x".repeat(random.below(2_000) as usize)),
            };
            store.put_side_event(event).unwrap();
            bytes += 1_000;
        }
        if number % 5_000 == 0 {
            *most = (*most).max(resident_bytes());
            // Readers keep what they read back from the disk.
            let newest = EventFilter {
                from_ns: Some((1 << 60) + random.below(number + 1) * 50),
                ..EventFilter::default()
            };
            store.events(&newest, 50).unwrap();
        }
        if bytes > 4 * BYTES {
            return;
        }
    }
}

/// What the test below runs in a process of its own: flood, and disk or none.
fn measure(what: Flood, spills: bool) {
    let path = std::env::temp_dir().join(format!("scope_log_memory_{}", std::process::id()));
    let disk = Arc::new(Directory::new(path.clone()));
    let store = RuntimeStore::new(RuntimeLimits {
        event_log_bytes: BYTES,
        spill: spills.then_some(Spill {
            disk,
            bytes: 1 << 30,
        }),
        ..RuntimeLimits::default()
    });
    store.write(|inner| {
        (0..POINTS).for_each(|number| assert_eq!(inner.tables.number_point(point(number)), number));
    });
    let before = resident_bytes();
    let mut most = before;
    flood(&store, what, &mut most);
    let stats = store.log_stats();
    let _ = std::fs::remove_dir_all(path);
    let (own, told) = (most - before, stats.memory_bytes + stats.brought_bytes);
    println!(
        "{what:?}, disk {spills}: {} MB of {}, told {}: {stats:?}",
        own >> 20,
        BYTES >> 20,
        told >> 20
    );
    assert!(
        own <= BYTES / 100 * (100 + SLACK),
        "{own} bytes are resident"
    );
    assert!(told <= BYTES as u64);
    assert!(own > BYTES / 2, "{own} bytes: the log was not full");
}

const FLOODS: [(Flood, bool); 6] = [
    (Flood::Calls, false),
    (Flood::Processes, false),
    (Flood::Processes, true),
    (Flood::Values, false),
    (Flood::Values, true),
    (Flood::Brought, false),
];

/// The name of the flood that the process is for: the other test starts it.
const WHICH: &str = "SCOPE_LOG_FLOOD";

#[test]
fn flooded() {
    let Some(which) = std::env::var(WHICH)
        .ok()
        .and_then(|one| one.parse::<usize>().ok())
    else {
        return;
    };
    let (what, spills) = FLOODS[which];
    measure(what, spills);
}

#[test]
#[cfg(target_os = "linux")]
#[cfg_attr(miri, ignore)]
fn the_operating_system_sees_no_more_than_the_bytes_of_the_log() {
    for which in 0..FLOODS.len() {
        let test = std::env::current_exe().unwrap();
        let ran = Command::new(test)
            .args([
                "--exact",
                "ingest::log_test::memory::flooded",
                "--nocapture",
            ])
            .env(WHICH, which.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(
            ran.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        assert!(said.contains("MB of 16"), "{said}");
        if std::env::var_os("SCOPE_LOG_SAY").is_some() {
            println!("{said}");
        }
    }
}
