//! Expressions: over rows, and over groups once there are such.

use std::sync::Arc;

use sqlparser::ast::{
    BinaryOperator, CeilFloorKind, DataType, Expr as Syntax, Function as Call, FunctionArg,
    FunctionArgExpr, FunctionArguments, InTarget, UnaryOperator, Value as Literal,
};

use crate::error::Result;
use crate::limits;
use crate::query::compare::Comparison;
use crate::query::expr::{Arithmetic, Expr, Function, Op};
use crate::query::names::unknown;
use crate::query::select::{Aggregate, Grouping};
use crate::query::sql::aggregates::{is_aggregate, names, written};
use crate::query::sql::lower::{invalid, not_understood, number_of};
use crate::query::sql::scope::Scope;
use crate::query::vector::Type;
use crate::value::Value;

fn function_name(call: &Call) -> String {
    call.name.to_string().to_lowercase()
}

/// Whether an aggregate stands in it, anywhere. Depth is the parser's limit, but for chains, which are walked.
pub(super) fn has_aggregate(syntax: &Syntax) -> bool {
    let mut left = vec![syntax];
    while let Some(syntax) = left.pop() {
        if let Syntax::Function(call) = syntax
            && is_aggregate(&function_name(call))
        {
            return true;
        }
        left.extend(children(syntax));
    }
    false
}

fn children(syntax: &Syntax) -> Vec<&Syntax> {
    match syntax {
        Syntax::BinaryOp { left, right, .. } => vec![left, right],
        Syntax::UnaryOp { expr, .. }
        | Syntax::Nested(expr)
        | Syntax::IsNull(expr)
        | Syntax::IsNotNull(expr)
        | Syntax::IsTrue(expr)
        | Syntax::IsNotTrue(expr)
        | Syntax::IsFalse(expr)
        | Syntax::IsNotFalse(expr)
        | Syntax::Floor { expr, .. }
        | Syntax::Ceil { expr, .. }
        | Syntax::Cast { expr, .. } => vec![expr],
        Syntax::Between {
            expr, low, high, ..
        } => vec![expr, low, high],
        Syntax::Like { expr, pattern, .. } | Syntax::ILike { expr, pattern, .. } => {
            vec![expr, pattern]
        }
        Syntax::In { expr, target, .. } => {
            let mut all: Vec<&Syntax> = vec![expr];
            if let InTarget::List(items) = target {
                all.extend(items);
            }
            all
        }
        Syntax::Function(call) => arguments(call).unwrap_or_default(),
        Syntax::Case {
            operand,
            conditions,
            else_result,
            ..
        } => {
            let mut all: Vec<&Syntax> = operand.iter().map(|operand| &**operand).collect();
            all.extend(
                conditions
                    .iter()
                    .flat_map(|when| [&when.condition, &when.result]),
            );
            all.extend(else_result.iter().map(|otherwise| &**otherwise));
            all
        }
        _ => Vec::new(),
    }
}

fn arguments(call: &Call) -> Option<Vec<&Syntax>> {
    let FunctionArguments::List(list) = &call.args else {
        return Some(Vec::new());
    };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

pub(super) struct Lowering<'l, 'c> {
    pub scope: &'l mut Scope<'c>,
    pub grouping: Option<Grouping>,
}

impl Lowering<'_, '_> {
    pub fn expr(&mut self, syntax: &Syntax) -> Result<Expr> {
        if let Some(found) = self.of_group(syntax)? {
            return Ok(found);
        }
        // A chain of operators leans to the left as far as it is long: it is walked, not recursed into.
        let mut right_sides = Vec::new();
        let mut syntax = syntax;
        while let Syntax::BinaryOp { left, op, right } = syntax {
            right_sides.push((op, &**right));
            syntax = left;
            if let Some(found) = self.of_group(syntax)? {
                return self.chain(found, right_sides);
            }
        }
        let first = self.single(syntax)?;
        self.chain(first, right_sides)
    }

    fn chain(&mut self, first: Expr, right_sides: Vec<(&BinaryOperator, &Syntax)>) -> Result<Expr> {
        let mut all = first;
        for (operator, right) in right_sides.into_iter().rev() {
            let right = self.expr(right)?;
            all = self.binary(all, operator, right)?;
        }
        Ok(all)
    }

    /// What a group knows of itself: a key, an aggregate, or what depends on no row.
    fn of_group(&mut self, syntax: &Syntax) -> Result<Option<Expr>> {
        let Some(grouping) = self.grouping.take() else {
            if let Syntax::Function(call) = syntax
                && is_aggregate(&function_name(call))
            {
                return Err(invalid(
                    "an aggregate cannot stand within another, nor where rows are looked at",
                ));
            }
            return Ok(None);
        };
        let found = self.key_or_aggregate(syntax, grouping);
        let (found, grouping) = found?;
        self.grouping = Some(grouping);
        Ok(found)
    }

    /// Within, expressions are over rows.
    fn key_or_aggregate(
        &mut self,
        syntax: &Syntax,
        mut grouping: Grouping,
    ) -> Result<(Option<Expr>, Grouping)> {
        if let Syntax::Function(call) = syntax {
            let name = function_name(call);
            if is_aggregate(&name) {
                let written = written(&name, call)?;
                let mut argument = written
                    .argument
                    .map(|argument| self.expr(argument))
                    .transpose()?;
                if let Some(filter) = written.filter {
                    // A row that the filter refuses has no value to count.
                    let condition = self.expr(filter)?;
                    let value = argument.unwrap_or_else(|| Expr::literal(Value::Int(1)));
                    let mut ops = condition.ops;
                    ops.extend(value.ops);
                    ops.extend([Op::Literal(Value::nil()), Op::Case(1)]);
                    argument = Some(Expr { ops });
                }
                let aggregate = Aggregate {
                    kind: written.kind,
                    argument,
                    distinct: written.distinct,
                };
                let known = grouping
                    .aggregates
                    .iter()
                    .position(|known| *known == aggregate);
                let at = known.unwrap_or_else(|| {
                    grouping.aggregates.push(aggregate);
                    grouping.aggregates.len() - 1
                });
                let column = grouping.keys.len() + at;
                return Ok((Some(Expr::column(column)), grouping));
            }
        }
        if has_aggregate(syntax) {
            return Ok((None, grouping));
        }
        let plain = self.expr(syntax)?;
        if let Some(at) = grouping.keys.iter().position(|key| *key == plain) {
            return Ok((Some(Expr::column(at)), grouping));
        }
        if plain.columns().next().is_none() {
            return Ok((Some(plain), grouping));
        }
        if matches!(
            syntax,
            Syntax::Identifier(_) | Syntax::CompoundIdentifier(_)
        ) {
            return Err(invalid(format!(
                "{syntax} is not one value a group: put it into GROUP BY, or into an aggregate such as max({syntax})"
            )));
        }
        Ok((None, grouping))
    }

    fn binary(&mut self, a: Expr, operator: &BinaryOperator, b: Expr) -> Result<Expr> {
        let comparison = match operator {
            BinaryOperator::Eq => Some(Comparison::Eq),
            BinaryOperator::NotEq => Some(Comparison::Ne),
            BinaryOperator::Gt => Some(Comparison::Gt),
            BinaryOperator::GtEq => Some(Comparison::Gte),
            BinaryOperator::Lt => Some(Comparison::Lt),
            BinaryOperator::LtEq => Some(Comparison::Lte),
            _ => None,
        };
        if let Some(comparison) = comparison {
            self.comparable(&a, &b)?;
            return Ok(joined([a, b], Op::Compare(comparison)));
        }
        let op = match operator {
            BinaryOperator::And => Op::And,
            BinaryOperator::Or => Op::Or,
            BinaryOperator::Plus => Op::Arithmetic(Arithmetic::Add),
            BinaryOperator::Minus => Op::Arithmetic(Arithmetic::Subtract),
            BinaryOperator::Multiply => Op::Arithmetic(Arithmetic::Multiply),
            BinaryOperator::Divide => Op::Arithmetic(Arithmetic::Divide),
            BinaryOperator::Modulo => Op::Arithmetic(Arithmetic::Modulo),
            other => return Err(not_understood(&format!("the operator {other}"))),
        };
        if let Op::Arithmetic(_) = op {
            for side in [&a, &b] {
                let kind = self.kind(side);
                if !kind.is_number() && kind != Type::Any && !is_nothing(side) {
                    return Err(invalid(format!(
                        "{operator} takes numbers, and one side is {}",
                        kind.name()
                    )));
                }
            }
        }
        Ok(joined([a, b], op))
    }

    fn kind(&self, expr: &Expr) -> Type {
        match &self.grouping {
            None => expr.kind(&|column| self.scope.kind(column)),
            Some(grouping) => expr.kind(&|column| match grouping.keys.get(column) {
                Some(key) => key.kind(&|column| self.scope.kind(column)),
                None => Type::Any,
            }),
        }
    }

    /// A number is never equal to a text: who asks that has mistaken the column.
    fn comparable(&self, a: &Expr, b: &Expr) -> Result<()> {
        let (kind_a, kind_b) = (self.kind(a), self.kind(b));
        let fits = kind_a == kind_b
            || kind_a == Type::Any
            || kind_b == Type::Any
            || is_nothing(a)
            || is_nothing(b)
            || (kind_a.is_number() && kind_b.is_number())
            || (kind_a.is_text() && kind_b.is_text());
        match fits {
            true => Ok(()),
            false => Err(invalid(format!(
                "{} is compared with {}: quotes make a text, their absence a number or a name",
                kind_a.name(),
                kind_b.name()
            ))),
        }
    }

    fn single(&mut self, syntax: &Syntax) -> Result<Expr> {
        match syntax {
            Syntax::Nested(inner) => self.expr(inner),
            Syntax::Identifier(ident) => {
                let column = self.scope.column(std::slice::from_ref(ident))?;
                Ok(Expr::column(column))
            }
            Syntax::CompoundIdentifier(idents) => Ok(Expr::column(self.scope.column(idents)?)),
            Syntax::Value(value) => literal(&value.value).map(Expr::literal),
            Syntax::UnaryOp { op, expr } => {
                if let (UnaryOperator::Minus, Some(n)) = (op, number_of(expr)) {
                    return Ok(Expr::literal(
                        match (n.fract() == 0.0, expr.to_string().parse::<i64>()) {
                            (true, Ok(whole)) => Value::Int(-whole),
                            _ => Value::Float(-n),
                        },
                    ));
                }
                let inner = self.expr(expr)?;
                match op {
                    UnaryOperator::Not => Ok(then(inner, [Op::Not])),
                    UnaryOperator::Minus => Ok(then(inner, [Op::Negate])),
                    UnaryOperator::Plus => Ok(inner),
                    other => Err(not_understood(&format!("the operator {other}"))),
                }
            }
            Syntax::IsNull(expr) => Ok(then(self.expr(expr)?, [Op::IsNull])),
            Syntax::IsNotNull(expr) => Ok(then(self.expr(expr)?, [Op::IsNull, Op::Not])),
            Syntax::IsTrue(expr) => Ok(then(self.expr(expr)?, [Op::IsTrue])),
            Syntax::IsNotTrue(expr) => Ok(then(self.expr(expr)?, [Op::IsTrue, Op::Not])),
            Syntax::IsFalse(expr) => Ok(then(self.expr(expr)?, [Op::Not, Op::IsTrue])),
            Syntax::IsNotFalse(expr) => Ok(then(self.expr(expr)?, [Op::Not, Op::IsTrue, Op::Not])),
            Syntax::Between {
                expr,
                negated,
                low,
                high,
            } => {
                let (value, low, high) = (self.expr(expr)?, self.expr(low)?, self.expr(high)?);
                self.comparable(&value, &low)?;
                self.comparable(&value, &high)?;
                let above = joined([value.clone(), low], Op::Compare(Comparison::Gte));
                let below = joined([value, high], Op::Compare(Comparison::Lte));
                Ok(negate(joined([above, below], Op::And), *negated))
            }
            Syntax::In {
                expr,
                target,
                negated,
                ..
            } => self.within(expr, target, *negated),
            Syntax::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char: None,
            } => self.like(expr, pattern, *negated, false),
            Syntax::ILike {
                negated,
                any: false,
                expr,
                pattern,
                escape_char: None,
            } => self.like(expr, pattern, *negated, true),
            Syntax::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            Syntax::Cast {
                expr, data_type, ..
            } => {
                let kind = match data_type {
                    DataType::Int(_) | DataType::Integer(_) | DataType::BigInt(_) => Type::Int,
                    DataType::Double(_)
                    | DataType::DoublePrecision
                    | DataType::Float(_)
                    | DataType::Real => Type::Float,
                    DataType::Varchar(_) | DataType::Text | DataType::String(_) => Type::Text,
                    other => {
                        return Err(not_understood(&format!(
                            "the type {other} (BIGINT, DOUBLE and VARCHAR are)"
                        )));
                    }
                };
                Ok(then(self.expr(expr)?, [Op::Cast(kind)]))
            }
            Syntax::Floor { expr, field } | Syntax::Ceil { expr, field } => {
                if !matches!(
                    field,
                    CeilFloorKind::DateTimeField(sqlparser::ast::DateTimeField::NoDateTime)
                ) {
                    return Err(not_understood("floor or ceil to a unit"));
                }
                let function = match syntax {
                    Syntax::Floor { .. } => Function::Floor,
                    _ => Function::Ceil,
                };
                Ok(then(self.expr(expr)?, [Op::Call(function, 1)]))
            }
            Syntax::Function(call) => self.call(call),
            Syntax::Subquery(_) | Syntax::Exists { .. } => {
                Err(not_understood("a query within a query"))
            }
            other => Err(not_understood(&shortened(&other.to_string()))),
        }
    }

    fn within(&mut self, expr: &Syntax, target: &InTarget, negated: bool) -> Result<Expr> {
        let value = self.expr(expr)?;
        let InTarget::List(items) = target else {
            return Err(not_understood("IN over a query"));
        };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let item = self.expr(item)?;
            self.comparable(&value, &item)?;
            match item.ops.as_slice() {
                [Op::Literal(value)] => values.push(value.clone()),
                _ => return Err(invalid("IN takes a list of values")),
            }
        }
        let unknown = values.iter().any(Value::is_nil);
        values.retain(|value| !value.is_nil());
        let mut found = then(value, [Op::In(Arc::new(values))]);
        if unknown {
            // Nobody knows whether it equals NULL.
            found = joined([found, Expr::literal(Value::nil())], Op::Or);
        }
        Ok(negate(found, negated))
    }

    fn like(
        &mut self,
        expr: &Syntax,
        pattern: &Syntax,
        negated: bool,
        ignore_case: bool,
    ) -> Result<Expr> {
        let value = self.expr(expr)?;
        let kind = self.kind(&value);
        if !kind.is_text() && kind != Type::Any {
            return Err(invalid(format!(
                "LIKE takes a text, and {expr} is {}",
                kind.name()
            )));
        }
        let pattern = self.expr(pattern)?;
        let pattern: Arc<[u8]> = match pattern.ops.as_slice() {
            [Op::Literal(Value::Binary(text))] if text.len() <= limits::LIKE_BYTES_MAX => {
                text.clone()
            }
            _ => {
                return Err(invalid(
                    "LIKE takes a text in quotes, of at most 4096 bytes",
                ));
            }
        };
        Ok(negate(
            then(
                value,
                [Op::Like {
                    pattern,
                    ignore_case,
                }],
            ),
            negated,
        ))
    }

    fn case(
        &mut self,
        operand: Option<&Syntax>,
        conditions: &[sqlparser::ast::CaseWhen],
        otherwise: Option<&Syntax>,
    ) -> Result<Expr> {
        let operand = operand.map(|operand| self.expr(operand)).transpose()?;
        let mut ops = Vec::new();
        for when in conditions {
            let condition = self.expr(&when.condition)?;
            let condition = match &operand {
                Some(operand) => joined([operand.clone(), condition], Op::Compare(Comparison::Eq)),
                None => condition,
            };
            ops.extend(condition.ops);
            ops.extend(self.expr(&when.result)?.ops);
        }
        ops.extend(match otherwise {
            Some(otherwise) => self.expr(otherwise)?.ops,
            None => vec![Op::Literal(Value::nil())],
        });
        ops.push(Op::Case(conditions.len()));
        Ok(Expr { ops })
    }

    fn call(&mut self, call: &Call) -> Result<Expr> {
        let name = function_name(call);
        let known = Function::ALL.iter().find(|(known, _)| *known == name);
        let Some((_, function)) = known else {
            let valid = Function::ALL.iter().map(|(name, _)| *name).chain(names());
            return Err(unknown("function", &name, valid));
        };
        if call.over.is_some() || call.filter.is_some() {
            return Err(not_understood("OVER or FILTER"));
        }
        let arguments =
            arguments(call).ok_or_else(|| invalid(format!("{name} takes expressions")))?;
        let (least, most) = function.arity();
        if !(least..=most).contains(&arguments.len()) {
            return Err(invalid(format!("{name} takes {least} to {most} arguments")));
        }
        let mut ops = Vec::new();
        for argument in &arguments {
            ops.extend(self.expr(argument)?.ops);
        }
        ops.push(Op::Call(*function, arguments.len()));
        Ok(Expr { ops })
    }
}

fn is_nothing(expr: &Expr) -> bool {
    matches!(expr.ops.as_slice(), [Op::Literal(value)] if value.is_nil())
}

fn literal(value: &Literal) -> Result<Value> {
    match value {
        Literal::Number(text, _) => match (text.parse(), text.parse()) {
            (Ok(whole), _) => Ok(Value::Int(whole)),
            (_, Ok(float)) => Ok(Value::Float(float)),
            _ => Err(invalid(format!("{text} is no number"))),
        },
        Literal::SingleQuotedString(text) => Ok(Value::text(text)),
        Literal::Boolean(yes) => Ok(Value::bool(*yes)),
        Literal::Null => Ok(Value::nil()),
        Literal::Placeholder(name) => Err(invalid(format!("{name}: parameters are put in before"))),
        other => Err(not_understood(&shortened(&other.to_string()))),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_string(),
    }
}

fn joined(sides: [Expr; 2], op: Op) -> Expr {
    let [mut all, right] = sides;
    all.ops.extend(right.ops);
    all.ops.push(op);
    all
}

fn then(mut expr: Expr, ops: impl IntoIterator<Item = Op>) -> Expr {
    expr.ops.extend(ops);
    expr
}

fn negate(expr: Expr, negated: bool) -> Expr {
    match negated {
        true => then(expr, [Op::Not]),
        false => expr,
    }
}
