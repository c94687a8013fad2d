//! A function as a row, and as what `get_function` gives.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use crate::atoms::{Atom, intern};
use crate::capture::points::{FunctionKey, PointKind};
use crate::ingest::CallStats;
use crate::query::Row;
use crate::source::{FunctionDef, Unit};
use crate::store::columns::{Cell, Code, Column};
use crate::store::complexity::function_metrics;
use crate::store::coverage::{crap, function_coverage};
use crate::store::findings::findings_of_function;
pub use crate::store::function_fields::FunctionField;
use crate::store::function_fields::{IN_STATISTICS, RUNTIME_FIELDS};
use crate::store::graph_answer::function_calls;
use crate::store::insights;
use crate::store::locate::{function_id, function_number, runtime_key};
use crate::store::meaning;
use crate::store::processes::Processes;
use crate::store::record::{Fields, FunctionRecord, ModuleRecord};
use crate::store::structs::{
    average_ms, date_time, error_rate, execution_statistics, key_value, last_executed,
    performance_profile, runtime_insights, us, word,
};
use crate::store::view::View;
use crate::value::Value;

pub struct FunctionRow<'a> {
    view: &'a View<'a>,
    pub key: FunctionKey,
    /// Its code, when its module is stored with code.
    definition: Option<(Arc<ModuleRecord>, u32)>,
    stored: Option<Arc<FunctionRecord>>,
    stats: OnceCell<Option<CallStats>>,
}

impl<'a> FunctionRow<'a> {
    /// A function of a stored module: a number of its unit's functions. `stored` is false when nothing is stored of
    /// any function: a scan then spares a look for each.
    pub fn of_source(
        view: &'a View<'a>,
        record: Arc<ModuleRecord>,
        function: u32,
        stored: bool,
    ) -> Option<Self> {
        let (unit, _, module) = record.definition()?;
        let definition = &unit.functions()[function as usize];
        let key = FunctionKey {
            module: module.name,
            name: definition.name,
            arity: definition.arity,
        };
        // Fields are stored for the module that a name means, not for others of that name.
        let plain = stored && module.qualifier.is_none() && module.occurrence == 1;
        let stored = plain
            .then(|| view.repository.function_record(&key))
            .flatten();
        Some(FunctionRow {
            view,
            key,
            definition: Some((record, function)),
            stored,
            stats: OnceCell::new(),
        })
    }

    /// As `of_source`, of a place that was looked up before.
    pub fn of_place(view: &'a View<'a>, record: Arc<ModuleRecord>, function: u32) -> Self {
        let any_stored = view.repository.has_stored_functions();
        match FunctionRow::of_source(view, record.clone(), function, any_stored) {
            Some(row) => row,
            // A module without source has no functions of its own.
            None => FunctionRow {
                view,
                key: FunctionKey {
                    module: record.name,
                    name: record.name,
                    arity: 0,
                },
                definition: None,
                stored: None,
                stats: OnceCell::new(),
            },
        }
    }

    /// A function that was stored, without its module.
    pub fn of_stored(view: &'a View<'a>, stored: Arc<FunctionRecord>) -> Self {
        FunctionRow {
            view,
            key: stored.key,
            definition: None,
            stored: Some(stored),
            stats: OnceCell::new(),
        }
    }

    /// A function by its key, from source or stored.
    pub fn find(view: &'a View<'a>, key: &FunctionKey) -> Option<Self> {
        let stored = view.repository.function_record(key);
        let record = view.repository.module(key.module);
        let number = record
            .as_ref()
            .and_then(|record| function_number(record.definition()?.0, key));
        match (record, number, stored) {
            (Some(record), Some(number), stored) => {
                let row = FunctionRow::of_source(view, record, number, true)?;
                Some(FunctionRow {
                    stored: stored.or(row.stored),
                    ..row
                })
            }
            (_, _, Some(stored)) => Some(FunctionRow::of_stored(view, stored)),
            _ => None,
        }
    }

    pub fn version(&self) -> u64 {
        self.stored.as_ref().map_or(0, |stored| stored.version)
    }

    /// A field, code included.
    pub fn cell(&self, column: &Column<FunctionField>) -> Cell {
        if column.computed != Some(FunctionField::Ast) || !column.inner.is_empty() {
            return Cell::Value(self.value(column).into_owned());
        }
        if let Some(ast) = self.stored.as_ref().and_then(|stored| stored.ast.clone()) {
            return Cell::Code(Code::Whole(ast));
        }
        match &self.definition {
            Some((record, function)) => {
                let Some((unit, _, _)) = record.definition() else {
                    return Cell::Value(Value::nil());
                };
                let nodes = unit
                    .clauses_of_function(*function)
                    .iter()
                    .map(|clause| clause.node)
                    .collect();
                Cell::Code(Code::Nodes(unit.clone(), nodes))
            }
            None => Cell::Value(Value::nil()),
        }
    }

    fn stats(&self) -> Option<&CallStats> {
        let get = || {
            let key = match self.source() {
                Some((unit, _)) => runtime_key(unit, self.definition.as_ref()?.1)?,
                None => self.key,
            };
            self.view.stats(&key)
        };
        self.stats.get_or_init(get).as_ref()
    }

    fn source(&self) -> Option<(&Arc<Unit>, &FunctionDef)> {
        let (record, function) = self.definition.as_ref()?;
        let (unit, _, _) = record.definition()?;
        Some((unit, &unit.functions()[*function as usize]))
    }

    /// What is computed of a function's number in its unit.
    fn sized(&self, read: &dyn Fn(&Unit, u32) -> Value) -> Value {
        match (&self.definition, self.source()) {
            (Some((_, function)), Some((unit, _))) => read(unit, *function),
            _ => Value::nil(),
        }
    }

    fn node_id(&self) -> String {
        match &self.definition {
            Some((record, function)) => match record.definition() {
                Some((unit, _, _)) => unit.function_id(*function),
                None => function_id(&self.key),
            },
            None => function_id(&self.key),
        }
    }

    fn stored(&self, name: Atom) -> Option<&Value> {
        self.stored.as_ref()?.fields.get(name)
    }

    /// What its module declares of it.
    fn declared(&self, read: impl Fn(&View<'_>, &Unit, u32) -> Value) -> Value {
        let Some((record, function)) = &self.definition else {
            return Value::nil();
        };
        let unit = record.definition().map(|(unit, _, _)| unit);
        unit.map_or(Value::nil(), |unit| read(self.view, unit, *function))
    }

    fn stored_runtime(&self) -> bool {
        self.stored.is_some()
            && RUNTIME_FIELDS
                .iter()
                .any(|name| self.stored(intern(name)).is_some())
    }

    fn insight(&self) -> Option<Arc<Fields>> {
        let repository = self.view.repository;
        repository
            .has_insights()
            .then(|| repository.insight(&self.node_id()))
            .flatten()
    }

    /// For the function itself, or any of its clauses and nodes.
    fn has_correlation(&self) -> bool {
        let correlations = self.view.repository.correlations();
        !correlations.is_empty() && correlations.has_anchor(&self.node_id())
    }

    fn compute(&self, field: FunctionField) -> Value {
        let stats = |read: &dyn Fn(&CallStats) -> Value| self.stats().map_or(Value::nil(), read);
        let of = |read: &dyn Fn(&Unit, &FunctionDef) -> Value| {
            self.source()
                .map_or(Value::nil(), |(unit, function)| read(unit, function))
        };
        let number = |n: u32| Value::Int(i64::from(n));
        let place = |n: u32| if n == 0 { Value::nil() } else { number(n) };
        match field {
            FunctionField::Module => Value::Atom(self.key.module),
            FunctionField::Name => Value::Atom(self.key.name),
            FunctionField::Arity => number(self.key.arity),
            FunctionField::Key => key_value(&self.key),
            FunctionField::NodeId => Value::text(&self.node_id()),
            // Code is no value: `cell` gives it, and a condition on it sees nothing.
            FunctionField::Ast => Value::nil(),
            FunctionField::Location => of(&|unit, function| {
                let at = function.position;
                Value::Tuple(vec![
                    Value::text(unit.file()),
                    place(at.line),
                    place(at.column),
                ])
            }),
            FunctionField::Visibility => of(&|_, function| {
                word(if function.kind.is_public() {
                    "public"
                } else {
                    "private"
                })
            }),
            FunctionField::Signature => self.declared(meaning::signature),
            FunctionField::Documentation => self.declared(meaning::documentation),
            FunctionField::Metrics => {
                self.sized(&|unit, function| function_metrics(unit, function, self.crap()))
            }
            FunctionField::Maintainability => {
                self.sized(&|unit, function| Value::Float(unit.function_maintainability(function)))
            }
            FunctionField::Cyclomatic => {
                of(&|_, function| number(function.metrics.cyclomatic_complexity))
            }
            FunctionField::Credo => of(&|_, function| number(function.metrics.credo_cyclomatic)),
            FunctionField::Cognitive => {
                of(&|_, function| number(function.metrics.cognitive_complexity))
            }
            FunctionField::Nesting => of(&|_, function| number(function.metrics.nesting_depth)),
            FunctionField::Lines => of(&|_, function| number(function.metrics.lines_of_code)),
            FunctionField::Points => self.points_of(|_| true),
            FunctionField::Statistics => self.statistics(),
            FunctionField::Calls => match self.stats() {
                Some(stats) => Value::count(stats.calls),
                None => Value::Int(0),
            },
            FunctionField::Average => stats(&average_ms),
            FunctionField::ErrorRate => stats(&error_rate),
            FunctionField::Errors => match self.stats() {
                Some(stats) => Value::count(stats.errors + stats.aborted),
                None => Value::Int(0),
            },
            FunctionField::TotalUs => stats(&|stats| us(stats.total_ns)),
            FunctionField::SelfUs => stats(&|stats| us(stats.self_ns)),
            FunctionField::P50Us => stats(&|stats| stats.p50_ns.map_or(Value::nil(), us)),
            FunctionField::P95Us => stats(&|stats| stats.p95_ns.map_or(Value::nil(), us)),
            FunctionField::P99Us => stats(&|stats| stats.p99_ns.map_or(Value::nil(), us)),
            FunctionField::LastExecuted => stats(&last_executed),
            FunctionField::Profile => stats(&|stats| {
                performance_profile(stats, insights::cpu_usage(self.view, &self.run_key()))
            }),
            FunctionField::CpuUsage => match self.stats() {
                Some(_) => insights::cpu_usage(self.view, &self.run_key())
                    .map_or_else(Value::nil, Value::Float),
                None => Value::nil(),
            },
            FunctionField::Memory => match self.stats() {
                Some(_) => insights::memory_usage(self.view, &self.run_key()),
                None => Value::nil(),
            },
            FunctionField::VariablePoints => {
                self.points_of(|kind| matches!(kind, PointKind::Binding { .. }))
            }
            FunctionField::ExpressionPoints => {
                self.points_of(|kind| matches!(kind, PointKind::Expression))
            }
            FunctionField::CustomPoints => self.points_of(|kind| matches!(kind, PointKind::Custom)),
            FunctionField::Coverage => self.coverage().map_or(Value::nil(), Value::Float),
            FunctionField::Crap => self.crap(),
            FunctionField::Smells => self.sized(&findings_of_function),
            FunctionField::CallsMade => self.neighbours(true),
            FunctionField::CalledBy => self.neighbours(false),
            FunctionField::Sends => {
                self.messages(|all, unit, function| all.sends_of(unit, function))
            }
            FunctionField::Receives => {
                self.messages(|all, unit, function| all.receives_of(unit, function))
            }
            FunctionField::Created => {
                self.timestamp(|record| record.created_ns, |record| record.created_ns)
            }
            FunctionField::Modified => {
                self.timestamp(|record| record.updated_ns, |record| record.updated_ns)
            }
            FunctionField::Insights => self.insights(),
            FunctionField::Variables => self.sized(&crate::flow::local_variables),
            FunctionField::Mutations => self.sized(&crate::flow::variable_mutations),
            FunctionField::Scopes => self.sized(&crate::flow::scope_analysis),
            FunctionField::Parameters => self.sized(&crate::flow::parameter_analysis),
            FunctionField::Returns => self.sized(&crate::flow::return_analysis),
            FunctionField::ModuleType => match &self.definition {
                Some((record, _)) => {
                    let stored = record.fields.get(intern("module_type"));
                    stored
                        .cloned()
                        .unwrap_or_else(|| meaning::module_type(self.view, record))
                }
                None => Value::nil(),
            },
            FunctionField::Kind => of(&|_, function| word(function.kind.text())),
            FunctionField::File => of(&|unit, _| match unit.file() {
                "nofile" => Value::nil(),
                file => Value::text(file),
            }),
            FunctionField::Line => of(&|_, function| place(function.position.line)),
            FunctionField::Col => of(&|_, function| place(function.position.column)),
            FunctionField::HasRuntime => {
                let insight = || self.insight().is_some();
                Value::bool(self.ran() || self.stored_runtime() || insight())
            }
            FunctionField::HasCorrelation => Value::bool(self.ran() || self.has_correlation()),
            FunctionField::HasPerformance => {
                let ended = self.stats().is_some_and(|stats| stats.ended() > 0);
                Value::bool(ended || self.stored_runtime())
            }
        }
    }

    /// The name under which it runs.
    fn run_key(&self) -> FunctionKey {
        let own = self.definition.as_ref().zip(self.source());
        own.and_then(|((_, function), (unit, _))| runtime_key(unit, *function))
            .unwrap_or(self.key)
    }

    /// What was stored for its node, over what was observed.
    fn insights(&self) -> Value {
        let stored = self.insight();
        let learnt = self.stats().filter(|stats| stats.calls > 0).map(|stats| {
            let record = self.definition.as_ref();
            let record = record.map(|(record, function)| (&**record, Some(*function)));
            (
                stats,
                insights::insights(self.view, &[(self.run_key(), *stats)], record),
            )
        });
        if stored.is_none() && learnt.is_none() {
            return Value::nil();
        }
        runtime_insights(|name| {
            let own = stored.as_ref().and_then(|stored| stored.get(name).cloned());
            own.or_else(|| {
                let (stats, learnt) = learnt.as_ref()?;
                match name.text() {
                    "sample_count" => Some(Value::count(stats.calls)),
                    "last_updated" => stats.last_executed.map(date_time),
                    other => learnt.get(other),
                }
            })
        })
    }

    /// 0.0 to 1.0; `None` when its module was not observed.
    fn coverage(&self) -> Option<f64> {
        let (record, function) = self.definition.as_ref()?;
        let (unit, _, _) = record.definition()?;
        let share =
            || Some(function_coverage(unit, *function, self.view.repository.runtime())?.share());
        self.view.was_observed(record).then(share).flatten()
    }

    fn crap(&self) -> Value {
        let complexity = self
            .source()
            .map(|(_, one)| one.metrics.cyclomatic_complexity);
        match complexity.zip(self.coverage()) {
            Some((complexity, coverage)) => Value::Float(crap(complexity, coverage)),
            None => Value::nil(),
        }
    }

    fn ran(&self) -> bool {
        self.stats().is_some_and(|stats| stats.calls > 0)
    }

    /// Observed statistics, with what a caller stored under names of its own.
    fn statistics(&self) -> Value {
        let overrides: Vec<(Atom, Value)> = IN_STATISTICS
            .iter()
            .filter_map(|name| Some((intern(name), self.stored(intern(name))?.clone())))
            .collect();
        let base = match self.stats() {
            Some(stats) => execution_statistics(stats),
            None if overrides.is_empty() => return Value::nil(),
            None => nothing_ran(),
        };
        let Value::Map(pairs) = base else {
            return Value::nil();
        };
        let replaced = pairs.into_iter().map(|(name, value)| {
            let own = overrides
                .iter()
                .find(|(other, _)| matches!(&name, Value::Atom(atom) if atom == other));
            match own {
                Some((_, stored)) => (name, stored.clone()),
                None => (name, value),
            }
        });
        Value::Map(replaced.collect())
    }

    fn points_of(&self, wanted: impl Fn(&PointKind) -> bool) -> Value {
        let Some((record, function)) = &self.definition else {
            return Value::nil();
        };
        let key = record
            .definition()
            .and_then(|(unit, _, _)| runtime_key(unit, *function));
        match key {
            Some(key) if self.view.has_points(record) => Value::List(
                self.view
                    .point_values(record, |point| point.function == key && wanted(&point.kind)),
            ),
            _ => Value::nil(),
        }
    }

    /// Calls that the source shows or that were observed; nothing is known of a function without either.
    fn neighbours(&self, outgoing: bool) -> Value {
        if self.definition.is_none() && self.stats().is_none() {
            return Value::nil();
        }
        let written = self.definition.as_ref().and_then(|(record, function)| {
            let (unit, _, _) = record.definition()?;
            runtime_key(unit, *function)
        });
        let observed = self.view.neighbours(&written.unwrap_or(self.key), outgoing);
        function_calls(self.view.repository, &self.key, outgoing, &observed)
    }

    fn messages(&self, read: impl Fn(&Processes, &Unit, u32) -> Value) -> Value {
        let Some((record, function)) = &self.definition else {
            return Value::nil();
        };
        let unit = record.definition().map(|(unit, _, _)| unit);
        unit.map_or(Value::nil(), |unit| {
            read(self.view.processes(), unit, *function)
        })
    }

    fn timestamp(
        &self,
        of_module: impl Fn(&ModuleRecord) -> u64,
        of_function: impl Fn(&FunctionRecord) -> u64,
    ) -> Value {
        match (&self.definition, &self.stored) {
            (Some((record, _)), _) => date_time(of_module(record)),
            (None, Some(stored)) => date_time(of_function(stored)),
            (None, None) => Value::nil(),
        }
    }
}

/// Statistics with nothing in them, for a caller's figures to go into.
fn nothing_ran() -> Value {
    match execution_statistics(&CallStats::default()) {
        Value::Map(pairs) => Value::Map(
            pairs
                .into_iter()
                .enumerate()
                // The first is the name of the struct.
                .map(|(at, (name, value))| (name, if at == 0 { value } else { Value::nil() }))
                .collect(),
        ),
        other => other,
    }
}

impl Row for FunctionRow<'_> {
    type Column = Column<FunctionField>;

    fn value(&self, column: &Self::Column) -> Cow<'_, Value> {
        column.read(|name| self.stored(name), |field| self.compute(field))
    }
}
