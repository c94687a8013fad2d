//! Gates are set, taken away, and asked for by probes.

use ahash::{AHashMap, AHashSet};

use crate::capture::Capture;
use crate::capture::clock::Ticks;
use crate::capture::config::CaptureConfig;
use crate::capture::gate::rules::Rule;
use crate::capture::gate::table::{Inner, Owner};
use crate::capture::gate::{Change, Dice, Gate, Gates, Per, Scope, Settings, Verdict};
use crate::capture::points::{PointInfo, PointRegistry, Range, Registered, Selection};
use crate::capture::ring::Ring;
use crate::error::Result;

/// What is asked of gates.
#[derive(Clone, Debug)]
pub struct Order {
    pub selection: Selection,
    pub scope: Scope,
    pub per: Per,
    pub change: Change,
}

/// The time, for those who turn nanoseconds into ticks.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub now: Ticks,
    pub ticks_per_second: u64,
}

impl Timing {
    /// The tick that so many nanoseconds from now has.
    pub fn after(&self, ns: u64) -> Ticks {
        let ticks = u128::from(ns) * u128::from(self.ticks_per_second) / 1_000_000_000;
        self.now
            .saturating_add(u64::try_from(ticks).unwrap_or(u64::MAX))
    }
}

impl Capture {
    // Probes

    /// The gate of a point, if it has one. What probes call: a bit, and two arrays where it is set.
    #[inline(always)]
    pub fn gate(&self, dense: u32) -> Option<&Gate> {
        match self.points.is_gated(dense) {
            true => self.gates.get(dense),
            false => None,
        }
    }

    /// Whether something that begins at this point is recorded: as its gate says, and then as the whole capture's limits
    /// say. A gate that is spent switches the point off.
    ///
    /// To be asked once for every activation, and once for whatever is recorded within one; not for ends.
    #[inline(always)]
    pub fn admits(&self, dense: u32, ring: &Ring, dice: &mut Dice) -> bool {
        let gated = self.points.is_gated(dense);
        if !gated && !self.gates.is_limited() {
            return true;
        }
        self.admits_limited(dense, gated, ring, dice)
    }

    fn admits_limited(&self, dense: u32, gated: bool, ring: &Ring, dice: &mut Dice) -> bool {
        if gated
            && let Some(gate) = self.gates.get(dense)
            && let Verdict::Refuse(why, version) = gate.admit(&self.clock, || ring.fullness(), dice)
        {
            if why.closes() {
                let unchanged = || {
                    let now = self.gates.get(dense);
                    now.is_some_and(|now| std::ptr::eq(now, gate) && now.version() == version)
                };
                self.points.close(dense, unchanged);
            }
            return false;
        }
        !self.gates.is_limited()
            || self
                .gates
                .whole()
                .admit(&self.clock, || ring.fullness(), dice)
                == Verdict::Pass
    }

    /// How much of a value is recorded at this point.
    #[inline(always)]
    pub fn config(&self, dense: u32) -> CaptureConfig {
        self.gate(dense)
            .and_then(Gate::config)
            .or_else(|| self.gates.whole().config())
            .unwrap_or_default()
    }

    // Control

    /// The clock's rate, known after some milliseconds at most: call it where waiting is allowed.
    pub fn timing(&self) -> Timing {
        let mut inner = self.gates.inner.lock();
        inner.calibration.refine(&self.clock);
        Timing {
            now: self.clock.now(),
            ticks_per_second: inner.calibration.ticks_of(1_000_000_000),
        }
    }

    /// Makes the points of a build known, with the gates that were asked for by name.
    pub fn register(&self, build: u64, points: &[PointInfo]) -> Result<Range> {
        let range = self.points.register(build, points)?;
        let mut inner = self.gates.inner.lock();
        if !inner.rules.is_empty() {
            let fresh = self.points.in_range(range);
            self.gates
                .adopt(&mut inner, &self.points, &fresh, self.clock.now())?;
        }
        Ok(range)
    }

    /// Sets the gates of what is selected, and of what comes later under the same name; how many points it found. Either
    /// everything is done or nothing.
    ///
    /// `LimitExceeded` when there would be too many gates.
    pub fn configure(&self, order: &Order) -> Result<usize> {
        let found = self.points.matching(&order.selection);
        let mut inner = self.gates.inner.lock();
        self.gates
            .configure(&mut inner, &self.points, &found, order, self.clock.now())
    }

    /// Takes the gates of what is selected away, and what was asked for by name; how many points had one.
    pub fn ungate(&self, selection: &Selection) -> Result<usize> {
        let found = self.points.matching(selection);
        let mut inner = self.gates.inner.lock();
        inner.rules.forget(selection);
        let mut had = 0;
        for (dense, _) in &found {
            let Some(number) = self.gates.number_of(*dense) else {
                continue;
            };
            self.points.set_gated(*dense, false);
            self.gates.assign(*dense, None);
            self.points.reopen(*dense);
            inner.take_off(*dense, number);
            had += 1;
        }
        // What was asked for under a broader name holds again.
        self.gates
            .adopt(&mut inner, &self.points, &found, self.clock.now())?;
        Ok(had)
    }
}

impl Gates {
    fn configure(
        &self,
        inner: &mut Inner,
        points: &PointRegistry,
        found: &[(u32, Registered)],
        order: &Order,
        now: Ticks,
    ) -> Result<usize> {
        let remembered = !matches!(order.selection, Selection::Points(_));
        let id = inner.rules.id_of(order).unwrap_or_else(|| inner.next_id());
        let wants: Vec<_> = found
            .iter()
            .filter_map(|(dense, registered)| {
                let (group, change) = order.scope.group(&registered.info, &order.change)?;
                let owner = match order.per {
                    Per::Point => Owner::Point(*dense),
                    Per::Function => Owner::Function(registered.function, group),
                    Per::Selection => Owner::Selection(id, group),
                };
                Some((*dense, owner, change))
            })
            .collect();
        let new: AHashSet<Owner> = wants
            .iter()
            .filter(|(dense, owner, _)| {
                self.kept(inner, *dense, owner).is_none() && !inner.owners.contains_key(owner)
            })
            .map(|(_, owner, _)| *owner)
            .collect();
        if new.len() > self.room(inner) {
            return Err(Self::full(self.gates_max()));
        }
        if remembered {
            inner.rules.add(Rule {
                selection: order.selection.clone(),
                scope: order.scope.clone(),
                per: order.per,
                change: order.change,
                id,
            })?;
        }
        let mut changed = AHashSet::new();
        for (dense, owner, change) in &wants {
            let number = match self.kept(inner, *dense, owner) {
                Some(number) => number,
                None => {
                    let old = self.number_of(*dense);
                    let number = match inner.owners.get(owner) {
                        Some(number) => *number,
                        None => {
                            let base = match order.per {
                                Per::Selection => None,
                                _ => old.and_then(|old| self.at(old)).map(copied),
                            };
                            self.make(inner, *owner, base.unwrap_or_default(), now)?
                        }
                    };
                    self.give(inner, *dense, old, number);
                    number
                }
            };
            if changed.insert(number)
                && let Some(gate) = self.at(number)
            {
                gate.set(change.apply(gate.settings(), gate.hits()));
            }
            points.set_gated(*dense, true);
        }
        // Spent gates switched points off, those beyond the selection too.
        for number in changed {
            for dense in &inner.places[number as usize].points {
                points.reopen(*dense);
            }
        }
        Ok(wants.len())
    }

    /// The point's own gate, where it is as narrow as the wanted one: then that one is changed.
    fn kept(&self, inner: &Inner, dense: u32, wanted: &Owner) -> Option<u32> {
        let number = self.number_of(dense)?;
        let owner = inner.places[number as usize].owner?;
        let keeps = owner == *wanted
            || (!matches!(wanted, Owner::Selection(..)) && owner.rank() <= wanted.rank());
        keeps.then_some(number)
    }

    fn give(&self, inner: &mut Inner, dense: u32, old: Option<u32>, number: u32) {
        self.assign(dense, Some(number));
        inner.places[number as usize].points.push(dense);
        if let Some(old) = old {
            inner.take_off(dense, old);
        }
    }

    /// Gives points that have no gate those that were asked for by name.
    fn adopt(
        &self,
        inner: &mut Inner,
        points: &PointRegistry,
        fresh: &[(u32, Registered)],
        now: Ticks,
    ) -> Result<()> {
        if inner.rules.is_empty() {
            return Ok(());
        }
        let mut settings_of: AHashMap<Owner, Settings> = AHashMap::new();
        for (dense, registered) in fresh {
            if self.number_of(*dense).is_some() {
                continue;
            }
            let mut own: Option<(Owner, Settings)> = None;
            for rule in inner.rules.for_function(registered.info.function) {
                let Some((group, change)) = rule.scope.group(&registered.info, &rule.change) else {
                    continue;
                };
                let wanted = match rule.per {
                    Per::Point => Owner::Point(*dense),
                    Per::Function => Owner::Function(registered.function, group),
                    Per::Selection => Owner::Selection(rule.id, group),
                };
                own = Some(match own {
                    Some((owner, settings))
                        if owner.rank() <= wanted.rank() && rule.per != Per::Selection =>
                    {
                        (owner, change.apply(settings, 0))
                    }
                    Some((_, settings)) if rule.per != Per::Selection => {
                        (wanted, change.apply(settings, 0))
                    }
                    _ => (wanted, change.apply(Settings::default(), 0)),
                });
            }
            if let Some((owner, settings)) = own {
                let number = match inner.owners.get(&owner) {
                    Some(number) => *number,
                    None => {
                        let settings = *settings_of.entry(owner).or_insert(settings);
                        self.make(inner, owner, settings, now)?
                    }
                };
                self.give(inner, *dense, None, number);
                points.set_gated(*dense, true);
            }
        }
        Ok(())
    }
}

/// The settings of a gate, for another one: what is left of its hits goes with them.
fn copied(gate: &Gate) -> Settings {
    let settings = gate.settings();
    let left = settings
        .hits_until
        .map(|until| until.saturating_sub(gate.hits()));
    Settings {
        hits_until: left,
        ..settings
    }
}
