//! The join: edges by file, mended file by file.

use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::compiled::Compiled;
use crate::source::Unit;

use super::depends::{Need, needs};
use super::edges::{Scope, body_of, edges};
use super::modules::{ModuleInfo, modules_of};
use super::{BODY_NAME, Edge, FunctionIx, What, is_dynamic};

/// What was compiled of a file.
#[derive(Clone, Debug)]
pub struct Expanded {
    pub compiled: Arc<Compiled>,
    /// The source is still what was compiled.
    pub fresh: bool,
}

/// A file as it is now: its source, and what was compiled of it.
#[derive(Clone, Debug)]
pub struct Input {
    pub unit: Arc<Unit>,
    pub compiled: Vec<Expanded>,
}

impl Input {
    fn is_same(&self, other: &Input) -> bool {
        Arc::ptr_eq(&self.unit, &other.unit)
            && self.compiled.len() == other.compiled.len()
            && self
                .compiled
                .iter()
                .zip(&other.compiled)
                .all(|(one, other)| {
                    Arc::ptr_eq(&one.compiled, &other.compiled) && one.fresh == other.fresh
                })
    }
}

/// Functions with their numbers; numbers stay.
#[derive(Default, Debug)]
pub(super) struct Interner {
    numbers: AHashMap<FunctionKey, FunctionIx>,
    keys: Vec<FunctionKey>,
}

impl Interner {
    pub(super) fn key(&self, function: FunctionIx) -> FunctionKey {
        self.keys[function.0 as usize]
    }

    pub(super) fn number(&mut self, key: FunctionKey) -> FunctionIx {
        let next = FunctionIx(self.keys.len() as u32);
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.keys.push(key);
        }
        number
    }
}

#[derive(Debug)]
struct File {
    input: Input,
    modules: Vec<Atom>,
    /// By caller.
    edges: Vec<Edge>,
    needs: Vec<Need>,
    /// The modules that its edges and needs name.
    names: AHashSet<Atom>,
}

/// What spans the files of a project.
#[derive(Default, Debug)]
pub struct GraphIndex {
    files: AHashMap<Arc<str>, File>,
    modules: AHashMap<Atom, ModuleInfo>,
    /// Where each module is defined.
    homes: AHashMap<Atom, Arc<str>>,
    exports: AHashMap<Atom, AHashSet<(Atom, u32)>>,
    ids: Interner,
    /// Protocols and behaviours that a module of the project implements.
    implemented: AHashSet<Atom>,
    /// How many files were looked into by the last refresh.
    pub mended: usize,
}

impl GraphIndex {
    /// Brings the join up to date. Looks into files that changed, and into those that name a module whose definitions
    /// did.
    pub fn refresh(&mut self, files: &AHashMap<Arc<str>, Input>) {
        let mut dirty: AHashSet<Arc<str>> = AHashSet::new();
        let gone: Vec<Arc<str>> = self
            .files
            .keys()
            .filter(|path| !files.contains_key(*path))
            .cloned()
            .collect();
        for (path, input) in files {
            let same = self
                .files
                .get(path)
                .is_some_and(|file| file.input.is_same(input));
            if !same {
                dirty.insert(path.clone());
            }
        }
        self.mended = 0;
        if dirty.is_empty() && gone.is_empty() {
            return;
        }
        let mut before: AHashMap<Atom, ModuleInfo> = AHashMap::new();
        for path in gone.iter().chain(&dirty) {
            let Some(file) = self.files.remove(path) else {
                continue;
            };
            for module in file.modules {
                if self.homes.get(&module) == Some(path) {
                    self.homes.remove(&module);
                    before.extend(self.modules.remove(&module).map(|info| (module, info)));
                }
            }
        }
        // Two files may define one name: the first by path has it, whatever the order of changes.
        let mut redefined: Vec<Arc<str>> = dirty.iter().cloned().collect();
        let lost = |file: &File| file.modules.iter().any(|one| before.contains_key(one));
        redefined.extend(
            self.files
                .iter()
                .filter(|(_, file)| lost(file))
                .map(|(path, _)| path.clone()),
        );
        redefined.sort_unstable();
        let mut modules_of_file: AHashMap<Arc<str>, Vec<Atom>> = AHashMap::new();
        for path in &redefined {
            let input = &files[path];
            for (module, info) in modules_of(&input.unit, &input.compiled) {
                modules_of_file
                    .entry(path.clone())
                    .or_default()
                    .push(module);
                let first = self.homes.get(&module).is_none_or(|home| path <= home);
                if first {
                    self.homes.insert(module, path.clone());
                    self.modules.insert(module, info);
                }
            }
        }
        let changed: AHashSet<Atom> = before
            .keys()
            .chain(modules_of_file.values().flatten())
            .filter(|module| before.get(*module) != self.modules.get(*module))
            .copied()
            .collect();
        if !changed.is_empty() {
            let implemented = self.modules.values().flat_map(|info| {
                let protocol = info.implements.map(|(protocol, _)| protocol);
                protocol.into_iter().chain(info.behaviours.iter().copied())
            });
            self.implemented = implemented.collect();
        }
        let mut todo = dirty;
        for (path, file) in &self.files {
            if changed.iter().any(|module| file.names.contains(module)) {
                todo.insert(path.clone());
            }
        }
        let mut todo: Vec<Arc<str>> = todo.into_iter().collect();
        todo.sort_unstable();
        self.mended = todo.len();
        for path in todo {
            let file = self.file(&files[&path]);
            self.files.insert(path, file);
        }
    }

    fn file(&mut self, input: &Input) -> File {
        let mut scope = Scope {
            modules: &self.modules,
            exports: &self.exports,
            ids: &mut self.ids,
        };
        let edges = edges(&input.unit, &input.compiled, &mut scope);
        let needs = needs(&input.unit, &input.compiled, &self.modules);
        let callees = edges
            .iter()
            .map(|edge| self.ids.keys[edge.callee.0 as usize].module);
        let mut names: AHashSet<Atom> = callees.collect();
        names.extend(needs.iter().map(|need| need.to));
        // What an import brings depends on modules that no edge may name yet.
        for site in input.unit.call_sites() {
            if let crate::source::ModuleRef::Imported(candidates) = site.callee.module {
                names.extend(candidates.iter().copied());
            }
        }
        let defined = modules_of(&input.unit, &input.compiled);
        File {
            input: input.clone(),
            modules: defined.into_iter().map(|(module, _)| module).collect(),
            edges,
            needs,
            names,
        }
    }

    /// Says what modules outside of the project export. Files that import one of them are looked into again.
    pub fn set_exports(&mut self, exports: Vec<(Atom, Vec<(Atom, u32)>)>) {
        for (module, names) in exports {
            let names: AHashSet<(Atom, u32)> = names.into_iter().collect();
            if self.exports.get(&module) == Some(&names) {
                continue;
            }
            self.exports.insert(module, names);
            let again: Vec<Arc<str>> = self
                .files
                .iter()
                .filter(|(_, file)| file.names.contains(&module))
                .map(|(path, _)| path.clone())
                .collect();
            for path in again {
                let input = self.files[&path].input.clone();
                let file = self.file(&input);
                self.files.insert(path, file);
            }
        }
    }

    /// Modules outside of the project that are imported whole and of which no exports are known.
    pub fn wanted_exports(&self) -> Vec<Atom> {
        let mut wanted: AHashSet<Atom> = AHashSet::new();
        for file in self.files.values() {
            for site in file.input.unit.call_sites() {
                if let crate::source::ModuleRef::Imported(candidates) = site.callee.module {
                    wanted.extend(candidates.iter().filter(|module| {
                        !self.modules.contains_key(*module) && !self.exports.contains_key(*module)
                    }));
                }
            }
        }
        let mut wanted: Vec<Atom> = wanted.into_iter().collect();
        wanted.sort_unstable_by_key(|module| module.text());
        wanted
    }

    pub fn key(&self, function: FunctionIx) -> FunctionKey {
        self.ids.keys[function.0 as usize]
    }

    /// The number of a function, whichever of its defaults are used.
    pub fn find(&self, key: &FunctionKey) -> Option<FunctionIx> {
        let written = self.written(key);
        self.ids.numbers.get(&written).copied()
    }

    /// The key as the source has it: with all arguments.
    pub fn written(&self, key: &FunctionKey) -> FunctionKey {
        let info = self.modules.get(&key.module);
        let function = info.and_then(|info| info.functions.get(&(key.name, key.arity)));
        FunctionKey {
            arity: function.map_or(key.arity, |function| function.arity),
            ..*key
        }
    }

    /// How many numbers were given.
    pub fn functions_len(&self) -> usize {
        self.ids.keys.len()
    }

    pub fn what(&self, key: &FunctionKey) -> What {
        if is_dynamic(key) {
            return What::Dynamic;
        }
        match self.modules.get(&key.module) {
            None => What::External,
            Some(_) if key.name.text() == BODY_NAME => What::Body,
            Some(info) if info.functions.contains_key(&(key.name, key.arity)) => What::Defined,
            Some(_) => What::Unknown,
        }
    }

    pub fn modules(&self) -> &AHashMap<Atom, ModuleInfo> {
        &self.modules
    }

    /// The file that defines a module.
    pub fn home(&self, module: Atom) -> Option<&Arc<str>> {
        self.homes.get(&module)
    }

    pub fn unit(&self, path: &str) -> Option<&Arc<Unit>> {
        self.files.get(path).map(|file| &file.input.unit)
    }

    /// The unit that defines a module.
    pub fn unit_of(&self, module: Atom) -> Option<&Arc<Unit>> {
        self.unit(self.homes.get(&module)?)
    }

    /// Every edge, by the file of the caller, in the order of the paths.
    pub fn edges(&self) -> impl Iterator<Item = (&Arc<str>, &Edge)> {
        let mut paths: Vec<&Arc<str>> = self.files.keys().collect();
        paths.sort_unstable();
        paths
            .into_iter()
            .flat_map(|path| self.files[path].edges.iter().map(move |edge| (path, edge)))
    }

    /// The edges that begin in one file.
    pub fn edges_of_file(&self, path: &str) -> &[Edge] {
        self.files.get(path).map_or(&[], |file| &file.edges)
    }

    /// The edges of one function.
    pub fn calls_of(&self, function: FunctionIx) -> &[Edge] {
        let home = self.homes.get(&self.key(function).module);
        let Some(file) = home.and_then(|home| self.files.get(home)) else {
            return &[];
        };
        let start = file.edges.partition_point(|edge| edge.caller < function);
        let end = file.edges.partition_point(|edge| edge.caller <= function);
        &file.edges[start..end]
    }

    /// The edges that lead to one function, in the order of the paths: those of callers whose name means the function in
    /// that file, as in `calls_of`.
    pub fn calls_to(&self, function: FunctionIx) -> Vec<Edge> {
        let module = self.key(function).module;
        let mut paths: Vec<&Arc<str>> = self
            .files
            .iter()
            .filter(|(_, file)| file.names.contains(&module))
            .map(|(path, _)| path)
            .collect();
        paths.sort_unstable();
        let edges = paths
            .into_iter()
            .flat_map(|path| self.files[path].edges.iter().map(move |edge| (path, edge)));
        let meant = |(path, edge): &(&Arc<str>, &Edge)| {
            edge.callee == function && self.home(self.key(edge.caller).module) == Some(*path)
        };
        edges.filter(meant).map(|(_, edge)| *edge).collect()
    }

    /// The functions that a call of this one may end in: implementations of a protocol's function, and, where the module
    /// is decided at run time, the functions of behaviours with this name.
    pub fn dispatch(&self, key: &FunctionKey) -> Vec<FunctionKey> {
        let mut found = Vec::new();
        if !is_dynamic(key) && !self.implemented.contains(&key.module) {
            return found;
        }
        let protocol = self
            .modules
            .get(&key.module)
            .is_none_or(|info| info.protocol);
        for (&module, info) in &self.modules {
            let Some(function) = info.functions.get(&(key.name, key.arity)) else {
                continue;
            };
            let implements = protocol && info.implements.is_some_and(|(of, _)| of == key.module);
            let behaves = is_dynamic(key)
                && function.public
                && !function.is_macro
                && !(info.behaviours.is_empty() && info.uses.is_empty());
            let of_behaviour = info.behaviours.contains(&key.module) && function.public;
            if implements || behaves || of_behaviour {
                found.push(FunctionKey {
                    module,
                    name: key.name,
                    arity: function.arity,
                });
            }
        }
        found.sort_unstable_by_key(|key| (key.module.text(), key.name.text(), key.arity));
        found
    }

    /// What each module needs, by the path of the file that says so.
    pub fn needs(&self) -> impl Iterator<Item = (&Arc<str>, &Need)> {
        let mut paths: Vec<&Arc<str>> = self.files.keys().collect();
        paths.sort_unstable();
        paths
            .into_iter()
            .flat_map(|path| self.files[path].needs.iter().map(move |need| (path, need)))
    }

    /// What one module needs.
    pub fn needs_of(&self, module: Atom) -> Vec<Need> {
        let file = self
            .homes
            .get(&module)
            .and_then(|home| self.files.get(home));
        let needs = file.map_or(&[][..], |file| &file.needs);
        needs
            .iter()
            .filter(|need| need.from == module)
            .copied()
            .collect()
    }

    /// The number of a module's body, if anything is called there.
    pub fn body(&self, module: Atom) -> Option<FunctionIx> {
        self.ids.numbers.get(&body_of(module)).copied()
    }

    /// Bytes held, units and compiled modules not counted.
    pub fn memory_bytes(&self) -> usize {
        let file = |file: &File| {
            size_of::<File>()
                + file.edges.capacity() * size_of::<Edge>()
                + file.needs.capacity() * size_of::<Need>()
                + file.names.capacity() * (size_of::<Atom>() + 1)
                + file.modules.capacity() * size_of::<Atom>()
        };
        let entry = size_of::<FunctionKey>() + size_of::<FunctionIx>() + 1;
        size_of::<GraphIndex>()
            + self.files.values().map(file).sum::<usize>()
            + self
                .modules
                .values()
                .map(ModuleInfo::memory_bytes)
                .sum::<usize>()
            + self.ids.numbers.capacity() * entry
            + self.ids.keys.capacity() * size_of::<FunctionKey>()
    }
}
