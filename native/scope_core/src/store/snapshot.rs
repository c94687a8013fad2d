//! The content of one moment, shared.

use std::sync::Arc;

use crate::error::Result;
use crate::store::correlations::CorrelationId;
use crate::store::record::{Fields, FileRecord, FunctionRecord, ModuleRecord};
use crate::store::repository::Repository;

/// Pointers to immutable records. What was observed at run time is no part of it: it happened.
#[derive(Clone, Default)]
pub struct Snapshot {
    pub(super) version: u64,
    pub(super) modules: Vec<Arc<ModuleRecord>>,
    pub(super) functions: Vec<Arc<FunctionRecord>>,
    pub(super) files: Vec<(Arc<str>, Arc<FileRecord>)>,
    pub(super) insights: Vec<(Arc<str>, Arc<Fields>)>,
    pub(super) correlations: Vec<(CorrelationId, Arc<str>)>,
}

impl Snapshot {
    pub fn version(&self) -> u64 {
        self.version
    }
}

impl Repository {
    /// One consistent cut.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let _cut = self.gate.write();
        self.open()?;
        Ok(Snapshot {
            version: self.version(),
            modules: self
                .modules
                .iter()
                .map(|entry| entry.value().clone())
                .collect(),
            functions: self
                .functions
                .iter()
                .map(|entry| entry.value().clone())
                .collect(),
            files: self
                .files
                .iter()
                .map(|entry| (entry.key().clone(), entry.value().clone()))
                .collect(),
            insights: self
                .insights
                .iter()
                .map(|entry| (entry.key().clone(), entry.value().clone()))
                .collect(),
            correlations: self.correlations.all(),
        })
    }

    /// Makes the content that of the snapshot.
    ///
    /// Errors: `LimitExceeded` when it holds more than this repository may; then nothing is changed.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<()> {
        let _cut = self.gate.write();
        self.open()?;
        if snapshot.modules.len() > self.limits().modules_max {
            return Err(self.too_many_modules());
        }
        if snapshot.correlations.len() > self.limits().correlations_max {
            return Err(crate::error::Error::LimitExceeded {
                what: "correlations (max_correlations)",
                limit: self.limits().correlations_max as u64,
            });
        }
        self.modules.clear();
        self.functions.clear();
        self.files.clear();
        self.insights.clear();
        self.point_nodes.clear();
        for record in &snapshot.modules {
            // A version of its own: whoever read this record before and writes now is told of the conflict.
            let version = self.next_version();
            let record = ModuleRecord {
                version,
                ..ModuleRecord::clone(record)
            };
            self.modules.insert(record.id.clone(), Arc::new(record));
        }
        for record in &snapshot.functions {
            let version = self.next_version();
            self.functions.insert(
                record.key,
                Arc::new(FunctionRecord {
                    version,
                    ..FunctionRecord::clone(record)
                }),
            );
        }
        for (path, file) in &snapshot.files {
            self.files.insert(path.clone(), file.clone());
        }
        for (node, fields) in &snapshot.insights {
            self.insights.insert(node.clone(), fields.clone());
        }
        self.module_count
            .store(snapshot.modules.len(), std::sync::atomic::Ordering::Release);
        let restored = self
            .correlations
            .replace(snapshot.correlations.iter().cloned());
        self.next_version();
        restored
    }
}
