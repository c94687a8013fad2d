//! What a change of files changed, by name: what those who watch a repository are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::source::Unit;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Added,
    /// Its code is another.
    Modified,
    /// Only comments, layout or positions are others: what is computed from the code still holds.
    Reformatted,
    /// The code is the same; another file defines a name of it too, or no longer does, so its ids are others.
    Renamed,
    Removed,
    /// The very same text.
    Unchanged,
}

/// What happened to one file.
#[derive(Clone, Debug)]
pub struct FileChange {
    /// Absolute.
    pub path: Arc<str>,
    pub kind: Kind,
    /// Modules of the file that are not as they were; `Modified` when a function or anything else in it is.
    pub modules: Vec<(Atom, Kind)>,
    /// Likewise functions, under the names that the source gives them.
    pub functions: Vec<(FunctionKey, Kind)>,
}

/// Compares by the hashes of the subtrees: linear in modules and clauses, not in nodes.
pub(super) fn compare(path: &Arc<str>, old: Option<&Unit>, new: Option<&Unit>) -> FileChange {
    let (mut modules, mut functions) = match (old, new) {
        (Some(old), Some(new)) if old.same_code(new) => (Vec::new(), Vec::new()),
        _ => (
            difference(
                &old.map(modules).unwrap_or_default(),
                &new.map(modules).unwrap_or_default(),
            ),
            difference(
                &old.map(functions).unwrap_or_default(),
                &new.map(functions).unwrap_or_default(),
            ),
        ),
    };
    // By name, not by the order in which names were first seen.
    modules.sort_by_key(|(name, _)| name.text());
    functions.sort_by_key(|((module, name, arity), _)| (module.text(), name.text(), *arity));
    let kind = match (old, new) {
        (Some(old), Some(new)) if !old.same_code(new) => Kind::Modified,
        (Some(old), Some(new)) if old.digest() != new.digest() => Kind::Reformatted,
        (Some(old), Some(new)) if !old.same_names(new) => Kind::Renamed,
        (None, Some(_)) => Kind::Added,
        (_, None) => Kind::Removed,
        _ => Kind::Unchanged,
    };
    FileChange {
        path: path.clone(),
        kind,
        modules,
        functions: functions
            .into_iter()
            .map(|((module, name, arity), kind)| {
                let key = FunctionKey {
                    module,
                    name,
                    arity,
                };
                (key, kind)
            })
            .collect(),
    }
}

/// A name may be defined more than once: all its definitions together are what it is.
type Hashes<K> = BTreeMap<K, Vec<u64>>;

fn modules(unit: &Unit) -> Hashes<Atom> {
    let mut all = Hashes::new();
    for module in unit.modules().iter().filter(|module| !module.dynamic) {
        let hash = unit.ast().hash(module.node);
        all.entry(module.name).or_insert_with(Vec::new).push(hash);
    }
    all
}

fn functions(unit: &Unit) -> Hashes<(Atom, Atom, u32)> {
    let mut all = Hashes::new();
    for function in unit.functions().iter().filter(|function| !function.dynamic) {
        let module = &unit.modules()[function.module as usize];
        if module.dynamic {
            continue;
        }
        let hashes = all
            .entry((module.name, function.name, function.arity))
            .or_insert_with(Vec::new);
        let clauses =
            &unit.clauses()[function.clauses.start as usize..function.clauses.end as usize];
        hashes.extend(clauses.iter().map(|clause| unit.ast().hash(clause.node)));
    }
    all
}

fn difference<K: Ord + Copy>(old: &Hashes<K>, new: &Hashes<K>) -> Vec<(K, Kind)> {
    let gone = old.keys().filter(|key| !new.contains_key(key));
    let gone = gone.map(|key| (*key, Kind::Removed));
    let other = new.iter().filter_map(|(key, hashes)| match old.get(key) {
        None => Some((*key, Kind::Added)),
        Some(before) if before != hashes => Some((*key, Kind::Modified)),
        Some(_) => None,
    });
    gone.chain(other).collect()
}
