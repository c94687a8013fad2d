//! What `use` brings to a module, by following the `__using__` of the modules that are at hand, and by what is known
//! of Elixir's own.
//!
//! `use MyAppWeb, :controller` calls a function of that name in many projects; where one quotes something, it is
//! followed too. Nothing is run: what a macro computes is not seen.

use std::sync::Arc;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};
use crate::source::Unit;

use super::facts::{Directive, DirectiveKind, Injected};

/// Modules by name, as far as their sources are at hand.
pub trait Modules {
    fn find(&self, name: Atom) -> Option<(Arc<Unit>, u32)>;
}

/// The modules of one file.
pub struct OneFile(pub Arc<Unit>);

impl Modules for OneFile {
    fn find(&self, name: Atom) -> Option<(Arc<Unit>, u32)> {
        Some((self.0.clone(), self.0.find_module(name)?))
    }
}

/// A module that is used, directly or through others.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    pub module: Atom,
    /// The second argument, when it is an atom or begins with one.
    pub option: Option<Atom>,
    /// The `use` in the module itself.
    pub node: NodeIx,
    /// The module whose `__using__` says so, when it is not the module itself.
    pub through: Option<Atom>,
}

/// All that comes by `use`.
#[derive(Clone, Debug, Default)]
pub struct Brought {
    pub used: Vec<Used>,
    pub behaviours: Vec<(Atom, NodeIx)>,
    pub imports: Vec<(Atom, NodeIx)>,
    pub defines: Vec<Injected>,
    pub defines_struct: bool,
}

impl Brought {
    pub fn uses(&self, module: &str) -> Option<&Used> {
        self.used.iter().find(|one| one.module.text() == module)
    }

    pub fn imports(&self, module: &str) -> bool {
        self.imports.iter().any(|(one, _)| one.text() == module)
    }
}

/// Modules followed for one: nobody nests deeper.
const USED_MAX: usize = 64;

/// What `use` brings to a module.
pub fn brought(unit: &Unit, module: u32, modules: &dyn Modules) -> Brought {
    let mut found = Brought::default();
    let declared = unit.declared();
    let Some(facts) = declared.module(module) else {
        return found;
    };
    let direct = facts.directives(DirectiveKind::Use);
    let mut waiting: Vec<Used> = direct
        .filter(|one| !one.in_function)
        .map(|one| used(unit.ast(), one, one.node, None))
        .collect();
    waiting.reverse();
    while let Some(next) = waiting.pop() {
        let is_known = |one: &Used| one.module == next.module && one.option == next.option;
        if found.used.len() >= USED_MAX || found.used.iter().any(is_known) {
            continue;
        }
        found.used.push(next);
        match modules.find(next.module) {
            Some((other, number)) => follow(&other, number, &next, &mut found, &mut waiting),
            None => known(&next, &mut found),
        }
    }
    found
}

fn used(ast: &Ast, directive: &Directive, node: NodeIx, through: Option<Atom>) -> Used {
    Used {
        module: directive.module,
        option: directive.options.and_then(|option| first_atom(ast, option)),
        node,
        through,
    }
}

/// `:name`, `{:name, ...}` or `[:name, ...]`.
fn first_atom(ast: &Ast, option: NodeIx) -> Option<Atom> {
    match ast.kind(option) {
        Kind::Atom | Kind::Pair if ast.kind(option) == Kind::Atom => ast.atom(option),
        Kind::Pair => ast.atom(option),
        Kind::List | Kind::Tuple => ast.atom_of(ast.child(option, 0)?, Kind::Atom),
        _ => None,
    }
}

fn follow(unit: &Unit, module: u32, by: &Used, found: &mut Brought, waiting: &mut Vec<Used>) {
    let declared = unit.declared();
    let Some(facts) = declared.module(module) else {
        return;
    };
    // A case template makes cases of those that use it.
    let case = Used {
        module: intern("Elixir.ExUnit.Case"),
        option: None,
        node: by.node,
        through: Some(by.module),
    };
    let template = |one: &Directive| one.module.text() == "Elixir.ExUnit.CaseTemplate";
    waiting.extend(
        facts
            .directives(DirectiveKind::Use)
            .any(template)
            .then_some(case),
    );
    let mut functions: Vec<Atom> = by.option.into_iter().collect();
    functions.push(intern("__using__"));
    let mut seen: Vec<Atom> = Vec::new();
    let mut nested: Vec<Used> = Vec::new();
    while let Some(function) = functions.pop() {
        if seen.contains(&function) {
            continue;
        }
        seen.push(function);
        let Some(injection) = facts.injection(function) else {
            continue;
        };
        for directive in &injection.directives {
            match directive.kind {
                DirectiveKind::Use => {
                    nested.push(used(unit.ast(), directive, by.node, Some(by.module)));
                }
                DirectiveKind::Import => found.imports.push((directive.module, by.node)),
                DirectiveKind::Alias | DirectiveKind::Require => {}
            }
        }
        let behaviours = injection.behaviours.iter();
        found
            .behaviours
            .extend(behaviours.map(|&(behaviour, _)| (behaviour, by.node)));
        found.defines.extend(&injection.defines);
        found.defines_struct |= injection.defines_struct;
        functions.extend(injection.includes.iter().rev());
    }
    waiting.extend(nested.into_iter().rev());
}

/// Behaviours that a module outside of the project brings when it is used, and what it defines there.
type Known = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, u32)],
);

const KNOWN: &[Known] = &[
    (
        "Elixir.GenServer",
        &["Elixir.GenServer"],
        &[
            ("child_spec", 1),
            ("code_change", 3),
            ("handle_call", 3),
            ("handle_cast", 2),
            ("handle_info", 2),
            ("terminate", 2),
        ],
    ),
    (
        "Elixir.Supervisor",
        &["Elixir.Supervisor"],
        &[("child_spec", 1)],
    ),
    (
        "Elixir.DynamicSupervisor",
        &["Elixir.DynamicSupervisor"],
        &[("child_spec", 1)],
    ),
    ("Elixir.Agent", &[], &[("child_spec", 1)]),
    ("Elixir.Task", &[], &[("child_spec", 1)]),
    (
        "Elixir.Application",
        &["Elixir.Application"],
        &[("stop", 1)],
    ),
    ("Elixir.Mix.Task", &["Elixir.Mix.Task"], &[]),
    (
        "Elixir.GenStage",
        &["Elixir.GenStage"],
        &[("child_spec", 1)],
    ),
    (
        "Elixir.ConsumerSupervisor",
        &["Elixir.ConsumerSupervisor"],
        &[("child_spec", 1)],
    ),
    (
        "Elixir.Broadway",
        &["Elixir.Broadway"],
        &[("child_spec", 1)],
    ),
    ("Elixir.GenStateMachine", &["Elixir.GenStateMachine"], &[]),
    (
        "Elixir.Plug.Builder",
        &["Elixir.Plug"],
        &[("init", 1), ("call", 2)],
    ),
    (
        "Elixir.Plug.Router",
        &["Elixir.Plug"],
        &[("init", 1), ("call", 2)],
    ),
    (
        "Elixir.PlugAttack",
        &["Elixir.Plug"],
        &[("init", 1), ("call", 2)],
    ),
    (
        "Elixir.Phoenix.Controller",
        &["Elixir.Plug"],
        &[("init", 1), ("call", 2)],
    ),
    (
        "Elixir.Phoenix.Router",
        &["Elixir.Plug"],
        &[("init", 1), ("call", 2)],
    ),
    (
        "Elixir.Phoenix.Endpoint",
        &["Elixir.Phoenix.Endpoint", "Elixir.Plug"],
        &[("init", 1), ("call", 2), ("child_spec", 1)],
    ),
    (
        "Elixir.Phoenix.Channel",
        &["Elixir.Phoenix.Channel"],
        &[("child_spec", 1)],
    ),
    ("Elixir.Phoenix.Socket", &["Elixir.Phoenix.Socket"], &[]),
    (
        "Elixir.Phoenix.LiveView",
        &["Elixir.Phoenix.LiveView"],
        &[("__live__", 0)],
    ),
    (
        "Elixir.Phoenix.LiveComponent",
        &["Elixir.Phoenix.LiveComponent"],
        &[("__live__", 0)],
    ),
    (
        "Elixir.Phoenix.Presence",
        &["Elixir.Phoenix.Tracker"],
        &[("child_spec", 1)],
    ),
    (
        "Elixir.Ecto.Repo",
        &["Elixir.Ecto.Repo"],
        &[("child_spec", 1)],
    ),
    ("Elixir.Ecto.Type", &["Elixir.Ecto.Type"], &[]),
    (
        "Elixir.Ecto.ParameterizedType",
        &["Elixir.Ecto.ParameterizedType"],
        &[],
    ),
    (
        "Elixir.Oban.Worker",
        &["Elixir.Oban.Worker"],
        &[("new", 1), ("new", 2), ("backoff", 1), ("timeout", 1)],
    ),
    (
        "Elixir.Swoosh.Mailer",
        &[],
        &[("deliver", 1), ("deliver", 2)],
    ),
];

fn known(by: &Used, found: &mut Brought) {
    let Some((_, behaviours, defines)) = KNOWN.iter().find(|one| one.0 == by.module.text()) else {
        return;
    };
    for behaviour in *behaviours {
        found.behaviours.push((intern(behaviour), by.node));
    }
    for (name, arity) in *defines {
        found.defines.push(Injected {
            name: intern(name),
            arity: *arity,
            defaults: 0,
            is_macro: false,
            // Only the specification of a child is documented there.
            hidden: *name != "child_spec",
        });
    }
}
