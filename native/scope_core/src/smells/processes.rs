//! The process dictionary, and processes that nobody supervises.

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::Unit;
use crate::source::calls::{CallSite, Form};

use super::Finding;
use super::code::{arguments, is_call, remote};
use super::kind::Smell;

pub(super) fn find(unit: &Unit, found: &mut Vec<Finding>) {
    let calls = unit
        .call_sites()
        .filter(|site| !site.quoted && site.clause.is_some())
        .filter(|site| matches!(site.form, Form::Plain | Form::Piped | Form::Capture));
    for site in calls {
        let Some((module, name)) = remote(&site) else {
            continue;
        };
        let arity = site.callee.arity;
        if is_dictionary(module, name, arity) && !is_of_otp(unit.ast(), &site) {
            let what = format!(
                "{} reads or writes the process dictionary",
                shown(module, name)
            );
            found.push(Finding::new(Smell::ProcessDictionary, site.node, what));
        } else if is_spawn(module, name) && !is_wrapper(unit, &site) {
            let what = format!(
                "{} starts a process without a supervisor",
                shown(module, name)
            );
            // Whoever links or monitors it learns of its end.
            let watched = name.ends_with("_link") || name.ends_with("_monitor");
            let sure = if watched { 0.5 } else { 0.8 };
            found.push(Finding::new(Smell::UnsupervisedSpawn, site.node, what).confidence(sure));
        }
    }
}

/// `def spawn(fun), do: :erlang.spawn(fun)`: whoever calls it decides.
fn is_wrapper(unit: &Unit, site: &CallSite<'_>) -> bool {
    site.clause.is_some_and(|clause| {
        let function = unit.clauses()[clause as usize].function;
        let around = unit.functions()[function as usize].name.text();
        let starts = around.starts_with("start") && site.callee.name.text() == "start";
        around.starts_with("spawn") || starts
    })
}

fn shown(module: &str, name: &str) -> String {
    match module.strip_prefix("Elixir.") {
        Some("Kernel") => name.to_string(),
        Some(module) => format!("{module}.{name}"),
        None => format!(":{module}.{name}"),
    }
}

fn is_dictionary(module: &str, name: &str, arity: u32) -> bool {
    match module {
        "Elixir.Process" => {
            matches!((name, arity), ("get", 1 | 2) | ("put", 2) | ("delete", 1))
                || matches!((name, arity), ("get", 0) | ("get_keys", 0 | 1))
        }
        "erlang" => matches!(
            (name, arity),
            ("get", 0 | 1) | ("put", 2) | ("erase", 0 | 1) | ("get_keys", 0 | 1)
        ),
        _ => false,
    }
}

/// `:"$callers"`, `:"$ancestors"`: what OTP itself keeps there.
fn is_of_otp(ast: &Ast, site: &CallSite<'_>) -> bool {
    let first: Option<NodeIx> = arguments(ast, site.node).next();
    first
        .and_then(|one| ast.atom_of(one, Kind::Atom))
        .is_some_and(|key| key.text().starts_with('$'))
        || site.form == Form::Capture && is_call(ast, site.node, "@")
}

fn is_spawn(module: &str, name: &str) -> bool {
    match module {
        "Elixir.Kernel" | "erlang" => matches!(
            name,
            "spawn" | "spawn_link" | "spawn_monitor" | "spawn_opt" | "spawn_request"
        ),
        "Elixir.Process" => name == "spawn",
        "Elixir.Task" | "Elixir.Agent" | "Elixir.GenServer" => name == "start",
        "proc_lib" => matches!(name, "spawn" | "spawn_link" | "spawn_opt"),
        _ => false,
    }
}
