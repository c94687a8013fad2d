//! Clones: subtrees with equal Merkle hashes.
//!
//! Type I is the arena's own hash, which knows neither layout nor comments. Type II is the same recipe with variables,
//! literals, aliases, attributes and the name that is defined left out. Reported are the largest ones: what lies in a
//! reported clone is not reported again.

use std::collections::HashMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::Unit;
use crate::source::head::head_call;

use super::code::is_call;
use super::kind::{Smell, Thresholds};

/// Smaller subtrees are of no interest, whatever the threshold.
const NODES_MIN: u32 = 30;

#[derive(Clone, Copy, Debug)]
struct Fingerprint {
    node: NodeIx,
    size: u32,
    exact: u64,
    renamed: u64,
}

/// The subtrees of a file that may have clones.
#[derive(Clone, Debug)]
pub struct Fingerprints(Box<[Fingerprint]>);

/// The same code in several places: file by its place in the list that was given, and node.
#[derive(Clone, Debug)]
pub struct CloneClass {
    pub smell: Smell,
    pub places: Vec<(usize, NodeIx)>,
    pub nodes: u32,
    pub lines: u32,
}

impl Fingerprints {
    pub(super) fn new(unit: &Unit) -> Self {
        let ast = unit.ast();
        let heads: Vec<NodeIx> = unit
            .clauses()
            .iter()
            .filter_map(|clause| head_call(ast, clause.node))
            .collect();
        let renamed = renamed(ast, heads);
        let mut found = Vec::new();
        for clause in unit.clauses() {
            let mut quoted = 0;
            let mut at = clause.node.0;
            while at < ast.end(clause.node) {
                let ix = NodeIx(at);
                at += 1;
                let size = ast.size(ix);
                if size < NODES_MIN {
                    // Nothing in it is larger.
                    at = ast.end(ix);
                    continue;
                }
                if is_call(ast, ix, "quote") {
                    quoted = quoted.max(ast.end(ix));
                }
                if ast.kind(ix).has_meta() && ix.0 >= quoted && is_work(ast, ix) {
                    found.push(Fingerprint {
                        node: ix,
                        size,
                        exact: ast.hash(ix),
                        renamed: renamed[at as usize - 1],
                    });
                }
            }
        }
        found.sort_by_key(|one| one.node);
        found.dedup_by_key(|one| one.node);
        Fingerprints(found.into())
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// Tables of literals look alike and are no code: something must be done in a clone.
fn is_work(ast: &Ast, ix: NodeIx) -> bool {
    const DATA: [&str; 7] = ["{}", "%{}", "%", "<<>>", "__aliases__", "__block__", "@"];
    let mut calls = 0;
    for one in (ix.0..ast.end(ix)).map(NodeIx) {
        let called = match ast.kind(one) {
            Kind::CallExpr => true,
            Kind::Call => ast
                .atom(one)
                .is_some_and(|name| !DATA.contains(&name.text())),
            _ => false,
        };
        calls += u32::from(called);
        if calls >= 6 {
            return true;
        }
    }
    false
}

/// The hashes without names and literals.
fn renamed(ast: &Ast, mut heads: Vec<NodeIx>) -> Vec<u64> {
    heads.sort_unstable();
    let mut hashes = vec![0u64; ast.len()];
    let mut parts: Vec<u8> = Vec::new();
    for at in (0..ast.len() as u32).rev() {
        let ix = NodeIx(at);
        let kind = ast.kind(ix);
        parts.clear();
        let own = match kind {
            Kind::Call if is_call(ast, ix, "__aliases__") => {
                hashes[at as usize] = 1;
                continue;
            }
            Kind::Call if is_call(ast, ix, "@") => {
                hashes[at as usize] = 2;
                continue;
            }
            Kind::Call if heads.binary_search(&ix).is_ok() => 0,
            Kind::Call | Kind::Pair => ast.atom(ix).map_or(0, |name| u64::from(name.0) + 1),
            // The function of `A.f`; other atoms are literals.
            Kind::Atom => {
                let named = ast
                    .parent(ix)
                    .is_some_and(|dot| is_call(ast, dot, ".") && dot.0 + 1 != at);
                if named {
                    ast.atom(ix).map_or(0, |name| u64::from(name.0) + 1)
                } else {
                    0
                }
            }
            _ => 0,
        };
        parts.extend_from_slice(&own.to_le_bytes());
        let seed = match kind {
            Kind::Var | Kind::VarIn => {
                hashes[at as usize] = 3;
                continue;
            }
            Kind::Int | Kind::WideInt | Kind::Float | Kind::Binary | Kind::Opaque => 100,
            Kind::Atom if own == 0 => 100,
            kind => kind as u64,
        };
        for child in ast.children(ix) {
            parts.extend_from_slice(&hashes[child.0 as usize].to_le_bytes());
        }
        hashes[at as usize] = xxh3_64_with_seed(&parts, seed);
    }
    hashes
}

/// From the first line that a subtree names to the last.
fn lines_of(ast: &Ast, ix: NodeIx) -> u32 {
    let (mut first, mut last) = (u32::MAX, 0);
    for at in ix.0..ast.end(ix) {
        ast.each_line(NodeIx(at), |line| {
            first = first.min(line);
            last = last.max(line);
        });
    }
    (last + 1).saturating_sub(first)
}

/// The clones between and within files, the largest first.
pub fn clones(units: &[Arc<Unit>], thresholds: &Thresholds) -> Vec<CloneClass> {
    let mut found = Vec::new();
    let mut covered: Vec<Vec<(u32, u32)>> = vec![Vec::new(); units.len()];
    for (smell, nodes_min) in [
        (Smell::CloneExact, thresholds.clone_nodes),
        (Smell::CloneRenamed, thresholds.clone_renamed_nodes),
    ] {
        let mut classes: HashMap<u64, Vec<(usize, Fingerprint)>, ahash::RandomState> =
            HashMap::default();
        for (number, unit) in units.iter().enumerate() {
            for &one in unit.fingerprints().0.iter() {
                if one.size >= nodes_min {
                    let key = match smell {
                        Smell::CloneExact => one.exact,
                        _ => one.renamed,
                    };
                    classes.entry(key).or_default().push((number, one));
                }
            }
        }
        let lines = |&(number, one): &(usize, Fingerprint)| lines_of(units[number].ast(), one.node);
        let mut classes: Vec<_> = classes
            .into_values()
            .filter(|all| all.len() > 1)
            .filter(|all| all.iter().all(|one| lines(one) >= thresholds.clone_lines))
            .collect();
        classes.sort_by_key(|all| {
            let (number, first) = all[0];
            (std::cmp::Reverse(first.size), number, first.node)
        });
        for all in classes {
            let inside = |&(number, one): &(usize, Fingerprint)| {
                let end = one.node.0 + one.size;
                let list = &covered[number];
                list.iter()
                    .any(|&(start, last)| start <= one.node.0 && end <= last)
            };
            // Mostly a clone that was reported already: nothing new is said of it.
            let mostly = |&(number, one): &(usize, Fingerprint)| {
                let end = one.node.0 + one.size;
                let list = covered[number].iter();
                list.filter(|&&(start, last)| one.node.0 <= start && last <= end)
                    .any(|&(start, last)| (last - start) * 5 >= one.size * 4)
            };
            if all.iter().all(|one| inside(one) || mostly(one)) {
                continue;
            }
            for &(number, one) in &all {
                covered[number].push((one.node.0, one.node.0 + one.size));
            }
            found.push(CloneClass {
                smell,
                nodes: all[0].1.size,
                lines: all.iter().map(lines).min().unwrap_or(0),
                places: all
                    .iter()
                    .map(|&(number, one)| (number, one.node))
                    .collect(),
            });
        }
    }
    found
}
