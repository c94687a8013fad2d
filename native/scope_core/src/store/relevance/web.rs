//! Functions and modules of one version, and what ties them: calls, messages, and the module around them.

use std::sync::{Arc, OnceLock};

use ahash::AHashMap;

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::context::words::Words;
use crate::declare::{DocText, doc_text};
use crate::graph::{BODY_NAME, EdgeKind, GraphIndex};
use crate::source::{Unit, function_text, module_text};
use crate::store::findings::findings_by_function;
use crate::store::graph_answer::source_key;
use crate::store::repository::Repository;
use crate::store::state::State;
use crate::value::Value;

use super::interest::Lively;

/// What ties two nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tie {
    Written(EdgeKind),
    /// One sends what the other takes.
    Message {
        certain: bool,
    },
    /// A function of the module.
    Within,
}

impl Tie {
    /// How willingly the walker goes from the caller to the called.
    pub fn weight(self) -> f64 {
        match self {
            Tie::Written(EdgeKind::Capture | EdgeKind::Mfa | EdgeKind::Dispatch) => 0.7,
            Tie::Written(EdgeKind::Macro | EdgeKind::Generated | EdgeKind::Quoted) => 0.4,
            Tie::Written(_) => 1.0,
            Tie::Message { certain: true } => 1.0,
            Tie::Message { certain: false } => 0.6,
            Tie::Within => 0.1,
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Tie::Written(kind) => kind.text(),
            Tie::Message { .. } => "message",
            Tie::Within => "within",
        }
    }
}

/// A finding that is less sure than this draws nobody.
const SURE: f64 = 0.8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    Module(u32),
    Function(u32),
}

pub struct Node {
    /// Of a module its body.
    pub key: FunctionKey,
    pub unit: Arc<Unit>,
    pub of: Of,
}

/// How the present version of a function differs from the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    pub added: bool,
    /// Nanoseconds since 1970.
    pub at_ns: u64,
}

/// Edges by one of their ends.
#[derive(Default)]
pub struct Links {
    starts: Vec<u32>,
    ends: Vec<(u32, Tie)>,
}

impl Links {
    fn new(nodes: usize, mut pairs: Vec<(u32, u32, Tie)>) -> Links {
        pairs.sort_by(|a, b| {
            (a.0, a.1)
                .cmp(&(b.0, b.1))
                .then(b.2.weight().total_cmp(&a.2.weight()))
        });
        pairs.dedup_by_key(|(from, to, _)| (*from, *to));
        let mut starts = vec![0u32; nodes + 1];
        for (from, _, _) in &pairs {
            starts[*from as usize + 1] += 1;
        }
        for at in 0..nodes {
            starts[at + 1] += starts[at];
        }
        Links {
            starts,
            ends: pairs.into_iter().map(|(_, to, tie)| (to, tie)).collect(),
        }
    }

    pub fn of(&self, node: u32) -> &[(u32, Tie)] {
        let at = node as usize;
        &self.ends[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    pub fn count(&self) -> usize {
        self.ends.len()
    }
}

/// All that the source says.
pub struct Web {
    pub version: (u64, u64),
    pub nodes: Vec<Node>,
    pub by_key: AHashMap<FunctionKey, u32>,
    pub by_module: AHashMap<Atom, u32>,
    /// The whole path of each unit's file, by its address.
    pub paths: AHashMap<usize, Arc<str>>,
    pub out: Links,
    pub into: Links,
    pub changed: AHashMap<u32, Change>,
    /// Send what nobody takes.
    pub unheard: Vec<u32>,
    /// Have a finding that is rather sure.
    pub doubtful: Vec<u32>,
    /// What `FunctionData.code_smells` has, of functions that have some.
    pub findings: AHashMap<u32, Value>,
    /// What ran, by the number of events that it was made of.
    lively: parking_lot::Mutex<Option<(u64, Arc<Lively>)>>,
    words: OnceLock<Words>,
}

pub type Kept = parking_lot::Mutex<Option<Arc<Web>>>;

pub fn body_key(module: Atom) -> FunctionKey {
    FunctionKey {
        module,
        name: crate::atoms::intern(BODY_NAME),
        arity: 0,
    }
}

impl Repository {
    /// What the source says of this version, made once for each.
    pub(super) fn web(&self) -> Arc<Web> {
        let state = self.state();
        let version = self.graphs_version(&state);
        let known = self.shared.web.lock().clone();
        if let Some(web) = known.filter(|web| web.version == version) {
            return web;
        }
        // Made without the lock: two readers may both make it, none waits for the other.
        let web = Arc::new(Web::new(self, &state, version));
        let mut kept = self.shared.web.lock();
        if kept.as_ref().is_none_or(|kept| kept.version < version) {
            *kept = Some(web.clone());
        }
        web
    }
}

impl Web {
    fn new(repository: &Repository, state: &State, version: (u64, u64)) -> Web {
        let mut web = Web {
            version,
            nodes: Vec::new(),
            by_key: AHashMap::new(),
            by_module: AHashMap::new(),
            paths: AHashMap::new(),
            out: Links::default(),
            into: Links::default(),
            changed: AHashMap::new(),
            unheard: Vec::new(),
            doubtful: Vec::new(),
            findings: AHashMap::new(),
            lively: parking_lot::Mutex::default(),
            words: OnceLock::new(),
        };
        for (path, file) in &state.files {
            web.paths
                .insert(Arc::as_ptr(&file.unit) as usize, path.clone());
        }
        let mut pairs = Vec::new();
        for unit in state.units().iter() {
            web.add_unit(unit, &mut pairs);
        }
        let processes = repository.processes();
        repository.graphs(|index| web.add_calls(index, &mut pairs));
        for (from, to, certain) in processes.pairs() {
            if let (Some(from), Some(to)) = (web.number(&from), web.number(&to))
                && from != to
            {
                pairs.push((from, to, Tie::Message { certain }));
            }
        }
        web.unheard = processes
            .unhandled()
            .iter()
            .filter_map(|key| web.number(key))
            .collect();
        let turned = pairs.iter().map(|(from, to, tie)| (*to, *from, *tie));
        web.into = Links::new(web.nodes.len(), turned.collect());
        web.out = Links::new(web.nodes.len(), pairs);
        web.add_changes(state);
        web.add_findings(state);
        web
    }

    fn add_findings(&mut self, state: &State) {
        for unit in state.units().iter() {
            for (function, sure, value) in findings_by_function(unit) {
                let written = &unit.functions()[function as usize];
                let key = FunctionKey {
                    module: unit.modules()[written.module as usize].name,
                    name: written.name,
                    arity: written.arity,
                };
                let Some(number) = self.number(&key) else {
                    continue;
                };
                if sure >= SURE {
                    self.doubtful.push(number);
                }
                self.findings.insert(number, value);
            }
        }
    }

    /// What ran so far; kept until something happens.
    pub fn lively(&self, repository: &Repository) -> (u64, Arc<Lively>) {
        let events = repository.runtime().events_so_far();
        let known = self.lively.lock().clone();
        if let Some(known) = known.filter(|known| known.0 == events) {
            return known;
        }
        let warm = repository.runtime().warm();
        let made = (warm.events, Arc::new(Lively::new(repository, self, warm)));
        *self.lively.lock() = Some(made.clone());
        made
    }

    pub fn number(&self, key: &FunctionKey) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// The number of a function as the runtime names it: defaults, macros and anonymous functions are those around them.
    pub fn number_of_running(&self, key: &FunctionKey) -> Option<u32> {
        self.number(key).or_else(|| self.number(&source_key(key)))
    }

    fn add_unit(&mut self, unit: &Arc<Unit>, pairs: &mut Vec<(u32, u32, Tie)>) {
        for (number, module) in unit.modules().iter().enumerate() {
            if module.dynamic || self.by_module.contains_key(&module.name) {
                continue;
            }
            let around = self.nodes.len() as u32;
            self.by_module.insert(module.name, around);
            let key = body_key(module.name);
            self.by_key.insert(key, around);
            self.nodes.push(Node {
                key,
                unit: unit.clone(),
                of: Of::Module(number as u32),
            });
            for function in module.functions.clone() {
                let written = &unit.functions()[function as usize];
                if written.dynamic {
                    continue;
                }
                let number = self.nodes.len() as u32;
                let key = FunctionKey {
                    module: module.name,
                    name: written.name,
                    arity: written.arity,
                };
                self.nodes.push(Node {
                    key,
                    unit: unit.clone(),
                    of: Of::Function(function),
                });
                pairs.push((around, number, Tie::Within));
                let least = written.arity.saturating_sub(written.defaults);
                for arity in (least..=written.arity).rev() {
                    self.by_key
                        .entry(FunctionKey { arity, ..key })
                        .or_insert(number);
                }
            }
        }
    }

    fn add_calls(&self, index: &GraphIndex, pairs: &mut Vec<(u32, u32, Tie)>) {
        let mut dispatching: AHashMap<FunctionKey, Vec<u32>> = AHashMap::new();
        for (_, edge) in index.edges() {
            if edge.kind == EdgeKind::Dynamic {
                continue;
            }
            let (from, to) = (index.key(edge.caller), index.key(edge.callee));
            let Some(from) = self.number(&from) else {
                continue;
            };
            if let Some(number) = self.number(&to)
                && number != from
            {
                pairs.push((from, number, Tie::Written(edge.kind)));
            }
            let implementations = dispatching.entry(to).or_insert_with(|| {
                let all = index.dispatch(&to).into_iter();
                all.filter_map(|key| self.number(&key)).collect()
            });
            for number in implementations.iter().filter(|number| **number != from) {
                pairs.push((from, *number, Tie::Written(EdgeKind::Dispatch)));
            }
        }
    }

    /// Compares each function with what the version before had under its name.
    fn add_changes(&mut self, state: &State) {
        if state.history.is_empty() {
            return;
        }
        for (module, around) in &self.by_module {
            let Some(before) = state.history.of_anchor(&module_text(*module)).next() else {
                continue;
            };
            let unit = &self.nodes[*around as usize].unit;
            if Arc::ptr_eq(&before.unit, unit) {
                continue;
            }
            let at_ns = before.until_ns;
            for (to, _) in self
                .out
                .of(*around)
                .iter()
                .filter(|(_, tie)| *tie == Tie::Within)
            {
                let node = &self.nodes[*to as usize];
                let Of::Function(function) = node.of else {
                    continue;
                };
                let key = node.key;
                let then = before.unit.find_function(key.module, key.name, key.arity);
                let change = match then {
                    None => Some(Change { added: true, at_ns }),
                    Some(then) if code(&before.unit, then) != code(unit, function) => {
                        Some(Change {
                            added: false,
                            at_ns,
                        })
                    }
                    Some(_) => None,
                };
                if let Some(change) = change {
                    self.changed.insert(*to, change);
                }
            }
        }
    }

    /// Names and documentation, made when words are first asked for.
    pub fn words(&self) -> &Words {
        self.words.get_or_init(|| {
            let mut words = Words::default();
            for (number, node) in self.nodes.iter().enumerate() {
                let number = number as u32;
                words.add(number, &module_text(node.key.module), 1.0);
                if let Of::Function(_) = node.of {
                    words.add(number, &function_text(node.key.name), 3.0);
                }
                if let Some(text) = self.documentation(node) {
                    words.add(number, &text, 1.0);
                }
            }
            words
        })
    }

    pub fn documentation(&self, node: &Node) -> Option<String> {
        let unit = &node.unit;
        let declared = unit.declared();
        let doc = match node.of {
            Of::Module(module) => &declared.module(module)?.moduledoc,
            Of::Function(function) => {
                let module = unit.functions()[function as usize].module;
                let first = unit.modules()[module as usize].functions.start;
                let facts = declared.module(module)?;
                &facts.functions.get((function - first) as usize)?.doc
            }
        };
        match doc.text {
            DocText::Text(node) => doc_text(unit.ast(), node),
            _ => None,
        }
    }

    pub fn path(&self, unit: &Arc<Unit>) -> Option<&Arc<str>> {
        self.paths.get(&(Arc::as_ptr(unit) as usize))
    }
}

/// What a function's clauses are, without where they stand.
fn code(unit: &Unit, function: u32) -> Vec<u64> {
    let clauses = unit.clauses_of_function(function).iter();
    clauses.map(|clause| unit.ast().hash(clause.node)).collect()
}
