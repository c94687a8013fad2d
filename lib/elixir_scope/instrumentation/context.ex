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
    :plan,
    # of the clause at hand: the condition under which its value is recorded (`false`: it is not)
    :result,
    # of the `try` at hand: number and condition of its mark
    :raise,
    coverage: false,
    # Are calls reported here? Else there is no token, and no `try` is marked for their sake.
    calls: true,
    # Does what the code at hand ends with end the activation? Not in anonymous functions.
    ends: false,
    # Expressions whose value is the one that the code at hand ends with: numbers and conditions of their marks
    traces: [],
    # Functions that the compiler made of parts of the code at hand
    continuations: [],
    sites: %{},
    site_points: %{},
    # `{ids, point}` of what became of the plan's entries, and `{ids, reason}` of what did not
    placed: [],
    refused: [],
    leaves: [],
    ordinal: 0,
    variables: 0,
    index: 0,
    points: []
  ]

  @doc "How many points a module can have at most."
  def points_max, do: @points_max

  @doc """
  A new point at `location`; gives the literal that the code reports with. `kind` is one of
  `t:ElixirScope.Instrumentation.point/0`.
  """
  def point(context, kind, {line, column}, target \\ nil) do
    if context.index >= @points_max, do: throw({:too_many_points, context.module})
    {name, arity} = context.function
    index = context.index
    point = {index, kind, name, arity, context.ordinal, line, column, target}

    {context.build <<< @index_bits ||| index, %{context | index: index + 1, points: [point | context.points]}}
  end

  @doc "The point of a site of the plan: made when it is first reported."
  def site_point(context, number) do
    case context.site_points do
      %{^number => point} ->
        {point, context}

      _ ->
        site = Map.fetch!(context.sites, number)
        {point, context} = point(context, site.kind, {site.line, site.column}, site.target)
        context = placed(context, site.ids, point)
        {point, %{context | site_points: Map.put(context.site_points, number, point)}}
    end
  end

  @doc "Notes that entries of the plan became a point."
  def placed(context, [], _point), do: context
  def placed(context, ids, point), do: %{context | placed: [{ids, point} | context.placed]}

  @doc "Notes why a site is none."
  def refused(context, number, reason),
    do: %{context | refused: [{Map.fetch!(context.sites, number).ids, reason} | context.refused]}

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
