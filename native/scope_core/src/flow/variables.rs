//! The variables of one file: every binding, every use, and the scopes they live in.
//!
//! A *binding* is one version of a variable, as the compiler numbers them (single assignment): a name
//! bound again is a new binding. An *occurrence* is a place in the source where a variable stands; it
//! belongs to exactly one binding. A *region* is what the compiler numbers by itself: a clause of a
//! function, the body of a module, a file.

use crate::ast::NodeIx;
use crate::atoms::Atom;

/// "None" in a column of indexes.
pub(crate) const NONE: u32 = u32::MAX;

/// How a variable got its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BindKind {
    /// An argument of a function's clause.
    Parameter,
    /// `pattern = value`, and what binds as it does.
    Match,
    /// A clause of `case`, of the `else` of `with` or `try`, or of an unknown macro.
    Clause,
    /// An argument of `fn`.
    FnParameter,
    /// `pattern <- values` in `for`.
    Generator,
    /// The accumulator of `for ... reduce:`.
    Accumulator,
    /// `pattern <- value` in `with`.
    With,
    /// A message.
    Receive,
    /// `rescue e in ...`.
    Rescue,
    /// `catch kind, reason`.
    Catch,
    /// `match?(pattern, value)`.
    Test,
}

impl BindKind {
    pub fn text(self) -> &'static str {
        match self {
            BindKind::Parameter => "parameter",
            BindKind::Match => "match",
            BindKind::Clause => "clause",
            BindKind::FnParameter => "fn_parameter",
            BindKind::Generator => "generator",
            BindKind::Accumulator => "accumulator",
            BindKind::With => "with",
            BindKind::Receive => "receive",
            BindKind::Rescue => "rescue",
            BindKind::Catch => "catch",
            BindKind::Test => "test",
        }
    }
}

/// One version of a variable.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub name: Atom,
    /// Where it is bound: the variable in the pattern.
    pub node: NodeIx,
    /// An index into `Variables::scopes`.
    pub scope: u32,
    /// Its number within its region, from 0, in the order of evaluation.
    pub version: u32,
    /// The binding of this name that was visible before; `u32::MAX` when there was none.
    pub previous: u32,
    /// The expression whose value was taken apart; `u32::MAX` when it is not written (an argument, a message).
    pub origin: u32,
    pub kind: BindKind,
    /// How often it is used: read, pinned, or compared with in its own pattern. Saturates.
    pub uses: u16,
    /// Read by `binding()`.
    pub by_binding: bool,
    /// Used inside a closure that was made outside of it.
    pub captured: bool,
}

/// What a variable does at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Role {
    Bind,
    Read,
    /// `^x` in a pattern.
    Pin,
    /// The second `x` of `{x, x}`: compared with the first.
    Again,
}

impl Role {
    pub fn text(self) -> &'static str {
        match self {
            Role::Bind => "bind",
            Role::Read => "read",
            Role::Pin => "pin",
            Role::Again => "again",
        }
    }
}

/// A place where a variable stands.
#[derive(Clone, Copy, Debug)]
pub struct Occurrence {
    pub node: NodeIx,
    /// An index into `Variables::bindings`; `u32::MAX` for a name that nothing binds: a call without
    /// parentheses, a variable that a macro brings, or a mistake.
    pub binding: u32,
    pub scope: u32,
    pub role: Role,
    /// Inside a closure, and bound outside of it.
    pub captured: bool,
}

/// What opened a scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ScopeKind {
    File,
    Module,
    /// A clause of a function.
    Function,
    /// `test`, `setup`: a function that a macro makes.
    MacroFunction,
    /// A clause of `fn`: a closure.
    Fn,
    /// `&(...)`: a closure.
    Capture,
    /// A clause of `case`, `cond`, `receive`, `rescue`, `catch`, `else`.
    Clause,
    /// A block of `if`, `try`, ...
    Block,
    For,
    With,
    /// The right side of `and or && ||`.
    ShortCircuit,
    /// `match?`.
    Test,
    /// The default of an argument.
    Default,
    /// The block of a macro that is not known.
    MacroBlock,
}

impl ScopeKind {
    pub fn text(self) -> &'static str {
        match self {
            ScopeKind::File => "file",
            ScopeKind::Module => "module",
            ScopeKind::Function => "function",
            ScopeKind::MacroFunction => "macro_function",
            ScopeKind::Fn => "fn",
            ScopeKind::Capture => "capture",
            ScopeKind::Clause => "clause",
            ScopeKind::Block => "block",
            ScopeKind::For => "for",
            ScopeKind::With => "with",
            ScopeKind::ShortCircuit => "short_circuit",
            ScopeKind::Test => "match?",
            ScopeKind::Default => "default",
            ScopeKind::MacroBlock => "macro_block",
        }
    }

    pub fn is_closure(self) -> bool {
        matches!(self, ScopeKind::Fn | ScopeKind::Capture)
    }
}

/// Where bindings live. The scope of a region has no parent within the region.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    pub node: NodeIx,
    /// An index into `Variables::scopes`; its own for the file's.
    pub parent: u32,
    /// An index into `Variables::regions`.
    pub region: u32,
    pub kind: ScopeKind,
}

/// A clause, the body of a module, a file: what is numbered by itself.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    pub node: NodeIx,
    pub scope: u32,
    /// How many bindings it has.
    pub bindings: u32,
    /// Its bindings, with those of regions inside of it, begin at this one and end before `bindings_end`.
    pub first_binding: u32,
    pub bindings_end: u32,
    /// Its scopes begin with its own and end before this one.
    pub scopes_end: u32,
    /// A head without a body (of defaults, of a protocol, of a delegate): its names tell a reader something, no more.
    pub declares: bool,
}

/// All variables of one file.
#[derive(Debug, Default)]
pub struct Variables {
    pub(super) bindings: Vec<Binding>,
    /// By node.
    pub(super) occurrences: Vec<Occurrence>,
    pub(super) scopes: Vec<Scope>,
    /// In the order in which they begin.
    pub(super) regions: Vec<Region>,
    /// The regions by the node that opened them.
    pub(super) by_node: Vec<(NodeIx, u32)>,
}

impl Variables {
    /// In the order of evaluation.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// In the order of the source.
    pub fn occurrences(&self) -> &[Occurrence] {
        &self.occurrences
    }

    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The region that a definition opened, by its node.
    pub fn region_of(&self, node: NodeIx) -> Option<u32> {
        // The last of a node: a file that is one module begins with it.
        let end = self.by_node.partition_point(|&(one, _)| one <= node);
        let &(found, region) = self.by_node.get(end.checked_sub(1)?)?;
        (found == node).then_some(region)
    }

    /// The occurrences in the subtree of a node: preorder numbers from its own to its end.
    pub fn occurrences_in(&self, node: NodeIx, end: u32) -> &[Occurrence] {
        let first = self.occurrences.partition_point(|one| one.node < node);
        let last = self.occurrences.partition_point(|one| one.node.0 < end);
        &self.occurrences[first..last]
    }

    /// What stands at a node, if it is a variable.
    pub fn occurrence_at(&self, node: NodeIx) -> Option<&Occurrence> {
        let found = self.occurrences.binary_search_by_key(&node, |one| one.node);
        found.ok().map(|at| &self.occurrences[at])
    }

    /// The occurrences of a binding, its own place first.
    pub fn of_binding(&self, binding: u32) -> impl Iterator<Item = &Occurrence> + '_ {
        self.occurrences
            .iter()
            .filter(move |one| one.binding == binding)
    }

    /// The bindings of a region, in the order of evaluation.
    pub fn bindings_of(&self, region: u32) -> impl Iterator<Item = u32> + '_ {
        let own = self.regions[region as usize];
        (own.first_binding..own.bindings_end)
            .filter(move |&one| self.region_of_binding(one) == region)
    }

    /// The scopes of a region, each behind its parent.
    pub fn scopes_of(&self, region: u32) -> impl Iterator<Item = u32> + '_ {
        let own = self.regions[region as usize];
        (own.scope..own.scopes_end).filter(move |&one| self.scopes[one as usize].region == region)
    }

    /// The region of a binding.
    pub fn region_of_binding(&self, binding: u32) -> u32 {
        self.scopes[self.bindings[binding as usize].scope as usize].region
    }

    /// Bound again: the same name, in the same scope.
    pub fn rebinds(&self, binding: u32) -> Option<u32> {
        let own = &self.bindings[binding as usize];
        let before = self.bindings.get(own.previous as usize)?;
        (before.scope == own.scope).then_some(own.previous)
    }

    /// Hides a binding of an outer scope of the same region for as long as its own scope lasts.
    pub fn shadows(&self, binding: u32) -> Option<u32> {
        let own = &self.bindings[binding as usize];
        let before = self.bindings.get(own.previous as usize)?;
        let hidden = before.scope != own.scope
            && self.scopes[before.scope as usize].region == self.scopes[own.scope as usize].region;
        hidden.then_some(own.previous)
    }

    /// Bound and never used, as the compiler warns of it: names that begin with `_` say so themselves.
    pub fn is_unused(&self, binding: u32) -> bool {
        let own = &self.bindings[binding as usize];
        let declares = self.regions[self.region_of_binding(binding) as usize].declares;
        own.uses == 0 && !own.by_binding && !declares && !own.name.text().starts_with('_')
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<Variables>()
            + self.bindings.capacity() * size_of::<Binding>()
            + self.occurrences.capacity() * size_of::<Occurrence>()
            + self.scopes.capacity() * size_of::<Scope>()
            + self.regions.capacity() * size_of::<Region>()
            + self.by_node.capacity() * size_of::<(NodeIx, u32)>()
    }

    pub(super) fn shrink(&mut self) {
        self.bindings.shrink_to_fit();
        self.occurrences.shrink_to_fit();
        self.scopes.shrink_to_fit();
        self.regions.shrink_to_fit();
        self.by_node.shrink_to_fit();
    }
}
