//! The walk that finds the calls, in preorder over the arena.

mod directives;
mod forms;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};
use crate::source::Unit;
use crate::source::aliases::{Aliases, Name, computed, is};
use crate::source::words::{Word, atom, word};

use super::imports::Imports;
use super::kernel::{Builtin, builtin};
use super::{
    ANY_ARITY, Calls, DYNAMIC, DYNAMIC_NAME, Form, IMPORTED, KNOWN, LOCAL, Packed, QUOTED,
};

/// Names that the walk looks for beyond the words of extraction.
struct Names {
    kernel: Atom,
    erlang: Atom,
    apply: Atom,
    import: Atom,
    percent: Atom,
    bitstring: Atom,
    annotation: Atom,
    minus: Atom,
    times: Atom,
    super_call: Atom,
    unquote_splicing: Atom,
    using: Atom,
    new_struct: Atom,
    to: Atom,
    no_parens: Atom,
    types: [Atom; 6],
    hooks: [(Atom, Atom, u32); 3],
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    kernel: intern("Elixir.Kernel"),
    erlang: intern("erlang"),
    apply: intern("apply"),
    import: intern("import"),
    percent: intern("%"),
    bitstring: intern("<<>>"),
    annotation: intern("::"),
    minus: intern("-"),
    times: intern("*"),
    super_call: intern("super"),
    unquote_splicing: intern("unquote_splicing"),
    using: intern("__using__"),
    new_struct: intern("__struct__"),
    to: intern("to"),
    no_parens: intern("no_parens"),
    types: [
        "spec",
        "type",
        "typep",
        "opaque",
        "callback",
        "macrocallback",
    ]
    .map(intern),
    hooks: [
        ("before_compile", "__before_compile__", 1),
        ("after_compile", "__after_compile__", 2),
        ("on_definition", "__on_definition__", 6),
    ]
    .map(|(attribute, called, arity)| (intern(attribute), intern(called), arity)),
});

struct Walk<'a> {
    unit: &'a Unit,
    ast: &'a Ast,
    aliases: Aliases,
    imports: Imports,
    module_at: HashMap<u32, u32, ahash::RandomState>,
    /// Bodies of modules: where they begin and end, and the module's number.
    enclosing: Vec<(u32, u32, u32)>,
    /// What each module defines, by number, name and arity.
    locals: HashSet<(u32, Atom, u32), ahash::RandomState>,
    /// Where code begins and stops to be quoted, or, unquoted, to be code.
    quotes: Vec<(u32, u32, bool)>,
    /// Types up to here: what looks like a call is none.
    types_end: u32,
    /// Entries ahead that are part of something else: heads, the inside of a capture.
    taken: Vec<u32>,
    sets: HashMap<Vec<Atom>, u32, ahash::RandomState>,
    scratch: Vec<Atom>,
    calls: Calls,
}

pub(in crate::source) fn calls(unit: &Unit) -> Calls {
    let ast: &Ast = &unit.ast;
    let mut walk = Walk {
        unit,
        ast,
        aliases: Aliases::default(),
        imports: Imports::default(),
        module_at: HashMap::default(),
        enclosing: Vec::new(),
        locals: locals(unit),
        quotes: Vec::new(),
        types_end: 0,
        taken: Vec::new(),
        sets: HashMap::default(),
        scratch: Vec::new(),
        calls: Calls::default(),
    };
    for (module, number) in unit.modules.iter().zip(0u32..) {
        walk.module_at.entry(module.node.0).or_insert(number);
    }
    let mut at = 0u32;
    while (at as usize) < ast.len() {
        walk.leave(at);
        let ix = NodeIx(at);
        at = match ast.kind(ix) {
            Kind::Call => walk.call(ix),
            Kind::CallExpr => walk.call_expr(ix),
            Kind::Var | Kind::VarIn => walk.variable(ix),
            _ => at + 1,
        };
    }
    let mut calls = walk.calls;
    calls.sites.sort_by_key(|site| site.node);
    calls.sites.dedup_by_key(|site| site.node);
    calls.modules.sort_by_key(|one| one.0);
    calls.modules.dedup_by_key(|one| one.0);
    calls.sites.shrink_to_fit();
    calls.modules.shrink_to_fit();
    calls.candidates.shrink_to_fit();
    calls
}

fn locals(unit: &Unit) -> HashSet<(u32, Atom, u32), ahash::RandomState> {
    let functions = unit.functions.iter().filter(|one| !one.dynamic);
    let arities = |one: &crate::source::FunctionDef| {
        let (module, name) = (one.module, one.name);
        let range = one.arity.saturating_sub(one.defaults)..=one.arity;
        range.map(move |arity| (module, name, arity))
    };
    functions.flat_map(arities).collect()
}

impl Walk<'_> {
    fn leave(&mut self, at: u32) {
        self.aliases.leave(at);
        self.imports.leave(at);
        while self.enclosing.last().is_some_and(|&(_, end, _)| end <= at) {
            self.enclosing.pop();
        }
        while self.quotes.last().is_some_and(|&(_, end, _)| end <= at) {
            self.quotes.pop();
        }
    }

    fn take(&mut self, ix: NodeIx) {
        self.taken.push(ix.0);
    }

    fn was_taken(&mut self, ix: NodeIx) -> bool {
        let place = self.taken.iter().rposition(|&one| one == ix.0);
        place.map(|place| self.taken.swap_remove(place)).is_some()
    }

    fn quoted(&self, ix: NodeIx) -> bool {
        let around = self.quotes.iter().rev().find(|one| one.0 <= ix.0);
        around.is_some_and(|one| one.2)
    }

    /// The number of the module whose body holds an entry.
    fn module_around(&self, ix: NodeIx) -> Option<u32> {
        let around = self.enclosing.iter().rev().find(|one| one.0 <= ix.0);
        around.map(|one| one.2)
    }

    /// What `__MODULE__` stands for; in quoted code that is not known.
    fn current(&self, ix: NodeIx) -> Option<Name> {
        let module = &self.unit.modules[self.module_around(ix)? as usize];
        (!self.quoted(ix)).then_some(Name {
            atom: module.name,
            dynamic: module.dynamic,
        })
    }

    /// The module that an expression names, if it is an alias, an atom or `__MODULE__`.
    fn module_of(&self, ix: NodeIx) -> Option<Atom> {
        let name = self.aliases.resolve(self.ast, ix, self.current(ix));
        (!name.dynamic).then_some(name.atom)
    }

    fn remember(&mut self, ix: NodeIx) {
        if let Some(module) = self.module_of(ix) {
            self.calls.modules.push((ix.0, module));
        }
    }

    fn is_alias(&self, ix: NodeIx) -> bool {
        match self.ast.kind(ix) {
            Kind::Call => is(self.ast, ix, Word::Aliases),
            Kind::Var | Kind::VarIn => is(self.ast, ix, Word::CurrentModule),
            _ => false,
        }
    }

    fn variable(&mut self, ix: NodeIx) -> u32 {
        if is(self.ast, ix, Word::CurrentModule) {
            self.remember(ix);
        } else if self.is_piped(ix) {
            // `x |> f`
            if let Some(name) = self.ast.atom(ix) {
                self.unqualified(ix, name, 1, Form::Piped);
            }
        }
        ix.0 + 1
    }

    fn call(&mut self, ix: NodeIx) -> u32 {
        let Some(name) = self.ast.atom(ix) else {
            return ix.0 + 1;
        };
        if self.was_taken(ix) {
            return ix.0 + 1;
        }
        match word(name) {
            Some(Word::Aliases) => self.remember(ix),
            Some(Word::Defmodule | Word::Defprotocol | Word::Defimpl) => {
                self.definition_of_module(ix)
            }
            Some(
                Word::Def
                | Word::Defp
                | Word::Defmacro
                | Word::Defmacrop
                | Word::Defdelegate
                | Word::Defguard
                | Word::Defguardp,
            ) => self.definition(ix),
            Some(Word::Alias | Word::Require) => return self.directive(ix),
            Some(Word::Use) => self.use_directive(ix),
            Some(Word::Quote) => self.quote(ix),
            Some(Word::Unquote) => self.unquote(ix),
            Some(Word::Attribute) => self.attribute(ix),
            Some(Word::Capture) => self.capture(ix),
            _ => return self.other_call(ix, name),
        }
        ix.0 + 1
    }

    fn other_call(&mut self, ix: NodeIx, name: Atom) -> u32 {
        let names = &*NAMES;
        if name == names.import {
            return self.import(ix);
        }
        if name == names.unquote_splicing {
            self.unquote(ix);
        } else if name == names.percent {
            self.structure(ix);
        } else if name == names.bitstring {
            self.bitstring(ix);
        } else if name == names.super_call {
            self.super_call(ix);
        } else if !matches!(builtin(name), Some(Builtin::Form)) && !self.is_type(ix) {
            let piped = self.is_piped(ix);
            let arity = self.ast.children(ix).count() as u32 + u32::from(piped);
            if name == names.apply && self.applied(ix, piped, 0) {
                return ix.0 + 1;
            }
            let form = if piped { Form::Piped } else { Form::Plain };
            self.unqualified(ix, name, arity, form);
        }
        self.mfas(ix);
        ix.0 + 1
    }

    fn call_expr(&mut self, ix: NodeIx) -> u32 {
        let next = ix.0 + 1;
        if self.was_taken(ix) || self.is_type(ix) {
            return next;
        }
        let form = NodeIx(next);
        let piped = self.is_piped(ix);
        let args = self.ast.children(ix).count() as u32 - 1;
        let arity = args + u32::from(piped);
        let written = if piped { Form::Piped } else { Form::Plain };
        if let Some((target, name)) = self.unquoted_name(form) {
            let module = module_ref(self.module_of(target));
            self.take(form);
            self.push(ix, module, name, arity, written, DYNAMIC_NAME);
            return next;
        }
        if self.ast.atom_of(form, Kind::Call) != Some(atom(Word::Dot)) {
            let name = computed(self.ast, form).atom;
            self.push(ix, LOCAL, name, arity, written, DYNAMIC_NAME);
            return next;
        }
        let mut parts = self.ast.children(form);
        let (target, called) = (parts.next(), parts.next());
        let Some(target) = target else {
            return next;
        };
        let Some(called) = called else {
            self.push(ix, DYNAMIC, atom(Word::Dot), arity, Form::Anonymous, 0);
            return next;
        };
        let module = self.module_of(target);
        if let Some((_, name)) = self.unquoted_name(ix) {
            let arity = arity.saturating_sub(1);
            self.push(ix, module_ref(module), name, arity, written, DYNAMIC_NAME);
            return next;
        }
        let Some(name) = self.ast.atom_of(called, Kind::Atom) else {
            let name = computed(self.ast, called).atom;
            self.push(ix, module_ref(module), name, arity, written, DYNAMIC_NAME);
            return next;
        };
        if name == atom(Word::Braces) {
            return next;
        }
        let names = &*NAMES;
        if name == names.apply
            && (module == Some(names.kernel) || module == Some(names.erlang))
            && self.applied(ix, piped, 1)
        {
            return next;
        }
        let field = module.is_none() && arity == 0 && self.ast.has_meta_key(ix, names.no_parens);
        let written = if field { Form::Field } else { written };
        self.push(ix, module_ref(module), name, arity, written, 0);
        self.mfas(ix);
        next
    }

    /// `Mod.unquote(name)`, which is a name with or without arguments behind it: the module and what stands for the name.
    fn unquoted_name(&self, ix: NodeIx) -> Option<(NodeIx, Atom)> {
        let ast = self.ast;
        if ast.kind(ix) != Kind::CallExpr {
            return None;
        }
        let dot = NodeIx(ix.0 + 1);
        let (target, called) = ast.child(dot, 0).zip(ast.child(dot, 1))?;
        let unquotes = ast.atom_of(dot, Kind::Call) == Some(atom(Word::Dot))
            && ast.atom_of(called, Kind::Atom) == Some(atom(Word::Unquote));
        let inner = ast.child(ix, 1).filter(|_| unquotes)?;
        let name = ast.atom_of(inner, Kind::Var);
        let text = name.map_or_else(
            || format!("{:08x}", ast.hash(inner) as u32),
            |name| name.text().to_string(),
        );
        Some((target, intern(&format!("unquote({text})"))))
    }

    /// The right side of a pipe.
    fn is_piped(&self, ix: NodeIx) -> bool {
        self.ast.parent(ix).is_some_and(|parent| {
            self.ast.atom_of(parent, Kind::Call) == Some(atom(Word::Pipe))
                && self.ast.end(NodeIx(parent.0 + 1)) == ix.0
        })
    }

    fn is_type(&self, ix: NodeIx) -> bool {
        ix.0 < self.types_end
    }

    /// A call without a module before it: the module's own come first, then what is imported by name, then `Kernel`.
    fn unqualified(&mut self, ix: NodeIx, name: Atom, arity: u32, form: Form) {
        let module = self.home_of(ix, name, arity);
        self.push(ix, module, name, arity, form, 0);
    }

    fn home_of(&mut self, ix: NodeIx, name: Atom, arity: u32) -> u32 {
        let around = self.module_around(ix);
        if around.is_some_and(|module| self.locals.contains(&(module, name, arity))) {
            return LOCAL;
        }
        if let Some(module) = self.imports.named(name, arity) {
            return module_ref(Some(module));
        }
        let kernel = NAMES.kernel;
        if builtin(name).is_some_and(|one| one.exports(arity))
            && !self.imports.kernel_hidden(kernel, name, arity)
        {
            return module_ref(Some(kernel));
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        self.imports.candidates(name, arity, &mut scratch);
        scratch.retain(|&module| module != kernel);
        let module = if scratch.is_empty() {
            LOCAL
        } else if let Some(&set) = self.sets.get(&scratch) {
            IMPORTED | set
        } else {
            let set = self.calls.candidates.len() as u32;
            self.calls.candidates.push(scratch.clone().into());
            self.sets.insert(scratch.clone(), set);
            IMPORTED | set
        };
        self.scratch = scratch;
        module
    }

    fn push(&mut self, ix: NodeIx, module: u32, name: Atom, arity: u32, form: Form, flags: u8) {
        let quoted = if self.quoted(ix) { QUOTED } else { 0 };
        self.calls.sites.push(Packed {
            node: ix.0,
            name: name.0,
            module,
            arity: arity.min(ANY_ARITY) as u16,
            form: form as u8,
            flags: flags | quoted,
        });
    }
}

/// As it is packed; none is "dynamic".
fn module_ref(module: Option<Atom>) -> u32 {
    module.map_or(DYNAMIC, |module| module.0 + KNOWN)
}
