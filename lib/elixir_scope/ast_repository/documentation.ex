defmodule ElixirScope.ASTRepository.Documentation do
  @moduledoc """
  What is written about a function for its readers.

    * `:text` - the text of `@doc`; `false` for `@doc false`, `nil` without one, `:computed` for one that is not
      written literally
    * `:status` - `:documented`; `:missing`; `:hidden` (`@doc false`; without a text: an implementation of a callback,
      or a name that begins with an underscore); `:private`
    * `:score` - 1.0 documented, 0.0 missing, `nil` for what needs no documentation
    * `:since`, `:deprecated` - texts; of `@deprecated` too
    * `:metadata` - `%{key => value as text}` of `@doc key: value`
    * `:examples` - lines of the text that are an `iex>` prompt
    * `:implements` - `true` for `@impl true`, the behaviour that `@impl` names, `nil` without
    * `:ast_node_id`, `:file`, `:line`, `:column` - of the `@doc`
  """

  defstruct [
    :text,
    :status,
    :score,
    :since,
    :deprecated,
    :implements,
    :ast_node_id,
    :file,
    :line,
    :column,
    metadata: %{},
    examples: 0
  ]

  @type t :: %__MODULE__{
          text: String.t() | false | :computed | nil,
          status: :documented | :missing | :hidden | :private,
          score: float() | nil,
          since: String.t() | nil,
          deprecated: String.t() | nil,
          metadata: %{optional(atom()) => String.t()},
          examples: non_neg_integer(),
          implements: true | module() | nil,
          ast_node_id: String.t() | nil,
          file: String.t() | nil,
          line: pos_integer() | nil,
          column: pos_integer() | nil
        }
end
