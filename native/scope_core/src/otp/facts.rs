//! What one file says about processes: what it sends, what it takes, what it registers and starts.

use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::source::{CallSite, ModuleRef, Unit};

use super::eval::Eval;
use super::handlers::{Handler, Taker, handlers};
use super::message::{MessageKind, Send, Subscription, Target};
use super::project::Project;
use super::returns::{Return, returned};
use super::senders::{is_of_interest, sender};
use super::shape::{Shape, Site};

/// Rounds in which what a function sends is taken to those who call it.
const ROUNDS_MAX: usize = 3;

/// All of one file.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub handlers: Vec<Handler>,
    pub sends: Vec<Send>,
    pub subscriptions: Vec<Subscription>,
    /// Registered names, with the module whose process has it.
    pub names: Vec<(Shape, Atom)>,
    /// Where supervisors are started with their children at hand.
    pub supervisors: Vec<NodeIx>,
    /// Supervisors that are asked to start a child: the supervisor, the specification, where.
    pub dynamic_children: Vec<(Shape, Shape, NodeIx)>,
    /// Time-outs and hibernation that callbacks return.
    pub returns: Vec<Return>,
}

impl Facts {
    pub(crate) fn memory_bytes(&self) -> usize {
        let sends: usize = self.sends.iter().map(Send::memory_bytes).sum();
        let handlers: usize = self.handlers.iter().map(Handler::memory_bytes).sum();
        let topics = self.subscriptions.iter();
        let topics: usize = topics
            .map(|one| size_of::<Subscription>() + one.topic.heap_bytes())
            .sum();
        let names: usize = self.names.iter().map(|one| 32 + one.0.heap_bytes()).sum();
        let children = self.dynamic_children.iter();
        let children: usize = children
            .map(|one| 64 + one.0.heap_bytes() + one.1.heap_bytes())
            .sum();
        size_of::<Facts>()
            + sends
            + handlers
            + topics
            + names
            + children
            + self.returns.capacity() * size_of::<Return>()
            + self.supervisors.len() * size_of::<NodeIx>()
    }
}

impl Unit {
    /// What this file says about processes, found when first asked for.
    pub fn otp_facts(&self) -> &Facts {
        self.derived().otp.get_or_init(|| Arc::new(facts(self)))
    }
}

fn facts(unit: &Unit) -> Facts {
    let project = Project::new(vec![unit]);
    let mut facts = Facts {
        handlers: handlers(&project),
        ..Facts::default()
    };
    let (clauses, statements) = places_of_interest(unit);
    let mut by_clause: AHashMap<u32, Vec<Send>> = AHashMap::new();
    let inside = inside_process(unit, &facts.handlers);
    for &clause in &clauses {
        let own = inside.contains(&unit.clauses()[clause as usize].function);
        let sends = clause_facts(&project, clause, own, &AHashSet::new(), &mut facts);
        by_clause.insert(clause, sends);
    }
    let mut of_bodies = Vec::new();
    for (module, statement) in statements {
        let mut eval = Eval::new(&project);
        eval.sends = Some(Vec::new());
        eval.statement(0, module, statement);
        of_bodies.append(&mut taken(eval, &mut facts));
    }
    wrappers(&project, &inside, &mut by_clause);
    let mut all: Vec<(u32, Vec<Send>)> = by_clause.into_iter().collect();
    all.sort_unstable_by_key(|(clause, _)| *clause);
    facts.sends = all.into_iter().flat_map(|(_, sends)| sends).collect();
    facts.sends.append(&mut of_bodies);
    complete(unit, &mut facts);
    returned(&project, &mut facts);
    facts.sends.sort_by_key(|one| (one.node, one.through));
    facts.sends.shrink_to_fit();
    facts
}

/// Clauses in which something is sent, started or subscribed to; and statements of modules' bodies, with the module.
fn places_of_interest(unit: &Unit) -> (Vec<u32>, Vec<(u32, NodeIx)>) {
    let mut clauses: Vec<u32> = Vec::new();
    let mut statements: Vec<(u32, NodeIx)> = Vec::new();
    for site in unit.call_sites() {
        let seen = match site.clause {
            Some(clause) => clauses.last() == Some(&clause),
            None => statements
                .last()
                .is_some_and(|(_, statement)| unit.ast().contains(*statement, site.node)),
        };
        if seen || site.quoted {
            continue;
        }
        let module = module_text(&site);
        if !is_of_interest(module, site.callee.name.text(), site.callee.arity as usize) {
            continue;
        }
        match (site.clause, site.module) {
            (Some(clause), _) => clauses.push(clause),
            (None, Some(module)) => {
                let start = unit.modules()[module as usize].node;
                statements.push((module, statement_around(unit, start, site.node)));
            }
            _ => {}
        }
    }
    clauses.sort_unstable();
    clauses.dedup();
    (clauses, statements)
}

/// The statement of a module's body in which a node stands.
fn statement_around(unit: &Unit, module: NodeIx, node: NodeIx) -> NodeIx {
    let ast = unit.ast();
    let mut at = node;
    while let Some(parent) = ast.parent(at) {
        let of_body = ast.parent(parent).is_some_and(|list| {
            ast.parent(list)
                .is_some_and(|outer| outer == module || ast.parent(outer) == Some(module))
        });
        if of_body || parent == module {
            return at;
        }
        at = parent;
    }
    node
}

/// Functions that run in the process of their module: callbacks, and what these call in it. In others `self()` is whoever
/// calls them. Of a module that takes no messages, all of them.
fn inside_process(unit: &Unit, handlers: &[Handler]) -> AHashSet<u32> {
    let takers: AHashSet<u32> = handlers
        .iter()
        .filter(|one| matches!(one.taker, Taker::Clause(_)))
        .map(|one| one.module)
        .collect();
    let mut inside: AHashSet<u32> = AHashSet::new();
    let mut left: Vec<u32> = Vec::new();
    for (function, number) in unit.functions().iter().zip(0u32..) {
        if !takers.contains(&function.module) {
            inside.insert(number);
        } else if is_callback(function.name.text()) && function.kind.is_public() {
            inside.insert(number);
            left.push(number);
        }
    }
    for handler in handlers {
        if let Taker::Clause(clause) = handler.taker {
            let function = unit.clauses()[clause as usize].function;
            if inside.insert(function) {
                left.push(function);
            }
        }
    }
    if left.is_empty() {
        return inside;
    }
    let mut calls: AHashMap<u32, Vec<u32>> = AHashMap::new();
    for site in unit.call_sites() {
        let (Some(clause), Some(module)) = (site.clause, site.module) else {
            continue;
        };
        let own = unit.modules()[module as usize].name;
        let local = match site.callee.module {
            ModuleRef::Known(module) => module == own,
            ModuleRef::Local => true,
            _ => false,
        };
        if !local || !takers.contains(&module) {
            continue;
        }
        if let Some(callee) = unit.find_function(own, site.callee.name, site.callee.arity) {
            let caller = unit.clauses()[clause as usize].function;
            calls.entry(caller).or_default().push(callee);
        }
    }
    while let Some(function) = left.pop() {
        for &callee in calls.get(&function).map_or(&[][..], Vec::as_slice) {
            if inside.insert(callee) {
                left.push(callee);
            }
        }
    }
    inside
}

/// Callbacks of processes: of OTP, GenStage, LiveView and channels.
fn is_callback(name: &str) -> bool {
    name.starts_with("handle_")
        || matches!(
            name,
            "init"
                | "terminate"
                | "code_change"
                | "mount"
                | "render"
                | "join"
                | "update"
                | "callback_mode"
                | "format_status"
        )
}

fn module_text(site: &CallSite<'_>) -> &'static str {
    match site.callee.module {
        ModuleRef::Known(module) => module.text(),
        ModuleRef::Local => "Elixir.Kernel",
        _ => "",
    }
}

/// Evaluates a clause: gives what it sends, and adds the rest to the facts.
fn clause_facts(
    project: &Project<'_>,
    clause: u32,
    own: bool,
    inline: &AHashSet<u32>,
    facts: &mut Facts,
) -> Vec<Send> {
    let mut eval = Eval::new(project);
    eval.sends = Some(Vec::new());
    eval.inline = inline.clone();
    eval.clause(0, clause, None, own);
    taken(eval, facts)
}

/// Adds what was found on the way to the facts, and gives what was sent.
fn taken(mut eval: Eval<'_>, facts: &mut Facts) -> Vec<Send> {
    facts.subscriptions.append(&mut eval.subscriptions);
    for process in &eval.started {
        if let (Some(name), Some(module)) = (&process.name, process.module)
            && name.is_known()
        {
            let named = (name.clone(), module);
            if !facts.names.contains(&named) {
                facts.names.push(named);
            }
        }
        if let (Some(_), Some(site)) = (&process.children, process.site)
            && !facts.supervisors.contains(&site.node)
        {
            facts.supervisors.push(site.node);
        }
    }
    for (supervisor, spec, site) in eval.dynamic_children {
        let node = site.map(|site: Site| site.node);
        if let Some(node) = node
            && !facts.dynamic_children.iter().any(|one| one.2 == node)
        {
            facts.dynamic_children.push((supervisor, spec, node));
        }
    }
    eval.sends.unwrap_or_default()
}

/// Functions that send what they are given: their callers in the file send it.
fn wrappers(
    project: &Project<'_>,
    inside: &AHashSet<u32>,
    by_clause: &mut AHashMap<u32, Vec<Send>>,
) {
    let unit = project.unit(0);
    let mut inline: AHashSet<u32> = AHashSet::new();
    for _ in 0..ROUNDS_MAX {
        let mut found: AHashSet<u32> = AHashSet::new();
        for (clause, sends) in by_clause.iter() {
            if sends.iter().any(is_open) {
                found.insert(unit.clauses()[*clause as usize].function);
            }
        }
        found.retain(|function| inline.insert(*function));
        if found.is_empty() {
            return;
        }
        let mut changed = false;
        for clause in callers(unit, &found) {
            let mut aside = Facts::default();
            let own = inside.contains(&unit.clauses()[clause as usize].function);
            let sends = clause_facts(project, clause, own, &inline, &mut aside);
            changed |= !sends.is_empty();
            by_clause.insert(clause, sends);
        }
        if !changed {
            return;
        }
    }
}

/// What is sent, or to whom, is a parameter of the function that sends.
fn is_open(send: &Send) -> bool {
    let open = |shape: &Shape| match shape {
        Shape::Param(_) => true,
        Shape::Tuple(parts) => parts
            .items
            .iter()
            .any(|item| matches!(item, Shape::Param(_))),
        _ => false,
    };
    let message = matches!(send.message, Shape::Param(_))
        || send
            .message
            .items()
            .is_some_and(|items| matches!(items.first(), Some(Shape::Param(_))));
    let target = match &send.target {
        Target::Server(shape) => open(shape),
        Target::Topic(_) | Target::Caller | Target::Everyone => false,
    };
    !send.by_runtime && (message || target)
}

/// Clauses in which one of these functions is called.
fn callers(unit: &Unit, functions: &AHashSet<u32>) -> Vec<u32> {
    let wanted: AHashSet<(Atom, Atom, u32)> = functions
        .iter()
        .flat_map(|function| {
            let written = &unit.functions()[*function as usize];
            let module = unit.modules()[written.module as usize].name;
            let arities = written.arity - written.defaults..=written.arity;
            arities.map(move |arity| (module, written.name, arity))
        })
        .collect();
    let calls = |site: &CallSite<'_>| {
        let own = site
            .module
            .map(|module| unit.modules()[module as usize].name);
        let module = match site.callee.module {
            ModuleRef::Known(module) => Some(module),
            ModuleRef::Local => own,
            _ => None,
        };
        module.is_some_and(|module| wanted.contains(&(module, site.callee.name, site.callee.arity)))
    };
    let mut found: Vec<u32> = unit
        .call_sites()
        .filter(|site| !site.quoted && calls(site))
        .filter_map(|site| site.clause)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Adds the places that send and that no evaluation reached: too deep, too far, or outside of every clause.
fn complete(unit: &Unit, facts: &mut Facts) {
    let mut known: AHashSet<NodeIx> = facts.sends.iter().map(|one| one.node).collect();
    known.extend(facts.sends.iter().filter_map(|one| one.through));
    for site in unit.call_sites() {
        if site.quoted || site.module.is_none() || known.contains(&site.node) {
            continue;
        }
        let row = sender(
            module_text(&site),
            site.callee.name.text(),
            site.callee.arity as usize,
        );
        let is_local_definition = || {
            site.module.is_some_and(|module| {
                let module = unit.modules()[module as usize].name;
                unit.find_function(module, site.callee.name, site.callee.arity)
                    .is_some()
            })
        };
        if let Some(row) = row
            && !(site.callee.module == ModuleRef::Local && is_local_definition())
            && site.form.text() != "capture"
        {
            let target = match row.kind {
                MessageKind::Reply => Target::Caller,
                _ => Target::Server(Shape::Any),
            };
            facts.sends.push(Send {
                node: site.node,
                through: None,
                kind: row.kind,
                by: row.text,
                target,
                message: Shape::Any,
                by_runtime: false,
            });
        }
    }
}
