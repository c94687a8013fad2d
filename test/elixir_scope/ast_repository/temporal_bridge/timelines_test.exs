defmodule ElixirScope.ASTRepository.TemporalBridge.TimelinesTest do
  # Loads modules, traces; the capture is the VM's.
  use ExUnit.Case, async: false

  import ElixirScope.Test.CodeFixtures, only: [write: 2]

  alias ElixirScope.{ASTRepository, Capture, Core, Instrumentation, Report}
  alias ElixirScope.ASTRepository.{ExecutionTimeline, Repository, RuntimeEvent, TemporalBridge}
  alias ElixirScope.Test.{Program, Twin}

  @moduletag :tmp_dir
  @moduletag timeout: 300_000

  @body """
  def total(items), do: sum(items, 0)
  defp sum([], acc), do: acc
  defp sum([x | rest], acc) do
    cost = price(x)
    sum(rest, acc + cost)
  end
  def price(x) when x > 100, do: raise(ArgumentError, "too dear")
  def price(x), do: x * 2 + tax(x)
  def tax(_), do: nil || 1
  def ask(pid) do
    send(pid, {:ask, self()})
    receive do
      {:answer, value} -> {:got, value}
    end
  end
  def safe(x) do
    {:ok, price(x)}
  rescue
    error in ArgumentError -> {:no, error.message}
  end
  """

  setup %{tmp_dir: dir} do
    {:ok, repo} = ASTRepository.new()
    on_exit(fn -> Capture.stop() end)
    {:ok, repo: repo, dir: dir}
  end

  defp observed(body, %{repo: repo, dir: dir}, options) do
    twin = Twin.compile(body, options)

    write(dir, %{
      "lib/twin.ex" => "#{options[:prelude]}\n\ndefmodule #{inspect(twin.module)} do\n#{body}\nend\n"
    })

    {:ok, %{errors: []}} = ASTRepository.import_project(repo, dir)
    module = Twin.load(twin, :instrumented)
    {:ok, carried} = Instrumentation.Carrier.read(twin.instrumented)
    {:ok, _} = Core.Capture.register_points(module, carried.build, carried.points)
    :ok = Capture.subscribe(repo)
    :ok = Capture.start(overflow: :wait)
    module
  end

  defp timeline(repo, target, opts \\ []) do
    {:ok, timeline} = TemporalBridge.execution_timeline(repo, target, opts)
    timeline
  end

  # Depth, what, and what came of it.
  defp brief(%ExecutionTimeline{entries: entries}) do
    for %{event: event} = entry <- entries do
      case entry.kind do
        :call -> {entry.depth, event.function, event.arguments, event.result, event.result_value}
        :end -> {entry.depth, :end, event.function, event.event_type}
        kind -> {entry.depth, kind, event.variable, event.value}
      end
    end
  end

  test "who called whom, with values, of a process, an activation, a function", context do
    %{repo: repo} = context
    module = observed(@body, context, capture: [:args, :result, :variables, :messages, :exceptions])
    assert module.total([1, 2]) == 8
    assert module.safe(101) == {:no, "too dear"}
    :ok = Capture.flush()

    all = timeline(repo, self())

    assert brief(all) ==
             [
               {0, :total, [[1, 2]], :tail, nil},
               {0, :sum, [[1, 2], 0], :tail, nil},
               {1, :price, [1], :return, 3},
               {2, :tax, [1], :return, 1},
               {1, :end, :price, :return},
               {1, :binding, :cost, 3},
               {0, :end, :sum, :tail},
               {0, :sum, [[2], 3], :tail, nil},
               {1, :price, [2], :return, 5},
               {2, :tax, [2], :return, 1},
               {1, :end, :price, :return},
               {1, :binding, :cost, 5},
               {0, :end, :sum, :tail},
               {0, :sum, [[], 8], :return, 8},
               {0, :safe, [101], :return, {:no, "too dear"}},
               {1, :price, [101], :error, nil},
               {1, :exception, nil, {:error, %ArgumentError{message: "too dear"}}},
               {0, :end, :safe, :return}
             ]
             |> then(&insert_error(&1, brief(all)))

    assert all.activations == 10 and all.processes == [inspect(self())] and not all.truncated
    [first | _] = all.entries
    assert %{jump: false, parent: nil} = first
    assert %{jump: true, parent: nil} = Enum.at(all.entries, 1)
    assert Enum.at(all.entries, 2).parent == Enum.at(all.entries, 1).event.correlation_id

    # One activation, with what its jumps went on as, and nothing after.
    own = timeline(repo, first.event.correlation_id)
    assert brief(own) == all |> brief() |> Enum.take(14)
    assert own.ast_node_id == first.event.ast_node_id and not own.truncated
    assert %{truncated: true, entries: [_, _, _]} = timeline(repo, first.event.correlation_id, limit: 3)
    assert brief(timeline(repo, first.event)) == brief(own)

    # A function, a clause, a module.
    assert [{0, :price, [1], _, 3}, {1, :tax, _, _, _}, {0, :end, :price, :return} | _] =
             brief(timeline(repo, {module, :price, 1}))

    tax = timeline(repo, "#{inspect(module)}.tax/1", limit: 1)
    assert [{0, :tax, [2], :return, 1}] = brief(tax)
    assert tax.truncated
    assert brief(timeline(repo, module)) == brief(all)

    # Chosen.
    assert Enum.map(brief(timeline(repo, self(), types: [:binding])), &elem(&1, 2)) -- [:error] == [
             :cost,
             :cost
           ]

    assert Enum.all?(timeline(repo, self(), depth: 0).entries, &(&1.depth == 0))
    assert %{truncated: true, entries: [_, _, _]} = timeline(repo, :all, limit: 3)
    assert List.last(timeline(repo, :all, limit: 3).entries) == List.last(all.entries)
    assert hd(timeline(repo, :all, limit: 3, newest_first: false).entries).event == first.event
    from = Enum.at(all.entries, 7).event.timestamp
    assert timeline(repo, {from, all.to}).from == from

    # The other ways to the same.
    {:ok, timelines} = Repository.fetch(repo, :execution_timelines)
    assert %ExecutionTimeline{activations: 3} = timelines["#{inspect(module)}.price/1"]
    {:ok, %{execution_history: history}} = ASTRepository.get_function(repo, {module, :price, 1})
    assert Enum.map(history, &{&1.arguments, &1.result}) == [{[1], :return}, {[2], :return}, {[101], :error}]
    {:ok, since} = ASTRepository.get_module(repo, module)
    assert DateTime.diff(DateTime.utc_now(), since.first_instrumented) in 0..60
  end

  defp insert_error(expected, got) do
    # `error in ArgumentError` binds, right after the exception was seen.
    case Enum.find_index(got, &match?({_, :binding, :error, _}, &1)) do
      nil -> expected
      index -> List.insert_at(expected, index, Enum.at(got, index))
    end
  end

  test "a jump into code that is not observed ends what is told of an activation", context do
    %{repo: repo} = context

    module =
      observed(
        "def top(x) do\n  y = mid(x)\n  {y, leaf(y)}\nend\ndef mid(x), do: Enum.sum(x)\ndef leaf(y), do: y",
        context,
        capture: [:args, :variables]
      )

    assert module.top([1, 2]) == {3, 3}
    :ok = Capture.flush()
    [_, %{event: mid} | _] = timeline(repo, self()).entries
    assert [{0, :mid, [[1, 2]], :tail, nil}] = brief(timeline(repo, mid))
    assert [{0, :mid, _, :tail, _}] = brief(timeline(repo, {module, :mid, 1}))
  end

  test "what stands at a node is found there, of every kind, with its value", context do
    %{repo: repo} = context

    module =
      observed(@body, context, capture: [:args, :result, :variables, :messages, :branches, :expressions])

    server =
      spawn_link(fn ->
        receive do
          {:ask, from} -> send(from, {:answer, 42})
        end
      end)

    assert module.ask(server) == {:got, 42}
    assert module.total([5]) == 11
    :ok = Capture.flush()

    {:ok, events} = ASTRepository.get_correlated_events(repo, "#{inspect(module)}.ask/1")
    by_type = Enum.group_by(events, & &1.event_type)
    me = self()
    assert [%{arguments: [^server], result_value: {:got, 42}}] = by_type.call
    assert [%{value: {:ask, ^me}, peer: ^server}] = by_type.message_sent
    assert [%{value: {:answer, 42}}] = by_type.message_received
    assert [%{variable: :value, value: 42} = bound] = by_type.binding
    assert [_] = by_type.branch
    refute Enum.any?(events, &RuntimeEvent.truncated?/1)

    # Each stands at the node that it is of, which lies in its function.
    {:ok, {:value, _, nil}} = ASTRepository.get_ast_node(repo, bound.ast_node_id)
    {:ok, {:->, _, [[taken], _]}} = ASTRepository.get_ast_node(repo, hd(by_type.branch).ast_node_id)
    assert Macro.to_string(taken) == "{:answer, value}"
    {:ok, {:send, _, _}} = ASTRepository.get_ast_node(repo, hd(by_type.message_sent).ast_node_id)
    assert {:ok, [^bound]} = ASTRepository.get_correlated_events(repo, bound.ast_node_id)
    assert [%{kind: :binding, event: ^bound, depth: 0}] = timeline(repo, bound.ast_node_id).entries
    clause_id = hd(by_type.branch).ast_node_id
    assert {:ok, inside} = ASTRepository.get_correlated_events(repo, clause_id)
    assert bound in inside and hd(by_type.branch) in inside
    refute Enum.any?(inside, &(&1.event_type == :call))

    assert {:ok, [%{event_type: :binding}]} =
             ASTRepository.get_correlated_events(repo, "#{inspect(module)}.ask/1", types: [:binding])

    # nil is a value, too.
    [tax] =
      for %{event: event} <- timeline(repo, {module, :tax, 1}).entries, event.event_type == :call, do: event

    assert RuntimeEvent.recorded(tax, :result_value) == {:ok, 1}

    assert {:error, %{reason: :unknown, hint: hint}} =
             ASTRepository.get_correlated_events(repo, "#{inspect(module)}.ask/1", types: [:bindng])

    assert hint =~ ":binding"

    assert {:error, %{reason: :unknown}} =
             ASTRepository.get_correlated_events(repo, bound.ast_node_id, limits: 1)
  end

  test "fields of the repository are computed from the log, and wrong ones named", context do
    %{repo: repo} = context
    module = observed(@body, context, capture: [:args, :result, :variables, :messages])
    assert module.total([1, 2, 3]) == 15
    :ok = Capture.flush()

    {:ok, ranges} = Repository.fetch(repo, :temporal_correlation)
    {:ok, all} = TemporalBridge.get_all_events(repo)
    assert map_size(ranges) in 1..60

    assert ranges |> Map.values() |> List.flatten() |> Enum.sort() ==
             all |> Enum.map(& &1.event_id) |> Enum.sort()

    for {{from, to}, ids} <- ranges,
        event <- all,
        event.event_id in ids,
        do: assert(event.timestamp in from..to)

    assert {:ok, %{capturing: true, log: %{kept: kept}, capture: %{offered: _}}} =
             Repository.fetch(repo, :runtime_event_bridge)

    assert kept > 0
    assert {:ok, edges} = Repository.fetch(repo, :causal_relationships)
    assert Enum.any?(edges, fn {_, edge} -> edge.kind == :tail end)
    assert {:ok, %{} = _} = Repository.fetch(repo, :pattern_matches)

    for field <- Map.keys(Map.from_struct(%Repository{})) -- [:ref, :pid],
        do: assert({^field, {:ok, _}} = {field, Repository.fetch(repo, field)})

    assert {:error, %{reason: :unknown, details: %{nearest: :execution_timelines}}} =
             Repository.fetch(repo, :execution_timeline)
  end

  test "wrong questions are errors that say what is right", %{repo: repo} do
    ask = &TemporalBridge.execution_timeline(repo, &1, &2)
    assert {:error, %{reason: :invalid_argument}} = ask.({:what}, [])
    assert {:error, %{reason: :not_found}} = ask.(123, [])
    assert {:error, %{reason: :not_found}} = ask.("A.f/0", [])
    assert {:ok, %{entries: []}} = ask.({A, :f, 0}, [])
    assert {:error, %{reason: :unknown, details: %{nearest: :limit}}} = ask.(:all, limits: 1)
    assert {:error, %{reason: :unknown, details: %{nearest: :binding}}} = ask.(:all, types: [:bindings])
    assert {:error, %{reason: :invalid_argument}} = ask.(:all, limit: 0)
    assert {:error, %{reason: :invalid_argument}} = ask.(:all, from: :now)
    assert {:error, %{reason: :not_found}} = TemporalBridge.execution_timeline(:none, :all)
    assert {:error, %{reason: :unknown}} = TemporalBridge.variable_lifecycle(repo, {A, :f, 0}, nam: :x)
    assert {:error, %{reason: :invalid_argument}} = TemporalBridge.variable_lifecycle(repo, self(), [])
    assert {:error, %{reason: :not_found}} = TemporalBridge.variable_lifecycle(repo, "A.f/0", [])
  end

  # The VM's own word: which calls, in which order, with which arguments, from where.
  test "calls and their callers are those that :erlang.trace tells, over generated programs", context do
    ExUnit.CaptureIO.capture_io(:stderr, fn -> Code.compile_string(Program.prelude(), "lib/parts.ex") end)

    totals =
      for seed <- 1..25 do
        {:ok, repo} = ASTRepository.new()
        dir = Path.join(context.tmp_dir, "#{seed}")
        module = observed(Program.source(seed), %{repo: repo, dir: dir}, capture: [:args, :result])
        {pid, told} = traced(module)
        :ok = Capture.flush()
        Capture.unsubscribe(repo)

        calls = for %{kind: :call} = entry <- timeline(repo, pid, limit: 20_000).entries, do: entry
        names = Map.new(calls, &{&1.event.correlation_id, {&1.event.function, &1.event.arity}})

        got = for %{event: event} <- calls, do: {event.function, plain(event.arguments)}
        assert {seed, got} == {seed, for({name, arguments, _} <- told, do: {name, plain(arguments)})}

        parents =
          for {%{parent: parent}, {_, _, caller}} <- Enum.zip(calls, told), caller != :elsewhere do
            assert {seed, names[parent]} == {seed, caller}
            caller
          end

        {length(got), length(parents)}
      end

    assert Enum.sum(Enum.map(totals, &elem(&1, 0))) > 25 * 20
    assert Enum.sum(Enum.map(totals, &elem(&1, 1))) > 25 * 10
  end

  defp traced(module) do
    parent = self()

    pid =
      spawn_link(fn ->
        {:ok, device} = StringIO.open("")
        Process.group_leader(self(), device)

        receive do
          :go -> :ok
        end

        try do
          module.run()
        catch
          _, _ -> :failed
        end

        send(parent, {:done, self()})
      end)

    :erlang.trace_pattern({module, :_, :_}, [{:_, [], [{:message, {:caller}}]}], [:local])
    :erlang.trace(pid, true, [:call])
    send(pid, :go)
    assert_receive {:done, ^pid}, 30_000
    told = told(pid, module, [])
    :erlang.trace_pattern({module, :_, :_}, false, [:local])
    {pid, told}
  end

  defp told(pid, module, found) do
    receive do
      {:trace, ^pid, :call, {^module, name, arguments}, caller} ->
        found = if author?(name), do: [{name, arguments, caller(caller, module)} | found], else: found

        told(pid, module, found)
    after
      200 -> Enum.reverse(found)
    end
  end

  # Anonymous functions and what the compiler makes are no calls of the author's.
  defp author?(name), do: not String.starts_with?(Atom.to_string(name), ["-", "__", "MACRO-"])

  defp caller({module, name, arity}, module),
    do: if(author?(name), do: {name, arity}, else: :elsewhere)

  defp caller(_, _), do: :elsewhere

  defp plain(%ElixirScope.Value.Opaque{kind: kind}), do: kind
  defp plain(value) when is_function(value), do: :function
  defp plain(value) when is_pid(value), do: :pid
  defp plain(value) when is_reference(value), do: :reference
  defp plain(value) when is_tuple(value), do: value |> Tuple.to_list() |> plain() |> List.to_tuple()
  defp plain(%{} = value), do: value |> Map.to_list() |> plain()
  defp plain([head | tail]), do: [plain(head) | plain(tail)]
  defp plain(value), do: value

  test "a timeline is shown, and saved repositories have one, too", context do
    %{repo: repo, dir: dir} = context
    module = observed(@body, context, capture: [:args, :result, :variables, :messages, :exceptions])
    module.total([1, 2])
    module.safe(101)
    :ok = Capture.flush()
    live = timeline(repo, self())
    text = Report.Timeline.render(live, width: 120, code: Report.Timeline.code_of(repo))
    name = inspect(module)
    assert text =~ ~r/Timeline of #PID<.*>: 10 calls, \d+ entries in #PID<.*>, .+ from 20/u
    assert text =~ ~r/^ +0 µs  #{name}\.total\(\[1, 2\]\) ⇢ went on by a tail call .* +lib\/twin\.ex:\d+$/um
    assert text =~ ~r/  ↳ #{name}\.sum\(\[1, 2\], 0\) +lib/u
    assert text =~ ~r/    #{name}\.price\(1\) +lib/u
    assert text =~ ~r/      #{name}\.tax\(1\) → 1  [\d.]+ .s +lib/u
    assert text =~ ~r/    → 3  [\d.]+ .s  #{name}\.price\/1/u
    assert text =~ ~r/    cost = 3 /u
    assert text =~ ~r/#{name}\.price\(101\) ✗ ArgumentError/u
    assert text =~ ~r/caught error: %ArgumentError\{message: "too dear"\}/u
    assert Enum.all?(String.split(text, "\n"), &(String.length(&1) <= 120))

    # Another VM's processes have names, no pids.
    path = Path.join(dir, "saved.scope")
    :ok = ASTRepository.save(repo, path)
    {:ok, saved} = ASTRepository.load(path)
    again = timeline(saved, inspect(self()))
    assert brief(again) == brief(live)
    assert again.processes == [inspect(self())]
    assert Enum.all?(again.entries, &(&1.event.pid == nil))
    assert again.gaps.dropped == nil
    assert {:ok, text} = Report.Timeline.Document.encode(again)

    assert %{"schema" => "elixir_scope.timeline", "entries" => entries} =
             ElixirScope.Test.PythonJSON.read(text)

    assert length(entries) == length(live.entries)

    assert %{"kind" => "call", "arguments" => ["[1, 2]"], "depth" => 0, "function" => function} = hd(entries)
    assert function == "#{name}.total/1"

    # At a prompt.
    shown =
      ExUnit.CaptureIO.capture_io(fn ->
        assert :ok = ElixirScope.timeline(repo, {module, :tax, 1}, width: 100)
      end)

    assert shown =~ "#{name}.tax(1) → 1"
    assert {:error, %{reason: :not_found}} = ElixirScope.timeline(repo, 5)
  end
end
