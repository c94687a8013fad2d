//! ABC: assignments, branches, conditions. Jerry Fitzpatrick, "Applying the ABC Metric to C, C++ and Java",
//! C++ Report, June 1997: the size is the length of the vector, and the vectors of parts add up.
//!
//! For Elixir, over the body of a clause: A counts `=` and `@attribute`; B counts calls and `->`; C counts
//! `if unless for try case cond and or && ||`. A call is one of a function or macro, local, remote or of a function in
//! a variable. Operators, special forms, constructors, `map.field`, the conditions, and what `::` says of a
//! binary's segment are none.

use std::ops::AddAssign;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};
use crate::source::head::head_call;

use super::roles::{Role, dot_of, generated, is_captured, role, role_of};

/// The vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Abc {
    pub assignments: u32,
    pub branches: u32,
    pub conditions: u32,
}

impl Abc {
    /// √(A² + B² + C²).
    pub fn size(&self) -> f64 {
        let square = |n: u32| f64::from(n) * f64::from(n);
        (square(self.assignments) + square(self.branches) + square(self.conditions)).sqrt()
    }
}

impl AddAssign for Abc {
    fn add_assign(&mut self, other: Abc) {
        self.assignments += other.assignments;
        self.branches += other.branches;
        self.conditions += other.conditions;
    }
}

/// Of the definition at `node`.
pub(super) fn abc(ast: &Ast, node: NodeIx) -> Abc {
    let closing = intern("closing");
    let mut found = Abc::default();
    // What `::` says of segments, still ahead or around.
    let mut quiet: Vec<(u32, u32)> = Vec::new();
    let Some(head) = ast
        .child(node, 0)
        .filter(|_| head_call(ast, node) != Some(node))
    else {
        return found;
    };
    let (mut at, end) = (ast.end(head), ast.end(node));
    while at < end {
        let ix = NodeIx(at);
        quiet.retain(|&(_, end)| end > at);
        let loud = !quiet.iter().any(|&(start, _)| start <= at);
        at += 1;
        match ast.kind(ix) {
            Kind::CallExpr if loud => found.branches += u32::from(is_call(ast, ix, closing)),
            Kind::Call => match role_of(ast, ix) {
                Some(Role::Match) => found.assignments += 1,
                Some(Role::Attribute) => {
                    found.assignments += 1;
                    at = ast.end(ix);
                }
                Some(Role::Arrow) => found.branches += 1,
                Some(Role::Condition) => found.conditions += 1,
                Some(Role::Alias) => at = ast.end(ix),
                Some(Role::Special) if super::is_module_definition(ast, ix) => at = ast.end(ix),
                Some(Role::Type) => {
                    if let Some(right) = ast.child(ix, 1) {
                        quiet.push((right.0, ast.end(right)));
                    }
                }
                None if loud => found.branches += 1,
                _ => {}
            },
            _ => {}
        }
    }
    found
}

/// A remote call, or one of a function in a variable; neither `map.field` nor `&A.f/1` nor an interpolation.
fn is_call(ast: &Ast, ix: NodeIx, closing: Atom) -> bool {
    let Some(dot) = dot_of(ast, ix) else {
        return true;
    };
    if generated(ast, ix).is_some() || is_captured(ast, ix) {
        return false;
    }
    let mut parts = ast.children(dot);
    let (base, name) = (parts.next(), parts.next());
    let name = name.and_then(|name| ast.atom_of(name, Kind::Atom));
    if name.and_then(role) == Some(Role::Constructor) {
        return false;
    }
    let has_arguments = ast.children(ix).nth(1).is_some();
    let of_module = base.is_some_and(|base| {
        ast.kind(base) == Kind::Atom || role_of(ast, base) == Some(Role::Alias)
    });
    has_arguments || of_module || name.is_none() || ast.meta_position(ix, closing).is_some()
}
