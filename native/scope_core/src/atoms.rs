//! Interned text of Elixir atoms.
//!
//! The table lives as long as the process and only grows, as the BEAM's own atom table does. What is
//! interned here was an atom there (or was accepted, counted, from a saved repository), so the BEAM's
//! limit on atoms bounds this one.

use std::sync::OnceLock;

use dashmap::DashMap;
use parking_lot::RwLock;

/// An interned atom. Equal atoms have equal numbers, within one process only: never persist the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Atom(pub u32);

struct Table {
    by_text: DashMap<&'static str, Atom, ahash::RandomState>,
    by_number: RwLock<Vec<&'static str>>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table {
        by_text: DashMap::with_hasher(ahash::RandomState::new()),
        by_number: RwLock::new(Vec::new()),
    })
}

/// The number of `text`, interning it when it is new.
pub fn intern(text: &str) -> Atom {
    let table = table();
    if let Some(found) = table.by_text.get(text) {
        return *found;
    }
    // Leaked on purpose: see the module's doc. The write lock makes the number unique.
    let mut by_number = table.by_number.write();
    if let Some(found) = table.by_text.get(text) {
        return *found;
    }
    let leaked: &'static str = Box::leak(text.to_owned().into_boxed_str());
    let atom = Atom(by_number.len() as u32);
    by_number.push(leaked);
    table.by_text.insert(leaked, atom);
    atom
}

/// The number of `text` if it has ever been interned.
pub fn existing(text: &str) -> Option<Atom> {
    table().by_text.get(text).map(|found| *found)
}

/// The text of an atom.
pub fn text(atom: Atom) -> &'static str {
    table().by_number.read()[atom.0 as usize]
}

/// How many atoms are interned.
pub fn count() -> usize {
    table().by_number.read().len()
}

impl Atom {
    pub fn text(self) -> &'static str {
        text(self)
    }
}

impl std::fmt::Display for Atom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

/// Atoms persist as their text.
impl serde::Serialize for Atom {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> serde::Deserialize<'de> for Atom {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Ok(intern(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_text_is_one_atom() {
        assert_eq!(intern("alpha"), intern("alpha"));
        assert_ne!(intern("alpha"), intern("beta"));
        assert_eq!(intern("beta").text(), "beta");
        assert_eq!(existing("never interned, I hope"), None);
    }
}
