//! All gates, and which point has which.
//!
//! Probes read two arrays and never wait. A place that a gate has left is used again only when no fresh one is left, and
//! the longest unused first: a probe that had found the old gate just before counts one arrival with the new one at worst.

use std::collections::VecDeque;
use std::sync::OnceLock;

use ahash::AHashMap;

use crate::capture::clock::{Calibration, Clock, Ticks};
use crate::capture::gate::rules::{Group, Rules};
use crate::capture::gate::{Gate, Settings};
use crate::error::{Error, Result};
use crate::limits;
use crate::sync::{AtomicBool, AtomicU32, Mutex, Ordering};

const CHUNK: usize = 256;

pub struct Gates {
    /// By dense number of the point: the number of its gate plus one; 0 where there is none.
    index: Box<[AtomicU32]>,
    chunks: Box<[OnceLock<Box<[Gate]>>]>,
    gates_max: usize,
    /// What the whole capture is limited by.
    whole: Gate,
    limited: AtomicBool,
    pub(super) inner: Mutex<Inner>,
}

/// What the lock guards.
pub(super) struct Inner {
    pub places: Vec<Place>,
    /// Places that may be used again.
    pub free: VecDeque<u32>,
    pub owners: AHashMap<Owner, u32>,
    pub rules: Rules,
    pub last_id: u64,
    pub calibration: Calibration,
}

/// What is known of a gate beside what its probes read.
#[derive(Default)]
pub(super) struct Place {
    /// `None` while it is free.
    pub owner: Option<Owner>,
    /// The dense numbers of its points.
    pub points: Vec<u32>,
    pub made_at: Ticks,
}

/// What a gate is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Owner {
    Point(u32),
    /// Number of the function.
    Function(u32, Group),
    Selection(u64, Group),
}

impl Owner {
    /// The narrower the smaller.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Owner::Point(_) => 0,
            Owner::Function(_, Group::Kind(_)) => 1,
            Owner::Function(_, _) => 2,
            Owner::Selection(_, _) => 3,
        }
    }
}

impl Gates {
    pub fn new(clock: &Clock, points_max: usize, gates_max: usize) -> Self {
        Gates {
            index: zeroed(points_max),
            chunks: (0..gates_max.div_ceil(CHUNK))
                .map(|_| OnceLock::new())
                .collect(),
            gates_max,
            whole: Gate::new(Settings::default()),
            limited: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                places: Vec::new(),
                free: VecDeque::new(),
                owners: AHashMap::new(),
                rules: Rules::default(),
                last_id: 0,
                calibration: Calibration::new(clock),
            }),
        }
    }

    /// The gate of a point. No lock, no allocation.
    #[inline(always)]
    pub fn get(&self, dense: u32) -> Option<&Gate> {
        // Acquire: the gate was set before it was given to the point.
        let number = self.index.get(dense as usize)?.load(Ordering::Acquire);
        self.at(number.checked_sub(1)?)
    }

    #[inline(always)]
    pub(super) fn at(&self, number: u32) -> Option<&Gate> {
        self.chunks
            .get(number as usize / CHUNK)?
            .get()?
            .get(number as usize % CHUNK)
    }

    pub(super) fn number_of(&self, dense: u32) -> Option<u32> {
        self.index
            .get(dense as usize)?
            .load(Ordering::Relaxed)
            .checked_sub(1)
    }

    /// The caller holds the lock.
    pub(super) fn assign(&self, dense: u32, number: Option<u32>) {
        let number = number.map_or(0, |number| number + 1);
        self.index[dense as usize].store(number, Ordering::Release);
    }

    // The whole capture

    /// Whether the capture as a whole is limited. One relaxed load.
    #[inline(always)]
    pub fn is_limited(&self) -> bool {
        self.limited.load(Ordering::Relaxed)
    }

    /// What the whole capture is limited by, and what came of it.
    #[inline(always)]
    pub fn whole(&self) -> &Gate {
        &self.whole
    }

    /// Limits the whole capture from now on, or no longer. Its counts begin anew.
    pub fn limit(&self, settings: Option<Settings>) {
        let _lock = self.inner.lock();
        self.whole.renew(settings.unwrap_or_default());
        self.limited.store(settings.is_some(), Ordering::Relaxed);
    }

    // Places

    /// How many more gates there can be.
    pub(super) fn room(&self, inner: &Inner) -> usize {
        self.gates_max - inner.places.len() + inner.free.len()
    }

    /// A gate for an owner that has none.
    pub(super) fn make(
        &self,
        inner: &mut Inner,
        owner: Owner,
        settings: Settings,
        now: Ticks,
    ) -> Result<u32> {
        let number = match inner.places.len() < self.gates_max {
            true => {
                inner.places.push(Place::default());
                inner.places.len() as u32 - 1
            }
            false => inner.free.pop_front().ok_or(Self::full(self.gates_max))?,
        };
        let chunk = self.chunks[number as usize / CHUNK]
            .get_or_init(|| (0..CHUNK).map(|_| Gate::new(Settings::default())).collect());
        chunk[number as usize % CHUNK].renew(settings);
        inner.places[number as usize] = Place {
            owner: Some(owner),
            points: Vec::new(),
            made_at: now,
        };
        inner.owners.insert(owner, number);
        Ok(number)
    }

    pub(super) fn full(gates_max: usize) -> Error {
        Error::LimitExceeded {
            what: "gates",
            limit: gates_max as u64,
        }
    }

    /// The most gates there can be.
    pub fn gates_max(&self) -> usize {
        self.gates_max
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let inner = self.inner.lock();
        inner.places.len() - inner.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    /// Takes a point off its gate. A gate without points is free.
    pub(super) fn take_off(&mut self, dense: u32, number: u32) {
        let place = &mut self.places[number as usize];
        // The newest are taken off first as a rule: a build's points come last.
        if let Some(at) = place.points.iter().rposition(|own| *own == dense) {
            place.points.swap_remove(at);
        }
        if place.points.is_empty()
            && let Some(owner) = place.owner.take()
        {
            self.owners.remove(&owner);
            self.free.push_back(number);
        }
    }

    /// A name for gates that a selection shares.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// Default bounds.
pub(in crate::capture) fn gates_for(clock: &Clock, points_max: usize) -> Gates {
    Gates::new(clock, points_max, limits::GATES_MAX.min(points_max))
}

/// Zeroed memory takes no room until it is written to.
#[cfg(not(loom))]
fn zeroed(count: usize) -> Box<[AtomicU32]> {
    let zeroed = Box::into_raw(vec![0u32; count].into_boxed_slice());
    // SAFETY: an AtomicU32 has the size, alignment and bit validity of u32, and the box is ours alone.
    const { assert!(align_of::<AtomicU32>() == align_of::<u32>()) };
    unsafe { Box::from_raw(zeroed as *mut [AtomicU32]) }
}

#[cfg(loom)]
fn zeroed(count: usize) -> Box<[AtomicU32]> {
    (0..count).map(|_| AtomicU32::new(0)).collect()
}
