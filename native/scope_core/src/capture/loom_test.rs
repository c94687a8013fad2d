//! Every interleaving of a writer and the consumer, within loom's model of memory.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p scope_core --release --lib loom_test`

use std::sync::atomic::{AtomicUsize, Ordering as StdOrdering};

use loom::thread;

use crate::capture::clock::Clock;
use crate::capture::drain::{Drain, Rule};
use crate::capture::record::{BlobState, Record, RecordKind};
use crate::capture::ring::Ring;
use crate::sync::{Arc, AtomicU64, Ordering};

/// Runs the model, and gives how many interleavings it tried, or nothing when one of them failed.
pub(super) fn explore(model: impl Fn() + Sync + Send + 'static) -> Option<usize> {
    let tried = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&tried);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            count.fetch_add(1, StdOrdering::Relaxed);
            model();
        });
    }));
    outcome.ok().map(|()| tried.load(StdOrdering::Relaxed))
}

fn record(at: u64, payload: u64) -> Record {
    Record {
        at,
        process: 1,
        payload,
        point: 1,
        kind: RecordKind::Exit,
        reason: 0,
        blob: BlobState::None,
    }
}

/// Two records, read while they are written: what is published is whole.
fn ring_model(publish: Ordering) -> impl Fn() {
    move || {
        let mut ring = Ring::new(1, 8);
        ring.publish = publish;
        let ring = Arc::new(ring);
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                ring.offer(record(11, 21)).unwrap();
                ring.offer(record(12, 22)).unwrap();
            })
        };
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let head = ring.head();
                for position in 0..head {
                    assert_eq!(
                        ring.read(position),
                        Some(record(11 + position, 21 + position))
                    );
                }
                ring.release_until(head);
                head
            })
        };
        writer.join().unwrap();
        let seen = reader.join().unwrap();
        let counts = ring.counts();
        assert_eq!(
            (counts.stored, counts.in_flight, counts.offered),
            (seen, 2 - seen, 2)
        );
    }
}

#[test]
fn loom_ring_gives_whole_records() {
    let tried = explore(ring_model(Ordering::Release)).expect("no interleaving may fail");
    assert!(tried >= 10, "only {tried} interleavings");
    println!("ring: {tried} interleavings");
}

#[test]
fn loom_ring_catches_a_relaxed_publication() {
    assert_eq!(
        explore(ring_model(Ordering::Relaxed)),
        None,
        "the seeded bug must be caught"
    );
}

/// A slot is not written again before the reader gave it back.
#[test]
fn loom_ring_never_overwrites_what_is_being_read() {
    let tried = explore(|| {
        let ring = Arc::new(Ring::new(1, 8));
        for at in 0..8 {
            ring.offer(record(at, at)).unwrap();
        }
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.offer(record(8, 8)).is_ok())
        };
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                assert_eq!(ring.read(0), Some(record(0, 0)));
                ring.release_until(1);
            })
        };
        let wrote = writer.join().unwrap();
        reader.join().unwrap();
        let counts = ring.counts();
        assert_eq!(counts.in_flight + counts.dropped, 8);
        assert_eq!(counts.dropped, u64::from(!wrote));
    })
    .expect("no interleaving may fail");
    assert!(tried >= 3, "only {tried} interleavings");
    println!("overwrite: {tried} interleavings");
}

/// Two records with bytes in rings that hold little: each is read with its own bytes, whole, or is said to have lost them.
fn blob_model(publish: Ordering, room: usize) -> impl Fn() {
    move || {
        let mut ring = Ring::with_blobs(1, 8, room);
        ring.publish = publish;
        let ring = Arc::new(ring);
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                for payload in [1u64, 2] {
                    let bytes = [payload as u8; 12];
                    ring.offer_with(record(payload, payload), &bytes).unwrap();
                }
            })
        };
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || read_blobs(&ring))
        };
        writer.join().unwrap();
        let seen = reader.join().unwrap() + read_blobs(&ring);
        let counts = ring.blob_counts();
        assert_eq!((counts.offered, counts.in_flight), (2, 0));
        assert_eq!((counts.stored, counts.stored + counts.dropped), (seen, 2));
    }
}

/// Reads what is there; how many records had bytes.
fn read_blobs(ring: &Ring) -> u64 {
    let (mut bytes, mut seen) = (Vec::new(), 0);
    let head = ring.head();
    for position in ring.tail()..head {
        let record = ring.read(position).unwrap();
        ring.take_blob(&record, &mut bytes);
        match record.blob {
            BlobState::Here => {
                assert_eq!(bytes, [record.payload as u8; 12]);
                seen += 1;
            }
            state => assert_eq!((state, bytes.len()), (BlobState::Lost, 0)),
        }
    }
    ring.release_until(head);
    seen
}

#[test]
fn loom_blobs_come_whole_with_their_records() {
    // Room for both; room for one, so that the second needs what the reader gives back.
    for room in [256, 32] {
        let tried = explore(blob_model(Ordering::Release, room)).expect("no interleaving may fail");
        assert!(tried >= 10, "only {tried} interleavings");
        println!("blobs, {room} bytes: {tried} interleavings");
    }
}

#[test]
fn loom_blobs_catch_a_relaxed_publication() {
    assert_eq!(
        explore(blob_model(Ordering::Relaxed, 256)),
        None,
        "the seeded bug must be caught"
    );
}

/// A thread leaves its ring, another goes on writing where it ended, while the ring is read: nothing is lost or overwritten.
fn claim_model(hand_over: Ordering) -> impl Fn() {
    move || {
        let mut ring = Ring::with_blobs(1, 8, 32);
        ring.hand_over = hand_over;
        let ring = Arc::new(ring);
        let first = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                ring.offer(record(1, 1)).unwrap();
                ring.leave();
            })
        };
        let second = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let adopted = ring.adopt();
                if adopted {
                    ring.offer(record(2, 2)).unwrap();
                }
                adopted
            })
        };
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || read_payloads(&ring))
        };
        first.join().unwrap();
        let adopted = second.join().unwrap();
        let mut seen = reader.join().unwrap();
        seen.extend(read_payloads(&ring));
        let expected: &[u64] = if adopted { &[1, 2] } else { &[1] };
        assert_eq!(seen, expected);
    }
}

fn read_payloads(ring: &Ring) -> Vec<u64> {
    let head = ring.head();
    let positions = ring.tail()..head;
    let seen = positions.map(|at| ring.read(at).unwrap().payload).collect();
    ring.release_until(head);
    seen
}

#[test]
fn loom_a_ring_is_handed_from_thread_to_thread() {
    let tried = explore(claim_model(Ordering::Release)).expect("no interleaving may fail");
    assert!(tried >= 20, "only {tried} interleavings");
    println!("claim: {tried} interleavings");
}

#[test]
fn loom_claim_catches_a_relaxed_hand_over() {
    assert_eq!(
        explore(claim_model(Ordering::Relaxed)),
        None,
        "the seeded bug must be caught"
    );
}

/// Two who would read, one seat: every record is read once, in order, whoever reads it.
fn seat_model(seated: bool) -> impl Fn() {
    move || {
        let ring = Arc::new(Ring::with_blobs(1, 8, 32));
        let seat = Arc::new(loom::sync::Mutex::new(Vec::new()));
        let consume = move |ring: &Ring, seat: &loom::sync::Mutex<Vec<u64>>| match seated {
            true => {
                if let Ok(mut seen) = seat.try_lock() {
                    seen.extend(read_payloads(ring));
                }
            }
            false => {
                let read = read_payloads(ring);
                seat.lock().unwrap().extend(read);
            }
        };
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                for payload in [1, 2] {
                    ring.offer(record(payload, payload)).unwrap();
                }
            })
        };
        let readers = [0, 1].map(|_| {
            let (ring, seat) = (Arc::clone(&ring), Arc::clone(&seat));
            thread::spawn(move || consume(&ring, &seat))
        });
        writer.join().unwrap();
        for reader in readers {
            reader.join().unwrap();
        }
        consume(&ring, &seat);
        assert_eq!(*seat.lock().unwrap(), [1, 2]);
    }
}

#[test]
fn loom_the_seat_lets_one_read_at_a_time() {
    let tried = explore(seat_model(true)).expect("no interleaving may fail");
    assert!(tried >= 20, "only {tried} interleavings");
    println!("seat: {tried} interleavings");
}

#[test]
fn loom_seat_catches_two_readers() {
    assert_eq!(
        explore(seat_model(false)),
        None,
        "the seeded bug must be caught"
    );
}

/// A process writes on one thread, moves, writes on another: no round may show the second without the first.
fn order_model(rule: fn() -> Rule) -> impl Fn() {
    move || {
        let rings = [Arc::new(Ring::new(1, 8)), Arc::new(Ring::new(2, 8))];
        let clock = Arc::new(Clock::counter());
        // The scheduler's hand-over: the second thread starts after the first has published.
        let handed_over = Arc::new(AtomicU64::new(0));
        let first = {
            let (ring, clock, handed_over) = (rings[0].clone(), clock.clone(), handed_over.clone());
            thread::spawn(move || {
                ring.offer(record(clock.now(), 1)).unwrap();
                handed_over.store(1, Ordering::Release);
            })
        };
        let second = {
            let (ring, clock) = (rings[1].clone(), clock.clone());
            thread::spawn(move || {
                if handed_over.load(Ordering::Acquire) == 1 {
                    ring.offer(record(clock.now(), 2)).unwrap();
                }
            })
        };
        let consumer = {
            let (rings, clock) = (rings.clone(), clock.clone());
            thread::spawn(move || {
                let (mut drain, mut seen) = (Drain::default(), Vec::new());
                drain.begin_by(rule(), &clock, &rings);
                drain.run(8, |record, _| seen.push(record.payload));
                assert!(matches!(seen[..], [] | [1] | [1, 2]), "{seen:?}");
                seen
            })
        };
        first.join().unwrap();
        second.join().unwrap();
        let mut seen = consumer.join().unwrap();
        let mut drain = Drain::default();
        drain.begin_by(rule(), &clock, &rings);
        drain.run(8, |record, _| seen.push(record.payload));
        assert!(matches!(seen[..], [1] | [1, 2]), "{seen:?}");
    }
}

#[test]
fn loom_order_is_exact_per_process() {
    let tried = explore(order_model(|| Rule::ClockFirst)).expect("no interleaving may fail");
    assert!(tried >= 100, "only {tried} interleavings");
    println!("order: {tried} interleavings");
}

#[test]
fn loom_order_catches_heads_before_clock() {
    assert_eq!(
        explore(order_model(|| Rule::HeadsFirst)),
        None,
        "the seeded bug must be caught"
    );
}
