defmodule ElixirScope.ASTRepository.ReturnAnalysis do
  @moduledoc """
  What a function gives, over all its clauses and branches.

    * `:values` - the expressions whose value it may be: `%{kind:, shape:, clause:, ast_node_id:, line:, column:}` with a kind of `:literal`,
      `:variable`, `:call`, `:built` (tuple, list, map, struct, binary), `:closure`, `:quoted` or `:raise` (it gives nothing)
    * `:shapes` - how these look, one level deep, each once (64 at most): `{:ok, _}`, `%Cart{}`, `:error`, `list`, `Mod.f/2`, a variable's name
    * `:raises` - one of them is a `raise`, `throw` or `exit`, as written
    * `:parameters` - positions of arguments that are given back, or are a part of what is
    * `:calls` - the functions whose value is given back, or is a part of what is
  """

  defstruct [:raises, values: [], shapes: [], parameters: [], calls: []]

  @type t :: %__MODULE__{
          values: [map()],
          shapes: [String.t()],
          raises: boolean(),
          parameters: [non_neg_integer()],
          calls: [String.t()]
        }
end
