//! A repository's functions called within a loop.
//!
//! A repository is a module named `Repo` (or `...Repo`). A loop is a `for`, or a function given to `Enum`, `Stream` or
//! `Task.async_stream`. A call of a function of the same module that asks a repository itself counts too.

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::Unit;
use crate::source::calls::{CallSite, Form};

use super::Finding;
use super::code::{arguments, is_call, remote, value_of};
use super::kind::Smell;
use super::locals::Locals;

const QUERIES: &[&str] = &[
    "all",
    "one",
    "one!",
    "get",
    "get!",
    "get_by",
    "get_by!",
    "preload",
    "aggregate",
    "exists?",
    "reload",
    "reload!",
    "insert",
    "insert!",
    "update",
    "update!",
    "delete",
    "delete!",
    "insert_or_update",
    "insert_or_update!",
    "update_all",
    "delete_all",
    "query",
    "query!",
];

const LOOPS: &[&str] = &[
    "map",
    "each",
    "flat_map",
    "filter",
    "reject",
    "reduce",
    "map_reduce",
    "reduce_while",
    "find",
    "any?",
    "all?",
    "map_join",
    "group_by",
    "sort_by",
    "async_stream",
    "flat_map_reduce",
    "into",
    "new",
    "sum_by",
    "count",
    "with_index",
    "min_by",
    "max_by",
    "find_value",
    "split_with",
];

pub(super) fn find(unit: &Unit, found: &mut Vec<Finding>) {
    for module in 0..unit.modules().len() as u32 {
        let definition = &unit.modules()[module as usize];
        let sites = || {
            let sites = unit.call_sites_in(definition.node);
            sites.filter(|site| site.module == Some(module) && !site.quoted)
        };
        let asked: Vec<CallSite<'_>> = sites().filter(is_query).collect();
        if asked.is_empty() {
            continue;
        }
        let locals = Locals::new(unit, module);
        // Functions that ask by themselves, with where.
        let asking: Vec<(u32, NodeIx)> = asked
            .iter()
            .filter_map(|site| Some((unit.clauses()[site.clause? as usize].function, site.node)))
            .collect();
        for site in sites().filter(|site| site.clause.is_some()) {
            let direct = is_query(&site);
            let through = locals.target(unit, &site).and_then(|target| {
                let found = asking.iter().find(|(function, _)| *function == target);
                found.map(|(_, node)| *node)
            });
            if !direct && through.is_none() {
                continue;
            }
            let Some(around) = loop_around(unit, site.node) else {
                continue;
            };
            let how = match (site.form, direct) {
                (Form::Capture, _) => "given to a loop",
                (_, true) => "called in a loop",
                (_, false) => "called in a loop, and it asks a repository",
            };
            let what = format!("{} {how}", site.callee.name.text());
            let mut related = vec![around];
            related.extend(through.filter(|_| !direct));
            let sure = if direct { 0.8 } else { 0.6 };
            found.push(
                Finding::new(Smell::NPlusOne, site.node, what)
                    .related(related)
                    .confidence(sure),
            );
        }
    }
}

fn is_query(site: &CallSite<'_>) -> bool {
    let form = matches!(site.form, Form::Plain | Form::Piped | Form::Capture);
    form && remote(site).is_some_and(|(module, name)| {
        let last = module.rsplit('.').next().unwrap_or(module);
        last.ends_with("Repo") && module != "Elixir.Ecto.Repo" && QUERIES.contains(&name)
    })
}

/// The innermost loop whose body holds a node.
fn loop_around(unit: &Unit, ix: NodeIx) -> Option<NodeIx> {
    let ast = unit.ast();
    let mut at = ix;
    // A transaction of several steps is built by functions that each run once.
    while let Some(parent) = ast.parent(at) {
        if is_call(ast, parent, "def") || is_call(ast, parent, "defp") {
            return None;
        }
        if is_body_of_for(ast, at) {
            return for_of(ast, at);
        }
        if let Some(call) = taken_by_loop(unit, at) {
            return Some(call);
        }
        at = parent;
    }
    None
}

/// The value of a `do` of a `for`.
fn is_body_of_for(ast: &Ast, ix: NodeIx) -> bool {
    for_of(ast, ix).is_some()
}

fn for_of(ast: &Ast, ix: NodeIx) -> Option<NodeIx> {
    let pair = ast.parent(ix).filter(|&one| ast.kind(one) == Kind::Pair)?;
    let list = ast.parent(pair)?;
    let call = ast.parent(list)?;
    let is_body = value_of(ast, list, "do") == Some(ix);
    (is_body && is_call(ast, call, "for")).then_some(call)
}

/// The call of `Enum` and so on that a function (`fn` or `&`) is given to.
fn taken_by_loop(unit: &Unit, function: NodeIx) -> Option<NodeIx> {
    let ast = unit.ast();
    if !is_call(ast, function, "fn") && !is_call(ast, function, "&") {
        return None;
    }
    let call = ast.parent(function)?;
    arguments(ast, call).find(|&arg| arg == function)?;
    let site = unit.callee(call)?;
    let (module, name) = remote(&site)?;
    let loops = matches!(
        module,
        "Elixir.Enum" | "Elixir.Stream" | "Elixir.Task" | "Elixir.Map" | "Elixir.MapSet"
    );
    (loops && LOOPS.contains(&name)).then_some(call)
}
