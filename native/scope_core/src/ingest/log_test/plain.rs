//! What a filter means, over a plain list.

use crate::ingest::effect::NONE;
use crate::ingest::log_test::model::{Plain, function};
use crate::ingest::{EventFilter, EventKind};

/// Where an activation of this VM began, or else the newest earlier one of that token.
pub(super) fn began(kept: &[Plain], token: u64) -> Option<&Plain> {
    let begun = kept
        .iter()
        .filter(|row| row.token == token && row.kind == EventKind::Enter);
    let own = begun.clone().find(|row| !row.foreign);
    own.or_else(|| begun.max_by_key(|row| row.event_id))
}

/// What a filter takes, one row after the other.
pub(super) fn plain_answer(kept: &[Plain], filter: &EventFilter, limit: usize) -> Vec<Plain> {
    let key = |id: Option<u64>| {
        id.map(|id| {
            let row = kept.iter().find(|row| row.event_id == id);
            row.expect("a cursor of what is kept").key()
        })
    };
    let (after, before) = (key(filter.after), key(filter.before));
    let in_points = |row: &Plain| {
        let of_functions = filter.functions.as_ref().is_none_or(|functions| {
            row.point != NONE && functions.contains(&function(row.point / 4))
        });
        let of_points = filter
            .points
            .as_ref()
            .is_none_or(|points| row.point != NONE && points.contains(&(3, row.point)));
        of_functions && of_points
    };
    let began = filter.token.and_then(|token| began(kept, token));
    let span = began.map(|began| (began.event_id, began.ended.unwrap_or(u64::MAX)));
    let mut taken: Vec<Plain> = kept
        .iter()
        .filter(|row| {
            filter.from_ns.is_none_or(|from| row.at_ns >= from)
                && filter.to_ns.is_none_or(|to| row.at_ns <= to)
                && filter
                    .process
                    .is_none_or(|process| !row.foreign && row.process == process)
                && filter.token.is_none_or(|token| row.token == token)
                && span.is_none_or(|(first, last)| row.event_id >= first && row.event_id <= last)
                && in_points(row)
                && filter
                    .kinds
                    .as_ref()
                    .is_none_or(|kinds| kinds.contains(&row.kind))
                && after.is_none_or(|after| row.key() > after)
                && before.is_none_or(|before| row.key() < before)
        })
        .cloned()
        .collect();
    if filter.newest_first {
        taken.reverse();
    }
    taken.truncate(limit);
    taken
}
