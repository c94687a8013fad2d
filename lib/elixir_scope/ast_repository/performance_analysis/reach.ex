defmodule ElixirScope.ASTRepository.PerformanceAnalysis.Reach do
  @moduledoc false
  # What ran without a test, without documentation; what nothing leads to.

  import ElixirScope.ASTRepository.PerformanceAnalysis.Facts,
    only: [answer: 2, answer: 3, executed: 1, finding: 4]

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.Query
  alias ElixirScope.ASTRepository.{Documentation, TestCase}

  def find(:untested, facts, request) do
    rows = executed(facts)

    with {:ok, tested, unknown} <- tested(facts, request) do
      findings =
        for row <- rows, tested != nil, not MapSet.member?(tested, row["function_key"]) do
          finding(facts, :untested, row["function_key"],
            what: "#{row["function"]} ran #{row["calls"]} times, and no test reaches it",
            evidence: %{
              calls: row["calls"],
              errors: row["errors"],
              total_us: row["total_us"],
              cyclomatic_complexity: row["cyclomatic_complexity"],
              slowest_event: slowest(facts, row)
            },
            weight: row["calls"] * (row["cyclomatic_complexity"] || 1),
            next_step: "write a test from what it was given: mix elixir_scope.timeline shows an activation"
          )
        end

      answer(findings, length(rows), unknown)
    end
  end

  def find(:undocumented, facts, _request) do
    rows = for %{"visibility" => :public} = row <- executed(facts), do: row

    with {:ok, documentation} <- field(facts.repository, :documentation) do
      findings =
        for row <- rows, match?(%Documentation{status: :missing}, documentation[row["function_key"]]) do
          finding(facts, :undocumented, row["function_key"],
            what: "#{row["function"]} is public, ran #{row["calls"]} times, and has no documentation",
            evidence: %{calls: row["calls"], slowest_event: slowest(facts, row)},
            weight: row["calls"],
            next_step: "write @doc, or @doc false if it is nobody else's"
          )
        end

      answer(findings, length(rows))
    end
  end

  # Nothing leads to it: neither from what ran, nor from what may be called from outside.
  def find(:dead_code, facts, _request) do
    with {:ok, %{rows: edges}} <-
           ASTRepository.sql(
             facts.repository,
             "select caller, callee, kind from edges where caller is not null"
           ),
         {:ok, documentation} <- field(facts.repository, :documentation),
         {:ok, callbacks} <- callbacks(facts.repository) do
      ran = for row <- executed(facts), do: row["module_name"], into: MapSet.new()
      callees = Enum.group_by(edges, & &1["caller"], & &1["callee"])

      callers =
        edges |> Enum.reject(&(&1["caller"] == &1["callee"])) |> Enum.group_by(& &1["callee"], & &1["caller"])

      rows = Map.values(facts.functions)
      callback? = &callback?(&1, documentation, callbacks)
      roots = for row <- rows, row["calls"] > 0 or row["visibility"] == :public, do: row["function"]
      reached = reach(roots, callees, MapSet.new())
      # A module of which nothing was observed may not have been instrumented.
      examined = for %{"calls" => 0} = row <- rows, MapSet.member?(ran, row["module_name"]), do: row

      findings =
        for row <- examined, not callback?.(row), sure = sure(row, reached, callers), sure > 0 do
          private = row["visibility"] == :private

          finding(facts, :dead_code, row["function_key"],
            what:
              "#{row["function"]} never ran, and #{if private, do: "nothing that could run leads to it", else: "nothing in the project calls it"}",
            evidence: %{
              calls: 0,
              callers: length(Map.get(callers, row["function"], [])),
              visibility: row["visibility"],
              lines_of_code: row["lines_of_code"]
            },
            weight: sure * (row["lines_of_code"] || 1),
            confidence: sure,
            next_step:
              if(private,
                do: "remove it",
                else:
                  "look for callers outside of the project and by name (apply); then deprecate or remove it"
              )
          )
        end

      unknown = if MapSet.size(ran) == 0, do: "nothing ran"
      answer(findings, length(examined), unknown)
    end
  end

  # Private and unreachable: the compiler would say so too. Public: somebody outside may call it.
  defp sure(%{"visibility" => :private} = row, reached, _callers),
    do: if(MapSet.member?(reached, row["function"]), do: 0.0, else: 0.95)

  defp sure(row, _reached, callers),
    do: if(Map.has_key?(callers, row["function"]), do: 0.0, else: 0.5)

  defp reach([], _callees, reached), do: reached

  defp reach([function | rest], callees, reached) do
    if MapSet.member?(reached, function),
      do: reach(rest, callees, reached),
      else: reach(Map.get(callees, function, []) ++ rest, callees, MapSet.put(reached, function))
  end

  # Who implements a callback is called by a behaviour.
  defp callback?(row, documentation, callbacks) do
    {module, name, arity} = row["function_key"]

    match?(%Documentation{implements: implements} when implements != nil, documentation[row["function_key"]]) or
      MapSet.member?(callbacks, {module, name, arity}) or name in [:__struct__, :child_spec, :start_link]
  end

  defp callbacks(repository) do
    query = Query.new() |> Query.from(:modules) |> Query.select([:module_name, :callbacks])

    with {:ok, %{rows: rows}} <- ASTRepository.query(repository, query) do
      {:ok,
       for(
         %{module_name: module, callbacks: all} when is_list(all) <- rows,
         {name, arity} <- Enum.map(all, &name_arity/1),
         into: MapSet.new(),
         do: {module, name, arity}
       )}
    end
  end

  defp name_arity({name, arity}), do: {name, arity}
  defp name_arity({_module, name, arity}), do: {name, arity}
  defp name_arity(%{name: name, arity: arity}), do: {name, arity}
  defp name_arity(_other), do: {nil, nil}

  ## Tests

  # The functions that tests reach; `nil` when nothing says which.
  defp tested(_facts, %{tests: path} = request) when is_binary(path) do
    with {:ok, repository} <- ASTRepository.load(path) do
      answer = tested(nil, %{request | tests: repository})
      ASTRepository.stop(repository)
      answer
    end
  end

  defp tested(facts, %{tests: nil}) do
    with {:ok, cases} <- field(facts.repository, :test_cases) do
      known = for {function, [%TestCase{} | _]} <- cases, into: MapSet.new(), do: function

      if Enum.all?(cases, fn {_function, cases} -> is_nil(cases) end),
        do: {:ok, nil, "no tests are known: give tests:, or observe them with mix elixir_scope.test"},
        else: {:ok, known, nil}
    end
  end

  defp tested(_facts, %{tests: repository}) do
    sql = "select function_key from functions where calls > 0"

    with {:ok, %{rows: rows}} <- ASTRepository.sql(repository, sql),
         do: {:ok, MapSet.new(rows, & &1["function_key"]), nil}
  end

  defp field(repository, field) do
    query = Query.new() |> Query.from(:functions) |> Query.select([:function_key, field])

    with {:ok, %{rows: rows}} <- ASTRepository.query(repository, query),
         do: {:ok, Map.new(rows, &{&1.function_key, Map.get(&1, field)})}
  end

  defp slowest(facts, row) do
    with %{slowest: {_ns, event}} when event > 0 <- Map.get(facts.times, row["function_key"]),
         do: event,
         else: (_ -> nil)
  end
end
