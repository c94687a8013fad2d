defmodule ElixirScope.ASTRepository.FunctionSignature do
  @moduledoc """
  How a function is called.

    * `:name`, `:arity`, `:kind` (`:def`, `:defp`, `:defmacro`, ... as written; `:callback` for a function of a
      protocol), `:defaults` and `:clauses` (counts)
    * `:text` - as its documentation shows it, `"reduce(enumerable, acc, fun)"`: each argument has the name that the
      compiler puts into the docs chunk
    * `:parameters` - `[%{name: text, default: text | nil}]`
    * `:specs` - its `@spec`s as text, modules by their full names
  """

  defstruct [:name, :arity, :kind, :text, defaults: 0, clauses: 0, parameters: [], specs: []]

  @type t :: %__MODULE__{
          name: atom(),
          arity: arity(),
          kind: atom(),
          text: String.t(),
          defaults: non_neg_integer(),
          clauses: non_neg_integer(),
          parameters: [%{name: String.t(), default: String.t() | nil}],
          specs: [String.t()]
        }
end
