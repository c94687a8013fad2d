//! The walk that finds every variable: one pass over a file in the order of evaluation.
//!
//! It follows Elixir's compiler (`elixir_expand.erl`, `elixir_clauses.erl`): the arguments of a call read
//! what was bound before the call, and what they bind is bound behind it; the right side of a match comes
//! before its left side; a pattern binds a name once; what a clause binds ends with it. An explicit stack
//! of steps stands in for recursion, a trail of what was bound for copies of the environment.

mod calls;
mod constructs;
mod definitions;
mod env;
mod expressions;
mod patterns;

use std::collections::HashSet;

use crate::ast::{Ast, NodeIx};
use crate::atoms::Atom;
use crate::source::{FunctionKind, Unit};

use self::env::Env;
use super::form::arrow;
use super::variables::{
    BindKind, Binding, NONE, Occurrence, Region, Role, Scope, ScopeKind, Variables,
};

/// What is still to be done, the next on top.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Evaluate.
    Expr(NodeIx),
    /// Evaluate a call whose first argument stands elsewhere: the left side of `|>`.
    Piped(NodeIx, NodeIx),
    /// Bind, within a match.
    Pattern(NodeIx),
    /// The right side of `::` in a binary.
    Spec(NodeIx),
    /// Arguments: each reads what was bound before all of them.
    ArgsBegin,
    ArgNext,
    ArgsEnd,
    Enter(ScopeKind, NodeIx),
    Leave,
    /// Remembers what is bound now, for the match that follows.
    Mark,
    /// Forgets what was bound since the mark: the right side of `<-` keeps it to itself.
    Drop,
    /// A pattern begins: `origin` is what it takes apart.
    MatchBegin(BindKind, u32),
    MatchEnd,
    RegionBegin(ScopeKind, NodeIx),
    RegionEnd,
    /// `unquote` in a definition: evaluated in the body of the module.
    FragmentBegin,
    FragmentEnd,
    /// The default of an argument sees no variable.
    BlindBegin(NodeIx),
    BlindEnd,
}

/// A pattern at hand.
#[derive(Clone, Copy)]
struct Match {
    /// Bindings from here on are this pattern's own.
    start: u32,
    /// Bindings from here on are hidden from its pins.
    before: u32,
    origin: u32,
    kind: BindKind,
}

/// Which bindings can be seen: those from `low` to `middle`, and those from `high`.
#[derive(Clone, Copy)]
struct Visible {
    low: u32,
    middle: u32,
    high: u32,
}

impl Visible {
    fn from(high: u32) -> Self {
        Visible {
            low: 0,
            middle: 0,
            high,
        }
    }

    fn sees(&self, binding: u32) -> bool {
        binding >= self.high || (self.low..self.middle).contains(&binding)
    }
}

struct OpenRegion {
    scope: u32,
    /// Where bindings stood when it began.
    start: u32,
    /// What can be seen around it.
    outside: Visible,
}

pub(super) struct Walk<'a> {
    ast: &'a Ast,
    /// The clauses that the file defines, by node.
    clauses: HashSet<NodeIx, ahash::RandomState>,
    /// The names of its functions.
    names: HashSet<Atom, ahash::RandomState>,
    /// Its functions, macros left out, with their arities.
    functions: HashSet<(Atom, u32), ahash::RandomState>,
    steps: Vec<Step>,
    env: Env,
    /// Open arguments: where the trail stood, and where their own writes begin in `written`.
    args: Vec<(u32, u32)>,
    written: Vec<(Atom, u32)>,
    marks: Vec<(u32, u32)>,
    matches: Vec<Match>,
    visible: Vec<Visible>,
    regions: Vec<OpenRegion>,
    /// Open scopes with where the trail stood.
    scopes: Vec<(u32, u32)>,
    /// Open closures: the first binding that is their own.
    closures: Vec<u32>,
    found: Variables,
}

/// A chain of equal names is followed this far; longer ones are no program that anybody wrote.
const HIDDEN_MAX: usize = 4096;

pub(super) fn walk(unit: &Unit) -> Variables {
    let ast = unit.ast();
    let functions = unit.functions().iter().filter(|one| !one.kind.is_macro());
    let mut walk = Walk {
        ast,
        clauses: unit.clauses().iter().map(|clause| clause.node).collect(),
        names: unit.functions().iter().map(|one| one.name).collect(),
        functions: functions.map(|one| (one.name, one.arity)).collect(),
        steps: Vec::new(),
        env: Env::default(),
        args: Vec::new(),
        written: Vec::new(),
        marks: Vec::new(),
        matches: Vec::new(),
        visible: vec![Visible::from(0)],
        regions: Vec::new(),
        scopes: Vec::new(),
        closures: Vec::new(),
        found: Variables::default(),
    };
    let root = ast.root();
    walk.open_region(ScopeKind::File, root);
    walk.steps.push(Step::Expr(root));
    while let Some(step) = walk.steps.pop() {
        walk.step(step);
    }
    let mut found = walk.finish();
    for clause in unit.clauses() {
        let kind = unit.functions()[clause.function as usize].kind;
        let guard = matches!(kind, FunctionKind::Defguard | FunctionKind::Defguardp);
        let declares = kind == FunctionKind::Defdelegate || clause.bodiless && !guard;
        if let Some(region) = found.region_of(clause.node).filter(|_| declares) {
            found.regions[region as usize].declares = true;
        }
    }
    found
}

impl Walk<'_> {
    fn step(&mut self, step: Step) {
        match step {
            Step::Expr(ix) => self.expression(ix),
            Step::Piped(call, first) => self.call(call, Some(first)),
            Step::Pattern(ix) => self.pattern(ix),
            Step::Spec(ix) => self.spec(ix),
            Step::ArgsBegin => {
                self.args.push((self.env.len(), self.written.len() as u32));
            }
            Step::ArgNext => {
                if let Some(&(mark, _)) = self.args.last() {
                    self.env.take_since(mark, &mut self.written);
                }
            }
            Step::ArgsEnd => {
                if let Some((_, start)) = self.args.pop() {
                    for &(name, binding) in &self.written[start as usize..] {
                        self.env.set(name, binding);
                    }
                    self.written.truncate(start as usize);
                }
            }
            Step::Enter(kind, node) => self.enter(kind, node),
            Step::Leave => self.leave(),
            Step::Mark => self.marks.push((self.next(), self.env.len())),
            Step::Drop => {
                if let Some(&(_, trail)) = self.marks.last() {
                    self.env.undo(trail);
                }
            }
            Step::MatchBegin(kind, origin) => {
                let start = self.next();
                let before = self.marks.pop().map_or(start, |(before, _)| before);
                self.matches.push(Match {
                    start,
                    before,
                    origin,
                    kind,
                });
            }
            Step::MatchEnd => {
                self.matches.pop();
            }
            Step::RegionBegin(kind, node) => self.open_region(kind, node),
            Step::RegionEnd => self.close_region(),
            Step::FragmentBegin => {
                let high = self.next();
                let outside = self
                    .regions
                    .last()
                    .map(|region| (region.outside, region.start));
                let (outside, start) = outside.unwrap_or((Visible::from(0), high));
                self.visible.push(Visible {
                    low: outside.high,
                    middle: start,
                    high,
                });
            }
            Step::FragmentEnd | Step::BlindEnd => {
                self.visible.pop();
                if matches!(step, Step::BlindEnd) {
                    self.leave();
                }
            }
            Step::BlindBegin(node) => {
                self.enter(ScopeKind::Default, node);
                self.visible.push(Visible::from(self.next()));
            }
        }
    }

    /// The number that the next binding gets.
    fn next(&self) -> u32 {
        self.found.bindings.len() as u32
    }

    // Steps are pushed in the order in which they are to happen, then turned around.

    fn plan(&mut self, steps: impl IntoIterator<Item = Step>) {
        let start = self.steps.len();
        self.steps.extend(steps);
        self.steps[start..].reverse();
    }

    fn scope(&self) -> u32 {
        self.scopes.last().map_or(0, |&(scope, _)| scope)
    }

    fn enter(&mut self, kind: ScopeKind, node: NodeIx) {
        let parent = self.scope();
        let region = self.found.scopes[parent as usize].region;
        self.found.scopes.push(Scope {
            node,
            parent,
            region,
            kind,
        });
        let scope = self.found.scopes.len() as u32 - 1;
        self.scopes.push((scope, self.env.len()));
        if kind.is_closure() {
            self.closures.push(self.next());
        }
    }

    fn leave(&mut self) {
        let Some((scope, trail)) = self.scopes.pop() else {
            return;
        };
        self.env.undo(trail);
        if self.found.scopes[scope as usize].kind.is_closure() {
            self.closures.pop();
        }
    }

    fn open_region(&mut self, kind: ScopeKind, node: NodeIx) {
        let region = self.found.regions.len() as u32;
        let scope = self.found.scopes.len() as u32;
        self.found.regions.push(Region {
            node,
            scope,
            bindings: 0,
            first_binding: self.next(),
            bindings_end: 0,
            scopes_end: 0,
            declares: false,
        });
        self.found.scopes.push(Scope {
            node,
            parent: self.scopes.last().map_or(scope, |&(outer, _)| outer),
            region,
            kind,
        });
        self.scopes.push((scope, self.env.len()));
        let outside = *self.visible.last().unwrap_or(&Visible::from(0));
        self.regions.push(OpenRegion {
            scope,
            start: self.next(),
            outside,
        });
        // The body of a module in a function sees the function's variables; a function sees none.
        let visible = match kind {
            ScopeKind::Function | ScopeKind::MacroFunction => Visible::from(self.next()),
            _ => outside,
        };
        self.visible.push(visible);
    }

    fn close_region(&mut self) {
        let Some(open) = self.regions.pop() else {
            return;
        };
        while self
            .scopes
            .last()
            .is_some_and(|&(scope, _)| scope > open.scope)
        {
            self.leave();
        }
        self.leave();
        self.visible.pop();
        let region = self.found.scopes[open.scope as usize].region;
        let (bindings, scopes) = (self.next(), self.found.scopes.len() as u32);
        let region = &mut self.found.regions[region as usize];
        region.bindings_end = bindings;
        region.scopes_end = scopes;
    }

    /// The binding that a name means here.
    fn lookup(&self, name: Atom) -> Option<u32> {
        let visible = self.visible.last()?;
        self.lookup_where(name, |binding| visible.sees(binding))
    }

    fn lookup_where(&self, name: Atom, sees: impl Fn(u32) -> bool) -> Option<u32> {
        let mut binding = self.env.get(name)?;
        for _ in 0..HIDDEN_MAX {
            if binding == NONE {
                return None;
            }
            if sees(binding) {
                return Some(binding);
            }
            binding = self.found.bindings[binding as usize].previous;
        }
        None
    }

    fn bind(&mut self, node: NodeIx, kind: BindKind, origin: u32) {
        let Some(name) = self.ast.atom(node) else {
            return;
        };
        let scope = self.scope();
        let region = self.found.scopes[scope as usize].region as usize;
        let number = self.next();
        let version = self.found.regions[region].bindings;
        self.found.regions[region].bindings += 1;
        self.found.bindings.push(Binding {
            name,
            node,
            scope,
            version,
            previous: self.env.get(name).unwrap_or(NONE),
            origin,
            kind,
            uses: 0,
            by_binding: false,
            captured: false,
        });
        self.env.set(name, number);
        self.occurrence(node, number, Role::Bind);
    }

    fn read(&mut self, node: NodeIx, role: Role, binding: Option<u32>) {
        let Some(binding) = binding else {
            return self.occurrence(node, NONE, role);
        };
        let own = &mut self.found.bindings[binding as usize];
        own.uses = own.uses.saturating_add(1);
        self.occurrence(node, binding, role);
    }

    fn occurrence(&mut self, node: NodeIx, binding: u32, role: Role) {
        let inside = self.closures.last().is_some_and(|&start| binding < start);
        // A closure of an outer region is none of this one's business.
        let region = self.regions.last().map_or(0, |region| region.start);
        let captured = binding != NONE && inside && binding >= region;
        if captured {
            self.found.bindings[binding as usize].captured = true;
        }
        self.found.occurrences.push(Occurrence {
            node,
            binding,
            scope: self.scope(),
            role,
            captured,
        });
    }

    /// The steps of a clause `pattern when guard -> body` in a scope of its own.
    fn clause(
        &mut self,
        steps: &mut Vec<Step>,
        ix: NodeIx,
        scope: ScopeKind,
        kind: BindKind,
        origin: u32,
    ) {
        let parts = arrow(self.ast, ix);
        steps.push(Step::Enter(scope, ix));
        steps.push(Step::Mark);
        steps.push(Step::MatchBegin(kind, origin));
        steps.extend(parts.left.iter().map(|&one| Step::Pattern(one)));
        steps.push(Step::MatchEnd);
        steps.extend(parts.guard.map(Step::Expr));
        steps.extend(parts.body.map(Step::Expr));
        steps.push(Step::Leave);
    }

    fn finish(mut self) -> Variables {
        self.close_region();
        self.found.occurrences.sort_by_key(|one| one.node);
        let regions = &self.found.regions;
        let mut by_node: Vec<(NodeIx, u32)> = regions
            .iter()
            .zip(0..)
            .map(|(region, at)| (region.node, at))
            .collect();
        // The last one: a file that is one module begins with it.
        by_node.sort();
        self.found.by_node = by_node;
        self.found.shrink();
        self.found
    }
}
