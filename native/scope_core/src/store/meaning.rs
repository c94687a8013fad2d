//! Fields of modules and functions that say what they declare and what they are.

use std::sync::Arc;

use ahash::AHashMap;
use parking_lot::Mutex;

use crate::atoms::Atom;
use crate::declare::{self, Modules};
use crate::semantics::{Aspect, aspect_value, type_text};
use crate::source::Unit;
use crate::store::record::ModuleRecord;
use crate::store::repository::Repository;
use crate::store::structs::word;
use crate::store::view::View;
use crate::value::Value;

impl Modules for Repository {
    fn find(&self, name: Atom) -> Option<(Arc<Unit>, u32)> {
        self.definition(name)
    }
}

/// A field of a module that is stored with its code.
pub(super) fn of_record(
    view: &View<'_>,
    record: &ModuleRecord,
    read: impl Fn(&View<'_>, &Unit, u32) -> Value,
) -> Value {
    match record.definition() {
        Some((unit, module, _)) => read(view, unit, module),
        None => Value::nil(),
    }
}

pub(super) fn signature(_view: &View<'_>, unit: &Unit, function: u32) -> Value {
    declare::signature_value(unit, function)
}

pub(super) fn documentation(view: &View<'_>, unit: &Unit, function: u32) -> Value {
    let module = unit.functions()[function as usize].module;
    let brought = declare::brought(unit, module, view.repository);
    declare::documentation_value(unit, function, &brought)
}

pub(super) fn documentation_score(view: &View<'_>, unit: &Unit, module: u32) -> Value {
    let brought = declare::brought(unit, module, view.repository);
    let score = declare::documentation_score(unit, module, &brought);
    score.map_or(Value::nil(), Value::Float)
}

/// What a module is, its source followed through the repository.
pub(super) fn aspect(view: &View<'_>, record: &ModuleRecord, aspect: Aspect) -> Value {
    of_record(view, record, |view, unit, module| {
        aspect_value(unit, module, view.repository, aspect)
    })
}

/// Types of modules by id, judged once for each version of the repository: every query asks, and a `use` is followed
/// through other modules.
#[derive(Default)]
pub(super) struct Types(Mutex<AHashMap<Arc<str>, &'static str>>);

/// The type of a module.
pub(super) fn module_type(view: &View<'_>, record: &ModuleRecord) -> Value {
    of_record(view, record, |view, unit, module| {
        let state = view.repository.state();
        let known = state.types.0.lock().get(&record.id).copied();
        // Not under the lock: two readers may both judge, and agree.
        let text = known.unwrap_or_else(|| {
            let text = type_text(unit, module, view.repository);
            state.types.0.lock().insert(record.id.clone(), text);
            text
        });
        word(text)
    })
}
