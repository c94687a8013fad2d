//! What is declared, as the structs of the Elixir side.

use crate::ast::{Ast, NodeIx};
use crate::atoms::{Atom, intern};
use crate::source::{ModuleKind, Unit, function_text};
use crate::store::{structure, word};
use crate::value::Value;

use super::brought::{Brought, Modules, brought};
use super::docs::{self, Doc, DocText, doc_text, function_status, module_status};
use super::exports::Export;
use super::facts::{Directive, DirectiveKind, ModuleFacts, Spec, SpecKind, TypeDef};
use super::signature::default_text;
use super::{exports, generated, parameters, signature, struct_fields};

fn record(fields: Vec<(&str, Value)>) -> Value {
    let named = fields
        .into_iter()
        .map(|(name, value)| (intern(name), value));
    Value::record(named.collect())
}

fn int(n: u32) -> Value {
    Value::Int(i64::from(n))
}

/// Levels above a literal or list at which its line is looked for: code that was parsed has one within a few.
const PLACE_LEVELS_MAX: usize = 64;

/// Where a node stands: its own place, or that of what holds it.
fn place(ast: &Ast, node: NodeIx) -> (Value, Value) {
    let mut at = Some(node);
    for _ in 0..PLACE_LEVELS_MAX {
        let Some(ix) = at else {
            break;
        };
        let (line, column) = ast.position(ix);
        if let Some(line) = line {
            return (int(line), column.map_or(Value::nil(), int));
        }
        at = ast.parent(ix);
    }
    (Value::nil(), Value::nil())
}

/// `ast_node_id`, `file`, `line` and `column` of a node.
pub fn node_fields(unit: &Unit, node: NodeIx) -> Vec<(&'static str, Value)> {
    let (line, column) = place(unit.ast(), node);
    let file = match unit.file() {
        "nofile" => Value::nil(),
        file => Value::text(file),
    };
    vec![
        ("ast_node_id", Value::text(&unit.node_id(node))),
        ("file", file),
        ("line", line),
        ("column", column),
    ]
}

/// `%{ast_node_id:, file:, line:, column:}`.
pub fn node_value(unit: &Unit, node: NodeIx) -> Value {
    record(node_fields(unit, node))
}

fn with_node(unit: &Unit, node: NodeIx, mut fields: Vec<(&str, Value)>) -> Value {
    fields.extend(node_fields(unit, node));
    record(fields)
}

/// A type or spec as text, with full names of modules: what stands behind `@type` or `@spec`.
pub fn spec_text(unit: &Unit, definition: NodeIx) -> String {
    unit.expression(definition)
}

fn text_or_nil(text: Option<String>) -> Value {
    text.map_or(Value::nil(), |text| Value::text(&text))
}

/// The text; `false` for what is hidden, `nil` for nothing, `:computed` for what is not written literally.
fn doc_value(ast: &Ast, doc: &Doc) -> Value {
    match doc.text {
        DocText::None => Value::nil(),
        DocText::Hidden => Value::bool(false),
        DocText::Text(value) => {
            doc_text(ast, value).map_or_else(|| word("computed"), |text| Value::text(&text))
        }
    }
}

/// A `%Documentation{}` of a function.
pub fn documentation_value(unit: &Unit, function: u32, brought: &Brought) -> Value {
    let ast = unit.ast();
    let definition = &unit.functions()[function as usize];
    let module = definition.module;
    let offset = (function - unit.modules()[module as usize].functions.start) as usize;
    let declared = unit.declared();
    let Some(facts) = declared.module(module) else {
        return Value::nil();
    };
    let Some(own) = facts.functions.get(offset) else {
        return Value::nil();
    };
    let status = function_status(unit, facts, brought, module, offset);
    let score = match unit.modules()[module as usize].kind {
        ModuleKind::Impl => Value::nil(),
        _ => status.score().map_or(Value::nil(), Value::Float),
    };
    let said = |key: &str, plain: Option<NodeIx>| {
        let node = plain.or_else(|| own.doc.meta(ast, key));
        match node.map(|node| doc_text(ast, node)) {
            Some(None) => word("computed"),
            text => text_or_nil(text.flatten()),
        }
    };
    let text = doc_value(ast, &own.doc);
    let examples = match &text {
        Value::Binary(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let prompts = text.lines().filter(|line| {
                let line = line.trim_start();
                line.starts_with("iex>") || line.starts_with("iex(")
            });
            prompts.count() as u32
        }
        _ => 0,
    };
    let node = own.doc.node;
    let place = |name: &str| {
        node.map_or(Value::nil(), |node| {
            let mut fields = node_fields(unit, node).into_iter();
            fields
                .find(|(other, _)| *other == name)
                .map_or(Value::nil(), |(_, value)| value)
        })
    };
    structure(
        "ElixirScope.ASTRepository.Documentation",
        vec![
            ("text", text),
            ("status", word(status.text())),
            ("score", score),
            ("since", said("since", own.since)),
            ("deprecated", said("deprecated", own.deprecated)),
            ("metadata", metadata_text(unit, &own.doc)),
            ("examples", int(examples)),
            ("implements", implements(own.implements)),
            ("ast_node_id", place("ast_node_id")),
            ("file", place("file")),
            ("line", place("line")),
            ("column", place("column")),
        ],
    )
}

/// `nil`, `true`, or the behaviour that `@impl` names.
fn implements(said: Option<(NodeIx, Option<Atom>)>) -> Value {
    match said {
        None => Value::nil(),
        Some((_, None)) => Value::bool(true),
        Some((_, Some(behaviour))) => Value::Atom(behaviour),
    }
}

/// Keys of `@doc key: value`, with the values as text.
fn metadata_text(unit: &Unit, doc: &Doc) -> Value {
    let ast = unit.ast();
    let mut all: Vec<(Atom, Value)> = Vec::new();
    for &list in &doc.metadata {
        for pair in ast.children(list) {
            if let (Some(key), Some(value)) = (ast.atom(pair), ast.child(pair, 0)) {
                all.retain(|(known, _)| *known != key);
                all.push((key, Value::text(&unit.expression(value))));
            }
        }
    }
    Value::record(all)
}

/// A `%FunctionSignature{}`.
pub fn signature_value(unit: &Unit, function: u32) -> Value {
    let definition = &unit.functions()[function as usize];
    let declared = unit.declared();
    let specs: Vec<Value> = declared
        .module(definition.module)
        .map_or(Vec::new(), |facts| {
            let own = |spec: &&Spec| {
                spec.name == definition.name && spec.arity == definition.arity && !spec.dynamic
            };
            let texts = facts.specs.iter().filter(own);
            texts
                .map(|spec| Value::text(&spec_text(unit, spec.definition)))
                .collect()
        });
    let parameters = parameters(unit, function).into_iter().map(|one| {
        record(vec![
            ("name", Value::text(&one.name)),
            (
                "default",
                text_or_nil(one.default.map(|node| default_text(unit, function, node))),
            ),
        ])
    });
    structure(
        "ElixirScope.ASTRepository.FunctionSignature",
        vec![
            ("name", Value::Atom(definition.name)),
            ("arity", int(definition.arity)),
            ("kind", word(definition.kind.text())),
            ("defaults", int(definition.defaults)),
            ("clauses", int(definition.clauses.len() as u32)),
            ("text", Value::text(&signature(unit, function))),
            ("parameters", Value::List(parameters.collect())),
            ("specs", Value::List(specs)),
        ],
    )
}

fn export_values(all: &[Export], macros: bool) -> Value {
    let wanted = all.iter().filter(|(_, _, is_macro)| *is_macro == macros);
    let pairs = wanted.map(|(name, arity, _)| Value::Tuple(vec![Value::Atom(*name), int(*arity)]));
    Value::List(pairs.collect())
}

fn type_value(unit: &Unit, one: &TypeDef) -> Value {
    with_node(
        unit,
        one.node,
        vec![
            ("kind", word(one.kind.text())),
            ("name", Value::Atom(one.name)),
            ("arity", int(one.arity)),
            ("dynamic", Value::bool(one.dynamic)),
            ("text", Value::text(&spec_text(unit, one.definition))),
            ("doc", doc_value(unit.ast(), &one.doc)),
        ],
    )
}

fn spec_value(unit: &Unit, facts: &ModuleFacts, one: &Spec) -> Value {
    let mut fields = vec![
        ("kind", word(one.kind.text())),
        ("name", Value::Atom(one.name)),
        ("arity", int(one.arity)),
        ("dynamic", Value::bool(one.dynamic)),
        ("text", Value::text(&spec_text(unit, one.definition))),
    ];
    if one.kind != SpecKind::Spec {
        let optional = facts.optional_callbacks.contains(&(one.name, one.arity));
        fields.push(("doc", doc_value(unit.ast(), &one.doc)));
        fields.push(("optional", Value::bool(optional)));
    }
    with_node(unit, one.node, fields)
}

/// A function of a protocol is a callback for its implementations: by its spec, or else of terms.
fn protocol_callback(unit: &Unit, facts: &ModuleFacts, function: u32) -> Value {
    let one = &unit.functions()[function as usize];
    let spec = facts.specs.iter().find(|spec| {
        spec.kind == SpecKind::Spec && spec.name == one.name && spec.arity == one.arity
    });
    let text = match spec {
        Some(spec) => spec_text(unit, spec.definition),
        None => {
            let rest = (1..one.arity).map(|_| ", term()");
            let name = function_text(one.name);
            format!("{name}(t(){}) :: term()", rest.collect::<String>())
        }
    };
    let offset = (function - unit.modules()[one.module as usize].functions.start) as usize;
    let doc = facts.functions.get(offset).map(|own| &own.doc);
    with_node(
        unit,
        unit.clauses_of_function(function)[0].node,
        vec![
            ("kind", word("callback")),
            ("name", Value::Atom(one.name)),
            ("arity", int(one.arity)),
            ("dynamic", Value::bool(one.dynamic)),
            ("text", Value::text(&text)),
            (
                "doc",
                doc.map_or(Value::nil(), |doc| doc_value(unit.ast(), doc)),
            ),
            ("optional", Value::bool(false)),
        ],
    )
}

/// What is written; a protocol has the type `t` whether it is written or not.
fn types(unit: &Unit, facts: &ModuleFacts, module: u32) -> Value {
    let mut all: Vec<Value> = facts
        .types
        .iter()
        .map(|one| type_value(unit, one))
        .collect();
    let definition = &unit.modules()[module as usize];
    let has_t = facts
        .types
        .iter()
        .any(|one| one.name.text() == "t" && one.arity == 0);
    if definition.kind == ModuleKind::Protocol && !has_t {
        all.push(with_node(
            unit,
            definition.node,
            vec![
                ("kind", word("type")),
                ("name", word("t")),
                ("arity", int(0)),
                ("dynamic", Value::bool(false)),
                ("text", Value::text("t() :: term()")),
                ("doc", Value::nil()),
            ],
        ));
    }
    Value::List(all)
}

/// A behaviour that a module implements, and what says so.
pub struct Implemented {
    pub module: Atom,
    pub node: NodeIx,
    /// `attribute`, `exception`, `protocol` or `use`.
    pub by: &'static str,
}

/// The behaviours of a module, each once: written, or by what it is, or brought by `use`.
pub fn implemented(unit: &Unit, module: u32, brought: &Brought) -> Vec<Implemented> {
    let definition = &unit.modules()[module as usize];
    let declared = unit.declared();
    let mut all: Vec<Implemented> = Vec::new();
    let mut add = |module: Atom, node: NodeIx, by: &'static str| {
        if !all.iter().any(|one| one.module == module) {
            all.push(Implemented { module, node, by });
        }
    };
    if let Some(facts) = declared.module(module) {
        for &(behaviour, node) in &facts.behaviours {
            add(behaviour, node, "attribute");
        }
        if definition.defines_exception {
            let node = facts.structure.unwrap_or(definition.node);
            add(intern("Elixir.Exception"), node, "exception");
        }
    }
    if let Some((protocol, _)) = definition.implements {
        add(protocol, definition.node, "protocol");
    }
    for &(behaviour, node) in &brought.behaviours {
        add(behaviour, node, "use");
    }
    all
}

fn directive_value(unit: &Unit, one: &Directive) -> Value {
    with_node(
        unit,
        one.node,
        vec![
            ("module", Value::Atom(one.module)),
            (
                "options",
                text_or_nil(one.options.map(|node| unit.expression(node))),
            ),
            ("in_function", Value::bool(one.in_function)),
        ],
    )
}

/// Every way in which the module names another: `%{module:, kind:, at:, count:, ...}`, `at` being `:compile_time` or
/// `:run_time`.
fn dependencies(unit: &Unit, facts: &ModuleFacts, module: u32) -> Value {
    let mut all = Vec::new();
    let mut add = |module: Atom, kind: &str, run_time: bool, count: u32, node: NodeIx| {
        let at = if run_time { "run_time" } else { "compile_time" };
        all.push(with_node(
            unit,
            node,
            vec![
                ("module", Value::Atom(module)),
                ("kind", word(kind)),
                ("at", word(at)),
                ("count", int(count)),
            ],
        ));
    };
    for one in &facts.directives {
        add(one.module, one.kind.text(), false, 1, one.node);
    }
    for &(behaviour, node) in &facts.behaviours {
        add(behaviour, "behaviour", false, 1, node);
    }
    let definition = &unit.modules()[module as usize];
    if let Some((protocol, _)) = definition.implements {
        add(protocol, "protocol", false, 1, definition.node);
    }
    for one in &facts.references {
        let run_time = one.in_function && one.kind != super::ReferenceKind::Struct;
        let own = one.module == definition.name;
        if !own {
            add(one.module, one.kind.text(), run_time, one.count, one.node);
        }
    }
    Value::List(all)
}

fn field_values(unit: &Unit, facts: &ModuleFacts) -> Value {
    let Some(fields) = struct_fields(unit.ast(), facts) else {
        return Value::nil();
    };
    let values = fields.iter().map(|field| {
        with_node(
            unit,
            field.node,
            vec![
                ("name", Value::Atom(field.name)),
                (
                    "default",
                    text_or_nil(field.default.map(|node| unit.expression(node))),
                ),
                ("required", Value::bool(field.required)),
            ],
        )
    });
    Value::List(values.collect())
}

/// A `%ModuleMetadata{}` of what the module's own source declares.
///
/// `use` is followed through `modules`.
pub fn metadata_value(unit: &Unit, module: u32, modules: &dyn Modules) -> Value {
    let brought = brought(unit, module, modules);
    let declared = unit.declared();
    let Some(facts) = declared.module(module) else {
        return Value::nil();
    };
    let definition = &unit.modules()[module as usize];
    let ast = unit.ast();
    let own = exports(unit, module);
    let made = generated(unit, module, &brought);
    let specs = |callback: bool| {
        let wanted = facts
            .specs
            .iter()
            .filter(|one| (one.kind != SpecKind::Spec) == callback);
        let mut all: Vec<Value> = wanted.map(|one| spec_value(unit, facts, one)).collect();
        if callback && definition.kind == ModuleKind::Protocol {
            all.extend(
                definition
                    .functions
                    .clone()
                    .map(|one| protocol_callback(unit, facts, one)),
            );
        }
        Value::List(all)
    };
    let directives = |kind| {
        let all = facts.directives(kind);
        Value::List(all.map(|one| directive_value(unit, one)).collect())
    };
    let attributes = facts.attributes.iter().map(|one| {
        with_node(
            unit,
            one.node,
            vec![
                ("name", Value::Atom(one.name)),
                ("value", Value::text(&unit.expression(one.value))),
            ],
        )
    });
    let behaviours = implemented(unit, module, &brought).into_iter().map(|one| {
        with_node(
            unit,
            one.node,
            vec![("module", Value::Atom(one.module)), ("by", word(one.by))],
        )
    });
    let functions = definition.functions.clone().map(|function| {
        let one = &unit.functions()[function as usize];
        record(vec![
            ("name", Value::Atom(one.name)),
            ("arity", int(one.arity)),
            ("public", Value::bool(one.kind.is_public())),
            ("signature", signature_value(unit, function)),
            (
                "documentation",
                documentation_value(unit, function, &brought),
            ),
            ("ast_node_id", Value::text(&unit.function_id(function))),
        ])
    });
    let status = module_status(unit, facts, module);
    let mut fields = vec![
        ("module_name", Value::Atom(definition.name)),
        ("moduledoc", doc_value(ast, &facts.moduledoc)),
        ("moduledoc_status", word(status.text())),
        (
            "documentation_score",
            docs::documentation_score(unit, module, &brought).map_or(Value::nil(), Value::Float),
        ),
        ("functions", export_values(&own, false)),
        ("macros", export_values(&own, true)),
        ("generated", export_values(&made, false)),
        ("generated_macros", export_values(&made, true)),
        ("definitions", Value::List(functions.collect())),
        ("attributes", Value::List(attributes.collect())),
        ("types", types(unit, facts, module)),
        ("specs", specs(false)),
        ("callbacks", specs(true)),
        ("behaviours", Value::List(behaviours.collect())),
        ("struct_fields", field_values(unit, facts)),
        ("uses", directives(DirectiveKind::Use)),
        ("imports", directives(DirectiveKind::Import)),
        ("aliases", directives(DirectiveKind::Alias)),
        ("requires", directives(DirectiveKind::Require)),
        ("dependencies", dependencies(unit, facts, module)),
    ];
    fields.extend(node_fields(unit, definition.node));
    structure("ElixirScope.ASTRepository.ModuleMetadata", fields)
}
