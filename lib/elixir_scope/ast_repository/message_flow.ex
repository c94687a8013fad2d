defmodule ElixirScope.ASTRepository.MessageFlow do
  @moduledoc """
  One message from the place that sends it to a clause that may take it: an edge of the message graph.

  `:from` and `:to` are functions, `:from_node` and `:to_node` the ids of the call and of the clause; `:message` is what is sent,
  `:to_message` the pattern that takes it. `:kind`, `:by`, `:certainty`, `:resolution` and `:by_runtime` are those of
  `ElixirScope.ASTRepository.MessageSend`.
  """

  alias ElixirScope.ASTRepository.MessageSend

  defstruct [
    :kind,
    :by,
    :message,
    :from,
    :from_node,
    :to,
    :to_node,
    :to_message,
    :certainty,
    :resolution,
    by_runtime: false
  ]

  @type t :: %__MODULE__{
          kind: MessageSend.kind(),
          by: String.t(),
          message: String.t(),
          from: {module(), atom(), arity()} | nil,
          from_node: String.t(),
          to: {module(), atom(), arity()} | nil,
          to_node: String.t(),
          to_message: String.t(),
          certainty: MessageSend.certainty(),
          resolution: atom() | nil,
          by_runtime: boolean()
        }
end
