//! Every limit of the core, in one place, units last in the name.

/// Nodes of one parsed source. 16 M nodes are some 4 million lines.
pub const AST_ENTRIES_MAX: usize = 16 * 1024 * 1024;
/// Depth of one AST. Walks use explicit stacks; this only bounds their memory.
pub const AST_DEPTH_MAX: usize = 1_000_000;
/// A stored value nested deeper than this is kept as opaque external-term bytes.
pub const VALUE_DEPTH_MAX: usize = 64;
