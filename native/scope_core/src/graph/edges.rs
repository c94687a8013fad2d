//! The edges of one file.
//!
//! Where a module is compiled and fresh, its functions' calls are those that the compiler left; a call that the source
//! shows at the same line keeps its node and form, any other was made by a macro. Macros themselves, and the bodies of
//! modules, are seen in the source and in the compiler's notes.

use ahash::{AHashMap, AHashSet};

use crate::atoms::{Atom, intern};
use crate::capture::points::FunctionKey;
use crate::compiled::{BODY, Compiled};
use crate::source::{ANY_ARITY, CallSite, Form, ModuleRef, Unit};

use super::index::{Expanded, Interner};
use super::modules::ModuleInfo;
use super::{ANY_MODULE, ANY_NAME, BODY_NAME, Edge, EdgeKind, FunctionIx, NO_NODE, is_plumbing};

/// What calls are resolved in.
pub(super) struct Scope<'a> {
    pub(super) modules: &'a AHashMap<Atom, ModuleInfo>,
    /// Names that modules outside of the project export; a module that is missing may export anything.
    pub(super) exports: &'a AHashMap<Atom, AHashSet<(Atom, u32)>>,
    pub(super) ids: &'a mut Interner,
}

/// Where a call leads, before it has a number.
enum Callee {
    Function(FunctionKey, bool),
    Dynamic(Option<Atom>, u32),
}

pub(super) fn edges(unit: &Unit, compiled: &[Expanded], scope: &mut Scope<'_>) -> Vec<Edge> {
    let mut fresh: AHashMap<Atom, &Compiled> = AHashMap::new();
    for one in compiled.iter().filter(|one| one.fresh) {
        fresh.insert(one.compiled.module, &one.compiled);
    }
    let mut edges = Vec::new();
    let mut sites = Sites::default();
    for site in unit.call_sites() {
        let module = site.module.map(|module| &unit.modules()[module as usize]);
        let Some(module) = module.filter(|module| !module.dynamic) else {
            continue;
        };
        let expanded = fresh.contains_key(&module.name);
        if expanded && site.clause.is_some() && !site.quoted {
            sites.add(unit, module.name, &site);
            // What remains of it after expansion is seen there.
            if !maybe_macro(&site, module.name, scope) {
                continue;
            }
        }
        if expanded && site.clause.is_none() && fresh[&module.name].dependencies.is_some() {
            sites.add(unit, module.name, &site);
            continue;
        }
        if let Some(edge) = source_edge(unit, &site, module.name, scope) {
            edges.push(edge);
        }
    }
    for one in fresh.values() {
        compiled_edges(one, &sites, scope, &mut edges);
    }
    child_specs(unit, scope, &mut edges);
    edges.sort_unstable_by_key(|edge| (edge.caller, edge.callee, edge.line, edge.node, edge.kind));
    edges.dedup_by_key(|edge| (edge.caller, edge.callee, edge.line, edge.node));
    edges.shrink_to_fit();
    edges
}

/// A module handed to a supervisor is asked for its `child_spec/1`.
fn child_specs(unit: &Unit, scope: &mut Scope<'_>, edges: &mut Vec<Edge>) {
    let supervises = |edge: &&Edge| {
        let module = scope.ids.key(edge.callee).module;
        module.text().ends_with("Supervisor") && !scope.modules.contains_key(&module)
    };
    let callers: AHashSet<FunctionIx> = edges
        .iter()
        .filter(supervises)
        .map(|edge| edge.caller)
        .collect();
    if callers.is_empty() {
        return;
    }
    let child_spec = intern("child_spec");
    for (node, module) in unit.named_modules() {
        let info = scope.modules.get(&module);
        let asked = info.is_some_and(|info| info.functions.contains_key(&(child_spec, 1)));
        let Some(clause) = unit.clause_of(node).filter(|_| asked) else {
            continue;
        };
        let function = &unit.functions()[unit.clauses()[clause as usize].function as usize];
        let caller = scope.ids.number(FunctionKey {
            module: unit.modules()[function.module as usize].name,
            name: function.name,
            arity: function.arity,
        });
        if callers.contains(&caller) {
            let callee = scope.ids.number(FunctionKey {
                module,
                name: child_spec,
                arity: 1,
            });
            edges.push(Edge {
                caller,
                callee,
                node: node.0,
                line: unit.ast().line(node).unwrap_or(0),
                kind: EdgeKind::Mfa,
            });
        }
    }
}

/// The calls that the source shows, to be found by what the compiler left of them.
#[derive(Default)]
struct Sites {
    by_place: AHashMap<(Atom, u32, Atom, u32), (u32, Form)>,
}

impl Sites {
    fn add(&mut self, unit: &Unit, module: Atom, site: &CallSite<'_>) {
        if let Some(line) = unit.ast().line(site.node) {
            let key = (module, line, site.callee.name, site.callee.arity);
            self.by_place.entry(key).or_insert((site.node.0, site.form));
        }
    }
}

fn maybe_macro(site: &CallSite<'_>, home: Atom, scope: &Scope<'_>) -> bool {
    if site.form == Form::Use {
        return true;
    }
    let Callee::Function(key, _) = source_callee(site, home, scope) else {
        return false;
    };
    let info = scope.modules.get(&key.module);
    info.and_then(|info| info.functions.get(&(key.name, key.arity)))
        .is_some_and(|function| function.is_macro)
}

fn source_edge(
    unit: &Unit,
    site: &CallSite<'_>,
    home: Atom,
    scope: &mut Scope<'_>,
) -> Option<Edge> {
    // Reading a field looks like a call without arguments, and almost never is one.
    if matches!(site.form, Form::Field | Form::Struct) {
        return None;
    }
    let caller = caller_of(unit, site, home, scope);
    let kind = match site.callee.module {
        _ if site.quoted => EdgeKind::Quoted,
        ModuleRef::Local => EdgeKind::Local,
        ModuleRef::Known(module) if module == home => EdgeKind::Local,
        ModuleRef::Known(_) => EdgeKind::Remote,
        ModuleRef::Imported(_) => EdgeKind::Imported,
        ModuleRef::Dynamic => EdgeKind::Dynamic,
    };
    let kind = EdgeKind::of_form(site.form)
        .filter(|_| !site.quoted)
        .unwrap_or(kind);
    let callee = source_callee(site, home, scope);
    let line = unit.ast().line(site.node).unwrap_or(0);
    finish(caller, callee, site.node.0, line, kind, scope)
}

fn caller_of(unit: &Unit, site: &CallSite<'_>, home: Atom, scope: &mut Scope<'_>) -> FunctionIx {
    match site.clause {
        Some(clause) => {
            let function = unit.clauses()[clause as usize].function;
            let function = &unit.functions()[function as usize];
            scope.ids.number(FunctionKey {
                module: home,
                name: function.name,
                arity: function.arity,
            })
        }
        None => scope.ids.number(body_of(home)),
    }
}

pub(super) fn body_of(module: Atom) -> FunctionKey {
    FunctionKey {
        module,
        name: intern(BODY_NAME),
        arity: 0,
    }
}

fn source_callee(site: &CallSite<'_>, home: Atom, scope: &Scope<'_>) -> Callee {
    let (name, arity) = (site.callee.name, site.callee.arity);
    if site.form == Form::Anonymous || site.form == Form::Apply && name.text() == "." {
        return Callee::Dynamic(None, arity);
    }
    if site.dynamic_name {
        return Callee::Dynamic(None, arity);
    }
    match site.callee.module {
        ModuleRef::Known(module) => known(module, name, arity, scope),
        ModuleRef::Local => known(home, name, arity, scope),
        ModuleRef::Imported(candidates) => {
            let module = imported(candidates, name, arity, scope);
            known(module.unwrap_or(home), name, arity, scope)
        }
        ModuleRef::Dynamic => Callee::Dynamic(Some(name), arity),
    }
}

fn imported(candidates: &[Atom], name: Atom, arity: u32, scope: &Scope<'_>) -> Option<Atom> {
    let exports = |module: &&Atom| {
        let own = scope.modules.get(*module);
        match own {
            Some(info) => {
                let function = info.functions.get(&(name, arity));
                function.is_some_and(|function| function.public)
            }
            None => scope
                .exports
                .get(*module)
                .is_some_and(|names| names.contains(&(name, arity))),
        }
    };
    let unknown = |module: &&Atom| {
        !scope.modules.contains_key(*module) && !scope.exports.contains_key(*module)
    };
    let found = candidates.iter().find(exports);
    found.or_else(|| candidates.iter().find(unknown)).copied()
}

/// The function as it is written, whichever of its defaults are used.
fn known(module: Atom, name: Atom, arity: u32, scope: &Scope<'_>) -> Callee {
    let info = scope.modules.get(&module);
    let found = info.and_then(|info| {
        if arity != ANY_ARITY {
            return info.functions.get(&(name, arity));
        }
        let mut named = info
            .functions
            .iter()
            .filter(|((other, _), _)| *other == name);
        named
            .next()
            .map(|(_, function)| function)
            .filter(|_| named.next().is_none())
    });
    let key = FunctionKey {
        module,
        name,
        arity: found.map_or(arity, |function| function.arity),
    };
    if arity == ANY_ARITY && found.is_none() {
        return Callee::Dynamic(Some(name), arity);
    }
    Callee::Function(key, found.is_some_and(|function| function.is_macro))
}

fn finish(
    caller: FunctionIx,
    callee: Callee,
    node: u32,
    line: u32,
    kind: EdgeKind,
    scope: &mut Scope<'_>,
) -> Option<Edge> {
    let (key, kind) = match callee {
        Callee::Function(key, _) if is_plumbing(key.module, key.name) => return None,
        Callee::Function(key, true) if kind != EdgeKind::Quoted => (key, EdgeKind::Macro),
        Callee::Function(key, _) => (key, kind),
        Callee::Dynamic(name, arity) => {
            let key = FunctionKey {
                module: intern(ANY_MODULE),
                name: name.unwrap_or_else(|| intern(ANY_NAME)),
                arity,
            };
            let kind = match kind {
                EdgeKind::Quoted => EdgeKind::Quoted,
                _ => EdgeKind::Dynamic,
            };
            (key, kind)
        }
    };
    Some(Edge {
        caller,
        callee: scope.ids.number(key),
        node,
        line,
        kind,
    })
}

fn compiled_edges(
    compiled: &Compiled,
    sites: &Sites,
    scope: &mut Scope<'_>,
    edges: &mut Vec<Edge>,
) {
    let home = compiled.module;
    for call in &compiled.calls {
        let target = &compiled.targets[call.target as usize];
        if matches!(call.form, Form::Field | Form::Struct) {
            continue;
        }
        let caller = match compiled.functions.get(call.caller as usize) {
            Some(function) => match known(home, function.name, function.arity, scope) {
                Callee::Function(key, _) => key,
                Callee::Dynamic(..) => continue,
            },
            None => {
                debug_assert_eq!(call.caller, BODY);
                body_of(home)
            }
        };
        let callee = match (target.module, target.name) {
            (Some(module), Some(name)) => known(module, name, target.arity, scope),
            (_, name) => Callee::Dynamic(name, target.arity),
        };
        // Defaults: the function calls itself with more arguments.
        if call.form == Form::Super && matches!(&callee, Callee::Function(key, _) if *key == caller)
        {
            continue;
        }
        let shown = target
            .name
            .and_then(|name| sites.by_place.get(&(home, call.line, name, target.arity)));
        let kind = EdgeKind::of_form(shown.map_or(call.form, |shown| shown.1)).unwrap_or({
            match (target.module, shown) {
                _ if target.is_macro => EdgeKind::Macro,
                (None, _) => EdgeKind::Dynamic,
                (Some(_), None) if target.name.is_some() => EdgeKind::Generated,
                (Some(module), _) if module == home => EdgeKind::Local,
                (Some(_), _) => EdgeKind::Remote,
            }
        });
        let node = shown.map_or(NO_NODE, |shown| shown.0);
        let caller = scope.ids.number(caller);
        edges.extend(finish(caller, callee, node, call.line, kind, scope));
    }
}
