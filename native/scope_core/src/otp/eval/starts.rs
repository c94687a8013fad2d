//! Functions that start processes: of OTP, of Elixir, of GenStage.

use crate::ast::NodeIx;
use crate::atoms::{Atom, intern};
use crate::otp::shape::{Shape, Site, Type};
use crate::otp::start::{ProcessKind, Started};

use super::calls::{Argument, Known};
use super::{Eval, Frame};

/// Marks what `init/1` of a supervisor gives: `{:ok, {marker, options, children}}`.
pub(in crate::otp) const INIT_MARK: &str = "$supervisor";

impl Eval<'_> {
    pub(super) fn starting(
        &mut self,
        frame: &mut Frame,
        ix: NodeIx,
        module: &str,
        name: &str,
        args: &[Argument],
    ) -> Known {
        let place = |at: usize| args.get(at).map_or(Shape::Any, |one| one.shape.clone());
        let site = Some(Site {
            unit: frame.unit,
            node: ix,
        });
        let starts = matches!(name, "start_link" | "start");
        let kind = match module {
            "Elixir.GenServer" | "gen_server" => ProcessKind::GenServer,
            "Elixir.GenStage" => ProcessKind::GenStage,
            "gen_statem" | "Elixir.GenStateMachine" => ProcessKind::GenStatem,
            "Elixir.Agent" => ProcessKind::Agent,
            "Elixir.Task" => ProcessKind::Task,
            "Elixir.Supervisor" | "supervisor" => ProcessKind::Supervisor,
            "Elixir.DynamicSupervisor" => ProcessKind::DynamicSupervisor,
            "Elixir.ConsumerSupervisor" => ProcessKind::ConsumerSupervisor,
            "Elixir.Task.Supervisor" => ProcessKind::TaskSupervisor,
            "Elixir.Registry" => ProcessKind::Registry,
            "Elixir.PartitionSupervisor" => ProcessKind::PartitionSupervisor,
            "Elixir.Kernel" | "erlang" | "proc_lib" | "Elixir.Node" => ProcessKind::Spawned,
            "Elixir.ExUnit.Callbacks" => ProcessKind::Spawned,
            _ => return Known::No,
        };
        let started = match (kind, name, args.len()) {
            (ProcessKind::Supervisor | ProcessKind::ConsumerSupervisor, "init", 2) => {
                let parts = vec![Shape::Atom(intern(INIT_MARK)), place(1), place(0)];
                return Known::Value(ok(Shape::tuple(parts)));
            }
            (ProcessKind::DynamicSupervisor, "init", 1) => {
                let parts = vec![Shape::Atom(intern(INIT_MARK)), place(0)];
                return Known::Value(ok(Shape::tuple(parts)));
            }
            (ProcessKind::Supervisor, "child_spec", 2) => {
                return Known::Value(self.overridden_spec(&place(0), &place(1)));
            }
            (ProcessKind::Supervisor | ProcessKind::DynamicSupervisor, "start_child", 2)
                if module != "supervisor" =>
            {
                return Known::Value(self.child_started(&place(0), &place(1), site));
            }
            (ProcessKind::Spawned, "start_supervised" | "start_link_supervised", 1 | 2) => {
                return Known::Value(self.process_of_spec(&place(0), site).map_or(Shape::Any, ok));
            }
            (ProcessKind::Spawned, "start_supervised!" | "start_link_supervised!", 1 | 2) => {
                let process = self.process_of_spec(&place(0), site);
                return Known::Value(process.unwrap_or(Shape::Of(Type::Pid)));
            }
            (ProcessKind::GenServer | ProcessKind::GenStatem | ProcessKind::GenStage, _, 2 | 3)
                if starts =>
            {
                served(kind, &place(0), place(1), &place(2))
            }
            (ProcessKind::GenServer | ProcessKind::GenStatem, _, 4) if starts => {
                let mut started = served(kind, &place(1), place(2), &place(3));
                started.name = erlang_name(&place(0)).or(started.name);
                started
            }
            (ProcessKind::Agent, _, 1 | 2) if starts => {
                let mut started = Started::new(kind, None, Shape::Any);
                started.name = place(1).get("name");
                started
            }
            (ProcessKind::Agent, _, 3 | 4) if starts => {
                let mut started = Started::new(kind, None, Shape::Any);
                started.name = place(3).get("name");
                started
            }
            (ProcessKind::Task, _, 1 | 3) if starts => {
                Started::new(kind, place(0).atom(), Shape::Any)
            }
            (ProcessKind::Supervisor, _, _) if starts => supervised(module, args),
            (ProcessKind::ConsumerSupervisor, _, 2) if place(0).elems().is_some() && starts => {
                let mut started = Started::new(kind, None, place(1));
                started.children = Some(place(0));
                started.name = place(1).get("name");
                started
            }
            (ProcessKind::ConsumerSupervisor, _, 2 | 3) if starts => {
                served(kind, &place(0), place(1), &place(2))
            }
            (ProcessKind::DynamicSupervisor, _, 2 | 3) if starts => {
                served(kind, &place(0), place(1), &place(2))
            }
            (
                ProcessKind::DynamicSupervisor
                | ProcessKind::TaskSupervisor
                | ProcessKind::Registry
                | ProcessKind::PartitionSupervisor,
                "start_link",
                0 | 1,
            ) => {
                let mut started = Started::new(kind, None, place(0));
                started.name = place(0).get("name");
                started
            }
            (ProcessKind::Spawned, "spawn" | "spawn_link", _) => {
                self.elsewhere(frame, args);
                let started = Started::new(kind, place(0).atom(), Shape::Any);
                return Known::Done(self.note(started, site));
            }
            _ => return Known::No,
        };
        if matches!(kind, ProcessKind::Agent | ProcessKind::Task) {
            self.elsewhere(frame, args);
            return Known::Done(ok(self.note(started, site)));
        }
        Known::Value(ok(self.note(started, site)))
    }

    /// Functions that run in another process: `self()` in there is not this one.
    pub(super) fn elsewhere(&mut self, frame: &mut Frame, args: &[Argument]) {
        let own = std::mem::replace(&mut frame.own, false);
        for function in args.iter().filter_map(|one| one.function) {
            self.scoped(frame, |eval, frame| eval.function(frame, function, &[]));
        }
        frame.own = own;
    }

    fn note(&mut self, mut started: Started, site: Option<Site>) -> Shape {
        started.site = site;
        let shape = Shape::process(started);
        if let Shape::Process(process) = &shape {
            self.started.push(process.clone());
        }
        shape
    }

    /// `Mod.start_link(...)` of a module that is not in sight gives, as everybody expects, a process of that module.
    pub(super) fn start_by_convention(
        &mut self,
        module: Atom,
        name: &str,
        args: &[Argument],
    ) -> Option<Shape> {
        match (name, args) {
            ("start_link" | "start", _) => {
                let argument = args.first().map_or(Shape::Any, |one| one.shape.clone());
                let started = Started::new(ProcessKind::GenServer, Some(module), argument);
                Some(ok(self.note(started, None)))
            }
            ("child_spec", [argument]) => {
                let argument = argument.shape.clone();
                Some(self.module_spec(module, argument))
            }
            _ => None,
        }
    }

    /// A process started by a supervisor that is asked to.
    fn child_started(&mut self, supervisor: &Shape, spec: &Shape, site: Option<Site>) -> Shape {
        self.dynamic_children
            .push((supervisor.clone(), spec.clone(), site));
        self.process_of_spec(spec, site).map_or(Shape::Any, ok)
    }

    /// The process that a child specification starts.
    pub(in crate::otp) fn process_of_spec(
        &mut self,
        spec: &Shape,
        site: Option<Site>,
    ) -> Option<Shape> {
        let spec = self.child_spec(spec)?;
        let start = spec.get("start")?;
        let items = start.items()?;
        let (module, name) = (items.first()?.atom()?, items.get(1)?.atom()?);
        let given = items.get(2)?.elems()?;
        let values: Vec<Shape> = given.iter().map(|elem| elem.shape.clone()).collect();
        let found = self.started_by(module, name, &values);
        let process = found.unwrap_or_else(|| {
            let argument = values.first().cloned().unwrap_or(Shape::Any);
            Started::new(ProcessKind::GenServer, Some(module), argument)
        });
        Some(self.note(process, site))
    }

    /// What `module.name(values...)` starts.
    pub(in crate::otp) fn started_by(
        &mut self,
        module: Atom,
        name: Atom,
        values: &[Shape],
    ) -> Option<Started> {
        if let Some(known) = builtin(module, name, values) {
            return Some(known);
        }
        let before = self.started.len();
        let value = self.quietly(|eval| eval.apply(module, name, values))?;
        let process = process_in(&value).or_else(|| {
            let noted = &self.started[before.min(self.started.len())..];
            noted.first().map(|one| Started::clone(one))
        });
        self.started.truncate(before);
        process
    }
}

/// `{:ok, value}`.
pub(super) fn ok(value: Shape) -> Shape {
    Shape::tuple(vec![Shape::Atom(intern("ok")), value])
}

/// The process in `{:ok, pid}`, or in one of several such values.
fn process_in(value: &Shape) -> Option<Started> {
    let found = value.alternatives().iter().find_map(|one| match one {
        Shape::Process(process) => Some(process),
        Shape::Tuple(parts) => parts.items.iter().find_map(|item| match item {
            Shape::Process(process) => Some(process),
            _ => None,
        }),
        _ => None,
    });
    found.map(|process| Started::clone(process))
}

/// `start_link(module, argument, options)`.
fn served(kind: ProcessKind, module: &Shape, argument: Shape, options: &Shape) -> Started {
    let mut started = Started::new(kind, module.atom(), argument);
    started.name = options.get("name");
    started
}

/// `Supervisor.start_link(children, options)`, `(module, argument)`, `(module, argument, options)`; of `:supervisor`
/// with the name in front.
fn supervised(module: &str, args: &[Argument]) -> Started {
    let place = |at: usize| args.get(at).map_or(Shape::Any, |one| one.shape.clone());
    let kind = ProcessKind::Supervisor;
    match args.len() {
        3 if module == "supervisor" => {
            let mut started = served(kind, &place(1), place(2), &Shape::Any);
            started.name = erlang_name(&place(0));
            started
        }
        2 if module != "supervisor" && place(0).atom().is_none_or(|name| name.text() == "nil") => {
            let mut started = Started::new(kind, None, place(1));
            started.children = Some(place(0));
            started.name = place(1).get("name");
            started
        }
        _ => served(kind, &place(0), place(1), &place(2)),
    }
}

/// `{:local, name}`, `{:global, name}`, `{:via, module, name}`.
fn erlang_name(shape: &Shape) -> Option<Shape> {
    match shape.items() {
        Some([Shape::Atom(tag), name]) if tag.text() == "local" => Some(name.clone()),
        Some(_) => Some(shape.clone()),
        None => None,
    }
}

/// The supervisors, registries, agents and tasks that Elixir brings along, started as children.
fn builtin(module: Atom, name: Atom, values: &[Shape]) -> Option<Started> {
    if name.text() != "start_link" {
        return None;
    }
    let first = || values.first().cloned().unwrap_or(Shape::Any);
    let kind = match module.text() {
        "Elixir.Task.Supervisor" => ProcessKind::TaskSupervisor,
        "Elixir.Registry" => ProcessKind::Registry,
        "Elixir.PartitionSupervisor" => ProcessKind::PartitionSupervisor,
        "Elixir.DynamicSupervisor" if values.len() == 1 => ProcessKind::DynamicSupervisor,
        "Elixir.DynamicSupervisor" => {
            let options = values.get(2).cloned().unwrap_or(Shape::Any);
            return Some(served(
                ProcessKind::DynamicSupervisor,
                &first(),
                values.get(1)?.clone(),
                &options,
            ));
        }
        "Elixir.Supervisor" => {
            let args: Vec<Argument> = values
                .iter()
                .map(|value| Argument {
                    node: None,
                    shape: value.clone(),
                    function: None,
                })
                .collect();
            return Some(supervised("Elixir.Supervisor", &args));
        }
        "Elixir.GenServer" | "Elixir.GenStage" => {
            let options = values.get(2).cloned().unwrap_or(Shape::Any);
            return Some(served(
                ProcessKind::GenServer,
                &first(),
                values.get(1)?.clone(),
                &options,
            ));
        }
        "Elixir.Agent" => ProcessKind::Agent,
        "Elixir.Task" => ProcessKind::Task,
        _ => return None,
    };
    let mut started = Started::new(kind, None, first());
    started.name = match kind {
        ProcessKind::Agent => values.get(1).and_then(|options| options.get("name")),
        ProcessKind::Task => None,
        _ => first().get("name"),
    };
    Some(started)
}
