defmodule ElixirScope.ASTRepository.StateMutation do
  @moduledoc """
  How often a callback of a server changed its state, from captured arguments and results.

    * `:function` - a `{module, name, arity}`
    * `:changed` - calls that gave back another state than they got
    * `:unchanged` - calls that gave back the same, as far as it was captured
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:function, :changed, :unchanged]

  @type t :: %__MODULE__{
          function: FunctionData.key(),
          changed: non_neg_integer(),
          unchanged: non_neg_integer()
        }
end
