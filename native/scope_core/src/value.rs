//! A stored field: the part of an Elixir term that is not an AST.
//!
//! Depth is bounded by `limits::VALUE_DEPTH_MAX`, which is why the derived (recursive) clone, compare
//! and drop are safe here. What is deeper, and what has no text (pids, references, functions), is kept
//! as external-term bytes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::atoms::Atom;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Atom(Atom),
    Int(i64),
    Float(f64),
    /// A binary, usually text.
    Binary(Arc<[u8]>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    /// Key and value pairs in the order the BEAM gave them. A struct is a map with a `__struct__` key.
    Map(Vec<(Value, Value)>),
    /// External term format: anything else, exactly as it was.
    Opaque(Arc<[u8]>),
}
