//! The boundary: decode, call the core, encode. A table of contents.

mod atoms;
mod error;

rustler::init!("Elixir.ElixirScope.Native");
