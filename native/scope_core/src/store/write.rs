//! Changes of single records, made to a draft.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::ast::Ast;
use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::error::{Error, Result};
use crate::source::module_text;
use crate::store::locate::function_number;
use crate::store::record::{Fields, FunctionRecord, ModuleRecord, Source};
use crate::store::repository::Limits;
use crate::store::state::State;
use crate::value::Value;

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

/// A module has some tens of functions; a hundred each is the bound.
const FUNCTIONS_PER_MODULE_MAX: usize = 100;

impl State {
    /// Errors: `Conflict`, `NotFound` when a patch finds nothing, `LimitExceeded`.
    pub(super) fn put_module(&mut self, limits: &Limits, write: ModuleWrite) -> Result<u64> {
        let id: Arc<str> = Arc::from(&*module_text(write.name));
        let current = self.modules.get(&id).cloned();
        check_version(
            "module",
            write.mode,
            write.expected,
            current.as_ref().map(|found| found.version),
        )?;
        if current.is_none() && self.modules.len() >= limits.modules_max {
            return Err(too_many_modules(limits));
        }
        let now = now_ns();
        let mut fields = match (&current, write.mode) {
            (Some(found), Mode::Patch) => found.fields.clone(),
            _ => Fields::default(),
        };
        fields.patch(write.fields);
        let imported = current.as_ref().is_some_and(|found| found.imported)
            && write.source.is_none()
            && write.mode == Mode::Patch;
        let source = match (write.source, &current, write.mode) {
            (Some(source), _, _) => source,
            (None, Some(found), Mode::Patch) => found.source.clone(),
            _ => None,
        };
        let version = self.next_version();
        let record = ModuleRecord {
            id: id.clone(),
            name: write.name,
            version,
            source,
            imported,
            fields,
            created_ns: current.as_ref().map_or(now, |found| found.created_ns),
            updated_ns: now,
        };
        let unit = |record: &ModuleRecord| record.source.as_ref().map(|source| source.unit.clone());
        let (old, new) = (current.as_deref().and_then(unit), unit(&record));
        self.modules.insert(id, Arc::new(record));
        self.superseded(old, new);
        Ok(version)
    }

    /// Errors: `NotFound`.
    pub(super) fn delete_module(&mut self, name: Atom) -> Result<()> {
        let removed = self.modules.remove(&*module_text(name));
        let removed = removed.ok_or(Error::NotFound { what: "module" })?;
        let unit = removed.source.as_ref().map(|source| source.unit.clone());
        self.superseded(unit, None);
        self.functions.retain(|key, _| key.module != name);
        self.next_version();
        Ok(())
    }

    /// Errors: as `put_module`; a patch needs the function to be known, from source or stored.
    pub(super) fn put_function(&mut self, limits: &Limits, write: FunctionWrite) -> Result<u64> {
        let current = self.functions.get(&write.key).cloned();
        let found = match &current {
            Some(record) => Some(record.version),
            // Known from its source, a function is patched although nothing was stored for it yet.
            None if write.mode == Mode::Patch && self.in_source(&write.key) => Some(0),
            None => None,
        };
        check_version("function", write.mode, write.expected, found)?;
        let functions_max = limits.modules_max.saturating_mul(FUNCTIONS_PER_MODULE_MAX);
        if current.is_none() && self.functions.len() >= functions_max {
            return Err(Error::LimitExceeded {
                what: "functions",
                limit: functions_max as u64,
            });
        }
        let now = now_ns();
        let patched = current.as_ref().filter(|_| write.mode == Mode::Patch);
        let mut fields = patched
            .map(|found| found.fields.clone())
            .unwrap_or_default();
        fields.patch(write.fields);
        let version = self.next_version();
        let record = FunctionRecord {
            key: write.key,
            version,
            ast: write
                .ast
                .or_else(|| patched.and_then(|found| found.ast.clone())),
            fields,
            created_ns: current.as_ref().map_or(now, |found| found.created_ns),
            updated_ns: now,
        };
        self.functions.insert(write.key, Arc::new(record));
        Ok(version)
    }

    /// Forgets what was stored of a function. Errors: `NotFound`.
    pub(super) fn delete_function(&mut self, key: &FunctionKey) -> Result<()> {
        self.functions
            .remove(key)
            .ok_or(Error::NotFound { what: "function" })?;
        self.next_version();
        Ok(())
    }

    /// Whether the code that is stored defines this function.
    pub(super) fn in_source(&self, key: &FunctionKey) -> bool {
        self.definition(key.module)
            .is_some_and(|(unit, _)| function_number(&unit, key).is_some())
    }

    pub(super) fn put_insight(&mut self, node: &str, fields: Vec<(Atom, Value)>) {
        let mut all = match self.insights.get(node) {
            Some(found) => Fields::clone(found),
            None => Fields::default(),
        };
        all.patch(fields);
        self.insights.insert(Arc::from(node), Arc::new(all));
        self.next_version();
    }
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

pub(super) fn too_many_modules(limits: &Limits) -> Error {
    Error::LimitExceeded {
        what: "modules (max_modules)",
        limit: limits.modules_max as u64,
    }
}

pub(crate) fn now_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}
