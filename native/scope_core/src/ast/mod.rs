//! Quoted Elixir as a flat arena.
//!
//! An AST comes in as [`Tokens`] (a walk over terms, done elsewhere), lies in preorder arrays
//! ([`Ast`]), and goes out through [`Make`], bottom-up, exactly as it came: metadata and its order,
//! improper lists, maps and any literal included. Every entry has a hash of its subtree that knows
//! no metadata, which is what identity is made of.
//!
//! Nothing here recurses: depth is data.

mod arena;
mod blobs;
mod builder;
mod hash;
mod kind;
mod meta;
mod narrow;
mod read;
mod saved;
mod tokens;
mod varint;

pub use arena::{Ast, Children, NodeIx};
pub use builder::{Builder, MetaShape, MetaTokens};
pub use kind::Kind;
pub use read::Make;
pub use tokens::Tokens;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
