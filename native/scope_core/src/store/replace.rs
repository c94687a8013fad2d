//! The one place where a new version of a file takes the place of an old one.

use std::sync::Arc;

use ahash::AHashSet;

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::diff::Matching;
use crate::source::{NodeId, Unit};
use crate::store::locate::runtime_key;
use crate::store::record::{FileRecord, FunctionRecord};
use crate::store::state::State;

impl State {
    /// Called once for each file whose unit was replaced, with the new one in place and the module records settled,
    /// in the order of the paths. What is changed here is published together with the new unit: no reader sees one
    /// without the other. The two may have one AST and differ only in what their modules are called (`My.Mod` and
    /// `My.Mod~9c01ab`).
    ///
    /// Other writers wait meanwhile, so what is done here has to be proportional to the file.
    pub(super) fn replaced(&mut self, old: &Arc<Unit>, new: &Arc<Unit>) {
        debug_assert!(!Arc::ptr_eq(old, new));
        let since = self.since(new);
        self.history.add(old, Some(new), since);
        self.forget_names(new);
        // Renames are looked for when something went and something came; the rest, when something hangs on a node.
        let renamed = functions_differ(old, new);
        let anchored = self.anchored(old);
        if !renamed && anchored.is_empty() {
            return;
        }
        let Some(matching) = self.history.matching_of(old) else {
            return;
        };
        if renamed {
            self.history.rename(old, new, &matching);
            self.forget_names(new);
            self.move_functions(old, new, &matching);
        }
        for id in anchored {
            let forward = NodeId::parse(&id)
                .ok()
                .and_then(|parsed| old.resolve(&parsed))
                .and_then(|found| matching.found(found));
            let Some(there) = forward.map(|found| new.id_of(found)) else {
                continue;
            };
            if there != *id {
                self.moves.push((id, Arc::from(there)));
            }
        }
        self.move_insights();
    }

    /// Called when a module's record got another unit, or none.
    pub(super) fn superseded(&mut self, old: Option<Arc<Unit>>, new: Option<Arc<Unit>>) {
        let Some(old) = old.filter(|old| !self.is_current(old)) else {
            return;
        };
        match new {
            Some(new) if !Arc::ptr_eq(&old, &new) => self.replaced(&old, &new),
            Some(_) => {}
            None => self.removed(&old),
        }
    }

    /// Called for a unit whose file or module was taken out.
    pub(super) fn removed(&mut self, old: &Arc<Unit>) {
        let since = self.since(old);
        // Its modules may stand in another file: then that took its place.
        let next = (0..old.modules().len() as u32).find_map(|module| {
            let record = self.modules.get(old.module_id(module).as_str())?;
            let there = record.source.as_ref()?.unit.clone();
            (!Arc::ptr_eq(&there, old)).then_some(there)
        });
        match next {
            Some(next) => self.replaced(old, &next),
            None => self.history.add(old, None, since),
        }
    }

    /// What a snapshot replaces was there all the same: old ids and events go on being resolved.
    pub(super) fn keep_history(&mut self, before: State) {
        self.history = before.history.clone();
        for unit in before.units().iter() {
            if self.is_current(unit) {
                continue;
            }
            let ids = (0..unit.modules().len() as u32).map(|module| unit.module_id(module));
            let mut records = ids.filter_map(|id| self.modules.get(id.as_str()));
            let next = records.find_map(|record| Some(record.source.as_ref()?.unit.clone()));
            let since = before.since(unit);
            self.history.add(unit, next.as_ref(), since);
        }
    }

    /// When the first of a unit's modules was stored first.
    pub(super) fn since(&self, unit: &Unit) -> u64 {
        let ids = (0..unit.modules().len() as u32).map(|module| unit.module_id(module));
        let records = ids.filter_map(|id| Some(self.modules.get(id.as_str())?.created_ns));
        records.min().unwrap_or(0)
    }

    /// Ids of a unit's nodes that correlations or insights are stored for.
    fn anchored(&self, unit: &Unit) -> Vec<Arc<str>> {
        if self.correlations.is_empty() && self.insights.is_empty() {
            return Vec::new();
        }
        let modules = (0..unit.modules().len() as u32).map(|module| unit.module_id(module));
        let functions = (0..unit.functions().len() as u32).map(|one| unit.function_id(one));
        let anchors: AHashSet<String> = modules
            .chain(functions)
            .chain(std::iter::once(unit.file_id()))
            .collect();
        let mut ids: Vec<Arc<str>> = anchors
            .iter()
            .flat_map(|anchor| self.correlations.nodes_of_anchor(anchor))
            .collect();
        let of_unit = |id: &&Arc<str>| {
            NodeId::parse(id).is_ok_and(|parsed| anchors.contains(parsed.anchor()))
        };
        ids.extend(self.insights.keys().filter(of_unit).cloned());
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// What was stored of a function goes with it when it is renamed, unless there is something under its new name.
    fn move_functions(&mut self, old: &Unit, new: &Unit, matching: &Matching) {
        let key = |unit: &Unit, function: u32| {
            let one = &unit.functions()[function as usize];
            FunctionKey {
                module: unit.modules()[one.module as usize].name,
                name: one.name,
                arity: one.arity,
            }
        };
        for o in 0..old.functions().len() as u32 {
            let Some(n) = matching.function(o) else {
                continue;
            };
            let (before, now) = (key(old, o), key(new, n));
            if before == now || self.functions.contains_key(&now) || self.in_source(&before) {
                continue;
            }
            if let Some(record) = self.functions.remove(&before) {
                let version = self.next_version();
                let record = FunctionRecord {
                    key: now,
                    version,
                    ..FunctionRecord::clone(&record)
                };
                self.functions.insert(now, Arc::new(record));
            }
        }
    }

    fn move_insights(&mut self) {
        let all = self.moves.iter();
        let found: Vec<_> = all
            .filter_map(|(from, to)| {
                Some((from.clone(), to.clone(), self.insights.get(from)?.clone()))
            })
            .collect();
        // All are taken out before one is put in: one may go where another was.
        for (from, _, _) in &found {
            self.insights.remove(from);
        }
        for (_, to, fields) in found {
            self.insights.insert(to, fields);
        }
    }

    /// A name that the source has is no former name.
    fn forget_names(&mut self, new: &Unit) {
        if self.history.former_names.is_empty() {
            return;
        }
        let keys: AHashSet<FunctionKey> = (0..new.functions().len() as u32)
            .filter_map(|function| runtime_key(new, function))
            .collect();
        self.history.forget_names(|key| keys.contains(key));
    }
}

/// Whether a function went and another came.
fn functions_differ(old: &Unit, new: &Unit) -> bool {
    let keys = |unit: &Unit| -> AHashSet<(Atom, Atom, u32)> {
        let functions = unit.functions().iter();
        functions
            .map(|one| {
                (
                    unit.modules()[one.module as usize].name,
                    one.name,
                    one.arity,
                )
            })
            .collect()
    };
    let (old, new) = (keys(old), keys(new));
    old.iter().any(|key| !new.contains(key)) && new.iter().any(|key| !old.contains(key))
}

impl FileRecord {
    /// This version of a file, keeping of the last one what still holds: when only comments and layout are others,
    /// everything that was computed from the code.
    pub(super) fn after(self, old: &FileRecord) -> FileRecord {
        if Arc::ptr_eq(&self.unit, &old.unit) || !self.unit.same_code(&old.unit) {
            return self;
        }
        FileRecord {
            unit: Arc::new(self.unit.with_derived_of(&old.unit)),
            ..self
        }
    }
}
