defmodule ElixirScope.ASTRepository.ObservedFlow do
  @moduledoc """
  Messages that one function sent and another took, as they happened.
  `ElixirScope.ASTRepository.MessageFlow` is what the source shows.

    * `:from` - the innermost function that sent; `nil` outside of any
    * `:to` - the one that took
    * `:kind` - `:plain`, `:call`, `:cast`, `:reply`, `:down`, `:exit` or `:system`
    * `:count` - how many
    * `:mean_wait_us` - from sending to taking, in microseconds
    * `:max_wait_us` - the longest
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:from, :to, :kind, :count, :mean_wait_us, :max_wait_us]

  @type t :: %__MODULE__{
          from: FunctionData.key() | nil,
          to: FunctionData.key() | nil,
          kind: atom(),
          count: pos_integer(),
          mean_wait_us: float(),
          max_wait_us: float()
        }
end
