//! A module as a row, and as what `get_module` gives.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use crate::capture::points::FunctionKey;
use crate::ingest::CallStats;
use crate::query::Row;
use crate::semantics::Aspect;
use crate::source::{ModuleDef, ModuleKind, Unit};
use crate::store::columns::{COMPLEXITY, Cell, Code, Column, fields};
use crate::store::complexity::{maybe, module_metrics};
use crate::store::correlations::CorrelationId;
use crate::store::coverage::{Coverage, function_coverage};
use crate::store::dependency_answer::dependencies_of;
use crate::store::insights;
use crate::store::locate::runtime_key;
use crate::store::meaning;
use crate::store::record::ModuleRecord;
use crate::store::structs::{date_time, execution_statistics, key_value, runtime_insights, word};
use crate::store::view::View;
use crate::value::Value;

fields! {
    /// What is computed of a module.
    ModuleField, same: COMPLEXITY, {
        Name = "module_name",
        Ast = "ast",
        Mapping = "ast_node_mapping",
        File = "source_file" | "file",
        Hash = "compilation_hash",
        Points = "instrumentation_points",
        Correlations = "correlation_metadata",
        Type = "module_type",
        Metrics = "complexity_metrics",
        Cyclomatic = "cyclomatic_complexity" | "complexity_metrics.cyclomatic_complexity",
        Credo = "complexity_metrics.credo_cyclomatic",
        Cognitive = "cognitive_complexity" | "complexity_metrics.cognitive_complexity",
        Nesting = "nesting_depth" | "complexity_metrics.nesting_depth",
        Maintainability = "maintainability_index" | "complexity_metrics.maintainability_index",
        Lines = "lines_of_code" | "complexity_metrics.lines_of_code",
        Exports = "exports",
        DocumentationScore = "documentation_score",
        Callbacks = "callbacks",
        Patterns = "patterns",
        Concepts = "domain_concepts",
        Rules = "business_rules",
        Role = "architectural_role",
        Flows = "message_flows",
        Process = "process",
        Dependencies = "dependencies",
        Insights = "runtime_insights",
        ErrorPatterns = "error_patterns",
        Frequency = "execution_frequency",
        Performance = "performance_data",
        Updated = "last_updated",
        NodeId = "ast_node_id",
        Kind = "kind",
        Line = "line",
        Col = "column",
        Calls = "calls",
        Errors = "errors",
        HasRuntime = "has_runtime_data",
        HasCorrelation = "correlation_exists",
        HasPerformance = "has_performance_data",
        FunctionCount = "function_count",
        NodeCount = "node_count",
        Versions = "version_history",
        Coverage = "test_coverage",
    }
}

/// Stored fields that say that something ran.
const RUNTIME_FIELDS: [&str; 5] = [
    "runtime_insights",
    "execution_frequency",
    "performance_data",
    "error_patterns",
    "message_flows",
];

pub struct ModuleRow<'a> {
    view: &'a View<'a>,
    pub record: Arc<ModuleRecord>,
    stats: OnceCell<Vec<(FunctionKey, CallStats)>>,
}

impl<'a> ModuleRow<'a> {
    pub fn new(view: &'a View<'a>, record: Arc<ModuleRecord>) -> Self {
        ModuleRow {
            view,
            record,
            stats: OnceCell::new(),
        }
    }

    /// A field, code included.
    pub fn cell(&self, column: &Column<ModuleField>) -> Cell {
        match (column.computed, &self.record.source) {
            (Some(ModuleField::Ast), Some(source)) if column.inner.is_empty() => {
                let Some(module) = source.module else {
                    return Cell::Code(Code::Whole(source.unit.ast().clone()));
                };
                let node = source.unit.modules()[module as usize].node;
                // What was stored by hand comes back whole, whatever stands around the module.
                match self.record.imported {
                    true => Cell::Code(Code::Nodes(source.unit.clone(), vec![node])),
                    false => Cell::Code(Code::Whole(source.unit.ast().clone())),
                }
            }
            (Some(ModuleField::Mapping), Some(source)) if column.inner.is_empty() => {
                let stored = self.record.fields.get(column.name);
                match (stored, source.module) {
                    (None, Some(module)) => {
                        let node = source.unit.modules()[module as usize].node;
                        Cell::Code(Code::Mapping(source.unit.clone(), node))
                    }
                    _ => Cell::Value(stored.cloned().unwrap_or_else(Value::nil)),
                }
            }
            _ => Cell::Value(self.value(column).into_owned()),
        }
    }

    /// Statistics of the module's functions that ran, in the order of the source.
    fn stats(&self) -> &[(FunctionKey, CallStats)] {
        self.stats.get_or_init(|| {
            let Some((unit, _, module)) = self.record.definition() else {
                return Vec::new();
            };
            let keys = module
                .functions
                .clone()
                .filter_map(|function| runtime_key(unit, function));
            keys.filter_map(|key| Some((key, self.view.stats(&key)?)))
                .collect()
        })
    }

    fn calls(&self) -> u64 {
        self.stats().iter().map(|(_, stats)| stats.calls).sum()
    }

    /// What node ids of this module start with: the module, and each of its functions.
    fn anchors(&self) -> Vec<String> {
        let own = std::iter::once(self.record.id.to_string());
        match self.record.definition() {
            Some((unit, _, module)) => own
                .chain(
                    module
                        .functions
                        .clone()
                        .map(|function| unit.function_id(function)),
                )
                .collect(),
            None => own.collect(),
        }
    }

    fn correlations(&self) -> Vec<(Value, Value)> {
        let correlations = self.view.repository.correlations();
        if correlations.is_empty() {
            return Vec::new();
        }
        let nodes = self
            .anchors()
            .into_iter()
            .flat_map(|anchor| correlations.nodes_of_anchor(&anchor));
        let mut all: Vec<_> = nodes
            .flat_map(|node| {
                let ids = correlations.ids(&node);
                ids.into_iter()
                    .map(move |id| (id_value(&id), Value::text(&node)))
            })
            .collect();
        all.sort_by(|a, b| a.0.sort_order(&b.0));
        all
    }

    fn has_correlation(&self) -> bool {
        let correlations = self.view.repository.correlations();
        !correlations.is_empty()
            && self
                .anchors()
                .iter()
                .any(|anchor| correlations.has_anchor(anchor))
    }

    fn has_runtime(&self) -> bool {
        self.calls() > 0
            || RUNTIME_FIELDS
                .iter()
                .any(|name| self.record.fields.get(crate::atoms::intern(name)).is_some())
            || self.view.repository.insight(&self.record.id).is_some()
    }

    fn compute(&self, field: ModuleField) -> Value {
        let definition = self.record.definition();
        let of = |read: &dyn Fn(&Unit, &ModuleDef) -> Value| {
            definition.map_or(Value::nil(), |(unit, _, module)| read(unit, module))
        };
        let number = |n: u32| Value::Int(i64::from(n));
        let place = |n: u32| if n == 0 { Value::nil() } else { number(n) };
        match field {
            ModuleField::Name => Value::Atom(self.record.name),
            // Code is no value: `cell` gives it, and a condition on it sees nothing.
            ModuleField::Ast | ModuleField::Mapping => Value::nil(),
            ModuleField::File => match &self.record.source {
                Some(source) if source.unit.file() != "nofile" => Value::text(source.unit.file()),
                _ => Value::nil(),
            },
            ModuleField::Hash => match &self.record.source {
                Some(source) => Value::text(&format!("{:032x}", source.unit.digest())),
                None => Value::nil(),
            },
            ModuleField::Points if self.view.has_points(&self.record) => {
                Value::List(self.view.point_values(&self.record, |_| true))
            }
            ModuleField::Points => Value::nil(),
            ModuleField::Correlations => match self.correlations() {
                all if all.is_empty() => Value::nil(),
                all => Value::Map(all),
            },
            ModuleField::Type => meaning::module_type(self.view, &self.record),
            ModuleField::Metrics => definition.map_or(Value::nil(), |(unit, module, _)| {
                module_metrics(unit, module)
            }),
            ModuleField::Maintainability => definition.map_or(Value::nil(), |(unit, module, _)| {
                maybe(unit.module_maintainability(module))
            }),
            ModuleField::Cyclomatic => {
                of(&|_, module| number(module.metrics.cyclomatic_complexity))
            }
            ModuleField::Credo => of(&|_, module| number(module.metrics.credo_cyclomatic)),
            ModuleField::Cognitive => of(&|_, module| number(module.metrics.cognitive_complexity)),
            ModuleField::Nesting => of(&|_, module| number(module.metrics.nesting_depth)),
            ModuleField::Lines => of(&|_, module| number(module.metrics.lines_of_code)),
            ModuleField::Exports => of(&exports),
            ModuleField::DocumentationScore => {
                meaning::of_record(self.view, &self.record, meaning::documentation_score)
            }
            ModuleField::Callbacks => meaning::aspect(self.view, &self.record, Aspect::Callbacks),
            ModuleField::Patterns => meaning::aspect(self.view, &self.record, Aspect::Patterns),
            ModuleField::Concepts => meaning::aspect(self.view, &self.record, Aspect::Concepts),
            ModuleField::Rules => meaning::aspect(self.view, &self.record, Aspect::Rules),
            ModuleField::Role => meaning::aspect(self.view, &self.record, Aspect::Role),
            ModuleField::Flows => of(&|_, module| self.view.processes().module_flows(module.name)),
            ModuleField::Process => {
                of(&|_, module| self.view.processes().module_value(module.name))
            }
            ModuleField::Dependencies => {
                of(&|_, module| dependencies_of(self.view.repository, module.name))
            }
            ModuleField::Insights => self.insights(),
            ModuleField::ErrorPatterns => match self.calls() {
                0 => Value::nil(),
                _ => insights::error_patterns(self.view, self.stats()),
            },
            ModuleField::Frequency => self.by_function(|stats| Value::count(stats.calls)),
            ModuleField::Performance => self.by_function(execution_statistics),
            ModuleField::Updated => date_time(self.record.updated_ns),
            ModuleField::NodeId => Value::text(&self.record.id),
            ModuleField::Kind => of(&|_, module| {
                word(match module.kind {
                    ModuleKind::Module => "module",
                    ModuleKind::Protocol => "protocol",
                    ModuleKind::Impl => "implementation",
                })
            }),
            ModuleField::Line => of(&|_, module| place(module.position.line)),
            ModuleField::Col => of(&|_, module| place(module.position.column)),
            ModuleField::Calls => Value::count(self.calls()),
            ModuleField::Errors => Value::count(
                self.stats()
                    .iter()
                    .map(|(_, stats)| stats.errors + stats.aborted)
                    .sum(),
            ),
            ModuleField::HasRuntime => Value::bool(self.has_runtime()),
            ModuleField::HasCorrelation => Value::bool(self.calls() > 0 || self.has_correlation()),
            ModuleField::HasPerformance => {
                let stored = self
                    .record
                    .fields
                    .get(crate::atoms::intern("performance_data"))
                    .is_some();
                Value::bool(stored || self.stats().iter().any(|(_, stats)| stats.ended() > 0))
            }
            ModuleField::FunctionCount => of(&|_, module| number(module.functions.len() as u32)),
            ModuleField::Coverage => self.coverage().map_or(Value::nil(), Value::Float),
            ModuleField::NodeCount => of(&|unit, module| number(unit.ast().size(module.node))),
            ModuleField::Versions => self.view.repository.version_values(&self.record.id),
        }
    }

    /// Over all functions but macros: 0.0 to 1.0; `None` when nothing of it was instrumented.
    fn coverage(&self) -> Option<f64> {
        let (unit, _, module) = self.record.definition()?;
        if !self.view.was_observed(&self.record) {
            return None;
        }
        let runtime = self.view.repository.runtime();
        let mut total = Coverage::default();
        for function in module.functions.clone() {
            if let Some(own) = function_coverage(unit, function, runtime) {
                total.add(&own);
            }
        }
        (total.executable > 0).then(|| total.share())
    }

    fn by_function(&self, value: impl Fn(&CallStats) -> Value) -> Value {
        match self.stats() {
            [] => Value::nil(),
            all => Value::Map(
                all.iter()
                    .map(|(key, stats)| (key_value(key), value(stats)))
                    .collect(),
            ),
        }
    }

    /// What was stored for the module's node, over what was observed.
    fn insights(&self) -> Value {
        let stored = self.view.repository.insight(&self.record.id);
        if stored.is_none() && self.calls() == 0 {
            return Value::nil();
        }
        let stats = self.stats();
        let sum =
            |count: fn(&CallStats) -> u64| stats.iter().map(|(_, one)| count(one)).sum::<u64>();
        let observed = |name: &str| -> Option<Value> {
            if stats.is_empty() {
                return None;
            }
            match name {
                "execution_frequency" => Some(self.by_function(|stats| Value::count(stats.calls))),
                "sample_count" => Some(Value::count(sum(|one| one.calls))),
                "error_frequencies" => Some(Value::record(vec![
                    (
                        crate::atoms::intern("error"),
                        Value::count(sum(|one| one.errors)),
                    ),
                    (
                        crate::atoms::intern("aborted"),
                        Value::count(sum(|one| one.aborted)),
                    ),
                ])),
                "call_patterns" => Some(self.call_patterns()),
                "last_updated" => stats
                    .iter()
                    .filter_map(|(_, one)| one.last_executed)
                    .max()
                    .map(date_time),
                _ => None,
            }
        };
        let learnt = (self.calls() > 0)
            .then(|| insights::insights(self.view, stats, Some((&self.record, None))));
        runtime_insights(|name| {
            let own = stored.as_ref().and_then(|stored| stored.get(name).cloned());
            own.or_else(|| observed(name.text()))
                .or_else(|| learnt.as_ref()?.get(name.text()))
        })
    }

    fn call_patterns(&self) -> Value {
        let callees = |(key, _): &(FunctionKey, CallStats)| {
            let found = self.view.neighbours(key, true);
            let list = found.iter().map(|(callee, _)| key_value(callee)).collect();
            (key_value(key), Value::List(list))
        };
        Value::Map(self.stats().iter().map(callees).collect())
    }
}

impl Row for ModuleRow<'_> {
    type Column = Column<ModuleField>;

    fn value(&self, column: &Self::Column) -> Cow<'_, Value> {
        column.read(
            |name| self.record.fields.get(name),
            |field| self.compute(field),
        )
    }
}

/// Public functions and macros, with the arities that defaults make.
fn exports(unit: &Unit, module: &ModuleDef) -> Value {
    let mut all = Vec::new();
    for function in
        &unit.functions()[module.functions.start as usize..module.functions.end as usize]
    {
        if function.kind.is_public() && !function.dynamic {
            for arity in function.arity - function.defaults..=function.arity {
                all.push(Value::Tuple(vec![
                    Value::Atom(function.name),
                    Value::Int(i64::from(arity)),
                ]));
            }
        }
    }
    all.sort_by(Value::sort_order);
    all.dedup();
    Value::List(all)
}

pub fn id_value(id: &CorrelationId) -> Value {
    match id {
        CorrelationId::Int(int) => Value::Int(*int),
        CorrelationId::Atom(atom) => Value::Atom(*atom),
        CorrelationId::Bytes(bytes) => Value::Binary(bytes.clone()),
    }
}
