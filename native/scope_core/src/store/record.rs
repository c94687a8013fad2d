//! What is stored: immutable values behind `Arc`. A change makes a new one with a higher version.

use std::sync::Arc;

use crate::ast::Ast;
use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::source::{ModuleDef, Unit};
use crate::value::Value;

/// Fields that a caller stored, by name. Few, so a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<(Atom, Value)>);

impl Fields {
    pub fn new(fields: Vec<(Atom, Value)>) -> Self {
        let mut all = Fields::default();
        all.patch(fields);
        all
    }

    /// The value of a field; `None` when it was not stored.
    pub fn get(&self, name: Atom) -> Option<&Value> {
        self.0
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    /// Sets fields; `nil` takes one away.
    pub fn patch(&mut self, changes: Vec<(Atom, Value)>) {
        for (name, value) in changes {
            self.0.retain(|(other, _)| *other != name);
            if !value.is_nil() {
                self.0.push((name, value));
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &(Atom, Value)> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(Atom, Value)>()
            + self
                .0
                .iter()
                .map(|(_, value)| value.heap_bytes())
                .sum::<usize>()
    }
}

/// The code of a module: a unit, and which of its modules. No module when the AST that was stored defines none of
/// that name.
#[derive(Clone, Debug)]
pub struct Source {
    pub unit: Arc<Unit>,
    pub module: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct ModuleRecord {
    /// As ids show it: `My.Mod`, `My.Mod~2`.
    pub id: Arc<str>,
    /// The text of the BEAM's atom; of a computed name what stands for it.
    pub name: Atom,
    pub version: u64,
    pub source: Option<Source>,
    /// Whether the source came with a project.
    pub imported: bool,
    pub fields: Fields,
    /// Nanoseconds since 1970.
    pub created_ns: u64,
    pub updated_ns: u64,
}

impl ModuleRecord {
    /// The unit and the module in it.
    pub fn definition(&self) -> Option<(&Arc<Unit>, u32, &ModuleDef)> {
        let source = self.source.as_ref()?;
        let module = source.module?;
        Some((
            &source.unit,
            module,
            &source.unit.modules()[module as usize],
        ))
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<ModuleRecord>() + self.id.len() + self.fields.memory_bytes()
    }
}

#[derive(Clone, Debug)]
pub struct FunctionRecord {
    pub key: FunctionKey,
    pub version: u64,
    /// As a caller stored it.
    pub ast: Option<Arc<Ast>>,
    pub fields: Fields,
    pub created_ns: u64,
    pub updated_ns: u64,
}

impl FunctionRecord {
    pub fn memory_bytes(&self) -> usize {
        size_of::<FunctionRecord>()
            + self.fields.memory_bytes()
            + self.ast.as_ref().map_or(0, |ast| ast.memory_bytes())
    }
}

/// A source file of an imported project.
#[derive(Clone, Debug)]
pub struct FileRecord {
    /// The directory that was imported, absolute.
    pub root: Arc<str>,
    pub unit: Arc<Unit>,
    pub lines: u32,
}

impl FileRecord {
    /// Relative to the root.
    pub fn path(&self) -> &str {
        self.unit.file()
    }
}
