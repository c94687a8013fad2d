//! Versions that are no more: what their nodes became, and the code as it was.
//!
//! Each replaced unit is kept with the unit that took its place, and the matching of the two is computed when it is
//! first asked for, once. An id of an old version is followed from version to version, each step an index into an array.
//! The oldest versions go when all of them pass `limits::HISTORY_BYTES`: their ids are then simply not found.

use std::sync::{Arc, OnceLock};

use imbl::OrdMap;

use crate::capture::points::FunctionKey;
use crate::diff::{Matching, match_units};
use crate::error::Error;
use crate::limits;
use crate::source::{Found, NodeId, Unit};
use crate::store::locate::{Located, runtime_key};
use crate::store::state::{Map, State};
use crate::store::write::now_ns;

/// Steps that an id is followed: no more than there can be versions.
const STEPS_MAX: usize = 1 << 16;

/// Former names of one function, the latest of them.
const NAMES_MAX: usize = 64;

/// A unit that was current once.
pub struct Version {
    /// Grows with every version of the repository's history.
    pub number: u64,
    pub unit: Arc<Unit>,
    /// What took its place; `None` when its file or module was removed.
    pub next: Option<Arc<Unit>>,
    /// From when to when it was current: nanoseconds since 1970.
    pub from_ns: u64,
    pub until_ns: u64,
    matching: OnceLock<Arc<Matching>>,
    bytes: usize,
}

impl Version {
    pub(super) fn new(
        number: u64,
        unit: Arc<Unit>,
        next: Option<Arc<Unit>>,
        from_ns: u64,
        until_ns: u64,
    ) -> Version {
        // With what the matching will take.
        let bytes = unit.memory_bytes() + 4 * unit.ast().len() + size_of::<Version>();
        Version {
            number,
            unit,
            next,
            from_ns,
            until_ns,
            matching: OnceLock::new(),
            bytes,
        }
    }

    /// What became of the nodes in the next version.
    pub fn matching(&self) -> Option<&Arc<Matching>> {
        let next = self.next.as_ref()?;
        Some(
            self.matching
                .get_or_init(|| Arc::new(match_units(&self.unit, next))),
        )
    }
}

/// What became of a node that is not there any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gone {
    /// When the version without it came.
    pub at_ns: u64,
    /// The version that had it last.
    pub digest: u128,
    pub file: String,
    /// The innermost definition or node around it that is still there.
    pub around: Option<String>,
}

/// The versions of one repository. Cloning is cheap: all parts are shared.
#[derive(Clone, Default)]
pub struct History {
    versions: OrdMap<u64, Arc<Version>>,
    by_unit: Map<usize, u64>,
    /// Versions that define a module, or are a file, by its id; ascending.
    by_anchor: Map<Arc<str>, Arc<[u64]>>,
    /// Names that a function had, latest first, by its present one.
    pub(super) former_names: Map<FunctionKey, Arc<[FunctionKey]>>,
    bytes: usize,
    /// 0: `limits::HISTORY_BYTES`.
    pub(super) bytes_max: usize,
    last: u64,
}

fn address(unit: &Arc<Unit>) -> usize {
    Arc::as_ptr(unit) as usize
}

/// The modules of a unit, and the unit itself, as ids start with them.
fn anchors(unit: &Unit) -> impl Iterator<Item = String> + '_ {
    let modules = (0..unit.modules().len() as u32).map(|module| unit.module_id(module));
    modules.chain(std::iter::once(unit.file_id()))
}

impl History {
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    pub fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// Oldest first.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<Version>> {
        self.versions.values()
    }

    pub(super) fn has(&self, unit: &Arc<Unit>) -> bool {
        self.by_unit.contains_key(&address(unit))
    }

    fn of_unit(&self, unit: &Arc<Unit>) -> Option<&Arc<Version>> {
        self.versions.get(self.by_unit.get(&address(unit))?)
    }

    /// From a unit to the one that took its place.
    pub(super) fn matching_of(&self, unit: &Arc<Unit>) -> Option<Arc<Matching>> {
        self.of_unit(unit)?.matching().cloned()
    }

    /// Versions with this module (as ids show it) or file, newest first.
    pub fn of_anchor(&self, anchor: &str) -> impl Iterator<Item = &Arc<Version>> {
        let numbers = self
            .by_anchor
            .get(anchor)
            .map_or(&[][..], |numbers| numbers);
        numbers
            .iter()
            .rev()
            .filter_map(|number| self.versions.get(number))
    }

    /// Notes that a unit is not current any more.
    pub(super) fn add(&mut self, unit: &Arc<Unit>, next: Option<&Arc<Unit>>, from_ns: u64) {
        let before = anchors(unit).next().and_then(|anchor| {
            let mut versions = self.of_anchor(&anchor);
            let before = versions.find(|one| {
                one.next
                    .as_ref()
                    .is_some_and(|next| Arc::ptr_eq(next, unit))
            });
            before.cloned()
        });
        let same = next.is_some_and(|next| {
            unit.digest() == next.digest() && unit.same_code(next) && unit.same_names(next)
        });
        if same {
            // The very same text again: whoever led here leads there.
            if let Some(before) = before {
                self.put(Version {
                    matching: before.matching.clone(),
                    ..Version::new(
                        before.number,
                        before.unit.clone(),
                        next.cloned(),
                        before.from_ns,
                        before.until_ns,
                    )
                });
            }
            return;
        }
        self.last += 1;
        let from_ns = before.map_or(from_ns, |before| before.until_ns);
        let version = Version::new(self.last, unit.clone(), next.cloned(), from_ns, now_ns());
        self.put(version);
        let bytes_max = match self.bytes_max {
            0 => limits::HISTORY_BYTES,
            bytes => bytes,
        };
        while self.bytes > bytes_max {
            match self.versions.get_min().map(|(number, _)| *number) {
                Some(number) => self.remove(number),
                None => break,
            }
        }
    }

    pub(super) fn put(&mut self, version: Version) {
        // A unit that came back and was replaced again: its latest successor counts.
        if let Some(number) = self.by_unit.get(&address(&version.unit)).copied() {
            self.remove(number);
        }
        self.last = self.last.max(version.number);
        self.bytes += version.bytes;
        self.by_unit.insert(address(&version.unit), version.number);
        for anchor in anchors(&version.unit) {
            let old = self
                .by_anchor
                .get(anchor.as_str())
                .cloned()
                .unwrap_or_default();
            let mut numbers = old.to_vec();
            let at = numbers.partition_point(|number| *number < version.number);
            if numbers.get(at) != Some(&version.number) {
                numbers.insert(at, version.number);
            }
            self.by_anchor.insert(Arc::from(anchor), Arc::from(numbers));
        }
        self.versions.insert(version.number, Arc::new(version));
    }

    fn remove(&mut self, number: u64) {
        let Some(version) = self.versions.remove(&number) else {
            return;
        };
        self.bytes -= version.bytes;
        self.by_unit.remove(&address(&version.unit));
        for anchor in anchors(&version.unit) {
            let Some(old) = self.by_anchor.get(anchor.as_str()) else {
                continue;
            };
            let numbers: Arc<[u64]> = old.iter().copied().filter(|one| *one != number).collect();
            match numbers.is_empty() {
                true => self.by_anchor.remove(anchor.as_str()).map(drop),
                false => self.by_anchor.insert(Arc::from(anchor), numbers).map(drop),
            };
        }
    }

    /// The names under which the runtime knew a function before.
    pub fn former_names(&self, key: &FunctionKey) -> &[FunctionKey] {
        self.former_names.get(key).map_or(&[], |names| names)
    }

    /// The present name of a function that the runtime knew by this one.
    pub fn present_name(&self, key: &FunctionKey) -> Option<FunctionKey> {
        let mut all = self.former_names.iter();
        all.find(|(_, names)| names.contains(key))
            .map(|(name, _)| *name)
    }

    /// Notes functions that go by another name now. A name that the source has again is no former name.
    pub(super) fn rename(&mut self, old: &Unit, new: &Unit, matching: &Matching) {
        let mut names: Vec<(FunctionKey, Vec<FunctionKey>)> = Vec::new();
        for o in 0..old.functions().len() as u32 {
            let n = matching.function(o);
            let keys = n.and_then(|n| runtime_key(old, o).zip(runtime_key(new, n)));
            if let Some((before, now)) = keys.filter(|(before, now)| before != now) {
                let mut own = vec![before];
                own.extend_from_slice(self.former_names(&before));
                own.extend_from_slice(self.former_names(&now));
                names.push((now, own));
            }
        }
        // Two functions may have changed names with each other: nothing is put before all is taken.
        for (_, own) in &names {
            self.former_names.remove(&own[0]);
        }
        for (now, own) in names {
            let mut distinct: Vec<FunctionKey> = Vec::new();
            for name in own {
                // Two files may define a module of one name, and rename it both.
                if name != now && !distinct.contains(&name) && distinct.len() < NAMES_MAX {
                    distinct.push(name);
                }
            }
            self.former_names.insert(now, Arc::from(distinct));
        }
    }

    pub(super) fn forget_names(&mut self, present: impl Fn(&FunctionKey) -> bool) {
        let stale: Vec<FunctionKey> = self
            .former_names
            .iter()
            .filter(|(_, names)| names.iter().any(&present))
            .map(|(name, _)| *name)
            .collect();
        for name in stale {
            let own = self.former_names(&name).iter().copied();
            let own: Arc<[FunctionKey]> = own.filter(|one| !present(one)).collect();
            match own.is_empty() {
                true => self.former_names.remove(&name).map(drop),
                false => self.former_names.insert(name, own).map(drop),
            };
        }
    }
}

impl State {
    pub(super) fn is_current(&self, unit: &Arc<Unit>) -> bool {
        let by_module = (0..unit.modules().len() as u32).any(|module| {
            let record = self.modules.get(unit.module_id(module).as_str());
            record.is_some_and(|record| {
                let source = record.source.as_ref();
                source.is_some_and(|source| Arc::ptr_eq(&source.unit, unit))
            })
        });
        by_module
            || self
                .files
                .values()
                .any(|file| Arc::ptr_eq(&file.unit, unit))
    }

    /// What an id that names nothing now named last, and what became of that. `None` when no kept version has it.
    pub(super) fn follow(&self, id: &NodeId) -> Option<std::result::Result<Located, Gone>> {
        let anchor = id.module().unwrap_or(id.anchor());
        let mut versions = self.history.of_anchor(anchor);
        let (unit, found) =
            versions.find_map(|one| Some((one.unit.clone(), one.unit.resolve(id)?)))?;
        Some(self.forward(unit, found))
    }

    /// What became of something in a unit that may not be current.
    pub(super) fn forward(
        &self,
        unit: Arc<Unit>,
        found: Found,
    ) -> std::result::Result<Located, Gone> {
        self.walk(unit, found)
            .map_err(|(unit, found)| self.gone(&unit, found))
    }

    /// From version to version, to what is current, or to where it was last.
    fn walk(
        &self,
        mut unit: Arc<Unit>,
        mut found: Found,
    ) -> std::result::Result<Located, (Arc<Unit>, Found)> {
        for _ in 0..STEPS_MAX {
            if self.is_current(&unit) {
                return Ok(Located { unit, found });
            }
            if let Some(again) = self.came_back(&unit) {
                unit = again;
                continue;
            }
            let step = self.history.of_unit(&unit).and_then(|version| {
                let next = version.next.clone()?;
                Some((next, version.matching()?.found(found)?))
            });
            match step.or_else(|| self.elsewhere(&unit, found)) {
                Some((next, there)) => (unit, found) = (next, there),
                None => break,
            }
        }
        Err((unit, found))
    }

    /// The current unit, when it is this very code again.
    fn came_back(&self, unit: &Arc<Unit>) -> Option<Arc<Unit>> {
        let id = (!unit.modules().is_empty()).then(|| unit.module_id(0))?;
        let there = &self.modules.get(id.as_str())?.source.as_ref()?.unit;
        (there.same_code(unit) && there.same_names(unit)).then(|| there.clone())
    }

    /// A module that went to another file.
    fn elsewhere(&self, unit: &Arc<Unit>, found: Found) -> Option<(Arc<Unit>, Found)> {
        let located = Located {
            unit: unit.clone(),
            found,
        };
        let id = unit.module_id(located.module()?);
        let there = &self.modules.get(id.as_str())?.source.as_ref()?.unit;
        let version = self.history.of_unit(unit)?;
        let is_next = version
            .next
            .as_ref()
            .is_some_and(|next| Arc::ptr_eq(next, there));
        if is_next || Arc::ptr_eq(unit, there) {
            return None;
        }
        let found = match_units(unit, there).found(found)?;
        Some((there.clone(), found))
    }

    fn gone(&self, unit: &Arc<Unit>, found: Found) -> Gone {
        let version = self.history.of_unit(unit);
        let node = Located {
            unit: unit.clone(),
            found,
        }
        .nodes()[0];
        let mut around = None;
        let mut at = unit.ast().parent(node);
        while let (Some(outer), None) = (at, &around) {
            let there = self.walk(unit.clone(), Found::Node(outer)).ok();
            around = there.map(|there| there.unit.id_of(there.found));
            at = unit.ast().parent(outer);
        }
        Gone {
            at_ns: version.map_or(0, |version| version.until_ns),
            digest: unit.digest(),
            file: unit.file().to_owned(),
            around,
        }
    }
}

impl From<Gone> for Error {
    fn from(gone: Gone) -> Error {
        Error::Gone {
            what: "node",
            build: build_text(gone.digest),
            file: gone.file,
            at_ns: gone.at_ns,
            around: gone.around,
        }
    }
}

/// The build id of a version of a file: the digest of its text.
pub fn build_text(digest: u128) -> String {
    format!("{digest:032x}")
}
