//! Finds what a source defines, in one pass over the arena.
//!
//! What stands inside `quote` is data, not a definition, and is stepped over.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;

use super::aliases::{Aliases, Name, end_of_scope, is};
use super::define::{FunctionKind, ModuleKind};
use super::head::{Head, head_call, heads};
use super::words::{Word, word};

#[derive(Debug)]
pub(super) struct FoundModule {
    /// One; an implementation for a list of targets has one for each.
    pub(super) names: Vec<Name>,
    pub(super) kind: ModuleKind,
    pub(super) node: NodeIx,
    pub(super) parent: Option<u32>,
    pub(super) conditional: bool,
    pub(super) in_function: bool,
    /// `use`, with its second argument when that is an atom.
    pub(super) uses: Vec<(Atom, Option<Atom>)>,
    pub(super) behaviours: Vec<Atom>,
    /// Of an implementation: the protocol, and the target of each name.
    pub(super) protocol: Option<Atom>,
    pub(super) targets: Vec<Atom>,
    pub(super) defines_struct: bool,
    pub(super) defines_exception: bool,
}

pub(super) struct FoundClause {
    pub(super) module: u32,
    pub(super) kind: FunctionKind,
    pub(super) head: Head,
}

#[derive(Default)]
pub(super) struct Found {
    pub(super) modules: Vec<FoundModule>,
    pub(super) clauses: Vec<FoundClause>,
}

#[derive(Clone, Copy)]
enum Inside {
    Module(u32),
    Function,
}

struct Walk<'a> {
    ast: &'a Ast,
    aliases: Aliases,
    /// The modules and functions that enclose the entry at hand, with where they end.
    enclosing: Vec<(u32, Inside)>,
    /// Where the conditions that enclose the entry at hand end.
    conditions: Vec<u32>,
    /// The head of a definition: it looks like a call of what it defines, and is none.
    head: Option<NodeIx>,
    found: Found,
}

pub(super) fn extract(ast: &Ast) -> Found {
    let mut walk = Walk {
        ast,
        aliases: Aliases::default(),
        enclosing: Vec::new(),
        conditions: Vec::new(),
        head: None,
        found: Found::default(),
    };
    let mut at = 0u32;
    while (at as usize) < ast.len() {
        while walk.enclosing.last().is_some_and(|&(end, _)| end <= at) {
            walk.enclosing.pop();
        }
        while walk.conditions.last().is_some_and(|&end| end <= at) {
            walk.conditions.pop();
        }
        walk.aliases.leave(at);
        let ix = NodeIx(at);
        let word = ast.atom_of(ix, Kind::Call).and_then(word);
        at = match word {
            Some(_) if walk.head == Some(ix) => at + 1,
            Some(Word::Quote) => ast.end(ix),
            Some(word) => {
                walk.call(ix, word);
                at + 1
            }
            None => at + 1,
        };
    }
    walk.found
}

impl Walk<'_> {
    fn call(&mut self, ix: NodeIx, word: Word) {
        match word {
            Word::Defmodule => self.module(ix, ModuleKind::Module),
            Word::Defprotocol => self.module(ix, ModuleKind::Protocol),
            Word::Defimpl => self.implementation(ix),
            Word::Def => self.definition(ix, FunctionKind::Def),
            Word::Defp => self.definition(ix, FunctionKind::Defp),
            Word::Defmacro => self.definition(ix, FunctionKind::Defmacro),
            Word::Defmacrop => self.definition(ix, FunctionKind::Defmacrop),
            Word::Defdelegate => self.definition(ix, FunctionKind::Defdelegate),
            Word::Defguard => self.definition(ix, FunctionKind::Defguard),
            Word::Defguardp => self.definition(ix, FunctionKind::Defguardp),
            Word::Alias | Word::Require => {
                let current = self.current_name();
                self.aliases.directive(self.ast, ix, current);
            }
            Word::Use => self.use_directive(ix),
            Word::Attribute => self.attribute(ix),
            Word::Defstruct | Word::Defexception => {
                if let Some(module) = self.current_module() {
                    let module = &mut self.found.modules[module as usize];
                    module.defines_struct = true;
                    module.defines_exception |= word == Word::Defexception;
                }
            }
            Word::If
            | Word::Unless
            | Word::Case
            | Word::Cond
            | Word::With
            | Word::For
            | Word::Try
            | Word::Receive
            | Word::Fn => self.conditions.push(self.ast.end(ix)),
            _ => {}
        }
    }

    /// The module whose body this is, if it is no function's body.
    fn current_module(&self) -> Option<u32> {
        match self.enclosing.last()?.1 {
            Inside::Module(module) => Some(module),
            Inside::Function => None,
        }
    }

    /// The innermost module, whether this is in one of its functions or not. A function is not
    /// directly in a function, so this looks at two at most.
    fn around(&self) -> Option<u32> {
        self.enclosing
            .iter()
            .rev()
            .find_map(|&(_, inside)| match inside {
                Inside::Module(module) => Some(module),
                Inside::Function => None,
            })
    }

    fn current_name(&self) -> Option<Name> {
        self.around()
            .map(|module| self.found.modules[module as usize].names[0])
    }

    fn module(&mut self, ix: NodeIx, kind: ModuleKind) {
        let Some(written) = self.ast.child(ix, 0) else {
            return;
        };
        // A variable or a local call named so, without a body: no definition.
        if self.ast.children(ix).count() < 2 {
            return;
        }
        let name = self.module_name(ix, written);
        self.push_module(ix, kind, vec![name], None, Vec::new());
    }

    /// Elixir's rule: an alias nested in a module is concatenated to the module's name, unless it
    /// starts with `Elixir` or `__MODULE__`; and then its first segment becomes an alias.
    fn module_name(&mut self, ix: NodeIx, written: NodeIx) -> Name {
        let current = self.current_name();
        let first = self.ast.child(written, 0).filter(|_| {
            self.ast.kind(written) == Kind::Call && is(self.ast, written, Word::Aliases)
        });
        let first = first.and_then(|first| self.ast.atom_of(first, Kind::Atom));
        let (Some(outer), Some(first)) = (current, first) else {
            return self.aliases.resolve(self.ast, written, current);
        };
        if is(self.ast, written, Word::Aliases) && first.text() == "Elixir" {
            return self.aliases.resolve(self.ast, written, current);
        }
        let segments = self.ast.children(written).skip(1);
        let rest = segments.filter_map(|one| self.ast.atom_of(one, Kind::Atom));
        let inner = outer.concat(first.text());
        let name = rest.fold(inner, |name, segment| name.concat(segment.text()));
        self.aliases.add(first, inner, end_of_scope(self.ast, ix));
        name
    }

    fn implementation(&mut self, ix: NodeIx) {
        let mut args = self.ast.children(ix);
        let Some(written) = args.next() else {
            return;
        };
        let mut options = args.clone();
        if args.next().is_none() {
            return;
        }
        let current = self.current_name();
        let protocol = self.aliases.resolve(self.ast, written, current);
        let resolve = |ix| self.aliases.resolve(self.ast, ix, current);
        let key = crate::atoms::intern("for");
        let written_for = options.find_map(|list| {
            let pairs = (self.ast.kind(list) == Kind::List).then(|| self.ast.children(list))?;
            let mut pairs = pairs.filter(|&pair| self.ast.atom_of(pair, Kind::Pair) == Some(key));
            self.ast.child(pairs.next()?, 0)
        });
        let targets: Vec<Name> = match written_for {
            Some(list) if self.ast.kind(list) == Kind::List => {
                self.ast.children(list).map(resolve).collect()
            }
            Some(one) => vec![resolve(one)],
            None => current.into_iter().collect(),
        };
        if targets.is_empty() {
            return;
        }
        let dynamic = protocol.dynamic;
        let names = targets.iter().map(|target| Name {
            dynamic: dynamic || target.dynamic,
            ..protocol.concat(target.atom.text())
        });
        let names = names.collect();
        let targets = targets.iter().map(|target| target.atom).collect();
        self.push_module(ix, ModuleKind::Impl, names, Some(protocol.atom), targets);
    }

    fn push_module(
        &mut self,
        ix: NodeIx,
        kind: ModuleKind,
        names: Vec<Name>,
        protocol: Option<Atom>,
        targets: Vec<Atom>,
    ) {
        let enclosing = self.enclosing.last().map_or(u32::MAX, |&(end, _)| end);
        let module = FoundModule {
            names,
            kind,
            node: ix,
            parent: self.around(),
            // A condition within the enclosing module ends no later than it.
            conditional: self.conditions.last().is_some_and(|&end| end < enclosing),
            in_function: self.current_module().is_none() && self.around().is_some(),
            uses: Vec::new(),
            behaviours: Vec::new(),
            protocol,
            targets,
            defines_struct: false,
            defines_exception: false,
        };
        self.found.modules.push(module);
        let number = self.found.modules.len() as u32 - 1;
        self.enclosing
            .push((self.ast.end(ix), Inside::Module(number)));
    }

    fn definition(&mut self, ix: NodeIx, kind: FunctionKind) {
        let Some(module) = self.current_module() else {
            return;
        };
        let in_protocol = self.found.modules[module as usize].kind == ModuleKind::Protocol;
        let kind = match kind {
            FunctionKind::Def if in_protocol => FunctionKind::Callback,
            kind => kind,
        };
        let heads = heads(self.ast, ix, kind);
        if heads.is_empty() {
            return;
        }
        self.head = head_call(self.ast, ix);
        for head in heads {
            self.found.clauses.push(FoundClause { module, kind, head });
        }
        self.enclosing.push((self.ast.end(ix), Inside::Function));
    }

    fn use_directive(&mut self, ix: NodeIx) {
        let (Some(module), Some(used)) = (self.current_module(), self.ast.child(ix, 0)) else {
            return;
        };
        let name = self.aliases.resolve(self.ast, used, self.current_name());
        let option = self.ast.child(ix, 1);
        let option = option.and_then(|option| self.ast.atom_of(option, Kind::Atom));
        if !name.dynamic {
            self.found.modules[module as usize]
                .uses
                .push((name.atom, option));
        }
    }

    /// `@behaviour X`.
    fn attribute(&mut self, ix: NodeIx) {
        let inner = self
            .ast
            .child(ix, 0)
            .filter(|&inner| is(self.ast, inner, Word::Behaviour));
        let value = inner.and_then(|inner| self.ast.child(inner, 0));
        let (Some(module), Some(value)) = (self.current_module(), value) else {
            return;
        };
        let name = self.aliases.resolve(self.ast, value, self.current_name());
        if !name.dynamic {
            self.found.modules[module as usize]
                .behaviours
                .push(name.atom);
        }
    }
}
