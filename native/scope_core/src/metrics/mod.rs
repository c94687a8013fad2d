//! Complexity and size, per clause, function and module. Each metric's file names its source.
//!
//! What every query may ask for is measured when a file comes in ([`ClauseMetrics`] and so on); what needs a closer
//! look is measured when first asked for ([`Sizes`]).

mod abc;
mod clause;
mod cognitive;
mod credo_abc;
mod cyclomatic;
mod halstead;
mod measure;
mod nesting;
mod recursion;
mod roles;
mod sizes;

pub use abc::Abc;
pub use clause::{ClauseMetrics, FunctionMetrics, ModuleMetrics};
pub(crate) use cyclomatic::mccabe_of;
pub use halstead::Halstead;
pub(crate) use measure::measure;
pub use sizes::{Size, Sizes, maintainability_index};

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::words::{Word, word};

/// A module within a function counts for itself.
fn is_module_definition(ast: &Ast, ix: NodeIx) -> bool {
    matches!(
        ast.atom_of(ix, Kind::Call).and_then(word),
        Some(Word::Defmodule | Word::Defprotocol | Word::Defimpl)
    )
}
