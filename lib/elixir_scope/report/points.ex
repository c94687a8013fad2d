defmodule ElixirScope.Report.Points do
  @moduledoc """
  The points of modules: those that a plan puts there, with what a saved or living repository counted at the same places, and what
  both cost.

  Nothing is loaded: the modules are instrumented as binaries, and the binaries thrown away.
  """

  alias ElixirScope.ASTRepository.{Handle, InstrumentationMapper.Costs}
  alias ElixirScope.{Core, Error, Instrumentation}
  alias ElixirScope.Instrumentation.{Eligibility, Loader, Plan}

  @typedoc """
    * `:point` - the number in the code; `:state` - `:on` (the plan puts it there) or `:seen` (the repository has met it only)
    * `:records` - `:calls`, `:args`, `:result`, `:variables`, ..., `:jump`, `:try`, `:mark`
    * `:what` - a variable, the function that a jump goes to, the construct of a branch; `nil` of calls
    * `:condition` - as text; `:ns_each` - nanoseconds of one report; `:reports`, `:bytes` - counted; `:cost_ns` - both together
  """
  @type row :: %{
          point: pos_integer(),
          state: :on | :seen,
          records: [atom()],
          function: mfa(),
          clause: non_neg_integer(),
          file: String.t() | nil,
          line: non_neg_integer(),
          column: pos_integer() | nil,
          what: String.t() | nil,
          condition: String.t() | nil,
          ns_each: float() | nil,
          reports: non_neg_integer() | nil,
          bytes: non_neg_integer() | nil,
          cost_ns: float() | nil
        }

  @doc """
  `{:ok, %{rows: [row], counted: boolean, unplaced: [{id, module, reason}], skipped: [{module, reason}]}}` of targets, each
  `{module, :all | {name, arity}}`.

  Options: `:plan`, `:coverage`, `:probe` as of `ElixirScope.instrument/2`, and `:repository` (`nil`: nothing is counted).
  """
  @spec of([{module(), :all | {atom(), arity()}}], keyword()) :: {:ok, map()} | {:error, Error.t()}
  def of(targets, opts) do
    with {:ok, costs} <- Costs.units(), {:ok, ref} <- ref(opts[:repository]) do
      modules = targets |> Enum.map(&elem(&1, 0)) |> Enum.uniq()
      planned = Map.new(modules, &{&1, planned(&1, opts)})
      wanted? = fn {module, name, arity} -> Enum.any?(targets, &meant?(&1, module, {name, arity})) end

      rows =
        for {module, {:ok, planned}} <- planned, row <- rows(module, planned), wanted?.(row.function), do: row

      seen = seen(ref, rows, modules, wanted?)

      {:ok,
       %{
         rows: rows |> counted(seen, ref != nil) |> Enum.map(&priced(&1, costs)) |> Enum.sort_by(&order/1),
         counted: ref != nil,
         unplaced: unplaced(planned),
         skipped: for({module, {:error, error}} <- planned, do: {module, error.message})
       }}
    end
  end

  defp ref(nil), do: {:ok, nil}
  defp ref(repository), do: Handle.ref(repository)

  defp meant?({module, :all}, module, _function), do: true
  defp meant?({module, function}, module, function), do: true
  defp meant?(_target, _module, _function), do: false

  defp order(row), do: {row.function |> elem(0) |> inspect(), row.line, row.column || 0, row.point}

  ## What the plan puts there

  defp planned(module, opts) do
    options = Keyword.take(opts, [:plan, :coverage, :probe])

    with :ok <- eligible(module),
         {:ok, beam, _file} <- Loader.original(module),
         {:ok, instrumented} <- Instrumentation.instrument_binary(beam, options),
         {:ok, plan} <- Plan.new(options),
         {:ok, entries} <- Plan.entries(plan, module) do
      {:ok, Map.merge(instrumented, %{entries: entries, file: file(beam)})}
    else
      {:error, %Error{}} = error ->
        error

      {:error, reason} ->
        {:error, %Error{reason: :not_read, message: "it cannot be read: #{inspect(reason)}"}}
    end
  end

  defp eligible(module) do
    with {:skip, reason} <- Eligibility.by_name(module), do: Eligibility.error(module, reason)
  end

  defp file(beam) do
    case :beam_lib.chunks(beam, [:compile_info]) do
      {:ok, {_, [compile_info: info]}} -> info[:source] && to_string(info[:source])
      _ -> nil
    end
  end

  defp rows(module, planned) do
    by_point =
      for {id, points} <- planned.placed,
          entry <- planned.entries,
          entry.id == id,
          point <- points,
          reduce: %{},
          do: (all -> Map.update(all, point, [entry], &[entry | &1]))

    for {index, kind, name, arity, clause, line, column, target} <- planned.points do
      point = Bitwise.bor(Bitwise.bsl(planned.build, 20), index)
      entries = Map.get(by_point, point, [])

      %{
        point: point,
        state: :on,
        kind: kind,
        records: records(kind, entries),
        function: {module, name, arity},
        clause: clause,
        file: planned.file,
        line: line,
        column: column,
        target: target,
        what: what(kind, target),
        condition: condition(entries),
        reports: nil,
        bytes: nil,
        end_bytes: nil
      }
    end
  end

  defp records(:clause, entries) do
    asked = Enum.flat_map(entries, & &1.kinds)
    for kind <- [:calls, :args, :result], kind == :calls or kind in asked, do: kind
  end

  defp records(:tail, _), do: [:jump]
  defp records(:try, _), do: [:try]
  defp records(:branch, _), do: [:mark]
  defp records(:binding, _), do: [:variables]
  defp records(:expression, _), do: [:expressions]
  defp records(:choice, _), do: [:branches]
  defp records(:send, _), do: [:sends]
  defp records(:receive, _), do: [:receives]
  defp records(:raise, _), do: [:exceptions]
  defp records(other, _), do: [other]

  defp what(:binding, {nil, name, _version}), do: Atom.to_string(name)
  defp what(:choice, {nil, construct, ordinal}), do: "#{construct}, clause #{ordinal}"
  defp what(_kind, {nil, name, arity}), do: "#{name}/#{arity}"

  defp what(_kind, {module, name, arity}),
    do: "#{inspect(module)}.#{Macro.inspect_atom(:remote_call, name)}/#{arity}"

  defp what(_kind, nil), do: nil

  defp condition(entries) do
    case for(%{condition: condition} when condition != nil <- entries, do: Macro.to_string(condition)) do
      [] -> nil
      texts -> texts |> Enum.uniq() |> Enum.join(" or ")
    end
  end

  defp unplaced(planned) do
    for {module, {:ok, %{unplaced: unplaced}}} <- planned,
        {id, reason} <- unplaced,
        id != :capture,
        not Enum.any?(planned, fn {_, it} -> match?({:ok, %{placed: %{^id => [_ | _]}}}, it) end),
        do: {id, module, reason(reason)}
  end

  defp reason({:not_visible, name}), do: "#{name} is not visible there"
  defp reason(reason), do: reason |> to_string() |> String.replace("_", " ")

  ## What was counted

  # Points of other builds stand for the same places.
  defp seen(nil, _rows, _modules, _wanted?), do: []

  defp seen(ref, rows, modules, wanted?) do
    functions = rows |> Enum.map(& &1.function) |> Enum.uniq()

    ran =
      case Core.Runtime.functions(ref) do
        {:ok, all} ->
          for {{module, _, _} = function, _} <- all, module in modules, wanted?.(function), do: function

        _ ->
          []
      end

    case Core.Runtime.points_of(ref, Enum.uniq(functions ++ ran)) do
      {:ok, points} -> Enum.map(points, &met/1)
      _ -> []
    end
  end

  defp met({{point, kind, function, clause, line}, {column, variable, reports, bytes, end_bytes}}) do
    target = with {name, version} <- variable, do: {nil, name, version}

    %{
      point: point,
      state: :seen,
      kind: kind,
      records: records(kind, []),
      function: function,
      clause: clause,
      file: nil,
      line: line,
      column: column,
      target: target,
      what: what(kind, target),
      condition: nil,
      reports: reports,
      bytes: bytes,
      end_bytes: end_bytes
    }
  end

  defp counted(rows, _seen, false), do: rows

  defp counted(rows, seen, true) do
    by_place = Enum.group_by(seen, &place/1)
    planned = MapSet.new(rows, &place/1)

    own =
      for row <- rows do
        case by_place[place(row)] do
          nil -> row
          same -> Map.merge(row, Map.new([:reports, :bytes, :end_bytes], &{&1, sum(same, &1)}))
        end
      end

    others =
      for {place, [first | _] = same} <- by_place,
          not MapSet.member?(planned, place),
          sum(same, :reports) > 0 do
        Map.merge(first, Map.new([:reports, :bytes, :end_bytes], &{&1, sum(same, &1)}))
      end

    own ++ others
  end

  defp place(row),
    do: {row.function, row.kind, row.clause, row.line, row.column, row.target |> named(row.kind)}

  # Only bindings are told with their variable.
  defp named({nil, name, version}, :binding), do: {name, version}
  defp named(_target, _kind), do: nil

  defp sum(rows, field), do: rows |> Enum.map(&Map.fetch!(&1, field)) |> Enum.sum()

  ## What it costs

  defp priced(row, costs) do
    each = each(row, costs, nil, nil)

    cost =
      if row.reports && each do
        mean = if row.reports > 0, do: &(&1 / row.reports), else: fn _ -> 0 end
        row.reports * each(row, costs, mean.(row.bytes), mean.(row.end_bytes))
      end

    row |> Map.drop([:kind, :target, :end_bytes]) |> Map.merge(%{ns_each: each, cost_ns: cost})
  end

  # A call costs its entry and its end.
  defp each(%{kind: :clause, records: records}, costs, bytes, end_bytes) do
    Costs.entry(costs, :args in records, bytes) + Costs.ending(costs, :result in records, end_bytes)
  end

  # A jump is an end, a `try` begins and ends, a coverage mark reports once.
  defp each(%{kind: :tail}, _costs, _, _), do: nil
  defp each(%{kind: :try}, costs, _, _), do: 2 * costs.call + costs.enter + costs.exit
  defp each(%{kind: :branch}, costs, _, _), do: Costs.within(costs, :branch, nil)
  defp each(%{kind: :choice}, costs, _, _), do: Costs.within(costs, :branch, nil)
  defp each(%{kind: :send}, costs, bytes, _), do: Costs.within(costs, :message_send, bytes)
  defp each(%{kind: :receive}, costs, bytes, _), do: Costs.within(costs, :message_receive, bytes)
  defp each(%{kind: :raise}, costs, bytes, _), do: Costs.within(costs, :exception, bytes)
  defp each(%{kind: :custom}, costs, bytes, _), do: Costs.within(costs, :custom, bytes)
  defp each(%{kind: :binding}, costs, bytes, _), do: Costs.within(costs, :variable_capture, bytes)
  defp each(%{kind: :expression}, costs, bytes, _), do: Costs.within(costs, :expression_trace, bytes)
  defp each(_row, _costs, _, _), do: nil
end
