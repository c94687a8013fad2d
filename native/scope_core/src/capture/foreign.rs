//! Foreign points: functions without instrumentation, which the VM traces.
//!
//! The VM names a function by the words of its atoms, millions of times a second, so the way from there to a dense
//! number is a table that readers walk without a lock. Entries are only ever added, by one writer at a time (the registry's
//! lock). A writer fills the rest of a slot before it publishes the module's word with `Release`, so a reader that finds
//! the module finds the rest.

use crate::capture::points::FunctionKey;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// A function as the VM names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForeignKey {
    /// The words of the module's and the function's atoms: never 0.
    pub module: u64,
    pub name: u64,
    pub arity: u32,
}

pub(super) struct ForeignTable {
    slots: Box<[Slot]>,
    used: AtomicUsize,
    capacity: usize,
}

struct Slot {
    /// 0 while the slot is free.
    module: AtomicU64,
    name: AtomicU64,
    /// `arity << 32 | dense`.
    rest: AtomicU64,
}

impl ForeignTable {
    pub(super) fn new(capacity: usize) -> Self {
        let slots = (capacity.max(1) * 2).next_power_of_two();
        ForeignTable {
            slots: (0..slots)
                .map(|_| Slot {
                    module: AtomicU64::new(0),
                    name: AtomicU64::new(0),
                    rest: AtomicU64::new(0),
                })
                .collect(),
            used: AtomicUsize::new(0),
            capacity,
        }
    }

    #[inline(always)]
    pub(super) fn find(&self, key: ForeignKey) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = start(key) & mask;
        // Half of the slots are always free, so the walk ends.
        loop {
            let slot = &self.slots[at];
            match slot.module.load(Ordering::Acquire) {
                0 => return None,
                module if module == key.module && slot.name.load(Ordering::Relaxed) == key.name => {
                    let rest = slot.rest.load(Ordering::Relaxed);
                    if (rest >> 32) as u32 == key.arity {
                        return Some(rest as u32);
                    }
                }
                _ => {}
            }
            at = (at + 1) & mask;
        }
    }

    /// The caller holds the registry's lock, and has checked `find` and `is_full`.
    pub(super) fn insert(&self, key: ForeignKey, dense: u32) {
        assert!(key.module != 0 && !self.is_full());
        let mask = self.slots.len() - 1;
        let mut at = start(key) & mask;
        while self.slots[at].module.load(Ordering::Relaxed) != 0 {
            at = (at + 1) & mask;
        }
        let slot = &self.slots[at];
        slot.name.store(key.name, Ordering::Relaxed);
        let rest = u64::from(key.arity) << 32 | u64::from(dense);
        slot.rest.store(rest, Ordering::Relaxed);
        slot.module.store(key.module, Ordering::Release);
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_full(&self) -> bool {
        self.used.load(Ordering::Relaxed) >= self.capacity
    }
}

#[inline(always)]
fn start(key: ForeignKey) -> usize {
    let mixed = (key.module ^ key.name.rotate_left(23) ^ u64::from(key.arity) << 7)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as usize
}

/// What stands for the build of a foreign point: a hash of the function, so that two runs mean the same by it. 39 bits,
/// never 0.
pub(super) fn build_of(function: &FunctionKey) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325u64;
    let (module, name) = (function.module.text(), function.name.text());
    let bytes = module.bytes().chain([0]).chain(name.bytes()).chain([0]);
    for byte in bytes.chain(function.arity.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    ((hash ^ hash >> 39) & ((1 << 39) - 1)).max(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::atoms::intern;
    use crate::capture::points::{PointKind, PointRegistry};

    fn key(number: u64) -> ForeignKey {
        ForeignKey {
            module: number / 7 * 64 + 11,
            name: number % 7 * 64 + 11,
            arity: (number % 3) as u32,
        }
    }

    fn function(number: u64) -> FunctionKey {
        FunctionKey {
            module: intern(&format!("Elixir.M{}", number / 7)),
            name: intern(&format!("f{}", number % 7)),
            arity: (number % 3) as u32,
        }
    }

    #[test]
    fn a_function_has_one_point_and_different_ones_differ() {
        let registry = PointRegistry::with_capacity(16, 4096);
        let register = |number| registry.foreign(key(number), || function(number)).unwrap();
        let points: Vec<u32> = (0..500).map(register).collect();
        for number in 0..500 {
            assert_eq!(register(number), points[number as usize]);
            let info = registry.info(points[number as usize]).unwrap();
            assert_eq!(
                (info.function, info.kind),
                (function(number), PointKind::Foreign)
            );
        }
        let mut distinct = points.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 500);
        assert_eq!(registry.builds(), 0, "they are no builds");
    }

    #[test]
    fn threads_agree_on_the_point_of_a_function() {
        let registry = PointRegistry::with_capacity(16, 4096);
        let points: Vec<Vec<u32>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let register =
                            |number| registry.foreign(key(number), || function(number)).unwrap();
                        (0..200).map(register).collect()
                    })
                })
                .collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert!(points.iter().all(|other| *other == points[0]));
        assert_eq!(registry.len(), 200);
    }

    #[test]
    fn what_finds_no_room_is_refused() {
        let registry = PointRegistry::with_capacity(16, 3);
        let register = |number| registry.foreign(key(number), || function(number));
        assert_eq!(
            (0..9).filter(|number| register(*number).is_some()).count(),
            3
        );
        assert!(register(0).is_some() && register(8).is_none());
    }
}
