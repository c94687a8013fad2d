//! The repository: sharded maps of immutable records.
//!
//! Lock order: `gate`, then one shard of one map at a time. A writer holds `gate` shared and replaces one record
//! under its shard's lock; what has to see or make one consistent cut (snapshot, restore, import) holds it
//! exclusively. No lock is held while a term is built, and user code never runs here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};

use crate::ast::Ast;
use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::error::{Error, Result};
use crate::ingest::{RuntimeLimits, RuntimeStore};
use crate::source::{Unit, module_text};
use crate::store::correlations::Correlations;
use crate::store::locate::function_number;
use crate::store::record::{Fields, FileRecord, FunctionRecord, ModuleRecord, Source};
use crate::value::Value;

pub(super) type Map<K, V> = DashMap<K, V, ahash::RandomState>;

/// All modules by id, as of a version of the repository.
type Sorted = (u64, Arc<[Arc<ModuleRecord>]>);

/// Bounds of one repository.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub modules_max: usize,
    pub correlations_max: usize,
    pub event_log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            modules_max: 10_000,
            correlations_max: 1_000_000,
            event_log_bytes: crate::limits::EVENT_LOG_BYTES,
        }
    }
}

pub struct Repository {
    id: String,
    limits: Limits,
    closed: AtomicBool,
    /// Grows with every change; every record's version is a value it had.
    version: AtomicU64,
    pub(super) gate: RwLock<()>,
    /// By id: `My.Mod`.
    pub(super) modules: Map<Arc<str>, Arc<ModuleRecord>>,
    pub(super) module_count: AtomicUsize,
    pub(super) functions: Map<FunctionKey, Arc<FunctionRecord>>,
    /// By absolute path.
    pub(super) files: Map<Arc<str>, Arc<FileRecord>>,
    /// By node id.
    pub(super) insights: Map<Arc<str>, Arc<Fields>>,
    pub correlations: Correlations,
    runtime: Arc<RuntimeStore>,
    /// From a point's literal to the id of its node, as of a version of its module.
    pub(super) point_nodes: Map<u64, (u64, Arc<str>)>,
    sorted: Mutex<Option<Sorted>>,
}

/// What a write does to the fields that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The record becomes exactly this.
    Replace,
    /// Only what is named changes. The record has to exist.
    Patch,
}

/// One write of a module.
pub struct ModuleWrite {
    pub name: Atom,
    pub mode: Mode,
    /// The version that was read: another one there is a conflict.
    pub expected: Option<u64>,
    /// `Some(None)` takes the source away.
    pub source: Option<Option<Source>>,
    pub fields: Vec<(Atom, Value)>,
}

/// One write of a function.
pub struct FunctionWrite {
    pub key: FunctionKey,
    pub mode: Mode,
    pub expected: Option<u64>,
    pub ast: Option<Arc<Ast>>,
    pub fields: Vec<(Atom, Value)>,
}

impl Repository {
    pub fn new(id: &str, limits: Limits) -> Self {
        let runtime = RuntimeLimits {
            event_log_bytes: limits.event_log_bytes,
        };
        Self::with_runtime(id, limits, RuntimeStore::new(runtime))
    }

    pub(super) fn with_runtime(id: &str, limits: Limits, runtime: RuntimeStore) -> Self {
        Repository {
            id: id.to_owned(),
            limits,
            closed: AtomicBool::new(false),
            version: AtomicU64::new(1),
            gate: RwLock::new(()),
            modules: Map::default(),
            module_count: AtomicUsize::new(0),
            functions: Map::default(),
            files: Map::default(),
            insights: Map::default(),
            correlations: Correlations::new(limits.correlations_max),
            runtime: Arc::new(runtime),
            point_nodes: Map::default(),
            sorted: Mutex::new(None),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What the running program did, as far as this repository is subscribed to it.
    pub fn runtime(&self) -> &Arc<RuntimeStore> {
        &self.runtime
    }

    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(super) fn next_version(&self) -> u64 {
        self.version.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Errors: `NotFound` once it was closed.
    pub fn open(&self) -> Result<&Self> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::NotFound {
                what: "repository (it was stopped)",
            });
        }
        Ok(self)
    }

    /// Gives the memory back. Whoever still reads a record keeps that record.
    pub fn close(&self) {
        let _cut = self.gate.write();
        self.closed.store(true, Ordering::Release);
        self.modules.clear();
        self.module_count.store(0, Ordering::Release);
        self.functions.clear();
        self.files.clear();
        self.insights.clear();
        self.point_nodes.clear();
        *self.sorted.lock() = None;
        // Emptying cannot pass a limit.
        let _ = self.correlations.replace([]);
    }

    // Modules

    /// The module that a name means: not one of the others of that name (`My.Mod~2`).
    pub fn module(&self, name: Atom) -> Option<Arc<ModuleRecord>> {
        self.module_by_id(&module_text(name))
    }

    pub fn module_by_id(&self, id: &str) -> Option<Arc<ModuleRecord>> {
        self.modules.get(id).map(|found| found.clone())
    }

    /// Stores a module and gives its new version.
    ///
    /// Errors: `Conflict` with another writer, `NotFound` when a patch finds nothing, `LimitExceeded`.
    pub fn put_module(&self, write: ModuleWrite) -> Result<u64> {
        let _shared = self.gate.read();
        self.open()?;
        let id: Arc<str> = Arc::from(&*module_text(write.name));
        loop {
            let current = self.module_by_id(&id);
            check_version(
                "module",
                write.mode,
                write.expected,
                current.as_ref().map(|found| found.version),
            )?;
            let now = now_ns();
            let mut fields = match (&current, write.mode) {
                (Some(found), Mode::Patch) => found.fields.clone(),
                _ => Fields::default(),
            };
            fields.patch(write.fields.clone());
            let source = match (&write.source, &current, write.mode) {
                (Some(source), _, _) => source.clone(),
                (None, Some(found), Mode::Patch) => found.source.clone(),
                _ => None,
            };
            let same_source =
                current.as_ref().is_some_and(|found| found.imported) && write.source.is_none();
            let record = ModuleRecord {
                id: id.clone(),
                name: write.name,
                version: self.next_version(),
                source,
                imported: same_source && write.mode == Mode::Patch,
                fields,
                created_ns: current.as_ref().map_or(now, |found| found.created_ns),
                updated_ns: now,
            };
            let version = record.version;
            if self.swap_module(current.as_ref(), record)? {
                return Ok(version);
            }
            if write.expected.is_some() {
                return Err(Error::Conflict { what: "module" });
            }
        }
    }

    /// Puts `record` where `current` was; false when something else is there by now.
    fn swap_module(
        &self,
        current: Option<&Arc<ModuleRecord>>,
        record: ModuleRecord,
    ) -> Result<bool> {
        use dashmap::Entry;
        match (self.modules.entry(record.id.clone()), current) {
            (Entry::Occupied(mut entry), Some(current)) if Arc::ptr_eq(entry.get(), current) => {
                entry.insert(Arc::new(record));
                Ok(true)
            }
            (Entry::Vacant(entry), None) => {
                if self.module_count.fetch_add(1, Ordering::AcqRel) >= self.limits.modules_max {
                    self.module_count.fetch_sub(1, Ordering::AcqRel);
                    return Err(self.too_many_modules());
                }
                entry.insert(Arc::new(record));
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    pub(super) fn too_many_modules(&self) -> Error {
        Error::LimitExceeded {
            what: "modules (max_modules)",
            limit: self.limits.modules_max as u64,
        }
    }

    /// Errors: `NotFound`.
    pub fn delete_module(&self, name: Atom) -> Result<()> {
        let _shared = self.gate.read();
        self.open()?;
        let id = module_text(name);
        if self.modules.remove(&*id).is_none() {
            return Err(Error::NotFound { what: "module" });
        }
        self.module_count.fetch_sub(1, Ordering::AcqRel);
        self.functions.retain(|key, _| key.module != name);
        self.next_version();
        Ok(())
    }

    /// All modules, by id. Sorted once for each version of the repository.
    pub fn modules(&self) -> Arc<[Arc<ModuleRecord>]> {
        let version = self.version();
        if let Some((at, sorted)) = &*self.sorted.lock()
            && *at == version
        {
            return sorted.clone();
        }
        let mut all: Vec<Arc<ModuleRecord>> = self
            .modules
            .iter()
            .map(|entry| entry.value().clone())
            .collect();
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let all: Arc<[Arc<ModuleRecord>]> = Arc::from(all);
        // A change meanwhile has moved the version on, and then this is not found again.
        *self.sorted.lock() = Some((version, all.clone()));
        all
    }

    /// Every unit, once: of imported files by path, then of modules stored by hand.
    pub fn units(&self) -> Vec<Arc<Unit>> {
        let mut files: Vec<_> = self
            .files
            .iter()
            .map(|entry| (entry.key().clone(), entry.unit.clone()))
            .collect();
        files.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut units: Vec<Arc<Unit>> = files.into_iter().map(|(_, unit)| unit).collect();
        for record in self.modules().iter().filter(|record| !record.imported) {
            units.extend(record.source.as_ref().map(|source| source.unit.clone()));
        }
        let mut seen = ahash::AHashSet::new();
        units.retain(|unit| seen.insert(Arc::as_ptr(unit)));
        units
    }

    /// The unit in which a module's code is, with the module's number there.
    pub fn definition(&self, name: Atom) -> Option<(Arc<Unit>, u32)> {
        let record = self.module(name)?;
        let (unit, module, _) = record.definition()?;
        Some((unit.clone(), module))
    }

    // Functions

    pub fn function_record(&self, key: &FunctionKey) -> Option<Arc<FunctionRecord>> {
        self.functions.get(key).map(|found| found.clone())
    }

    /// Stored functions of which nothing else is known, by key.
    pub fn stored_functions(&self) -> Vec<Arc<FunctionRecord>> {
        let mut all: Vec<_> = self
            .functions
            .iter()
            .map(|entry| entry.value().clone())
            .collect();
        all.sort_unstable_by(|a, b| order(&a.key).cmp(&order(&b.key)));
        all
    }

    pub fn has_stored_functions(&self) -> bool {
        !self.functions.is_empty()
    }

    /// Stores a function's data and gives its new version.
    ///
    /// Errors: as `put_module`; a patch needs the function to be known, from source or stored.
    pub fn put_function(&self, write: FunctionWrite) -> Result<u64> {
        use dashmap::Entry;
        let _shared = self.gate.read();
        self.open()?;
        // Known from its source, a function is patched although nothing was stored for it yet.
        let in_source = || {
            self.definition(write.key.module)
                .is_some_and(|(unit, _)| function_number(&unit, &write.key).is_some())
        };
        loop {
            let current = self.function_record(&write.key);
            let found = match &current {
                Some(record) => Some(record.version),
                None if write.mode == Mode::Patch && in_source() => Some(0),
                None => None,
            };
            check_version("function", write.mode, write.expected, found)?;
            if current.is_none() && self.functions.len() >= self.functions_max() {
                return Err(Error::LimitExceeded {
                    what: "functions",
                    limit: self.functions_max() as u64,
                });
            }
            let now = now_ns();
            let patched = current.as_ref().filter(|_| write.mode == Mode::Patch);
            let mut fields = patched
                .map(|found| found.fields.clone())
                .unwrap_or_default();
            fields.patch(write.fields.clone());
            let record = Arc::new(FunctionRecord {
                key: write.key,
                version: self.next_version(),
                ast: write
                    .ast
                    .clone()
                    .or_else(|| patched.and_then(|found| found.ast.clone())),
                fields,
                created_ns: current.as_ref().map_or(now, |found| found.created_ns),
                updated_ns: now,
            });
            let version = record.version;
            let swapped = match (self.functions.entry(write.key), &current) {
                (Entry::Occupied(mut entry), Some(current))
                    if Arc::ptr_eq(entry.get(), current) =>
                {
                    entry.insert(record);
                    true
                }
                (Entry::Vacant(entry), None) => {
                    entry.insert(record);
                    true
                }
                _ => false,
            };
            if swapped {
                return Ok(version);
            }
            if write.expected.is_some() {
                return Err(Error::Conflict { what: "function" });
            }
        }
    }

    /// A module has some tens of functions; a hundred each is the bound.
    fn functions_max(&self) -> usize {
        self.limits.modules_max.saturating_mul(100)
    }

    // Insights

    /// Stores what was learnt of a node. Errors: `NotFound` when the repository does not hold it.
    pub fn put_insight(&self, node: &str, fields: Vec<(Atom, Value)>) -> Result<()> {
        let _shared = self.gate.read();
        self.open()?;
        if !self.holds(node) {
            return Err(Error::NotFound { what: "node" });
        }
        let mut entry = self.insights.entry(Arc::from(node)).or_default();
        let mut all = Fields::clone(&entry);
        all.patch(fields);
        *entry = Arc::new(all);
        drop(entry);
        self.next_version();
        Ok(())
    }

    /// Whether there are any: what spares rendering ids to look for them.
    pub fn has_insights(&self) -> bool {
        !self.insights.is_empty()
    }

    pub fn insight(&self, node: &str) -> Option<Arc<Fields>> {
        self.insights.get(node).map(|found| found.clone())
    }
}

/// For sorting functions as people read them.
pub(super) fn order(key: &FunctionKey) -> (&'static str, &'static str, u32) {
    (key.module.text(), key.name.text(), key.arity)
}

fn check_version(
    what: &'static str,
    mode: Mode,
    expected: Option<u64>,
    found: Option<u64>,
) -> Result<()> {
    match (mode, expected, found) {
        (Mode::Patch, _, None) => Err(Error::NotFound { what }),
        (_, Some(expected), found) if found != Some(expected) => Err(Error::Conflict { what }),
        _ => Ok(()),
    }
}

pub(crate) fn now_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}
