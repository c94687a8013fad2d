//! A search over files.

use std::sync::Arc;
use std::time::Duration;

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::limits::MATCHES_MAX;
use crate::source::Unit;

use super::budget::Budget;
use super::item::Item;
use super::machine::Machine;
use super::pattern::{Pattern, Slot};
use super::plan::Plan;

/// Which matches are wanted, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub limit: Option<usize>,
    pub offset: usize,
    pub timeout: Duration,
}

/// What a capture took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Captured {
    Node(NodeIx),
    /// The key of a pair.
    Key(NodeIx, Atom),
    /// What a `...x` took.
    Run(Vec<Captured>),
    /// An argument that is not in the source.
    Hole,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Match {
    /// A place in the list of files.
    pub unit: usize,
    pub node: NodeIx,
    /// Captures that took something, in the order of their numbers.
    pub captures: Vec<(Slot, Captured)>,
}

#[derive(Clone, Debug)]
pub struct Found {
    /// By file, then in the order of the source.
    pub matches: Vec<Match>,
    /// There are more behind the limit.
    pub more: bool,
    /// Files that could have had a match.
    pub files: usize,
    /// Nodes that were looked at.
    pub candidates: usize,
}

/// Computes what a search looks up, where that was not done yet. Names of modules are known only then.
pub fn prepare(units: &[Arc<Unit>]) {
    for unit in units {
        unit.calls();
        unit.postings();
    }
}

/// Matches of a pattern: at each node at most one, the first that is found.
///
/// Errors: `Timeout`, `LimitExceeded` when there are more matches than one answer can have.
pub fn search(units: &[Arc<Unit>], pattern: &Pattern, wanted: Wanted) -> Result<Found> {
    let mut budget = Budget::new(wanted.timeout);
    let plan = Plan::new(pattern);
    let mut found = Found {
        matches: Vec::new(),
        more: false,
        files: 0,
        candidates: 0,
    };
    let mut skipped = 0;
    let mut candidates = Vec::new();
    for (number, unit) in units.iter().enumerate() {
        budget.check()?;
        if !plan.admits(unit.postings()) {
            continue;
        }
        found.files += 1;
        plan.candidates(
            0,
            pattern,
            unit,
            0..unit.ast().len() as u32,
            &mut candidates,
        );
        found.candidates += candidates.len();
        let mut machine = Machine::new(unit, pattern, &plan, &mut budget);
        for &at in &candidates {
            if !machine.matches(NodeIx(at))? {
                continue;
            }
            if skipped < wanted.offset {
                skipped += 1;
                continue;
            }
            if wanted
                .limit
                .is_some_and(|limit| found.matches.len() >= limit)
            {
                found.more = true;
                return Ok(found);
            }
            if skipped + found.matches.len() >= MATCHES_MAX {
                return Err(Error::LimitExceeded {
                    what: "matches of one search",
                    limit: MATCHES_MAX as u64,
                });
            }
            found.matches.push(Match {
                unit: number,
                node: NodeIx(at),
                captures: captures(&machine),
            });
        }
    }
    Ok(found)
}

fn captures(machine: &Machine<'_>) -> Vec<(Slot, Captured)> {
    let taken = (0u16..).zip(&machine.slots).skip(1);
    taken
        .filter_map(|(slot, item)| Some((slot, captured(machine, (*item)?))))
        .collect()
}

fn captured(machine: &Machine<'_>, item: Item) -> Captured {
    match item {
        Item::Run { start, length } => {
            let items = &machine.items[start as usize..(start + length) as usize];
            Captured::Run(items.iter().map(|item| single(machine, *item)).collect())
        }
        item => single(machine, item),
    }
}

fn single(machine: &Machine<'_>, item: Item) -> Captured {
    match item {
        Item::Node(ix) => Captured::Node(ix),
        Item::Key(pair) => match machine.reader.ast.atom(pair) {
            Some(key) => Captured::Key(pair, key),
            None => Captured::Hole,
        },
        // Runs hold no runs.
        Item::Run { .. } | Item::Hole => Captured::Hole,
    }
}
