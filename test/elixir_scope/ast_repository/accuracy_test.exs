defmodule ElixirScope.ASTRepository.AccuracyTest do
  @moduledoc """
  Events of which the place is known, because the source was made with them: how often each strategy leads there.
  """
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.RuntimeCorrelator

  @modules 30
  @least 0.95

  setup_all do
    :rand.seed(:exsss, {1, 2, 3})
    dir = Path.join(System.tmp_dir!(), "elixir_scope-accuracy-#{System.pid()}")
    on_exit(fn -> File.rm_rf!(dir) end)

    made =
      for n <- 1..@modules do
        {text, events} = generate(n)
        file = "lib/part#{rem(n, 5)}/made_#{n}.ex"
        path = Path.join(dir, file)
        File.mkdir_p!(Path.dirname(path))
        File.write!(path, text)
        for event <- events, do: Map.put(event, :truth, {file, event.truth})
      end

    {:ok, repository} = ASTRepository.new()
    {:ok, %{errors: []}} = ASTRepository.import_project(repository, dir)
    %{repository: repository, events: List.flatten(made)}
  end

  # Lines are numbered as they are written.
  defp generate(n) do
    module = "Made.M#{n}"
    {lines, events} = {["defmodule #{module} do", "  use GenServer", "  require Logger"], []}

    {lines, events} =
      Enum.reduce(1..6, {lines, events}, fn f, {lines, events} ->
        lines = lines ++ List.duplicate("", :rand.uniform(3)) ++ ["  def f#{f}(x) do"]
        lines = lines ++ for(i <- 1..:rand.uniform(4), do: "    y#{i} = x + #{i}")
        name = [:made, :"m#{n}", :"f#{f}"]
        call = length(lines) + 1
        lines = lines ++ ["    :telemetry.execute(#{inspect(name)}, %{x: x}, %{})"]
        log = length(lines) + 1
        lines = lines ++ ["    Logger.info(\"done \#{x}\")", "    x", "  end"]

        events =
          events ++
            [
              %{strategy: :pattern_based, event: %{event_name: name}, truth: call},
              %{
                strategy: :line_based,
                event: %{
                  place: %{
                    file: "lib/part#{rem(n, 5)}/made_#{n}.ex",
                    line: log,
                    mfa: {Module.concat([module]), :"f#{f}", 1}
                  }
                },
                truth: log
              },
              %{
                strategy: :line_based,
                event: %{file: "lib/part#{rem(n, 5)}/made_#{n}.ex", line: call},
                truth: call
              }
            ]

        {lines, events}
      end)

    {lines, events} =
      Enum.reduce(messages(n), {lines, events}, fn {kind, pattern, messages}, {lines, events} ->
        lines = lines ++ [""]
        at = length(lines) + 1

        {pattern, guard} =
          with [pattern, guard] <- String.split(pattern, " when "),
               do: {pattern, " when " <> guard},
               else: (_ -> {pattern, ""})

        head =
          case kind do
            :call -> "def handle_call(#{pattern}, _from, state), do: {:reply, :ok, state}"
            :cast -> "def handle_cast(#{pattern}, state)#{guard}, do: {:noreply, state}"
            :info -> "def handle_info(#{pattern}, state), do: {:noreply, state}"
          end

        own =
          for message <- messages,
              do: %{
                strategy: :pattern_based,
                event: %{message: message, message_kind: kind, module: Module.concat([module])},
                truth: at
              }

        {lines ++ ["  " <> head], events ++ own}
      end)

    {Enum.join(lines ++ ["end", ""], "\n"), events}
  end

  defp messages(n) do
    [
      {:call, "{:get, key}", [{:get, :a}, {:get, "b"}]},
      {:call, "{:put, _key, nil}", [{:put, 1, nil}]},
      {:call, "{:put, _key, value}", [{:put, 1, 2}, {:put, n, [n]}]},
      {:call, ":all", [:all]},
      {:call, "%{take: count}", [%{take: n}, %{take: 1, more: 2}]},
      {:cast, "{:add_#{n}, x} when is_integer(x)", [{:"add_#{n}", n}]},
      {:cast, "[first | _]", [[n], [1, 2]]},
      {:cast, "\"text:\" <> rest", ["text:#{n}"]},
      {:info, "{:tick, #{n}}", [{:tick, n}]},
      {:info, "{:DOWN, _ref, :process, pid, reason}", [{:DOWN, make_ref(), :process, self(), :normal}]},
      {:info, "other", [:anything, {:tick, -1}]}
    ]
  end

  defp right?(repository, %{event: event, strategy: strategy, truth: {file, line}}) do
    with {:ok, %{strategy: ^strategy, ast_node_id: id, confidence: confidence}}
         when confidence > 0 and confidence <= 1 <-
           RuntimeCorrelator.resolve(repository, event, strategy: strategy),
         {:ok, %{file: ^file, line: ^line}} <- ASTRepository.get_node_location(repository, id) do
      true
    else
      _ -> false
    end
  end

  for strategy <- [:line_based, :pattern_based] do
    test "#{strategy} leads to the place where the event came from", %{repository: repository, events: events} do
      own = Enum.filter(events, &(&1.strategy == unquote(strategy)))
      wrong = Enum.reject(own, &right?(repository, &1))
      share = 1 - length(wrong) / length(own)
      assert length(own) > 300

      assert share >= @least,
             "#{share}: #{inspect(for(one <- Enum.take(wrong, 5), do: {one, RuntimeCorrelator.resolve(repository, one.event)}), pretty: true)}"
    end
  end

  test "correlation_id leads to the node that it was stored for", %{repository: repository, events: events} do
    ids =
      for {event, n} <- Enum.with_index(events),
          {:ok, %{ast_node_id: id}} <- [RuntimeCorrelator.resolve(repository, event.event)] do
        :ok = ASTRepository.store_correlation(repository, "event-#{n}", id)
        {"event-#{n}", id}
      end

    wrong =
      for {event, id} <- ids,
          RuntimeCorrelator.resolve(repository, %{correlation_id: event}, strategy: :correlation_id) !=
            {:ok, %{ast_node_id: id, strategy: :correlation_id, confidence: 1.0}},
          do: event

    assert length(ids) > 600 and wrong == []
  end

  test "what is stated as certain is right more often than what is not", %{
    repository: repository,
    events: events
  } do
    judged =
      for event <- events,
          {:ok, %{confidence: confidence}} <- [
            RuntimeCorrelator.resolve(repository, event.event, strategy: event.strategy)
          ],
          do: {confidence, right?(repository, event)}

    {sure, unsure} = Enum.split_with(judged, fn {confidence, _} -> confidence >= 0.8 end)
    share = fn list -> Enum.count(list, &elem(&1, 1)) / max(length(list), 1) end
    assert share.(sure) >= 0.98
    assert length(unsure) > 0 and share.(sure) >= share.(unsure)
  end
end
