//! Rendering and finding ids.

use std::collections::HashMap;
use std::fmt::Write;

use xxhash_rust::xxh3::xxh3_64;

use crate::ast::NodeIx;

use super::id::NodeId;
use super::names::{function_text, module_text};
use super::scope::Owner;
use super::unit::{Anchor, Unit};

/// What an id names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// The file itself: its outermost expression.
    File,
    /// An index into `Unit::modules`.
    Module(u32),
    /// An index into `Unit::functions`.
    Function(u32),
    /// An index into `Unit::clauses`.
    Clause(u32),
    /// Any other node.
    Node(NodeIx),
}

impl Unit {
    /// The id of a node. Every node has exactly one, and no other node of the unit has it.
    ///
    /// Panics when the unit has no such node.
    pub fn node_id(&self, ix: NodeIx) -> String {
        let number = self.scopes.around(ix.0);
        let scope = self.scopes.get(number);
        let mut id = String::new();
        self.write_scope(scope.owner, &mut id);
        if scope.owner == Owner::File || scope.start != ix.0 {
            let low = self.ast.hashes_low();
            let hash = low[ix.0 as usize];
            let runs = self.scopes.runs(number).take_while(|run| run.start <= ix.0);
            let equal = |run: std::ops::Range<u32>| {
                let run = run.start as usize..run.end.min(ix.0 + 1) as usize;
                low[run].iter().filter(|&&other| other == hash).count()
            };
            write_node(hash, runs.map(equal).sum::<usize>() as u32, &mut id);
        }
        id
    }

    /// The id of the file itself.
    pub fn file_id(&self) -> String {
        file_anchor(&self.file)
    }

    /// The id of a module, as `My.Mod`.
    pub fn module_id(&self, module: u32) -> String {
        self.anchor_text(Anchor::Module(module))
    }

    /// The id of a function, as `My.Mod.total/2`.
    pub fn function_id(&self, function: u32) -> String {
        self.anchor_text(Anchor::Function(function))
    }

    /// The id of a clause, as `My.Mod.total/2#c41f0a`.
    pub fn clause_id(&self, clause: u32) -> String {
        let mut id = String::new();
        self.write_scope(Owner::Clause(clause), &mut id);
        id
    }

    /// Calls `visit` with every node and its id, in preorder of each scope.
    pub fn each_id(&self, mut visit: impl FnMut(NodeIx, &str)) {
        let low = self.ast.hashes_low();
        let mut id = String::new();
        let mut seen: HashMap<u32, u32, ahash::RandomState> = HashMap::default();
        for number in 0..self.scopes.len() {
            let scope = self.scopes.get(number);
            id.clear();
            seen.clear();
            self.write_scope(scope.owner, &mut id);
            if scope.owner != Owner::File {
                visit(NodeIx(scope.start), &id);
            }
            let anchor = id.len();
            for at in self.scopes.runs(number).flatten() {
                let hash = low[at as usize];
                let occurrence = seen.entry(hash).or_insert(0);
                *occurrence += 1;
                id.truncate(anchor);
                write_node(hash, *occurrence, &mut id);
                visit(NodeIx(at), &id);
            }
        }
    }

    /// The node that an id names; of a function its first clause, of a file its outermost expression.
    pub fn find(&self, id: &NodeId) -> Option<NodeIx> {
        Some(match self.resolve(id)? {
            Found::File => self.ast.root(),
            Found::Module(module) => self.modules[module as usize].node,
            Found::Function(function) => self.clauses_of_function(function).first()?.node,
            Found::Clause(clause) => self.clauses[clause as usize].node,
            Found::Node(ix) => ix,
        })
    }

    /// What an id names.
    pub fn resolve(&self, id: &NodeId) -> Option<Found> {
        let anchor = match self.find_anchor(id.anchor()) {
            Some(Anchor::Module(module)) => Found::Module(module),
            Some(Anchor::Function(function)) => Found::Function(function),
            None if file_anchor(&self.file) == id.anchor() => Found::File,
            None => return None,
        };
        let anchor = match (anchor, id.clause()) {
            (anchor, None) => anchor,
            (Found::Function(function), Some((hash, occurrence))) => {
                let clauses = self.functions[function as usize].clauses.clone();
                let mut clauses = clauses.filter(|&clause| {
                    let clause = &self.clauses[clause as usize];
                    clause.hash == hash && clause.occurrence == occurrence
                });
                Found::Clause(clauses.next()?)
            }
            _ => return None,
        };
        let Some((hash, occurrence)) = id.node() else {
            return Some(anchor);
        };
        let number = match anchor {
            Found::File => 0,
            Found::Module(module) => self.scopes.around(self.modules[module as usize].node.0),
            Found::Clause(clause) => self.scopes.around(self.clauses[clause as usize].node.0),
            _ => return None,
        };
        self.nth_in_scope(number, hash, occurrence).map(Found::Node)
    }

    fn nth_in_scope(&self, number: usize, hash: u32, occurrence: u32) -> Option<NodeIx> {
        // Counting over a chunk is many times faster than looking at each entry for the last one.
        const CHUNK: usize = 256;
        let low = self.ast.hashes_low();
        let mut left = occurrence as usize;
        for run in self.scopes.runs(number) {
            let mut at = run.start as usize;
            for chunk in low[at..run.end as usize].chunks(CHUNK) {
                let equal = chunk.iter().filter(|&&other| other == hash).count();
                if equal < left {
                    left -= equal;
                    at += chunk.len();
                    continue;
                }
                let mut found = (at..).zip(chunk).filter(|&(_, &other)| other == hash);
                return found
                    .nth(left.checked_sub(1)?)
                    .map(|(at, _)| NodeIx(at as u32));
            }
        }
        None
    }

    fn find_anchor(&self, text: &str) -> Option<Anchor> {
        let hash = xxh3_64(text.as_bytes());
        let first = self.anchors.partition_point(|&(other, _)| other < hash);
        let equal = self.anchors[first..]
            .iter()
            .take_while(|&&(other, _)| other == hash);
        let mut equal = equal.map(|&(_, anchor)| anchor);
        equal.find(|&anchor| self.anchor_text(anchor) == text)
    }

    fn anchor_text(&self, anchor: Anchor) -> String {
        let mut text = String::new();
        self.write_anchor(anchor, &mut text);
        text
    }

    pub(super) fn write_anchor(&self, anchor: Anchor, out: &mut String) {
        match anchor {
            Anchor::Module(module) => self.write_module(module, out),
            Anchor::Function(function) => {
                let function = &self.functions[function as usize];
                self.write_module(function.module, out);
                out.push('.');
                if function.dynamic {
                    out.push_str(function.name.text());
                } else {
                    out.push_str(&function_text(function.name));
                }
                let _ = write!(out, "/{}", function.arity);
            }
        }
    }

    fn write_module(&self, module: u32, out: &mut String) {
        let module = &self.modules[module as usize];
        if module.dynamic {
            out.push_str(module.name.text());
        } else {
            out.push_str(&module_text(module.name));
        }
        let _ = match (module.qualifier, module.occurrence) {
            (None, 1) => Ok(()),
            (None, occurrence) => write!(out, "~{occurrence}"),
            (Some(hash), 1) => write!(out, "~{hash:06x}"),
            (Some(hash), occurrence) => write!(out, "~{hash:06x}.{occurrence}"),
        };
    }

    fn write_scope(&self, owner: Owner, out: &mut String) {
        match owner {
            Owner::File => out.push_str(&file_anchor(&self.file)),
            Owner::Module(module) => self.write_module(module, out),
            Owner::Clause(clause) => {
                let clause = &self.clauses[clause as usize];
                self.write_anchor(Anchor::Function(clause.function), out);
                let _ = write!(out, "#{:06x}", clause.hash);
                if clause.occurrence > 1 {
                    let _ = write!(out, ".{}", clause.occurrence);
                }
            }
        }
    }
}

fn write_node(hash: u32, occurrence: u32, out: &mut String) {
    let _ = write!(out, ":{hash:08x}.{occurrence}");
}

/// A path with what ids give a meaning written as `%23` and so on.
fn file_anchor(file: &str) -> String {
    if !file.contains(['%', '#', ':']) {
        return file.to_string();
    }
    file.replace('%', "%25")
        .replace('#', "%23")
        .replace(':', "%3A")
}
