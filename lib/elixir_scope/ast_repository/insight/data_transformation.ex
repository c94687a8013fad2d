defmodule ElixirScope.ASTRepository.DataTransformation do
  @moduledoc """
  Shapes that go into a function and come out, from captured arguments and results.

    * `:function` - a `{module, name, arity}`
    * `:from` - the shapes of the arguments, as text
    * `:to` - that of the result
    * `:count` - how often
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:function, :from, :to, :count]

  @type t :: %__MODULE__{function: FunctionData.key(), from: String.t(), to: String.t(), count: pos_integer()}
end
