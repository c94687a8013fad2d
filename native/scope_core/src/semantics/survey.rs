//! What is looked at to judge a module: what it declares, what `use` brings, and what it calls.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use ahash::AHashMap;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::declare::{Brought, Declared, Implemented, ModuleFacts, Modules, brought, implemented};
use crate::source::calls::{CallSite, ModuleRef};
use crate::source::{FunctionDef, ModuleDef, ModuleType, Unit};

use super::module_type::module_type;

/// The modules of a project, each judged once.
pub struct Judge<'a> {
    modules: &'a dyn Modules,
    types: RefCell<AHashMap<Atom, Option<ModuleType>>>,
}

impl<'a> Judge<'a> {
    pub fn new(modules: &'a dyn Modules) -> Self {
        Judge {
            modules,
            types: RefCell::default(),
        }
    }

    /// A module whose source is at hand.
    pub fn find(&self, name: Atom) -> Option<(Arc<Unit>, u32)> {
        self.modules.find(name)
    }

    /// The type of a module. `None` when it is not at hand.
    pub fn type_of(&self, module: Atom) -> Option<ModuleType> {
        if let Some(known) = self.types.borrow().get(&module) {
            return *known;
        }
        let found = self.modules.find(module);
        let judged =
            found.map(|(unit, number)| module_type(&Survey::new(&unit, number, self)).value);
        self.types.borrow_mut().insert(module, judged);
        judged
    }
}

impl Modules for Judge<'_> {
    fn find(&self, name: Atom) -> Option<(Arc<Unit>, u32)> {
        self.modules.find(name)
    }
}

pub struct Survey<'a> {
    pub unit: &'a Unit,
    pub ast: &'a Ast,
    pub module: u32,
    pub modules: &'a Judge<'a>,
    pub brought: Brought,
    declared: Arc<Declared>,
    /// The calls of the module itself, not of modules in it, and not those it quotes.
    calls: OnceCell<Vec<CallSite<'a>>>,
}

impl<'a> Survey<'a> {
    pub fn new(unit: &'a Unit, module: u32, modules: &'a Judge<'a>) -> Self {
        Survey {
            unit,
            ast: unit.ast(),
            module,
            modules,
            brought: brought(unit, module, modules),
            declared: unit.declared().clone(),
            calls: OnceCell::new(),
        }
    }

    pub fn definition(&self) -> &'a ModuleDef {
        &self.unit.modules()[self.module as usize]
    }

    pub fn facts(&self) -> &ModuleFacts {
        static NOTHING: std::sync::LazyLock<ModuleFacts> =
            std::sync::LazyLock::new(ModuleFacts::default);
        self.declared.module(self.module).unwrap_or(&NOTHING)
    }

    pub fn node(&self) -> NodeIx {
        self.definition().node
    }

    pub fn functions(&self) -> &'a [FunctionDef] {
        self.unit.functions_of_module(self.module)
    }

    /// Numbers of its functions in the unit.
    pub fn function_numbers(&self) -> std::ops::Range<u32> {
        self.definition().functions.clone()
    }

    pub fn function(&self, name: &str, arity: u32) -> Option<&'a FunctionDef> {
        let mut functions = self.functions().iter();
        functions.find(|one| one.name.text() == name && one.arity == arity)
    }

    /// Where a function begins.
    pub fn node_of(&self, function: &FunctionDef) -> NodeIx {
        self.unit.clauses()[function.clauses.start as usize].node
    }

    pub fn calls(&self) -> &[CallSite<'a>] {
        self.calls.get_or_init(|| {
            // Several modules of one node (`defimpl` for a list) have their calls counted with the first.
            let node = self.node();
            let first = self.unit.module_of(node).unwrap_or(self.module);
            let own = |site: &CallSite<'_>| site.module == Some(first) && !site.quoted;
            self.unit.call_sites_in(node).filter(own).collect()
        })
    }

    /// Calls in the module's own body: what macros of a framework look like.
    pub fn body_calls(&self) -> impl Iterator<Item = &CallSite<'a>> {
        self.calls().iter().filter(|one| one.clause.is_none())
    }

    /// Calls of a module's functions that are named in full.
    pub fn calls_of<'s>(&'s self, module: &'s str) -> impl Iterator<Item = &'s CallSite<'a>> {
        self.calls()
            .iter()
            .filter(move |one| callee(one).is_some_and(|known| known.text() == module))
    }

    pub fn calls_to(&self, module: &str, names: &[&str]) -> Vec<NodeIx> {
        self.calls_of(module)
            .filter(|one| names.is_empty() || names.contains(&one.callee.name.text()))
            .map(|one| one.node)
            .collect()
    }

    /// The behaviours it implements, each with what says so.
    pub fn implements(&self) -> Vec<Implemented> {
        implemented(self.unit, self.module, &self.brought)
    }

    /// The name without its prefix: `Order` of `Shop.Order`.
    pub fn last_segment(&self) -> &'static str {
        last_segment(self.definition().name)
    }

    pub fn is_script(&self) -> bool {
        self.unit.file().ends_with(".exs")
    }

    pub fn text(&self, node: NodeIx) -> String {
        self.unit.expression(node)
    }

    /// The literal atoms among a node and, if it is a list, its elements.
    pub fn atoms_of(&self, node: NodeIx) -> Vec<Atom> {
        let ast = self.ast;
        match ast.kind(node) {
            Kind::Atom => ast.atom(node).into_iter().collect(),
            Kind::List => ast
                .children(node)
                .filter_map(|one| ast.atom_of(one, Kind::Atom))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The module of a call, where it is known.
pub fn callee(site: &CallSite<'_>) -> Option<Atom> {
    match site.callee.module {
        ModuleRef::Known(module) => Some(module),
        _ => None,
    }
}

pub fn last_segment(module: Atom) -> &'static str {
    module.text().rsplit('.').next().unwrap_or("")
}

/// The arguments of a call as written, without what is piped in.
pub fn arguments(ast: &Ast, call: NodeIx) -> Vec<NodeIx> {
    let skip = usize::from(ast.kind(call) == Kind::CallExpr);
    ast.children(call).skip(skip).collect()
}

/// The value under a key of a literal keyword list.
pub fn option(ast: &Ast, list: NodeIx, key: &str) -> Option<NodeIx> {
    if ast.kind(list) != Kind::List {
        return None;
    }
    let pair = ast.children(list).find(|&pair| {
        ast.atom_of(pair, Kind::Pair)
            .is_some_and(|atom| atom.text() == key)
    })?;
    ast.child(pair, 0)
}

/// The entry is a call of this name.
pub fn is_call(ast: &Ast, ix: NodeIx, name: &str) -> bool {
    ast.atom_of(ix, Kind::Call)
        .is_some_and(|atom| atom.text() == name)
}
