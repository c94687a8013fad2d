//! One parsed source: its AST, what it defines, and the identity of every node.
//!
//! A [`Unit`] is a pure function of its file name, its text and its AST, and never changes. What is
//! defined (modules, functions, clauses) is found by one pass over the arena; ids are rendered when
//! asked for and never stored.

pub(crate) mod aliases;
pub mod calls;
mod cell;
mod define;
mod derived;
mod extract;
pub(crate) mod head;
mod id;
mod ids;
mod lexer;
mod locate;
pub(crate) mod module_type;
mod names;
mod saved;
mod scope;
mod text;
mod unit;
pub(crate) mod words;

pub use calls::{ANY_ARITY, CallSite, Callee, Calls, Form, ModuleRef};
pub use cell::computed;
pub use define::{ClauseDef, FunctionDef, FunctionKind, ModuleDef, ModuleKind, Position};
pub use derived::Derived;
pub use id::NodeId;
pub use ids::Found;
pub use module_type::ModuleType;
pub use names::{function_text, module_text};
pub use unit::Unit;

#[cfg(test)]
mod tests;
