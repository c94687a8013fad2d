//! What every file says of itself: what it covers, what was lost, what was not recorded on purpose.

use crate::export::Options;
use crate::ingest::{EventFilter, EventKind, RuntimeStore};

/// What joins processes.
const JOINING: [EventKind; 6] = [
    EventKind::Sent,
    EventKind::Received,
    EventKind::MessageSent,
    EventKind::MessageArrived,
    EventKind::Spawn,
    EventKind::Spawned,
];

/// What is known before the first event is written.
#[derive(Clone, Debug, Default)]
pub struct About {
    pub title: String,
    pub sampling: String,
    /// Times of the first and last event that the filter takes, nanoseconds since 1970; `None` when there is none.
    pub from_ns: Option<u64>,
    pub to_ns: Option<u64>,
    /// Events of the log now, and of those that were dropped from it to keep within its bytes.
    pub events_kept: u64,
    pub events_evicted: u64,
    /// Records that the capture dropped while this store was told, or activations whose end was lost.
    pub events_lost: u64,
    /// Whether there is anything that joins processes.
    pub joins: bool,
}

impl About {
    pub fn of(store: &RuntimeStore, options: &Options) -> Self {
        let one = |newest_first: bool, filter: &EventFilter| {
            let filter = EventFilter {
                newest_first,
                ..filter.clone()
            };
            // What cannot be read back is an error of the export itself.
            let found = store.events(&filter, 1).ok();
            found.and_then(|mut events| events.pop())
        };
        let first = one(false, &options.filter);
        let last = one(true, &options.filter);
        let joining = EventFilter {
            kinds: Some(JOINING.to_vec()),
            ..options.filter.clone()
        };
        let totals = store.totals();
        About {
            title: options.title.clone(),
            sampling: options.sampling.clone(),
            from_ns: first.as_ref().map(|event| event.at_ns),
            to_ns: last.as_ref().map(|event| event.at_ns),
            events_kept: totals.events_kept,
            events_evicted: totals.events_evicted,
            events_lost: store.lost(),
            joins: one(false, &joining).is_some(),
        }
    }

    /// `(name, value)`, for formats that have room for such.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let time = |ns: Option<u64>| ns.map_or_else(|| "none".into(), |ns| ns.to_string());
        vec![
            ("title", self.title.clone()),
            (
                "exporter",
                concat!("ElixirScope ", env!("CARGO_PKG_VERSION")).into(),
            ),
            ("from_unix_ns", time(self.from_ns)),
            ("to_unix_ns", time(self.to_ns)),
            ("events_in_log", self.events_kept.to_string()),
            ("events_evicted", self.events_evicted.to_string()),
            ("events_lost", self.events_lost.to_string()),
            ("sampling", self.sampling.clone()),
            ("complete", self.complete().into()),
        ]
    }

    /// In words, for people.
    pub fn complete(&self) -> &'static str {
        match (self.events_lost, self.events_evicted) {
            (0, 0) => "yes",
            (0, _) => "no: the log was full and its oldest events are gone",
            (_, 0) => "no: events were lost while a buffer was full",
            _ => "no: events were lost while a buffer was full, and the log's oldest are gone",
        }
    }

    /// Comment lines for formats of lines. None ends in a digit: readers of folded stacks take those for counts.
    pub fn comments(&self) -> String {
        let lines = self.pairs().into_iter().map(|(name, value)| {
            let value = value.replace(['\n', '\r'], " ");
            format!("# {name}: {value};\n")
        });
        lines.collect()
    }
}
