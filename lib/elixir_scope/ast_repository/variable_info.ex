defmodule ElixirScope.ASTRepository.VariableInfo do
  @moduledoc """
  One version of a variable: a name bound again is another one, as the compiler numbers them.

    * `:version` - its number within its clause (or module body), from 0, in the order of evaluation. Variables that macros bring
      have none, so it may differ from the compiler's by those
    * `:kind` - how it got its value: `:parameter`, `:match`, `:clause` (of `case`, `else`, an unknown macro), `:fn_parameter`,
      `:generator`, `:accumulator` (`for ... reduce:`), `:with`, `:receive`, `:rescue`, `:catch`, `:test` (`match?`)
    * `:scope` - what it lives in: `:function`, `:macro_function` (`test`, `setup`), `:module`, `:file`, `:fn`, `:capture`, `:clause`,
      `:block`, `:for`, `:with`, `:short_circuit`, `:match?`, `:default`, `:macro_block`
    * `:clause` - the id of the clause, module or file that it is numbered in
    * `:ast_node_id`, `:line`, `:column` - where it is bound
    * `:value_from` - the id of the expression that its pattern takes apart; `nil` for arguments and messages
    * `:uses` - where it is used, in the order of the source: `%{ast_node_id:, line:, column:, role:, captured:}`, with a role of
      `:read`, `:pin`, or `:again` (compared with itself in one pattern)
    * `:unused` - nothing uses it, and its name does not begin with `_`; `:used_once` - one place does
    * `:captured` - a closure takes it along
    * `:rebinds` - the version that it takes the place of, in the same scope; `:shadows` - the one of an outer scope that it hides
  """

  defstruct [
    :name,
    :version,
    :kind,
    :scope,
    :clause,
    :ast_node_id,
    :line,
    :column,
    :value_from,
    :unused,
    :used_once,
    :captured,
    :rebinds,
    :shadows,
    uses: []
  ]

  @type use :: %{
          ast_node_id: String.t(),
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          role: :read | :pin | :again,
          captured: boolean()
        }

  @type t :: %__MODULE__{
          name: atom(),
          version: non_neg_integer(),
          kind: atom(),
          scope: atom(),
          clause: String.t(),
          ast_node_id: String.t(),
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          value_from: String.t() | nil,
          uses: [use()],
          unused: boolean(),
          used_once: boolean(),
          captured: boolean(),
          rebinds: non_neg_integer() | nil,
          shadows: non_neg_integer() | nil
        }
end
