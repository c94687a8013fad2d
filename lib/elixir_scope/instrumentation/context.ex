defmodule ElixirScope.Instrumentation.Context do
  @moduledoc false
  # What is threaded through the rewriting of a module: the points so far, the function at hand, fresh names.

  import Bitwise

  @index_bits 20
  @points_max (1 <<< @index_bits) - 1

  defstruct [
    :module,
    :language,
    :build,
    :probe,
    :locals,
    :imports,
    :inline,
    :function,
    :token,
    :clause_point,
    coverage: false,
    leaves: [],
    ordinal: 0,
    variables: 0,
    index: 0,
    points: []
  ]

  @doc "How many points a module can have at most."
  def points_max, do: @points_max

  @doc """
  A new point at `location`; gives the literal that the code reports with. `kind` is `:clause`, `:tail`, `:try`
  or `:branch`.
  """
  def point(context, kind, {line, column}, target \\ nil) do
    if context.index >= @points_max, do: throw({:too_many_points, context.module})
    {name, arity} = context.function
    index = context.index
    point = {index, kind, name, arity, context.ordinal, line, column, target}

    {context.build <<< @index_bits ||| index, %{context | index: index + 1, points: [point | context.points]}}
  end

  @doc """
  A variable name that the function does not have: Elixir's begin with `_`, whatever their author calls them, and
  Erlang's have no space. Counted per function, so the atoms stay few.
  """
  def variable(context) do
    n = context.variables + 1
    {:"scope #{n}", %{context | variables: n}}
  end

  @doc "Points name macros as their author does, not as they are compiled."
  def source_name(name, arity) do
    case Atom.to_string(name) do
      "MACRO-" <> macro -> {String.to_atom(macro), arity - 1}
      _ -> {name, arity}
    end
  end

  @doc "The build of a module version: 39 bits, never 0, a function of the code, its positions and the options."
  def build(module, digest, options) do
    <<hash::39, _::bits>> = :erlang.md5(:erlang.term_to_binary({module, digest, options}))
    max(hash, 1)
  end
end
