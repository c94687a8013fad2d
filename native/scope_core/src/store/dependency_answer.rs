//! Dependencies and cycles as values.

use std::collections::BTreeMap;

use ahash::AHashMap;

use crate::atoms::Atom;
use crate::compiled::Dependency;
use crate::graph::{Cycle, EdgeKind, GraphIndex, Need, cycles};
use crate::source::module_text;
use crate::store::graph_answer::{node_id, record};
use crate::store::repository::Repository;
use crate::store::structs::word;
use crate::value::Value;

/// What the nodes of a dependency graph are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    Modules,
    Files,
}

/// What may lie on a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// Modules, by dependencies at least this strong.
    Modules(Dependency),
    Files(Dependency),
    Functions,
}

/// `%{nodes: [...], edges: [...], meta: %{...}}` of who needs whom, of several kinds the strongest.
pub fn dependency_graph(repository: &Repository, level: Level, external: bool) -> Value {
    repository.graphs(|index| {
        let needs = needs(index, level, external);
        let mut names: Vec<String> = match level {
            Level::Modules => index
                .modules()
                .keys()
                .map(|one| module_text(*one))
                .collect(),
            Level::Files => index.needs().map(|(path, _)| file(index, path)).collect(),
        };
        if level == Level::Files {
            names.extend(
                index
                    .modules()
                    .keys()
                    .filter_map(|one| file_of(index, *one)),
            );
        }
        names.extend(
            needs
                .keys()
                .flat_map(|(from, to)| [from.clone(), to.clone()]),
        );
        names.sort_unstable();
        names.dedup();
        let known: AHashMap<String, Atom> = index
            .modules()
            .keys()
            .map(|one| (module_text(*one), *one))
            .collect();
        let nodes = names.iter().map(|name| {
            let mut fields = vec![("id", Value::text(name)), ("label", Value::text(name))];
            match (level, known.get(name)) {
                (Level::Files, _) => fields.push(("kind", word("file"))),
                (Level::Modules, None) => fields.push(("kind", word("external"))),
                (Level::Modules, Some(module)) => {
                    let info = &index.modules()[module];
                    let kind = match (info.protocol, info.implements) {
                        (true, _) => "protocol",
                        (_, Some(_)) => "implementation",
                        _ => "module",
                    };
                    fields.push(("kind", word(kind)));
                    fields.push(("module", Value::Atom(*module)));
                    let unit = index.unit_of(*module);
                    let place = unit.and_then(|unit| {
                        let number = unit.find_module(*module)?;
                        let line = unit.modules()[number as usize].position.line;
                        Some((unit.module_id(number), unit.file().to_owned(), line))
                    });
                    if let Some((id, file, line)) = place {
                        fields.push(("ast_node_id", Value::text(&id)));
                        fields.push(("file", Value::text(&file)));
                        fields.push(("line", Value::Int(i64::from(line))));
                    }
                }
            }
            record(fields)
        });
        let nodes = Value::List(nodes.collect());
        let edges = needs.iter().map(|((from, to), (kind, line, _))| {
            let line = match *line {
                0 => Value::nil(),
                line => Value::Int(i64::from(line)),
            };
            record(vec![
                ("from", Value::text(from)),
                ("to", Value::text(to)),
                ("kind", word(kind.text())),
                ("line", line),
            ])
        });
        let meta = record(vec![(
            "level",
            word(match level {
                Level::Modules => "modules",
                Level::Files => "files",
            }),
        )]);
        record(vec![
            ("nodes", nodes),
            ("edges", Value::List(edges.collect())),
            ("meta", meta),
        ])
    })
}

type Needs = BTreeMap<(String, String), (Dependency, u32, u64)>;

fn needs(index: &GraphIndex, level: Level, external: bool) -> Needs {
    let mut all = Needs::new();
    for (path, need) in index.needs() {
        if !external && !index.modules().contains_key(&need.to) {
            continue;
        }
        let ends = match level {
            Level::Modules => Some((module_text(need.from), module_text(need.to))),
            Level::Files => file_of(index, need.to).map(|to| (file(index, path), to)),
        };
        let Some(ends) = ends.filter(|(from, to)| from != to) else {
            continue;
        };
        let entry = all.entry(ends).or_insert((need.kind, need.line, 0));
        entry.0 = entry.0.max(need.kind);
        entry.2 += 1;
    }
    all
}

fn file(index: &GraphIndex, path: &str) -> String {
    index.unit(path).map_or(path, |unit| unit.file()).to_owned()
}

fn file_of(index: &GraphIndex, module: Atom) -> Option<String> {
    let home = index.home(module)?;
    Some(file(index, home))
}

/// `[%{members: [...], shortest: [...], cut: {from, to}, kinds: [...]}]`, the largest first.
pub fn cycle_values(repository: &Repository, of: Of) -> Value {
    repository.graphs(|index| {
        let (names, edges, kinds) = match of {
            Of::Functions => by_function(index),
            Of::Modules(least) => by_need(index, Level::Modules, least),
            Of::Files(least) => by_need(index, Level::Files, least),
        };
        let found = cycles(names.len() as u32, &edges);
        let values = found.iter().map(|cycle| cycle_value(cycle, &names, &kinds));
        Value::List(values.collect())
    })
}

type Numbered = (
    Vec<String>,
    Vec<(u32, u32, u64)>,
    AHashMap<(u32, u32), &'static str>,
);

fn by_need(index: &GraphIndex, level: Level, least: Dependency) -> Numbered {
    let needs = needs(index, level, false);
    let mut names: Vec<String> = needs
        .keys()
        .flat_map(|(from, to)| [from.clone(), to.clone()])
        .collect();
    names.sort_unstable();
    names.dedup();
    let number = |name: &String| names.binary_search(name).unwrap_or(0) as u32;
    let strong = needs.iter().filter(|(_, (kind, _, _))| *kind >= least);
    let (mut edges, mut kinds) = (Vec::new(), AHashMap::new());
    for ((from, to), (kind, _, weight)) in strong {
        let pair = (number(from), number(to));
        edges.push((pair.0, pair.1, *weight));
        kinds.insert(pair, kind.text());
    }
    (names, edges, kinds)
}

fn by_function(index: &GraphIndex) -> Numbered {
    let mut edges = Vec::new();
    let mut kinds: AHashMap<(u32, u32), &'static str> = AHashMap::new();
    for (_, edge) in index.edges() {
        if matches!(edge.kind, EdgeKind::Dynamic | EdgeKind::Quoted) {
            continue;
        }
        edges.push((edge.caller.0, edge.callee.0, 1));
        kinds.insert((edge.caller.0, edge.callee.0), edge.kind.text());
    }
    let names = (0..index.functions_len() as u32)
        .map(|number| node_id(&index.key(crate::graph::FunctionIx(number))));
    (names.collect(), edges, kinds)
}

fn cycle_value(
    cycle: &Cycle,
    names: &[String],
    kinds: &AHashMap<(u32, u32), &'static str>,
) -> Value {
    let name = |number: u32| Value::text(&names[number as usize]);
    let list = |numbers: &[u32]| Value::List(numbers.iter().map(|&one| name(one)).collect());
    let pairs = cycle
        .shortest
        .iter()
        .zip(cycle.shortest.iter().cycle().skip(1));
    let kind = |pair: (u32, u32)| kinds.get(&pair).map_or(Value::nil(), |kind| word(kind));
    let edges = pairs.map(|(&from, &to)| {
        record(vec![
            ("from", name(from)),
            ("to", name(to)),
            ("kind", kind((from, to))),
        ])
    });
    record(vec![
        ("members", list(&cycle.members)),
        ("shortest", list(&cycle.shortest)),
        ("edges", Value::List(edges.collect())),
        (
            "cut",
            record(vec![
                ("from", name(cycle.cut.0)),
                ("to", name(cycle.cut.1)),
                ("kind", kind(cycle.cut)),
            ]),
        ),
    ])
}

/// `[module]`: what a module needs, the project's own and others.
pub fn dependencies_of(repository: &Repository, module: Atom) -> Value {
    repository.graphs(|index| {
        let needs: Vec<Need> = index.needs_of(module);
        Value::List(needs.iter().map(|need| Value::Atom(need.to)).collect())
    })
}
