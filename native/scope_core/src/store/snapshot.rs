//! The content of one moment, shared.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::store::correlations::{CorrelationId, Correlations};
use crate::store::record::{FunctionRecord, ModuleRecord};
use crate::store::repository::Repository;
use crate::store::state::State;
use crate::store::write::too_many_modules;

/// A state, and the correlations as they were then. What was observed at run time is no part of it: it happened.
#[derive(Clone)]
pub struct Snapshot {
    pub(super) state: Arc<State>,
    pub(super) correlations: Vec<(CorrelationId, Arc<str>)>,
}

impl Snapshot {
    pub fn version(&self) -> u64 {
        self.state.version
    }
}

impl Repository {
    /// One consistent cut: a pointer to the records, and a list of the correlations.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.still(|state| Snapshot {
            state: state.clone(),
            correlations: state.correlations.all(),
        })
    }

    /// Makes the content that of the snapshot, records and correlations at once: whoever reads sees all of the one
    /// or all of the other.
    ///
    /// Errors: `LimitExceeded` when it holds more than this repository may; then nothing is changed.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<()> {
        let limits = self.limits();
        if snapshot.state.modules.len() > limits.modules_max {
            return Err(too_many_modules(limits));
        }
        if snapshot.correlations.len() > limits.correlations_max {
            return Err(Error::LimitExceeded {
                what: "correlations (max_correlations)",
                limit: limits.correlations_max as u64,
            });
        }
        let correlations = Correlations::new(limits.correlations_max);
        correlations.replace(snapshot.correlations.iter().cloned())?;
        self.write_alone(|draft| {
            let version = draft.version.max(snapshot.state.version);
            let before = std::mem::replace(draft, snapshot.state.draft());
            draft.version = version;
            draft.keep_history(before);
            draft.correlations = Arc::new(correlations);
            // A version of its own for each record: whoever read it before and writes now is told of the conflict.
            let modules: Vec<_> = draft.modules.values().cloned().collect();
            for record in modules {
                let record = ModuleRecord {
                    version: draft.next_version(),
                    ..ModuleRecord::clone(&record)
                };
                draft.modules.insert(record.id.clone(), Arc::new(record));
            }
            let functions: Vec<_> = draft.functions.values().cloned().collect();
            for record in functions {
                let record = FunctionRecord {
                    version: draft.next_version(),
                    ..FunctionRecord::clone(&record)
                };
                draft.functions.insert(record.key, Arc::new(record));
            }
            draft.next_version();
            Ok(())
        })?;
        self.shared.point_nodes.clear();
        Ok(())
    }
}
