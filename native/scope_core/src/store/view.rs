//! What a reader sees of the store: the records, what was observed, and the points of this VM.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use ahash::AHashMap;

use crate::atoms::Atom;
use crate::capture::points::{FunctionKey, PointInfo, PointKind, TailTarget};
use crate::ingest::{AllStats, CallStats, Edge};
use crate::store::locate::runtime_key;
use crate::store::processes::Processes;
use crate::store::record::ModuleRecord;
use crate::store::repository::Repository;
use crate::store::structs::{key_value, structure, word};
use crate::value::Value;

/// A point of this VM: whether it may report, and of a gate that it has, how many passed and how many came.
#[derive(Clone, Copy, Debug)]
pub struct LivePoint {
    pub info: PointInfo,
    pub on: bool,
    pub gate: Option<(u64, u64)>,
}

/// By function: how many calls passed its gates, and how many came.
pub type Shares = AHashMap<FunctionKey, (u64, u64)>;

/// The points of a module.
pub type PointsOf<'a> = &'a dyn Fn(Atom) -> Vec<LivePoint>;

/// One reading. What is looked up for every row is fetched once.
pub struct View<'a> {
    pub repository: &'a Repository,
    points: PointsOf<'a>,
    stats: OnceCell<AllStats>,
    edges: OnceCell<AHashMap<FunctionKey, Vec<Edge>>>,
    processes: OnceCell<Arc<Processes>>,
    sampled: RefCell<AHashMap<Atom, Arc<Shares>>>,
    /// Whole scans want everything at once; a single record asks for what it needs.
    bulk: bool,
}

impl<'a> View<'a> {
    pub fn of_one(repository: &'a Repository, points: PointsOf<'a>) -> Self {
        View {
            repository,
            points,
            stats: OnceCell::new(),
            edges: OnceCell::new(),
            processes: OnceCell::new(),
            sampled: RefCell::default(),
            bulk: false,
        }
    }

    pub fn of_many(repository: &'a Repository, points: PointsOf<'a>) -> Self {
        View {
            bulk: true,
            ..View::of_one(repository, points)
        }
    }

    /// As of a moment whose counts are known.
    pub fn at(
        repository: &'a Repository,
        points: PointsOf<'a>,
        stats: AllStats,
        edges: &[Edge],
    ) -> Self {
        let view = View::of_many(repository, points);
        let _ = view.stats.set(stats);
        let _ = view.edges.set(by_end(edges.iter().copied()));
        view
    }

    /// What is known of a function, under all the names that it had.
    pub fn stats(&self, key: &FunctionKey) -> Option<CallStats> {
        let former = self.repository.former_names(key);
        if !former.is_empty() {
            let all: Vec<FunctionKey> = std::iter::once(*key).chain(former).collect();
            return self.repository.runtime().stats_of_all(&all);
        }
        if !self.bulk {
            return self.repository.runtime().function_stats(key);
        }
        self.all_stats().get(key).copied()
    }

    /// By the names under which they were observed.
    pub fn all_stats(&self) -> &AllStats {
        let fetch = || Arc::new(self.repository.runtime().functions().into_iter().collect());
        self.stats.get_or_init(fetch)
    }

    /// Supervision and messages of all sources.
    pub fn processes(&self) -> &Processes {
        self.processes.get_or_init(|| self.repository.processes())
    }

    /// Activations whose end was lost: figures are lower bounds when there are any.
    pub fn lost(&self) -> u64 {
        self.repository.runtime().lost()
    }

    /// Whether a run told, or could have told, what of a module was executed.
    pub fn was_observed(&self, record: &ModuleRecord) -> bool {
        let Some((unit, _, module)) = record.definition() else {
            return false;
        };
        let keys = module
            .functions
            .clone()
            .filter_map(|function| runtime_key(unit, function));
        self.repository.runtime().was_instrumented(keys)
    }

    fn edges(&self, key: &FunctionKey) -> Vec<Edge> {
        let runtime = self.repository.runtime();
        if !self.bulk {
            let mut found = runtime.callees(key);
            found.extend(
                runtime
                    .callers(key)
                    .into_iter()
                    .filter(|edge| edge.caller != edge.callee),
            );
            return found;
        }
        let all = self
            .edges
            .get_or_init(|| by_end(runtime.edges().into_iter()));
        all.get(key).cloned().unwrap_or_default()
    }

    /// `[%{function: key, count: n}]` of the other ends of a function's edges, most frequent first. What was observed
    /// under a former name counts for the present one.
    pub fn neighbours(&self, key: &FunctionKey, outgoing: bool) -> Vec<(FunctionKey, u64)> {
        let mut counts: AHashMap<FunctionKey, u64> = AHashMap::new();
        let names = std::iter::once(*key).chain(self.repository.former_names(key));
        for name in names {
            for edge in self.edges(&name) {
                let (own, other) = if outgoing {
                    (edge.caller, edge.callee)
                } else {
                    (edge.callee, edge.caller)
                };
                if own == name {
                    let other = self.repository.present_name(&other).unwrap_or(other);
                    *counts.entry(other).or_default() += edge.count;
                }
            }
        }
        let mut all: Vec<_> = counts.into_iter().collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all
    }

    /// `[%InstrumentationPoint{}]` of a module's points that `wanted` takes, in their order; `nil` when the module has none.
    pub fn point_values(
        &self,
        record: &Arc<ModuleRecord>,
        wanted: impl Fn(&PointInfo) -> bool,
    ) -> Vec<Value> {
        let all = (self.points)(record.name);
        let wanted = all.into_iter().filter(|point| wanted(&point.info));
        wanted
            .map(|point| self.point_value(record, &point.info, point.on))
            .collect()
    }

    /// By function of a module: of how many calls how many passed its gates. Functions without gates, or of which none was refused,
    /// are not in it.
    pub fn sampled(&self, module: Atom) -> Arc<Shares> {
        if let Some(known) = self.sampled.borrow().get(&module) {
            return Arc::clone(known);
        }
        let mut all = Shares::new();
        for point in (self.points)(module) {
            if let (PointKind::Clause, Some((passed, seen))) = (point.info.kind, point.gate) {
                let sum = all.entry(point.info.function).or_default();
                *sum = (sum.0 + passed, sum.1 + seen);
            }
        }
        all.retain(|_, (passed, seen)| passed != seen);
        let all = Arc::new(all);
        self.sampled.borrow_mut().insert(module, Arc::clone(&all));
        all
    }

    pub fn has_points(&self, record: &ModuleRecord) -> bool {
        !(self.points)(record.name).is_empty()
    }

    fn point_value(&self, record: &Arc<ModuleRecord>, point: &PointInfo, on: bool) -> Value {
        let int = |n: u32| Value::Int(i64::from(n));
        let literal = point.literal();
        let node = self.repository.node_of_point(literal, point);
        let file = record
            .source
            .as_ref()
            .map(|source| Value::text(source.unit.file()));
        let calls = match point.kind {
            PointKind::Clause => {
                let clauses = self.repository.runtime().clause_stats(&point.function);
                let own = |point_of: &PointInfo| {
                    point_of.build == point.build && point_of.index == point.index
                };
                let found = clauses.iter().find(|clause| own(&clause.point));
                Value::count(found.map_or(0, |clause| clause.stats.calls))
            }
            _ => Value::nil(),
        };
        let (kind, target) = match point.kind {
            PointKind::Clause => ("function_entry", Value::nil()),
            PointKind::Try => ("try", Value::nil()),
            PointKind::Branch => ("coverage_mark", Value::nil()),
            PointKind::Binding { name, version } => (
                "variable_capture",
                Value::Tuple(vec![Value::Atom(name), int(version)]),
            ),
            PointKind::Expression => ("expression_trace", Value::nil()),
            PointKind::Choice => ("branch", Value::nil()),
            PointKind::Send(target) => ("message_send", target_value(&target)),
            PointKind::Receive => ("message_receive", Value::nil()),
            PointKind::Raise => ("exception", Value::nil()),
            PointKind::Custom => ("custom", Value::nil()),
            PointKind::Foreign => ("traced_function", Value::nil()),
            PointKind::Tail(target) => ("tail_call", target_value(&target)),
        };
        let metadata = [
            ("module", Value::Atom(point.function.module)),
            ("function", Value::Atom(point.function.name)),
            ("arity", int(point.function.arity)),
            ("clause", int(point.clause)),
            ("build", Value::count(point.build)),
            ("target", target),
        ];
        let metadata = metadata
            .into_iter()
            .map(|(name, value)| (crate::atoms::intern(name), value));
        let mut fields = vec![
            ("point_id", Value::text(&literal.to_string())),
            (
                "ast_node_id",
                node.map_or(Value::nil(), |id| Value::text(&id)),
            ),
            (
                "source_location",
                Value::Tuple(vec![
                    file.unwrap_or_else(Value::nil),
                    int(point.line),
                    point.column.map_or(Value::nil(), int),
                ]),
            ),
            ("instrumentation_type", word(kind)),
            ("correlation_strategy", word("correlation_id")),
            ("correlation_metadata", Value::record(metadata.collect())),
            ("enabled", Value::bool(on)),
            ("execution_frequency", calls.clone()),
            ("trigger_count", calls),
        ];
        fields.extend(LATER_POINT_FIELDS.iter().map(|name| (*name, Value::nil())));
        structure("ElixirScope.ASTRepository.InstrumentationPoint", fields)
    }
}

/// Edges by caller and by callee.
fn by_end(edges: impl Iterator<Item = Edge>) -> AHashMap<FunctionKey, Vec<Edge>> {
    let mut all: AHashMap<FunctionKey, Vec<Edge>> = AHashMap::new();
    for edge in edges {
        all.entry(edge.caller).or_default().push(edge);
        if edge.caller != edge.callee {
            all.entry(edge.callee).or_default().push(edge);
        }
    }
    all
}

/// Of `InstrumentationPoint`, what nothing fills yet.
const LATER_POINT_FIELDS: [&str; 13] = [
    "capture_config",
    "sampling_rate",
    "conditions",
    "custom_logic",
    "runtime_mapping",
    "overhead_estimate",
    "impact_assessment",
    "priority",
    "tags",
    "description",
    "created_at",
    "last_triggered",
    "average_duration",
];

fn target_value(target: &TailTarget) -> Value {
    match target {
        TailTarget::Unknown => Value::nil(),
        TailTarget::AnyModule { name, arity } => Value::Tuple(vec![
            Value::nil(),
            Value::Atom(*name),
            Value::Int(i64::from(*arity)),
        ]),
        TailTarget::Function(key) => key_value(key),
    }
}
