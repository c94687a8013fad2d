defmodule ElixirScope.ASTRepository.MessageSend do
  @moduledoc """
  A place that sends a message, with the clauses that may take it.

    * `:ast_node_id`, `:file`, `:line`, `:column`, `:function` - where: the call, and the function around it
    * `:kind` - `:call`, `:cast`, `:info`, `:continue`, `:event` (of a state machine), `:reply`, `:agent` (a function that runs
      in an `Agent`)
    * `:by` - what sends: `"GenServer.call"`, `"Process.send_after"`, `"continue"` (a callback's return), ...
    * `:message` - the message as far as the source tells it, with `_` and types for the rest: `"{:add, _, number()}"`
    * `:servers` - modules whose processes get it
    * `:resolution` - how they were found: `:module`, `:name` (a registered name), `:started` (the process was started
      there), `:self`, `:client_function` (a function of the server's own module, with a pid that is not known), `:topic`,
      or `:message` (the message fits, and nothing else is known)
    * `:unresolved` - why no server was found: `:dynamic_target`, `:unknown_name`, `:external_module`, `:calling_process` (the
      process that runs this function), `:caller` (whoever waits for a reply), `:no_subscriber`
    * `:handled_by` - clauses, in their order: maps with the place, `:function`, `:message` (the pattern) and `:certainty`:
      `:certain` when the message, arriving, is always taken by this clause, else `:possible`
    * `:unhandled` - the server is known, and none of its clauses takes this
    * `:through` - set when a function of the same module that is called here sends: the place in there
    * `:by_runtime` - the VM sends it because of what is written here: a monitor, a trapped exit, a time-out, a task's result
  """

  defstruct [
    :ast_node_id,
    :file,
    :line,
    :column,
    :function,
    :kind,
    :by,
    :message,
    :resolution,
    :unresolved,
    :through,
    servers: [],
    handled_by: [],
    unhandled: false,
    by_runtime: false
  ]

  @type kind :: :call | :cast | :info | :continue | :event | :reply | :agent
  @type certainty :: :certain | :possible

  @type t :: %__MODULE__{
          ast_node_id: String.t(),
          file: String.t(),
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          function: {module(), atom(), arity()} | nil,
          kind: kind(),
          by: String.t(),
          message: String.t(),
          servers: [module()],
          resolution: atom() | nil,
          unresolved: atom() | nil,
          handled_by: [map()],
          unhandled: boolean(),
          through: String.t() | nil,
          by_runtime: boolean()
        }
end
