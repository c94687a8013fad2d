//! Files of a project, all at once: which definition of a name is the one that keeps it is decided when all are
//! known, so the order in which they came does not matter.

use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use xxhash_rust::xxh3::xxh3_128;

use crate::atoms::Atom;
use crate::error::Result;
use crate::source::Unit;
use crate::store::record::{Fields, FileRecord, ModuleRecord, Source};
use crate::store::repository::{Repository, now_ns};

/// A file as it was parsed.
pub struct Parsed {
    pub unit: Arc<Unit>,
    pub lines: u32,
}

/// What is stored of a project after an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub modules: u64,
    pub functions: u64,
    pub nodes: u64,
}

type Files = AHashMap<Arc<str>, Arc<FileRecord>>;

impl Repository {
    /// The files that are stored of a project, relative to its root.
    pub fn file_paths(&self, root: &str) -> Vec<String> {
        self.files
            .iter()
            .filter(|entry| *entry.root == *root)
            .map(|entry| entry.path().to_owned())
            .collect()
    }

    /// Whether a file is stored with this very text.
    pub fn is_text_of_file(&self, root: &str, path: &str, text: &[u8]) -> bool {
        let stored = self
            .files
            .get(&*absolute(root, path))
            .map(|entry| entry.unit.digest());
        stored == Some(xxh3_128(text))
    }

    /// Puts parsed files in, takes `removed` ones out (paths relative to `root`), and settles what every module is
    /// called. All or nothing.
    ///
    /// Errors: `LimitExceeded` when there would be too many modules.
    pub fn import(&self, root: &str, parsed: Vec<Parsed>, removed: &[String]) -> Result<Imported> {
        let _cut = self.gate.write();
        self.open()?;
        let root: Arc<str> = Arc::from(root);
        let mut files: Files = self
            .files
            .iter()
            .map(|entry| (entry.key().clone(), entry.value().clone()))
            .collect();
        for path in removed {
            files.remove(&*absolute(&root, path));
        }
        for Parsed { unit, lines } in parsed {
            let record = FileRecord {
                root: root.clone(),
                unit,
                lines,
            };
            files.insert(Arc::from(absolute(&root, record.path())), Arc::new(record));
        }
        self.settle(files)?;
        Ok(self.imported(&root))
    }

    /// Makes the files and their modules what the repository holds of projects. Needs `gate`, exclusively.
    pub(super) fn settle(&self, mut files: Files) -> Result<()> {
        qualify(&mut files);
        let wanted = definitions(&files);
        let by_hand = self
            .modules
            .iter()
            .filter(|entry| !entry.imported && !wanted.contains_key(entry.key()))
            .count();
        if wanted.len() + by_hand > self.limits().modules_max {
            return Err(self.too_many_modules());
        }
        // Nothing below can fail.
        self.files.retain(|path, _| files.contains_key(path));
        let mut replaced = Vec::new();
        for (path, record) in files {
            let new = record.unit.clone();
            let before = self.files.insert(path.clone(), record);
            let old = before.map(|before| before.unit.clone());
            replaced.extend(
                old.filter(|old| !Arc::ptr_eq(old, &new))
                    .map(|old| (path, old, new)),
            );
        }
        self.modules
            .retain(|id, record| !record.imported || wanted.contains_key(id));
        for (id, (name, source)) in wanted {
            let current = self.module_by_id(&id);
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
        self.module_count
            .store(self.modules.len(), std::sync::atomic::Ordering::Release);
        replaced.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (_, old, new) in &replaced {
            self.replaced(old, new);
        }
        self.next_version();
        Ok(())
    }

    fn imported(&self, root: &str) -> Imported {
        let mut sum = Imported::default();
        for entry in self.files.iter().filter(|entry| *entry.root == *root) {
            sum.modules += entry.unit.modules().len() as u64;
            sum.functions += entry.unit.functions().len() as u64;
            sum.nodes += entry.unit.ast().len() as u64;
        }
        sum
    }
}

fn absolute(root: &str, path: &str) -> String {
    format!("{}/{path}", root.trim_end_matches('/'))
}

fn is_same(record: &ModuleRecord, source: &Source) -> bool {
    record.imported
        && record
            .source
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(&own.unit, &source.unit) && own.module == source.module)
}

/// Of the files that define a name, the one with the smallest (is a script, path) keeps it plain; in the others it
/// gets a suffix.
fn qualify(files: &mut Files) {
    let mut keepers: AHashMap<(Atom, bool), (bool, Arc<str>)> = AHashMap::new();
    for (absolute, file) in files.iter() {
        let rank = (file.path().ends_with(".exs"), file.path());
        for module in file.unit.modules() {
            let better = |(script, other): &(bool, Arc<str>)| {
                let other_path = files[other].path();
                (rank, &**absolute) < ((*script, other_path), &**other)
            };
            let keeper = keepers.entry((module.name, module.dynamic));
            match keeper {
                std::collections::hash_map::Entry::Occupied(mut entry) => {
                    if better(entry.get()) {
                        entry.insert((rank.0, absolute.clone()));
                    }
                }
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert((rank.0, absolute.clone()));
                }
            }
        }
    }
    for (absolute, file) in files.iter_mut() {
        let others: AHashSet<Atom> = file
            .unit
            .modules()
            .iter()
            .filter(|module| keepers[&(module.name, module.dynamic)].1 != *absolute)
            .map(|module| module.name)
            .collect();
        let settled = file
            .unit
            .modules()
            .iter()
            .all(|module| module.qualifier.is_some() == others.contains(&module.name));
        if !settled {
            let unit = Arc::new(file.unit.with_qualifiers(|name| others.contains(&name)));
            *file = Arc::new(FileRecord {
                unit,
                ..FileRecord::clone(file)
            });
        }
    }
}

/// Every module of the files, by id.
fn definitions(files: &Files) -> AHashMap<Arc<str>, (Atom, Source)> {
    let mut all = AHashMap::new();
    // In a fixed order, so that of two equal ids (two projects, one path) the same one is kept every time.
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_unstable_by(|a, b| a.0.cmp(b.0));
    for (_, file) in sorted {
        for (number, module) in file.unit.modules().iter().enumerate() {
            let source = Source {
                unit: file.unit.clone(),
                module: Some(number as u32),
            };
            let id: Arc<str> = Arc::from(file.unit.module_id(number as u32));
            all.entry(id).or_insert((module.name, source));
        }
    }
    all
}
