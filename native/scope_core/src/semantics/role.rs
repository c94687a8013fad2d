//! The role of a module in the architecture of its application.

use crate::atoms::Atom;
use crate::source::ModuleType;

use super::context::context;
use super::judged::Judged;
use super::survey::Survey;

/// Behaviours and modules to use that say what a module is for.
const BY_FRAMEWORK: &[(&str, &str)] = &[
    ("Elixir.Oban.Worker", "worker"),
    ("Elixir.Oban.Pro.Worker", "worker"),
    ("Elixir.Broadway", "worker"),
    ("Elixir.Phoenix.Component", "component"),
    ("Elixir.Phoenix.LiveComponent", "component"),
    ("Elixir.Phoenix.View", "view"),
    ("Elixir.Phoenix.HTML", "view"),
    ("Elixir.Phoenix.Socket", "channel"),
    ("Elixir.Phoenix.Presence", "service"),
    ("Elixir.Absinthe.Schema", "api"),
    ("Elixir.Absinthe.Schema.Notation", "api"),
    ("Elixir.Absinthe.Type", "api"),
    ("Elixir.Absinthe.Middleware", "middleware"),
    ("Elixir.Absinthe.Phase", "transformation"),
    ("Elixir.Tesla", "client"),
    ("Elixir.Tesla.Middleware", "middleware"),
    ("Elixir.Swoosh.Mailer", "mailer"),
    ("Elixir.Bamboo.Mailer", "mailer"),
    ("Elixir.Bodyguard.Policy", "policy"),
    ("Elixir.Ecto.Type", "data_type"),
    ("Elixir.Ecto.ParameterizedType", "data_type"),
    ("Elixir.Gettext", "translation"),
    ("Elixir.Gettext.Backend", "translation"),
    ("Elixir.Credo.Check", "check"),
    ("Elixir.Logger.Translator", "logging"),
];

fn by_type(kind: ModuleType) -> Option<&'static str> {
    Some(match kind {
        ModuleType::PhoenixController => "controller",
        ModuleType::PhoenixLiveView => "view",
        ModuleType::PhoenixChannel => "channel",
        ModuleType::PhoenixRouter => "router",
        ModuleType::Plug => "middleware",
        ModuleType::EctoSchema => "schema",
        ModuleType::EctoRepo => "repository",
        ModuleType::EctoMigration => "migration",
        ModuleType::Genserver
        | ModuleType::GenStatem
        | ModuleType::GenStage
        | ModuleType::GenEvent
        | ModuleType::Agent => "service",
        ModuleType::Task => "worker",
        ModuleType::Supervisor => "supervisor",
        ModuleType::Application => "application",
        ModuleType::Protocol | ModuleType::Behaviour => "interface",
        ModuleType::ProtocolImpl => "adapter",
        ModuleType::Exception => "error",
        ModuleType::MixTask => "task",
        ModuleType::MixProject => "configuration",
        ModuleType::ExUnitCase => "test",
        ModuleType::Struct | ModuleType::Plain => return None,
    })
}

/// Endings of names that projects agree on.
const BY_NAME: &[(&str, &str)] = &[
    ("View", "view"),
    ("HTML", "view"),
    ("JSON", "view"),
    ("Components", "component"),
    ("Component", "component"),
    ("Layouts", "view"),
    ("Worker", "worker"),
    ("Job", "worker"),
    ("Client", "client"),
    ("Mailer", "mailer"),
    ("Notifier", "mailer"),
    ("Email", "mailer"),
    ("Emails", "mailer"),
    ("Policy", "policy"),
    ("Permissions", "policy"),
    ("Authorization", "policy"),
    ("Query", "query"),
    ("Queries", "query"),
    ("Parser", "transformation"),
    ("Encoder", "transformation"),
    ("Decoder", "transformation"),
    ("Serializer", "transformation"),
    ("Formatter", "transformation"),
    ("Compiler", "transformation"),
    ("Config", "configuration"),
    ("Helpers", "helper"),
    ("Helper", "helper"),
    ("Utils", "helper"),
    ("Util", "helper"),
    ("Factory", "test"),
    ("Fixtures", "test"),
    ("Telemetry", "monitoring"),
    ("Metrics", "monitoring"),
    ("Resolver", "api"),
    ("Resolvers", "api"),
    ("Adapter", "adapter"),
    ("Registry", "registry"),
    ("Migrator", "migration"),
];

/// The role of a module of this type.
pub fn role(survey: &Survey<'_>, kind: &Judged<ModuleType>) -> Judged<Atom> {
    let word = |text: &str| crate::atoms::intern(text);
    let by_framework = || {
        let used = survey.brought.used.iter().map(|one| (one.module, one.node));
        let implements = survey.implements();
        let implemented = implements.iter().map(|one| (one.module, one.node));
        let mut all = used.chain(implemented);
        all.find_map(|(module, node)| {
            let (name, role) = BY_FRAMEWORK
                .iter()
                .find(|(name, _)| *name == module.text())?;
            let why = format!("it is made for {}", name.trim_start_matches("Elixir."));
            Some(Judged::new(word(role), 0.95, why, vec![node]))
        })
    };
    let plain_data = matches!(kind.value, ModuleType::Struct | ModuleType::Plain);
    if kind.value == ModuleType::PhoenixLiveView {
        let component = survey.brought.uses("Elixir.Phoenix.LiveComponent");
        let role = component.map_or("view", |_| "component");
        let why = "the role of a live view or live component";
        return Judged::new(word(role), kind.confidence, why, kind.nodes.clone());
    }
    let name = survey.last_segment();
    let views = ["HTML", "JSON", "View", "Layouts"];
    if plain_data && !survey.brought.used.is_empty() && views.iter().any(|end| name.ends_with(end))
    {
        let why = "it is made to render, and its name says so";
        return Judged::new(word("view"), 0.9, why, vec![survey.node()]);
    }
    // A framework says more than that data is involved.
    if let Some(found) = plain_data.then(by_framework).flatten() {
        return found;
    }
    if survey.brought.uses("Elixir.Phoenix.Endpoint").is_some() {
        return Judged::new(
            word("endpoint"),
            1.0,
            "use Phoenix.Endpoint",
            kind.nodes.clone(),
        );
    }
    if let Some(role) = by_type(kind.value) {
        let why = format!("it comes with the type {}", kind.value.text());
        return Judged::new(word(role), kind.confidence, why, kind.nodes.clone());
    }
    let node = survey.node();
    let by_name = |role: &str| {
        let (ending, role) = BY_NAME
            .iter()
            .find(|one| name.ends_with(one.0) && (role.is_empty() || role == one.1))?;
        let why = format!("its name ends with {ending}");
        Some(Judged::new(word(role), 0.7, why, vec![node]))
    };
    if let Some(found) = (kind.value == ModuleType::Plain)
        .then(|| by_name("policy"))
        .flatten()
    {
        return found;
    }
    if let Some(found) = context(survey, kind) {
        return Judged::new(word("context"), found.confidence, found.why, found.nodes);
    }
    if let Some(own) = own_behaviour(survey) {
        return own;
    }
    if let Some(found) = (kind.value == ModuleType::Plain)
        .then(|| by_name(""))
        .flatten()
    {
        return found;
    }
    if kind.value == ModuleType::Struct {
        return Judged::new(word("entity"), 0.8, "it is data", kind.nodes.clone());
    }
    if in_tests(survey) {
        return Judged::new(word("test"), 0.7, "it stands among the tests", vec![node]);
    }
    let macros = survey.functions().iter();
    let macros = macros.filter(|one| one.kind.is_macro() && one.kind.is_public());
    if macros.count() * 2 > survey.functions().len() && !survey.functions().is_empty() {
        let why = "most of what it offers are macros";
        return Judged::new(word("macros"), 0.7, why, vec![node]);
    }
    if survey.functions().is_empty() {
        let why = "it has no functions of its own";
        return Judged::new(word("namespace"), 0.6, why, vec![node]);
    }
    let why = "functions, and nothing that says more";
    Judged::new(word("library"), 0.5, why, vec![node])
}

fn in_tests(survey: &Survey<'_>) -> bool {
    let file = survey.unit.file();
    file.starts_with("test/") || file.contains("/test/")
}

/// It implements a behaviour that its own project declares.
fn own_behaviour(survey: &Survey<'_>) -> Option<Judged<Atom>> {
    let implements = survey.implements();
    // What is brought by `use` is the framework's, not what a struct is made for.
    let struct_of_its_own = survey.definition().defines_struct;
    let own = implements.iter().find(|one| {
        let says_so = one.by == "attribute" || (one.by == "use" && !struct_of_its_own);
        says_so && survey.modules.find(one.module).is_some()
    })?;
    let why = format!(
        "it implements {}, a behaviour of its own project",
        crate::source::module_text(own.module)
    );
    Some(Judged::new(
        crate::atoms::intern("adapter"),
        0.8,
        why,
        vec![own.node],
    ))
}
