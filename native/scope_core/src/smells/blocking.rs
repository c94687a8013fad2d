//! Waiting in `init` and `handle_*` of a process that others wait for.

use crate::ast::{Kind, NodeIx};
use crate::source::calls::{CallSite, Form};
use crate::source::{ModuleType, Unit};

use super::Finding;
use super::code::{arguments, block, is_call, remote, subtree};
use super::kind::Smell;
use super::locals::Locals;

const CALLBACKS: &[(&str, u32)] = &[
    ("init", 1),
    ("handle_call", 3),
    ("handle_cast", 2),
    ("handle_info", 2),
];

pub(super) fn find(unit: &Unit, found: &mut Vec<Finding>) {
    for module in 0..unit.modules().len() as u32 {
        let definition = &unit.modules()[module as usize];
        if definition.module_type != ModuleType::Genserver {
            continue;
        }
        let edges = edges(unit, module);
        let first = definition.functions.start;
        let mut seen: Vec<NodeIx> = Vec::new();
        for (at, function) in unit.functions_of_module(module).iter().enumerate() {
            let name = function.name.text();
            if !CALLBACKS.contains(&(name, function.arity)) {
                continue;
            }
            // What the callback runs itself, and what it runs through functions of the module.
            let mut reached = vec![false; edges.len()];
            let mut next = vec![at as u32];
            while let Some(one) = next.pop() {
                if std::mem::replace(&mut reached[one as usize], true) {
                    continue;
                }
                next.extend(&edges[one as usize]);
                for (node, what) in waits(unit, first + one) {
                    if seen.contains(&node) {
                        continue;
                    }
                    seen.push(node);
                    let way = if one as usize == at {
                        "in"
                    } else {
                        "called from"
                    };
                    let what = format!("{what} {way} {name}/{}", function.arity);
                    let callback = unit.clauses()[function.clauses.start as usize].node;
                    let sure = if one as usize == at { 0.8 } else { 0.6 };
                    found.push(
                        Finding::new(Smell::BlockingCall, node, what)
                            .related(vec![callback])
                            .confidence(sure),
                    );
                }
            }
        }
    }
}

/// Which functions of a module each of them runs itself; what it hands to another process is not run by it.
fn edges(unit: &Unit, module: u32) -> Vec<Vec<u32>> {
    let ast = unit.ast();
    let locals = Locals::new(unit, module);
    let first = unit.modules()[module as usize].functions.start;
    let of_function = |function: u32| {
        let mut called = Vec::new();
        for clause in unit.clauses_of_function(function) {
            let handed = handed_over(unit, clause.node);
            let sites = unit.call_sites_in(clause.node).filter(|site| !site.quoted);
            let own = sites.filter(|site| {
                !handed
                    .iter()
                    .any(|&function| ast.contains(function, site.node))
            });
            called.extend(
                own.filter_map(|site| locals.target(unit, &site))
                    .map(|one| one - first),
            );
        }
        called
    };
    let functions = unit.modules()[module as usize].functions.clone();
    functions.map(of_function).collect()
}

/// Where a function waits, and for what; not in functions that it hands to somebody else.
fn waits(unit: &Unit, function: u32) -> Vec<(NodeIx, String)> {
    let ast = unit.ast();
    let mut all = Vec::new();
    for clause in unit.clauses_of_function(function) {
        let handed: Vec<NodeIx> = handed_over(unit, clause.node);
        let own = |ix: NodeIx| !handed.iter().any(|&function| ast.contains(function, ix));
        for site in unit.call_sites_in(clause.node) {
            if !site.quoted
                && own(site.node)
                && let Some(what) = blocks(&site)
            {
                all.push((site.node, what));
            }
        }
        // What a timer or a monitor has sent already is there: taking it out of the mailbox waits for nothing.
        let flushes = unit.call_sites_in(clause.node).any(|site| {
            matches!(
                site.callee.name.text(),
                "cancel_timer" | "demonitor" | "cancel"
            )
        });
        for ix in subtree(ast, clause.node) {
            if is_call(ast, ix, "receive") && own(ix) && !flushes && !polls(unit, ix) {
                all.push((ix, "receive".to_string()));
            }
        }
    }
    all
}

/// Functions given to a task or another process: they run elsewhere.
fn handed_over(unit: &Unit, clause: NodeIx) -> Vec<NodeIx> {
    let ast = unit.ast();
    let sites = unit.call_sites_in(clause).filter(|site| {
        remote(site).is_some_and(|(module, name)| {
            module.starts_with("Elixir.Task")
                || name.starts_with("spawn")
                || matches!(module, "Elixir.Agent" | "proc_lib")
        })
    });
    sites
        .flat_map(|site| arguments(ast, site.node))
        .filter(|&arg| is_call(ast, arg, "fn") || is_call(ast, arg, "&"))
        .collect()
}

fn blocks(site: &CallSite<'_>) -> Option<String> {
    if !matches!(site.form, Form::Plain | Form::Piped) {
        return None;
    }
    let (module, name) = remote(site)?;
    let waits = match module {
        "Elixir.Process" => name == "sleep",
        "timer" => name == "sleep",
        "Elixir.GenServer" => matches!(name, "call" | "multi_call"),
        "gen_server" | "gen_statem" => name == "call",
        "Elixir.Task" => matches!(name, "await" | "await_many"),
        "Elixir.System" => matches!(name, "cmd" | "shell"),
        "os" => name == "cmd",
        "httpc" => name == "request",
        "gen_tcp" | "ssl" => matches!(name, "connect" | "recv" | "accept"),
        "Elixir.HTTPoison" | "Elixir.Req" | "Elixir.Tesla" | "Elixir.HTTPotion" => matches!(
            name,
            "get"
                | "get!"
                | "post"
                | "post!"
                | "put"
                | "put!"
                | "patch"
                | "patch!"
                | "delete"
                | "delete!"
                | "head"
                | "head!"
                | "request"
                | "request!"
        ),
        "Elixir.Finch" => matches!(name, "request" | "request!" | "stream"),
        "hackney" => matches!(name, "request" | "get" | "post"),
        _ => false,
    };
    let shown = module.strip_prefix("Elixir.").unwrap_or(module);
    waits.then(|| format!("{shown}.{name}"))
}

/// `after 0`.
fn polls(unit: &Unit, receive: NodeIx) -> bool {
    let ast = unit.ast();
    let after = block(ast, receive, "after").and_then(|block| ast.child(block, 0));
    let time = after
        .and_then(|arrow| ast.child(arrow, 0))
        .and_then(|list| ast.child(list, 0));
    time.is_some_and(|time| ast.kind(time) == Kind::Int && ast.int(time) == Some(0))
}
