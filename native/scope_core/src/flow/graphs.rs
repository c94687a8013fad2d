//! Control flow as nodes and edges of an answer.

use crate::ast::{Kind, NodeIx};
use crate::source::Unit;
use crate::value::Value;

use super::cfg::{Block, BlockKind, Cfg, Edge, EdgeKind};
use super::report::{position, record, word};

/// Names of a block's nodes in its label; the rest is a count.
const NAMES_MAX: usize = 6;

/// `%{nodes:, edges:, meta:}` of a function's control flow graph, a number of `Unit::functions`.
pub fn control_flow(unit: &Unit, function: u32) -> Value {
    let cfg = Cfg::of_function(unit, function);
    let nodes = cfg.blocks.iter().zip(0i64..);
    let nodes = nodes.map(|(block, number)| block_node(unit, function, &cfg, block, number));
    let edges = cfg.edges.iter().map(edge_value);
    let unreachable = cfg
        .blocks
        .iter()
        .filter(|block| !block.reachable && has_code(block));
    let metrics = &unit.functions()[function as usize].metrics;
    record([
        ("nodes", Value::List(nodes.collect())),
        ("edges", Value::List(edges.collect())),
        (
            "meta",
            record([
                ("function", Value::text(&unit.function_id(function))),
                ("graphs", Value::count(cfg.graphs.len() as u64)),
                ("cyclomatic_complexity", count(cfg.mccabe())),
                ("as_metrics_count", count(cfg.mccabe_of_metrics())),
                (
                    "metrics_cyclomatic_complexity",
                    count(metrics.cyclomatic_complexity),
                ),
                (
                    "unreachable_blocks",
                    Value::count(unreachable.count() as u64),
                ),
                ("bytes", Value::count(cfg.memory_bytes() as u64)),
            ]),
        ),
    ])
}

fn has_code(block: &Block) -> bool {
    block.first < block.end || block.kind == BlockKind::Clause
}

fn block_node(unit: &Unit, function: u32, cfg: &Cfg, block: &Block, number: i64) -> Value {
    let own = &cfg.nodes[block.first as usize..block.end as usize];
    let (line, column) = match own.first() {
        Some(&first) => position(unit, first),
        None => position(unit, block.node),
    };
    let graph = &cfg.graphs[block.graph as usize];
    let group = match block.graph {
        0 => unit.function_id(function),
        _ => match unit.ast().line(graph.node) {
            Some(line) => format!("{} fn, line {line}", unit.function_id(function)),
            None => format!("{} fn {}", unit.function_id(function), block.graph),
        },
    };
    let nodes = own.iter().map(|&node| {
        let (line, column) = position(unit, node);
        record([
            ("ast_node_id", Value::text(&unit.node_id(node))),
            ("name", Value::text(&name(unit, node))),
            ("line", line),
            ("column", column),
        ])
    });
    record([
        ("id", Value::Int(number)),
        ("label", Value::text(&label(unit, block, own))),
        ("kind", word(block.kind.text())),
        ("ast_node_id", Value::text(&unit.node_id(block.node))),
        ("line", line),
        ("column", column),
        ("group", Value::text(&group)),
        ("nodes", Value::List(nodes.collect())),
        ("reachable", Value::bool(block.reachable)),
        ("may_raise", Value::bool(block.may_raise)),
    ])
}

fn label(unit: &Unit, block: &Block, own: &[NodeIx]) -> String {
    let mut text = block.kind.text().to_string();
    if let Some(line) = own.first().and_then(|&first| unit.ast().line(first)) {
        text.push_str(&format!(" :{line}"));
    }
    for &node in own.iter().take(NAMES_MAX) {
        text.push(' ');
        text.push_str(&name(unit, node));
    }
    if own.len() > NAMES_MAX {
        text.push_str(&format!(" … {} more", own.len() - NAMES_MAX));
    }
    if !block.reachable {
        text.push_str(" (unreachable)");
    }
    text
}

/// What is called or read at a node.
fn name(unit: &Unit, node: NodeIx) -> String {
    let ast = unit.ast();
    if let Some(atom) = ast.atom(node) {
        return atom.text().to_string();
    }
    let dot = (ast.kind(node) == Kind::CallExpr).then(|| ast.child(node, 0));
    let called = dot.flatten().and_then(|dot| ast.child(dot, 1));
    match called.and_then(|called| ast.atom(called)) {
        Some(name) => format!(".{}", name.text()),
        None => ".()".to_string(),
    }
}

fn edge_value(edge: &Edge) -> Value {
    let mut fields = vec![
        ("from", Value::Int(i64::from(edge.from))),
        ("to", Value::Int(i64::from(edge.to))),
        ("kind", word(edge.kind.text())),
    ];
    match edge.kind {
        EdgeKind::Next => {}
        EdgeKind::Clause => fields.push(("label", Value::text(&edge.number.to_string()))),
        kind => fields.push(("label", Value::text(kind.text()))),
    }
    let fields = fields.into_iter();
    Value::record(
        fields
            .map(|(key, value)| (crate::atoms::intern(key), value))
            .collect(),
    )
}

fn count(number: u32) -> Value {
    Value::count(u64::from(number))
}

/// `{function, graph's McCabe, the same as metrics counts, metrics' own, unreachable blocks with code, blocks, edges, bytes}`
/// of every function of a file.
pub fn complexities(unit: &Unit) -> Value {
    let functions = unit.functions().iter().zip(0u32..);
    let rows = functions.map(|(function, number)| {
        let cfg = Cfg::of_function(unit, number);
        let lost = cfg
            .blocks
            .iter()
            .filter(|block| !block.reachable && has_code(block));
        let numbers = [
            cfg.mccabe(),
            cfg.mccabe_of_metrics(),
            function.metrics.cyclomatic_complexity,
            lost.count() as u32,
            cfg.blocks.len() as u32,
            cfg.edges.len() as u32,
            cfg.memory_bytes() as u32,
        ];
        let id = Value::text(&unit.function_id(number));
        Value::Tuple([id].into_iter().chain(numbers.map(count)).collect())
    });
    Value::List(rows.collect())
}

/// Bytes of everything that is kept of a file's flow (`:variables`, `:summaries`), and of the control flow graphs of all its
/// functions together, which are not kept (`:control`), with the nanoseconds that each took (`:variables_ns`, ...).
pub fn bytes(unit: &Unit) -> Value {
    let clock = std::time::Instant::now;
    let start = clock();
    let variables = super::walk::walk(unit).memory_bytes();
    let walked = clock();
    let functions = 0..unit.functions().len() as u32;
    let graphs = functions.map(|one| Cfg::of_function(unit, one).memory_bytes());
    let control: usize = graphs.sum();
    let built = clock();
    let _ = (unit.variables(), unit.calls());
    let ready = clock();
    let summaries = super::Summaries::of_unit(unit).memory_bytes();
    let summed = clock();
    let ns = |from: std::time::Instant, to: std::time::Instant| {
        Value::count((to - from).as_nanos() as u64)
    };
    record([
        ("variables", Value::count(variables as u64)),
        ("variables_ns", ns(start, walked)),
        ("control", Value::count(control as u64)),
        ("control_ns", ns(walked, built)),
        ("summaries", Value::count(summaries as u64)),
        ("summaries_ns", ns(ready, summed)),
    ])
}
