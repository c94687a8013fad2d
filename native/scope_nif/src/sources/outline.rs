//! What a unit defines, as maps.

use scope_core::atoms::intern;
use scope_core::source::{ClauseDef, FunctionDef, ModuleDef, ModuleKind, Position, Unit};
use scope_core::store::{clause_metrics, function_metrics, module_metrics};
use scope_core::value::Value;

/// A list of modules, each with its functions, each with its clauses.
pub(super) fn outline(unit: &Unit) -> Value {
    let modules = unit.modules().iter().zip(0..);
    Value::List(
        modules
            .map(|(module, number)| module_map(unit, module, number))
            .collect(),
    )
}

fn module_map(unit: &Unit, module: &ModuleDef, number: u32) -> Value {
    let functions = module.functions.clone();
    let functions = functions.map(|at| function_map(unit, &unit.functions()[at as usize], at));
    let name = match module.dynamic {
        true => Value::text(module.name.text()),
        false => Value::Atom(module.name),
    };
    let kind = match module.kind {
        ModuleKind::Module => "module",
        ModuleKind::Protocol => "protocol",
        ModuleKind::Impl => "impl",
    };
    let atoms = |list: &[scope_core::atoms::Atom]| {
        Value::List(list.iter().map(|&atom| Value::Atom(atom)).collect())
    };
    map([
        ("id", Value::text(&unit.module_id(number))),
        ("name", name),
        ("kind", atom(kind)),
        ("type", atom(module.module_type.text())),
        ("conditional", Value::bool(module.conditional)),
        ("in_function", Value::bool(module.in_function)),
        ("line", line(module.position)),
        ("column", column(module.position)),
        ("end_line", count(module.end_line)),
        ("uses", atoms(&module.uses)),
        ("behaviours", atoms(&module.behaviours)),
        ("metrics", plain(module_metrics(unit, number))),
        ("functions", Value::List(functions.collect())),
    ])
}

fn function_map(unit: &Unit, function: &FunctionDef, number: u32) -> Value {
    let clauses = function.clauses.clone();
    let clauses = clauses.map(|at| clause_map(unit, &unit.clauses()[at as usize], at));
    let name = match function.dynamic {
        true => Value::text(function.name.text()),
        false => Value::Atom(function.name),
    };
    map([
        ("id", Value::text(&unit.function_id(number))),
        ("name", name),
        ("arity", count(function.arity)),
        ("kind", atom(function.kind.text())),
        ("defaults", count(function.defaults)),
        ("line", line(function.position)),
        ("column", column(function.position)),
        ("end_line", count(function.end_line)),
        (
            "metrics",
            plain(function_metrics(unit, number, Value::nil())),
        ),
        ("clauses", Value::List(clauses.collect())),
    ])
}

fn clause_map(unit: &Unit, clause: &ClauseDef, number: u32) -> Value {
    map([
        ("id", Value::text(&unit.clause_id(number))),
        ("line", line(clause.position)),
        ("column", column(clause.position)),
        ("end_line", count(clause.end_line)),
        ("bodiless", Value::bool(clause.bodiless)),
        ("credo_cyclomatic", count(clause.metrics.credo_cyclomatic)),
        ("lines_of_code", count(clause.metrics.lines_of_code)),
        ("metrics", plain(clause_metrics(unit, number))),
    ])
}

fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::record(fields.map(|(name, value)| (intern(name), value)).to_vec())
}

/// A struct as a map.
fn plain(structure: Value) -> Value {
    let Value::Map(mut pairs) = structure else {
        return structure;
    };
    let name = Value::Atom(intern("__struct__"));
    pairs.retain(|(key, _)| *key != name);
    Value::Map(pairs)
}

fn atom(text: &str) -> Value {
    Value::Atom(intern(text))
}

fn count(number: u32) -> Value {
    Value::count(u64::from(number))
}

fn line(position: Position) -> Value {
    known(position.line)
}

fn column(position: Position) -> Value {
    known(position.column)
}

/// 0 is "unknown".
fn known(number: u32) -> Value {
    if number == 0 {
        Value::nil()
    } else {
        count(number)
    }
}
