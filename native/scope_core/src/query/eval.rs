//! Running an expression over a batch.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::query::compare;
use crate::query::context::Context;
use crate::query::expr::{Arithmetic, Expr, Function, Op};
use crate::query::like::{like, like_ignoring_case};
use crate::query::table::Batch;
use crate::query::vector::{Builder, Missing, Type, Vector, as_bool};
use crate::value::Value;

enum Item {
    Vector(Arc<Vector>),
    /// The same for every row.
    Value(Value),
}

impl Item {
    fn vector(self, rows: usize) -> Arc<Vector> {
        match self {
            Item::Vector(vector) => vector,
            Item::Value(value) => Arc::new(Vector::repeat(&value, rows)),
        }
    }

    fn value(&self, row: usize) -> Value {
        match self {
            Item::Vector(vector) => vector.value(row),
            Item::Value(value) => value.clone(),
        }
    }
}

/// One value a row.
///
/// Errors: `Timeout`, `Cancelled`, `Invalid` (an integer that leaves 64 bits).
pub fn eval(expr: &Expr, batch: &Batch, context: &Context<'_>) -> Result<Arc<Vector>> {
    let rows = batch.rows;
    let mut stack: Vec<Item> = Vec::new();
    let mut done = 0;
    for op in &expr.ops {
        // Some hundred thousand values between two looks at the clock.
        done += rows;
        if done > 1 << 18 {
            done = 0;
            context.check()?;
        }
        let taken = stack.split_off(stack.len() - op.takes());
        stack.push(step(op, taken, batch)?);
    }
    let last = stack.pop().unwrap_or_else(|| Item::Value(Value::nil()));
    Ok(last.vector(rows))
}

/// The rows for which a condition holds.
pub fn holding(condition: &Expr, batch: &Batch, context: &Context<'_>) -> Result<Vec<u32>> {
    let held = eval(condition, batch, context)?;
    Ok(rows_of(&held))
}

fn rows_of(held: &Vector) -> Vec<u32> {
    let rows = 0..held.len() as u32;
    match held {
        Vector::Bool(held, None) => rows.filter(|row| held[*row as usize]).collect(),
        Vector::Bool(held, Some(missing)) => rows
            .filter(|row| held[*row as usize] && !missing[*row as usize])
            .collect(),
        other => rows
            .filter(|row| as_bool(&other.value(*row as usize)) == Some(true))
            .collect(),
    }
}

fn step(op: &Op, mut taken: Vec<Item>, batch: &Batch) -> Result<Item> {
    let rows = batch.rows;
    let done = match op {
        Op::Column(column) => return Ok(Item::Vector(batch.columns[*column].clone())),
        Op::Literal(value) => return Ok(Item::Value(value.clone())),
        Op::Compare(comparison) => match (taken.remove(0), taken.remove(0)) {
            (Item::Value(a), Item::Value(b)) => {
                return Ok(Item::Value(match a.is_nil() || b.is_nil() {
                    true => Value::nil(),
                    false => Value::bool(compare::holds(*comparison, &a, &b)),
                }));
            }
            (Item::Vector(a), Item::Value(b)) => compare::with_value(&a, *comparison, &b),
            (Item::Value(a), Item::Vector(b)) => {
                compare::with_value(&b, compare::turned(*comparison), &a)
            }
            (Item::Vector(a), Item::Vector(b)) => compare::columns(&a, *comparison, &b),
        },
        Op::And | Op::Or => {
            let (a, b) = (taken.remove(0).vector(rows), taken.remove(0).vector(rows));
            both(&truth(&a), &truth(&b), *op == Op::And)
        }
        Op::Not => {
            let (held, missing) = truth(&taken.remove(0).vector(rows));
            Vector::Bool(held.iter().map(|held| !held).collect(), missing)
        }
        Op::IsNull => {
            let vector = taken.remove(0).vector(rows);
            let missing = compare::missing_of(&vector);
            Vector::Bool(
                missing.map_or_else(|| vec![false; rows], |missing| missing.into_vec()),
                None,
            )
        }
        Op::IsTrue => {
            let (mut held, missing) = truth(&taken.remove(0).vector(rows));
            if let Some(missing) = missing {
                for (held, missing) in held.iter_mut().zip(missing.iter()) {
                    *held &= !missing;
                }
            }
            Vector::Bool(held, None)
        }
        Op::In(values) => compare::within(&taken.remove(0).vector(rows), values),
        Op::Like {
            pattern,
            ignore_case,
        } => {
            let vector = taken.remove(0).vector(rows);
            let holds = |text: &[u8]| match ignore_case {
                true => like_ignoring_case(pattern, text),
                false => like(pattern, text),
            };
            let held = match &*vector {
                Vector::Text(codes, texts) => {
                    compare::by_text(codes, texts.len(), |code| holds(&texts[code]))
                }
                other => (0..rows)
                    .map(|row| other.text(row).is_some_and(holds))
                    .collect(),
            };
            Vector::Bool(held, compare::missing_of(&vector))
        }
        Op::Arithmetic(arithmetic) => {
            let (a, b) = (taken.remove(0).vector(rows), taken.remove(0).vector(rows));
            calculate(*arithmetic, &a, &b)?
        }
        Op::Negate => match &*taken.remove(0).vector(rows) {
            Vector::Int(values, missing) => {
                let negated: Option<Vec<i64>> = values.iter().map(|n| n.checked_neg()).collect();
                Vector::Int(negated.ok_or_else(overflow)?, missing.clone())
            }
            Vector::Float(values, missing) => {
                Vector::Float(values.iter().map(|n| -n).collect(), missing.clone())
            }
            _ => Vector::repeat(&Value::nil(), rows),
        },
        Op::Call(function, _) => call(*function, &taken, rows)?,
        Op::Case(_) => case(&taken, rows),
        Op::Cast(kind) => cast(&taken.remove(0).vector(rows), *kind),
    };
    Ok(Item::Vector(Arc::new(done)))
}

/// What is true, and of what it is not known. Anything but a boolean is not known.
fn truth(vector: &Vector) -> (Vec<bool>, Missing) {
    match vector {
        Vector::Bool(held, missing) => (held.clone(), missing.clone()),
        other => {
            let values: Vec<Option<bool>> = (0..other.len())
                .map(|row| as_bool(&other.value(row)))
                .collect();
            let held = values.iter().map(|value| value.unwrap_or(false)).collect();
            (held, Some(values.iter().map(Option::is_none).collect()))
        }
    }
}

/// Three-valued: `false and unknown` is false, `true or unknown` is true.
fn both(a: &(Vec<bool>, Missing), b: &(Vec<bool>, Missing), and: bool) -> Vector {
    let rows = a.0.len();
    if a.1.is_none() && b.1.is_none() {
        let pairs = a.0.iter().zip(&b.0);
        let held = match and {
            true => pairs.map(|(a, b)| *a & *b).collect(),
            false => pairs.map(|(a, b)| *a | *b).collect(),
        };
        return Vector::Bool(held, None);
    }
    let at = |side: &(Vec<bool>, Missing), row: usize| match &side.1 {
        Some(missing) if missing[row] => None,
        _ => Some(side.0[row]),
    };
    let mut held = Vec::with_capacity(rows);
    let mut missing = Vec::with_capacity(rows);
    for row in 0..rows {
        let decided = match (at(a, row), at(b, row)) {
            (Some(a), Some(b)) => Some(if and { a && b } else { a || b }),
            (Some(known), None) | (None, Some(known)) if known != and => Some(known),
            _ => None,
        };
        held.push(decided.unwrap_or(false));
        missing.push(decided.is_none());
    }
    let missing = missing.contains(&true).then(|| missing.into());
    Vector::Bool(held, missing)
}

fn overflow() -> Error {
    Error::Invalid {
        what: "calculation",
        detail: "an integer leaves 64 bits; calculate with floats, as in x * 1.0".into(),
    }
}

fn calculate(arithmetic: Arithmetic, a: &Vector, b: &Vector) -> Result<Vector> {
    if let (Vector::Int(x, _), Vector::Int(y, _)) = (a, b)
        && arithmetic != Arithmetic::Divide
    {
        let mut missing = compare::either_missing(a, b);
        let mut done = Vec::with_capacity(x.len());
        for (row, (x, y)) in x.iter().zip(y).enumerate() {
            if missing.as_ref().is_some_and(|missing| missing[row]) {
                done.push(0);
                continue;
            }
            let value = match arithmetic {
                Arithmetic::Add => x.checked_add(*y),
                Arithmetic::Subtract => x.checked_sub(*y),
                Arithmetic::Multiply => x.checked_mul(*y),
                _ if *y == 0 => {
                    missing.get_or_insert_with(|| vec![false; a.len()].into())[row] = true;
                    Some(0)
                }
                _ => Some(x.wrapping_rem(*y)),
            };
            done.push(value.ok_or_else(overflow)?);
        }
        return Ok(Vector::Int(done, missing));
    }
    let rows = a.len();
    let mut builder = Builder::new(Type::Float);
    for row in 0..rows {
        let value = match (float(&a.value(row)), float(&b.value(row))) {
            (Some(x), Some(y)) => match arithmetic {
                Arithmetic::Add => Some(x + y),
                Arithmetic::Subtract => Some(x - y),
                Arithmetic::Multiply => Some(x * y),
                _ if y == 0.0 => None,
                Arithmetic::Divide => Some(x / y),
                Arithmetic::Modulo => Some(x % y),
            },
            _ => None,
        };
        builder.push(value.map_or_else(Value::nil, Value::Float));
    }
    Ok(builder.finish())
}

pub fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(*n as f64),
        Value::Float(n) => Some(*n),
        _ => None,
    }
}

fn call(function: Function, arguments: &[Item], rows: usize) -> Result<Vector> {
    let mut values = Vec::with_capacity(rows);
    for row in 0..rows {
        let first = arguments
            .first()
            .map_or_else(Value::nil, |item| item.value(row));
        let value = match function {
            Function::Lower | Function::Upper => first
                .as_text()
                .filter(|_| !first.is_nil())
                .map_or_else(Value::nil, |text| {
                    let text = String::from_utf8_lossy(text);
                    Value::text(&match function {
                        Function::Lower => text.to_lowercase(),
                        _ => text.to_uppercase(),
                    })
                }),
            Function::Length => match first.as_text().filter(|_| !first.is_nil()) {
                Some(text) => Value::count(String::from_utf8_lossy(text).chars().count() as u64),
                None => Value::nil(),
            },
            Function::Abs => match first {
                Value::Int(n) => Value::Int(n.checked_abs().ok_or_else(overflow)?),
                Value::Float(n) => Value::Float(n.abs()),
                _ => Value::nil(),
            },
            Function::Round => {
                let decimals = arguments
                    .get(1)
                    .map_or(Value::Int(0), |item| item.value(row));
                match (first, decimals) {
                    (Value::Float(n), Value::Int(decimals)) => {
                        let scale = 10f64.powi(decimals.clamp(-18, 18) as i32);
                        Value::Float((n * scale).round() / scale)
                    }
                    (n @ Value::Int(_), Value::Int(decimals)) if decimals >= 0 => n,
                    _ => Value::nil(),
                }
            }
            Function::Floor | Function::Ceil => match first {
                Value::Float(n) if function == Function::Floor => Value::Float(n.floor()),
                Value::Float(n) => Value::Float(n.ceil()),
                n @ Value::Int(_) => n,
                _ => Value::nil(),
            },
            Function::Coalesce => arguments
                .iter()
                .map(|item| item.value(row))
                .find(|value| !value.is_nil())
                .unwrap_or_else(Value::nil),
            Function::NullIf => match compare::same(&first, &arguments[1].value(row)) {
                true => Value::nil(),
                false => first,
            },
            Function::Greatest | Function::Least => {
                let present = arguments.iter().map(|item| item.value(row));
                let present = present.filter(|value| !value.is_nil());
                let order = |a: &Value, b: &Value| {
                    compare::order(a, b).unwrap_or(std::cmp::Ordering::Equal)
                };
                match function {
                    Function::Greatest => present.max_by(order),
                    _ => present.min_by(order),
                }
                .unwrap_or_else(Value::nil)
            }
        };
        values.push(value);
    }
    Ok(vector_of(values))
}

/// The narrowest vector that holds these; integers among floats are floats.
pub fn vector_of(values: Vec<Value>) -> Vector {
    use crate::query::expr::common;
    use crate::query::vector::type_of;
    let kinds: Vec<Type> = values
        .iter()
        .filter(|value| !value.is_nil())
        .map(type_of)
        .collect();
    let kind = common(&kinds);
    let mut builder = Builder::new(if kinds.is_empty() { Type::Int } else { kind });
    for value in values {
        builder.push(match (kind, &value) {
            (Type::Float, Value::Int(n)) => Value::Float(*n as f64),
            (Type::Text, Value::Atom(_)) if !value.is_nil() => {
                Value::Binary(value.as_text().unwrap_or_default().into())
            }
            _ => value,
        });
    }
    builder.finish()
}

fn case(items: &[Item], rows: usize) -> Vector {
    let otherwise = items.len() - 1;
    let values = (0..rows).map(|row| {
        let taken = (0..otherwise)
            .step_by(2)
            .find(|at| as_bool(&items[*at].value(row)) == Some(true));
        items[taken.map_or(otherwise, |at| at + 1)].value(row)
    });
    vector_of(values.collect())
}

fn cast(vector: &Vector, kind: Type) -> Vector {
    let mut builder = Builder::new(kind);
    for row in 0..vector.len() {
        let value = vector.value(row);
        builder.push(match (kind, &value) {
            (Type::Float, Value::Int(n)) => Value::Float(*n as f64),
            // To the nearest, half to even, as DuckDB casts.
            (Type::Int, Value::Float(n)) if n.abs() < 9.2e18 => {
                Value::Int(n.round_ties_even() as i64)
            }
            (Type::Int, Value::Float(_)) => Value::nil(),
            (Type::Int, Value::Atom(_)) => match as_bool(&value) {
                Some(yes) => Value::Int(i64::from(yes)),
                None => Value::nil(),
            },
            (Type::Int | Type::Float, Value::Binary(text)) => {
                let text = String::from_utf8_lossy(text);
                match kind {
                    Type::Int => text
                        .trim()
                        .parse()
                        .map_or_else(|_| Value::nil(), Value::Int),
                    _ => text
                        .trim()
                        .parse()
                        .map_or_else(|_| Value::nil(), Value::Float),
                }
            }
            (Type::Text, Value::Int(n)) => Value::text(&n.to_string()),
            (Type::Text, Value::Float(n)) => Value::text(&format!("{n:?}")),
            (Type::Text, Value::Atom(_)) if !value.is_nil() => {
                Value::Binary(value.as_text().unwrap_or_default().into())
            }
            _ => value,
        });
    }
    builder.finish()
}
