//! The boundary: decode, call the core, encode. A table of contents.

mod atoms;
mod error;
mod sources;
mod terms;

rustler::init!("Elixir.ElixirScope.Native");
