//! Data flow as answers: the graph of a function, its arguments, what it gives.

use crate::ast::{Kind, NodeIx};
use crate::source::head::head_call;
use crate::source::{ModuleRef, Unit, function_text, module_text};
use crate::store::structure;
use crate::value::Value;

use super::super::form::{Form, call_form, is_call, is_keyword, is_var};
use super::super::report::{position, record, word};
use super::sources::{blocks, sources};
use super::{DataFlow, Flow, FlowKind, VertexKind};

/// Shapes of one function's values; more say nothing more.
const SHAPES_MAX: usize = 64;

/// `%{nodes:, edges:, meta:}` of a function's data flow, a number of `Unit::functions`.
pub fn data_flow(unit: &Unit, function: u32) -> Value {
    let flow = DataFlow::of_function(unit, function);
    let variables = unit.variables();
    let nodes = flow.vertices.iter().zip(0i64..).map(|(vertex, number)| {
        let (kind, label) = match vertex.kind {
            VertexKind::Variable(binding) => {
                let own = &variables.bindings()[binding as usize];
                let label = format!("{}@{}", own.name, own.version);
                (own.kind.text(), label)
            }
            VertexKind::Call => ("call", callee_text(unit, vertex.node)),
            VertexKind::Built => ("built", shape(unit, vertex.node)),
            VertexKind::Literal => ("literal", shape(unit, vertex.node)),
            VertexKind::Closure => ("closure", "fn".to_string()),
            VertexKind::Return => ("return", "return".to_string()),
        };
        let (line, column) = position(unit, vertex.node);
        record([
            ("id", Value::Int(number)),
            ("label", Value::text(&label)),
            ("kind", word(kind)),
            ("ast_node_id", Value::text(&unit.node_id(vertex.node))),
            ("line", line),
            ("column", column),
        ])
    });
    let nodes = nodes.collect();
    record([
        ("nodes", Value::List(nodes)),
        ("edges", Value::List(flow.flows.iter().map(edge).collect())),
        (
            "meta",
            record([
                ("function", Value::text(&unit.function_id(function))),
                ("bytes", Value::count(flow.memory_bytes() as u64)),
            ]),
        ),
    ])
}

fn edge(flow: &Flow) -> Value {
    let label = match flow.kind {
        FlowKind::Argument => format!("argument {}", flow.position),
        kind => kind.text().to_string(),
    };
    record([
        ("from", Value::Int(i64::from(flow.from))),
        ("to", Value::Int(i64::from(flow.to))),
        ("kind", word(flow.kind.text())),
        ("label", Value::text(&label)),
    ])
}

/// `Mod.f/2`, as far as the source says.
fn callee_text(unit: &Unit, node: NodeIx) -> String {
    let Some(site) = unit.callee(node) else {
        let name = unit.ast().atom(node);
        return name.map_or("call".to_string(), |name| name.text().to_string());
    };
    let name = function_text(site.callee.name);
    match site.callee.module {
        ModuleRef::Known(module) => format!("{}.{name}/{}", module_text(module), site.callee.arity),
        _ => format!("{name}/{}", site.callee.arity),
    }
}

/// A `ParameterAnalysis` for each argument of a function.
pub(crate) fn parameter_analysis(unit: &Unit, function: u32) -> Value {
    let definition = &unit.functions()[function as usize];
    let summary = unit.summaries().of(function);
    let variables = unit.variables();
    let flow = DataFlow::of_function(unit, function);
    let parameters = (0..definition.arity as u16).map(|at| {
        let (mut patterns, mut default) = (Vec::new(), false);
        for clause in unit.clauses_of_function(function) {
            if let Some(arg) = argument(unit, clause.node, at) {
                let optional = is_call(unit.ast(), arg, Form::Default);
                default |= optional;
                let inner = if optional {
                    unit.ast().child(arg, 0)
                } else {
                    None
                };
                patterns.push(word(pattern_kind(unit, inner.unwrap_or(arg))));
            }
        }
        let own = flow
            .parameters
            .iter()
            .filter(|&&(position, _)| position == at);
        let bindings = own.filter_map(|&(_, vertex)| match flow.vertices[vertex as usize].kind {
            VertexKind::Variable(binding) => Some(&variables.bindings()[binding as usize]),
            _ => None,
        });
        let (mut names, mut used) = (Vec::new(), false);
        for binding in bindings {
            used |= binding.uses > 0 || binding.by_binding;
            let name = Value::Atom(binding.name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let passed = summary
            .passed
            .iter()
            .filter(|&&(position, _, _)| position == at);
        let passed = passed.map(|&(_, call, to)| {
            let (line, column) = position(unit, call);
            record([
                ("function", Value::text(&callee_text(unit, call))),
                ("position", Value::Int(i64::from(to))),
                ("ast_node_id", Value::text(&unit.node_id(call))),
                ("line", line),
                ("column", column),
            ])
        });
        structure(
            "ElixirScope.ASTRepository.ParameterAnalysis",
            vec![
                ("position", Value::Int(i64::from(at))),
                ("names", Value::List(names)),
                ("patterns", Value::List(patterns)),
                ("default", Value::bool(default)),
                ("used", Value::bool(used)),
                ("returned", Value::bool(summary.returned.contains(&at))),
                ("passed_to", Value::List(passed.collect())),
            ],
        )
    });
    Value::List(parameters.collect())
}

fn argument(unit: &Unit, clause: NodeIx, at: u16) -> Option<NodeIx> {
    let call = head_call(unit.ast(), clause)?;
    let skip = usize::from(unit.ast().kind(call) == Kind::CallExpr);
    unit.ast().children(call).skip(skip).nth(usize::from(at))
}

fn pattern_kind(unit: &Unit, ix: NodeIx) -> &'static str {
    let ast = unit.ast();
    if is_var(ast, ix) {
        let ignored = ast
            .atom(ix)
            .is_some_and(|name| name.text().starts_with('_'));
        return if ignored { "ignored" } else { "variable" };
    }
    match ast.kind(ix) {
        Kind::Atom | Kind::Int | Kind::WideInt | Kind::Float | Kind::Binary | Kind::Opaque => {
            "literal"
        }
        Kind::List if ast.size(ix) == 1 => "literal",
        _ => match call_form(ast, ix) {
            Some(Form::Struct) => "struct",
            Some(Form::Map) => "map",
            _ => "pattern",
        },
    }
}

/// A `ReturnAnalysis` of a function.
pub(crate) fn return_analysis(unit: &Unit, function: u32) -> Value {
    let ast = unit.ast();
    let (mut values, mut shapes): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    let mut raises = false;
    for clause in unit.clauses_of_function(function) {
        let mut bodies = Vec::new();
        if call_form(ast, clause.node) == Some(Form::Def) {
            for list in ast.children(clause.node).skip(1) {
                match is_keyword(ast, list) {
                    true => blocks(unit, &[list], &mut bodies),
                    false => bodies.push(Some(list)),
                }
            }
        }
        let leaves = bodies
            .into_iter()
            .flatten()
            .flat_map(|body| sources(unit, body));
        for leaf in leaves {
            let kind = leaf.map_or("literal", |leaf| value_kind(unit, leaf));
            raises |= kind == "raise";
            let text = leaf.map_or("nil".to_string(), |leaf| shape(unit, leaf));
            let at = leaf.unwrap_or(clause.node);
            let (line, column) = position(unit, at);
            values.push(record([
                ("kind", word(kind)),
                ("shape", Value::text(&text)),
                ("clause", Value::text(&unit.node_id(clause.node))),
                ("ast_node_id", Value::text(&unit.node_id(at))),
                ("line", line),
                ("column", column),
            ]));
            if kind != "raise" && shapes.len() < SHAPES_MAX && !shapes.contains(&text) {
                shapes.push(text);
            }
        }
    }
    let summary = unit.summaries().of(function);
    let calls = summary
        .returned_calls
        .iter()
        .map(|&call| Value::text(&callee_text(unit, call)));
    let parameters = summary.returned.iter().map(|&at| Value::Int(i64::from(at)));
    structure(
        "ElixirScope.ASTRepository.ReturnAnalysis",
        vec![
            ("values", Value::List(values)),
            (
                "shapes",
                Value::List(shapes.iter().map(|one| Value::text(one)).collect()),
            ),
            ("raises", Value::bool(raises)),
            ("parameters", Value::List(parameters.collect())),
            ("calls", Value::List(calls.collect())),
        ],
    )
}

fn value_kind(unit: &Unit, ix: NodeIx) -> &'static str {
    let ast = unit.ast();
    if is_var(ast, ix) {
        return "variable";
    }
    match ast.kind(ix) {
        Kind::CallExpr => "call",
        Kind::Call => match call_form(ast, ix) {
            Some(Form::Raise) => "raise",
            Some(Form::Fn | Form::Capture) => "closure",
            Some(Form::Quote) => "quoted",
            Some(Form::Braces | Form::Map | Form::Struct | Form::Bits | Form::Cons | Form::For) => {
                "built"
            }
            Some(Form::Aliases) => "literal",
            _ => "call",
        },
        Kind::List | Kind::ImproperList | Kind::Tuple | Kind::Map if ast.size(ix) > 1 => "built",
        _ => "literal",
    }
}

/// What a value looks like, one level deep: `{:ok, _}`, `%Cart{}`, `:error`, `"..."`.
fn shape(unit: &Unit, ix: NodeIx) -> String {
    let ast = unit.ast();
    let part = |one: NodeIx| match ast.kind(one) {
        Kind::Atom => ast
            .atom(one)
            .map_or("_".to_string(), crate::source::module_text),
        Kind::Int => ast.int(one).map_or("_".to_string(), |int| int.to_string()),
        _ => "_".to_string(),
    };
    let tuple = |parts: Vec<String>| format!("{{{}}}", parts.join(", "));
    match ast.kind(ix) {
        Kind::Var | Kind::VarIn => ast
            .atom(ix)
            .map_or("_".to_string(), |name| name.text().to_string()),
        Kind::Atom => match ast.atom(ix) {
            Some(atom) if matches!(atom.text(), "nil" | "true" | "false") => {
                atom.text().to_string()
            }
            Some(atom) => crate::source::module_text(atom),
            None => "_".to_string(),
        },
        Kind::Int | Kind::WideInt => "integer".to_string(),
        Kind::Float => "float".to_string(),
        Kind::Binary => "binary".to_string(),
        Kind::Pair => {
            let key = ast
                .atom(ix)
                .map_or("_".to_string(), crate::source::module_text);
            tuple(vec![key, "_".to_string()])
        }
        Kind::Tuple => tuple(ast.children(ix).map(part).collect()),
        Kind::List if ast.size(ix) == 1 => "[]".to_string(),
        Kind::List | Kind::ImproperList => "list".to_string(),
        Kind::Map => "%{}".to_string(),
        Kind::Opaque => "_".to_string(),
        Kind::CallExpr => callee_text(unit, ix),
        Kind::Call => match call_form(ast, ix) {
            Some(Form::Braces) => tuple(ast.children(ix).map(part).collect()),
            Some(Form::Map) => "%{}".to_string(),
            Some(Form::Struct) => {
                let name = ast.child(ix, 0).and_then(|one| unit.module_named(one));
                format!("%{}{{}}", name.map_or("_".to_string(), module_text))
            }
            Some(Form::Bits) => "binary".to_string(),
            Some(Form::For) => "for".to_string(),
            Some(Form::Fn | Form::Capture) => "fn".to_string(),
            Some(Form::Quote) => "quote".to_string(),
            Some(Form::Aliases) => unit.module_named(ix).map_or("_".to_string(), module_text),
            _ => callee_text(unit, ix),
        },
    }
}
