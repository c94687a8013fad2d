//! Patterns of architecture and design that a module follows.

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::calls::{CallSite, Form, ModuleRef};
use crate::source::{FunctionKind, ModuleType, module_text};

use super::context::context;
use super::judged::Judged;
use super::survey::{Survey, callee, is_call, last_segment, option};

/// The name of a pattern.
pub type Pattern = &'static str;

type Found = Judged<Pattern>;

/// The patterns of a module, the surest first.
pub fn patterns(survey: &Survey<'_>, kind: &Judged<ModuleType>) -> Vec<Judged<Pattern>> {
    let mut found: Vec<Found> = Vec::new();
    found.extend(by_type(kind));
    found.extend(facade(survey));
    found.extend(adapter(survey));
    found.extend(plug_pipeline(survey));
    found.extend(named_process(survey));
    found.extend(pub_sub(survey));
    found.extend(cache(survey));
    found.extend(data_access(survey, kind));
    found.extend(dsl(survey));
    found.extend(builder(survey));
    found.extend(crud(survey));
    found.extend(configured(survey));
    found.extend(by_calls(survey));
    if let Some(context) = context(survey, kind) {
        found.push(Judged::new(
            "context",
            context.confidence,
            context.why,
            context.nodes,
        ));
    }
    found.sort_by(|a, b| {
        b.confidence
            .total_cmp(&a.confidence)
            .then(a.value.cmp(b.value))
    });
    found.dedup_by_key(|one| one.value);
    found
}

fn by_type(kind: &Judged<ModuleType>) -> Option<Found> {
    let (name, why) = match kind.value {
        ModuleType::GenStatem => ("state_machine", "a gen_statem"),
        ModuleType::GenStage => ("producer_consumer", "a stage"),
        ModuleType::Supervisor | ModuleType::Application => ("supervision", "it supervises"),
        ModuleType::Behaviour => ("contract", "it declares callbacks for others"),
        ModuleType::Protocol => ("polymorphism", "a protocol"),
        ModuleType::Plug => ("middleware", "a plug"),
        ModuleType::Genserver | ModuleType::Agent => ("stateful_process", "a process keeps state"),
        _ => return None,
    };
    Some(Judged::new(name, kind.confidence, why, kind.nodes.clone()))
}

fn some(name: Pattern, confidence: f64, why: &str, nodes: Vec<NodeIx>) -> Option<Found> {
    (!nodes.is_empty()).then(|| Judged::new(name, confidence, why, nodes))
}

/// Most public functions hand over to other modules.
fn facade(survey: &Survey<'_>) -> Option<Found> {
    let mut public = 0usize;
    let mut nodes = Vec::new();
    for function in survey.functions() {
        if !function.kind.is_public() || function.kind.is_macro() {
            continue;
        }
        public += 1;
        let node = survey.node_of(function);
        let delegates = function.kind == FunctionKind::Defdelegate
            || (function.clauses.len() == 1 && body_is_remote_call(survey, node));
        if delegates {
            nodes.push(node);
        }
    }
    let share = nodes.len() as f64 / public.max(1) as f64;
    if nodes.len() < 3 || share < 0.6 {
        return None;
    }
    some(
        "facade",
        0.5 + share / 2.0,
        "most of its functions hand over to others",
        nodes,
    )
}

fn body(survey: &Survey<'_>, definition: NodeIx) -> Option<NodeIx> {
    option(survey.ast, survey.ast.children(definition).last()?, "do")
}

fn body_is_remote_call(survey: &Survey<'_>, definition: NodeIx) -> bool {
    let Some(body) = body(survey, definition) else {
        return false;
    };
    let own = survey.definition().name;
    survey
        .unit
        .callee(body)
        .is_some_and(|site| callee(&site).is_some_and(|module| module != own && named(module)))
}

/// An Elixir module other than `Kernel`.
fn named(module: Atom) -> bool {
    module.text().starts_with("Elixir.") && module.text() != "Elixir.Kernel"
}

fn adapter(survey: &Survey<'_>) -> Option<Found> {
    let implements = survey.implements();
    let own = implements
        .iter()
        .find(|one| one.by == "attribute" && survey.modules.find(one.module).is_some())?;
    let why = format!(
        "it implements {} of its own project",
        module_text(own.module)
    );
    Some(Judged::new("adapter", 0.85, why, vec![own.node]))
}

fn plug_pipeline(survey: &Survey<'_>) -> Option<Found> {
    let plugs = survey.body_calls().filter(|one| {
        matches!(one.callee.name.text(), "plug" | "pipeline" | "pipe_through")
            && !matches!(one.callee.module, ModuleRef::Known(_))
    });
    let nodes: Vec<NodeIx> = plugs.map(|one| one.node).collect();
    (nodes.len() >= 2)
        .then(|| some("plug_pipeline", 0.9, "it puts plugs in a row", nodes))
        .flatten()
}

/// A process that there is one of, by its module's name; or one for each thing, by a registry.
fn named_process(survey: &Survey<'_>) -> Option<Found> {
    let ast = survey.ast;
    let own = survey.definition().name;
    let starts = survey.calls().iter().filter(|one| {
        matches!(
            one.callee.name.text(),
            "start_link" | "start" | "start_monitor"
        )
    });
    for call in starts {
        for ix in (call.node.0..ast.end(call.node)).map(NodeIx) {
            if ast
                .atom_of(ix, Kind::Pair)
                .is_none_or(|key| key.text() != "name")
            {
                continue;
            }
            let Some(value) = ast.child(ix, 0) else {
                continue;
            };
            if survey.unit.module_named(value) == Some(own) {
                let why = "started under its module's name: one in a node";
                return some("singleton_process", 0.9, why, vec![ix]);
            }
            if survey.text(value).contains(":via") {
                let why = "started under a name in a registry";
                return some("registered_process", 0.85, why, vec![ix]);
            }
        }
    }
    None
}

fn pub_sub(survey: &Survey<'_>) -> Option<Found> {
    let speaks = |one: &&CallSite<'_>| {
        let name = one.callee.name.text();
        let module = callee(one).map_or("", Atom::text);
        let broadcasts = name.starts_with("broadcast") || name.starts_with("local_broadcast");
        let endpoint = module.ends_with(".Endpoint") || module.ends_with(".PubSub");
        (endpoint && (broadcasts || name == "subscribe" || name == "unsubscribe"))
            || (module == "Elixir.Registry" && name == "dispatch")
            || (module == "pg" && matches!(name, "join" | "get_members"))
    };
    let nodes = survey.calls().iter().filter(speaks);
    let nodes: Vec<NodeIx> = nodes.map(|one| one.node).collect();
    some("pub_sub", 0.9, "it publishes or subscribes", nodes)
}

fn cache(survey: &Survey<'_>) -> Option<Found> {
    let reads = survey.calls_to("ets", &["lookup", "lookup_element", "member", "select"]);
    let writes = survey.calls_to("ets", &["insert", "insert_new", "update_counter"]);
    let terms = survey.calls_to("persistent_term", &["put"]);
    let is_cache = survey.last_segment().contains("Cache");
    let ready = survey.calls_to("Elixir.Cachex", &[]);
    if !ready.is_empty() {
        return some("cache", 0.9, "it keeps things in Cachex", ready);
    }
    let both = !reads.is_empty() && !writes.is_empty();
    let nodes = [reads, writes, terms].concat();
    match (is_cache, both) {
        (true, true) => some(
            "cache",
            0.9,
            "named a cache, it reads and writes a table",
            nodes,
        ),
        (true, false) => some("cache", 0.7, "named a cache", vec![survey.node()]),
        (false, true) => some(
            "shared_table",
            0.7,
            "it reads and writes a table in memory",
            nodes,
        ),
        (false, false) => None,
    }
}

fn data_access(survey: &Survey<'_>, kind: &Judged<ModuleType>) -> Vec<Found> {
    let mut found = Vec::new();
    if kind.value == ModuleType::EctoMigration {
        return found;
    }
    let repo =
        |one: &&CallSite<'_>| callee(one).is_some_and(|module| last_segment(module) == "Repo");
    let calls: Vec<&CallSite<'_>> = survey.calls().iter().filter(repo).collect();
    let nodes: Vec<NodeIx> = calls.iter().map(|one| one.node).collect();
    if nodes.len() >= 2 {
        found.extend(some(
            "data_access",
            0.85,
            "it reads or writes through a repo",
            nodes,
        ));
    }
    let transactions = calls
        .iter()
        .filter(|one| one.callee.name.text() == "transaction");
    let mut work: Vec<NodeIx> = transactions.map(|one| one.node).collect();
    work.extend(survey.calls_to("Elixir.Ecto.Multi", &[]));
    found.extend(some(
        "unit_of_work",
        0.85,
        "changes that are made together",
        work,
    ));
    let queries = survey.calls().iter().filter(|one| {
        one.callee.name.text() == "from" && one.callee.arity <= 2 && one.clause.is_some()
    });
    let queries: Vec<NodeIx> = queries.map(|one| one.node).collect();
    let imports = survey.brought.imports("Elixir.Ecto.Query")
        || survey
            .facts()
            .directives
            .iter()
            .any(|one| one.module.text() == "Elixir.Ecto.Query");
    if imports {
        found.extend(some("query", 0.85, "it composes queries of Ecto", queries));
    }
    found
}

fn dsl(survey: &Survey<'_>) -> Option<Found> {
    let using = survey
        .functions()
        .iter()
        .find(|one| one.name.text() == "__using__");
    let macros = survey.functions().iter().filter(|one| {
        matches!(one.kind, FunctionKind::Defmacro) && !one.name.text().starts_with("__")
    });
    let mut nodes: Vec<NodeIx> = macros.map(|one| survey.node_of(one)).collect();
    let count = nodes.len();
    match (using, count) {
        (Some(using), _) => {
            nodes.insert(0, survey.node_of(using));
            let confidence = if count > 0 { 0.9 } else { 0.7 };
            some("macro_dsl", confidence, "it is made to be used", nodes)
        }
        (None, 3..) => some("macro_dsl", 0.75, "it offers macros", nodes),
        _ => None,
    }
}

/// Functions that take the module's own struct and give a changed one.
fn builder(survey: &Survey<'_>) -> Option<Found> {
    let ast = survey.ast;
    if !survey.definition().defines_struct {
        return None;
    }
    let mut nodes = Vec::new();
    for function in survey.functions().iter().filter(|one| one.kind.is_public()) {
        let node = survey.node_of(function);
        let Some(body) = body(survey, node) else {
            continue;
        };
        let last = match is_call(ast, body, "__block__") {
            true => ast.children(body).last().unwrap_or(body),
            false => body,
        };
        let map = match is_call(ast, last, "%") {
            true => ast.child(last, 1),
            false => Some(last).filter(|&one| is_call(ast, one, "%{}")),
        };
        let updates = map
            .and_then(|map| ast.child(map, 0))
            .is_some_and(|one| is_call(ast, one, "|"));
        if updates && function.arity > 0 {
            nodes.push(node);
        }
    }
    (nodes.len() >= 2)
        .then(|| {
            some(
                "builder",
                0.75,
                "functions give a changed struct of its own",
                nodes,
            )
        })
        .flatten()
}

fn crud(survey: &Survey<'_>) -> Option<Found> {
    const VERBS: [&str; 6] = ["list_", "get_", "create_", "update_", "delete_", "change_"];
    let functions = survey.functions().iter().filter(|one| {
        one.kind.is_public() && VERBS.iter().any(|verb| one.name.text().starts_with(verb))
    });
    let functions: Vec<_> = functions.collect();
    let verbs = VERBS.iter().filter(|verb| {
        functions
            .iter()
            .any(|one| one.name.text().starts_with(*verb))
    });
    let verbs = verbs.count();
    let nodes = functions.iter().map(|one| survey.node_of(one)).collect();
    (verbs >= 3)
        .then(|| {
            some(
                "crud",
                0.5 + 0.08 * verbs as f64,
                "it lists, gets, creates, updates, deletes",
                nodes,
            )
        })
        .flatten()
}

/// Which module does it is read from the configuration.
fn configured(survey: &Survey<'_>) -> Option<Found> {
    const READS: [&str; 6] = [
        "get_env",
        "fetch_env",
        "fetch_env!",
        "compile_env",
        "compile_env!",
        "get_all_env",
    ];
    let reads = survey.calls_to("Elixir.Application", &READS);
    let dynamic = survey.calls().iter().filter(|one| {
        matches!(one.callee.module, ModuleRef::Dynamic)
            && !matches!(one.form, Form::Field | Form::Anonymous)
    });
    let dynamic: Vec<NodeIx> = dynamic.map(|one| one.node).collect();
    if reads.is_empty() || dynamic.is_empty() {
        return None;
    }
    let why = "it reads a module from the configuration and calls it";
    some(
        "configured_implementation",
        0.6,
        why,
        [reads, dynamic].concat(),
    )
}

fn by_calls(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    let telemetry = survey.calls_to("telemetry", &["execute", "span"]);
    found.extend(some(
        "instrumented",
        0.9,
        "it reports through telemetry",
        telemetry,
    ));
    let handlers = survey.calls_to("telemetry", &["attach", "attach_many"]);
    found.extend(some("observer", 0.85, "it listens to telemetry", handlers));
    let tasks = survey.calls_to(
        "Elixir.Task",
        &["async", "async_stream", "await_many", "yield_many"],
    );
    let supervised = survey.calls_to("Elixir.Task.Supervisor", &[]);
    let tasks = [tasks, supervised].concat();
    found.extend(some(
        "concurrent_tasks",
        0.85,
        "it runs tasks side by side",
        tasks,
    ));
    let jobs = ["Elixir.Oban.Worker", "Elixir.Oban.Pro.Worker"];
    let job = survey
        .brought
        .used
        .iter()
        .find(|one| jobs.contains(&one.module.text()));
    found.extend(
        job.and_then(|one| some("background_job", 1.0, "a worker of Oban", vec![one.node])),
    );
    let broadway = survey.brought.uses("Elixir.Broadway");
    found.extend(broadway.and_then(|one| {
        some(
            "producer_consumer",
            1.0,
            "a pipeline of Broadway",
            vec![one.node],
        )
    }));
    let access = survey.implements();
    let access = access
        .iter()
        .find(|one| one.module.text() == "Elixir.Access");
    found.extend(
        access.and_then(|one| some("container", 0.8, "it implements Access", vec![one.node])),
    );
    found
}
