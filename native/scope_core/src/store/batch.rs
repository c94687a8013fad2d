//! Several changes as one: all of them become visible at once, or none.

use std::sync::Arc;

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::error::{Error, Result};
use crate::source::module_text;
use crate::store::change::FileChange;
use crate::store::correlations::CorrelationId;
use crate::store::files::Files;
use crate::store::import::{Parsed, absolute};
use crate::store::repository::Repository;
use crate::store::state::State;
use crate::store::write::{FunctionWrite, ModuleWrite};
use crate::value::Value;

/// One change of a batch.
pub enum Operation {
    /// A file of the project at this root.
    File(Arc<str>, Parsed),
    /// By absolute path. One that is not stored is no error: it is gone either way.
    RemoveFile(String),
    Module(ModuleWrite),
    DeleteModule(Atom),
    Function(FunctionWrite),
    DeleteFunction(FunctionKey),
    Correlation(CorrelationId, String),
    Insight(String, Vec<(Atom, Value)>),
}

/// What a batch did.
#[derive(Debug)]
pub struct Applied {
    /// The version in which all of it is visible for the first time.
    pub version: u64,
    pub files: Vec<FileChange>,
}

/// Which operation of a batch failed, if it was one, and why.
pub type Rejected = (Option<usize>, Error);

impl Repository {
    /// Applies all operations or none: files first, then the others in their order. Correlations are kept outside of
    /// versions; they are stored last, when nothing can fail any more.
    ///
    /// With `as_of`, a version that the caller has read, whatever an operation names must not have changed since:
    /// otherwise `Conflict`.
    pub fn apply(
        &self,
        operations: Vec<Operation>,
        as_of: Option<u64>,
    ) -> std::result::Result<Applied, Rejected> {
        let mut rejected = None;
        // Who stores correlations meanwhile waits only for a batch that stores some itself.
        let correlates = |one: &Operation| matches!(one, Operation::Correlation(..));
        let alone = operations.iter().any(correlates);
        let change = |draft: &mut State| {
            let read = draft.version;
            let mut files = Files::new();
            let mut others = Vec::with_capacity(operations.len());
            for (at, operation) in operations.into_iter().enumerate() {
                if let Some(as_of) = as_of.filter(|as_of| *as_of < read) {
                    let found = draft.version_of(&operation);
                    if found.is_some_and(|found| found > as_of) {
                        rejected = Some(at);
                        return Err(Error::Conflict {
                            what: "update (what it names has changed since it was read)",
                        });
                    }
                }
                match operation {
                    Operation::File(root, parsed) => {
                        let path = Arc::from(absolute(&root, parsed.unit.file()));
                        files.insert(path, Some(parsed.record(&root)));
                    }
                    Operation::RemoveFile(path) => {
                        files.insert(Arc::from(path), None);
                    }
                    other => others.push((at, other)),
                }
            }
            let files = match files.is_empty() {
                true => Vec::new(),
                false => draft.change_files(self.limits(), files)?,
            };
            let mut correlations = Vec::new();
            for (at, operation) in others {
                let done = self.apply_one(draft, operation, &mut correlations);
                if let Err(error) = done {
                    rejected = Some(at);
                    return Err(error);
                }
            }
            if alone {
                draft.store_correlations(self.limits().correlations_max, correlations)?;
            }
            Ok(Applied {
                version: draft.version,
                files,
            })
        };
        let applied = match alone {
            true => self.write_alone(change),
            false => self.write(change),
        };
        applied.map_err(|error| (rejected, error))
    }

    fn apply_one(
        &self,
        draft: &mut State,
        operation: Operation,
        correlations: &mut Vec<(CorrelationId, String)>,
    ) -> Result<()> {
        match operation {
            Operation::Module(write) => draft.put_module(self.limits(), write).map(drop),
            Operation::DeleteModule(name) => draft.delete_module(name),
            Operation::Function(write) => draft.put_function(self.limits(), write).map(drop),
            Operation::DeleteFunction(key) => draft.delete_function(&key),
            Operation::Correlation(id, node) => {
                correlations.push((id, node));
                Ok(())
            }
            Operation::Insight(node, fields) => {
                if !draft.holds(&node) {
                    return Err(Error::NotFound { what: "node" });
                }
                draft.put_insight(&node, fields);
                Ok(())
            }
            // Sorted out before.
            Operation::File(..) | Operation::RemoveFile(_) => Ok(()),
        }
    }
}

impl State {
    /// The version of what an operation names: the newest of the records it is about.
    fn version_of(&self, operation: &Operation) -> Option<u64> {
        let module = |name: Atom| {
            let record = self.modules.get(&*module_text(name))?;
            Some(record.version)
        };
        let file = |path: &str| {
            let unit = &self.files.get(path)?.unit;
            let numbers = 0..unit.modules().len() as u32;
            let ids = numbers.map(|number| unit.module_id(number));
            ids.filter_map(|id| Some(self.modules.get(id.as_str())?.version))
                .max()
        };
        let function = |key: &FunctionKey| {
            let stored = self.functions.get(key).map(|record| record.version);
            stored.max(module(key.module))
        };
        match operation {
            Operation::File(root, parsed) => file(&absolute(root, parsed.unit.file())),
            Operation::RemoveFile(path) => file(path),
            Operation::Module(write) => module(write.name),
            Operation::DeleteModule(name) => module(*name),
            Operation::Function(write) => function(&write.key),
            Operation::DeleteFunction(key) => function(key),
            Operation::Correlation(..) | Operation::Insight(..) => None,
        }
    }

    /// Needs the correlations to stand still, so that what was counted holds.
    fn store_correlations(&self, max: usize, all: Vec<(CorrelationId, String)>) -> Result<()> {
        let fresh: ahash::AHashSet<_> = all
            .iter()
            .map(|(id, _)| id)
            .filter(|id| self.correlations.node(id).is_none())
            .collect();
        if self.correlations.len() + fresh.len() > max {
            return Err(Error::LimitExceeded {
                what: "correlations (max_correlations)",
                limit: max as u64,
            });
        }
        all.iter()
            .try_for_each(|(id, node)| self.correlations.put(id.clone(), node))
    }
}
