defmodule ElixirScope.Property.StatesTest do
  # Loads modules; the capture is the VM's.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture, Instrumentation}
  alias ElixirScope.ASTRepository.TemporalBridge
  alias ElixirScope.Test.Twin

  @moduletag timeout: 300_000

  # A server that does what it is told, and notes its state before and after every callback. `mark/2` notes the real stack.
  @server """
  use GenServer
  @table ElixirScope.StatesTruth

  def init(first), do: noted(nil, {:ok, %{n: first, log: []}, {:continue, {:begin, first}}})
  def handle_continue(what, state), do: noted(state, {:noreply, did(state, what)})
  def handle_call({:set, key, value}, _from, state), do: noted(state, {:reply, state[key], Map.put(state, key, value)})
  def handle_call({:work, n}, _from, state) do
    {result, marks} = work(n, state.n)
    noted(state, {:reply, result, %{state | n: state.n + marks}})
  end
  def handle_call({:slow, what}, _from, state), do: noted(state, {:reply, :ok, did(state, what), 1})
  def handle_call({:fails, what}, _from, state) do
    caught = try do
      fails(what, state)
    rescue
      error in ArgumentError -> error.message
    end
    noted(state, {:reply, caught, did(state, caught)})
  end
  def handle_call({:later, what}, from, state) do
    send(self(), {:answer, from, what})
    noted(state, {:noreply, did(state, {:later, what})})
  end
  def handle_call(:crash, _from, state) do
    noted(state, :crash)
    raise "on purpose"
  end
  def handle_cast({:add, n}, state) when is_integer(n), do: noted(state, {:noreply, %{state | n: state.n + n}, :hibernate})
  def handle_cast({:drop, key}, state), do: noted(state, {:noreply, Map.delete(state, key)})
  def handle_cast(other, state), do: noted(state, {:noreply, did(state, other)})
  def handle_info({:answer, from, what}, state) do
    GenServer.reply(from, what)
    noted(state, {:noreply, did(state, :answered)})
  end
  def handle_info(:timeout, state), do: noted(state, {:noreply, did(state, :timeout)})
  def handle_info(other, state), do: noted(state, {:noreply, did(state, {:info, other})})

  def did(state, what), do: %{state | log: Enum.take([what | state.log], 5)}
  def fails(what, state), do: raise(ArgumentError, inspect({what, state.n}))

  defp noted(before, result) do
    :ets.insert(@table, {:callback, self(), System.unique_integer([:monotonic]), before, result})
    result
  end

  # Code with variables of all kinds: what is visible is told to mark/2, what is real it asks the VM.
  def work(n, from) do
    total = rem(from, 7)
    one = mark(:work, binding())
    {low, high} = split(n, total)
    list = for i <- 1..3, even = rem(i, 2) == 0 do
      mark(:comprehension, binding())
      {i, even}
    end
    total = total + length(list)
    two = mark(:again, binding())
    chosen =
      case low + high do
        sum when sum > 5 ->
          inner = sum * 2
          mark(:big, binding())
          inner
        sum ->
          mark(:small, binding())
          sum
      end
    piped = [low, high] |> Enum.map(fn x ->
      doubled = x * 2
      mark(:closure, binding())
      doubled
    end) |> Enum.sum()
    deep = down(rem(n, 4) + 1, [])
    safe =
      try do
        risky(n)
      rescue
        error in RuntimeError ->
          message = error.message
          mark(:rescued, binding())
          message
      end
    %{left: left, right: [head | _]} = %{left: chosen, right: [piped, deep]}
    three = mark(:end, binding())
    {{left, head, safe}, one + two + three}
  end

  def split(n, total) do
    half = div(n + total, 2)
    mark(:split, binding())
    {half, n + total - half}
  end

  def down(0, acc) do
    mark(:bottom, binding())
    length(acc)
  end
  def down(n, acc) do
    more = [n | acc]
    mark(:down, binding())
    1 + down(n - 1, more)
  end

  def risky(n) when rem(n, 2) == 0 do
    why = "even \#{n}"
    mark(:risky, binding())
    raise why
  end
  def risky(n) do
    fine = n + 1
    mark(:fine, binding())
    fine
  end

  def again(x) do
    y = x + 1
    case y do
      y when y > 0 ->
        y = y * 10
        mark(:inner, binding())
        y
    end
    for i <- 1..300, do: {i}
    mark(:outer, binding())
    y
  end

  def mark(place, visible) do
    {:current_stacktrace, stack} = Process.info(self(), :current_stacktrace)
    :ets.insert(@table, {:mark, self(), System.unique_integer([:monotonic]), place, visible, stack})
    1
  end
  """

  setup_all do
    twin = Twin.compile(@server, capture: [:all])
    module = Twin.load(twin, :instrumented)
    {:ok, carried} = Instrumentation.Carrier.read(twin.instrumented)
    {:ok, _} = ElixirScope.Core.Capture.register_points(module, carried.build, carried.points)
    {:ok, sample: module}
  end

  setup do
    :ets.new(ElixirScope.StatesTruth, [:named_table, :public, :duplicate_bag])
    {:ok, repository} = ASTRepository.new(event_log: [bytes: 500_000_000])
    :ok = Capture.subscribe(repository)
    :ok = Capture.start(overflow: :wait)
    on_exit(fn -> Capture.stop() end)
    {:ok, repository: repository}
  end

  defp rows(kind, pid),
    do:
      :ets.tab2list(ElixirScope.StatesTruth)
      |> Enum.filter(&(elem(&1, 0) == kind and elem(&1, 1) == pid))
      |> Enum.sort_by(&elem(&1, 2))

  defp op(pid) do
    key = Enum.random([:a, :b, :c])
    value = Enum.random([1, "text", [1, 2], %{deep: {:tuple, 1.5}}, nil, self()])

    case :rand.uniform(11) do
      1 -> GenServer.call(pid, {:work, :rand.uniform(20)})
      2 -> GenServer.call(pid, {:slow, value})
      3 -> GenServer.call(pid, {:fails, value})
      4 -> GenServer.call(pid, {:later, value})
      5 -> GenServer.cast(pid, {:add, :rand.uniform(5)})
      6 -> GenServer.cast(pid, {:drop, key})
      7 -> GenServer.cast(pid, {:other, value})
      8 -> send(pid, {:note, value})
      9 -> Process.send_after(pid, {:timer, value}, 1)
      _ -> GenServer.call(pid, {:set, key, value})
    end
  end

  # `:sys.get_state/1` comes after everything that was sent before; nothing happens for a while, and the time lies in it.
  defp look(pid) do
    Process.sleep(4)
    state = :sys.get_state(pid)
    Process.sleep(1)
    at_ns = System.os_time(:nanosecond)
    Process.sleep(1)
    {at_ns, state, :sys.get_state(pid)}
  end

  for seed <- 1..3 do
    test "the state of a server at any time is what :sys.get_state/1 said then (seed #{seed})", context do
      %{repository: repository, sample: module} = context
      :rand.seed(:exsss, {unquote(seed), 5, 9})
      {:ok, pid} = GenServer.start(module, unquote(seed))

      looks =
        for step <- 1..120, reduce: [] do
          looks ->
            op(pid)
            if rem(step, 4) == 0, do: [look(pid) | looks], else: looks
        end

      Process.sleep(5)
      :ok = Capture.flush()

      # Nothing came in between.
      quiet = for {at_ns, state, state} <- looks, do: {at_ns, state}
      assert length(quiet) > 20

      for {at_ns, state} <- quiet do
        {:ok, then} = TemporalBridge.state_at(repository, pid, {:time, at_ns})
        assert then.state == {:ok, state}
        assert {then.status, then.stack} == {:waiting, []}
      end
    end
  end

  test "before, in and after every callback the state is the one that the program had", context do
    %{repository: repository, sample: module} = context
    :rand.seed(:exsss, {11, 5, 9})
    {:ok, pid} = GenServer.start(module, 11)
    for _ <- 1..80, do: op(pid)
    Process.sleep(5)
    GenServer.call(pid, {:set, :last, true})
    ExUnit.CaptureLog.capture_log(fn -> catch_exit(GenServer.call(pid, :crash)) end)
    :ok = Capture.flush()

    {:ok, events} =
      TemporalBridge.get_events_for_process(repository, pid,
        types: [:call, :return, :error, :aborted],
        limit: 100_000
      )

    names = ~w(init handle_continue handle_call handle_cast handle_info)a
    begun = for %{function: name, event_type: :call} = event <- events, name in names, do: event
    callbacks = rows(:callback, pid)
    assert length(begun) == length(callbacks)

    for {{call, next}, {:callback, _, _, before, result}} <-
          Enum.zip(Enum.zip(begun, tl(begun) ++ [nil]), callbacks) do
      {:ok, within} = TemporalBridge.state_at(repository, pid, call.event_id)
      assert {within.status, for(frame <- within.stack, do: frame.function)} == {:running, [call.function]}
      if call.function != :init, do: assert(within.state == {:ok, before})

      # Right before the next one began.
      if next do
        {:ok, cursor} = TemporalBridge.step(repository, next.event_id, {:back, :into})
        {:ok, then} = TemporalBridge.state_at(repository, pid, cursor)
        assert {then.state, then.stack} == {{:ok, state_of(result)}, []}
      else
        assert {result, call.function} == {:crash, :handle_call}
      end
    end
  end

  defp state_of({:ok, state, _}), do: state
  defp state_of({:reply, _, state}), do: state
  defp state_of({:reply, _, state, _}), do: state
  defp state_of({:noreply, state}), do: state
  defp state_of({:noreply, state, _}), do: state

  test "stack and variables are those that the program itself saw", context do
    %{repository: repository, sample: module} = context

    pid =
      spawn(fn ->
        for n <- 1..12, do: module.work(n, n * 3)
        receive do: (:end -> :ok)
      end)

    wait_until(fn -> length(rows(:mark, pid)) > 0 and Process.info(pid, :status) == {:status, :waiting} end)
    :ok = Capture.flush()
    {:ok, calls} = TemporalBridge.get_events_for_process(repository, pid, types: [:call], limit: 100_000)
    marks = rows(:mark, pid)
    entered = Enum.filter(calls, &(&1.function == :mark))
    assert length(entered) == length(marks)

    for {call, {:mark, _, _, place, visible, stack}} <- Enum.zip(entered, marks) do
      {:ok, then} = TemporalBridge.state_at(repository, pid, call.event_id)

      real =
        for {^module, name, arity, _} <- stack,
            not String.starts_with?(Atom.to_string(name), "-"),
            do: {name, arity}

      # The VM tells of equal frames that follow each other once.
      told = for frame <- then.stack, do: {frame.function, frame.arity}
      assert {place, Enum.dedup(told)} == {place, Enum.dedup(real)}

      [_mark, caller | _] = then.stack

      for {name, value} <- visible,
          do: assert({place, name, caller.bindings[name]} == {place, name, {:ok, value}})
    end
  end

  test "of a name that is bound again every version is told, and what is held no more is said", context do
    %{repository: repository, sample: module} = context
    assert module.again(1) == 2
    :ok = Capture.flush()
    {:ok, calls} = TemporalBridge.get_events_for_process(repository, self(), types: [:call])
    [inner, outer] = for %{function: :mark} = call <- calls, do: call

    {:ok, then} = TemporalBridge.state_at(repository, self(), inner)
    [_mark, frame] = then.stack
    assert frame.bindings == %{x: {:ok, 1}, y: {:ok, 20}}

    assert [{:x, _, {:ok, 1}}, {:y, one, {:ok, 2}}, {:y, two, {:ok, 2}}, {:y, three, {:ok, 20}}] =
             frame.versions

    assert one < two and two < three
    refute Keyword.has_key?(then.missing, :bindings)

    {:ok, then} = TemporalBridge.state_at(repository, self(), outer)
    assert {:bindings, _} = List.keyfind(then.missing, :bindings, 0)
  end

  defp wait_until(fun) do
    if not fun.() do
      Process.sleep(5)
      wait_until(fun)
    end
  end

  test "steps visit every event once, and back again", %{repository: repository, sample: module} do
    pid =
      spawn(fn ->
        for n <- 1..3, do: module.work(n, n)
        receive do: (:end -> :ok)
      end)

    wait_until(fn -> length(rows(:mark, pid)) > 0 and Process.info(pid, :status) == {:status, :waiting} end)
    :ok = Capture.flush()

    {:ok, all} = TemporalBridge.get_events_for_process(repository, pid, types: types(), limit: 100_000)
    ids = Enum.map(all, & &1.event_id)
    assert length(ids) > 200
    assert walk(repository, hd(ids), {:forward, :into}) == ids
    assert walk(repository, List.last(ids), {:back, :into}) == Enum.reverse(ids)

    by_id = Map.new(all, &{&1.event_id, &1})

    ends =
      for event <- all,
          event.event_type in [:return, :tail, :error],
          into: %{},
          do: {event.correlation_id, event.event_id}

    # From a beginning over is its end, and from there back over is the beginning; from inside out the same.
    for %{event_type: :call} = event <- all, the_end = ends[event.correlation_id] do
      {:ok, over} = TemporalBridge.step(repository, event.event_id, {:forward, :over})
      assert over.event.event_id == the_end
      {:ok, back} = TemporalBridge.step(repository, over, {:back, :over})
      assert back.event.event_id == event.event_id
      {:ok, inside} = TemporalBridge.step(repository, event.event_id, {:forward, :into})

      if by_id[inside.event.event_id].event_type not in [:call, :return, :tail, :error] do
        {:ok, out} = TemporalBridge.step(repository, inside, {:forward, :out})
        assert out.event.event_id == the_end
        {:ok, out} = TemporalBridge.step(repository, inside, {:back, :out})
        assert out.event.event_id == event.event_id
      end
    end
  end

  defp types,
    do:
      ~w(call return tail error aborted lost binding expression branch message_sent message_received exception custom)a

  defp walk(repository, from, motion) do
    Stream.unfold(from, fn
      nil ->
        nil

      id ->
        {:ok, cursor} = TemporalBridge.step(repository, id, motion)
        {id, cursor && cursor.event.event_id}
    end)
    |> Enum.to_list()
  end
end
