//! The figures of all functions at one moment, kept for the next question: percentiles come from histograms, and most functions
//! have not been called since.

use std::sync::Arc;

use ahash::AHashMap;

use crate::capture::points::FunctionKey;
use crate::ingest::stats::CallStats;
use crate::ingest::store::Inner;

/// By function, those that were entered.
pub type AllStats = Arc<AHashMap<FunctionKey, CallStats>>;

#[derive(Default)]
pub(crate) struct Counted {
    /// By the store's number: the stamp of what was computed last.
    functions: Vec<(u64, Option<CallStats>)>,
    all: AllStats,
    /// Events when `all` was made.
    events: Option<u64>,
}

impl Counted {
    pub fn at(&mut self, inner: &Inner) -> AllStats {
        if self.events == Some(inner.events) && self.functions.len() == inner.tables.functions.len()
        {
            return self.all.clone();
        }
        let tables = &inner.tables;
        self.functions.resize(tables.functions.len(), (0, None));
        let mut changed = Vec::new();
        for (number, (known, stats)) in self.functions.iter_mut().enumerate() {
            let slot = &tables.functions[number];
            let stamp = tables.stamp(slot);
            if stamp != *known {
                *known = stamp;
                *stats = tables.function_stats(number as u32);
                changed.push(number);
            }
        }
        // In place, unless an answer still reads the last one.
        let all = Arc::make_mut(&mut self.all);
        for number in changed {
            if let Some(stats) = self.functions[number].1 {
                all.insert(tables.functions[number].key, stats);
            }
        }
        self.events = Some(inner.events);
        self.all.clone()
    }
}
