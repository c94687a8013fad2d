//! Counts, memory, and what a health check looks at.

use ahash::AHashSet;

use crate::source::Unit;
use crate::store::record::{Fields, ModuleRecord};
use crate::store::repository::Repository;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub version: u64,
    pub modules: u64,
    pub functions: u64,
    pub clauses: u64,
    pub nodes: u64,
    pub files: u64,
    pub correlations: u64,
    pub insights: u64,
    pub events: u64,
    pub ast_bytes: u64,
    pub record_bytes: u64,
    pub correlation_bytes: u64,
    pub index_bytes: u64,
    pub runtime_bytes: u64,
}

impl Stats {
    pub fn total_bytes(&self) -> u64 {
        self.ast_bytes
            + self.record_bytes
            + self.correlation_bytes
            + self.index_bytes
            + self.runtime_bytes
    }
}

/// What a health check is made of.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Modules that their own ids do not lead back to.
    pub broken_records: Vec<String>,
    pub correlations_agree: bool,
    pub correlated_nodes: u64,
    /// Of these, the ones that the repository does not hold.
    pub dangling_nodes: u64,
    pub events_lost: u64,
}

/// An entry of a persistent map: key and value, and its share of half-full nodes.
const ENTRY_BYTES: usize = 64;

impl Repository {
    /// Linear in the number of records; memory is asked of every arena.
    pub fn stats(&self) -> Stats {
        let state = self.state();
        let correlations = &state.correlations;
        let mut stats = Stats {
            version: state.version,
            files: state.files.len() as u64,
            correlations: correlations.len() as u64,
            insights: state.insights.len() as u64,
            correlation_bytes: correlations.memory_bytes() as u64,
            ..Stats::default()
        };
        let mut seen: AHashSet<*const Unit> = AHashSet::new();
        let mut asts: AHashSet<*const crate::ast::Ast> = AHashSet::new();
        let mut add_unit = |unit: &Unit, stats: &mut Stats| {
            if seen.insert(unit) {
                // Two units may share one arena: a name was qualified.
                let fresh = asts.insert(std::sync::Arc::as_ptr(unit.ast()));
                let shared = if fresh { 0 } else { unit.ast().memory_bytes() };
                stats.ast_bytes += (unit.memory_bytes() - shared) as u64;
                stats.clauses += unit.clauses().len() as u64;
                stats.nodes += unit.ast().len() as u64;
            }
        };
        let modules = state.modules();
        stats.modules = modules.len() as u64;
        let mut in_source = 0;
        for record in modules.iter() {
            stats.record_bytes += record.memory_bytes() as u64;
            if let Some(source) = &record.source {
                add_unit(&source.unit, &mut stats);
            }
            if let Some((_, _, module)) = record.definition() {
                in_source += module.functions.len() as u64;
            }
        }
        for (path, file) in &state.files {
            add_unit(&file.unit, &mut stats);
            stats.index_bytes +=
                (path.len() + size_of::<crate::store::record::FileRecord>()) as u64;
        }
        stats.index_bytes += self.graph_bytes() as u64;
        stats.index_bytes += self.kept_columns().lock().bytes() as u64;
        let mut alone = 0;
        for (key, record) in &state.functions {
            stats.record_bytes += record.memory_bytes() as u64;
            alone += u64::from(!state.in_source(key));
        }
        stats.functions = in_source + alone;
        stats.record_bytes += state
            .insights
            .iter()
            .map(|(node, fields)| node.len() + size_of::<Fields>() + fields.memory_bytes())
            .sum::<usize>() as u64;
        let definers: usize = state.definers.values().map(|paths| paths.len()).sum();
        stats.index_bytes += (state.modules.len() * ENTRY_BYTES
            + state.functions.len() * ENTRY_BYTES
            + state.files.len() * ENTRY_BYTES
            + state.insights.len() * ENTRY_BYTES
            + (state.definers.len() + definers) * ENTRY_BYTES
            + self.shared.point_nodes.capacity() * 40
            + modules.len() * 8) as u64;
        let totals = self.runtime().totals();
        stats.events = totals.calls;
        stats.runtime_bytes = totals.log_bytes + totals.clauses * 1_024 + totals.edges * 40;
        stats
    }

    /// Linear in records and correlations.
    pub fn health(&self, events_lost: u64) -> Health {
        let own = self.reading();
        let (modules, correlations) = (own.modules(), own.correlations());
        let broken = |record: &&std::sync::Arc<ModuleRecord>| match record.definition() {
            Some((unit, module, _)) => {
                let id = unit.module_id(module);
                let located = own.locate(&id).ok().and_then(|located| located.module());
                // A record that was replaced meanwhile leads to its successor, which is as well.
                id != *record.id || located.is_none()
            }
            None => false,
        };
        let nodes = correlations.nodes();
        Health {
            broken_records: modules
                .iter()
                .filter(broken)
                .map(|record| record.id.to_string())
                .collect(),
            correlations_agree: correlations.agree(),
            correlated_nodes: nodes.len() as u64,
            dangling_nodes: nodes.iter().filter(|node| !own.holds(node)).count() as u64,
            events_lost,
        }
    }
}
