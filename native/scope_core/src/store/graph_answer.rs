//! Graphs as values: nodes and edges as `ElixirScope.ASTRepository.Graph` has them.

use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use crate::atoms::{Atom, existing, intern};
use crate::capture::points::FunctionKey;
use crate::graph::{
    BODY_NAME, Edge, EdgeKind, FunctionIx, GraphIndex, NO_NODE, What, is_dynamic, reached,
};
use crate::source::{ANY_ARITY, Unit, module_text};
use crate::store::locate::function_id;
use crate::store::repository::Repository;
use crate::store::structs::{structure, word};
use crate::value::Value;

/// What a call graph shows beside the functions of the project and their calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallOptions {
    /// Functions of modules outside.
    pub external: bool,
    /// Calls that are decided at run time, and what they may lead to.
    pub dynamic: bool,
}

/// The calls of one function to another in one manner.
struct Group<'a> {
    /// The file of the first: a name may be defined in several.
    file: &'a str,
    from: FunctionKey,
    to: FunctionKey,
    kind: EdgeKind,
    sites: u64,
    line: u32,
    node: u32,
}

pub(super) fn record(fields: Vec<(&str, Value)>) -> Value {
    let fields = fields.into_iter();
    Value::record(fields.map(|(name, value)| (intern(name), value)).collect())
}

/// A function as the source calls it: of `MACRO-f/2` the macro `f/1`.
pub(super) fn source_key(key: &FunctionKey) -> FunctionKey {
    let text = key.name.text().strip_prefix("MACRO-");
    match text.and_then(existing).zip(key.arity.checked_sub(1)) {
        Some((name, arity)) => FunctionKey {
            name,
            arity,
            ..*key
        },
        None => *key,
    }
}

pub(super) fn node_id(key: &FunctionKey) -> String {
    match key.name.text() {
        BODY_NAME => module_text(key.module),
        name if is_dynamic(key) && key.arity == ANY_ARITY => format!("?.{name}"),
        name if is_dynamic(key) => format!("?.{name}/{}", key.arity),
        _ => function_id(key),
    }
}

/// The unit and the number there of a function that is written.
pub(super) fn definition<'a>(
    index: &'a GraphIndex,
    key: &FunctionKey,
) -> Option<(&'a Arc<Unit>, u32)> {
    let unit = index.unit_of(key.module)?;
    let named = |number: &u32| {
        let one = &unit.functions()[*number as usize];
        let home = &unit.modules()[one.module as usize];
        one.name == key.name
            && one.arity == key.arity
            && !one.dynamic
            && (home.name == key.module
                || unit
                    .modules()
                    .iter()
                    .any(|other| other.name == key.module && other.node == home.node))
    };
    let found = (0..unit.functions().len() as u32).find(named)?;
    Some((unit, found))
}

/// The functions that nothing public, no callback, no implementation and no module's body leads to.
pub(super) fn unreachable(index: &GraphIndex) -> AHashSet<FunctionIx> {
    let mut edges = Vec::new();
    for (_, edge) in index.edges() {
        edges.push((edge.caller.0, edge.callee.0));
    }
    let mut roots = Vec::new();
    for number in 0..index.functions_len() as u32 {
        let key = index.key(FunctionIx(number));
        let info = index.modules().get(&key.module);
        let function = info.and_then(|info| info.functions.get(&(key.name, key.arity)));
        let private = function.is_some_and(|function| !function.public && function.written);
        if !private {
            roots.push(number);
        }
    }
    let reached = reached(index.functions_len(), &edges, roots);
    let lost = reached.iter().zip(0u32..).filter(|(reached, _)| !**reached);
    lost.map(|(_, number)| FunctionIx(number)).collect()
}

/// `%{nodes: [...], edges: [...], meta: %{...}}` of who calls whom.
pub fn call_graph(repository: &Repository, options: CallOptions) -> Value {
    let observed = observed(repository);
    repository.graphs(|index| {
        let shown = |key: &FunctionKey| match index.what(key) {
            What::External => options.external,
            What::Dynamic => options.dynamic,
            What::Unknown => options.external,
            What::Defined | What::Body => true,
        };
        let (mut groups, mut dynamic) =
            (Vec::<Group<'_>>::new(), AHashMap::<FunctionKey, u64>::new());
        for (file, edge) in index.edges() {
            let (from, to) = (index.key(edge.caller), index.key(edge.callee));
            if edge.kind == EdgeKind::Dynamic {
                *dynamic.entry(from).or_default() += 1;
            }
            if shown(&to) {
                add(&mut groups, from, to, file, edge);
            }
        }
        let mut keys: AHashSet<FunctionKey> = AHashSet::new();
        for (&module, info) in index.modules() {
            let functions = info
                .functions
                .iter()
                .filter(|((_, arity), one)| *arity == one.arity);
            keys.extend(functions.map(|(&(name, arity), _)| FunctionKey {
                module,
                name,
                arity,
            }));
        }
        keys.extend(groups.iter().flat_map(|group| [group.from, group.to]));
        let dispatchers: Vec<FunctionKey> = keys.iter().copied().collect();
        for from in dispatchers {
            for to in index.dispatch(&from) {
                groups.push(Group {
                    file: "",
                    from,
                    to,
                    kind: EdgeKind::Dispatch,
                    sites: 0,
                    line: 0,
                    node: NO_NODE,
                });
            }
        }
        let mut keys: Vec<FunctionKey> = keys.into_iter().collect();
        keys.sort_unstable_by_key(order);
        groups.sort_by_key(|group| (order(&group.from), order(&group.to), group.kind));
        let lost = unreachable(index);
        let nodes = keys.iter().map(|key| {
            let dynamic = dynamic.get(key).copied().unwrap_or(0);
            let lost = index.find(key).is_some_and(|ix| lost.contains(&ix));
            node_value(index, key, dynamic, lost)
        });
        let nodes = Value::List(nodes.collect());
        let known: AHashSet<(FunctionKey, FunctionKey)> =
            groups.iter().map(|group| (group.from, group.to)).collect();
        let mut edges: Vec<Value> = groups
            .iter()
            .map(|group| {
                let count = observed.get(&(group.from, group.to)).copied();
                edge_value(index, group, count)
            })
            .collect();
        let mut more: Vec<(FunctionKey, FunctionKey, u64)> = observed
            .iter()
            .map(|(&(from, to), &count)| (index.written(&from), index.written(&to), count))
            .filter(|(from, to, _)| !known.contains(&(*from, *to)))
            .collect();
        more.sort_unstable_by_key(|(from, to, _)| (order(from), order(to)));
        edges.extend(more.iter().map(|(from, to, count)| {
            record(vec![
                ("from", Value::text(&node_id(from))),
                ("to", Value::text(&node_id(to))),
                ("kind", word("observed")),
                ("observed", Value::count(*count)),
            ])
        }));
        let count = |n: usize| Value::count(n as u64);
        let meta = record(vec![
            ("functions", count(keys.len())),
            ("unreachable", count(lost.len())),
            ("modules", count(index.modules().len())),
        ]);
        record(vec![
            ("nodes", nodes),
            ("edges", Value::List(edges)),
            ("meta", meta),
        ])
    })
}

fn add<'a>(
    groups: &mut Vec<Group<'a>>,
    from: FunctionKey,
    to: FunctionKey,
    file: &'a str,
    edge: &Edge,
) {
    // Edges of a file come by caller and callee.
    let same = groups
        .iter_mut()
        .rev()
        .take(8)
        .find(|group| group.from == from && group.to == to && group.kind == edge.kind);
    match same {
        Some(group) => group.sites += 1,
        None => groups.push(Group {
            file,
            from,
            to,
            kind: edge.kind,
            sites: 1,
            line: edge.line,
            node: edge.node,
        }),
    }
}

type Order = (&'static str, &'static str, u32);

fn order(key: &FunctionKey) -> Order {
    (key.module.text(), key.name.text(), key.arity)
}

/// Calls that were observed, by the names of the source.
pub(super) fn observed(repository: &Repository) -> AHashMap<(FunctionKey, FunctionKey), u64> {
    let mut all: AHashMap<(FunctionKey, FunctionKey), u64> = AHashMap::new();
    for edge in repository.runtime().edges() {
        let pair = (source_key(&edge.caller), source_key(&edge.callee));
        *all.entry(pair).or_default() += edge.count;
    }
    all
}

fn place(n: u32) -> Value {
    if n == 0 {
        Value::nil()
    } else {
        Value::Int(i64::from(n))
    }
}

fn node_value(index: &GraphIndex, key: &FunctionKey, dynamic: u64, lost: bool) -> Value {
    let what = index.what(key);
    let info = index.modules().get(&key.module);
    let function = info.and_then(|info| info.functions.get(&(key.name, key.arity)));
    let kind = match what {
        What::External => "external",
        What::Dynamic => "dynamic",
        What::Unknown => "unknown",
        What::Body => "module_body",
        What::Defined if function.is_some_and(|one| one.is_macro) => "macro",
        What::Defined if function.is_some_and(|one| !one.written) => "generated",
        What::Defined => "function",
    };
    let label = match what {
        What::Body => module_text(key.module),
        What::Dynamic => node_id(key),
        _ => {
            let name = crate::source::function_text(key.name);
            format!("{name}/{}", key.arity)
        }
    };
    let mut fields = vec![
        ("id", Value::text(&node_id(key))),
        ("label", Value::text(&label)),
        ("kind", word(kind)),
    ];
    if what != What::Dynamic {
        fields.push(("group", Value::text(&module_text(key.module))));
        fields.push(("module", Value::Atom(key.module)));
    }
    if let Some(function) = function {
        let visibility = if function.public { "public" } else { "private" };
        fields.push(("visibility", word(visibility)));
        fields.push(("reachable", Value::bool(!lost)));
        let implements = info.is_some_and(|info| {
            let outside = |module: &Atom| !index.modules().contains_key(module);
            info.implements.is_some() || info.behaviours.iter().any(outside)
        });
        fields.push(("callback", Value::bool(implements && function.public)));
        fields.push(("dynamic_calls", Value::count(dynamic)));
    }
    if let Some((unit, number)) = definition(index, key) {
        let at = unit.functions()[number as usize].position;
        fields.push(("ast_node_id", Value::text(&unit.function_id(number))));
        fields.push(("file", Value::text(unit.file())));
        fields.push(("line", place(at.line)));
        fields.push(("column", place(at.column)));
    }
    record(fields)
}

fn edge_value(index: &GraphIndex, group: &Group<'_>, observed: Option<u64>) -> Value {
    let mut fields = vec![
        ("from", Value::text(&node_id(&group.from))),
        ("to", Value::text(&node_id(&group.to))),
        ("kind", word(group.kind.text())),
    ];
    if group.kind != EdgeKind::Dispatch {
        fields.push(("sites", Value::count(group.sites)));
        fields.push(("line", place(group.line)));
        if let Some(unit) = index.unit(group.file).filter(|_| group.node != NO_NODE) {
            fields.push(("file", Value::text(unit.file())));
            if let Some(node) = unit.ast().get(group.node) {
                fields.push(("ast_node_id", Value::text(&unit.node_id(node))));
            }
        }
    }
    fields.extend(observed.map(|count| ("observed", Value::count(count))));
    record(fields)
}

/// `[%FunctionCall{}]`: the other ends of a function's calls, those observed most often first.
pub fn function_calls(
    repository: &Repository,
    key: &FunctionKey,
    outgoing: bool,
    observed: &[(FunctionKey, u64)],
) -> Value {
    repository.graphs(|index| {
        let own = index.written(&source_key(key));
        let found = index.find(&own);
        let edges = match (found, outgoing) {
            (None, _) => Vec::new(),
            (Some(ix), true) => index.calls_of(ix).to_vec(),
            (Some(ix), false) => index.calls_to(ix),
        };
        let mut counts: AHashMap<FunctionKey, u64> = AHashMap::new();
        for (other, count) in observed {
            *counts.entry(index.written(&source_key(other))).or_default() += count;
        }
        let mut calls: Vec<(FunctionKey, EdgeKind, Vec<Edge>)> = Vec::new();
        let mut by_key: AHashMap<(FunctionKey, EdgeKind), usize> = AHashMap::new();
        for edge in edges {
            let other = index.key(if outgoing { edge.callee } else { edge.caller });
            if index.what(&other) == What::Unknown {
                continue;
            }
            let at = *by_key.entry((other, edge.kind)).or_insert(calls.len());
            if at == calls.len() {
                calls.push((other, edge.kind, Vec::new()));
            }
            calls[at].2.push(edge);
        }
        let dispatched = match outgoing {
            true => index.dispatch(&own),
            false => dispatchers(index, &own),
        };
        for other in dispatched {
            calls.push((other, EdgeKind::Dispatch, Vec::new()));
        }
        let shown: AHashSet<FunctionKey> = calls.iter().map(|call| call.0).collect();
        let mut all: Vec<(u64, Order, Value)> = calls
            .iter()
            .map(|(other, kind, sites)| {
                let count = counts.get(other).copied().unwrap_or(0);
                let from = if outgoing { own } else { *other };
                let value = call_value(index, other, kind.text(), count, &from, sites);
                (count, order(other), value)
            })
            .collect();
        for (other, count) in counts.iter().filter(|(other, _)| !shown.contains(other)) {
            let value = call_value(index, other, "observed", *count, other, &[]);
            all.push((*count, order(other), value));
        }
        all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        Value::List(all.into_iter().map(|one| one.2).collect())
    })
}

/// The functions whose calls may end in this one, because it implements them.
fn dispatchers(index: &GraphIndex, key: &FunctionKey) -> Vec<FunctionKey> {
    let Some(info) = index.modules().get(&key.module) else {
        return Vec::new();
    };
    if !info.functions.contains_key(&(key.name, key.arity)) {
        return Vec::new();
    }
    let of = |module: Atom| FunctionKey { module, ..*key };
    let protocol = info.implements.map(|(protocol, _)| of(protocol));
    let defined = |key: &FunctionKey| {
        let protocol = index.modules().get(&key.module);
        protocol.is_none_or(|info| info.functions.contains_key(&(key.name, key.arity)))
    };
    protocol.filter(defined).into_iter().collect()
}

fn call_value(
    index: &GraphIndex,
    other: &FunctionKey,
    kind: &str,
    count: u64,
    caller: &FunctionKey,
    sites: &[Edge],
) -> Value {
    let dynamic = is_dynamic(other);
    let arity = match other.arity {
        ANY_ARITY => Value::nil(),
        arity => Value::Int(i64::from(arity)),
    };
    let module = if dynamic {
        Value::nil()
    } else {
        Value::Atom(other.module)
    };
    let anonymous = dynamic && other.name.text() == crate::graph::ANY_NAME;
    let name = if anonymous {
        Value::nil()
    } else {
        Value::Atom(other.name)
    };
    let id = definition(index, other).map(|(unit, number)| unit.function_id(number));
    let unit = index.unit_of(caller.module);
    let site = |edge: &Edge| {
        // The join and the unit come from one moment, so the node is there; a lookup costs nothing.
        let shown = unit.and_then(|unit| Some((unit, unit.ast().get(edge.node)?)));
        let column = shown.and_then(|(unit, node)| unit.ast().column(node));
        record(vec![
            ("line", place(edge.line)),
            ("column", column.map_or(Value::nil(), place)),
            (
                "ast_node_id",
                shown.map_or(Value::nil(), |(unit, node)| {
                    Value::text(&unit.node_id(node))
                }),
            ),
        ])
    };
    structure(
        "ElixirScope.ASTRepository.FunctionCall",
        vec![
            ("function", Value::Tuple(vec![module, name, arity])),
            ("kind", word(kind)),
            ("count", Value::count(count)),
            (
                "ast_node_id",
                id.map_or(Value::nil(), |id| Value::text(&id)),
            ),
            (
                "file",
                unit.filter(|_| !sites.is_empty())
                    .map_or(Value::nil(), |unit| Value::text(unit.file())),
            ),
            ("sites", Value::List(sites.iter().map(site).collect())),
        ],
    )
}
