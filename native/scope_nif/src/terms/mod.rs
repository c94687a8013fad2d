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
pub use atoms_map::{atom_from_term, atom_to_term, existing_atom};

/// A term from external term format, which makes no atom and no function that does not exist; `None` when the bytes are none.
pub fn internal_term<'a>(env: rustler::Env<'a>, bytes: &[u8]) -> Option<rustler::Term<'a>> {
    let raw = raw::Heap::of(env).internal(bytes).ok()?;
    // SAFETY: made in this environment just now.
    Some(unsafe { rustler::Term::new(env, raw) })
}
