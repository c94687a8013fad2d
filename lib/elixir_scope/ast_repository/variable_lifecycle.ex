defmodule ElixirScope.ASTRepository.VariableLifecycle do
  @moduledoc """
  One version of a variable: where it is bound and used, from the source, and what it was, from the running program.
  `ElixirScope.ASTRepository.TemporalBridge.variable_lifecycle/3` makes it.

    * `:variable_id` - the id of the node that binds it; where the source is not known, text made of function, name and version
    * `:name`; `:function` - `{module, function, arity}`; `:clause` - the id of its clause
    * `:version` - as of `ElixirScope.ASTRepository.VariableInfo` (`nil` where the source is not known); `:compiled_versions` - as the
      compiler numbers it, of those that were seen bound (several where a macro repeats the code)
    * `:line`, `:column`, `:kind`, `:scope`, `:value_from`, `:uses`, `:unused`, `:captured`, `:rebinds`, `:shadows` - as of `VariableInfo`
    * `:values` - what it was, oldest first, each a map
      * `:value` - `{:ok, term}` (see `ElixirScope.Value` for what is missing in a term), or `:not_recorded`
      * `:at` - nanoseconds since 1970; `:pid` - the process (`nil` of a saved repository, then `:process` names it as text)
      * `:correlation_id` - the activation, `nil` where none of the function was open (a closure that outlived it)
      * `:event_id` - the event that tells it; `:from` - `:binding`, or `:argument` when it was read off the recorded arguments
    * `:count` - how often it was bound, in what was looked at; `:truncated` - `:values` has not all of them
    * `:complete` - whether everything that the log holds of the function was looked at
    * `:first_bound`, `:last_bound` - nanoseconds since 1970, in what was looked at

  A parameter has values where its binding was recorded (`:parameters`), or the arguments were (`:args`) and its pattern can be
  followed: through tuples, lists, maps, structs, `=` and `<>`, not through sizes of binaries.
  """

  alias ElixirScope.ASTRepository.VariableInfo

  defstruct [
    :variable_id,
    :name,
    :version,
    :function,
    :clause,
    :line,
    :column,
    :kind,
    :scope,
    :value_from,
    :unused,
    :captured,
    :rebinds,
    :shadows,
    :first_bound,
    :last_bound,
    compiled_versions: [],
    uses: [],
    values: [],
    count: 0,
    truncated: false,
    complete: true
  ]

  @type value :: %{
          value: {:ok, term()} | :not_recorded,
          at: integer(),
          pid: pid() | nil,
          process: String.t() | nil,
          correlation_id: pos_integer() | nil,
          event_id: non_neg_integer(),
          from: :binding | :argument
        }

  @type t :: %__MODULE__{
          variable_id: String.t(),
          name: atom(),
          version: non_neg_integer() | nil,
          function: mfa(),
          clause: String.t() | nil,
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          kind: atom(),
          scope: atom(),
          value_from: String.t() | nil,
          unused: boolean() | nil,
          captured: boolean() | nil,
          rebinds: non_neg_integer() | nil,
          shadows: non_neg_integer() | nil,
          first_bound: integer() | nil,
          last_bound: integer() | nil,
          compiled_versions: [non_neg_integer()],
          uses: [VariableInfo.use()],
          values: [value()],
          count: non_neg_integer(),
          truncated: boolean(),
          complete: boolean()
        }
end
