defmodule ElixirScope.Instrumentation.Weave do
  @moduledoc false
  # Marks in the expanded Elixir code what a plan asks for: bindings, branches, expressions, messages, conditions.
  #
  # Here, and not in the abstract code that is made of it, a `cond` is a `cond` and a variable has its name and version.
  # What is put in are calls of a module that does not exist, `:"$scope"`, each with the number of a *site*:
  #
  #     x = f()     becomes     x = f(); :"$scope".bind(17, true, x)
  #
  # `Marks` turns them into probes in the abstract code, where it is known what is a tail call and which variable holds
  # the activation's token. The second argument is a condition: `true`, or an expression that is true or false.

  alias ElixirScope.Instrumentation.{Condition, Context, Custom}
  alias ElixirScope.Instrumentation.Weave.{Clauses, State}

  defstruct sites: %{}, unbound: %{}, customs: []

  @typedoc """
  What was marked. A site is `%{kind:, line:, column:, target:, ids:}`, the ids being those of the plan's entries that
  asked for it; `unbound` has entries whose condition or code names a variable that is not visible somewhere.
  """
  @type t :: %__MODULE__{
          sites: %{pos_integer() => map()},
          unbound: %{term() => atom()},
          customs: [{module(), binary()}]
        }

  @doc "Does a plan ask for anything that needs marks? Calls, arguments and results of everything do not."
  def needed?(entries) do
    Enum.any?(entries, fn entry ->
      entry.target != :all or entry.condition != nil or entry.kinds -- [:calls, :args, :result] != []
    end)
  end

  @doc "Compiles what entries carry as code. Gives `{:ok, entries, helper modules}`."
  def prepare(entries, module) do
    Enum.reduce_while(entries, {:ok, [], []}, fn entry, {:ok, entries, helpers} ->
      with {:ok, condition} <- condition(entry, module),
           {:ok, custom} <- Custom.compile(entry, module) do
        helpers = if custom, do: [{custom.module, custom.binary} | helpers], else: helpers
        {:cont, {:ok, [%{entry | condition: condition, custom: custom} | entries], helpers}}
      else
        error -> {:halt, error}
      end
    end)
    |> case do
      {:ok, entries, helpers} -> {:ok, Enum.reverse(entries), Enum.uniq(helpers)}
      error -> error
    end
  end

  defp condition(%{condition: nil}, _module), do: {:ok, nil}
  defp condition(%{condition: quoted}, module), do: Condition.compile(quoted, module)

  @doc "The debug information's map with marks in its definitions, and what was marked."
  def definitions(map, entries, helpers) do
    state = State.new(map, entries)

    {definitions, state} =
      Enum.map_reduce(map.definitions, state, fn definition, state -> definition(definition, state) end)

    {%{map | definitions: definitions},
     %__MODULE__{sites: state.sites, unbound: state.unbound, customs: helpers}}
  end

  defp definition({{name, arity} = function, kind, meta, clauses}, state) do
    {clauses, {state, _}} =
      Enum.map_reduce(clauses, {state, 0}, fn clause, {state, ordinal} ->
        state = State.enter(state, function, kind, meta, clause, ordinal)
        {clause, state} = if State.idle?(state), do: {clause, state}, else: Clauses.definition(clause, state)
        {clause, {state, ordinal + 1}}
      end)

    {{{name, arity}, kind, meta, clauses}, state}
  end

  @doc "Name and arity under which a definition is compiled."
  def compiled_name(kind, name, arity) when kind in [:defmacro, :defmacrop], do: {:"MACRO-#{name}", arity + 1}
  def compiled_name(_kind, name, arity), do: {name, arity}

  @doc "The opposite: as its author names it."
  def source_name(name, arity), do: Context.source_name(name, arity)
end
