//! The join across files, kept up to date lazily: the first question after a change mends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::AHashMap;
use parking_lot::RwLock;

use crate::atoms::Atom;
use crate::compiled::Compiled;
use crate::error::Result;
use crate::graph::{Expanded, GraphIndex, Input};
use crate::source::Unit;
use crate::store::repository::Repository;
use crate::store::state::State;

/// A compiled module, and the text of the source that it was compiled from.
#[derive(Clone, Debug)]
pub(super) struct CompiledRecord {
    pub(super) root: Arc<str>,
    pub(super) compiled: Arc<Compiled>,
    /// The digest of the file as it was when this was read; none when the file had changed by then.
    pub(super) fresh_for: Option<u128>,
}

/// The version of the state and of the compiled modules that the join is made of.
type Version = (u64, u64);

#[derive(Default)]
pub(super) struct Graphs {
    compiled: RwLock<AHashMap<Atom, CompiledRecord>>,
    compiled_version: AtomicU64,
    index: RwLock<(Version, GraphIndex)>,
}

impl Graphs {
    pub(super) fn clear(&self) {
        self.compiled.write().clear();
        *self.index.write() = Default::default();
    }
}

impl Repository {
    /// Keeps what is known of a project's compiled modules; what was known of this project before is forgotten.
    pub fn put_compiled(&self, root: &str, modules: Vec<Arc<Compiled>>) -> Result<()> {
        self.open()?;
        let root: Arc<str> = Arc::from(root);
        let state = self.state();
        let graphs = &self.shared.graphs;
        let mut all = graphs.compiled.write();
        all.retain(|_, record| record.root != root);
        for compiled in modules {
            let digest = file_digest(&state, &root, &compiled);
            let record = CompiledRecord {
                root: root.clone(),
                fresh_for: digest.filter(|_| !compiled.stale),
                compiled: compiled.clone(),
            };
            all.insert(compiled.module, record);
        }
        graphs.compiled_version.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// The compiled modules whose source has changed since, by name.
    pub fn stale_modules(&self) -> Vec<Atom> {
        let state = self.state();
        let all = self.shared.graphs.compiled.read();
        let is_stale = |record: &&CompiledRecord| {
            record.fresh_for.is_none()
                || record.fresh_for != file_digest(&state, &record.root, &record.compiled)
        };
        let stale = all.values().filter(is_stale);
        let mut stale: Vec<Atom> = stale.map(|record| record.compiled.module).collect();
        stale.sort_unstable_by_key(|module| module.text());
        stale
    }

    pub fn compiled_len(&self) -> usize {
        self.shared.graphs.compiled.read().len()
    }

    /// What tells one join from another.
    pub(super) fn graphs_version(&self, state: &State) -> (u64, u64) {
        let compiled = &self.shared.graphs.compiled_version;
        (state.version, compiled.load(Ordering::Acquire))
    }

    /// Reads the join across files, brought up to date before.
    pub fn graphs<R>(&self, read: impl FnOnce(&GraphIndex) -> R) -> R {
        let state = self.state();
        let graphs = &self.shared.graphs;
        let wanted = self.graphs_version(&state);
        {
            let index = graphs.index.read();
            if index.0 == wanted {
                return read(&index.1);
            }
        }
        let inputs = self.inputs(&state);
        let mut index = graphs.index.write();
        if index.0 != wanted {
            index.1.refresh(&inputs);
            index.0 = wanted;
        }
        read(&index.1)
    }

    /// Says what modules outside of the project export.
    pub fn put_exports(&self, exports: Vec<(Atom, Vec<(Atom, u32)>)>) {
        self.shared.graphs.index.write().1.set_exports(exports);
    }

    fn inputs(&self, state: &State) -> AHashMap<Arc<str>, Input> {
        let input = |unit: &Arc<Unit>| Input {
            unit: unit.clone(),
            compiled: Vec::new(),
        };
        let files = state.files.iter();
        let mut inputs: AHashMap<Arc<str>, Input> = files
            .map(|(path, file)| (path.clone(), input(&file.unit)))
            .collect();
        for record in state.modules.values().filter(|record| !record.imported) {
            if let Some(source) = &record.source {
                // No path is like that.
                let path: Arc<str> = Arc::from(format!("module {}", record.id));
                inputs.insert(path, input(&source.unit));
            }
        }
        let all = self.shared.graphs.compiled.read();
        let mut all: Vec<&CompiledRecord> = all.values().collect();
        all.sort_unstable_by_key(|record| record.compiled.module.text());
        for record in all {
            if let Some(input) = inputs.get_mut(&*path_of(&record.root, &record.compiled)) {
                input.compiled.push(Expanded {
                    fresh: record.fresh_for == Some(input.unit.digest()),
                    compiled: record.compiled.clone(),
                });
            }
        }
        inputs
    }

    /// Bytes held by the join and by what is known of compiled modules.
    pub fn graph_bytes(&self) -> usize {
        let graphs = &self.shared.graphs;
        let compiled = graphs.compiled.read();
        let compiled = compiled
            .values()
            .map(|record| record.compiled.memory_bytes());
        compiled.sum::<usize>() + graphs.index.read().1.memory_bytes()
    }
}

fn path_of(root: &str, compiled: &Compiled) -> String {
    format!("{}/{}", root.trim_end_matches('/'), compiled.file)
}

fn file_digest(state: &State, root: &str, compiled: &Compiled) -> Option<u128> {
    let file = state.files.get(&*path_of(root, compiled))?;
    Some(file.unit.digest())
}
