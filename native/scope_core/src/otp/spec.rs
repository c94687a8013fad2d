//! Child specifications in all their forms, as maps.
//!
//! The defaults are those of `Supervisor` (`:permanent`, 5 seconds, `:worker`) and of each module's own
//! `child_spec/1`, read from the sources of Elixir.

use crate::atoms::{Atom, intern};

use super::eval::Eval;
use super::project::used;
use super::shape::{Elem, Presence, Shape};

/// Set in a specification that nothing in sight defines: it is the one that `use GenServer` makes.
pub(super) const ASSUMED: &str = "$assumed";

/// What `use` of these gives a module: `child_spec/1` with this type and restart.
const USED: &[(&str, &str, Option<&str>)] = &[
    ("Elixir.GenServer", "worker", None),
    ("Elixir.GenStage", "worker", None),
    ("Elixir.GenStateMachine", "worker", None),
    ("Elixir.Agent", "worker", None),
    ("Elixir.Task", "worker", Some("temporary")),
    ("Elixir.Supervisor", "supervisor", None),
    ("Elixir.DynamicSupervisor", "supervisor", None),
    ("Elixir.ConsumerSupervisor", "supervisor", None),
];

impl Eval<'_> {
    /// A specification as a map with `:id` and `:start`. `None` when nothing is known of it.
    pub(super) fn child_spec(&mut self, spec: &Shape) -> Option<Shape> {
        match spec {
            Shape::Atom(module) if !spec.is_falsy() => {
                Some(self.module_spec(*module, Shape::list(Vec::new())))
            }
            Shape::Map(map) if map.structure.is_none() => Some(spec.clone()),
            Shape::Tuple(parts) => match &parts.items[..] {
                [Shape::Atom(module), argument] => {
                    Some(self.module_spec(*module, argument.clone()))
                }
                [id, start, restart, shutdown, kind, modules] => {
                    let keys = ["id", "start", "restart", "shutdown", "type", "modules"];
                    let values = [id, start, restart, shutdown, kind, modules];
                    let pairs = keys.iter().zip(values);
                    let pairs = pairs.map(|(key, value)| (Shape::Atom(intern(key)), value.clone()));
                    Some(Shape::map(None, pairs.collect(), false))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// `module.child_spec(argument)`.
    pub(super) fn module_spec(&mut self, module: Atom, argument: Shape) -> Shape {
        let child_spec = intern("child_spec");
        if self.project.function(module, child_spec, 1).is_some() {
            let given = self.apply(module, child_spec, std::slice::from_ref(&argument));
            let given = given.as_ref().map_or(&[][..], |one| one.alternatives());
            // A map, or the tuple that Erlang's supervisors take too.
            let whole = |one: &&Shape| match one {
                Shape::Map(_) => true,
                other => other.items().is_some_and(|items| items.len() == 6),
            };
            if let Some(found) = given.iter().find(whole) {
                return self.child_spec(found).unwrap_or(Shape::Any);
            }
            return assumed(default_spec(Shape::Atom(module), module, argument));
        }
        if let Some(spec) = builtin_spec(module, &argument) {
            return spec;
        }
        self.inherited_spec(module, argument)
    }

    /// What `use` gives the module, before it is overridden.
    pub(super) fn inherited_spec(&mut self, module: Atom, argument: Shape) -> Shape {
        let plain = default_spec(Shape::Atom(module), module, argument);
        match self.used_spec(module, &plain) {
            Some(spec) => spec,
            None => assumed(plain),
        }
    }

    /// What `use GenServer, restart: :transient` and its like make.
    fn used_spec(&mut self, module: Atom, plain: &Shape) -> Option<Shape> {
        let (unit, number) = self.project.module(module)?;
        let source = self.project.unit(unit);
        let definition = &source.modules()[number as usize];
        let known = USED.iter().find_map(|row| {
            let used = definition.uses.iter().find(|one| one.text() == row.0)?;
            Some((row, *used))
        });
        let ((_, kind, restart), name) = known?;
        let mut spec = plain.clone();
        if *kind == "supervisor" {
            spec = set(&spec, "type", Shape::Atom(intern(kind)));
        }
        if let Some(restart) = restart {
            spec = set(&spec, "restart", Shape::Atom(intern(restart)));
        }
        if let Some(Some(options)) = used(source, number, name) {
            let options = self.in_module(unit, number, options);
            spec = overridden(&spec, &options);
        }
        Some(spec)
    }

    /// `Supervisor.child_spec(spec, overrides)`.
    pub(super) fn overridden_spec(&mut self, spec: &Shape, overrides: &Shape) -> Shape {
        match self.child_spec(spec) {
            Some(spec) => overridden(&spec, overrides),
            None => overridden(&Shape::map(None, Vec::new(), true), overrides),
        }
    }
}

fn overridden(spec: &Shape, overrides: &Shape) -> Shape {
    let mut spec = spec.clone();
    for elem in overrides.elems().unwrap_or(&[]) {
        if let (Some([Shape::Atom(key), value]), Presence::Always) =
            (elem.shape.items(), elem.presence)
        {
            spec = set(&spec, key.text(), value.clone());
        }
    }
    spec
}

fn set(spec: &Shape, key: &str, value: Shape) -> Shape {
    let Shape::Map(map) = spec else {
        return spec.clone();
    };
    let key = Shape::Atom(intern(key));
    let mut entries = map.entries.items.to_vec();
    entries.retain(|(own, _)| *own != key);
    entries.push((key, value));
    Shape::map(None, entries, map.open)
}

fn assumed(spec: Shape) -> Shape {
    set(&spec, ASSUMED, Shape::Atom(intern("true")))
}

/// `%{id: id, start: {module, :start_link, [argument]}}`.
fn default_spec(id: Shape, module: Atom, argument: Shape) -> Shape {
    let arguments = Shape::list(vec![Elem::new(argument, None)]);
    let start = vec![
        Shape::Atom(module),
        Shape::Atom(intern("start_link")),
        arguments,
    ];
    let entries = vec![
        (Shape::Atom(intern("id")), id),
        (Shape::Atom(intern("start")), Shape::tuple(start)),
    ];
    Shape::map(None, entries, false)
}

/// `child_spec/1` of the modules that Elixir brings along.
fn builtin_spec(module: Atom, argument: &Shape) -> Option<Shape> {
    let named = |default: &str| match argument.lookup("name") {
        super::shape::Lookup::Found(name) => match name.items() {
            Some([Shape::Atom(tag), rest @ ..]) if matches!(tag.text(), "global" | "via") => {
                rest.last().cloned().unwrap_or(Shape::Any)
            }
            _ => name,
        },
        super::shape::Lookup::Absent => Shape::Atom(intern(default)),
        super::shape::Lookup::Unknown => Shape::Any,
    };
    let supervisor = |id: Shape| {
        let spec = default_spec(id, module, argument.clone());
        set(&spec, "type", Shape::Atom(intern("supervisor")))
    };
    Some(match module.text() {
        "Elixir.Registry" | "Elixir.Task.Supervisor" | "Elixir.DynamicSupervisor" => {
            supervisor(named(module.text()))
        }
        // Its default id is indeed that of the other one.
        "Elixir.PartitionSupervisor" => supervisor(named("Elixir.DynamicSupervisor")),
        "Elixir.Supervisor" => supervisor(Shape::Atom(module)),
        "Elixir.Agent" => default_spec(Shape::Atom(module), module, argument.clone()),
        "Elixir.Task" => {
            let spec = default_spec(Shape::Atom(module), module, argument.clone());
            set(&spec, "restart", Shape::Atom(intern("temporary")))
        }
        _ => return None,
    })
}
