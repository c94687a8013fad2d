//! Data flow between functions: what arguments become, and where what is returned goes, over all files.
//!
//! Each function has a node for each argument and one for what it gives. Edges come from the functions' own summaries,
//! joined over the calls that the source resolves. The join knows no call stack: two callers of a function share its nodes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::source::{ModuleRef, Unit};
use crate::store::repository::Repository;
use crate::store::structs::word;
use crate::value::Value;

use super::graph_answer::record;

/// A function: a unit of the repository, and a number of its functions.
type Key = (u32, u32);

struct Join {
    units: Arc<[Arc<Unit>]>,
    /// The first definition of each module.
    modules: HashMap<Atom, u32, ahash::RandomState>,
    /// Bits of the arguments that each function gives back, through calls too; the 64th stands for all from there on.
    through: HashMap<Key, u64, ahash::RandomState>,
}

fn bit(position: u16) -> u64 {
    1 << position.min(63)
}

impl Join {
    fn of(repository: &Repository) -> Join {
        let units = repository.units();
        let mut modules = HashMap::default();
        for (unit, number) in units.iter().zip(0u32..) {
            for module in unit.modules().iter().filter(|one| !one.dynamic) {
                modules.entry(module.name).or_insert(number);
            }
        }
        Join {
            units,
            modules,
            through: HashMap::default(),
        }
    }

    fn keys(&self) -> Vec<Key> {
        let units = self.units.iter().zip(0u32..);
        units
            .flat_map(|(unit, at)| (0..unit.functions().len() as u32).map(move |one| (at, one)))
            .collect()
    }

    fn unit(&self, key: Key) -> &Arc<Unit> {
        &self.units[key.0 as usize]
    }

    /// The function of the project that a call calls.
    fn called(&self, unit: u32, node: NodeIx) -> Option<Key> {
        let own = &self.units[unit as usize];
        let site = own.callee(node)?;
        let (name, arity) = (site.callee.name, site.callee.arity);
        let find = |module: Atom, at: u32| {
            let found = self.units[at as usize].find_function(module, name, arity)?;
            Some((at, found))
        };
        let local = || {
            let module = &own.modules()[site.module? as usize];
            find(module.name, unit)
        };
        match site.callee.module {
            _ if site.dynamic_name || site.quoted => None,
            ModuleRef::Known(module) => find(module, *self.modules.get(&module)?),
            ModuleRef::Local => local(),
            ModuleRef::Imported(candidates) => candidates
                .iter()
                .find_map(|&module| find(module, *self.modules.get(&module)?))
                .or_else(local),
            ModuleRef::Dynamic => None,
        }
    }

    /// Which arguments come back, until nothing is added: a least fixed point, as bits are only ever added.
    fn close(&mut self) {
        let keys = self.keys();
        let mut callers: HashMap<Key, Vec<Key>, ahash::RandomState> = HashMap::default();
        for &key in &keys {
            let summary = self.unit(key).summaries().of(key.1);
            let calls = summary.passed.iter().map(|&(_, call, _)| call);
            let calls = calls.chain(summary.chained.iter().map(|&(_, other, _)| other));
            let mut called: Vec<Key> = calls.filter_map(|call| self.called(key.0, call)).collect();
            called.sort_unstable();
            called.dedup();
            for one in called {
                callers.entry(one).or_default().push(key);
            }
        }
        let mut open = keys;
        while let Some(key) = open.pop() {
            let found = self.given_back(key);
            let known = self.through.entry(key).or_insert(0);
            if found & !*known != 0 {
                *known |= found;
                open.extend(callers.get(&key).into_iter().flatten());
            }
        }
    }

    fn given_back(&self, key: Key) -> u64 {
        let summary = self.unit(key).summaries().of(key.1);
        let mut found = summary.returned.iter().fold(0, |bits, &at| bits | bit(at));
        let passes = |call: NodeIx, at: u16| {
            let callee = self.called(key.0, call);
            callee.is_some_and(|callee| {
                self.through
                    .get(&callee)
                    .is_some_and(|bits| bits & bit(at) != 0)
            })
        };
        let mut positions: Vec<u16> = summary.passed.iter().map(|&(at, _, _)| at).collect();
        positions.dedup();
        for position in positions {
            let own = summary.passed.iter().filter(|&&(at, _, _)| at == position);
            let mut results: Vec<NodeIx> = own
                .filter(|&&(_, call, at)| passes(call, at))
                .map(|&(_, call, _)| call)
                .collect();
            let mut at = 0;
            while let Some(&call) = results.get(at) {
                if summary.returned_calls.contains(&call) {
                    found |= bit(position);
                    break;
                }
                for &(_, other, to) in summary.chained.iter().filter(|&&(from, _, _)| from == call)
                {
                    if passes(other, to) && !results.contains(&other) {
                        results.push(other);
                    }
                }
                at += 1;
            }
        }
        found
    }
}

/// `%{nodes:, edges:, meta:}`: the data flow between the functions of a repository.
pub fn data_flow_between(repository: &Repository) -> Value {
    let mut join = Join::of(repository);
    join.close();
    let (mut nodes, mut edges) = (Vec::new(), Vec::new());
    let keys = join.keys();
    for &key in &keys {
        let unit = join.unit(key);
        let definition = &unit.functions()[key.1 as usize];
        let id = unit.function_id(key.1);
        let node = |place: &str, kind: &str, more: Option<(&'static str, Value)>| {
            let mut fields = vec![
                ("id", Value::text(&format!("{id} {place}"))),
                ("label", Value::text(&format!("{id} {place}"))),
                ("kind", word(kind)),
                ("ast_node_id", Value::text(&id)),
                ("file", Value::text(unit.file())),
                ("line", Value::Int(i64::from(definition.position.line))),
                ("group", Value::text(&id)),
            ];
            fields.extend(more);
            record(fields)
        };
        let through = join.through.get(&key).copied().unwrap_or(0);
        let summary = unit.summaries().of(key.1);
        for position in 0..definition.arity as u16 {
            let place = format!("argument {position}");
            let back = through & bit(position) != 0;
            nodes.push(node(
                &place,
                "argument",
                Some(("returned", Value::bool(back))),
            ));
            if summary.returned.contains(&position) {
                let from = format!("{id} {place}");
                edges.push(flow(from, format!("{id} return"), "returned", None));
            }
        }
        nodes.push(node("return", "return", None));
        let callee = |call: NodeIx| {
            let called = join.called(key.0, call)?;
            Some(join.unit(called).function_id(called.1))
        };
        let site = |call: NodeIx| Some(unit.node_id(call));
        for &(position, call, at) in &summary.passed {
            if let Some(to) = callee(call) {
                let (from, to) = (
                    format!("{id} argument {position}"),
                    format!("{to} argument {at}"),
                );
                edges.push(flow(from, to, "passed", site(call)));
            }
        }
        for &call in &summary.returned_calls {
            if let Some(from) = callee(call) {
                let (from, to) = (format!("{from} return"), format!("{id} return"));
                edges.push(flow(from, to, "handed_on", site(call)));
            }
        }
        for &(call, other, at) in &summary.chained {
            if let (Some(from), Some(to)) = (callee(call), callee(other)) {
                let (from, to) = (format!("{from} return"), format!("{to} argument {at}"));
                edges.push(flow(from, to, "chained", site(other)));
            }
        }
    }
    let functions = Value::count(keys.len() as u64);
    record(vec![
        ("nodes", Value::List(nodes)),
        ("edges", Value::List(edges)),
        ("meta", record(vec![("functions", functions)])),
    ])
}

fn flow(from: String, to: String, kind: &str, site: Option<String>) -> Value {
    let mut fields = vec![
        ("from", Value::text(&from)),
        ("to", Value::text(&to)),
        ("kind", word(kind)),
    ];
    fields.extend(site.map(|site| ("ast_node_id", Value::text(&site))));
    record(fields)
}
