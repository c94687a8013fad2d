//! Terms to core and back: ASTs through the arena's tokens, stored fields as values.

mod atoms_map;
mod make;
mod metas;
mod raw;
mod value;
mod walk;

pub use make::read_ast;
pub use value::{value_from_term, value_to_term};
pub use walk::ast_from_term;

#[allow(unused_imports)]
pub use atoms_map::{atom_from_term, atom_to_term};
