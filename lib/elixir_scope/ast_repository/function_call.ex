defmodule ElixirScope.ASTRepository.FunctionCall do
  @moduledoc """
  One end of a call, as `:calls_made` and `:called_by` of `ElixirScope.ASTRepository.FunctionData` list them.

    * `:function` - the function at the other end, `{module, name, arity}`. Of a call that is decided at run time the
      module is `nil`; of a function value the name too; the arity is `nil` when a list of arguments is not known
    * `:kind` - how the source or the compiler shows it: `:local`, `:remote`, `:imported`, `:capture` (`&f/1`), `:apply`,
      `:delegate`, `:mfa` (`{Mod, :f, args}`), `:macro` (called by the compiler), `:generated` (made by a macro),
      `:quoted`, `:super`, `:dispatch` (a protocol's function and its implementations), `:dynamic`; or `:observed`, when only
      the running program showed it
    * `:count` - how often it was observed, 0 for never
    * `:ast_node_id` - the node of the other function, `nil` when it is not of the project
    * `:file` - where the calls are
    * `:sites` - the calls, `[%{line:, column:, ast_node_id:}]`; the node is `nil` when a macro made the call
  """

  defstruct [:function, :kind, :ast_node_id, :file, count: 0, sites: []]

  @type t :: %__MODULE__{
          function: {module() | nil, atom() | nil, arity() | nil},
          kind: atom(),
          count: non_neg_integer(),
          ast_node_id: String.t() | nil,
          file: String.t() | nil,
          sites: [
            %{line: pos_integer() | nil, column: pos_integer() | nil, ast_node_id: String.t() | nil}
          ]
        }
end
