//! Points as columns: what many events share is written once.

use std::sync::Arc;

use imbl::Vector as Persistent;

use crate::capture::points::{PointInfo, PointKind};
use crate::query::{Builder, Dictionary, MISSING, Type, Vector};
use crate::source::{function_text, module_text};
use crate::value::Value;

/// By the store's number of a point.
pub struct PointColumns {
    pub module: Vec<u32>,
    pub name: Vec<u32>,
    pub arity: Vec<i64>,
    pub clause: Vec<i64>,
    pub line: Vec<i64>,
    pub function: (Vec<u32>, Dictionary),
    pub variable: (Vec<u32>, Dictionary),
}

/// `Shop.Cart.add/3`, as ids begin.
pub fn function_name(key: &crate::capture::points::FunctionKey) -> String {
    format!(
        "{}.{}/{}",
        module_text(key.module),
        function_text(key.name),
        key.arity
    )
}

fn coded(builder: Builder) -> (Vec<u32>, Dictionary) {
    match builder.finish() {
        Vector::Text(codes, texts) => (codes, texts),
        other => (vec![MISSING; other.len()], Arc::default()),
    }
}

impl PointColumns {
    pub fn new(infos: &Persistent<PointInfo>) -> PointColumns {
        let mut function = Builder::new(Type::Text);
        let mut variable = Builder::new(Type::Text);
        let mut columns = PointColumns {
            module: Vec::with_capacity(infos.len()),
            name: Vec::with_capacity(infos.len()),
            arity: Vec::with_capacity(infos.len()),
            clause: Vec::with_capacity(infos.len()),
            line: Vec::with_capacity(infos.len()),
            function: Default::default(),
            variable: Default::default(),
        };
        let mut last = None;
        for info in infos {
            let key = info.function;
            columns.module.push(key.module.0);
            columns.name.push(key.name.0);
            columns.arity.push(i64::from(key.arity));
            columns.clause.push(i64::from(info.clause));
            columns.line.push(i64::from(info.line));
            // Points of a function come one after the other.
            let text = match &last {
                Some((same, text)) if *same == key => Value::clone(text),
                _ => Value::text(&function_name(&key)),
            };
            function.push(text.clone());
            last = Some((key, text));
            variable.push(match info.kind {
                PointKind::Binding { name, .. } => Value::text(name.text()),
                _ => Value::nil(),
            });
        }
        columns.function = coded(function);
        columns.variable = coded(variable);
        columns
    }
}
