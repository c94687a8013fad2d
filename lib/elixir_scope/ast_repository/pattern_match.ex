defmodule ElixirScope.ASTRepository.PatternMatch do
  @moduledoc """
  A node that a pattern matches.

    * `:ast_node_id` - its id
    * `:file`, `:line`, `:column` - where it stands, as `get_node_location/2` tells it: of `Mod.f(x)` the place of `f`, of
      `a + b` that of `+`. Literals, lists and pairs have no place of their own: theirs is that of the code in them or
      before them
    * `:start` - `{line, column}` of the first character of the code that has a place
    * `:captures` - by name (text): `%{id: ast_node_id, code: quoted}`; of a `...rest` a list of these. An argument
      that is not in the source (of `&f/1`, found with `captures: true`) is `nil`
  """

  defstruct [:ast_node_id, :file, :line, :column, :start, captures: %{}]

  @type captured :: %{id: String.t(), code: Macro.t()} | nil
  @type t :: %__MODULE__{
          ast_node_id: String.t(),
          file: String.t(),
          line: pos_integer(),
          column: pos_integer(),
          start: {pos_integer(), pos_integer()},
          captures: %{optional(String.t()) => captured() | [captured()]}
        }
end
