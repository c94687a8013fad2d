//! What the repository holds at one moment: persistent maps, so that the next moment shares all that stays.
//!
//! A reader holds a state and sees one version of everything. A writer copies it (a few pointers), changes the copy,
//! and puts it in its place at once; what it does not touch is not copied. Writers take turns.

use std::sync::{Arc, OnceLock};

use imbl::shared_ptr::DefaultSharedPtr;
use imbl::{GenericHashMap, OrdMap};

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::source::Unit;
use crate::store::correlations::Correlations;
use crate::store::history::History;
use crate::store::meaning::Types;
use crate::store::record::{Fields, FileRecord, FunctionRecord, ModuleRecord};

pub(super) type Map<K, V> = GenericHashMap<K, V, ahash::RandomState, DefaultSharedPtr>;

/// A module's name, and whether it stands for one that is computed.
pub(super) type Name = (Atom, bool);

#[derive(Clone)]
pub struct State {
    /// Grows with every change; every record's version is a value it had.
    pub(super) version: u64,
    /// By id: `My.Mod`.
    pub(super) modules: OrdMap<Arc<str>, Arc<ModuleRecord>>,
    pub(super) functions: Map<FunctionKey, Arc<FunctionRecord>>,
    /// By absolute path.
    pub(super) files: OrdMap<Arc<str>, Arc<FileRecord>>,
    /// The files that define a name, by absolute path. The first one keeps the name plain.
    pub(super) definers: Map<Name, Arc<[Arc<str>]>>,
    /// By node id.
    pub(super) insights: Map<Arc<str>, Arc<Fields>>,
    /// The one thing in here that changes in place: an entry for each event would be a state for each event. It belongs
    /// to the state so that restoring replaces records and correlations at once.
    pub(super) correlations: Arc<Correlations>,
    pub(super) history: History,
    /// Nodes that a change gave other ids: what correlations are to follow once the change is published.
    pub(super) moves: Vec<(Arc<str>, Arc<str>)>,
    sorted: OnceLock<Arc<[Arc<ModuleRecord>]>>,
    units: OnceLock<Arc<[Arc<Unit>]>>,
    pub(super) types: Arc<Types>,
}

impl State {
    pub(super) fn new(version: u64, correlations_max: usize) -> Self {
        State {
            version,
            modules: OrdMap::new(),
            functions: Map::default(),
            files: OrdMap::new(),
            definers: Map::default(),
            insights: Map::default(),
            correlations: Arc::new(Correlations::new(correlations_max)),
            history: History::default(),
            moves: Vec::new(),
            sorted: OnceLock::new(),
            units: OnceLock::new(),
            types: Arc::default(),
        }
    }

    /// What a writer changes and then puts in the place of this one.
    pub(super) fn draft(&self) -> Self {
        State {
            sorted: OnceLock::new(),
            units: OnceLock::new(),
            types: Arc::default(),
            ..self.clone()
        }
    }

    pub(super) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// All modules, by id.
    pub(super) fn modules(&self) -> Arc<[Arc<ModuleRecord>]> {
        let sorted = || self.modules.values().cloned().collect();
        self.sorted.get_or_init(sorted).clone()
    }

    /// Every unit, once: of imported files by path, then of modules stored by hand.
    pub(super) fn units(&self) -> Arc<[Arc<Unit>]> {
        let all = || {
            let files = self.files.values().map(|file| &file.unit);
            let by_hand = self.modules.values().filter(|record| !record.imported);
            let by_hand = by_hand.filter_map(|record| record.source.as_ref());
            let mut seen = ahash::AHashSet::new();
            files
                .chain(by_hand.map(|source| &source.unit))
                .filter(|unit| seen.insert(Arc::as_ptr(unit)))
                .cloned()
                .collect()
        };
        self.units.get_or_init(all).clone()
    }

    pub(super) fn definition(&self, name: Atom) -> Option<(Arc<Unit>, u32)> {
        let record = self.modules.get(&*crate::source::module_text(name))?;
        let (unit, module, _) = record.definition()?;
        Some((unit.clone(), module))
    }
}
