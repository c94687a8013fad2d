//! A parsed source with everything found in it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::ast::{Ast, NodeIx};
use crate::atoms::{Atom, existing};
use crate::error::{Error, Result};
use crate::metrics;

use super::aliases::Name;
use super::define::{ClauseDef, FunctionDef, ModuleDef, Position};
use super::derived::Derived;
use super::extract::{Found, FoundModule, extract};
use super::module_type::{Evidence, module_type};
use super::scope::{Owner, Scopes};
use super::text::CodeLines;

/// Immutable. Cloning is cheap in the AST (shared), not in the definitions: keep it in an `Arc`.
#[derive(Clone, Debug)]
pub struct Unit {
    pub(super) file: Arc<str>,
    pub(super) digest: u128,
    pub(crate) ast: Arc<Ast>,
    pub(crate) code_lines: Arc<CodeLines>,
    pub(crate) modules: Vec<ModuleDef>,
    pub(crate) functions: Vec<FunctionDef>,
    pub(crate) clauses: Vec<ClauseDef>,
    pub(super) scopes: Scopes,
    /// Hash of an anchor's text, and what it anchors; sorted.
    pub(super) anchors: Vec<(u64, Anchor)>,
    pub(super) derived: Derived,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Anchor {
    Module(u32),
    Function(u32),
}

/// The file of an AST that came without one.
pub(super) const NO_FILE: &str = "nofile";
const FILE_BYTES_MAX: usize = 4096;

impl Unit {
    /// Finds what `ast` defines.
    ///
    /// `file` is the path relative to the project, as ids and locations show it. `text` is what was
    /// parsed; without it, lines of code are those that the AST's metadata names.
    pub fn build(file: Option<&str>, text: Option<&[u8]>, ast: Ast) -> Result<Unit> {
        let code_lines = text.map_or_else(|| CodeLines::of_ast(&ast), CodeLines::of_text);
        let digest = text.map_or_else(|| ast_digest(&ast), xxh3_128);
        Unit::assemble(file.unwrap_or(NO_FILE), digest, ast, code_lines)
    }

    pub(super) fn assemble(
        file: &str,
        digest: u128,
        ast: Ast,
        code_lines: CodeLines,
    ) -> Result<Unit> {
        if file.len() > FILE_BYTES_MAX {
            return Err(Error::LimitExceeded {
                what: "bytes of a file's path",
                limit: FILE_BYTES_MAX as u64,
            });
        }
        let found = extract(&ast);
        let mut unit = Unit {
            file: file.into(),
            digest,
            code_lines: Arc::new(code_lines),
            modules: Vec::with_capacity(found.modules.len()),
            functions: Vec::new(),
            clauses: Vec::with_capacity(found.clauses.len()),
            scopes: Scopes::new(ast.len() as u32, Vec::new()),
            anchors: Vec::new(),
            derived: Derived::default(),
            ast: Arc::new(ast),
        };
        let ranges = unit.arrange(found);
        unit.scopes = Scopes::new(unit.ast.len() as u32, ranges);
        metrics::measure(&mut unit);
        unit.index_anchors();
        Ok(unit)
    }

    /// Puts modules, functions and clauses into their order: as written, each function's clauses
    /// together. Gives the range of each, and who owns it.
    fn arrange(&mut self, found: Found) -> Vec<(Range<u32>, Owner)> {
        let last_lines = last_lines(&self.ast);
        let mut ranges = Vec::with_capacity(found.modules.len() + found.clauses.len());
        let mut clauses_of: Vec<Vec<usize>> = vec![Vec::new(); found.modules.len()];
        for (number, clause) in found.clauses.iter().enumerate() {
            clauses_of[clause.module as usize].push(number);
        }
        // A module found may become several: the first of each.
        let mut first_of = Vec::with_capacity(found.modules.len());
        let mut seen: HashMap<Name, u32, ahash::RandomState> = HashMap::default();
        for (number, module) in found.modules.iter().enumerate() {
            first_of.push(self.modules.len() as u32);
            let parent = module.parent.map(|parent| first_of[parent as usize]);
            for which in 0..module.names.len() {
                let occurrence = seen.entry(module.names[which]).or_insert(0);
                *occurrence += 1;
                let mut definition = self.module_def(module, which, *occurrence, parent);
                definition.end_line = last_lines[module.node.0 as usize];
                let (first, clause) = (self.functions.len() as u32, self.clauses.len());
                self.functions_of(&found, &clauses_of[number], &last_lines);
                if which == 0 {
                    let owner = Owner::Module(self.modules.len() as u32);
                    ranges.push((self.range(module.node), owner));
                    let clauses = self.clauses[clause..].iter().zip(clause as u32..);
                    ranges
                        .extend(clauses.map(|(one, at)| (self.range(one.node), Owner::Clause(at))));
                }
                definition.functions = first..self.functions.len() as u32;
                self.modules.push(definition);
            }
        }
        self.functions.shrink_to_fit();
        self.clauses.shrink_to_fit();
        self.modules.shrink_to_fit();
        ranges
    }

    fn range(&self, ix: NodeIx) -> Range<u32> {
        ix.0..self.ast.end(ix)
    }

    fn module_def(
        &self,
        module: &FoundModule,
        which: usize,
        occurrence: u32,
        parent: Option<u32>,
    ) -> ModuleDef {
        let name = module.names[which];
        let evidence = Evidence {
            kind: module.kind,
            uses: &module.uses,
            behaviours: &module.behaviours,
            defines_struct: module.defines_struct,
            defines_exception: module.defines_exception,
        };
        let target = module.targets.get(which).copied();
        ModuleDef {
            name: name.atom,
            dynamic: name.dynamic,
            kind: module.kind,
            node: module.node,
            occurrence,
            qualifier: None,
            parent,
            conditional: module.conditional,
            in_function: module.in_function,
            functions: 0..0,
            position: self.position_of(module.node),
            end_line: 0,
            uses: module.uses.iter().map(|&(module, _)| module).collect(),
            behaviours: module.behaviours.clone(),
            implements: module.protocol.zip(target),
            defines_struct: module.defines_struct,
            defines_exception: module.defines_exception,
            module_type: module_type(&evidence),
            metrics: Default::default(),
        }
    }

    /// The functions of the module that is about to be pushed.
    fn functions_of(&mut self, found: &Found, clauses: &[usize], last_lines: &[u32]) {
        type Key = (Atom, bool, u32);
        let mut order: Vec<Vec<usize>> = Vec::new();
        let mut by_key: HashMap<Key, usize, ahash::RandomState> = HashMap::default();
        for &number in clauses {
            let head = &found.clauses[number].head;
            let next = order.len();
            let at = *by_key
                .entry((head.name, head.dynamic, head.arity))
                .or_insert(next);
            if at == next {
                order.push(Vec::new());
            }
            order[at].push(number);
        }
        for numbers in order {
            let first = &found.clauses[numbers[0]];
            let start = self.clauses.len() as u32;
            let function = self.functions.len() as u32;
            let mut seen: HashMap<u32, u32, ahash::RandomState> = HashMap::default();
            for &number in &numbers {
                let head = &found.clauses[number].head;
                let occurrence = seen.entry(head.hash).or_insert(0);
                *occurrence += 1;
                self.clauses.push(ClauseDef {
                    function,
                    node: head.node,
                    hash: head.hash,
                    occurrence: *occurrence,
                    position: self.position_of(head.node),
                    end_line: last_lines[head.node.0 as usize],
                    bodiless: head.bodiless,
                    metrics: Default::default(),
                });
            }
            let heads = numbers.iter().map(|&number| &found.clauses[number].head);
            let own = &self.clauses[start as usize..];
            self.functions.push(FunctionDef {
                module: self.modules.len() as u32,
                name: first.head.name,
                dynamic: first.head.dynamic,
                arity: first.head.arity,
                kind: first.kind,
                defaults: heads.map(|head| head.defaults).max().unwrap_or(0),
                clauses: start..self.clauses.len() as u32,
                position: own[0].position,
                end_line: own.iter().map(|clause| clause.end_line).max().unwrap_or(0),
                metrics: Default::default(),
            });
        }
    }

    fn index_anchors(&mut self) {
        let modules = (0..self.modules.len() as u32).map(Anchor::Module);
        let functions = (0..self.functions.len() as u32).map(Anchor::Function);
        let mut text = String::new();
        let mut anchors: Vec<(u64, Anchor)> = modules
            .chain(functions)
            .map(|anchor| {
                text.clear();
                self.write_anchor(anchor, &mut text);
                (xxh3_64(text.as_bytes()), anchor)
            })
            .collect();
        anchors.sort_unstable();
        self.anchors = anchors;
    }

    /// The same unit, with names told apart from those of other files: `qualified(name)` says which
    /// modules another file of the project defines too. They become `My.Mod~9c01ab`, by the file's path.
    pub fn with_qualifiers(&self, qualified: impl Fn(Atom) -> bool) -> Unit {
        let mut unit = self.clone();
        let qualifier = xxh3_64(unit.file.as_bytes()) as u32 & 0x00ff_ffff;
        for module in &mut unit.modules {
            module.qualifier = qualified(module.name).then_some(qualifier);
        }
        unit.index_anchors();
        unit
    }

    /// Whether this is the same code as `other`: the same nodes in the same order, wherever in the text they stand.
    /// Then every `NodeIx`, and every number of a module, function or clause, means the same in both.
    pub fn same_code(&self, other: &Unit) -> bool {
        self.file == other.file
            && self.ast.len() == other.ast.len()
            && self.ast.hash(self.ast.root()) == other.ast.hash(other.ast.root())
    }

    /// Whether the modules go by the same ids.
    pub fn same_names(&self, other: &Unit) -> bool {
        let qualifiers = |unit: &Unit| -> Vec<Option<u32>> {
            unit.modules.iter().map(|module| module.qualifier).collect()
        };
        qualifiers(self) == qualifiers(other)
    }

    /// The same unit with what was computed from `other`, which is the same code.
    pub fn with_derived_of(&self, other: &Unit) -> Unit {
        debug_assert!(self.same_code(other));
        Unit {
            derived: other.derived.clone(),
            ..self.clone()
        }
    }

    /// The path relative to the project; `nofile` when there is none.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// xxh3-128 of the text, or, without one, of the AST.
    pub fn digest(&self) -> u128 {
        self.digest
    }

    pub fn ast(&self) -> &Arc<Ast> {
        &self.ast
    }

    /// In the order of the source. An implementation for several targets is several modules of one node.
    pub fn modules(&self) -> &[ModuleDef] {
        &self.modules
    }

    /// By module, then in the order of the source.
    pub fn functions(&self) -> &[FunctionDef] {
        &self.functions
    }

    /// By function, then in the order of the source.
    pub fn clauses(&self) -> &[ClauseDef] {
        &self.clauses
    }

    pub fn functions_of_module(&self, module: u32) -> &[FunctionDef] {
        let range = &self.modules[module as usize].functions;
        &self.functions[range.start as usize..range.end as usize]
    }

    pub fn clauses_of_function(&self, function: u32) -> &[ClauseDef] {
        let range = &self.functions[function as usize].clauses;
        &self.clauses[range.start as usize..range.end as usize]
    }

    /// The first module of this name, its number in `modules()`.
    pub fn find_module(&self, name: Atom) -> Option<u32> {
        let found = self
            .modules
            .iter()
            .position(|one| one.name == name && !one.dynamic);
        found.map(|at| at as u32)
    }

    /// The function that answers a call: of this arity, or with defaults that make this arity; for
    /// `MACRO-name` the macro. Its number in `functions()`.
    pub fn find_function(&self, module: Atom, name: Atom, arity: u32) -> Option<u32> {
        self.functions_for(module, name, arity).next()
    }

    /// All functions that may answer a call: those of this arity first, then those whose defaults make it.
    pub(super) fn functions_for(
        &self,
        module: Atom,
        name: Atom,
        arity: u32,
    ) -> impl Iterator<Item = u32> + '_ {
        let called = match name.text().strip_prefix("MACRO-") {
            Some(text) => existing(text)
                .zip(arity.checked_sub(1))
                .map(|called| (called, true)),
            None => Some(((name, arity), false)),
        };
        let modules = move || {
            let named = move |one: &&ModuleDef| one.name == module && !one.dynamic;
            self.modules
                .iter()
                .filter(named)
                .flat_map(|one| one.functions.clone())
        };
        called
            .into_iter()
            .flat_map(move |((name, arity), wants_macro)| {
                let named = move |&number: &u32| {
                    let one = &self.functions[number as usize];
                    one.name == name && !one.dynamic && one.kind.is_macro() == wants_macro
                };
                let exact = move |&number: &u32| self.functions[number as usize].arity == arity;
                let by_default = move |&number: &u32| {
                    let one = &self.functions[number as usize];
                    one.arity > arity && one.arity - one.defaults <= arity
                };
                let exact = modules().filter(named).filter(exact);
                exact.chain(modules().filter(named).filter(by_default))
            })
    }

    /// What follows from this file alone, computed when first asked for.
    pub fn derived(&self) -> &Derived {
        &self.derived
    }

    /// Bytes held: the AST and everything found in it.
    pub fn memory_bytes(&self) -> usize {
        let lists: usize = self
            .modules
            .iter()
            .map(|one| (one.uses.capacity() + one.behaviours.capacity()) * size_of::<Atom>())
            .sum();
        size_of::<Unit>()
            + self.file.len()
            + self.ast.memory_bytes()
            + self.code_lines.memory_bytes()
            + self.modules.capacity() * size_of::<ModuleDef>()
            + self.functions.capacity() * size_of::<FunctionDef>()
            + self.clauses.capacity() * size_of::<ClauseDef>()
            + self.scopes.memory_bytes()
            + self.anchors.capacity() * size_of::<(u64, Anchor)>()
            + self.derived.memory_bytes()
            + lists
    }

    fn position_of(&self, ix: NodeIx) -> Position {
        let (line, column) = self.ast.position(ix);
        Position {
            line: line.unwrap_or(0),
            column: column.unwrap_or(0),
        }
    }
}

/// The greatest line that the metadata of each subtree names.
fn last_lines(ast: &Ast) -> Vec<u32> {
    let mut lines = vec![0u32; ast.len()];
    for at in (0..ast.len() as u32).rev() {
        let ix = NodeIx(at);
        let mut last = lines[at as usize];
        ast.each_line(ix, |line| last = last.max(line));
        lines[at as usize] = last;
        if let Some(parent) = ast.parent(ix) {
            let parent = &mut lines[parent.0 as usize];
            *parent = last.max(*parent);
        }
    }
    lines
}

fn ast_digest(ast: &Ast) -> u128 {
    let mut lines = ast.hash(ast.root()).to_le_bytes().to_vec();
    for at in 0..ast.len() as u32 {
        let (line, column) = ast.position(NodeIx(at));
        lines.extend_from_slice(&line.unwrap_or(0).to_le_bytes());
        lines.extend_from_slice(&column.unwrap_or(0).to_le_bytes());
    }
    xxh3_128(&lines)
}
