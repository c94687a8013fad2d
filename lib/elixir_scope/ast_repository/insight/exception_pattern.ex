defmodule ElixirScope.ASTRepository.ExceptionPattern do
  @moduledoc """
  How often functions failed for one reason.

    * `:reason` - the exception's module, the atom, or the first atom of a tuple; `nil` when nobody told
    * `:count` - activations that ended with it
    * `:functions` - `%{{module, name, arity} => count}`
    * `:origins` - functions in which it began: no instrumented function below failed with it
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:reason, :count, :functions, :origins]

  @type t :: %__MODULE__{
          reason: atom(),
          count: pos_integer(),
          functions: %{FunctionData.key() => pos_integer()},
          origins: [FunctionData.key()]
        }
end
