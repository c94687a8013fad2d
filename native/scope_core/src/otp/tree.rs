//! The supervision tree of a project, as its source says it will be.
//!
//! From the `mod:` of each `mix.exs` the application's `start/2` is read, the supervisor that it starts, that one's
//! children and what each of them starts, and so on. Supervisors that no application reaches are roots of their own.

use ahash::AHashSet;

use crate::atoms::{Atom, intern};
use crate::source::{ModuleDef, ModuleType};

use super::eval::{Eval, INIT_MARK};
use super::project::Project;
use super::shape::{Elem, Presence, Shape, Site};
use super::spec::ASSUMED;
use super::start::{ProcessKind, Started};

/// Processes of one project's tree.
const NODES_MAX: usize = 20_000;
const LEVELS_MAX: u32 = 32;

/// How much of a child's specification is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basis {
    /// All of it is in the source.
    Written,
    /// The module's `child_spec/1` is not in sight (a library's, a macro's): taken as `use GenServer` makes it.
    Assumed,
    /// It is computed when the program runs.
    Unknown,
}

/// A process, or a kind of process of which there may be many.
#[derive(Clone, Debug)]
pub struct Node {
    pub parent: Option<u32>,
    pub children: Vec<u32>,
    pub kind: Option<ProcessKind>,
    /// With the callbacks; of a process of Elixir's own kinds what stands in the specification.
    pub module: Option<Atom>,
    pub name: Option<Shape>,
    pub id: Option<Shape>,
    pub start: Option<(Atom, Atom, u32)>,
    /// As specified, or the default.
    pub restart: Option<Atom>,
    pub shutdown: Option<Shape>,
    pub is_supervisor: bool,
    /// The specification says so: `type: :supervisor`.
    pub type_supervisor: bool,
    pub presence: Presence,
    pub basis: Basis,
    /// Started on request: `DynamicSupervisor.start_child`, the child of a `PartitionSupervisor`.
    pub on_request: bool,
    /// Of a supervisor.
    pub strategy: Option<Atom>,
    pub max_restarts: Option<i64>,
    pub max_seconds: Option<i64>,
    /// The element of the list of children.
    pub spec_site: Option<Site>,
    /// The call that starts it.
    pub start_site: Option<Site>,
    level: u32,
}

#[derive(Clone, Debug)]
pub struct Application {
    /// `app:` of its `mix.exs`.
    pub name: Option<Atom>,
    pub module: Atom,
    /// Its top supervisor.
    pub root: Option<u32>,
    /// Where `mod:` is written, if it is.
    pub project: Option<Site>,
}

#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub applications: Vec<Application>,
    pub nodes: Vec<Node>,
    /// Supervisors that no application reaches.
    pub detached: Vec<u32>,
    /// Requests for a child whose supervisor is not known.
    pub unattached: Vec<(Site, Option<Atom>)>,
    /// There was more than the limits allow.
    pub truncated: bool,
}

struct Build<'p> {
    project: &'p Project<'p>,
    tree: Tree,
    /// Supervisors whose children are not looked at yet.
    left: Vec<(u32, Started)>,
    /// Modules of supervisors that are in the tree.
    seen: AHashSet<Atom>,
    seen_sites: AHashSet<Site>,
}

/// Builds the tree.
pub fn tree(project: &Project<'_>) -> Tree {
    let mut build = Build {
        project,
        tree: Tree::default(),
        left: Vec::new(),
        seen: AHashSet::new(),
        seen_sites: AHashSet::new(),
    };
    build.applications();
    build.expand();
    build.detached();
    build.requested();
    build.expand();
    build.tree
}

impl<'p> Build<'p> {
    fn applications(&mut self) {
        let mut mentioned: AHashSet<Atom> = AHashSet::new();
        let project = self.project;
        let modules = || {
            let units = project.units().iter().zip(0u32..);
            units.flat_map(|(unit, at)| {
                let modules = unit.modules().iter().filter(|one| !one.dynamic);
                modules.map(move |module| (at, *unit, module))
            })
        };
        for (at, unit, module) in modules() {
            if module.module_type != ModuleType::MixProject {
                continue;
            }
            let mut eval = Eval::new(project);
            let name = eval.apply(module.name, intern("project"), &[]);
            let name = name
                .and_then(|one| one.get("app"))
                .and_then(|one| one.atom());
            let options = eval.apply(module.name, intern("application"), &[]);
            let Some(start) = options.and_then(|one| one.get("mod")) else {
                continue;
            };
            let (callback, argument) = match start.items() {
                Some([Shape::Atom(callback), argument]) => (*callback, argument.clone()),
                _ => continue,
            };
            mentioned.insert(callback);
            let site = unit
                .find_function(module.name, intern("application"), 0)
                .map(|function| Site {
                    unit: at,
                    node: unit.clauses_of_function(function)[0].node,
                });
            self.application(name, callback, argument, site);
        }
        for (_, _, module) in modules() {
            if module.module_type == ModuleType::Application && mentioned.insert(module.name) {
                self.application(None, module.name, Shape::Any, None);
            }
        }
    }

    fn application(
        &mut self,
        name: Option<Atom>,
        module: Atom,
        argument: Shape,
        project: Option<Site>,
    ) {
        let mut eval = Eval::new(self.project);
        let values = [Shape::Atom(intern("normal")), argument];
        let started = eval.started_by(module, intern("start"), &values);
        let root = started.and_then(|started| self.root(started));
        self.tree.applications.push(Application {
            name,
            module,
            root,
            project,
        });
    }

    fn root(&mut self, started: Started) -> Option<u32> {
        let node = Node {
            parent: None,
            module: started.module,
            ..blank(0)
        };
        self.push(node, Some(started))
    }

    /// Adds a node, with the process that it is if that is known.
    fn push(&mut self, mut node: Node, started: Option<Started>) -> Option<u32> {
        if self.tree.nodes.len() >= NODES_MAX || node.level > LEVELS_MAX {
            self.tree.truncated = true;
            return None;
        }
        let number = self.tree.nodes.len() as u32;
        if let Some(started) = started {
            node.kind = Some(started.kind);
            node.module = started.module.or(node.module);
            node.name = started.name.clone();
            node.start_site = started.site;
            node.is_supervisor = started.kind.is_supervisor() || node.type_supervisor;
            if started.kind.is_supervisor() {
                self.left.push((number, started));
            }
        } else {
            node.is_supervisor = node.type_supervisor;
        }
        if let Some(parent) = node.parent {
            self.tree.nodes[parent as usize].children.push(number);
        }
        self.tree.nodes.push(node);
        Some(number)
    }

    fn expand(&mut self) {
        while let Some((number, started)) = self.left.pop() {
            if let Some(site) = started.site {
                self.seen_sites.insert(site);
            }
            if let Some(module) = started.module {
                let again = self.ancestors(number).any(|one| {
                    let node = &self.tree.nodes[one as usize];
                    node.module == Some(module) && node.kind.is_some_and(ProcessKind::is_supervisor)
                });
                self.seen.insert(module);
                if again {
                    continue;
                }
            }
            let (options, children) = self.initialised(&started);
            self.describe(number, &started, &options);
            let Some(children) = children else {
                continue;
            };
            for elem in expanded(&children) {
                self.child(number, elem, false);
            }
        }
    }

    fn ancestors(&self, number: u32) -> impl Iterator<Item = u32> + '_ {
        let parent = |one: &u32| self.tree.nodes[*one as usize].parent;
        std::iter::successors(parent(&number), parent)
    }

    /// Options and children of a supervisor.
    fn initialised(&self, started: &Started) -> (Shape, Option<Shape>) {
        if started.kind == ProcessKind::PartitionSupervisor {
            let spec = started.argument.get("child_spec");
            let spec = spec.map(|spec| Shape::list(vec![Elem::many(spec)]));
            return (started.argument.clone(), spec);
        }
        let Some(module) = started.module else {
            return (started.argument.clone(), started.children.clone());
        };
        let mut eval = Eval::new(self.project);
        let init = eval.apply(
            module,
            intern("init"),
            std::slice::from_ref(&started.argument),
        );
        let Some(init) = init else {
            return (Shape::Any, None);
        };
        let (mut options, mut children): (Option<Shape>, Option<Shape>) = (None, None);
        for one in init.alternatives() {
            let Some([_, Shape::Tuple(parts)]) = one.items() else {
                continue;
            };
            let (flags, list) = match &parts.items[..] {
                [Shape::Atom(mark), options] if mark.text() == INIT_MARK => (options, None),
                [Shape::Atom(mark), options, list] if mark.text() == INIT_MARK => {
                    (options, Some(list))
                }
                [flags, list] => (flags, Some(list)),
                _ => continue,
            };
            options = Some(options.map_or(flags.clone(), |one| one.or(flags.clone())));
            if let Some(list) = list {
                children = Some(match children {
                    Some(known) => known.or(list.clone()),
                    None => list.clone(),
                });
            }
        }
        (options.unwrap_or(Shape::Any), children)
    }

    fn describe(&mut self, number: u32, started: &Started, options: &Shape) {
        let node = &mut self.tree.nodes[number as usize];
        let int = |shape: Option<Shape>| match shape {
            Some(Shape::Int(int)) => Some(int),
            _ => None,
        };
        if let Some([Shape::Atom(strategy), restarts, seconds]) = options.items() {
            node.strategy = Some(*strategy);
            node.max_restarts = int(Some(restarts.clone()));
            node.max_seconds = int(Some(seconds.clone()));
            return;
        }
        let known = options.elems().is_some() || matches!(options, Shape::Map(_));
        let or_default = |key: &str, default: i64| match options.lookup(key) {
            super::shape::Lookup::Found(value) => int(Some(value)),
            super::shape::Lookup::Absent if known => Some(default),
            _ => None,
        };
        // The defaults of `Supervisor.init/2`; `:supervisor` allows one restart, but its flags are mostly complete.
        let is_map = matches!(options, Shape::Map(_));
        node.max_restarts = or_default("max_restarts", 3).or_else(|| int(options.get("intensity")));
        node.max_seconds = or_default("max_seconds", 5).or_else(|| int(options.get("period")));
        if is_map {
            node.max_restarts = int(options.get("intensity")).or(Some(1));
            node.max_seconds = int(options.get("period")).or(Some(5));
        }
        let default = match started.kind {
            ProcessKind::Supervisor => None,
            ProcessKind::Registry => Some("one_for_all"),
            _ => Some("one_for_one"),
        };
        let strategy = options.get("strategy").and_then(|one| one.atom());
        node.strategy = strategy.or(default.map(intern));
    }

    /// A child of a supervisor.
    fn child(&mut self, parent: u32, elem: Elem, on_request: bool) {
        let level = self.tree.nodes[parent as usize].level + 1;
        let parent_kind = self.tree.nodes[parent as usize].kind;
        let mut eval = Eval::new(self.project);
        let mut node = Node {
            parent: Some(parent),
            presence: elem.presence,
            spec_site: elem.site,
            on_request: on_request
                || matches!(
                    parent_kind,
                    Some(ProcessKind::ConsumerSupervisor | ProcessKind::PartitionSupervisor)
                ),
            ..blank(level)
        };
        let Some(spec) = eval.child_spec(&elem.shape) else {
            self.push(node, None);
            return;
        };
        let atom = |key: &str| spec.get(key).and_then(|one| one.atom());
        node.id = spec.get("id").filter(Shape::is_known);
        node.type_supervisor = atom("type").is_some_and(|one| one.text() == "supervisor");
        node.basis = match spec.get(ASSUMED) {
            Some(_) => Basis::Assumed,
            None => Basis::Written,
        };
        let plain = |key: &str| matches!(spec.lookup(key), super::shape::Lookup::Absent);
        node.restart = atom("restart").or_else(|| plain("restart").then(|| intern("permanent")));
        node.shutdown = spec.get("shutdown").or_else(|| {
            let default = match node.type_supervisor {
                true => Shape::Atom(intern("infinity")),
                false => Shape::Int(5_000),
            };
            plain("shutdown").then_some(default)
        });
        let start = spec.get("start");
        let parts = start.as_ref().and_then(Shape::items);
        let Some([Shape::Atom(module), Shape::Atom(name), given]) = parts else {
            node.basis = Basis::Unknown;
            node.module = written_module(&elem.shape);
            self.push(node, None);
            return;
        };
        let values: Vec<Shape> = match given.elems() {
            Some(elems) => elems.iter().map(|elem| elem.shape.clone()).collect(),
            None => Vec::new(),
        };
        node.module = Some(*module);
        node.start = Some((*module, *name, values.len() as u32));
        let started = eval.started_by(*module, *name, &values);
        self.push(node, started);
    }

    /// Supervisors that are in no application's tree.
    fn detached(&mut self) {
        let project = self.project;
        for (unit, at) in project.units().iter().zip(0u32..) {
            for module in unit.modules() {
                let is_supervisor = module.module_type == ModuleType::Supervisor;
                if module.dynamic || !is_supervisor || self.seen.contains(&module.name) {
                    continue;
                }
                let kind = supervisor_kind(module);
                let started = Started::new(kind, Some(module.name), Shape::Any);
                self.detached_root(started);
                self.expand();
            }
            for node in &unit.otp_facts().supervisors {
                let site = Site {
                    unit: at,
                    node: *node,
                };
                let Some(clause) = unit.clause_of(*node) else {
                    continue;
                };
                if self.seen_sites.contains(&site) {
                    continue;
                }
                let mut eval = Eval::new(project);
                eval.clause(at, clause, None, false);
                let found = eval.started.iter().find(|one| one.site == Some(site));
                if let Some(found) = found {
                    self.detached_root(Started::clone(found));
                    self.expand();
                }
            }
        }
    }

    fn detached_root(&mut self, started: Started) {
        if let Some(root) = self.root(started) {
            self.tree.detached.push(root);
        }
    }

    /// Children that supervisors start on request.
    fn requested(&mut self) {
        let project = self.project;
        let mut requests: Vec<(Option<u32>, Elem)> = Vec::new();
        for (unit, at) in project.units().iter().zip(0u32..) {
            for (supervisor, spec, node) in &unit.otp_facts().dynamic_children {
                let site = Site {
                    unit: at,
                    node: *node,
                };
                let own = unit
                    .module_of(*node)
                    .map(|one| unit.modules()[one as usize].name);
                let found = self.supervisor_of(supervisor, own);
                let elem = Elem {
                    shape: spec.clone(),
                    presence: Presence::Many,
                    site: Some(site),
                };
                requests.push((found, elem));
            }
        }
        for (supervisor, elem) in requests {
            match (supervisor, elem.site) {
                (Some(supervisor), _) => self.child(supervisor, elem, true),
                (None, Some(site)) => {
                    let module = written_module(&elem.shape);
                    self.tree.unattached.push((site, module));
                }
                _ => {}
            }
        }
    }

    /// The supervisor that a name means; with only a pid at hand, the one of the module itself.
    fn supervisor_of(&self, supervisor: &Shape, own: Option<Atom>) -> Option<u32> {
        let supervisors = || {
            self.tree
                .nodes
                .iter()
                .zip(0u32..)
                .filter(|(node, _)| node.is_supervisor)
        };
        let named = |name: &Shape| {
            supervisors()
                .find(|(node, _)| node.name.as_ref() == Some(name))
                .map(|(_, at)| at)
        };
        let of_module = |module: Atom| {
            supervisors()
                .find(|(node, _)| node.module == Some(module))
                .map(|(_, at)| at)
        };
        match supervisor {
            Shape::Atom(name) => named(supervisor).or_else(|| of_module(*name)),
            Shape::Process(process) => process.module.and_then(of_module),
            Shape::Tuple(_) => supervisors()
                .find(|(node, _)| {
                    let name = node.name.as_ref();
                    name.is_some_and(|name| supervisor.fits(name) != super::fit::Fit::No)
                })
                .map(|(_, at)| at),
            _ => own.and_then(of_module),
        }
    }
}

/// Each alternative of an element as an element of its own.
fn expanded(children: &Shape) -> Vec<Elem> {
    let mut all = Vec::new();
    let lists = children.alternatives();
    let known: Vec<&Shape> = lists.iter().filter(|one| one.elems().is_some()).collect();
    let elems = match known[..] {
        [one] => one.elems().map(<[Elem]>::to_vec).unwrap_or_default(),
        [] => vec![Elem::many(Shape::Any)],
        _ => super::eval::merged_lists(children),
    };
    for elem in elems {
        let choices = elem.shape.alternatives();
        let choices: Vec<&Shape> = choices.iter().filter(|one| !one.is_falsy()).collect();
        let alone = choices.len() == 1 && elem.shape.alternatives().len() == 1;
        for shape in choices {
            let presence = match alone {
                true => elem.presence,
                false => elem.presence.max(Presence::Maybe),
            };
            all.push(Elem {
                shape: shape.clone(),
                presence,
                site: elem.site,
            });
        }
    }
    all
}

/// The module in `Mod` or `{Mod, argument}`.
fn written_module(spec: &Shape) -> Option<Atom> {
    spec.atom().or_else(|| spec.items()?.first()?.atom())
}

fn supervisor_kind(module: &ModuleDef) -> ProcessKind {
    let mut names = module.uses.iter().chain(&module.behaviours);
    match names.any(|one| one.text() == "Elixir.DynamicSupervisor") {
        true => ProcessKind::DynamicSupervisor,
        false => ProcessKind::Supervisor,
    }
}

fn blank(level: u32) -> Node {
    Node {
        parent: None,
        children: Vec::new(),
        kind: None,
        module: None,
        name: None,
        id: None,
        start: None,
        restart: None,
        shutdown: None,
        is_supervisor: false,
        type_supervisor: false,
        presence: Presence::Always,
        basis: Basis::Unknown,
        on_request: false,
        strategy: None,
        max_restarts: None,
        max_seconds: None,
        spec_site: None,
        start_site: None,
        level,
    }
}

impl Tree {
    /// Names of processes in the tree, with the modules that run in them.
    pub fn names(&self) -> impl Iterator<Item = (&Shape, Atom)> {
        self.nodes.iter().filter_map(|node| {
            let name = node.name.as_ref().filter(|one| one.is_known())?;
            Some((name, node.module?))
        })
    }
}
