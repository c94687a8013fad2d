//! Points: the places of instrumented code that report.
//!
//! The literal in the code is `build << 20 | index`. A build (one version of one instrumented module)
//! is registered once per VM and gets a contiguous range of *dense* numbers; everything after the probe
//! knows a point by its dense number. Registering only appends, so a dense number never changes meaning.

use std::collections::hash_map::Entry;

use ahash::{AHashMap, AHashSet};
use serde::{Deserialize, Serialize};

use crate::atoms::Atom;
use crate::capture::build_table::BuildTable;
use crate::capture::flags::Flags;
use crate::capture::foreign::{self, ForeignKey, ForeignTable};
use crate::error::{Error, Result};
use crate::limits;
use crate::sync::RwLock;

/// A function of the running system: module, name, arity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct FunctionKey {
    pub module: Atom,
    pub name: Atom,
    pub arity: u32,
}

/// What a tail call is known to jump to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum TailTarget {
    /// `fun.(x)`, `apply(m, f, args)`: anything.
    Unknown,
    /// `module.name(x)`: the module is a value of the running program.
    AnyModule { name: Atom, arity: u32 },
    /// A local call, or a remote one with a literal module.
    Function(FunctionKey),
}

impl TailTarget {
    /// Whether an entry of `function` can be what this jump arrived at.
    pub fn admits(&self, function: &FunctionKey) -> bool {
        match self {
            TailTarget::Unknown => true,
            TailTarget::AnyModule { name, arity } => {
                function.name == *name && function.arity == *arity
            }
            TailTarget::Function(target) => function == target,
        }
    }
}

/// What a point reports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum PointKind {
    /// Entry of a clause; its exits carry the same point.
    Clause,
    /// A jump to another function in tail position.
    Tail(TailTarget),
    /// A `try`.
    Try,
    /// The beginning of a branch inside a clause: reported once.
    Branch,
    /// A version of a variable.
    Binding {
        name: Atom,
        version: u32,
    },
    /// An expression whose value is reported.
    Expression,
    /// A branch that is reported each time it is taken.
    Choice,
    /// Where something is sent, with the function that does it; or taken.
    Send(TailTarget),
    Receive,
    /// Where an exception is caught.
    Raise,
    /// The user's own code.
    Custom,
    /// A function without instrumentation, which the VM traces.
    Foreign,
}

/// One point, as its module registered it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct PointInfo {
    /// The build it belongs to: 39 bits, never 0.
    pub build: u64,
    /// Its number within the build.
    pub index: u32,
    /// The function it is in.
    pub function: FunctionKey,
    pub kind: PointKind,
    /// 0-based ordinal of the clause it is in, within the compiled function.
    pub clause: u32,
    /// Line of the clause or call; 0 when unknown.
    pub line: u32,
    pub column: Option<u32>,
}

impl PointInfo {
    /// The literal that instrumented code passes: `build << 20 | index`.
    pub fn literal(&self) -> u64 {
        self.build << 20 | u64::from(self.index)
    }
}

/// Which points `enable` and `disable` mean.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selection {
    All,
    Module(Atom),
    Function(FunctionKey),
    /// Literals, as in the code.
    Points(Vec<u64>),
}

/// A stretch of dense numbers: one build.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    pub base: u32,
    pub count: u32,
}

/// All builds of the VM and their points.
pub struct PointRegistry {
    builds: BuildTable,
    foreign: ForeignTable,
    flags: Flags,
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By dense number; a hole where a module skipped an index.
    infos: Vec<Option<Registered>>,
    functions: Vec<FunctionKey>,
    function_numbers: AHashMap<FunctionKey, u32>,
    modules: AHashMap<Atom, Vec<Range>>,
    /// When a module's first build was registered: nanoseconds since 1970.
    since: AHashMap<Atom, u64>,
    off: Off,
}

fn now_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

/// What was switched off by name stays off for builds that are registered later.
#[derive(Default)]
struct Off {
    all: bool,
    modules: AHashSet<Atom>,
    functions: AHashSet<FunctionKey>,
}

/// A registered point with the number of its function.
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    pub info: PointInfo,
    /// Number of the function: the same for all builds, within this VM.
    pub function: u32,
}

impl PointRegistry {
    pub fn new() -> Self {
        Self::with_capacity(limits::BUILDS_MAX, limits::POINTS_MAX)
    }

    /// With other bounds than `limits`'s, for tests.
    pub fn with_capacity(builds_max: usize, points_max: usize) -> Self {
        PointRegistry {
            builds: BuildTable::new(builds_max),
            foreign: ForeignTable::new(limits::FOREIGN_POINTS_MAX.min(points_max)),
            flags: Flags::new(points_max),
            inner: RwLock::new(Inner::default()),
        }
    }

    /// Makes the points of a build known. A build that is already registered stays as it is.
    ///
    /// Errors: `Invalid` for a build of 0 or above 39 bits, an index above 2^20, the same index twice, or a point of another
    /// build; `LimitExceeded` when the VM's points or builds are used up.
    pub fn register(&self, build: u64, points: &[PointInfo]) -> Result<Range> {
        if let Some(range) = self.builds.find(build) {
            return Ok(range);
        }
        let count = check(build, points)?;
        let mut inner = self.inner.write();
        if let Some(range) = self.builds.find(build) {
            return Ok(range);
        }
        let base = inner.infos.len();
        if base + count > self.flags.len() {
            return Err(Error::LimitExceeded {
                what: "points",
                limit: self.flags.len() as u64,
            });
        }
        if self.builds.is_full() {
            return Err(Error::LimitExceeded {
                what: "builds",
                limit: self.builds.capacity() as u64,
            });
        }
        let range = Range {
            base: base as u32,
            count: count as u32,
        };
        inner.infos.resize(base + count, None);
        for point in points {
            let function = inner.function_number(point.function);
            let dense = base + point.index as usize;
            inner.infos[dense] = Some(Registered {
                info: *point,
                function,
            });
            if inner.off.holds(&point.function) {
                self.flags.set_off(dense, true);
            }
            let module = point.function.module;
            inner.since.entry(module).or_insert_with(now_ns);
            let ranges = inner.modules.entry(module).or_default();
            if ranges.last() != Some(&range) {
                ranges.push(range);
            }
        }
        // Holes report nothing: there is no point to report for.
        for dense in base..base + count {
            if inner.infos[dense].is_none() {
                self.flags.set_off(dense, true);
            }
        }
        // Last, and with release: a probe that finds the build finds its flags set.
        self.builds.insert(build, range);
        Ok(range)
    }

    /// When points of a module were registered first: nanoseconds since 1970. `None` when there are none.
    pub fn since(&self, module: Atom) -> Option<u64> {
        self.inner.read().since.get(&module).copied()
    }

    /// The dense number of a function that the VM traces, made when it is first seen: then `function` says which it is.
    /// `None` when there is no room for more. Known functions take no lock.
    #[inline]
    pub fn foreign(&self, key: ForeignKey, function: impl FnOnce() -> FunctionKey) -> Option<u32> {
        match self.foreign.find(key) {
            Some(dense) => Some(dense),
            None => self.register_foreign(key, function()),
        }
    }

    #[cold]
    fn register_foreign(&self, key: ForeignKey, function: FunctionKey) -> Option<u32> {
        let mut inner = self.inner.write();
        if let Some(dense) = self.foreign.find(key) {
            return Some(dense);
        }
        let dense = inner.infos.len();
        if dense >= self.flags.len() || self.foreign.is_full() {
            return None;
        }
        let info = PointInfo {
            build: foreign::build_of(&function),
            index: 0,
            function,
            kind: PointKind::Foreign,
            clause: 0,
            line: 0,
            column: None,
        };
        let function = inner.function_number(function);
        inner.infos.push(Some(Registered { info, function }));
        self.foreign.insert(key, dense as u32);
        Some(dense as u32)
    }

    /// The dense number of a literal, if its build is registered. What probes call: no lock, no allocation.
    #[inline(always)]
    pub fn resolve(&self, literal: u64) -> Option<u32> {
        let range = self.builds.find(literal >> 20)?;
        let index = (literal & 0xF_FFFF) as u32;
        (index < range.count).then(|| range.base + index)
    }

    /// Whether a point may report. One relaxed load.
    #[inline(always)]
    pub fn is_on(&self, dense: u32) -> bool {
        !self.flags.is_off(dense as usize)
    }

    /// Whether a point that reports once has yet to do so. One relaxed load.
    #[inline(always)]
    pub fn is_fresh(&self, dense: u32) -> bool {
        self.flags.is_fresh(dense as usize)
    }

    /// It has reported, or is to report again.
    pub fn set_seen(&self, dense: u32, seen: bool) {
        self.flags.set_seen(dense as usize, seen);
    }

    /// Whether a point has a gate. One relaxed load.
    #[inline(always)]
    pub fn is_gated(&self, dense: u32) -> bool {
        self.flags.is_gated(dense as usize)
    }

    pub(super) fn set_gated(&self, dense: u32, gated: bool) {
        self.flags.set_gated(dense as usize, gated);
    }

    /// Switches a point off whose gate is spent; `unchanged` as `Flags::close` says.
    #[cold]
    pub(super) fn close(&self, dense: u32, unchanged: impl FnOnce() -> bool) {
        self.flags.close(dense as usize, unchanged);
    }

    /// Its gate is set anew, or it has none any more.
    pub(super) fn reopen(&self, dense: u32) {
        self.flags.reopen(dense as usize);
    }

    /// Lets every point that reports once do so again.
    pub fn forget_seen(&self) {
        for dense in 0..self.len() {
            self.flags.set_seen(dense, false);
        }
    }

    /// Switches points on or off; gives how many it found.
    pub fn switch(&self, selection: &Selection, on: bool) -> usize {
        let mut inner = self.inner.write();
        inner.off.remember(selection, on);
        let found = self.select(&inner, selection);
        for (dense, _) in &found {
            self.flags.set_off(*dense as usize, !on);
        }
        found.len()
    }

    /// The points of a selection, with their dense numbers.
    pub fn matching(&self, selection: &Selection) -> Vec<(u32, Registered)> {
        self.select(&self.inner.read(), selection)
    }

    fn select(&self, inner: &Inner, selection: &Selection) -> Vec<(u32, Registered)> {
        let ranges: Vec<Range> = match selection {
            Selection::All => inner.modules.values().flatten().copied().collect(),
            Selection::Module(module) | Selection::Function(FunctionKey { module, .. }) => {
                inner.modules.get(module).cloned().unwrap_or_default()
            }
            Selection::Points(literals) => literals
                .iter()
                .filter_map(|literal| self.resolve(*literal))
                .map(|base| Range { base, count: 1 })
                .collect(),
        };
        let dense = ranges.iter().flat_map(|range| inner.registered(*range));
        dense
            .filter(|(_, registered)| selection.takes(&registered.info))
            .collect()
    }

    /// The points of a build, with their dense numbers.
    pub(super) fn in_range(&self, range: Range) -> Vec<(u32, Registered)> {
        self.inner.read().registered(range).collect()
    }

    /// How many points there can be.
    pub fn capacity(&self) -> usize {
        self.flags.len()
    }

    /// What is known of a dense number.
    pub fn info(&self, dense: u32) -> Option<PointInfo> {
        self.inner
            .read()
            .infos
            .get(dense as usize)
            .copied()
            .flatten()
            .map(|r| r.info)
    }

    /// The points of a module, build after build, each with whether it may report.
    pub fn of_module(&self, module: Atom) -> Vec<(PointInfo, bool)> {
        let inner = self.inner.read();
        let ranges = inner.modules.get(&module).into_iter().flatten();
        ranges
            .flat_map(|range| range.base..range.base + range.count)
            .filter_map(|dense| {
                let registered = inner.infos[dense as usize]?;
                Some((registered.info, self.is_on(dense)))
            })
            .collect()
    }

    /// Appends to `known` the points registered since it was last filled. `known` is by dense number.
    pub fn catch_up(&self, known: &mut Vec<Option<Registered>>) {
        let inner = self.inner.read();
        if known.len() < inner.infos.len() {
            known.extend_from_slice(&inner.infos[known.len()..]);
        }
    }

    /// How many points are registered, holes counted.
    pub fn len(&self) -> usize {
        self.inner.read().infos.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many builds are registered.
    pub fn builds(&self) -> usize {
        self.builds.len()
    }
}

impl Default for PointRegistry {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn registered(&self, range: Range) -> impl Iterator<Item = (u32, Registered)> {
        (range.base..range.base + range.count)
            .filter_map(|dense| Some((dense, self.infos[dense as usize]?)))
    }

    fn function_number(&mut self, key: FunctionKey) -> u32 {
        match self.function_numbers.entry(key) {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(vacant) => {
                let number = self.functions.len() as u32;
                self.functions.push(key);
                *vacant.insert(number)
            }
        }
    }
}

impl Off {
    fn holds(&self, function: &FunctionKey) -> bool {
        self.all || self.modules.contains(&function.module) || self.functions.contains(function)
    }

    fn remember(&mut self, selection: &Selection, on: bool) {
        match (selection, on) {
            (Selection::All, true) => *self = Off::default(),
            (Selection::All, false) => self.all = true,
            (Selection::Module(module), true) => {
                self.modules.remove(module);
                self.functions.retain(|function| function.module != *module);
            }
            (Selection::Module(module), false) => {
                self.modules.insert(*module);
            }
            (Selection::Function(function), true) => {
                self.functions.remove(function);
            }
            (Selection::Function(function), false) => {
                self.functions.insert(*function);
            }
            (Selection::Points(_), _) => {}
        }
    }
}

impl Selection {
    fn takes(&self, info: &PointInfo) -> bool {
        match self {
            Selection::All | Selection::Points(_) => true,
            Selection::Module(module) => info.function.module == *module,
            Selection::Function(function) => info.function == *function,
        }
    }
}

/// The count of dense numbers that `points` need.
fn check(build: u64, points: &[PointInfo]) -> Result<usize> {
    let invalid = |detail: String| Error::Invalid {
        what: "points",
        detail,
    };
    if build == 0 || build >= 1 << 39 {
        return Err(invalid(format!("build {build} is not within 1..2^39-1")));
    }
    let mut seen = AHashSet::with_capacity(points.len().min(limits::POINTS_PER_BUILD_MAX));
    for point in points {
        if point.build != build {
            return Err(invalid(format!(
                "a point of build {} among those of {build}",
                point.build
            )));
        }
        if point.index as usize >= limits::POINTS_PER_BUILD_MAX {
            return Err(invalid(format!("index {} is not below 2^20", point.index)));
        }
        if !seen.insert(point.index) {
            return Err(invalid(format!("index {} twice", point.index)));
        }
    }
    Ok(points
        .iter()
        .map(|point| point.index as usize + 1)
        .max()
        .unwrap_or(0))
}

#[cfg(test)]
#[path = "points_test.rs"]
mod tests;
