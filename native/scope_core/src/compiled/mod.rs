//! The expanded view: what a compiled module calls, after its macros have run.
//!
//! A module's debug information holds every definition as the compiler left it. From it only the calls are kept,
//! each with the place in the source that it belongs to: code that a macro made belongs to the call of the macro.

mod extract;
mod info;

pub use extract::extract;
pub use info::{Told, info};

use std::sync::Arc;

use crate::atoms::Atom;
use crate::source::Form;

/// A compiled module, as far as it is known from its file and from the compiler's own notes.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub module: Atom,
    /// The source, relative to the project; empty when it is none of the project's.
    pub file: Arc<str>,
    /// The source was changed after it was compiled.
    pub stale: bool,
    pub protocol: bool,
    /// Of an implementation: the protocol, and for what.
    pub implements: Option<(Atom, Atom)>,
    pub behaviours: Box<[Atom]>,
    pub functions: Box<[CompiledFunction]>,
    pub targets: Box<[Target]>,
    pub calls: Box<[CompiledCall]>,
    /// What the compiler noted; none when it was not asked to.
    pub dependencies: Option<Box<[(Atom, Dependency)]>>,
    /// What the file needs around its modules; the same for each of them.
    pub around: Box<[(Atom, Dependency)]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompiledFunction {
    /// As in the source: of a macro without `MACRO-`.
    pub name: Atom,
    pub arity: u32,
    pub public: bool,
    pub is_macro: bool,
    pub line: u32,
}

/// Something that is called. No module: it is decided when the call is made. No name: a function value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    pub module: Option<Atom>,
    pub name: Option<Atom>,
    pub arity: u32,
    /// A macro: called by the compiler.
    pub is_macro: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompiledCall {
    /// A number of `functions`; `BODY` for the body of the module, which runs when it is compiled.
    pub caller: u32,
    /// A number of `targets`.
    pub target: u32,
    /// 0 when unknown.
    pub line: u32,
    pub column: u32,
    pub form: Form,
}

pub const BODY: u32 = u32::MAX;

/// How a module needs another one, as `mix xref` has it; the stronger counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dependency {
    Runtime,
    /// Recompiled when the other's public functions or struct change.
    Export,
    /// Recompiled whenever the other changes.
    Compile,
}

impl Dependency {
    pub fn text(self) -> &'static str {
        match self {
            Dependency::Runtime => "runtime",
            Dependency::Export => "export",
            Dependency::Compile => "compile",
        }
    }

    pub fn from_text(text: &str) -> Option<Dependency> {
        [Dependency::Runtime, Dependency::Export, Dependency::Compile]
            .into_iter()
            .find(|one| one.text() == text)
    }
}

impl Compiled {
    pub fn memory_bytes(&self) -> usize {
        size_of::<Compiled>()
            + self.file.len()
            + self.behaviours.len() * size_of::<Atom>()
            + self.functions.len() * size_of::<CompiledFunction>()
            + self.targets.len() * size_of::<Target>()
            + self.calls.len() * size_of::<CompiledCall>()
            + self.around.len() * size_of::<(Atom, Dependency)>()
            + self
                .dependencies
                .as_ref()
                .map_or(0, |all| all.len() * size_of::<(Atom, Dependency)>())
    }
}
