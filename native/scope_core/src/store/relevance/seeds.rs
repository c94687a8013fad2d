//! From what is asked for to the nodes where the walk begins.

use ahash::AHashMap;

use crate::ast::{Kind, NodeIx};
use crate::atoms::{Atom, intern};
use crate::capture::points::FunctionKey;
use crate::source::Unit;
use crate::store::repository::Repository;
use crate::value::Value;

use super::web::{Of, Web, body_key};

/// Functions that a question of words begins at.
const WORDS_HITS: usize = 8;

pub enum Seed {
    Function(FunctionKey),
    /// Whatever an id names, in this version or an older one.
    Node(String),
    Module(Atom),
    /// What the code of some lines of a file calls, by the file's whole path or its end.
    Lines(String, u32),
    /// A test by its module and name, as text.
    Test(String, String),
    Words(String),
}

/// Nodes with their weights, by node; and which seeds meant nothing.
pub fn resolve(
    repository: &Repository,
    web: &Web,
    seeds: &[(Seed, f64)],
) -> (Vec<(u32, f64)>, Vec<usize>) {
    let mut start: AHashMap<u32, f64> = AHashMap::new();
    let mut unknown = Vec::new();
    for (at, (seed, weight)) in seeds.iter().enumerate() {
        let found = match seed {
            Seed::Function(key) => web
                .number_of_running(key)
                .or_else(|| web.number_of_running(&repository.present_name(key)?))
                .map_or_else(Vec::new, |node| vec![(node, 1.0)]),
            Seed::Node(id) => of_node(repository, web, id),
            Seed::Module(module) => of_module(web, *module),
            Seed::Lines(file, line) => of_lines(repository, web, file, *line),
            Seed::Test(module, name) => of_test(repository, web, module, name),
            Seed::Words(text) => web.words().search(text, WORDS_HITS),
        };
        let whole: f64 = found.iter().map(|(_, weight)| weight).sum();
        if whole <= 0.0 {
            unknown.push(at);
        }
        for (node, own) in found {
            *start.entry(node).or_default() += weight * own / whole;
        }
    }
    let mut start: Vec<(u32, f64)> = start.into_iter().collect();
    start.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    (start, unknown)
}

/// The function that a node is in; of a module the module, of a file its modules.
fn of_node(repository: &Repository, web: &Web, id: &str) -> Vec<(u32, f64)> {
    let Ok(located) = repository.locate(id) else {
        return Vec::new();
    };
    let unit = &located.unit;
    if let Some(function) = located.function() {
        let written = &unit.functions()[function as usize];
        let key = FunctionKey {
            module: unit.modules()[written.module as usize].name,
            name: written.name,
            arity: written.arity,
        };
        return web
            .number(&key)
            .map_or_else(Vec::new, |node| vec![(node, 1.0)]);
    }
    match located.module() {
        Some(module) => of_module(web, unit.modules()[module as usize].name),
        None => {
            let modules = unit.modules().iter().filter(|one| !one.dynamic);
            modules
                .flat_map(|module| of_module(web, module.name))
                .collect()
        }
    }
}

/// The module, and each of its functions for an equal part.
fn of_module(web: &Web, module: Atom) -> Vec<(u32, f64)> {
    let Some(around) = web.by_module.get(&module) else {
        return Vec::new();
    };
    let own = web.nodes.iter().zip(0u32..).filter(|(node, number)| {
        node.key.module == module && number != around && matches!(node.of, Of::Function(_))
    });
    let own: Vec<u32> = own.map(|(_, number)| number).collect();
    let part = 0.7 / own.len().max(1) as f64;
    let mut found = vec![(*around, 0.3)];
    found.extend(own.into_iter().map(|number| (number, part)));
    found
}

/// The function around a line; or, where the line stands in a module's body, what the block around it calls.
fn of_lines(repository: &Repository, web: &Web, file: &str, line: u32) -> Vec<(u32, f64)> {
    let Some(unit) = repository.unit_of_file(file) else {
        return Vec::new();
    };
    let clause = unit
        .clauses()
        .iter()
        .filter(|one| one.position.line <= line && line <= one.end_line);
    if let Some(clause) = clause.max_by_key(|one| one.position.line) {
        let function = &unit.functions()[clause.function as usize];
        let key = FunctionKey {
            module: unit.modules()[function.module as usize].name,
            name: function.name,
            arity: function.arity,
        };
        return web
            .number(&key)
            .map_or_else(Vec::new, |node| vec![(node, 1.0)]);
    }
    match block_around(&unit, line) {
        // What the line itself calls is what it is about; the rest of the block leads there.
        Some((from, to)) => {
            let mut found = called_between(repository, web, &unit, from, to);
            let own = called_between(repository, web, &unit, line, line).into_iter();
            found.extend(own.map(|(node, weight)| (node, OF_THE_LINE * weight)));
            found
        }
        None => Vec::new(),
    }
}

/// Against what is called in the block around it.
const OF_THE_LINE: f64 = 3.0;

const BLOCKS: [&str; 5] = ["test", "property", "setup", "setup_all", "describe"];

/// The smallest block of a test around a line: its first line and its last.
fn block_around(unit: &Unit, line: u32) -> Option<(u32, u32)> {
    blocks(unit)
        .map(|(_, from, to)| (from, to))
        .filter(|(from, to)| *from <= line && line <= *to)
        .min_by_key(|(from, to)| to - from)
}

fn blocks(unit: &Unit) -> impl Iterator<Item = (NodeIx, u32, u32)> + '_ {
    let ast = unit.ast();
    let end = intern("end");
    (0..ast.len() as u32).filter_map(move |number| {
        let node = NodeIx(number);
        let name = ast.atom_of(node, Kind::Call)?;
        if !BLOCKS.contains(&name.text()) {
            return None;
        }
        let from = ast.line(node)?;
        let to = ast.meta_position(node, end)?.0;
        Some((node, from, to))
    })
}

fn called_between(
    repository: &Repository,
    web: &Web,
    unit: &std::sync::Arc<Unit>,
    from: u32,
    to: u32,
) -> Vec<(u32, f64)> {
    let Some(path) = web.path(unit) else {
        return Vec::new();
    };
    let bodies: Vec<FunctionKey> = unit
        .modules()
        .iter()
        .map(|one| body_key(one.name))
        .collect();
    repository.graphs(|index| {
        let mut found: Vec<(u32, f64)> = Vec::new();
        for edge in index.edges_of_file(path) {
            let outside = edge.line < from || edge.line > to;
            if outside || !bodies.contains(&index.key(edge.caller)) {
                continue;
            }
            if let Some(node) = web.number(&index.key(edge.callee)) {
                found.push((node, 1.0));
            }
        }
        found
    })
}

/// What a test was recorded to reach, and what it calls.
fn of_test(repository: &Repository, web: &Web, module: &str, name: &str) -> Vec<(u32, f64)> {
    let (cases, module_of, name_of) = (intern("test_cases"), intern("module"), intern("name"));
    let module = module.strip_prefix("Elixir.").unwrap_or(module);
    let is = |case: &Value, key: Atom, text: &str| {
        let found = case.get(key).and_then(Value::as_text);
        found.is_some_and(|found| found == text.as_bytes())
    };
    let mut found = Vec::new();
    for record in repository.stored_functions() {
        let Some(Value::List(all)) = record.fields.get(cases) else {
            continue;
        };
        let reached = all
            .iter()
            .any(|case| is(case, module_of, module) && is(case, name_of, name));
        if reached && let Some(node) = web.number_of_running(&record.key) {
            found.push((node, 0.5));
        }
    }
    let body = crate::atoms::existing(&format!("Elixir.{module}"));
    if let Some(around) = body.and_then(|module| web.by_module.get(&module)) {
        let unit = &web.nodes[*around as usize].unit;
        let ast = unit.ast();
        let named = |node: NodeIx| {
            let text = ast.child(node, 0).and_then(|first| ast.binary(first));
            text.is_some_and(|text| !text.is_empty() && name.as_bytes().ends_with(text))
        };
        for (_, from, to) in blocks(unit).filter(|(node, _, _)| named(*node)) {
            found.extend(called_between(repository, web, unit, from, to));
        }
    }
    found
}
