//! Callbacks: which functions of a module a behaviour asks for.

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::declare::SpecKind;

use super::survey::Survey;

/// A function that implements a callback.
#[derive(Clone, Debug)]
pub struct Callback {
    pub name: Atom,
    pub arity: u32,
    /// `None` when only `@impl` says so, and not of what.
    pub behaviour: Option<Atom>,
    /// It has an `@impl`.
    pub marked: bool,
    pub node: NodeIx,
}

type Known = (&'static str, &'static [(&'static str, u32)]);

/// Callbacks of behaviours whose source is not at hand.
const KNOWN: &[Known] = &[
    ("Elixir.GenServer", GEN_SERVER),
    ("gen_server", GEN_SERVER),
    ("Elixir.Supervisor", &[("init", 1)]),
    ("Elixir.DynamicSupervisor", &[("init", 1)]),
    ("Elixir.ConsumerSupervisor", &[("init", 1)]),
    ("supervisor", &[("init", 1)]),
    ("Elixir.Application", APPLICATION),
    ("application", APPLICATION),
    ("gen_statem", GEN_STATEM),
    ("Elixir.GenStateMachine", GEN_STATEM),
    (
        "gen_event",
        &[
            ("init", 1),
            ("handle_event", 2),
            ("handle_call", 2),
            ("handle_info", 2),
            ("terminate", 2),
            ("code_change", 3),
            ("format_status", 2),
        ],
    ),
    (
        "Elixir.GenStage",
        &[
            ("init", 1),
            ("handle_call", 3),
            ("handle_cast", 2),
            ("handle_info", 2),
            ("handle_demand", 2),
            ("handle_events", 3),
            ("handle_subscribe", 4),
            ("handle_cancel", 3),
            ("terminate", 2),
            ("code_change", 3),
            ("format_status", 2),
        ],
    ),
    ("Elixir.Mix.Task", &[("run", 1)]),
    (
        "Elixir.Exception",
        &[("exception", 1), ("message", 1), ("blame", 2)],
    ),
    (
        "Elixir.Access",
        &[("fetch", 2), ("get_and_update", 3), ("pop", 2)],
    ),
    ("Elixir.Plug", &[("init", 1), ("call", 2)]),
    (
        "Elixir.Phoenix.LiveView",
        &[
            ("mount", 3),
            ("render", 1),
            ("handle_params", 3),
            ("handle_event", 3),
            ("handle_async", 3),
            ("handle_info", 2),
            ("handle_call", 3),
            ("handle_cast", 2),
            ("terminate", 2),
        ],
    ),
    (
        "Elixir.Phoenix.LiveComponent",
        &[
            ("mount", 1),
            ("update", 2),
            ("update_many", 1),
            ("render", 1),
            ("handle_event", 3),
            ("handle_async", 3),
        ],
    ),
    (
        "Elixir.Phoenix.Channel",
        &[
            ("join", 3),
            ("handle_in", 3),
            ("handle_out", 3),
            ("handle_info", 2),
            ("handle_call", 3),
            ("handle_cast", 2),
            ("terminate", 2),
            ("code_change", 3),
        ],
    ),
    (
        "Elixir.Phoenix.Socket",
        &[("connect", 2), ("connect", 3), ("id", 1)],
    ),
    ("Elixir.Phoenix.Endpoint", &[("init", 2)]),
    (
        "Elixir.Ecto.Repo",
        &[("init", 2), ("prepare_query", 3), ("default_options", 1)],
    ),
    (
        "Elixir.Ecto.Type",
        &[
            ("type", 0),
            ("cast", 1),
            ("load", 1),
            ("dump", 1),
            ("equal?", 2),
            ("embed_as", 1),
            ("autogenerate", 0),
        ],
    ),
    (
        "Elixir.Ecto.ParameterizedType",
        &[
            ("init", 1),
            ("type", 1),
            ("cast", 2),
            ("load", 3),
            ("dump", 3),
            ("equal?", 3),
            ("embed_as", 2),
            ("autogenerate", 1),
            ("format", 1),
        ],
    ),
    (
        "Elixir.Oban.Worker",
        &[("perform", 1), ("new", 2), ("backoff", 1), ("timeout", 1)],
    ),
    (
        "Elixir.Broadway",
        &[
            ("prepare_messages", 2),
            ("handle_message", 3),
            ("handle_batch", 4),
            ("handle_failed", 2),
            ("process_name", 2),
        ],
    ),
];

const GEN_SERVER: &[(&str, u32)] = &[
    ("init", 1),
    ("handle_call", 3),
    ("handle_cast", 2),
    ("handle_info", 2),
    ("handle_continue", 2),
    ("terminate", 2),
    ("code_change", 3),
    ("format_status", 1),
    ("format_status", 2),
];

const APPLICATION: &[(&str, u32)] = &[
    ("start", 2),
    ("stop", 1),
    ("prep_stop", 1),
    ("start_phase", 3),
    ("config_change", 3),
];

const GEN_STATEM: &[(&str, u32)] = &[
    ("init", 1),
    ("callback_mode", 0),
    ("handle_event", 4),
    ("terminate", 3),
    ("code_change", 4),
    ("format_status", 1),
    ("format_status", 2),
];

/// The functions of a module that implement callbacks, in the order of the source.
pub fn callbacks(survey: &Survey<'_>) -> Vec<Callback> {
    let asked: Vec<(Atom, Vec<(Atom, u32)>)> = survey
        .implements()
        .iter()
        .map(|one| (one.module, asked_for(survey, one.module)))
        .collect();
    let facts = survey.facts();
    let mut all: Vec<Callback> = Vec::new();
    for (offset, function) in survey.functions().iter().enumerate() {
        let said = facts.functions.get(offset).and_then(|own| own.implements);
        if !function.kind.is_public() {
            continue;
        }
        let node = survey.node_of(function);
        let of = |arity: u32, behaviour: Option<Atom>| Callback {
            name: function.name,
            arity,
            behaviour: said.and_then(|(_, named)| named).or(behaviour),
            marked: said.is_some(),
            node,
        };
        // With defaults, one function may answer several.
        let before = all.len();
        for arity in function.arity - function.defaults..=function.arity {
            let wanted = |names: &[(Atom, u32)]| names.contains(&(function.name, arity));
            let by = asked.iter().find(|(_, names)| wanted(names));
            all.extend(by.map(|(behaviour, _)| of(arity, Some(*behaviour))));
        }
        if all.len() == before && said.is_some() {
            all.push(of(function.arity, None));
        }
    }
    all
}

/// What a behaviour asks for: as it declares, or as is known of it.
fn asked_for(survey: &Survey<'_>, behaviour: Atom) -> Vec<(Atom, u32)> {
    if let Some((unit, module)) = survey.modules.find(behaviour) {
        let declared = unit.declared();
        let specs = declared.module(module).map(|facts| &facts.specs);
        let callbacks = specs.into_iter().flatten();
        let mut names: Vec<(Atom, u32)> = callbacks
            .filter(|one| one.kind != SpecKind::Spec && !one.dynamic)
            .map(|one| (one.name, one.arity))
            .collect();
        if unit.modules()[module as usize].kind == crate::source::ModuleKind::Protocol {
            let functions = unit.functions_of_module(module).iter();
            names.extend(functions.map(|one| (one.name, one.arity)));
        }
        return names;
    }
    let known = KNOWN.iter().find(|(name, _)| *name == behaviour.text());
    known.map_or(Vec::new(), |(_, names)| {
        let interned = names.iter();
        interned
            .map(|(name, arity)| (crate::atoms::intern(name), *arity))
            .collect()
    })
}
