//! The type of a module: the framework it is made for, or what kind of data it is.

use crate::ast::NodeIx;
use crate::source::calls::ModuleRef;
use crate::source::module_type::{of_behaviour, of_option};
use crate::source::{ModuleKind, ModuleType, module_text};

use crate::declare::SpecKind;

use super::judged::Judged;
use super::survey::{Survey, arguments, is_call};

/// Of several that apply, the first decides: a supervisor that is an application's callback module is the application.
const ORDER: [ModuleType; 19] = [
    ModuleType::MixTask,
    ModuleType::MixProject,
    ModuleType::ExUnitCase,
    ModuleType::EctoMigration,
    ModuleType::EctoRepo,
    ModuleType::EctoSchema,
    ModuleType::PhoenixLiveView,
    ModuleType::PhoenixController,
    ModuleType::PhoenixChannel,
    ModuleType::PhoenixRouter,
    ModuleType::GenStage,
    ModuleType::GenStatem,
    ModuleType::Genserver,
    ModuleType::GenEvent,
    ModuleType::Application,
    ModuleType::Supervisor,
    ModuleType::Agent,
    ModuleType::Task,
    ModuleType::Plug,
];

fn rank(kind: ModuleType) -> usize {
    ORDER
        .iter()
        .position(|one| *one == kind)
        .unwrap_or(ORDER.len())
}

type Candidate = Judged<ModuleType>;

/// The type of a module.
pub fn module_type(survey: &Survey<'_>) -> Judged<ModuleType> {
    let node = survey.node();
    let definition = survey.definition();
    let plain = |kind, why: &str| Judged::new(kind, 1.0, why, vec![node]);
    match definition.kind {
        ModuleKind::Protocol => return plain(ModuleType::Protocol, "defprotocol"),
        ModuleKind::Impl => return plain(ModuleType::ProtocolImpl, "defimpl"),
        ModuleKind::Module => {}
    }
    if definition.defines_exception {
        return plain(ModuleType::Exception, "defexception");
    }
    let mut candidates = Vec::new();
    by_use(survey, &mut candidates);
    by_behaviour(survey, &mut candidates);
    if candidates.is_empty() {
        by_shape(survey, &mut candidates);
    }
    // The surest kind of evidence first, then the order among types.
    candidates.sort_by_key(|one| (one.confidence < 0.9, rank(one.value)));
    candidates
        .into_iter()
        .next()
        .unwrap_or_else(|| by_data(survey))
}

fn by_use(survey: &Survey<'_>, found: &mut Vec<Candidate>) {
    for used in &survey.brought.used {
        let name = module_text(used.module);
        let through = used
            .through
            .map_or(String::new(), |by| format!(" through {}", module_text(by)));
        if let Some(kind) = of_behaviour(used.module.text()) {
            let why = format!("use {name}{through}");
            found.push(Judged::new(kind, 1.0, why, vec![used.node]));
            continue;
        }
        // The convention of Phoenix projects, where the module itself is not at hand or says nothing.
        let option = used.option.filter(|_| used.through.is_none());
        if let Some((option, kind)) =
            option.and_then(|option| Some((option, of_option(option.text())?)))
        {
            let why = format!("use {name}, :{option}, by the convention of Phoenix projects");
            found.push(Judged::new(kind, 0.8, why, vec![used.node]));
        }
        let case = name.ends_with("Case") && survey.is_script();
        if case && survey.modules.find(used.module).is_none() {
            let why = format!("use {name} in a script");
            found.push(Judged::new(
                ModuleType::ExUnitCase,
                0.8,
                why,
                vec![used.node],
            ));
        }
    }
}

fn by_behaviour(survey: &Survey<'_>, found: &mut Vec<Candidate>) {
    for one in survey.implements() {
        if let Some(kind) = of_behaviour(one.module.text()) {
            let name = module_text(one.module);
            let why = match one.by {
                "use" => format!("use brings @behaviour {name}"),
                _ => format!("@behaviour {name}"),
            };
            found.push(Judged::new(kind, 0.98, why, vec![one.node]));
        }
    }
}

/// What looks like something without saying so: `use` of a module that is not at hand, most often.
fn by_shape(survey: &Survey<'_>, found: &mut Vec<Candidate>) {
    let ast = survey.ast;
    let body = |names: &[&str], arity: std::ops::RangeInclusive<u32>| -> Vec<NodeIx> {
        let unresolved = survey.body_calls().filter(|one| {
            !matches!(one.callee.module, ModuleRef::Known(_))
                && names.contains(&one.callee.name.text())
                && arity.contains(&one.callee.arity)
        });
        unresolved.map(|one| one.node).collect()
    };
    let schema: Vec<NodeIx> = body(&["schema", "embedded_schema"], 1..=2)
        .into_iter()
        .filter(|&node| {
            let args = arguments(ast, node);
            is_call(ast, node, "embedded_schema")
                || args.first().is_some_and(|&one| ast.binary(one).is_some())
        })
        .collect();
    let any_use = survey.brought.used.first();
    if !schema.is_empty() && any_use.is_some() {
        let why = "a schema block, by a `use` that is not at hand";
        found.push(Judged::new(ModuleType::EctoSchema, 0.8, why, schema));
    }
    let tests = body(&["test", "describe", "property"], 2..=3);
    if survey.is_script() && !tests.is_empty() {
        let why = "test blocks in a script";
        found.push(Judged::new(ModuleType::ExUnitCase, 0.85, why, tests));
    }
    let tables = survey.calls().iter().filter(|one| {
        !matches!(one.callee.module, ModuleRef::Known(_))
            && matches!(
                one.callee.name.text(),
                "create" | "alter" | "drop" | "execute"
            )
    });
    let tables: Vec<NodeIx> = tables.map(|one| one.node).collect();
    let changes = survey.function("change", 0).or(survey.function("up", 0));
    if !tables.is_empty() && changes.is_some() && survey.is_script() {
        let why = "change/0 or up/0 that creates or alters in a script";
        found.push(Judged::new(ModuleType::EctoMigration, 0.8, why, tables));
    }
    let plug = (survey.function("init", 1), survey.function("call", 2));
    if let ((Some(init), Some(call)), false) = (plug, survey.definition().defines_struct) {
        let head = crate::source::head::head_call(ast, survey.node_of(call));
        let first = head.and_then(|head| ast.child(head, 0));
        let conn = first.is_some_and(|first| {
            let text = survey.text(first);
            text == "conn" || text.contains("Plug.Conn{") || text.ends_with("= conn")
        });
        if conn {
            let nodes = vec![survey.node_of(init), survey.node_of(call)];
            let why = "init/1, and call/2 of a connection";
            found.push(Judged::new(ModuleType::Plug, 0.7, why, nodes));
        }
    }
    let started = survey.calls_to("Elixir.GenServer", &["start_link", "start"]);
    let handles = [("handle_call", 3), ("handle_cast", 2), ("handle_info", 2)];
    let handles = handles.iter().filter_map(|(n, a)| survey.function(n, *a));
    let handles: Vec<NodeIx> = handles.map(|one| survey.node_of(one)).collect();
    if !started.is_empty() && !handles.is_empty() && survey.function("init", 1).is_some() {
        let why = "it starts a GenServer and handles its messages";
        found.push(Judged::new(ModuleType::Genserver, 0.7, why, handles));
    }
}

fn by_data(survey: &Survey<'_>) -> Judged<ModuleType> {
    let facts = survey.facts();
    let callbacks = facts.specs.iter().filter(|one| one.kind != SpecKind::Spec);
    let callbacks: Vec<NodeIx> = callbacks.map(|one| one.node).collect();
    if !callbacks.is_empty() {
        return Judged::new(
            ModuleType::Behaviour,
            1.0,
            "it declares callbacks",
            callbacks,
        );
    }
    if survey.definition().defines_struct {
        let node = facts.structure.unwrap_or(survey.node());
        return Judged::new(ModuleType::Struct, 1.0, "defstruct", vec![node]);
    }
    if survey.brought.defines_struct {
        let nodes = survey.brought.used.first().map(|one| one.node);
        let nodes = nodes.into_iter().collect();
        return Judged::new(ModuleType::Struct, 0.9, "use brings a struct", nodes);
    }
    let why = "nothing makes it more";
    Judged::new(ModuleType::Plain, 0.9, why, vec![survey.node()])
}
