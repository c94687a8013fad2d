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
use crate::ingest::{RuntimeStore, SavedRuntime};
use crate::limits;
use crate::source::{Unit, module_text};
use crate::store::correlations::CorrelationId;
use crate::store::files::Files;
use crate::store::import::absolute;
use crate::store::record::{Fields, FileRecord, FunctionRecord, ModuleRecord, Source};
use crate::store::repository::{Limits, Repository};
use crate::store::saved_history::SavedHistory;
use crate::store::state::State;
use crate::store::write::too_many_modules;
use crate::value::Value;

const MAGIC: &[u8; 8] = b"ELXSCOPE";
const VERSION: u32 = 2;
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
    #[serde(default)]
    history: SavedHistory,
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
        let state = &snapshot.state;
        let saved = Saved {
            id: self.id().to_owned(),
            files: state
                .files
                .values()
                .map(|file| SavedFile {
                    root: file.root.to_string(),
                    lines: file.lines,
                    unit: file.unit.clone(),
                })
                .collect(),
            modules: state
                .modules
                .values()
                .filter(|record| worth_saving(record))
                .map(|r| save_module(r))
                .collect(),
            functions: state
                .functions
                .values()
                .map(|record| SavedFunction {
                    key: record.key,
                    ast: record.ast.clone(),
                    fields: save_fields(&record.fields),
                    created_ns: record.created_ns,
                    updated_ns: record.updated_ns,
                })
                .collect(),
            insights: state
                .insights
                .iter()
                .map(|(node, fields)| (node.to_string(), save_fields(fields)))
                .collect(),
            correlations: snapshot
                .correlations
                .into_iter()
                .map(|(id, node)| (id, node.to_string()))
                .collect(),
            runtime: self.runtime().to_saved(true)?,
            history: state.history.to_saved(state),
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
    let runtime = RuntimeStore::from_saved(saved.runtime, limits.event_log.clone())?;
    let repository = Repository::with_runtime(&saved.id, limits.clone(), runtime);
    let mut files = Files::new();
    for SavedFile { root, lines, unit } in saved.files {
        let path = absolute(&root, unit.file());
        let record = FileRecord {
            root: Arc::from(root),
            unit,
            lines,
        };
        files.insert(Arc::from(path), Some(record));
    }
    repository.write(|draft| {
        draft.change_files(&limits, files)?;
        for module in saved.modules {
            restore_module(draft, &limits, module)?;
        }
        for function in saved.functions {
            let record = FunctionRecord {
                key: function.key,
                version: draft.next_version(),
                ast: function.ast,
                fields: Fields::new(function.fields),
                created_ns: function.created_ns,
                updated_ns: function.updated_ns,
            };
            draft.functions.insert(record.key, Arc::new(record));
        }
        for (node, fields) in saved.insights {
            let fields = Arc::new(Fields::new(fields));
            draft.insights.insert(Arc::from(node), fields);
        }
        draft.restore_history(saved.history)?;
        let correlations = saved.correlations.into_iter();
        draft
            .correlations
            .replace(correlations.map(|(id, node)| (id, Arc::from(node))))
    })?;
    Ok(repository)
}

fn restore_module(draft: &mut State, limits: &Limits, saved: SavedModule) -> Result<()> {
    let current = draft.modules.get(saved.id.as_str()).cloned();
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
    if current.is_none() && draft.modules.len() >= limits.modules_max {
        return Err(too_many_modules(limits));
    }
    let record = ModuleRecord {
        id: Arc::from(saved.id),
        name: saved.name,
        version: draft.next_version(),
        source,
        imported: saved.imported,
        fields: Fields::new(saved.fields),
        created_ns: saved.created_ns,
        updated_ns: saved.updated_ns,
    };
    draft.modules.insert(record.id.clone(), Arc::new(record));
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
#[cfg(any(test, fuzzing))]
pub fn with_head(payload: &[u8]) -> Vec<u8> {
    [&head(payload)[..], payload].concat()
}
