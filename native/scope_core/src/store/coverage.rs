//! Test coverage of a function: the share of its executable nodes that ran.
//!
//! Executable nodes are calls, operators, special forms and variables outside patterns and quotes, and each clause
//! itself. Literals have no position of their own and are counted with what stands around them.
//!
//! A clause is cut into regions, each of which runs as a whole or not at all, exceptions aside: the clause's body, and
//! inside it every branch (the body of a `->`, the blocks of `if`, `for` and `with`, the right side of `&&`, `||`,
//! `and`, `or`, a `&` function). The running program tells which clauses were entered, and, where branches were
//! instrumented, which of them were reached; each of their points lies in a region. A region ran when one of its points
//! was reached or a region inside it ran; a region without a point is taken for a part of the one around it.

use std::collections::BTreeMap;

use ahash::AHashSet;

use crate::ast::{Ast, Kind, NodeIx};
