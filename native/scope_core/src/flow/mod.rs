//! Scope, control flow and data flow, from the source of one file.
//!
//! [`Variables`] are all bindings and uses of a file, as the compiler numbers them; the rest is made of them.

mod cfg;
mod data;
mod form;
mod graphs;
mod report;
mod variables;
mod walk;

use std::sync::Arc;

use crate::source::Unit;

pub use cfg::{Block, BlockKind, Cfg, Edge, EdgeKind, Graph};
pub use data::{DataFlow, Flow, FlowKind, Summaries, Summary, Vertex, VertexKind, data_flow};
pub(crate) use data::{parameter_analysis, return_analysis};
pub use graphs::{bytes, complexities, control_flow};
pub(crate) use report::{local_variables, scope_analysis, variable_mutations};
pub use report::{occurrences, scope_analyses};
pub use variables::{BindKind, Binding, Occurrence, Region, Role, Scope, ScopeKind, Variables};

impl Unit {
    /// Every variable of the file: computed when first asked for, and kept.
    pub fn variables(&self) -> &Arc<Variables> {
        let cell = &self.derived().variables;
        cell.get_or_init(|| Arc::new(walk::walk(self)))
    }

    /// What each function of the file does with its arguments: computed when first asked for, and kept.
    pub fn summaries(&self) -> &Arc<Summaries> {
        let cell = &self.derived().summaries;
        cell.get_or_init(|| Arc::new(Summaries::of_unit(self)))
    }
}
