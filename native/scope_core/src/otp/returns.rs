//! What callbacks return besides a reply: time-outs, hibernation, `{:continue, term}`, events for themselves.

use ahash::AHashSet;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};

use super::eval::Eval;
use super::facts::Facts;
use super::message::{MessageKind, Send, Target};
use super::project::Project;
use super::shape::{Shape, Type};
use super::syntax::is_call;

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Waits {
    /// Milliseconds, if they are written.
    Timeout(Option<i64>),
    Hibernate,
}

/// A tuple that a callback returns.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Return {
    /// A number of `Unit::modules`.
    pub module: u32,
    pub node: NodeIx,
    pub waits: Waits,
}

/// Finds the returns in modules that take messages. A function that a callback ends with counts as the callback does.
pub(super) fn returned(project: &Project<'_>, facts: &mut Facts) {
    let unit = project.unit(0);
    let ast = unit.ast();
    let takers: AHashSet<u32> = facts.handlers.iter().map(|one| one.module).collect();
    let mut sends = Vec::new();
    for clause in unit.clauses() {
        let module = unit.functions()[clause.function as usize].module;
        if !takers.contains(&module) {
            continue;
        }
        let stages = is_stage(&unit.modules()[module as usize].uses);
        let machine = super::handlers::state_machine(unit, module).is_some();
        let in_init = unit.functions()[clause.function as usize].name.text() == "init";
        let mut at = clause.node.0;
        while at < ast.end(clause.node) {
            let ix = NodeIx(at);
            if is_call(ast, ix, "quote") {
                at = ast.end(ix);
                continue;
            }
            at += 1;
            if !is_call(ast, ix, "{}") {
                continue;
            }
            let parts: Vec<NodeIx> = ast.children(ix).collect();
            let tag = parts.first().filter(|_| parts.len() >= 3);
            if tag.is_none() {
                continue;
            }
            let tag = tag.and_then(|&tag| ast.atom_of(tag, Kind::Atom));
            if tag.is_some_and(|tag| tag.text() == "next_event") && parts.len() == 3 {
                let message = value(project, module, parts[2]);
                sends.push(own(ix, MessageKind::Event, "next_event", message, false));
                continue;
            }
            if machine && parts.len() == 3 && is_time_out(ast, parts[0]) {
                let message = value(project, module, parts[2]);
                sends.push(own(ix, MessageKind::Event, "timeout", message, true));
                continue;
            }
            let Some(tag) = tag else {
                continue;
            };
            let Some(last) = last_of(tag, &parts, stages, in_init) else {
                continue;
            };
            match rest(ast, project, module, last) {
                Rest::Continue(term) => {
                    let message = value(project, module, term);
                    sends.push(own(ix, MessageKind::Continue, "continue", message, false));
                }
                Rest::Waits(waits) => {
                    if let Waits::Timeout(_) = waits {
                        let message = Shape::Atom(intern("timeout"));
                        sends.push(own(ix, MessageKind::Info, "timeout", message, true));
                    }
                    facts.returns.push(Return {
                        module,
                        node: ix,
                        waits,
                    });
                }
                Rest::Nothing => {}
            }
        }
    }
    facts.sends.append(&mut sends);
}

/// `:state_timeout`, `:timeout`, `{:timeout, name}`: the first part of an action `{_, milliseconds, content}`.
fn is_time_out(ast: &Ast, first: NodeIx) -> bool {
    let named = ast
        .atom_of(first, Kind::Atom)
        .or_else(|| ast.atom_of(first, Kind::Pair));
    named.is_some_and(|name| matches!(name.text(), "state_timeout" | "timeout"))
}

fn is_stage(uses: &[Atom]) -> bool {
    let stage = |one: &Atom| matches!(one.text(), "Elixir.GenStage" | "Elixir.ConsumerSupervisor");
    uses.iter().any(stage)
}

/// The element behind the state, if the tuple has one more than it needs.
fn last_of(tag: Atom, parts: &[NodeIx], stages: bool, in_init: bool) -> Option<NodeIx> {
    let events = usize::from(stages);
    let whole = match tag.text() {
        "noreply" => 2 + events,
        "reply" => 3 + events,
        "ok" if in_init && !stages => 2,
        _ => return None,
    };
    (parts.len() == whole + 1).then(|| parts[whole])
}

enum Rest {
    Nothing,
    Continue(NodeIx),
    Waits(Waits),
}

fn rest(ast: &Ast, project: &Project<'_>, module: u32, last: NodeIx) -> Rest {
    if let Some(tag) = ast.atom_of(last, Kind::Pair) {
        return match (tag.text(), ast.child(last, 0)) {
            ("continue", Some(term)) => Rest::Continue(term),
            _ => Rest::Nothing,
        };
    }
    match value(project, module, last) {
        Shape::Atom(atom) if atom.text() == "hibernate" => Rest::Waits(Waits::Hibernate),
        Shape::Int(ms) => Rest::Waits(Waits::Timeout(Some(ms))),
        Shape::Of(Type::Number) => Rest::Waits(Waits::Timeout(None)),
        _ => match ast.kind(last) {
            // `state.timeout`, `timeout`: whatever it is, the process gets `:timeout` unless it is `:infinity`.
            Kind::CallExpr | Kind::Var => Rest::Waits(Waits::Timeout(None)),
            _ => Rest::Nothing,
        },
    }
}

fn value(project: &Project<'_>, module: u32, ix: NodeIx) -> Shape {
    Eval::new(project).in_module(0, module, ix)
}

fn own(
    node: NodeIx,
    kind: MessageKind,
    by: &'static str,
    message: Shape,
    by_runtime: bool,
) -> Send {
    Send {
        node,
        through: None,
        kind,
        by,
        target: Target::Server(Shape::Own),
        message,
        by_runtime,
    }
}
