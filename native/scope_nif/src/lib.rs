//! The boundary: decode, call the core, encode. A table of contents.

mod atoms;
mod capture;
mod capture_control;
mod error;
mod export;
mod flow;
mod gates;
mod meaning;
mod notes;
mod probe;
mod probe_values;
mod repository;
mod runtime;
mod small_int;
mod sources;
mod temporal;
mod terms;
mod tracer;
mod tracer_blob;
mod tracer_control;
mod values;
mod watch;
mod work;

rustler::init!("Elixir.ElixirScope.Native");
