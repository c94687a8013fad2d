//! One pass over a file, in preorder: what each module declares, and what it names.

use std::collections::HashMap;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::aliases::{Aliases, Name, end_of_scope};
use crate::source::words::{Word, word};
use crate::source::{ModuleKind, Unit};

use super::attribute::Pending;
use super::facts::{
    Declared, Directive, DirectiveKind, FunctionFacts, ModuleFacts, Reference, ReferenceKind,
};
use super::inject::Injecting;

type Seen = HashMap<(u32, ReferenceKind, Atom, bool), u32, ahash::RandomState>;

#[derive(Clone, Copy)]
enum Inside {
    /// A module, as its facts' number.
    Module(u32),
    /// A function of the module, by its offset; `None` when its name is computed.
    Function(Option<u32>),
}

pub(super) struct Walk<'a> {
    pub(super) unit: &'a Unit,
    pub(super) ast: &'a Ast,
    pub(super) aliases: Aliases,
    enclosing: Vec<(u32, Inside)>,
    /// Where the types and specs that enclose the entry at hand end.
    pub(super) types_end: u32,
    pub(super) facts: Vec<ModuleFacts>,
    /// The unit's module of each of the facts, and what waits for its next definition.
    pub(super) modules: Vec<(u32, Pending)>,
    module_at: HashMap<u32, u32, ahash::RandomState>,
    /// The definition at an entry: its module, and its offset there.
    clause_at: HashMap<u32, u32, ahash::RandomState>,
    seen: Seen,
    injecting: Injecting,
}

pub(super) fn declare(unit: &Unit) -> Declared {
    let ast: &Ast = unit.ast();
    let mut walk = Walk {
        unit,
        ast,
        aliases: Aliases::default(),
        enclosing: Vec::new(),
        types_end: 0,
        facts: Vec::new(),
        modules: Vec::new(),
        module_at: HashMap::default(),
        clause_at: HashMap::default(),
        seen: Seen::default(),
        injecting: Injecting::default(),
    };
    let mut of_module = Vec::with_capacity(unit.modules().len());
    for (number, module) in unit.modules().iter().enumerate() {
        let next = walk.facts.len() as u32;
        let own = *walk.module_at.entry(module.node.0).or_insert(next);
        of_module.push(own);
        if own == next {
            let functions = vec![FunctionFacts::default(); module.functions.len()];
            walk.facts.push(ModuleFacts {
                functions,
                ..ModuleFacts::default()
            });
            walk.modules.push((number as u32, Pending::default()));
            for function in module.functions.clone() {
                let offset = function - module.functions.start;
                for clause in unit.clauses_of_function(function) {
                    walk.clause_at.insert(clause.node.0, offset);
                }
            }
        }
    }
    walk.run();
    for facts in &mut walk.facts {
        facts.shrink();
    }
    Declared {
        of_module: of_module.into_boxed_slice(),
        facts: walk.facts.into_boxed_slice(),
    }
}

impl Walk<'_> {
    fn run(&mut self) {
        let mut at = 0u32;
        while (at as usize) < self.ast.len() {
            while self.enclosing.last().is_some_and(|&(end, _)| end <= at) {
                self.enclosing.pop();
            }
            self.aliases.leave(at);
            let ix = NodeIx(at);
            at = match self.ast.kind(ix) {
                Kind::Call => self.call(ix),
                Kind::CallExpr => self.call_expr(ix),
                _ => at + 1,
            };
        }
    }

    /// Gives the entry to go on with.
    fn call(&mut self, ix: NodeIx) -> u32 {
        let next = ix.0 + 1;
        let Some(name) = self.ast.atom(ix) else {
            return next;
        };
        match word(name) {
            Some(Word::Quote) => {
                let end = self.ast.end(ix);
                self.quote(ix);
                return end;
            }
            Some(Word::Defmodule | Word::Defprotocol | Word::Defimpl) => self.module(ix),
            Some(
                Word::Def
                | Word::Defp
                | Word::Defmacro
                | Word::Defmacrop
                | Word::Defdelegate
                | Word::Defguard
                | Word::Defguardp,
            ) if ix.0 >= self.types_end => self.definition(ix),
            Some(Word::Alias | Word::Require | Word::Use) => return self.directive(ix),
            Some(Word::Attribute) => return self.attribute(ix),
            Some(Word::Defstruct | Word::Defexception) => {
                if let Some(module) = self.current_body() {
                    // It defines functions: what was said before it is theirs.
                    self.modules[module as usize].1.forget();
                    let facts = &mut self.facts[module as usize];
                    facts.structure = facts.structure.or(Some(ix));
                }
            }
            Some(Word::Aliases) => {
                self.mention(ix, None);
                return self.ast.end(ix);
            }
            None => match name.text() {
                "import" => return self.directive(ix),
                "%" => return self.structure(ix),
                _ => self.local_call(name),
            },
            _ => self.local_call(name),
        }
        next
    }

    /// `Module.function(...)`.
    fn call_expr(&mut self, ix: NodeIx) -> u32 {
        let next = ix.0 + 1;
        let form = self
            .ast
            .child(ix, 0)
            .filter(|&form| self.ast.atom_of(form, Kind::Call).and_then(word) == Some(Word::Dot));
        let Some(form) = form else {
            return next;
        };
        let mut sides = self.ast.children(form);
        let (Some(left), Some(right)) = (sides.next(), sides.next()) else {
            return next;
        };
        let braces = self
            .ast
            .atom_of(right, Kind::Atom)
            .is_some_and(|name| name.text() == "{}");
        let named = match self.ast.kind(left) {
            Kind::Atom => true,
            Kind::Call => self.ast.atom(left).and_then(word) == Some(Word::Aliases),
            _ => false,
        };
        if !named || braces {
            return next;
        }
        let kind = match ix.0 < self.types_end {
            true => ReferenceKind::Type,
            false => ReferenceKind::Call,
        };
        let module = self.resolve(left);
        if !module.dynamic {
            self.reference(kind, module.atom, ix);
        }
        self.ast.end(form)
    }

    // Where the walk is

    fn current(&self) -> Option<u32> {
        let mut around = self.enclosing.iter().rev();
        around.find_map(|&(_, inside)| match inside {
            Inside::Module(module) => Some(module),
            Inside::Function(_) => None,
        })
    }

    /// The module whose body this is, if it is no function's body.
    pub(super) fn current_body(&self) -> Option<u32> {
        match self.enclosing.last()?.1 {
            Inside::Module(module) => Some(module),
            Inside::Function(_) => None,
        }
    }

    /// The function that is walked: its module's facts, and its offset.
    fn current_function(&self) -> Option<(u32, u32)> {
        match self.enclosing.last()?.1 {
            Inside::Function(Some(offset)) => Some((self.current()?, offset)),
            _ => None,
        }
    }

    pub(super) fn current_name(&self) -> Option<Name> {
        let (module, _) = self.modules.get(self.current()? as usize)?;
        let module = &self.unit.modules()[*module as usize];
        Some(Name {
            atom: module.name,
            dynamic: module.dynamic,
        })
    }

    pub(super) fn resolve(&self, ix: NodeIx) -> Name {
        self.aliases.resolve(self.ast, ix, self.current_name())
    }

    fn in_function(&self) -> bool {
        matches!(self.enclosing.last(), Some((_, Inside::Function(_))))
    }

    // Definitions

    fn module(&mut self, ix: NodeIx) {
        let Some(&facts) = self.module_at.get(&ix.0) else {
            return;
        };
        let (number, _) = self.modules[facts as usize];
        let definition = &self.unit.modules()[number as usize];
        // A nested module's first segment is an alias from here on, as `source::extract` has it.
        let written = self.ast.child(ix, 0);
        let first = written
            .filter(|&one| self.ast.atom_of(one, Kind::Call).and_then(word) == Some(Word::Aliases))
            .and_then(|one| self.ast.child(one, 0))
            .and_then(|first| self.ast.atom_of(first, Kind::Atom))
            .filter(|first| first.text() != "Elixir");
        if let (Some(outer), Some(first)) = (self.current_name(), first)
            && definition.kind != ModuleKind::Impl
        {
            let inner = outer.concat(first.text());
            self.aliases.add(first, inner, end_of_scope(self.ast, ix));
        }
        self.enclosing
            .push((self.ast.end(ix), Inside::Module(facts)));
    }

    fn definition(&mut self, ix: NodeIx) {
        let Some(module) = self.current_body() else {
            return;
        };
        let offset = self.clause_at.get(&ix.0).copied();
        let (facts, pending) = (
            &mut self.facts[module as usize],
            &mut self.modules[module as usize].1,
        );
        match offset {
            Some(offset) => pending.settle(&mut facts.functions[offset as usize]),
            None => pending.forget(),
        }
        self.enclosing
            .push((self.ast.end(ix), Inside::Function(offset)));
    }

    // Directives

    fn directive(&mut self, ix: NodeIx) -> u32 {
        let current = self.current();
        let in_function = self.in_function();
        let found = self.directives_of(ix, in_function);
        if let (Some(module), false) = (current, found.is_empty()) {
            self.facts[module as usize].directives.extend(found);
        }
        match self.ast.child(ix, 0) {
            // What stands behind the name is code like any other.
            Some(target) => self.ast.end(target),
            None => ix.0 + 1,
        }
    }

    /// The directives that one line makes: `alias A.{B, C}` makes two. Aliases are in force from here on.
    pub(super) fn directives_of(&mut self, ix: NodeIx, in_function: bool) -> Vec<Directive> {
        let ast = self.ast;
        let kind = match ast.atom(ix).map(Atom::text) {
            Some("alias") => DirectiveKind::Alias,
            Some("import") => DirectiveKind::Import,
            Some("require") => DirectiveKind::Require,
            _ => DirectiveKind::Use,
        };
        let Some(target) = ast.child(ix, 0) else {
            return Vec::new();
        };
        let options = ast.child(ix, 1);
        let mut modules = Vec::new();
        match group(ast, target) {
            Some((base, members)) => {
                let base = self.resolve(base);
                for member in members {
                    let segments = ast.children(member);
                    let texts = segments.filter_map(|one| ast.atom_of(one, Kind::Atom));
                    modules.push(texts.fold(base, |name, text| name.concat(text.text())));
                }
            }
            None => modules.push(self.resolve(target)),
        }
        if matches!(kind, DirectiveKind::Alias | DirectiveKind::Require) {
            let current = self.current_name();
            self.aliases.directive(ast, ix, current);
        }
        let known = modules.into_iter().filter(|name| !name.dynamic);
        known
            .map(|name| Directive {
                kind,
                module: name.atom,
                node: ix,
                options,
                in_function,
            })
            .collect()
    }

    // What is named

    /// `%Name{...}`.
    fn structure(&mut self, ix: NodeIx) -> u32 {
        let Some(name) = self.ast.child(ix, 0) else {
            return ix.0 + 1;
        };
        if self.ast.atom_of(name, Kind::Call).and_then(word) == Some(Word::Aliases) {
            self.mention(name, Some(ReferenceKind::Struct));
        }
        self.ast.end(name)
    }

    fn mention(&mut self, ix: NodeIx, kind: Option<ReferenceKind>) {
        let module = self.resolve(ix);
        if module.dynamic {
            return;
        }
        let plain = match ix.0 < self.types_end {
            true => ReferenceKind::Type,
            false => ReferenceKind::Mention,
        };
        self.reference(kind.unwrap_or(plain), module.atom, ix);
    }

    fn reference(&mut self, kind: ReferenceKind, module: Atom, node: NodeIx) {
        let Some(own) = self.current() else {
            return;
        };
        let in_function = self.in_function();
        let references = &mut self.facts[own as usize].references;
        let key = (own, kind, module, in_function);
        let at = *self.seen.entry(key).or_insert(references.len() as u32);
        match references.get_mut(at as usize) {
            Some(known) => known.count += 1,
            None => references.push(Reference {
                kind,
                module,
                in_function,
                node,
                count: 1,
            }),
        }
    }

    // What is quoted

    fn quote(&mut self, ix: NodeIx) {
        let owner = match self.current_function() {
            Some((module, offset)) => Some((module, self.function_name(module, offset))),
            None => self.using_block(ix),
        };
        let Some((module, name)) = owner else {
            return;
        };
        let mut injecting = std::mem::take(&mut self.injecting);
        let injection = injecting.quote(self, ix);
        self.injecting = injecting;
        let facts = &mut self.facts[module as usize];
        if let Some(name) = name {
            Injecting::add(&mut facts.injections, name, injection);
        }
    }

    /// `using do quote do ... end end` of a case template makes its `__using__`.
    fn using_block(&self, quote: NodeIx) -> Option<(u32, Option<Atom>)> {
        let module = self.current_body()?;
        let mut at = quote;
        while let Some(parent) = self.ast.parent(at) {
            match self.ast.atom_of(parent, Kind::Call).map(Atom::text) {
                Some("using") => return Some((module, Some(crate::atoms::intern("__using__")))),
                Some("defmodule") => return None,
                _ => at = parent,
            }
        }
        None
    }

    /// A call of a function of the same module, in a function that quotes: what that one quotes comes with it.
    fn local_call(&mut self, name: Atom) {
        let Some((module, offset)) = self.current_function() else {
            return;
        };
        let Some(own) = self.function_name(module, offset) else {
            return;
        };
        let injections = &self.facts[module as usize].injections;
        let known = injections.iter().position(|one| one.function == own);
        let using = own.text() == "__using__";
        if (known.is_none() && !using) || !self.defines_in(module, name) {
            return;
        }
        let injections = &mut self.facts[module as usize].injections;
        match known {
            Some(at) if !injections[at].includes.contains(&name) => {
                injections[at].includes.push(name);
            }
            Some(_) => {}
            None => {
                let mut first = Injecting::nothing();
                first.includes.push(name);
                Injecting::add(injections, own, first);
            }
        }
    }

    fn function_name(&self, module: u32, offset: u32) -> Option<Atom> {
        let (number, _) = self.modules[module as usize];
        let functions = self.unit.functions_of_module(number);
        functions.get(offset as usize).map(|one| one.name)
    }

    /// The current module has a function of this name.
    pub(super) fn defines(&self, name: Atom) -> bool {
        self.current()
            .is_some_and(|module| self.defines_in(module, name))
    }

    fn defines_in(&self, module: u32, name: Atom) -> bool {
        let (number, _) = self.modules[module as usize];
        let functions = self.unit.functions_of_module(number);
        functions.iter().any(|one| one.name == name)
    }
}

/// `A.{B, C}`: the base and its members.
fn group(ast: &Ast, ix: NodeIx) -> Option<(NodeIx, impl Iterator<Item = NodeIx> + '_)> {
    if ast.kind(ix) != Kind::CallExpr {
        return None;
    }
    let mut parts = ast.children(ix);
    let form = parts.next()?;
    if ast.atom_of(form, Kind::Call).and_then(word) != Some(Word::Dot) {
        return None;
    }
    let (base, name) = (ast.child(form, 0)?, ast.child(form, 1)?);
    let braces = ast.atom_of(name, Kind::Atom).and_then(word) == Some(Word::Braces);
    braces.then_some((base, parts))
}
