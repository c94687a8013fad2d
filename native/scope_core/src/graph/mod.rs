//! The graphs that span files: who calls whom, which module needs which.
//!
//! Each file's edges are found from its calls and, where its modules are compiled and fresh, from what the compiler made
//! of them. The join keeps them by file: when a file changes, its own edges are found anew, and those of the files that
//! name a module whose definitions changed; nothing else is touched.

mod cycles;
mod depends;
mod edges;
mod index;
mod modules;
mod reach;
#[cfg(test)]
mod tests;

pub use cycles::{Cycle, cycles};
pub use depends::Need;
pub use index::{Expanded, GraphIndex, Input};
pub use modules::{FunctionInfo, ModuleInfo};
pub use reach::reached;

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::source::Form;

/// The number of a function in an index. The body of a module, what is outside of the project, and what is decided at
/// run time have numbers too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FunctionIx(pub u32);

/// How a function reaches another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum EdgeKind {
    /// A function of the same module.
    Local,
    /// `Mod.f(x)`, or imported.
    Remote,
    Imported,
    /// `&f/1`: whoever gets it may call it.
    Capture,
    /// `apply(Mod, :f, args)`.
    Apply,
    /// `defdelegate`.
    Delegate,
    /// `{Mod, :f, args}`: whoever gets it may call it.
    Mfa,
    /// A macro, called by the compiler.
    Macro,
    /// Made by a macro that was called there.
    Generated,
    /// In quoted code: called where that code goes.
    Quoted,
    /// `super`.
    Super,
    /// From a function of a protocol to the same of an implementation; from a call whose module is not known to those
    /// functions of behaviours that it may mean.
    Dispatch,
    /// Decided when the call is made: the callee stands for all that is possible.
    Dynamic,
}

impl EdgeKind {
    pub fn text(self) -> &'static str {
        match self {
            EdgeKind::Local => "local",
            EdgeKind::Remote => "remote",
            EdgeKind::Imported => "imported",
            EdgeKind::Capture => "capture",
            EdgeKind::Apply => "apply",
            EdgeKind::Delegate => "delegate",
            EdgeKind::Mfa => "mfa",
            EdgeKind::Macro => "macro",
            EdgeKind::Generated => "generated",
            EdgeKind::Quoted => "quoted",
            EdgeKind::Super => "super",
            EdgeKind::Dispatch => "dispatch",
            EdgeKind::Dynamic => "dynamic",
        }
    }

    fn of_form(form: Form) -> Option<EdgeKind> {
        Some(match form {
            Form::Capture => EdgeKind::Capture,
            Form::Apply => EdgeKind::Apply,
            Form::Delegate => EdgeKind::Delegate,
            Form::Mfa => EdgeKind::Mfa,
            Form::Super => EdgeKind::Super,
            Form::Use => EdgeKind::Macro,
            _ => return None,
        })
    }
}

/// One call, resolved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    pub caller: FunctionIx,
    pub callee: FunctionIx,
    /// The node of the call; `NO_NODE` when a macro made it.
    pub node: u32,
    pub line: u32,
    pub kind: EdgeKind,
}

pub const NO_NODE: u32 = u32::MAX;

/// What a function is, as far as the join knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Defined in the project.
    Defined,
    /// The body of a module of the project.
    Body,
    /// Of a module of the project that does not show it: a macro makes it, or nothing does.
    Unknown,
    /// Of a module outside.
    External,
    /// Decided at run time.
    Dynamic,
}

/// The name under which the body of a module goes.
pub const BODY_NAME: &str = "__MODULE__";
/// The module of what is decided at run time.
pub const ANY_MODULE: &str = "?";
/// The name of a function value.
pub const ANY_NAME: &str = "fn";

/// Whether a key stands for something decided at run time.
pub fn is_dynamic(key: &FunctionKey) -> bool {
    key.module.text() == ANY_MODULE
}

/// `Kernel` and `:erlang` hold what every function is made of; of them only what reaches others is an edge.
fn is_plumbing(module: Atom, name: Atom) -> bool {
    let of_language = matches!(
        module.text(),
        "Elixir.Kernel" | "erlang" | "Elixir.Kernel.SpecialForms"
    );
    of_language
        && !matches!(
            name.text(),
            "apply"
                | "spawn"
                | "spawn_link"
                | "spawn_monitor"
                | "send"
                | "to_string"
                | "inspect"
                | "struct"
                | "struct!"
                | "exit"
                | "raise"
                | "to_charlist"
        )
}
