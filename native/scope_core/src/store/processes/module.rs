//! What one module is as a process.

use crate::atoms::{Atom, intern};
use crate::otp::{ProcessKind, Site, Waits};
use crate::source::{ModuleDef, Unit};
use crate::store::structs::{structure, word};
use crate::value::Value;

use super::{Processes, exact, record};

/// Behaviours of processes, by what is used or declared.
const BEHAVIOURS: &[(&str, &str)] = &[
    ("Elixir.GenServer", "genserver"),
    ("gen_server", "genserver"),
    ("Elixir.Supervisor", "supervisor"),
    ("supervisor", "supervisor"),
    ("Elixir.DynamicSupervisor", "dynamic_supervisor"),
    ("Elixir.ConsumerSupervisor", "consumer_supervisor"),
    ("gen_statem", "gen_statem"),
    ("Elixir.GenStateMachine", "gen_statem"),
    ("Elixir.GenStage", "gen_stage"),
    ("gen_event", "gen_event"),
    ("Elixir.Agent", "agent"),
    ("Elixir.Task", "task"),
    ("Elixir.Application", "application"),
    ("application", "application"),
    ("Elixir.Broadway", "broadway"),
    ("Elixir.Phoenix.LiveView", "phoenix_live_view"),
    ("Elixir.Phoenix.Channel", "phoenix_channel"),
    ("Elixir.Phoenix.Tracker", "phoenix_tracker"),
    ("Elixir.Phoenix.Presence", "phoenix_presence"),
];

/// Callbacks of all of them.
const CALLBACKS: &[(&str, &[u32])] = &[
    ("init", &[1]),
    ("handle_call", &[2, 3]),
    ("handle_cast", &[2]),
    ("handle_info", &[2]),
    ("handle_continue", &[2]),
    ("handle_event", &[2, 3, 4]),
    ("handle_events", &[3]),
    ("handle_demand", &[2]),
    ("handle_subscribe", &[4]),
    ("handle_cancel", &[3]),
    ("handle_in", &[3]),
    ("handle_out", &[3]),
    ("handle_params", &[3]),
    ("handle_async", &[3]),
    ("handle_diff", &[2]),
    ("callback_mode", &[0]),
    ("terminate", &[2, 3]),
    ("code_change", &[3, 4]),
    ("format_status", &[1, 2]),
    ("start", &[2]),
    ("stop", &[1]),
    ("prep_stop", &[1]),
    ("start_phase", &[3]),
    ("config_change", &[3]),
    ("mount", &[3]),
    ("join", &[3]),
];

pub(super) fn behaviours(module: &ModuleDef) -> Vec<&'static str> {
    let mut found = Vec::new();
    for name in module.uses.iter().chain(&module.behaviours) {
        let known = BEHAVIOURS.iter().find(|(text, _)| *text == name.text());
        if let Some((_, behaviour)) = known
            && !found.contains(behaviour)
        {
            found.push(*behaviour);
        }
    }
    found
}

impl Processes {
    /// `%ProcessFacts{}`, or `nil` of a module that is no process.
    pub fn module_value(&self, name: Atom) -> Value {
        let Some((unit_number, module)) = self.place_of_module(name) else {
            return Value::nil();
        };
        let unit = self.unit(unit_number).clone();
        let definition = &unit.modules()[module as usize];
        let behaviours = behaviours(definition);
        let handlers = self.handlers_of(name);
        let callbacks = callbacks(&unit, module);
        let takes = callbacks
            .iter()
            .any(|(name, _)| name.starts_with("handle_"));
        if behaviours.is_empty() && handlers.is_empty() && !takes {
            return Value::nil();
        }
        let facts = unit.otp_facts();
        let of_kind = |kind: &str| {
            let own = handlers.iter().filter(|&&one| {
                let (unit, at) = self.flow.handlers[one as usize];
                let handler = &self.unit(unit).otp_facts().handlers[at as usize];
                handler.kind.text() == kind
            });
            Value::List(own.map(|&one| self.receive_value(one)).collect())
        };
        let kinds = ["call", "cast", "info", "continue", "event"];
        let handles = record(kinds.iter().map(|kind| (*kind, of_kind(kind))).collect());
        let returns = facts.returns.iter().filter(|one| one.module == module);
        let place = |node| {
            self.place(Site {
                unit: unit_number,
                node,
            })
        };
        let (mut timeouts, mut hibernates) = (Vec::new(), Vec::new());
        for one in returns {
            let mut fields = place(one.node);
            match one.waits {
                Waits::Timeout(ms) => {
                    fields.push(("timeout_ms", ms.map_or(Value::nil(), Value::Int)));
                    timeouts.push(record(fields));
                }
                Waits::Hibernate => hibernates.push(record(fields)),
            }
        }
        let sends_own = |by: &str| {
            let own = facts.sends.iter();
            own.filter(|one| one.by == by && unit.module_of(one.node) == Some(module))
                .count()
                > 0
        };
        let mut names: Vec<Value> = Vec::new();
        let named = facts.names.iter().map(|(name, of)| (name, *of));
        for (shape, of) in named.chain(self.tree.names()) {
            let value = exact(shape).unwrap_or_else(|| Value::text(&shape.text()));
            if of == name && !names.contains(&value) {
                names.push(value);
            }
        }
        let callbacks = callbacks.into_iter().map(|(name, function)| {
            let written = &unit.functions()[function as usize];
            record(vec![
                ("name", Value::Atom(intern(name))),
                ("arity", Value::Int(i64::from(written.arity))),
                ("clauses", Value::Int(written.clauses.len() as i64)),
                ("ast_node_id", Value::text(&unit.function_id(function))),
            ])
        });
        let inferred = behaviours.is_empty() && takes;
        let supervises = self.tree.nodes.iter().zip(0u32..).find(|(node, _)| {
            node.module == Some(name) && node.kind.is_some_and(ProcessKind::is_supervisor)
        });
        let words = behaviours.iter().map(|one| word(one));
        structure(
            "ElixirScope.ASTRepository.ProcessFacts",
            vec![
                ("module", Value::Atom(name)),
                ("behaviours", Value::List(words.collect())),
                ("inferred", Value::bool(inferred)),
                ("callbacks", Value::List(callbacks.collect())),
                ("handles", handles),
                ("clients", Value::List(self.clients_of(name))),
                ("timeouts", Value::List(timeouts)),
                ("hibernates", Value::List(hibernates)),
                ("traps_exits", Value::bool(sends_own("Process.flag"))),
                (
                    "monitors",
                    Value::bool(sends_own("Process.monitor") || sends_own(":erlang.monitor")),
                ),
                ("registered_names", Value::List(names)),
                (
                    "strategy",
                    supervises
                        .and_then(|(node, _)| node.strategy)
                        .map_or(Value::nil(), Value::Atom),
                ),
            ],
        )
    }
}

/// The callbacks that a module defines, with the number of the function.
fn callbacks(unit: &Unit, module: u32) -> Vec<(&'static str, u32)> {
    let functions = unit.modules()[module as usize].functions.clone();
    let callback = |function: u32| {
        let written = &unit.functions()[function as usize];
        let known = CALLBACKS.iter().find(|(name, arities)| {
            *name == written.name.text() && arities.contains(&written.arity)
        });
        known
            .filter(|_| written.kind.is_public() && !written.kind.is_macro())
            .map(|(name, _)| (*name, function))
    };
    functions.filter_map(callback).collect()
}
