//! Expressions, as flat programs in postfix order: running one needs a stack of vectors and no recursion, however
//! deeply a caller nested it.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::limits;
use crate::query::compare::Comparison;
use crate::query::vector::{Type, type_of};
use crate::value::Value;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    /// Of numbers as floats: `7 / 2` is `3.5`. By zero it is nothing, as in DuckDB.
    Divide,
    Modulo,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    Lower,
    Upper,
    /// Characters of a text.
    Length,
    Abs,
    /// To so many decimals.
    Round,
    Floor,
    Ceil,
    /// The first argument that is there.
    Coalesce,
    /// Its first argument, unless that equals its second.
    NullIf,
    Greatest,
    Least,
}

impl Function {
    pub const ALL: [(&'static str, Function); 13] = [
        ("lower", Function::Lower),
        ("upper", Function::Upper),
        ("length", Function::Length),
        ("char_length", Function::Length),
        ("abs", Function::Abs),
        ("round", Function::Round),
        ("floor", Function::Floor),
        ("ceil", Function::Ceil),
        ("ceiling", Function::Ceil),
        ("coalesce", Function::Coalesce),
        ("nullif", Function::NullIf),
        ("greatest", Function::Greatest),
        ("least", Function::Least),
    ];

    /// Least and most arguments.
    pub fn arity(self) -> (usize, usize) {
        match self {
            Function::Coalesce | Function::Greatest | Function::Least => (1, 64),
            Function::NullIf => (2, 2),
            Function::Round => (1, 2),
            _ => (1, 1),
        }
    }
}

/// One step. Each pushes one vector and takes what it needs from the stack.
#[derive(Clone, PartialEq, Debug)]
pub enum Op {
    /// A column of the rows at hand.
    Column(usize),
    Literal(Value),
    Compare(Comparison),
    And,
    Or,
    Not,
    IsNull,
    /// Missing is false: conditions of the DSL know no third truth.
    IsTrue,
    In(Arc<Vec<Value>>),
    Like {
        pattern: Arc<[u8]>,
        ignore_case: bool,
    },
    Arithmetic(Arithmetic),
    Negate,
    Call(Function, usize),
    /// Pairs of condition and value, then what stands otherwise.
    Case(usize),
    Cast(Type),
}

impl Op {
    pub fn takes(&self) -> usize {
        match self {
            Op::Column(_) | Op::Literal(_) => 0,
            Op::Not
            | Op::IsNull
            | Op::IsTrue
            | Op::In(_)
            | Op::Like { .. }
            | Op::Negate
            | Op::Cast(_) => 1,
            Op::Compare(_) | Op::And | Op::Or | Op::Arithmetic(_) => 2,
            Op::Call(_, arguments) => *arguments,
            Op::Case(pairs) => pairs * 2 + 1,
        }
    }
}

/// Steps that leave exactly one vector.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Expr {
    pub ops: Vec<Op>,
}

impl Expr {
    /// Errors: `LimitExceeded` for too many steps, `Invalid` when the steps do not leave one value.
    pub fn new(ops: Vec<Op>) -> Result<Expr> {
        if ops.len() > limits::QUERY_OPS_MAX {
            return Err(Error::LimitExceeded {
                what: "conditions",
                limit: limits::QUERY_OPS_MAX as u64,
            });
        }
        let mut depth: usize = 0;
        for op in &ops {
            let takes = op.takes();
            if takes > depth {
                return Err(Error::Invalid {
                    what: "condition",
                    detail: "an operator lacks its operands".into(),
                });
            }
            depth = depth - takes + 1;
        }
        match depth {
            1 => Ok(Expr { ops }),
            _ => Err(Error::Invalid {
                what: "condition",
                detail: format!("{depth} results instead of one"),
            }),
        }
    }

    pub fn column(column: usize) -> Expr {
        Expr {
            ops: vec![Op::Column(column)],
        }
    }

    pub fn literal(value: Value) -> Expr {
        Expr {
            ops: vec![Op::Literal(value)],
        }
    }

    pub fn yes() -> Expr {
        Expr::literal(Value::bool(true))
    }

    pub fn is_yes(&self) -> bool {
        matches!(self.ops.as_slice(), [Op::Literal(value)] if *value == Value::bool(true))
    }

    pub fn as_column(&self) -> Option<usize> {
        match self.ops.as_slice() {
            [Op::Column(column)] => Some(*column),
            _ => None,
        }
    }

    pub fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.ops.iter().filter_map(|op| match op {
            Op::Column(column) => Some(*column),
            _ => None,
        })
    }

    /// With every column renumbered.
    pub fn map_columns(&self, map: impl Fn(usize) -> usize) -> Expr {
        let ops = self.ops.iter().map(|op| match op {
            Op::Column(column) => Op::Column(map(*column)),
            other => other.clone(),
        });
        Expr { ops: ops.collect() }
    }

    /// The operands of the last step, in order, as stretches of the program.
    pub fn operands(&self) -> Vec<&[Op]> {
        let Some((last, before)) = self.ops.split_last() else {
            return Vec::new();
        };
        let mut operands = Vec::new();
        let mut end = before.len();
        for _ in 0..last.takes() {
            let start = start_of(&before[..end]);
            operands.push(&before[start..end]);
            end = start;
        }
        operands.reverse();
        operands
    }

    /// The conditions that all have to hold for this one to hold.
    pub fn conjuncts(self) -> Vec<Expr> {
        let mut found = Vec::new();
        let mut left = vec![self];
        while let Some(expr) = left.pop() {
            match expr.ops.last() {
                Some(Op::And) => left.extend(
                    expr.operands()
                        .into_iter()
                        .map(|ops| Expr { ops: ops.to_vec() }),
                ),
                _ if expr.is_yes() => {}
                _ => found.push(expr),
            }
        }
        // The stack gave the last operand first.
        found.reverse();
        found
    }

    /// All of them hold.
    pub fn all(conjuncts: impl IntoIterator<Item = Expr>) -> Expr {
        let mut conjuncts = conjuncts.into_iter();
        let Some(mut all) = conjuncts.next() else {
            return Expr::yes();
        };
        for next in conjuncts {
            all.ops.extend(next.ops);
            all.ops.push(Op::And);
        }
        all
    }

    /// What it gives, when its columns hold these.
    pub fn kind(&self, of_column: &dyn Fn(usize) -> Type) -> Type {
        let mut stack: Vec<Type> = Vec::new();
        for op in &self.ops {
            let taken = stack.split_off(stack.len().saturating_sub(op.takes()));
            stack.push(match op {
                Op::Column(column) => of_column(*column),
                Op::Literal(value) => type_of(value),
                Op::Compare(_)
                | Op::And
                | Op::Or
                | Op::Not
                | Op::IsNull
                | Op::IsTrue
                | Op::In(_)
                | Op::Like { .. } => Type::Bool,
                Op::Arithmetic(Arithmetic::Divide) => Type::Float,
                Op::Arithmetic(_) => match taken.contains(&Type::Float) {
                    true => Type::Float,
                    false => Type::Int,
                },
                Op::Negate => taken[0],
                Op::Cast(kind) => *kind,
                Op::Call(function, _) => match function {
                    Function::Lower | Function::Upper => Type::Text,
                    Function::Length => Type::Int,
                    Function::Abs => taken[0],
                    Function::Round | Function::Floor | Function::Ceil => taken[0],
                    Function::NullIf => taken[0],
                    Function::Coalesce | Function::Greatest | Function::Least => common(&taken),
                },
                Op::Case(_) => {
                    let values: Vec<Type> = taken
                        .chunks(2)
                        .map(|pair| *pair.last().unwrap_or(&Type::Any))
                        .collect();
                    common(&values)
                }
            });
        }
        stack.pop().unwrap_or(Type::Any)
    }
}

/// Where the operand that ends here begins.
fn start_of(ops: &[Op]) -> usize {
    let mut wanted = 1;
    let mut at = ops.len();
    while wanted > 0 && at > 0 {
        at -= 1;
        wanted = wanted - 1 + ops[at].takes();
    }
    at
}

/// The type that holds all of these; `nil` alone says nothing.
pub fn common(kinds: &[Type]) -> Type {
    let mut kinds = kinds.iter().copied();
    let Some(first) = kinds.next() else {
        return Type::Any;
    };
    kinds.fold(first, |all, kind| match (all, kind) {
        (a, b) if a == b => a,
        (a, b) if a.is_number() && b.is_number() => Type::Float,
        (a, b) if a.is_text() && b.is_text() => Type::Text,
        _ => Type::Any,
    })
}
