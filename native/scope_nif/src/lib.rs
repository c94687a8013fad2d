//! The boundary: decode, call the core, encode. A table of contents.

rustler::init!("Elixir.ElixirScope.Native");
