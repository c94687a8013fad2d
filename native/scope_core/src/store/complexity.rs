//! `%ComplexityMetrics{}` and `%ClauseMetrics{}`.

use crate::metrics::Size;
use crate::source::{Found, Unit};
use crate::store::locate::Located;
use crate::store::structs::structure;
use crate::value::Value;

/// Of a clause, by its number in the unit.
pub fn clause_metrics(unit: &Unit, clause: u32) -> Value {
    let own = &unit.clauses()[clause as usize].metrics;
    let numbers = [
        own.cyclomatic_complexity,
        own.credo_cyclomatic,
        own.cognitive_complexity,
        own.nesting_depth,
        own.lines_of_code,
    ];
    complexity(
        numbers,
        &unit.sizes().clauses[clause as usize],
        Some(unit.clause_maintainability(clause)),
        Value::nil(),
    )
}

/// Of a function, by its number in the unit. `crap` knows what was observed of it.
pub fn function_metrics(unit: &Unit, function: u32, crap: Value) -> Value {
    let own = &unit.functions()[function as usize].metrics;
    let numbers = [
        own.cyclomatic_complexity,
        own.credo_cyclomatic,
        own.cognitive_complexity,
        own.nesting_depth,
        own.lines_of_code,
    ];
    complexity(
        numbers,
        &unit.sizes().functions[function as usize],
        Some(unit.function_maintainability(function)),
        crap,
    )
}

/// Of a module, by its number in the unit.
pub fn module_metrics(unit: &Unit, module: u32) -> Value {
    let own = &unit.modules()[module as usize].metrics;
    let numbers = [
        own.cyclomatic_complexity,
        own.credo_cyclomatic,
        own.cognitive_complexity,
        own.nesting_depth,
        own.lines_of_code,
    ];
    complexity(
        numbers,
        &unit.sizes().modules[module as usize],
        unit.module_maintainability(module),
        Value::nil(),
    )
}

/// `nil` for a module without functions.
pub fn maybe(figure: Option<f64>) -> Value {
    figure.map_or(Value::nil(), Value::Float)
}

fn complexity(numbers: [u32; 5], size: &Size, maintainability: Option<f64>, crap: Value) -> Value {
    let int = |n: u32| Value::Int(i64::from(n));
    let [cyclomatic, credo, cognitive, nesting, lines] = numbers.map(int);
    let (abc, halstead) = (&size.abc, &size.halstead);
    structure(
        "ElixirScope.ASTRepository.ComplexityMetrics",
        vec![
            ("cyclomatic_complexity", cyclomatic),
            ("credo_cyclomatic", credo),
            ("cognitive_complexity", cognitive),
            ("nesting_depth", nesting),
            ("lines_of_code", lines),
            ("abc_size", Value::Float(abc.size())),
            ("abc_assignments", int(abc.assignments)),
            ("abc_branches", int(abc.branches)),
            ("abc_conditions", int(abc.conditions)),
            ("credo_abc_size", Value::Float(size.credo_abc())),
            ("halstead_operators", int(halstead.operators)),
            ("halstead_operands", int(halstead.operands)),
            (
                "halstead_distinct_operators",
                int(halstead.distinct_operators),
            ),
            (
                "halstead_distinct_operands",
                int(halstead.distinct_operands),
            ),
            ("halstead_volume", Value::Float(halstead.volume())),
            ("halstead_difficulty", Value::Float(halstead.difficulty())),
            ("halstead_effort", Value::Float(halstead.effort())),
            ("maintainability_index", maybe(maintainability)),
            ("crap", crap),
        ],
    )
}

/// A `%ClauseMetrics{}` for each clause of a module, a function, or of what a clause or node lies in. In the order of
/// the source; none for a file's code outside of functions.
pub fn clauses_of(located: &Located) -> Value {
    let unit = &located.unit;
    let functions = match (located.found, located.function()) {
        (Found::Module(module), _) => unit.modules()[module as usize].functions.clone(),
        (_, Some(function)) => function..function + 1,
        _ => 0..0,
    };
    let clauses =
        functions.flat_map(|function| unit.functions()[function as usize].clauses.clone());
    let only = located.clause();
    let mut clauses: Vec<u32> = clauses
        .filter(|&clause| only.is_none_or(|only| only == clause))
        .collect();
    clauses.sort_by_key(|&clause| unit.clauses()[clause as usize].node);
    let place = |n: u32| {
        if n == 0 {
            Value::nil()
        } else {
            Value::Int(i64::from(n))
        }
    };
    let values = clauses.into_iter().map(|number| {
        let clause = &unit.clauses()[number as usize];
        structure(
            "ElixirScope.ASTRepository.ClauseMetrics",
            vec![
                ("ast_node_id", Value::text(&unit.clause_id(number))),
                ("file", Value::text(unit.file())),
                ("line", place(clause.position.line)),
                ("column", place(clause.position.column)),
                ("end_line", place(clause.end_line)),
                ("bodiless", Value::bool(clause.bodiless)),
                ("metrics", clause_metrics(unit, number)),
            ],
        )
    });
    Value::List(values.collect())
}
