//! A node of the source as a row.

use std::borrow::Cow;
use std::sync::Arc;

use crate::ast::{Kind, NodeIx};
use crate::capture::points::FunctionKey;
use crate::ingest::CallStats;
use crate::query::Row;
use crate::source::Unit;
use crate::store::columns::{Cell, Code, Column, fields};
use crate::store::locate::runtime_key;
use crate::store::record::Fields;
use crate::store::structs::{key_value, runtime_insights, word};
use crate::store::view::View;
use crate::value::Value;

fields! {
    /// What is computed of a node.
    NodeField, same: [], {
        NodeId = "ast_node_id",
        Kind = "kind",
        Name = "name",
        Arguments = "argument_count",
        Module = "module_name",
        Function = "function_name",
        Arity = "arity",
        Key = "function_key",
        Ast = "ast",
        File = "file" | "source_file",
        Line = "line",
        Col = "column",
        Calls = "calls",
        Errors = "errors",
        Cyclomatic = "cyclomatic_complexity",
        Insights = "runtime_insights",
        HasRuntime = "has_runtime_data",
        HasCorrelation = "correlation_exists",
        HasPerformance = "has_performance_data",
    }
}

pub struct NodeRow<'a> {
    view: &'a View<'a>,
    unit: &'a Arc<Unit>,
    ix: NodeIx,
}

impl<'a> NodeRow<'a> {
    pub fn new(view: &'a View<'a>, unit: &'a Arc<Unit>, ix: NodeIx) -> Self {
        NodeRow { view, unit, ix }
    }

    /// A field, code included.
    pub fn cell(&self, column: &Column<NodeField>) -> Cell {
        match column.computed {
            Some(NodeField::Ast) => Cell::Code(Code::Nodes(self.unit.clone(), vec![self.ix])),
            _ => Cell::Value(self.value(column).into_owned()),
        }
    }

    fn function(&self) -> Option<u32> {
        let clause = self.unit.clause_of(self.ix)?;
        Some(self.unit.clauses()[clause as usize].function)
    }

    fn key(&self) -> Option<FunctionKey> {
        let function = &self.unit.functions()[self.function()? as usize];
        let module = self.unit.modules()[function.module as usize].name;
        Some(FunctionKey {
            module,
            name: function.name,
            arity: function.arity,
        })
    }

    fn insight(&self) -> Option<Arc<Fields>> {
        let repository = self.view.repository;
        repository
            .has_insights()
            .then(|| repository.insight(&self.unit.node_id(self.ix)))
            .flatten()
    }

    fn stats(&self) -> Option<CallStats> {
        self.view.stats(&runtime_key(self.unit, self.function()?)?)
    }

    fn compute(&self, field: NodeField) -> Value {
        let ast = self.unit.ast();
        let count = |count: fn(&CallStats) -> u64| {
            Value::count(self.stats().map_or(0, |stats| count(&stats)))
        };
        let place = |n: Option<u32>| n.map_or(Value::nil(), |n| Value::Int(i64::from(n)));
        match field {
            NodeField::NodeId => Value::text(&self.unit.node_id(self.ix)),
            NodeField::Kind => kind_word(ast.kind(self.ix)),
            NodeField::Name => match ast.kind(self.ix).has_meta() {
                true => ast.atom(self.ix).map_or(Value::nil(), Value::Atom),
                false => Value::nil(),
            },
            NodeField::Arguments => match ast.kind(self.ix) {
                Kind::Call => Value::Int(ast.children(self.ix).count() as i64),
                Kind::CallExpr => Value::Int(ast.children(self.ix).count() as i64 - 1),
                _ => Value::nil(),
            },
            NodeField::Module => match self.unit.module_of(self.ix) {
                Some(module) => Value::Atom(self.unit.modules()[module as usize].name),
                None => Value::nil(),
            },
            NodeField::Function => self.key().map_or(Value::nil(), |key| Value::Atom(key.name)),
            NodeField::Arity => self
                .key()
                .map_or(Value::nil(), |key| Value::Int(i64::from(key.arity))),
            NodeField::Key => self.key().map_or(Value::nil(), |key| key_value(&key)),
            NodeField::Ast => Value::nil(),
            NodeField::File => Value::text(self.unit.file()),
            NodeField::Line => place(ast.line(self.ix)),
            NodeField::Col => place(ast.column(self.ix)),
            NodeField::Calls => count(|stats| stats.calls),
            NodeField::Errors => count(|stats| stats.errors + stats.aborted),
            NodeField::Cyclomatic => match self.function() {
                Some(function) => {
                    let metrics = &self.unit.functions()[function as usize].metrics;
                    Value::Int(i64::from(metrics.cyclomatic_complexity))
                }
                None => Value::nil(),
            },
            NodeField::Insights => match self.insight() {
                Some(stored) => runtime_insights(|name| stored.get(name).cloned()),
                None => Value::nil(),
            },
            NodeField::HasRuntime => {
                let ran = self.stats().is_some_and(|stats| stats.calls > 0);
                Value::bool(ran || self.insight().is_some())
            }
            NodeField::HasCorrelation => {
                let stored = || {
                    let correlations = self.view.repository.correlations();
                    !correlations.is_empty() && correlations.has_node(&self.unit.node_id(self.ix))
                };
                Value::bool(self.stats().is_some_and(|stats| stats.calls > 0) || stored())
            }
            NodeField::HasPerformance => {
                Value::bool(self.stats().is_some_and(|stats| stats.ended() > 0))
            }
        }
    }
}

impl Row for NodeRow<'_> {
    type Column = Column<NodeField>;

    fn value(&self, column: &Self::Column) -> Cow<'_, Value> {
        column.read(|_| None, |field| self.compute(field))
    }
}

pub fn kind_word(kind: Kind) -> Value {
    word(match kind {
        Kind::Call => "call",
        Kind::CallExpr => "call_expression",
        Kind::Var | Kind::VarIn => "variable",
        Kind::Atom => "atom",
        Kind::Int | Kind::WideInt => "integer",
        Kind::Float => "float",
        Kind::Binary => "binary",
        Kind::List | Kind::ImproperList => "list",
        Kind::Pair | Kind::Tuple => "tuple",
        Kind::Map => "map",
        Kind::Opaque => "other",
    })
}
