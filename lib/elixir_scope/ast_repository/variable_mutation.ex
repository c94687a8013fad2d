defmodule ElixirScope.ASTRepository.VariableMutation do
  @moduledoc """
  A name that gets another value. Values never change in Elixir; names do.

    * `:kind` - `:rebinding`: from here on, in the same scope, the name is the new version. `:shadowing`: an inner scope hides the
      outer version for as long as it lasts
    * `:from_version`, `:to_version` - as in `ElixirScope.ASTRepository.VariableInfo`
    * `:previous_node_id` - where the hidden version is bound; `:ast_node_id`, `:line`, `:column` - where the new one is
  """

  defstruct [:name, :kind, :from_version, :to_version, :previous_node_id, :ast_node_id, :line, :column]

  @type t :: %__MODULE__{
          name: atom(),
          kind: :rebinding | :shadowing,
          from_version: non_neg_integer(),
          to_version: non_neg_integer(),
          previous_node_id: String.t(),
          ast_node_id: String.t(),
          line: pos_integer() | nil,
          column: pos_integer() | nil
        }
end
