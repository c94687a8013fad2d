//! Files of a project, one or all at once.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use crate::error::Result;
use crate::source::Unit;
use crate::store::files::Files;
use crate::store::record::FileRecord;
use crate::store::repository::Repository;
use crate::store::state::State;

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

impl Repository {
    /// The files that are stored of a project, relative to its root.
    pub fn file_paths(&self, root: &str) -> Vec<String> {
        self.with(|state| {
            let files = state.files.values().filter(|file| *file.root == *root);
            files.map(|file| file.path().to_owned()).collect()
        })
    }

    /// The directories that were imported, sorted.
    pub fn roots(&self) -> Vec<Arc<str>> {
        self.with(|state| {
            let mut roots: Vec<Arc<str>> = Vec::new();
            for file in state.files.values() {
                // Files of one project stand together: few comparisons are not with the last.
                if roots.last() != Some(&file.root) && !roots.contains(&file.root) {
                    roots.push(file.root.clone());
                }
            }
            roots.sort();
            roots
        })
    }

    /// The project and the path in it of a stored file, by absolute path.
    pub fn file_place(&self, path: &str) -> Option<(Arc<str>, String)> {
        self.with(|state| {
            let file = state.files.get(path)?;
            Some((file.root.clone(), file.path().to_owned()))
        })
    }

    /// Whether a file is stored with this very text.
    pub fn is_text_of_file(&self, root: &str, path: &str, text: &[u8]) -> bool {
        let path = absolute(root, path);
        let stored = self.with(|state| state.files.get(&*path).map(|file| file.unit.digest()));
        stored == Some(xxh3_128(text))
    }

    /// Makes what is stored of a project these files: puts parsed ones in, takes `removed` ones out (paths relative to
    /// `root`), leaves the others. Modules that somebody deleted from the others come back. All or nothing.
    ///
    /// Errors: `LimitExceeded` when there would be too many modules.
    pub fn import(&self, root: &str, parsed: Vec<Parsed>, removed: &[String]) -> Result<Imported> {
        let root: Arc<str> = Arc::from(root);
        let mut files = Files::new();
        for path in removed {
            files.insert(Arc::from(absolute(&root, path)), None);
        }
        for one in parsed {
            files.insert(
                Arc::from(absolute(&root, one.unit.file())),
                Some(one.record(&root)),
            );
        }
        self.write(|draft| {
            let mut all = draft.incomplete(&root);
            all.extend(files);
            draft.change_files(self.limits(), all)?;
            Ok(imported(draft, &root))
        })
    }
}

fn imported(state: &State, root: &str) -> Imported {
    let mut sum = Imported::default();
    for file in state.files.values().filter(|file| *file.root == *root) {
        sum.modules += file.unit.modules().len() as u64;
        sum.functions += file.unit.functions().len() as u64;
        sum.nodes += file.unit.ast().len() as u64;
    }
    sum
}

impl Parsed {
    pub(super) fn record(self, root: &Arc<str>) -> FileRecord {
        FileRecord {
            root: root.clone(),
            unit: self.unit,
            lines: self.lines,
        }
    }
}

pub(super) fn absolute(root: &str, path: &str) -> String {
    format!("{}/{path}", root.trim_end_matches('/'))
}
