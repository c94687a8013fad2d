//! Maurice Halstead, "Elements of Software Science", 1977.
//!
//! Operators are call names with their arity (one more where the call is piped into), operators, special forms and
//! constructors. Operands are variables, literals, aliases and attributes. Punctuation is neither: `do`, `end`,
//! parentheses, commas, the dot of a remote call.

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::words::{Word, word};

use super::roles::{
    Generated, Role, dot_of, generated, is_interpolation, is_piped_into, role, role_of,
};

/// How many, and how many different ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Halstead {
    /// N₁.
    pub operators: u32,
    /// N₂.
    pub operands: u32,
    /// h₁.
    pub distinct_operators: u32,
    /// h₂.
    pub distinct_operands: u32,
}

impl Halstead {
    /// h = h₁ + h₂.
    pub fn vocabulary(&self) -> u32 {
        self.distinct_operators + self.distinct_operands
    }

    /// N = N₁ + N₂.
    pub fn length(&self) -> u32 {
        self.operators + self.operands
    }

    /// V = N · log₂ h.
    pub fn volume(&self) -> f64 {
        match self.vocabulary() {
            0 => 0.0,
            vocabulary => f64::from(self.length()) * f64::from(vocabulary).log2(),
        }
    }

    /// D = (h₁/2) · (N₂/h₂).
    pub fn difficulty(&self) -> f64 {
        match self.distinct_operands {
            0 => 0.0,
            distinct => {
                f64::from(self.distinct_operators) / 2.0 * f64::from(self.operands)
                    / f64::from(distinct)
            }
        }
    }

    /// E = D · V.
    pub fn effort(&self) -> f64 {
        self.difficulty() * self.volume()
    }
}

/// The tokens of some code, each as a number that stands for it.
#[derive(Default)]
pub(super) struct Tokens {
    operators: Vec<u64>,
    operands: Vec<u64>,
}

impl Tokens {
    pub(super) fn append(&mut self, other: &mut Tokens) {
        self.operators.append(&mut other.operators);
        self.operands.append(&mut other.operands);
    }

    /// The counts; the order of the tokens is lost.
    pub(super) fn count(&mut self) -> Halstead {
        Halstead {
            operators: self.operators.len() as u32,
            operands: self.operands.len() as u32,
            distinct_operators: distinct(&mut self.operators),
            distinct_operands: distinct(&mut self.operands),
        }
    }

    /// Adds those of a definition, its head included. Modules defined in it count for themselves.
    pub(super) fn read(&mut self, ast: &Ast, definition: NodeIx) {
        let (mut at, end) = (definition.0, ast.end(definition));
        while at < end {
            at = self.visit(ast, NodeIx(at));
        }
    }

    /// Counts an entry, and gives the one to go on with.
    fn visit(&mut self, ast: &Ast, ix: NodeIx) -> u32 {
        match ast.kind(ix) {
            Kind::Call => self.call(ast, ix),
            Kind::CallExpr => match generated(ast, ix) {
                // Nobody wrote the call: the token is `#{}`, the quote, or that of a charlist.
                Some(kind) => {
                    if kind != Generated::Interpolation || !is_segment(ast, ix) {
                        self.operator(GENERATED, kind as u64);
                    }
                    ast.end(NodeIx(ix.0 + 1))
                }
                None => {
                    self.call_of_expression(ast, ix);
                    ix.0 + 1
                }
            },
            Kind::Var | Kind::VarIn => {
                if !is_segment_of_interpolation(ast, ix) {
                    self.operand(VARIABLE, ast.atom(ix).map_or(0, |name| u64::from(name.0)));
                }
                ast.end(ix)
            }
            Kind::Atom => {
                if !is_name_of_call(ast, ix) {
                    self.operand(ATOM, ast.atom(ix).map_or(0, |name| u64::from(name.0)));
                }
                ix.0 + 1
            }
            Kind::Pair => {
                if !is_block(ast, ix) {
                    let in_list = ast
                        .parent(ix)
                        .is_some_and(|one| ast.kind(one) != Kind::Pair && is_list_or_map(ast, one));
                    if !in_list {
                        self.operator(TUPLE, 0);
                    }
                    self.operand(ATOM, ast.atom(ix).map_or(0, |name| u64::from(name.0)));
                }
                ix.0 + 1
            }
            Kind::Tuple => {
                self.operator(TUPLE, 0);
                ix.0 + 1
            }
            Kind::List | Kind::ImproperList => {
                if !is_syntax(ast, ix) {
                    self.operator(LIST, 0);
                }
                ix.0 + 1
            }
            Kind::Map | Kind::Int | Kind::WideInt | Kind::Float | Kind::Binary | Kind::Opaque => {
                self.operand(LITERAL, ast.hash(ix));
                ast.end(ix)
            }
        }
    }

    fn call(&mut self, ast: &Ast, ix: NodeIx) -> u32 {
        let Some(name) = ast.atom(ix) else {
            return ix.0 + 1;
        };
        let key = u64::from(name.0);
        let child = ast.child(ix, 0);
        match role(name) {
            Some(Role::Alias) => {
                self.operand(LITERAL, ast.hash(ix));
                ast.end(ix)
            }
            // `@name`; `@name value` is a definition.
            Some(Role::Attribute) if child.is_some_and(|one| ast.kind(one) == Kind::Var) => {
                self.operand(LITERAL, ast.hash(ix));
                ast.end(ix)
            }
            // `&1`.
            Some(Role::Capture) if child.is_some_and(|one| ast.int(one).is_some()) => {
                self.operand(LITERAL, ast.hash(ix));
                ast.end(ix)
            }
            Some(Role::Special) if super::is_module_definition(ast, ix) => ast.end(ix),
            Some(Role::Block) => ix.0 + 1,
            // That of a remote call is part of its name.
            Some(Role::Dot) if is_form(ast, ix) => ix.0 + 1,
            Some(Role::Type) if child.is_some_and(|one| is_interpolation(ast, one)) => {
                self.operator(GENERATED, Generated::Interpolation as u64);
                ix.0 + 1
            }
            Some(Role::Constructor) if name.text() == "{}" => {
                self.operator(TUPLE, 0);
                ix.0 + 1
            }
            Some(Role::Special | Role::Constructor | Role::Condition) => {
                self.operator(CALL, key << 8);
                ix.0 + 1
            }
            _ => {
                let arity = ast.children(ix).count() as u64 + u64::from(is_piped_into(ast, ix));
                self.operator(CALL, key << 8 | (arity + 1).min(255));
                ix.0 + 1
            }
        }
    }

    /// `A.f(x)`, `f.(x)`, `unquote(f)(x)`.
    fn call_of_expression(&mut self, ast: &Ast, ix: NodeIx) {
        let name = dot_of(ast, ix)
            .and_then(|dot| ast.child(dot, 1))
            .and_then(|name| ast.atom_of(name, Kind::Atom));
        let arity = ast.children(ix).count() as u64 - 1 + u64::from(is_piped_into(ast, ix));
        match name {
            Some(name) => self.operator(CALL, u64::from(name.0) << 8 | (arity + 1).min(255)),
            None => self.operator(CALL_OF_VALUE, arity),
        }
    }

    fn operator(&mut self, kind: u64, key: u64) {
        self.operators.push(kind << 60 | key & KEY);
    }

    fn operand(&mut self, kind: u64, key: u64) {
        self.operands.push(kind << 60 | key & KEY);
    }
}

const KEY: u64 = (1 << 60) - 1;

const CALL: u64 = 0;
const CALL_OF_VALUE: u64 = 1;
const TUPLE: u64 = 2;
const LIST: u64 = 3;
const GENERATED: u64 = 4;

const VARIABLE: u64 = 0;
const ATOM: u64 = 1;
const LITERAL: u64 = 2;

fn distinct(tokens: &mut [u64]) -> u32 {
    tokens.sort_unstable();
    let mut last = None;
    let mut count = 0;
    for token in tokens.iter() {
        count += u32::from(last != Some(token));
        last = Some(token);
    }
    count
}

fn is_list_or_map(ast: &Ast, ix: NodeIx) -> bool {
    matches!(ast.kind(ix), Kind::List) || role_of(ast, ix) == Some(Role::Constructor)
}

/// The form of a call of an expression: it comes first.
fn is_form(ast: &Ast, ix: NodeIx) -> bool {
    ast.parent(ix)
        .is_some_and(|parent| ast.kind(parent) == Kind::CallExpr && parent.0 + 1 == ix.0)
}

/// An interpolation that `::` says the type of, as strings have it; charlists have none.
fn is_segment(ast: &Ast, ix: NodeIx) -> bool {
    ast.parent(ix)
        .is_some_and(|parent| role_of(ast, parent) == Some(Role::Type))
}

/// The `f` of `A.f(x)`, and the encoding of a quoted atom.
fn is_name_of_call(ast: &Ast, ix: NodeIx) -> bool {
    let call = ast
        .parent(ix)
        .filter(|&parent| ast.kind(parent) == Kind::CallExpr);
    if call.is_some_and(|call| generated(ast, call) == Some(Generated::QuotedAtom)) {
        return true;
    }
    let dot = ast
        .parent(ix)
        .filter(|&parent| role_of(ast, parent) == Some(Role::Dot) && parent.0 + 1 != ix.0);
    dot.is_some_and(|dot| is_form(ast, dot))
}

/// The `binary` of an interpolation.
fn is_segment_of_interpolation(ast: &Ast, ix: NodeIx) -> bool {
    let parent = ast
        .parent(ix)
        .filter(|&parent| role_of(ast, parent) == Some(Role::Type));
    parent.is_some_and(|parent| {
        let left = NodeIx(parent.0 + 1);
        left != ix && is_interpolation(ast, left)
    })
}

/// `do`, `else` and so on of a call.
fn is_block(ast: &Ast, pair: NodeIx) -> bool {
    let key = ast.atom_of(pair, Kind::Pair).and_then(word);
    let is_key = matches!(
        key,
        Some(Word::Do | Word::Else | Word::Rescue | Word::Catch | Word::After)
    );
    is_key && ast.parent(pair).is_some_and(|list| is_syntax(ast, list))
}

/// A list that people do not write as one: blocks, clauses, the arguments of an `->`.
fn is_syntax(ast: &Ast, list: NodeIx) -> bool {
    let Some(parent) = ast.parent(list) else {
        return false;
    };
    match ast.kind(parent) {
        Kind::Call if role_of(ast, parent) == Some(Role::Arrow) => parent.0 + 1 == list.0,
        Kind::CallExpr if generated(ast, parent) == Some(Generated::Charlist) => true,
        Kind::Call | Kind::CallExpr => {
            let first = ast.child(list, 0);
            first
                .and_then(|first| ast.atom_of(first, Kind::Pair))
                .and_then(word)
                == Some(Word::Do)
        }
        Kind::Pair => ast
            .child(list, 0)
            .is_some_and(|first| role_of(ast, first) == Some(Role::Arrow)),
        _ => false,
    }
}
