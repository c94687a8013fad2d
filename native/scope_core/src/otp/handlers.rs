//! The clauses that take messages.

use crate::ast::{Ast, NodeIx};
use crate::atoms::{Atom, intern};
use crate::source::Unit;

use super::eval::Eval;
use super::message::MessageKind;
use super::project::Project;
use super::shape::Shape;
use super::syntax::{
    block, branch, branch_pattern_of, branches, definition, head_parts, is_call, without_default,
};

/// What takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taker {
    /// A clause of a callback, by its number.
    Clause(u32),
    /// A branch of a `receive`, in a clause if it is in one.
    Receive(Option<u32>),
}

#[derive(Clone, Debug)]
pub struct Handler {
    /// A number of `Unit::modules`.
    pub module: u32,
    pub kind: MessageKind,
    pub taker: Taker,
    /// The definition, or the branch.
    pub node: NodeIx,
    pub pattern: Shape,
    /// A guard says more than the pattern does.
    pub guarded: bool,
}

impl Handler {
    pub fn memory_bytes(&self) -> usize {
        size_of::<Handler>() + self.pattern.heap_bytes()
    }

    /// It takes anything.
    pub fn is_catch_all(&self) -> bool {
        !self.pattern.is_known() && !self.guarded
    }
}

/// The callbacks that take messages, with the argument that is the message.
const CALLBACKS: &[(&str, u32, MessageKind, usize)] = &[
    ("handle_call", 3, MessageKind::Call, 0),
    ("handle_cast", 2, MessageKind::Cast, 0),
    ("handle_info", 2, MessageKind::Info, 0),
    ("handle_continue", 2, MessageKind::Continue, 0),
];

pub(super) fn handlers(project: &Project<'_>) -> Vec<Handler> {
    let unit = project.unit(0);
    let mut found = Vec::new();
    for function in unit.functions() {
        if function.dynamic || !function.kind.is_public() || function.kind.is_macro() {
            continue;
        }
        let name = function.name.text();
        let callback = CALLBACKS
            .iter()
            .find(|one| one.0 == name && one.1 == function.arity);
        if let Some(&(_, _, kind, message)) = callback {
            for clause in function.clauses.clone() {
                found.extend(taken(project, clause, kind, message));
            }
        } else if let Some(states) = state_machine(unit, function.module)
            && (name == "handle_event" && function.arity == 4
                || states && function.arity == 3 && is_state(name))
        {
            for clause in function.clauses.clone() {
                found.extend(event(project, clause));
            }
        }
    }
    receives(project, &mut found);
    found.sort_by_key(|one| one.node);
    found
}

/// Whether a module is a state machine, and then whether its states are functions.
pub(super) fn state_machine(unit: &Unit, module: u32) -> Option<bool> {
    let definition = &unit.modules()[module as usize];
    let names = definition.uses.iter().chain(&definition.behaviours);
    let is_machine = |name: &Atom| matches!(name.text(), "gen_statem" | "Elixir.GenStateMachine");
    let mut named = names.filter(|name| is_machine(name));
    named.next()?;
    let mode = unit.find_function(definition.name, intern("callback_mode"), 0);
    let states = mode.is_some_and(|mode| {
        let ast = unit.ast();
        unit.clauses_of_function(mode).iter().any(|clause| {
            let inside = (clause.node.0..ast.end(clause.node)).map(NodeIx);
            let mut atoms = inside.filter_map(|ix| ast.atom(ix));
            atoms.any(|atom| atom.text() == "state_functions")
        })
    });
    Some(states)
}

/// A function of three arguments that is no other callback.
fn is_state(name: &str) -> bool {
    !matches!(
        name,
        "terminate" | "handle_call" | "code_change" | "format_status"
    )
}

fn taken(project: &Project<'_>, clause: u32, kind: MessageKind, message: usize) -> Option<Handler> {
    let unit = project.unit(0);
    let written = &unit.clauses()[clause as usize];
    if written.bodiless {
        return None;
    }
    let parts = definition(unit.ast(), written.node)?;
    let argument = without_default(unit.ast(), *parts.arguments.get(message)?);
    let module = unit.functions()[written.function as usize].module;
    let mut eval = Eval::new(project);
    let (pattern, guarded) = eval.argument_pattern(0, module, argument, parts.guard);
    let others = parts
        .arguments
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != message);
    let particular = others.into_iter().any(|(_, &argument)| {
        let argument = without_default(unit.ast(), argument);
        let (shape, _) = eval.argument_pattern(0, module, argument, None);
        refuses(&shape)
    });
    Some(Handler {
        module,
        kind,
        taker: Taker::Clause(clause),
        node: written.node,
        pattern,
        guarded: guarded || particular,
    })
}

/// A pattern of the state that a state may not have.
fn refuses(shape: &Shape) -> bool {
    match shape {
        Shape::Any | Shape::Param(_) => false,
        // `%State{} = state`, `%{a: a}`: whoever writes it has that state in all clauses, most likely.
        Shape::Map(map) => map.entries.items.iter().any(|(_, value)| refuses(value)),
        Shape::Tuple(parts) => parts.items.iter().any(refuses),
        _ => true,
    }
}

/// `handle_event(type, content, state, data)` and `state(type, content, data)`: one handler for each type that it takes.
fn event(project: &Project<'_>, clause: u32) -> Vec<Handler> {
    let unit = project.unit(0);
    let written = &unit.clauses()[clause as usize];
    let Some(parts) = definition(unit.ast(), written.node).filter(|_| !written.bodiless) else {
        return Vec::new();
    };
    let [kind, content, ..] = parts.arguments[..] else {
        return Vec::new();
    };
    let module = unit.functions()[written.function as usize].module;
    let mut eval = Eval::new(project);
    let (kind, _) = eval.argument_pattern(0, module, kind, None);
    let (pattern, guarded) = eval.argument_pattern(0, module, content, parts.guard);
    let tag = |shape: &Shape| shape.atom().map(Atom::text);
    let kinds = match &kind {
        shape if tag(shape) == Some("cast") => vec![MessageKind::Cast],
        shape if tag(shape) == Some("info") => vec![MessageKind::Info],
        shape if tag(shape).is_some() => vec![MessageKind::Event],
        Shape::Tuple(parts) if parts.items.first().and_then(tag) == Some("call") => {
            vec![MessageKind::Call]
        }
        Shape::Tuple(_) => vec![MessageKind::Event],
        _ => vec![
            MessageKind::Call,
            MessageKind::Cast,
            MessageKind::Info,
            MessageKind::Event,
        ],
    };
    // Which state it is in decides too.
    let in_state = parts
        .arguments
        .get(2)
        .filter(|_| parts.arguments.len() == 4);
    let in_state =
        in_state.is_some_and(|&state| eval.argument_pattern(0, module, state, None).0.is_known());
    let states = parts.arguments.len() == 3;
    let each = kinds.into_iter().map(|kind| Handler {
        module,
        kind,
        taker: Taker::Clause(clause),
        node: written.node,
        pattern: pattern.clone(),
        guarded: guarded || in_state || states,
    });
    each.collect()
}

/// The branches of every `receive`.
fn receives(project: &Project<'_>, found: &mut Vec<Handler>) {
    let unit = project.unit(0);
    let ast: &Ast = unit.ast();
    let mut at = 0;
    while (at as usize) < ast.len() {
        let ix = NodeIx(at);
        at = match is_call(ast, ix, "quote") {
            true => ast.end(ix),
            false => at + 1,
        };
        if is_call(ast, ix, "assert_receive") || is_call(ast, ix, "assert_received") {
            found.extend(asserted(project, ix));
        }
        if !is_call(ast, ix, "receive") {
            continue;
        }
        let (Some(module), Some(taken)) = (unit.module_of(ix), block(ast, ix, "do")) else {
            continue;
        };
        let mut eval = Eval::new(project);
        let arrows = ast
            .children(taken)
            .filter(|&one| branch(ast, one).is_some());
        for (arrow, branch) in arrows.zip(branches(ast, taken)) {
            let (Some(pattern), guard) = branch_pattern_of(ast, branch) else {
                continue;
            };
            let (shape, guarded) = eval.argument_pattern(0, module, pattern, guard);
            found.push(Handler {
                module,
                kind: MessageKind::Info,
                taker: Taker::Receive(unit.clause_of(ix)),
                node: arrow,
                pattern: shape,
                guarded: guarded || has_pin(ast, pattern),
            });
        }
    }
}

/// `assert_receive pattern`, of ExUnit.
fn asserted(project: &Project<'_>, ix: NodeIx) -> Option<Handler> {
    let unit = project.unit(0);
    let ast = unit.ast();
    let (patterns, guard) = head_parts(ast, ast.child(ix, 0)?);
    let pattern = *patterns.first()?;
    let module = unit.module_of(ix)?;
    let (shape, guarded) = Eval::new(project).argument_pattern(0, module, pattern, guard);
    Some(Handler {
        module,
        kind: MessageKind::Info,
        taker: Taker::Receive(unit.clause_of(ix)),
        node: ix,
        pattern: shape,
        guarded: guarded || has_pin(ast, pattern),
    })
}

fn has_pin(ast: &Ast, pattern: NodeIx) -> bool {
    (pattern.0..ast.end(pattern)).any(|at| is_call(ast, NodeIx(at), "^"))
}
