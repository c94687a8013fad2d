//! What a module is for, by what it uses and declares, as written. `semantics` knows more: it follows `use`.

use crate::atoms::Atom;

use super::define::ModuleKind;

macro_rules! module_types {
    ($($variant:ident = $text:literal),* $(,)?) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub enum ModuleType {
            #[default]
            $($variant),*
        }

        impl ModuleType {
            /// The name as queries know it.
            pub fn text(self) -> &'static str {
                match self { $(ModuleType::$variant => $text),* }
            }
        }
    };
}

module_types! {
    Plain = "plain",
    Genserver = "genserver",
    GenStatem = "gen_statem",
    GenEvent = "gen_event",
    Supervisor = "supervisor",
    Application = "application",
    Agent = "agent",
    Task = "task",
    Protocol = "protocol",
    ProtocolImpl = "protocol_impl",
    Exception = "exception",
    Struct = "struct",
    MixTask = "mix_task",
    MixProject = "mix_project",
    ExUnitCase = "ex_unit_case",
    Plug = "plug",
    EctoSchema = "ecto_schema",
    EctoRepo = "ecto_repo",
    EctoMigration = "ecto_migration",
    GenStage = "gen_stage",
    Behaviour = "behaviour",
    PhoenixController = "phoenix_controller",
    PhoenixLiveView = "phoenix_live_view",
    PhoenixChannel = "phoenix_channel",
    PhoenixRouter = "phoenix_router",
}

/// What `use module` or `@behaviour module` says.
pub(crate) fn of_behaviour(module: &str) -> Option<ModuleType> {
    Some(match module {
        "Elixir.GenServer" | "gen_server" => ModuleType::Genserver,
        "gen_statem" | "Elixir.GenStateMachine" => ModuleType::GenStatem,
        "gen_event" | "Elixir.GenEvent" => ModuleType::GenEvent,
        "Elixir.Supervisor"
        | "Elixir.DynamicSupervisor"
        | "Elixir.ConsumerSupervisor"
        | "supervisor" => ModuleType::Supervisor,
        "Elixir.Application" | "application" => ModuleType::Application,
        "Elixir.Agent" => ModuleType::Agent,
        "Elixir.Task" => ModuleType::Task,
        "Elixir.Mix.Task" => ModuleType::MixTask,
        "Elixir.Mix.Project" => ModuleType::MixProject,
        "Elixir.ExUnit.Case" | "Elixir.ExUnit.CaseTemplate" => ModuleType::ExUnitCase,
        "Elixir.Plug"
        | "Elixir.Plug.Builder"
        | "Elixir.Plug.Router"
        | "Elixir.Phoenix.Endpoint" => ModuleType::Plug,
        "Elixir.Ecto.Schema" => ModuleType::EctoSchema,
        "Elixir.Ecto.Repo" => ModuleType::EctoRepo,
        "Elixir.Ecto.Migration" => ModuleType::EctoMigration,
        "Elixir.GenStage" => ModuleType::GenStage,
        "Elixir.Phoenix.Controller" => ModuleType::PhoenixController,
        "Elixir.Phoenix.LiveView" | "Elixir.Phoenix.LiveComponent" => ModuleType::PhoenixLiveView,
        "Elixir.Phoenix.Channel" => ModuleType::PhoenixChannel,
        "Elixir.Phoenix.Router" => ModuleType::PhoenixRouter,
        _ => return None,
    })
}

/// What `use MyAppWeb, :controller` says: the convention of Phoenix projects.
pub(crate) fn of_option(option: &str) -> Option<ModuleType> {
    Some(match option {
        "controller" => ModuleType::PhoenixController,
        "live_view" | "live_component" => ModuleType::PhoenixLiveView,
        "channel" => ModuleType::PhoenixChannel,
        "router" => ModuleType::PhoenixRouter,
        _ => return None,
    })
}

/// What decides about a module's type.
pub(super) struct Evidence<'a> {
    pub(super) kind: ModuleKind,
    pub(super) uses: &'a [(Atom, Option<Atom>)],
    pub(super) behaviours: &'a [Atom],
    pub(super) defines_struct: bool,
    pub(super) defines_exception: bool,
}

pub(super) fn module_type(evidence: &Evidence<'_>) -> ModuleType {
    match evidence.kind {
        ModuleKind::Protocol => return ModuleType::Protocol,
        ModuleKind::Impl => return ModuleType::ProtocolImpl,
        ModuleKind::Module => {}
    }
    let by_use = evidence.uses.iter().find_map(|(module, option)| {
        of_behaviour(module.text()).or_else(|| option.and_then(|option| of_option(option.text())))
    });
    let by_behaviour = || {
        evidence
            .behaviours
            .iter()
            .find_map(|one| of_behaviour(one.text()))
    };
    let by_data = match (evidence.defines_exception, evidence.defines_struct) {
        (true, _) => ModuleType::Exception,
        (_, true) => ModuleType::Struct,
        _ => ModuleType::Plain,
    };
    by_use.or_else(by_behaviour).unwrap_or(by_data)
}
