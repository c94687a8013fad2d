defmodule ElixirScope.ASTRepository.SupervisionTree.Node do
  @moduledoc """
  A process of a supervision tree, or a kind of process of which there may be many.

    * `:id` - as in the child specification, when the source tells it whole; `:id_text` shows what it tells
    * `:kind` - `:genserver`, `:gen_statem`, `:gen_stage`, `:agent`, `:task`, `:supervisor`, `:dynamic_supervisor`, `:consumer_supervisor`,
      `:partition_supervisor`, `:task_supervisor`, `:registry`, `:process`, or `:unknown` (a library starts it)
    * `:module` - with the callbacks; of Elixir's own kinds the module of the specification
    * `:name`, `:name_text` - what it is registered as
    * `:type` - `:supervisor` or `:worker`
    * `:start` - `{module, function, arity}`; `:restart`, `:shutdown` as specified or the default; `nil` when computed
    * `:strategy`, `:max_restarts`, `:max_seconds` - of a supervisor
    * `:presence` - `:always`; `:conditional` (a condition decides); `:dynamic` (any number, from a list that is computed);
      `:on_request` (`start_child`, or a partition)
    * `:basis` - `:written`; `:assumed`: the `child_spec/1` of the module is not in sight, so it is taken as `use GenServer` makes
      it; `:unknown`: the specification is computed
    * `:ast_node_id`, `:file`, `:line`, `:column` - the element of the list of children; of a root the call that starts it
    * `:children` - in the order in which they are started

  Set when the tree is joined to what runs:

    * `:pids` - the processes that are this child
    * `:status` - `:running`, `:restarting`, `:ignored` (its start gave `:ignore`), `:absent`, or `:unknown` (its supervisor did not
      answer in time)
    * `:unexpected` - of a supervisor: running children that are not in the source, `[%{id:, pid:, type:, modules:}]`
  """

  defstruct [
    :id,
    :id_text,
    :kind,
    :module,
    :name,
    :name_text,
    :type,
    :start,
    :restart,
    :shutdown,
    :strategy,
    :max_restarts,
    :max_seconds,
    :presence,
    :basis,
    :ast_node_id,
    :file,
    :line,
    :column,
    :status,
    children: [],
    pids: [],
    unexpected: []
  ]

  @type t :: %__MODULE__{
          id: term(),
          id_text: String.t() | nil,
          kind: atom(),
          module: module() | nil,
          name: term(),
          name_text: String.t() | nil,
          type: :supervisor | :worker,
          start: {module(), atom(), arity()} | nil,
          restart: atom() | nil,
          shutdown: timeout() | :brutal_kill | nil,
          strategy: atom() | nil,
          max_restarts: non_neg_integer() | nil,
          max_seconds: non_neg_integer() | nil,
          presence: :always | :conditional | :dynamic | :on_request,
          basis: :written | :assumed | :unknown,
          ast_node_id: String.t() | nil,
          file: String.t() | nil,
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          children: [t()],
          pids: [pid()],
          status: :running | :restarting | :ignored | :absent | :unknown | nil,
          unexpected: [map()]
        }
end
