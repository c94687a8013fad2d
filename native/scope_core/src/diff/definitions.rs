//! Which module, function and clause of one version is which of the other.

use std::hash::Hash;

use ahash::AHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::head::head_call;
use crate::source::words::{Word, word};
use crate::source::{ClauseDef, FunctionDef, ModuleDef, Unit};

use super::bags::Bag;
use super::matching::NONE;

/// Modules that share less are two modules.
const MODULE_LIKENESS_MIN: f32 = 0.5;
/// A function that kept its name and changed its arity, one that was renamed, and one that also moved to another module.
const SAME_NAME_LIKENESS_MIN: f32 = 0.4;
const RENAMED_LIKENESS_MIN: f32 = 0.6;
const MOVED_LIKENESS_MIN: f32 = 0.5;
const MOVED_AND_RENAMED_LIKENESS_MIN: f32 = 0.8;
/// Of two candidates this close to each other neither is taken.
const MARGIN_MIN: f32 = 0.05;
/// A function of fewer entries is like too many others to be known by its body. `def f(x), do: g(x)` has some ten.
const RENAMED_ENTRIES_MIN: usize = 8;
/// The same, when not an entry differs: `def f(x), do: g(x, 1)`.
const IDENTICAL_ENTRIES_MIN: usize = 6;
/// Clauses of one function.
const CLAUSE_LIKENESS_MIN: f32 = 0.4;
/// Pairs that are compared by likeness; with more of them only what is identical is paired.
const COMPARISONS_MAX: usize = 2_500;

/// From a number of the old unit to one of the new, `NONE` where there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Definitions {
    pub(super) modules: Vec<u32>,
    pub(super) functions: Vec<u32>,
    pub(super) clauses: Vec<u32>,
}

pub(super) fn pair(old: &Unit, new: &Unit) -> Definitions {
    let modules = pair_modules(old, new);
    let functions = pair_functions(old, new, &modules);
    let clauses = pair_clauses(old, new, &functions);
    Definitions {
        modules,
        functions,
        clauses,
    }
}

// Modules

fn pair_modules(old: &Unit, new: &Unit) -> Vec<u32> {
    let key = |module: &ModuleDef| (module.name, module.dynamic, module.occurrence);
    let mut pairs = Pairs::new(old.modules().len(), new.modules().len());
    pairs.by_key(
        old.modules().iter().map(key).zip(0..),
        new.modules().iter().map(key).zip(0..),
    );
    // A module in one that was renamed is renamed with it. Parents come before what is in them.
    let within = |pairs: &mut Pairs| {
        let inner: AHashMap<(u32, &str), u32> = (0..new.modules().len() as u32)
            .filter(|&n| !pairs.has_new(n))
            .filter_map(|n| relative_name(new, n).zip(Some(n)))
            .collect();
        for o in 0..old.modules().len() as u32 {
            let Some((parent, name)) = relative_name(old, o).filter(|_| !pairs.has_old(o)) else {
                continue;
            };
            if let Some(&n) = inner.get(&(pairs.to_new[parent as usize], name)) {
                pairs.put(o, n);
            }
        }
    };
    within(&mut pairs);
    let (left, right) = pairs.open();
    let bags = |unit: &Unit, numbers: &[u32]| -> Vec<Bag> {
        numbers.iter().map(|&at| module_bag(unit, at)).collect()
    };
    let (a, b) = (bags(old, &left), bags(new, &right));
    let score = |i: usize, j: usize| {
        let same_kind =
            old.modules()[left[i] as usize].kind == new.modules()[right[j] as usize].kind;
        Some(a[i].dice(&b[j])).filter(|&score| same_kind && score >= MODULE_LIKENESS_MIN)
    };
    pairs.by_score(&left, &right, score);
    within(&mut pairs);
    pairs.to_new
}

/// The parent's number and the rest of the name.
fn relative_name(unit: &Unit, module: u32) -> Option<(u32, &'static str)> {
    let module = &unit.modules()[module as usize];
    let parent = module.parent?;
    let outer = unit.modules()[parent as usize].name.text();
    let rest = module.name.text().strip_prefix(outer)?.strip_prefix('.')?;
    (module.occurrence == 1).then_some((parent, rest))
}

/// The statements of a module's body, and the names of its functions.
fn module_bag(unit: &Unit, module: u32) -> Bag {
    let ast = unit.ast();
    let node = unit.modules()[module as usize].node;
    let mut items = Vec::new();
    for body in bodies(ast, node) {
        let is_block = ast.atom_of(body, Kind::Call).and_then(word) == Some(Word::Block);
        match is_block {
            true => items.extend(ast.children(body).map(|one| ast.hash(one))),
            false => items.push(ast.hash(body)),
        }
    }
    let names = unit.functions_of_module(module).iter();
    items.extend(names.map(|one| xxh3_64(one.name.text().as_bytes()) ^ u64::from(one.arity)));
    Bag::new(items)
}

/// What stands behind `do:`.
fn bodies(ast: &Ast, node: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
    let lists = ast
        .children(node)
        .filter(|&one| ast.kind(one) == Kind::List);
    let pairs = lists.flat_map(|list| ast.children(list));
    let is_body = |&pair: &NodeIx| ast.atom_of(pair, Kind::Pair).and_then(word) == Some(Word::Do);
    pairs.filter(is_body).filter_map(|pair| ast.child(pair, 0))
}

// Functions

fn pair_functions(old: &Unit, new: &Unit, modules: &[u32]) -> Vec<u32> {
    let mut pairs = Pairs::new(old.functions().len(), new.functions().len());
    let key = |module: u32, one: &FunctionDef| (module, one.name, one.dynamic, one.arity);
    let olds = old.functions().iter().zip(0u32..);
    let olds = olds.filter(|(one, _)| modules[one.module as usize] != NONE);
    pairs.by_key(
        olds.map(|(one, o)| (key(modules[one.module as usize], one), o)),
        new.functions()
            .iter()
            .zip(0..)
            .map(|(one, n)| (key(one.module, one), n)),
    );
    let (left, right) = pairs.open();
    let bags = |unit: &Unit, numbers: &[u32]| -> Vec<Bag> {
        numbers.iter().map(|&at| function_bag(unit, at)).collect()
    };
    if left.is_empty() || right.is_empty() {
        return pairs.to_new;
    }
    let (a, b) = (bags(old, &left), bags(new, &right));
    // Within the module first: a function moves to another one less often than it is renamed.
    for same_module in [true, false] {
        let score = |i: usize, j: usize| {
            let o = &old.functions()[left[i] as usize];
            let n = &new.functions()[right[j] as usize];
            if (modules[o.module as usize] == n.module) != same_module {
                return None;
            }
            let same_name = o.name == n.name && o.dynamic == n.dynamic;
            let least = match (same_module, same_name) {
                (true, true) => SAME_NAME_LIKENESS_MIN,
                (true, false) => RENAMED_LIKENESS_MIN,
                (false, true) if o.arity == n.arity => MOVED_LIKENESS_MIN,
                (false, _) => MOVED_AND_RENAMED_LIKENESS_MIN,
            };
            let known_by_name = same_name && same_module;
            let likeness = a[i].dice(&b[j]);
            let entries_min = match likeness == 1.0 && o.arity == n.arity {
                true => IDENTICAL_ENTRIES_MIN,
                false => RENAMED_ENTRIES_MIN,
            };
            if !known_by_name && a[i].len().min(b[j].len()) < entries_min {
                return None;
            }
            let bonus = if same_name { 0.1 } else { 0.0 };
            (likeness >= least && o.kind.is_macro() == n.kind.is_macro())
                .then_some(likeness + bonus)
        };
        pairs.by_score(&left, &right, score);
    }
    pairs.to_new
}

/// The subtrees of all clauses, without those that have the name in them.
fn function_bag(unit: &Unit, function: u32) -> Bag {
    let ast = unit.ast();
    let mut items = Vec::new();
    for clause in unit.clauses_of_function(function) {
        let head = head_call(ast, clause.node);
        let named =
            |ix: NodeIx| ix == clause.node || head.is_some_and(|head| ast.contains(ix, head));
        let entries = (clause.node.0..ast.end(clause.node)).map(NodeIx);
        items.extend(entries.filter(|&ix| !named(ix)).map(|ix| ast.hash(ix)));
    }
    Bag::new(items)
}

// Clauses

fn pair_clauses(old: &Unit, new: &Unit, functions: &[u32]) -> Vec<u32> {
    let mut pairs = Pairs::new(old.clauses().len(), new.clauses().len());
    for (o, &n) in functions.iter().enumerate() {
        if n == NONE {
            continue;
        }
        let olds = || old.functions()[o].clauses.clone();
        let news = || new.functions()[n as usize].clauses.clone();
        let whole = |unit: &Unit, at: u32| unit.ast().hash(unit.clauses()[at as usize].node);
        pairs.in_order(olds(), news(), |at| whole(old, at), |at| whole(new, at));
        let head = |unit: &Unit, at: u32| pattern(unit.ast(), &unit.clauses()[at as usize]);
        pairs.in_order(olds(), news(), |at| head(old, at), |at| head(new, at));
        let left: Vec<u32> = olds().filter(|&at| !pairs.has_old(at)).collect();
        let right: Vec<u32> = news().filter(|&at| !pairs.has_new(at)).collect();
        if olds().len() == 1 && news().len() == 1 {
            // The function is that one clause, whatever is in it.
            left.iter().zip(&right).for_each(|(&o, &n)| pairs.put(o, n));
            continue;
        }
        let bags = |unit: &Unit, numbers: &[u32]| -> Vec<Bag> {
            numbers.iter().map(|&at| clause_bag(unit, at)).collect()
        };
        let (a, b) = (bags(old, &left), bags(new, &right));
        let score = |i: usize, j: usize| {
            Some(a[i].dice(&b[j])).filter(|&score| score >= CLAUSE_LIKENESS_MIN)
        };
        pairs.by_score(&left, &right, score);
    }
    pairs.to_new
}

fn clause_bag(unit: &Unit, clause: u32) -> Bag {
    let (ast, node) = (unit.ast(), unit.clauses()[clause as usize].node);
    let entries = (node.0..ast.end(node)).map(NodeIx);
    Bag::new(entries.map(|ix| ast.hash(ix)).collect())
}

/// Arguments and guard of a clause, without the function's name.
fn pattern(ast: &Ast, clause: &ClauseDef) -> u64 {
    let Some(call) = head_call(ast, clause.node) else {
        return ast.hash(clause.node);
    };
    let mut parts = Vec::new();
    for argument in ast.children(call) {
        parts.extend_from_slice(&ast.hash(argument).to_le_bytes());
    }
    let outer = ast
        .parent(call)
        .filter(|&one| ast.contains(clause.node, one));
    let outer =
        outer.filter(|&one| ast.atom_of(one, Kind::Call).and_then(word) == Some(Word::When));
    if let Some(guard) = outer.and_then(|when| ast.child(when, 1)) {
        parts.extend_from_slice(&ast.hash(guard).to_be_bytes());
    }
    xxh3_64(&parts)
}

// Pairing

struct Pairs {
    to_new: Vec<u32>,
    taken: Vec<bool>,
}

impl Pairs {
    fn new(old: usize, new: usize) -> Pairs {
        Pairs {
            to_new: vec![NONE; old],
            taken: vec![false; new],
        }
    }

    fn has_old(&self, o: u32) -> bool {
        self.to_new[o as usize] != NONE
    }

    fn has_new(&self, n: u32) -> bool {
        self.taken[n as usize]
    }

    fn put(&mut self, o: u32, n: u32) {
        if !self.has_old(o) && !self.has_new(n) {
            self.to_new[o as usize] = n;
            self.taken[n as usize] = true;
        }
    }

    /// What has no partner yet.
    fn open(&self) -> (Vec<u32>, Vec<u32>) {
        let left = (0..self.to_new.len() as u32).filter(|&o| !self.has_old(o));
        let right = (0..self.taken.len() as u32).filter(|&n| !self.has_new(n));
        (left.collect(), right.collect())
    }

    /// Keys that name one thing on each side.
    fn by_key<K: Hash + Eq>(
        &mut self,
        old: impl Iterator<Item = (K, u32)>,
        new: impl Iterator<Item = (K, u32)>,
    ) {
        let new: AHashMap<K, u32> = new.collect();
        for (key, o) in old {
            if let Some(&n) = new.get(&key) {
                self.put(o, n);
            }
        }
    }

    /// Equal ones, the first to the first and so on, from the front.
    fn in_order(
        &mut self,
        old: impl Iterator<Item = u32>,
        new: impl Iterator<Item = u32>,
        old_hash: impl Fn(u32) -> u64,
        new_hash: impl Fn(u32) -> u64,
    ) {
        let mut waiting: AHashMap<u64, std::collections::VecDeque<u32>> = AHashMap::new();
        for n in new {
            if !self.has_new(n) {
                waiting.entry(new_hash(n)).or_default().push_back(n);
            }
        }
        for o in old {
            if self.has_old(o) {
                continue;
            }
            let found = waiting
                .get_mut(&old_hash(o))
                .and_then(|queue| queue.pop_front());
            if let Some(n) = found {
                self.put(o, n);
            }
        }
    }

    /// The likest first; where a second candidate is nearly as like, on either side, none.
    fn by_score(
        &mut self,
        left: &[u32],
        right: &[u32],
        score: impl Fn(usize, usize) -> Option<f32>,
    ) {
        if left.len() * right.len() > COMPARISONS_MAX {
            return;
        }
        let mut all: Vec<(f32, usize, usize)> = Vec::new();
        for (i, &o) in left.iter().enumerate() {
            for (j, &n) in right.iter().enumerate() {
                if !self.has_old(o)
                    && !self.has_new(n)
                    && let Some(score) = score(i, j)
                {
                    all.push((score, i, j));
                }
            }
        }
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for at in 0..all.len() {
            let (score, i, j) = all[at];
            let (o, n) = (left[i], right[j]);
            if self.has_old(o) || self.has_new(n) {
                continue;
            }
            let rival = |&(other, k, l): &(f32, usize, usize)| {
                (score - other).abs() < MARGIN_MIN
                    && ((k == i) != (l == j))
                    && !self.has_old(left[k])
                    && !self.has_new(right[l])
            };
            let from = all.partition_point(|other| other.0 - score >= MARGIN_MIN);
            let near = all[from..].iter();
            if !near
                .take_while(|other| score - other.0 < MARGIN_MIN)
                .any(rival)
            {
                self.put(o, n);
            }
        }
    }
}
