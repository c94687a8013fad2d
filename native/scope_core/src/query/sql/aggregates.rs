//! Which functions count groups, and how they are written.

use sqlparser::ast::{
    DuplicateTreatment, Expr as Syntax, Function as Call, FunctionArg, FunctionArgExpr,
    FunctionArguments,
};

use crate::error::{Error, Result};
use crate::query::select::AggregateKind;
use crate::query::sql::lower::{not_understood, number_of};

const NAMES: [&str; 18] = [
    "count",
    "sum",
    "avg",
    "mean",
    "min",
    "max",
    "median",
    "stddev",
    "stddev_samp",
    "percentile",
    "percentile_cont",
    "quantile_cont",
    "p50",
    "p75",
    "p90",
    "p95",
    "p99",
    "p999",
];

pub struct Written<'s> {
    pub kind: AggregateKind,
    pub argument: Option<&'s Syntax>,
    pub distinct: bool,
    /// `FILTER (WHERE ...)`
    pub filter: Option<&'s Syntax>,
}

pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter()
}

pub fn is_aggregate(name: &str) -> bool {
    NAMES.contains(&name)
}

pub fn written<'s>(name: &str, call: &'s Call) -> Result<Written<'s>> {
    if call.over.is_some() {
        return Err(not_understood("windows (OVER)"));
    }
    let FunctionArguments::List(list) = &call.args else {
        return Err(wrong(name, "it takes an argument"));
    };
    let mut arguments = Vec::new();
    for argument in &list.args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => arguments.push(expr),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if name == "count" => {}
            _ => return Err(wrong(name, "its arguments are expressions")),
        }
    }
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let one = |kind| match arguments.as_slice() {
        [one] => Ok((kind, Some(*one))),
        _ => Err(wrong(name, "it takes one argument")),
    };
    let part = |percent: f64| one(AggregateKind::Percentile(percent));
    let (kind, argument) = match name {
        "count" => match arguments.as_slice() {
            [] => (AggregateKind::Count, None),
            [one] => (AggregateKind::Count, Some(*one)),
            _ => return Err(wrong(name, "it takes one argument, or *")),
        },
        "sum" => one(AggregateKind::Sum)?,
        "avg" | "mean" => one(AggregateKind::Average)?,
        "min" => one(AggregateKind::Min)?,
        "max" => one(AggregateKind::Max)?,
        "median" | "p50" => part(0.5)?,
        "p75" => part(0.75)?,
        "p90" => part(0.90)?,
        "p95" => part(0.95)?,
        "p99" => part(0.99)?,
        "p999" => part(0.999)?,
        "stddev" | "stddev_samp" => one(AggregateKind::Deviation)?,
        "percentile" | "quantile_cont" | "percentile_cont" => match arguments.as_slice() {
            [values, at] => (AggregateKind::Percentile(between(name, at)?), Some(*values)),
            [at] => match call.within_group.as_slice() {
                [key] => (
                    AggregateKind::Percentile(between(name, at)?),
                    Some(&key.expr),
                ),
                _ => return Err(wrong(name, "write percentile(x, 0.95)")),
            },
            _ => return Err(wrong(name, "write percentile(x, 0.95)")),
        },
        _ => return Err(not_understood(name)),
    };
    Ok(Written {
        kind,
        argument,
        distinct,
        filter: call.filter.as_deref(),
    })
}

fn between(name: &str, syntax: &Syntax) -> Result<f64> {
    number_of(syntax)
        .filter(|part| (0.0..=1.0).contains(part))
        .ok_or_else(|| wrong(name, "the part is a number from 0 to 1, as 0.95"))
}

fn wrong(name: &str, detail: &str) -> Error {
    Error::Invalid {
        what: "SQL",
        detail: format!("{name}: {detail}"),
    }
}
