//! History on its way to and from a file.

use std::sync::Arc;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::error::{Error, Result};
use crate::source::Unit;
use crate::store::history::{History, Version};
use crate::store::state::State;

/// Far from where counting on would overflow.
const NUMBER_MAX: u64 = 1 << 53;

#[derive(Default, Serialize, Deserialize)]
pub(super) struct SavedHistory {
    versions: Vec<SavedVersion>,
    former_names: Vec<(FunctionKey, Vec<FunctionKey>)>,
}

#[derive(Serialize, Deserialize)]
struct SavedVersion {
    number: u64,
    unit: Arc<Unit>,
    /// Modules that another file defined too: a unit is saved without what belongs to its project.
    qualified: Vec<Atom>,
    next: Next,
    from_ns: u64,
    until_ns: u64,
}

/// What took the place of a version.
#[derive(Clone, Serialize, Deserialize)]
enum Next {
    Nothing,
    /// Another version that is no more, by its number.
    Version(u64),
    /// A file, by its absolute path.
    File(String),
    /// A module that was stored by hand, by its id.
    Module(String),
}

impl History {
    pub(super) fn to_saved(&self, state: &State) -> SavedHistory {
        let numbers: AHashMap<*const Unit, u64> = self
            .versions()
            .map(|one| (Arc::as_ptr(&one.unit), one.number))
            .collect();
        let files = state.files.iter();
        let files: AHashMap<*const Unit, &Arc<str>> = files
            .map(|(path, file)| (Arc::as_ptr(&file.unit), path))
            .collect();
        let next_of = |version: &Version| {
            let Some(next) = &version.next else {
                return Next::Nothing;
            };
            let at = Arc::as_ptr(next);
            // What came back is both: then it is the present one.
            if let Some(path) = files.get(&at) {
                return Next::File(path.to_string());
            }
            let ids = (0..next.modules().len() as u32).map(|module| next.module_id(module));
            let mut present = ids.filter(|id| {
                let record = state.modules.get(id.as_str());
                record
                    .and_then(|record| record.source.as_ref())
                    .is_some_and(|source| Arc::ptr_eq(&source.unit, next))
            });
            match (present.next(), numbers.get(&at)) {
                (Some(id), _) => Next::Module(id),
                (None, Some(number)) => Next::Version(*number),
                (None, None) => Next::Nothing,
            }
        };
        let saved = |version: &Arc<Version>| {
            let modules = version.unit.modules().iter();
            SavedVersion {
                number: version.number,
                unit: version.unit.clone(),
                qualified: modules
                    .filter(|one| one.qualifier.is_some())
                    .map(|one| one.name)
                    .collect(),
                next: next_of(version),
                from_ns: version.from_ns,
                until_ns: version.until_ns,
            }
        };
        SavedHistory {
            versions: self.versions().map(saved).collect(),
            former_names: self
                .former_names
                .iter()
                .map(|(name, names)| (*name, names.to_vec()))
                .collect(),
        }
    }
}

impl State {
    /// Errors: `Corrupt` when a version leads to what is not there.
    pub(super) fn restore_history(&mut self, saved: SavedHistory) -> Result<()> {
        let units: AHashMap<u64, Arc<Unit>> = saved
            .versions
            .iter()
            .map(|one| {
                let unit = match one.qualified.is_empty() {
                    true => one.unit.clone(),
                    false => Arc::new(
                        one.unit
                            .with_qualifiers(|name| one.qualified.contains(&name)),
                    ),
                };
                (one.number, unit)
            })
            .collect();
        if units.len() != saved.versions.len() {
            return Err(Error::Corrupt {
                detail: "two versions have one number".into(),
            });
        }
        if saved.versions.iter().any(|one| one.number >= NUMBER_MAX) {
            return Err(Error::Corrupt {
                detail: "a version's number is beyond any that could be reached".into(),
            });
        }
        let missing = |what: &str| Error::Corrupt {
            detail: format!("a version leads to {what}, which is not there"),
        };
        for one in saved.versions {
            let next = match &one.next {
                Next::Nothing => None,
                Next::Version(number) => Some(
                    units
                        .get(number)
                        .ok_or_else(|| missing("a version"))?
                        .clone(),
                ),
                Next::File(path) => {
                    let file = self.files.get(path.as_str());
                    Some(file.ok_or_else(|| missing(path))?.unit.clone())
                }
                Next::Module(id) => {
                    let record = self.modules.get(id.as_str());
                    let source = record.and_then(|record| record.source.as_ref());
                    Some(source.ok_or_else(|| missing(id))?.unit.clone())
                }
            };
            let unit = units[&one.number].clone();
            self.history.put(Version::new(
                one.number,
                unit,
                next,
                one.from_ns,
                one.until_ns,
            ));
        }
        for (name, names) in saved.former_names {
            self.history.former_names.insert(name, Arc::from(names));
        }
        Ok(())
    }
}
