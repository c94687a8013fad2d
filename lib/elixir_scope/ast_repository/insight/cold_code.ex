defmodule ElixirScope.ASTRepository.ColdCode do
  @moduledoc """
  Instrumented code that did not run, or next to never: less than once for 1000 calls of its module's
  busiest function.

    * `:function` - a `{module, name, arity}`
    * `:ast_node_id` - its node
    * `:calls` - how often it was called
    * `:ran` - `:never` or `:rarely`
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [:function, :ast_node_id, :calls, :ran]

  @type t :: %__MODULE__{
          function: FunctionData.key(),
          ast_node_id: String.t(),
          calls: non_neg_integer(),
          ran: :never | :rarely
        }
end
