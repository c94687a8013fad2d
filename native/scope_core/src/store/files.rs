//! Files of projects put in and taken out, at a cost in proportion to what changed.
//!
//! Of the files that define a name, the one with the smallest (is a script, path) keeps it plain; in the others it
//! gets a suffix. Which file that is does not depend on the order in which they came. Files whose own text did not
//! change are touched only when they gain or lose a plain name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use crate::atoms::Atom;
use crate::error::Result;
use crate::source::Unit;
use crate::store::change::{FileChange, compare};
use crate::store::record::{Fields, FileRecord, ModuleRecord, Source};
use crate::store::repository::Limits;
use crate::store::state::{Name, State};
use crate::store::write::{now_ns, too_many_modules};

/// The new content of files, by absolute path; `None` takes one out.
pub(super) type Files = BTreeMap<Arc<str>, Option<FileRecord>>;

/// Files that were touched, as they were before.
type Before = BTreeMap<Arc<str>, Option<Arc<FileRecord>>>;

impl State {
    /// Puts files in or takes them out. Gives what changed, by path.
    ///
    /// Errors: `LimitExceeded` when there would be too many modules; then the draft is of no use.
    pub(super) fn change_files(
        &mut self,
        limits: &Limits,
        files: Files,
    ) -> Result<Vec<FileChange>> {
        let mut before = Before::new();
        // Names that the files defined or define, with those that do now.
        let mut names: AHashMap<Name, Vec<Arc<str>>> = AHashMap::new();
        for (path, file) in files {
            let old = self.files.get(&path).cloned();
            let new = file.map(|file| match &old {
                Some(old) => file.after(old),
                None => file,
            });
            for module in old.iter().flat_map(|old| old.unit.modules()) {
                names.entry((module.name, module.dynamic)).or_default();
            }
            match new {
                Some(file) => {
                    for module in file.unit.modules() {
                        let own = names.entry((module.name, module.dynamic)).or_default();
                        if own.last() != Some(&path) {
                            own.push(path.clone());
                        }
                    }
                    self.files.insert(path.clone(), Arc::new(file));
                }
                None => {
                    self.files.remove(&path);
                }
            }
            before.insert(path, old);
        }
        let touched = self.settle_names(&before, names);
        self.qualify(&touched, &mut before);
        self.settle_records(&touched, &before);
        if self.modules.len() > limits.modules_max {
            return Err(too_many_modules(limits));
        }
        let mut changes = Vec::with_capacity(before.len());
        for (path, old) in &before {
            let new = self.files.get(path).cloned();
            let old = old.as_ref().map(|old| &old.unit);
            let new = new.as_ref().map(|new| &new.unit);
            if let (Some(old), Some(new)) = (old, new)
                && !Arc::ptr_eq(old, new)
            {
                self.replaced(old, new);
            } else if let (Some(old), None) = (old, new) {
                self.removed(old);
            }
            changes.push(compare(path, old.map(|old| &**old), new.map(|new| &**new)));
        }
        self.next_version();
        Ok(changes)
    }

    /// Files of a project of which a module is not stored: somebody deleted it.
    pub(super) fn incomplete(&self, root: &str) -> Files {
        let of_root = self.files.iter().filter(|(_, file)| *file.root == *root);
        let incomplete = of_root.filter(|(_, file)| {
            let modules = 0..file.unit.modules().len() as u32;
            let mut ids = modules.map(|module| file.unit.module_id(module));
            ids.any(|id| !self.modules.contains_key(id.as_str()))
        });
        incomplete
            .map(|(path, file)| (path.clone(), Some(FileRecord::clone(file))))
            .collect()
    }

    /// Brings `definers` up to date. Gives the files whose names or records may be others now.
    fn settle_names(
        &mut self,
        before: &Before,
        names: AHashMap<Name, Vec<Arc<str>>>,
    ) -> BTreeSet<Arc<str>> {
        let exists = |path: &&Arc<str>| self.files.contains_key(*path);
        let mut touched: BTreeSet<Arc<str>> = before.keys().filter(exists).cloned().collect();
        for (name, mut own) in names {
            let old = self.definers.get(&name).cloned().unwrap_or_default();
            let stay = old.iter().filter(|path| !before.contains_key(*path));
            own.extend(stay.cloned());
            own.sort_by(|a, b| self.rank(a).cmp(&self.rank(b)));
            if old.first() != own.first() {
                let keepers = old.first().into_iter().chain(own.first());
                touched.extend(keepers.filter(exists).cloned());
            }
            // Two projects may have a file of one path: then it is one id, and the first project's is stored.
            let paths: AHashSet<&str> = before
                .values()
                .flatten()
                .map(|file| file.path())
                .chain(
                    own.iter()
                        .filter(|path| touched.contains(*path))
                        .map(|path| self.files[path].path()),
                )
                .collect();
            let twins = own
                .iter()
                .filter(|path| paths.contains(self.files[*path].path()));
            let twins: Vec<_> = twins.cloned().collect();
            touched.extend(twins);
            match own.is_empty() {
                true => self.definers.remove(&name).map(drop),
                false => self.definers.insert(name, Arc::from(own)).map(drop),
            };
        }
        touched
    }

    fn rank<'a>(&'a self, path: &'a Arc<str>) -> (bool, &'a str, &'a str) {
        let file = self.files[path].path();
        (file.ends_with(".exs"), file, path)
    }

    /// Gives suffixes to the names that other files keep plain.
    fn qualify(&mut self, touched: &BTreeSet<Arc<str>>, before: &mut Before) {
        for path in touched {
            let file = self.files[path].clone();
            let modules = file.unit.modules();
            let others: AHashSet<Atom> = modules
                .iter()
                .filter(|module| {
                    let definers = self.definers.get(&(module.name, module.dynamic));
                    definers.and_then(|paths| paths.first()) != Some(path)
                })
                .map(|module| module.name)
                .collect();
            let settled = modules
                .iter()
                .all(|module| module.qualifier.is_some() == others.contains(&module.name));
            if settled {
                continue;
            }
            let unit = Arc::new(file.unit.with_qualifiers(|name| others.contains(&name)));
            let record = FileRecord {
                unit,
                ..FileRecord::clone(&file)
            };
            self.files.insert(path.clone(), Arc::new(record));
            before.entry(path.clone()).or_insert(Some(file));
        }
    }

    /// Makes the records of modules those of the files.
    fn settle_records(&mut self, touched: &BTreeSet<Arc<str>>, before: &Before) {
        let mut wanted: BTreeMap<Arc<str>, (Atom, Source)> = BTreeMap::new();
        // In the order of the paths, so that of equal ids the same one is kept every time.
        for path in touched {
            let unit = self.files[path].unit.clone();
            for (id, number) in ids(&unit) {
                let name = unit.modules()[number as usize].name;
                let source = Source {
                    unit: unit.clone(),
                    module: Some(number),
                };
                wanted.entry(id).or_insert((name, source));
            }
        }
        for old in before.values().flatten() {
            for (id, _) in ids(&old.unit).filter(|(id, _)| !wanted.contains_key(id)) {
                let imported = self.modules.get(&id).is_some_and(|record| record.imported);
                if imported {
                    self.modules.remove(&id);
                }
            }
        }
        for (id, (name, source)) in wanted {
            let current = self.modules.get(&id).cloned();
            if current
                .as_ref()
                .is_some_and(|record| is_same(record, &source))
            {
                continue;
            }
            let now = now_ns();
            let record = ModuleRecord {
                id: id.clone(),
                name,
                version: self.next_version(),
                source: Some(source),
                imported: true,
                // What a caller stored of the module outlives a change of its source.
                fields: current
                    .as_ref()
                    .map_or_else(Fields::default, |record| record.fields.clone()),
                created_ns: current.as_ref().map_or(now, |record| record.created_ns),
                updated_ns: now,
            };
            self.modules.insert(id, Arc::new(record));
        }
    }
}

fn ids(unit: &Unit) -> impl Iterator<Item = (Arc<str>, u32)> + '_ {
    let modules = 0..unit.modules().len() as u32;
    modules.map(|number| (Arc::from(unit.module_id(number)), number))
}

fn is_same(record: &ModuleRecord, source: &Source) -> bool {
    record.imported
        && record
            .source
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(&own.unit, &source.unit) && own.module == source.module)
}
