//! A repository as bytes: a head that says what follows, a checksum, and MessagePack.
//!
//! Everything is checked before anything is believed: magic and version, length, checksum, then every number on
//! its way back into a structure. A file that fails is refused with what is wrong.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::ast::Ast;
use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::error::{Error, Result};
use crate::ingest::{RuntimeLimits, RuntimeStore, SavedRuntime};
use crate::limits;
use crate::source::{Unit, module_text};
use crate::store::correlations::CorrelationId;
use crate::store::record::{Fields, FileRecord, FunctionRecord, ModuleRecord, Source};
use crate::store::repository::{Limits, Repository};
use crate::value::Value;

const MAGIC: &[u8; 8] = b"ELXSCOPE";
const VERSION: u32 = 1;
/// Magic, version, length, checksum.
const HEAD_BYTES: usize = 8 + 4 + 8 + 16;

#[derive(Serialize, Deserialize)]
struct Saved {
    id: String,
    files: Vec<SavedFile>,
    modules: Vec<SavedModule>,
    functions: Vec<SavedFunction>,
    insights: Vec<(String, SavedFields)>,
    correlations: Vec<(CorrelationId, String)>,
    runtime: SavedRuntime,
}

#[derive(Serialize, Deserialize)]
struct SavedFile {
    root: String,
    lines: u32,
    unit: Arc<Unit>,
}

#[derive(Serialize, Deserialize)]
struct SavedModule {
    id: String,
    name: Atom,
    /// Its own source; an imported module's comes with its file.
    unit: Option<Arc<Unit>>,
    imported: bool,
    fields: SavedFields,
    created_ns: u64,
    updated_ns: u64,
}

#[derive(Serialize, Deserialize)]
struct SavedFunction {
    key: FunctionKey,
    ast: Option<Arc<Ast>>,
    fields: SavedFields,
    created_ns: u64,
    updated_ns: u64,
}

type SavedFields = Vec<(Atom, Value)>;

fn save_fields(fields: &Fields) -> SavedFields {
    fields.iter().cloned().collect()
}

impl Repository {
    /// Everything, runtime data included.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let snapshot = self.snapshot()?;
        let saved = Saved {
            id: self.id().to_owned(),
            files: snapshot
                .files
                .iter()
                .map(|(_, file)| SavedFile {
                    root: file.root.to_string(),
                    lines: file.lines,
                    unit: file.unit.clone(),
                })
                .collect(),
            modules: snapshot
                .modules
                .iter()
                .filter(|record| worth_saving(record))
                .map(|r| save_module(r))
                .collect(),
            functions: snapshot
                .functions
                .iter()
                .map(|record| SavedFunction {
                    key: record.key,
                    ast: record.ast.clone(),
                    fields: save_fields(&record.fields),
                    created_ns: record.created_ns,
                    updated_ns: record.updated_ns,
                })
                .collect(),
            insights: snapshot
                .insights
                .iter()
                .map(|(node, fields)| (node.to_string(), save_fields(fields)))
                .collect(),
            correlations: snapshot
                .correlations
                .into_iter()
                .map(|(id, node)| (id, node.to_string()))
                .collect(),
            runtime: self.runtime().to_saved(true),
        };
        let mut bytes = vec![0; HEAD_BYTES];
        rmp_serde::encode::write(&mut bytes, &saved).map_err(|error| Error::Invalid {
            what: "repository",
            detail: error.to_string(),
        })?;
        let head = head(&bytes[HEAD_BYTES..]);
        bytes[..HEAD_BYTES].copy_from_slice(&head);
        Ok(bytes)
    }

    /// A repository from `to_bytes`.
    ///
    /// Needs stack in proportion to `limits::SAVED_DEPTH_MAX`, more than a dirty scheduler has: call it on a
    /// thread with `limits::LOAD_STACK_BYTES`.
    ///
    /// Errors: `Corrupt`, with what is wrong; `LimitExceeded` when it holds more than `limits` allow.
    pub fn from_bytes(bytes: &[u8], limits: Limits) -> Result<Repository> {
        let payload = check_head(bytes)?;
        let mut reader = rmp_serde::Deserializer::from_read_ref(payload);
        reader.set_max_depth(limits::SAVED_DEPTH_MAX);
        let saved = Saved::deserialize(&mut reader).map_err(|error| corrupt(error.to_string()))?;
        build(saved, limits)
    }
}

/// An imported module that nobody stored anything for comes back with its file.
fn worth_saving(record: &ModuleRecord) -> bool {
    !record.imported || !record.fields.is_empty()
}

fn save_module(record: &ModuleRecord) -> SavedModule {
    let own = record.source.as_ref().filter(|_| !record.imported);
    SavedModule {
        id: record.id.to_string(),
        name: record.name,
        unit: own.map(|source| source.unit.clone()),
        imported: record.imported,
        fields: save_fields(&record.fields),
        created_ns: record.created_ns,
        updated_ns: record.updated_ns,
    }
}

fn build(saved: Saved, limits: Limits) -> Result<Repository> {
    let runtime = RuntimeLimits {
        event_log_bytes: limits.event_log_bytes,
    };
    let runtime = RuntimeStore::from_saved(saved.runtime, runtime)?;
    let repository = Repository::with_runtime(&saved.id, limits, runtime);
    let mut files = ahash::AHashMap::new();
    for SavedFile { root, lines, unit } in saved.files {
        let path = format!("{}/{}", root.trim_end_matches('/'), unit.file());
        files.insert(
            Arc::from(path),
            Arc::new(FileRecord {
                root: Arc::from(root),
                unit,
                lines,
            }),
        );
    }
    {
        let _cut = repository.gate.write();
        repository.settle(files)?;
    }
    for module in saved.modules {
        restore_module(&repository, module)?;
    }
    for function in saved.functions {
        let record = FunctionRecord {
            key: function.key,
            version: repository.next_version(),
            ast: function.ast,
            fields: Fields::new(function.fields),
            created_ns: function.created_ns,
            updated_ns: function.updated_ns,
        };
        repository.functions.insert(record.key, Arc::new(record));
    }
    for (node, fields) in saved.insights {
        repository
            .insights
            .insert(Arc::from(node), Arc::new(Fields::new(fields)));
    }
    let correlations = saved
        .correlations
        .into_iter()
        .map(|(id, node)| (id, Arc::from(node)));
    repository.correlations.replace(correlations)?;
    Ok(repository)
}

fn restore_module(repository: &Repository, saved: SavedModule) -> Result<()> {
    let current = repository.module_by_id(&saved.id);
    let source = match (saved.imported, saved.unit, &current) {
        (true, _, Some(current)) => current.source.clone(),
        (true, _, None) => {
            return Err(corrupt(format!(
                "module {} is in none of the files",
                saved.id
            )));
        }
        (false, Some(unit), _) => {
            if saved.id != module_text(saved.name) {
                return Err(corrupt(format!("module {} goes by another name", saved.id)));
            }
            let module = unit.find_module(saved.name);
            Some(Source { unit, module })
        }
        (false, None, _) => None,
    };
    if current.is_none() && repository.modules.len() >= repository.limits().modules_max {
        return Err(repository.too_many_modules());
    }
    let record = ModuleRecord {
        id: Arc::from(saved.id),
        name: saved.name,
        version: repository.next_version(),
        source,
        imported: saved.imported,
        fields: Fields::new(saved.fields),
        created_ns: saved.created_ns,
        updated_ns: saved.updated_ns,
    };
    repository
        .modules
        .insert(record.id.clone(), Arc::new(record));
    let count = repository.modules.len();
    repository
        .module_count
        .store(count, std::sync::atomic::Ordering::Release);
    Ok(())
}

/// The checksum is over everything but itself, so a changed version or length is seen too.
fn head(payload: &[u8]) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    head[12..20].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    head[20..].copy_from_slice(&xxh3_128(payload).to_le_bytes());
    head
}

fn check_head(bytes: &[u8]) -> Result<&[u8]> {
    if bytes.len() < HEAD_BYTES || &bytes[..8] != MAGIC {
        return Err(corrupt("it is no saved repository".into()));
    }
    let version = u32::from_le_bytes(bytes[8..12].try_into().unwrap_or_default());
    if version != VERSION {
        return Err(corrupt(format!(
            "its format has version {version}, and this library reads {VERSION}"
        )));
    }
    let payload = &bytes[HEAD_BYTES..];
    let length = u64::from_le_bytes(bytes[12..20].try_into().unwrap_or_default());
    if length != payload.len() as u64 {
        return Err(corrupt(format!(
            "it has {} bytes of content and says {length}",
            payload.len()
        )));
    }
    if bytes[..HEAD_BYTES] != head(payload) {
        return Err(corrupt("its checksum does not match".into()));
    }
    Ok(payload)
}

fn corrupt(detail: String) -> Error {
    Error::Corrupt { detail }
}

/// A payload as a file whose head is right.
#[cfg(test)]
pub(super) fn with_head(payload: &[u8]) -> Vec<u8> {
    [&head(payload)[..], payload].concat()
}
