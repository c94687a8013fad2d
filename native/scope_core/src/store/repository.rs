//! The repository: the state that readers see, and the way to the next one.
//!
//! A reader takes the current state, a pointer, and reads it without a lock; a `reading` is a repository that stays at
//! one state, however many questions are asked of it. Writers take turns: each makes a draft of the current state,
//! changes it, and publishes it at once, or not at all. No lock is held while a term is built, and user code never
//! runs here.
//!
//! Lock order: `writer`, then `correlating`, then the locks inside of correlations.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::error::{Error, Result};
use crate::ingest::{RuntimeLimits, RuntimeStore};
use crate::insight::Analysis;
use crate::source::{Unit, module_text};
use crate::store::builds::{Builds, PointNode};
use crate::store::correlations::{CorrelationId, Correlations};
use crate::store::graphs::Graphs;
use crate::store::record::{Fields, FunctionRecord, ModuleRecord};
use crate::store::state::State;
use crate::store::write::{FunctionWrite, ModuleWrite};
use crate::value::Value;

/// Bounds of one repository.
#[derive(Clone, Debug)]
pub struct Limits {
    pub modules_max: usize,
    pub correlations_max: usize,
    pub event_log: RuntimeLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            modules_max: 10_000,
            correlations_max: 1_000_000,
            event_log: RuntimeLimits::default(),
        }
    }
}

/// What all readings of one repository share.
pub(super) struct Shared {
    id: String,
    limits: Limits,
    closed: AtomicBool,
    state: ArcSwap<State>,
    writer: Mutex<()>,
    /// Held shared while a correlation is stored, exclusively while all of them are replaced.
    correlating: RwLock<()>,
    runtime: Arc<RuntimeStore>,
    pub(super) graphs: Graphs,
    pub(super) processes: crate::store::processes::Cache,
    /// From a point's literal to its node, as of a version of its module.
    pub(super) point_nodes: DashMap<u64, (u64, Arc<PointNode>), ahash::RandomState>,
    pub(super) builds: Builds,
    /// What events taught so far.
    analysis: Mutex<Analysis>,
    /// Columns of the newest version that was asked.
    columns: crate::store::tables::Kept,
    /// What relevance is found in.
    pub(super) web: crate::store::relevance::Kept,
}

/// A repository as it is now, whenever it is asked; or, when it is a `reading`, as it was at one moment. What is written
/// through either goes to the same place, and a reading does not see it.
#[derive(Clone)]
pub struct Repository {
    pub(super) shared: Arc<Shared>,
    pinned: Option<Arc<State>>,
}

impl Repository {
    pub fn new(id: &str, limits: Limits) -> Self {
        let runtime = RuntimeStore::new(limits.event_log.clone());
        Self::with_runtime(id, limits, runtime)
    }

    pub(super) fn with_runtime(id: &str, limits: Limits, runtime: RuntimeStore) -> Self {
        let shared = Shared {
            id: id.to_owned(),
            closed: AtomicBool::new(false),
            state: ArcSwap::from_pointee(State::new(1, limits.correlations_max)),
            limits,
            writer: Mutex::new(()),
            correlating: RwLock::new(()),
            runtime: Arc::new(runtime),
            point_nodes: DashMap::default(),
            graphs: Graphs::default(),
            processes: Default::default(),
            builds: Builds::default(),
            analysis: Mutex::default(),
            columns: Default::default(),
            web: Default::default(),
        };
        Repository {
            shared: Arc::new(shared),
            pinned: None,
        }
    }

    /// This repository at this moment: everything that is asked of it is answered from one version.
    pub fn reading(&self) -> Repository {
        Repository {
            shared: self.shared.clone(),
            pinned: Some(self.state()),
        }
    }

    pub fn id(&self) -> &str {
        &self.shared.id
    }

    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// What the running program did, as far as this repository is subscribed to it.
    pub fn runtime(&self) -> &Arc<RuntimeStore> {
        &self.shared.runtime
    }

    /// Reads what events taught, new ones too: for so long at most. Readers take turns.
    pub fn analysis<T>(&self, budget: Duration, read: impl FnOnce(&Analysis) -> T) -> T {
        let mut analysis = self.shared.analysis.lock();
        analysis.catch_up(&self.shared.runtime, budget);
        read(&analysis)
    }

    pub fn version(&self) -> u64 {
        self.with(|state| state.version)
    }

    /// Errors: `NotFound` once it was closed.
    pub fn open(&self) -> Result<&Self> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Error::NotFound {
                what: "repository (it was stopped)",
            });
        }
        Ok(self)
    }

    /// Gives the memory back. Whoever still reads a state keeps that state.
    pub fn close(&self) {
        let _turn = self.shared.writer.lock();
        let _alone = self.shared.correlating.write();
        self.shared.closed.store(true, Ordering::Release);
        let version = self.shared.state.load().version + 1;
        let empty = State::new(version, self.limits().correlations_max);
        self.shared.state.store(Arc::new(empty));
        self.shared.point_nodes.clear();
        self.shared.graphs.clear();
        self.shared.processes.clear();
        self.shared.runtime.clear_events();
        *self.shared.analysis.lock() = Analysis::default();
        self.shared.columns.lock().clear();
        *self.shared.web.lock() = None;
    }

    pub(super) fn kept_columns(&self) -> &crate::store::tables::Kept {
        &self.shared.columns
    }

    // States

    /// The state that is read here.
    pub(super) fn state(&self) -> Arc<State> {
        match &self.pinned {
            Some(state) => state.clone(),
            None => self.shared.state.load_full(),
        }
    }

    /// As `state`, without taking a share of it.
    pub(super) fn with<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        match &self.pinned {
            Some(state) => read(state),
            None => read(&self.shared.state.load()),
        }
    }

    /// Changes a draft of the newest state and publishes it; when `change` fails, nothing has happened.
    pub(super) fn write<T>(&self, change: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let _turn = self.shared.writer.lock();
        self.open()?;
        let mut draft = self.shared.state.load().draft();
        let changed = change(&mut draft)?;
        let moves = std::mem::take(&mut draft.moves);
        // Whoever stores a correlation meanwhile would store it for an id that is about to be another.
        let _alone = (!moves.is_empty()).then(|| self.shared.correlating.write());
        let correlations = draft.correlations.clone();
        self.shared.state.store(Arc::new(draft));
        correlations.move_nodes(&moves);
        Ok(changed)
    }

    /// As `write`, for a change that replaces the correlations too.
    pub(super) fn write_alone<T>(&self, change: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let _turn = self.shared.writer.lock();
        let _alone = self.shared.correlating.write();
        self.open()?;
        let mut draft = self.shared.state.load().draft();
        let changed = change(&mut draft)?;
        self.shared.state.store(Arc::new(draft));
        Ok(changed)
    }

    /// Reads the newest state while neither records nor correlations change.
    pub(super) fn still<T>(&self, read: impl FnOnce(&Arc<State>) -> T) -> Result<T> {
        let _turn = self.shared.writer.lock();
        let _alone = self.shared.correlating.write();
        self.open()?;
        Ok(read(&self.shared.state.load_full()))
    }

    /// Whether any function was renamed since it was observed.
    pub(super) fn has_former_names(&self) -> bool {
        self.with(|state| !state.history.former_names.is_empty())
    }

    /// The names under which the runtime knew a function before it was renamed.
    pub fn former_names(&self, key: &FunctionKey) -> Vec<FunctionKey> {
        self.with(|state| state.history.former_names(key).to_vec())
    }

    /// The present name of a function that the runtime knew by this one.
    pub fn present_name(&self, key: &FunctionKey) -> Option<FunctionKey> {
        self.with(|state| state.history.present_name(key))
    }

    // Modules

    /// The module that a name means: not one of the others of that name (`My.Mod~2`).
    pub fn module(&self, name: Atom) -> Option<Arc<ModuleRecord>> {
        self.module_by_id(&module_text(name))
    }

    pub fn module_by_id(&self, id: &str) -> Option<Arc<ModuleRecord>> {
        self.with(|state| state.modules.get(id).cloned())
    }

    /// Stores a module and gives its new version.
    ///
    /// Errors: `Conflict` with another writer, `NotFound` when a patch finds nothing, `LimitExceeded`.
    pub fn put_module(&self, write: ModuleWrite) -> Result<u64> {
        self.write(|draft| draft.put_module(self.limits(), write))
    }

    /// Errors: `NotFound`.
    pub fn delete_module(&self, name: Atom) -> Result<()> {
        self.write(|draft| draft.delete_module(name))
    }

    /// All modules, by id. Put together once for each version of the repository.
    pub fn modules(&self) -> Arc<[Arc<ModuleRecord>]> {
        self.with(State::modules)
    }

    /// Every unit, once: of imported files by path, then of modules stored by hand.
    pub fn units(&self) -> Arc<[Arc<Unit>]> {
        self.with(State::units)
    }

    /// The unit in which a module's code is, with the module's number there.
    pub fn definition(&self, name: Atom) -> Option<(Arc<Unit>, u32)> {
        self.with(|state| state.definition(name))
    }

    // Functions

    pub fn function_record(&self, key: &FunctionKey) -> Option<Arc<FunctionRecord>> {
        self.with(|state| state.functions.get(key).cloned())
    }

    /// Stored functions of which nothing else is known, by key.
    pub fn stored_functions(&self) -> Vec<Arc<FunctionRecord>> {
        let mut all: Vec<_> = self.with(|state| state.functions.values().cloned().collect());
        all.sort_unstable_by(|a: &Arc<FunctionRecord>, b| order(&a.key).cmp(&order(&b.key)));
        all
    }

    pub fn has_stored_functions(&self) -> bool {
        self.with(|state| !state.functions.is_empty())
    }

    /// Stores a function's data and gives its new version.
    ///
    /// Errors: as `put_module`; a patch needs the function to be known, from source or stored.
    pub fn put_function(&self, write: FunctionWrite) -> Result<u64> {
        self.write(|draft| draft.put_function(self.limits(), write))
    }

    /// Forgets what was stored of a function; what its source says stays. Errors: `NotFound`.
    pub fn delete_function(&self, key: &FunctionKey) -> Result<()> {
        self.write(|draft| draft.delete_function(key))
    }

    // Correlations

    /// Ids that callers brought, and the nodes they stand for.
    pub fn correlations(&self) -> Arc<Correlations> {
        self.with(|state| state.correlations.clone())
    }

    /// Makes `id` stand for `node`. Errors: `LimitExceeded`.
    pub fn put_correlation(&self, id: CorrelationId, node: &str) -> Result<()> {
        let _shared = self.shared.correlating.read();
        self.open()?;
        let state = self.shared.state.load();
        // An id of an older version stands for what became of it.
        let present = state.present_id(node);
        state
            .correlations
            .put(id, present.as_deref().unwrap_or(node))
    }

    // Insights

    /// Stores what was learnt of a node. Errors: `NotFound` when the repository does not hold it.
    pub fn put_insight(&self, node: &str, fields: Vec<(Atom, Value)>) -> Result<()> {
        self.write(|draft| {
            if !draft.holds(node) {
                return Err(Error::NotFound { what: "node" });
            }
            let present = draft.present_id(node);
            draft.put_insight(present.as_deref().unwrap_or(node), fields);
            Ok(())
        })
    }

    /// Whether there are any: what spares rendering ids to look for them.
    pub fn has_insights(&self) -> bool {
        self.with(|state| !state.insights.is_empty())
    }

    /// Of an id of an older version, what was learnt of what became of it.
    pub fn insight(&self, node: &str) -> Option<Arc<Fields>> {
        self.with(|state| {
            let present = || state.insights.get(&*state.present_id(node)?);
            state.insights.get(node).or_else(present).cloned()
        })
    }

    /// The correlation ids of a node; of an id of an older version, those of what became of it.
    pub fn correlation_ids(&self, node: &str) -> Vec<CorrelationId> {
        self.with(|state| match state.present_id(node) {
            Some(present) => state.correlations.ids(&present),
            None => state.correlations.ids(node),
        })
    }
}

/// For sorting functions as people read them.
pub(super) fn order(key: &FunctionKey) -> (&'static str, &'static str, u32) {
    (key.module.text(), key.name.text(), key.arity)
}
