defmodule ElixirScope.ASTRepository.MessageReceive do
  @moduledoc """
  A clause that takes messages, with the places that may send to it.

    * `:ast_node_id`, `:file`, `:line`, `:column`, `:function` - the clause of a callback, or the branch of a `receive`
    * `:kind` - as of `ElixirScope.ASTRepository.MessageSend`
    * `:message` - the pattern, narrowed by simple guards: `"{:add, _, number()}"`
    * `:guarded` - a guard, or a pattern of the state, may refuse what the pattern takes
    * `:catch_all` - it takes any message
    * `:in_receive` - it is a branch of a `receive`
    * `:senders` - maps with the place, `:function`, `:by` and `:certainty`
  """

  defstruct [
    :ast_node_id,
    :file,
    :line,
    :column,
    :function,
    :kind,
    :message,
    guarded: false,
    catch_all: false,
    in_receive: false,
    senders: []
  ]

  @type t :: %__MODULE__{
          ast_node_id: String.t(),
          file: String.t(),
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          function: {module(), atom(), arity()} | nil,
          kind: ElixirScope.ASTRepository.MessageSend.kind(),
          message: String.t(),
          guarded: boolean(),
          catch_all: boolean(),
          in_receive: boolean(),
          senders: [map()]
        }
end
