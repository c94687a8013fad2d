defmodule ElixirScope.ASTRepository.TemporalBridge.NodesTest do
  # The capture is the VM's.
  use ExUnit.Case, async: false

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.TemporalBridge

  @moduletag :tmp_dir
  @file_name "lib/nodes_sample.ex"

  @source """
  defmodule NodesSample do
    def price(0, _), do: :free

    def price(n, limit) do
      double = n * 2
      kind = if double > limit, do: dear(double), else: :cheap
      [double, n] |> Enum.map(fn x -> x + 1 end) |> Enum.sum()
      {kind, String.length(inspect(kind))}
    end

    def dear(n) do
      case rem(n, 3) do
        0 -> {:dear, n}
        other -> {:odd, other}
      end
    end
  end
  """

  setup %{tmp_dir: dir} do
    write(dir, %{@file_name => @source})
    debug_info = Code.get_compiler_option(:debug_info)
    Code.put_compiler_option(:debug_info, true)
    [{module, binary}] = compile()
    Code.put_compiler_option(:debug_info, debug_info)
    ebin = Path.join(dir, "ebin")
    File.mkdir_p!(ebin)
    File.write!(Path.join(ebin, "#{module}.beam"), binary)
    Code.prepend_path(ebin)
    :code.purge(module)
    :code.delete(module)
    {:module, _} = :code.load_file(module)

    repo = repository()
    {:ok, %{errors: []}} = ASTRepository.import_project(repo, dir)
    :ok = Capture.subscribe(repo)
    :ok = Capture.start(overflow: :wait)
    {:ok, _} = ElixirScope.instrument([module], capture: [:all])

    on_exit(fn ->
      ElixirScope.uninstrument([module])
      Capture.stop()
      Code.delete_path(ebin)
      :code.purge(module)
      :code.delete(module)
    end)

    for n <- 0..20, do: apply(NodesSample, :price, [n, 9])
    :ok = Capture.flush()
    %{repo: repo}
  end

  # With columns, as the compiler of a project has it.
  defp compile do
    before = Code.get_compiler_option(:parser_options)
    Code.put_compiler_option(:parser_options, Keyword.put(before, :columns, true))
    compiled = Code.compile_string(@source, @file_name)
    Code.put_compiler_option(:parser_options, before)
    compiled
  end

  # Everything, with ends, as the plain range gives it: what is told of nodes is a part of it.
  defp all(repo) do
    types = [:call, :return, :tail, :error, :binding, :expression, :branch, :message_sent, :exception]
    {:ok, events} = TemporalBridge.get_all_events(repo, types: types, limit: 100_000)
    events
  end

  @own [:call, :return, :tail, :error]
  @inner [:binding, :expression, :branch]

  defp ids(events), do: Enum.map(events, & &1.event_id)

  # Parsed by Elixir itself: every node that has a place, with the places inside of it.
  defp places(quoted) do
    {_, nodes} = Macro.prewalk(quoted, [], fn node, acc -> {node, [{place(node), inside(node)} | acc]} end)
    for {{_, _} = place, inside} <- nodes, do: {place, inside}
  end

  defp inside(node) do
    {_, places} = Macro.prewalk(node, [], fn inner, acc -> {inner, [place(inner) | acc]} end)
    MapSet.new(places)
  end

  defp place({_, meta, _}) when is_list(meta), do: meta[:line] && {meta[:line], meta[:column]}
  defp place(_), do: nil

  defp node_at(repo, {line, column}) do
    with {:ok, id} <- ASTRepository.correlate_event(repo, %{file: @file_name, line: line, column: column}),
         {:ok, %{line: ^line, column: ^column}} <- ASTRepository.get_node_location(repo, id),
         do: id,
         else: (_ -> nil)
  end

  # `if` becomes a `case` that has a line only.
  defp if?(event, places), do: event.line == 6 and event.column == nil and {6, 12} in places

  test "an expression's node has the events of its place, and within it those of every place in it", %{
    repo: repo
  } do
    everything = all(repo)
    assert Enum.any?(everything, &(&1.event_type == :binding))
    assert Enum.any?(everything, &(&1.event_type == :expression))
    quoted = Code.string_to_quoted!(@source, columns: true)
    opts = [types: @inner, limit: 100_000]

    asked =
      for {place, inside} <- places(quoted), id = node_at(repo, place), String.contains?(id, ":") do
        {:ok, own} = TemporalBridge.get_events_for_node(repo, id, opts)
        {:ok, within} = TemporalBridge.get_events_for_node(repo, id, [within: true] ++ opts)

        inner = for e <- everything, e.event_type in @inner, do: e
        at = fn places -> for e <- inner, {e.line, e.column} in places or if?(e, places), do: e end
        expected = at.([place])
        # Of two nodes at one place the outer one has the events.
        assert ids(own) in [ids(expected), []]
        assert Enum.all?(own, &(&1.ast_node_id == id))
        assert ids(within) == ids(at.(inside)) or own == []
        {id, length(own), length(within)}
      end

    assert Enum.count(asked, fn {_, own, _} -> own > 0 end) > 10
    assert Enum.count(asked, fn {_, own, within} -> within > own end) > 5
  end

  test "every recorded event is told of its own node", %{repo: repo} do
    inner = for e <- all(repo), e.event_type in @inner, do: e

    for {id, events} <- Enum.group_by(inner, & &1.ast_node_id) do
      {:ok, told} = TemporalBridge.get_events_for_node(repo, id, types: @inner, limit: 100_000)
      assert ids(told) == ids(events), id
    end
  end

  test "a clause has its calls, and within it all that happened there", %{repo: repo} do
    everything = all(repo)
    calls = for %{event_type: :call, function: :price} = e <- everything, do: e
    clauses = calls |> Enum.map(& &1.ast_node_id) |> Enum.uniq()
    assert length(clauses) == 2

    for id <- clauses do
      own = for e <- everything, e.ast_node_id == id, do: e
      assert Enum.all?(own, &(&1.event_type in @own))
      types = @own ++ @inner
      {:ok, told} = TemporalBridge.get_events_for_node(repo, id, types: types, limit: 100_000)
      assert ids(told) == ids(own)
      {:ok, within} = TemporalBridge.get_events_for_node(repo, id, types: types, limit: 100_000, within: true)
      inside = for e <- everything, String.starts_with?(e.ast_node_id, id), do: e
      assert ids(within) == ids(inside)
    end

    {:ok, function} = TemporalBridge.get_events_for_node(repo, "NodesSample.price/2", limit: 100_000)

    assert ids(function) ==
             for(
               %{function: :price, event_type: t} = e <- everything,
               t not in [:return, :tail, :error],
               do: e.event_id
             )
  end

  test "events that callers brought belong to nodes, too", %{repo: repo} do
    [call | _] = for %{event_type: :call, function: :dear} = e <- all(repo), do: e
    clause = call.ast_node_id
    node = node_at(repo, {12, 5})
    assert node =~ clause

    for id <- [clause, node, "NodesSample.dear/1", "NodesSample.price/2"],
        do: :ok = TemporalBridge.store_event(repo, %{event_type: :mine, timestamp: 5, ast_node_id: id})

    told = fn id, opts ->
      {:ok, events} = TemporalBridge.get_events_for_node(repo, id, [types: [:mine]] ++ opts)
      Enum.map(events, & &1.ast_node_id)
    end

    assert told.(node, []) == [node]
    assert told.(clause, []) == [clause]
    assert told.(clause, within: true) == [clause, node]
    assert told.("NodesSample.dear/1", []) == [clause, node, "NodesSample.dear/1"]
    assert length(told.("NodesSample", [])) == 4
  end

  test "what is no node, or no answer to within, is an error", %{repo: repo} do
    assert {:error, %{reason: :not_found}} = TemporalBridge.get_events_for_node(repo, "NoSuch.f/1")

    assert {:error, %{reason: :invalid_argument}} =
             TemporalBridge.get_events_for_node(repo, "NodesSample", within: 1)
  end
end
