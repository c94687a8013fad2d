//! Which module needs which, and how: as the compiler noted it, else as the source shows it.
//!
//! Kinds are those of `mix xref` (Elixir's `Mix.Tasks.Xref`, "Dependency types"): what is used while a module is compiled
//! is a compile dependency; a struct, an import or a `require` is an export dependency; what is used in functions only is
//! a runtime dependency. Of several the strongest counts.

use ahash::AHashMap;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::compiled::{Compiled, Dependency};
use crate::source::words::{Word, word};
use crate::source::{Form, ModuleRef, Unit};

use super::index::Expanded;
use super::modules::ModuleInfo;

/// One module needs another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Need {
    pub from: Atom,
    pub to: Atom,
    pub kind: Dependency,
    /// The first line that says so; 0 when only the compiler does.
    pub line: u32,
}

pub(super) fn needs(
    unit: &Unit,
    compiled: &[Expanded],
    modules: &AHashMap<Atom, ModuleInfo>,
) -> Vec<Need> {
    let mut found: AHashMap<(Atom, Atom), (Dependency, u32)> = AHashMap::new();
    let mut add = |from: Atom, to: Atom, kind: Dependency, line: u32| {
        if from == to {
            return;
        }
        let entry = found.entry((from, to)).or_insert((kind, line));
        entry.0 = entry.0.max(kind);
        if line != 0 && (entry.1 == 0 || line < entry.1) {
            entry.1 = line;
        }
    };
    let fresh = || {
        compiled
            .iter()
            .filter(|one| one.fresh)
            .map(|one| &*one.compiled)
    };
    let noted: Vec<&Compiled> = fresh().filter(|one| one.dependencies.is_some()).collect();
    for one in &noted {
        for &(to, kind) in one.dependencies.iter().flatten() {
            add(one.module, to, kind, 0);
        }
    }
    // What stands around the modules is told of each of them; the first one has it.
    let first = unit.modules().iter().find(|module| !module.dynamic);
    if let Some((first, one)) = first.zip(noted.first()) {
        for &(to, kind) in &one.around {
            let own = unit.modules().iter().any(|module| module.name == to);
            if !own {
                add(first.name, to, kind, 0);
            }
        }
    }
    let is_noted = |module: Atom| noted.iter().any(|one| one.module == module);
    let shown = shown(unit, modules);
    for (from, to, kind, line) in shown {
        if !is_noted(from) {
            add(from, to, kind, line);
        }
    }
    // The compiler says what, the source says where.
    for (node, to) in unit.named_modules() {
        let from = unit
            .module_of(node)
            .map(|module| unit.modules()[module as usize].name);
        if let Some(from) = from
            && let Some(entry) = found.get_mut(&(from, to))
        {
            let line = unit.ast().line(node).unwrap_or(0);
            if line != 0 && (entry.1 == 0 || line < entry.1) {
                entry.1 = line;
            }
        }
    }
    // Without the compiler's notes, what macros made is in the expanded calls.
    for one in fresh().filter(|one| one.dependencies.is_none()) {
        for call in &one.calls {
            let target = one.targets[call.target as usize].module;
            let target = target.filter(|to| *to != one.module && modules.contains_key(to));
            if let Some(to) = target {
                let need = (Dependency::Runtime, call.line);
                found.entry((one.module, to)).or_insert(need);
            }
        }
    }
    let mut all: Vec<Need> = found
        .into_iter()
        .map(|((from, to), (kind, line))| Need {
            from,
            to,
            kind,
            line,
        })
        .collect();
    all.sort_unstable_by_key(|need| (need.from.text(), need.to.text()));
    all
}

type Shown = (Atom, Atom, Dependency, u32);

/// What the source alone shows.
fn shown(unit: &Unit, modules: &AHashMap<Atom, ModuleInfo>) -> Vec<Shown> {
    let mut all = Vec::new();
    let ast = unit.ast();
    let home = |node: NodeIx| {
        let module = &unit.modules()[unit.module_of(node)? as usize];
        (!module.dynamic).then_some(module.name)
    };
    for (node, to) in unit.named_modules() {
        let Some(from) = home(node) else {
            continue;
        };
        let line = ast.line(node).unwrap_or(0);
        let kind = match purpose(ast, node) {
            Purpose::Alias | Purpose::Definition => continue,
            Purpose::Import | Purpose::Require | Purpose::Struct => Dependency::Export,
            Purpose::Use => Dependency::Compile,
            Purpose::Type => Dependency::Runtime,
            Purpose::Other if unit.clause_of(node).is_some() => Dependency::Runtime,
            Purpose::Other => Dependency::Compile,
        };
        all.push((from, to, kind, line));
    }
    for site in unit.call_sites().filter(|site| !site.quoted) {
        let Some(from) = home(site.node) else {
            continue;
        };
        let (name, arity) = (site.callee.name, site.callee.arity);
        let exported = |module: &Atom| {
            let function = modules.get(module)?.functions.get(&(name, arity));
            function.filter(|function| function.public)
        };
        let found = match site.callee.module {
            ModuleRef::Known(to) => Some((to, exported(&to))),
            ModuleRef::Imported(candidates) => {
                let bringer = candidates.iter().find(|one| exported(one).is_some());
                bringer.map(|&to| (to, exported(&to)))
            }
            _ => None,
        };
        let Some((to, function)) = found else {
            continue;
        };
        let kind = match site.form {
            Form::Struct => Dependency::Export,
            Form::Use => Dependency::Compile,
            _ if function.is_some_and(|function| function.is_macro) => Dependency::Compile,
            _ if site.clause.is_none() && site.form != Form::Mfa => Dependency::Compile,
            _ => Dependency::Runtime,
        };
        if site.form != Form::Delegate {
            all.push((from, to, kind, ast.line(site.node).unwrap_or(0)));
        } else {
            all.push((
                from,
                to,
                Dependency::Runtime,
                ast.line(site.node).unwrap_or(0),
            ));
        }
    }
    all
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    Alias,
    Import,
    Require,
    Use,
    Struct,
    Definition,
    Type,
    Other,
}

/// What an alias is written for.
fn purpose(ast: &Ast, node: NodeIx) -> Purpose {
    let mut at = node;
    let mut steps = 0;
    // A directive's names stand at most in a list of options or in braces.
    while let Some(parent) = ast.parent(at) {
        let first = ast.child(parent, 0) == Some(at);
        let name = ast.atom_of(parent, Kind::Call);
        let directive = steps == 0 && first || steps > 0;
        match name.and_then(word) {
            Some(Word::Alias) => return Purpose::Alias,
            Some(Word::Require) => return Purpose::Require,
            Some(Word::Use) if directive && steps == 0 => return Purpose::Use,
            Some(Word::Defmodule | Word::Defprotocol | Word::Defimpl) if steps <= 2 => {
                return Purpose::Definition;
            }
            Some(Word::Attribute) => return of_attribute(ast, parent),
            _ => {}
        }
        match name.map(|name| name.text()) {
            Some("import") => return Purpose::Import,
            Some("%") if first => return Purpose::Struct,
            Some("defdelegate") => return Purpose::Type,
            _ => {}
        }
        // Only through what may be part of a directive.
        let part = matches!(ast.kind(parent), Kind::List | Kind::Pair)
            || ast.kind(parent) == Kind::CallExpr
            || name.is_some_and(|name| matches!(name.text(), "." | "{}" | "behaviour"));
        if !part && steps > 0 || steps > 4 {
            break;
        }
        if !part && !is_in_attribute(ast, parent) {
            break;
        }
        steps += 1;
        at = parent;
    }
    if in_types(ast, node) {
        return Purpose::Type;
    }
    Purpose::Other
}

fn is_in_attribute(ast: &Ast, ix: NodeIx) -> bool {
    ast.parent(ix).is_some_and(|parent| {
        ast.atom_of(parent, Kind::Call).and_then(word) == Some(Word::Attribute)
    })
}

fn of_attribute(ast: &Ast, attribute: NodeIx) -> Purpose {
    let inner = ast.child(attribute, 0);
    match inner.and_then(|inner| ast.atom(inner)) {
        Some(name) if is_type(name) => Purpose::Type,
        _ => Purpose::Other,
    }
}

fn is_type(name: Atom) -> bool {
    matches!(
        name.text(),
        "spec" | "type" | "typep" | "opaque" | "callback" | "macrocallback" | "behaviour" | "impl"
    )
}

/// In a specification or a type.
fn in_types(ast: &Ast, node: NodeIx) -> bool {
    let mut at = node;
    while let Some(parent) = ast.parent(at) {
        if ast.atom_of(parent, Kind::Call).and_then(word) == Some(Word::Attribute) {
            return ast.atom(at).is_some_and(is_type);
        }
        at = parent;
    }
    false
}
