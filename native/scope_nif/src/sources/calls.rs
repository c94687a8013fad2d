//! The calls of a unit, as maps.

use scope_core::atoms::intern;
use scope_core::source::{ANY_ARITY, CallSite, ModuleRef, Unit};
use scope_core::value::Value;

/// A list of calls in preorder.
pub(super) fn calls(unit: &Unit) -> Value {
    Value::List(
        unit.call_sites()
            .map(|site| call_map(unit, &site))
            .collect(),
    )
}

fn call_map(unit: &Unit, site: &CallSite<'_>) -> Value {
    let atom = |text: &str| Value::Atom(intern(text));
    let modules = |list: &[scope_core::atoms::Atom]| {
        Value::List(list.iter().map(|&one| Value::Atom(one)).collect())
    };
    let (resolution, module) = match site.callee.module {
        ModuleRef::Known(module) => (atom("known"), Value::Atom(module)),
        ModuleRef::Local => (atom("local"), Value::nil()),
        ModuleRef::Imported(candidates) => (atom("imported"), modules(candidates)),
        ModuleRef::Dynamic => (atom("dynamic"), Value::nil()),
    };
    let name = match site.dynamic_name {
        true => Value::text(site.callee.name.text()),
        false => Value::Atom(site.callee.name),
    };
    let arity = match site.callee.arity {
        ANY_ARITY => Value::nil(),
        arity => Value::count(u64::from(arity)),
    };
    let clause = site
        .clause
        .map(|clause| Value::text(&unit.clause_id(clause)));
    let (line, column) = unit.ast().position(site.node);
    let place = |place: Option<u32>| place.map_or(Value::nil(), |at| Value::count(u64::from(at)));
    let fields = [
        ("resolution", resolution),
        ("module", module),
        ("name", name),
        ("arity", arity),
        ("form", atom(site.form.text())),
        ("quoted", Value::bool(site.quoted)),
        ("clause", clause.unwrap_or_else(Value::nil)),
        ("line", place(line)),
        ("column", place(column)),
    ];
    Value::record(fields.map(|(name, value)| (intern(name), value)).to_vec())
}
