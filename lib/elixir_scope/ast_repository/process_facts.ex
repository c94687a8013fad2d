defmodule ElixirScope.ASTRepository.ProcessFacts do
  @moduledoc """
  What a module is as a process, read from its source.

    * `:behaviours` - `:genserver`, `:supervisor`, `:dynamic_supervisor`, `:consumer_supervisor`, `:gen_statem`, `:gen_stage`,
      `:gen_event`, `:agent`, `:task`, `:application`, `:broadway`, `:phoenix_live_view`, `:phoenix_channel`, ...: what it uses or declares
    * `:inferred` - it has callbacks of a process and declares no behaviour that is known (a macro does)
    * `:callbacks` - `[%{name:, arity:, clauses:, ast_node_id:}]`
    * `:handles` - `%{call:, cast:, info:, continue:, event:}`, each a list of `ElixirScope.ASTRepository.MessageReceive`
    * `:clients` - functions of the module that send to its own processes: maps with the place, `:function`, `:kind`, `:message`
    * `:timeouts` - returns with a time-out: maps with the place and `:timeout_ms` (`nil` when it is computed)
    * `:hibernates` - returns with `:hibernate`: maps with the place
    * `:traps_exits`, `:monitors` - whether it does
    * `:registered_names` - names that processes of this module are registered under; text where a part is computed
    * `:strategy` - of a supervisor
  """

  alias ElixirScope.ASTRepository.MessageReceive

  defstruct [
    :module,
    :strategy,
    behaviours: [],
    inferred: false,
    callbacks: [],
    handles: %{call: [], cast: [], info: [], continue: [], event: []},
    clients: [],
    timeouts: [],
    hibernates: [],
    traps_exits: false,
    monitors: false,
    registered_names: []
  ]

  @type t :: %__MODULE__{
          module: module(),
          behaviours: [atom()],
          inferred: boolean(),
          callbacks: [map()],
          handles: %{atom() => [MessageReceive.t()]},
          clients: [map()],
          timeouts: [map()],
          hibernates: [map()],
          traps_exits: boolean(),
          monitors: boolean(),
          registered_names: [term()],
          strategy: atom() | nil
        }
end
