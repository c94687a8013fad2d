//! What belongs to a question: from functions, lines, tests or words to the functions around them, best first, with what is known
//! of each.
//!
//! A walker starts at what was asked for and follows calls, messages and modules (`context::rank`). Edges that were observed draw it
//! more than those that are only written, and so do functions that failed, that took time, that are called again and again, or that
//! changed (`interest`). A function's score is how often the walker is there, times its interest, and more for what was asked for.

mod interest;
mod seeds;
mod told;
mod web;

use ahash::AHashMap;

use crate::atoms::intern;
use crate::context::rank::{Options, personalised};
use crate::error::Result;
use crate::store::repository::Repository;
use crate::value::Value;

pub use seeds::Seed;
pub use web::Kept;
use web::Of;

/// What was asked for alone is worth so much more than its share of the walk, and in proportion when it is one of several.
const ASKED: f64 = 3.0;
/// Items are told whole, so there are not very many.
const ITEMS_MAX: usize = 200;

/// What a function is worth here.
#[derive(Clone, Copy)]
struct Score {
    proximity: f64,
    /// Its part of what was asked for.
    asked: f64,
    whole: f64,
}

pub struct ContextAsked {
    pub seeds: Vec<(Seed, f64)>,
    /// Items at most.
    pub count: usize,
}

/// `%{items: [...], seeds: [...], unknown: [...], ...}`: what is nearest to the seeds. With no seed that is known there are no items.
///
/// Errors: `NotFound` once the repository was closed.
pub fn context(repository: &Repository, asked: &ContextAsked) -> Result<Value> {
    let repository = repository.open()?.reading();
    let web = repository.web();
    let (events, lively) = web.lively(&repository);
    let (start, unknown) = seeds::resolve(&repository, &web, &asked.seeds);
    let neighbours = |node: u32, into: &mut Vec<(u32, f64)>| {
        lively.neighbours(&web, node, into);
    };
    let ranked = personalised(&start, neighbours, Options::default());
    let whole: f64 = start.iter().map(|(_, weight)| weight).sum();
    let asked_for: AHashMap<u32, f64> = start
        .iter()
        .map(|(node, weight)| (*node, weight / whole))
        .collect();
    let mut best: Vec<(u32, Score)> = ranked
        .shares
        .iter()
        .filter(|(node, _)| matches!(web.nodes[**node as usize].of, Of::Function(_)))
        .map(|(node, share)| {
            let asked = asked_for.get(node).copied().unwrap_or(0.0);
            let whole = share * lively.interest(*node).value() * (1.0 + ASKED * asked);
            let score = Score {
                proximity: *share,
                asked,
                whole,
            };
            (*node, score)
        })
        .collect();
    best.sort_unstable_by(|a, b| b.1.whole.total_cmp(&a.1.whole).then(a.0.cmp(&b.0)));
    let found = best.len();
    best.truncate(asked.count.min(ITEMS_MAX));
    let items = best
        .iter()
        .map(|(node, score)| told::item(&repository, &web, &lively, *node, *score));
    let items = Value::List(items.collect());
    let count = |n: usize| Value::count(n as u64);
    let fields = [
        ("items", items),
        ("found", count(found)),
        ("seeds", told::seeds(&web, &start)),
        (
            "unknown",
            Value::List(unknown.iter().map(|at| count(*at)).collect()),
        ),
        ("nodes", count(web.nodes.len())),
        ("ties", count(web.out.count() + lively.observed())),
        ("unsettled", Value::Float(ranked.unsettled)),
        ("version", Value::count(repository.version())),
        ("events", Value::count(events)),
        ("lost", Value::count(repository.runtime().lost())),
    ];
    let fields = fields.map(|(name, value)| (intern(name), value));
    Ok(Value::record(fields.to_vec()))
}
