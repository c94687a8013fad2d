//! Units: parsed sources as resources.

mod calls;
mod diffs;
mod nifs;
mod outline;

use std::sync::Arc;

use scope_core::source::Unit;

pub(crate) use nifs::unit;

/// A unit that Elixir holds on to.
pub struct SourceUnit {
    pub unit: Arc<Unit>,
}

#[rustler::resource_impl]
impl rustler::Resource for SourceUnit {}
