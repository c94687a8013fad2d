defmodule ElixirScope.Instrumentation.LiveTest do
  # Replaces modules.
  use ExUnit.Case, async: false

  # They exist while a test runs, and not when this file is compiled.
  @compile {:no_warn_undefined, [LiveSample.Cart]}

  alias ElixirScope.Error
  alias ElixirScope.Instrumentation.{Result, Selection}

  # Modules with files of their own, on the code path, that nobody else knows.
  setup do
    dir =
      Path.join(System.tmp_dir!(), "elixir_scope-live-#{System.unique_integer([:positive])}-#{System.pid()}")

    File.mkdir_p!(dir)
    Code.prepend_path(dir)

    source = """
    defmodule LiveSample.Cart do
      @doc "Adds."
      def add(a, b), do: a + b
      def wait(from), do: (send(from, :waiting); receive(do: (:go -> still_here(from))))
      def still_here(from), do: send(from, {:done, __MODULE__})
    end
    defmodule LiveSample.Cart.Line do
      def f, do: 1
    end
    defmodule LiveSample.Nif do
      @on_load :init
      def init, do: :ok
    end
    defmodule LiveSampleOther do
      def f, do: 1
    end
    """

    {modules, _} = ExUnit.CaptureIO.with_io(:stderr, fn -> Code.compile_string(source, "live_sample.ex") end)
    for {module, binary} <- modules, do: File.write!(Path.join(dir, "#{module}.beam"), binary)
    for {module, _} <- modules, do: reload(module)

    on_exit(fn ->
      Code.delete_path(dir)
      File.rm_rf!(dir)

      for {module, _} <- modules do
        :code.purge(module)
        :code.delete(module)
        :code.purge(module)
      end
    end)

    %{dir: dir}
  end

  defp reload(module) do
    :code.purge(module)
    :code.delete(module)
    :code.purge(module)
    {:module, _} = :code.load_file(module)
  end

  test "a pattern means the module, and what is below it; again changes nothing; restored is as it was" do
    md5 = LiveSample.Cart.module_info(:md5)
    assert {:ok, %Result{modules: modules, skipped: []}} = ElixirScope.instrument("LiveSample.Cart.*")
    assert modules == [LiveSample.Cart, LiveSample.Cart.Line]
    assert LiveSample.Cart in ElixirScope.instrumented()
    refute LiveSampleOther in ElixirScope.instrumented()
    assert LiveSample.Cart.module_info(:md5) != md5
    assert LiveSample.Cart.add(1, 2) == 3

    assert {:ok, %Result{modules: [], unchanged: ^modules}} = ElixirScope.instrument(modules)

    assert {:ok, %Result{modules: ^modules}} = ElixirScope.uninstrument("LiveSample.*")
    assert LiveSample.Cart.module_info(:md5) == md5
    refute LiveSample.Cart in ElixirScope.instrumented()

    assert {:ok, %Result{modules: [], unchanged: [LiveSample.Cart]}} =
             ElixirScope.uninstrument(LiveSample.Cart)
  end

  test "docs, attributes, file and debug information stay" do
    before =
      {Code.fetch_docs(LiveSample.Cart), LiveSample.Cart.module_info(:attributes),
       :code.which(LiveSample.Cart)}

    {:ok, _} = ElixirScope.instrument(LiveSample.Cart)

    assert {Code.fetch_docs(LiveSample.Cart), LiveSample.Cart.module_info(:attributes),
            :code.which(LiveSample.Cart)} ==
             before

    {:ok, _} = ElixirScope.uninstrument(LiveSample.Cart)
  end

  test "the others of a list are done when one cannot be, and its reason is given" do
    assert {:ok, result} = ElixirScope.instrument([LiveSample.Nif, LiveSample.Cart, NoSuchModule, :lists])
    assert result.modules == [LiveSample.Cart]

    reasons =
      for {module, error} <- result.skipped, into: %{}, do: {module, {error.reason, error.details[:why]}}

    assert reasons == %{
             LiveSample.Nif => {:not_instrumentable, :on_load},
             NoSuchModule => {:no_object_code, nil},
             :lists => {:not_instrumentable, :sticky}
           }

    {:ok, _} = ElixirScope.uninstrument(LiveSample.Cart)
  end

  test "except: leaves out" do
    assert {:ok, %{modules: [LiveSample.Cart.Line]}} =
             ElixirScope.instrument("LiveSample.Cart.*", except: LiveSample.Cart)

    {:ok, _} = ElixirScope.uninstrument("LiveSample.*")
  end

  test "code that processes still run is not thrown away, and no process is killed" do
    parent = self()
    {pid, ref} = spawn_monitor(fn -> LiveSample.Cart.wait(parent) end)
    assert_receive :waiting

    # The process is in what becomes old code: that is allowed once.
    assert {:ok, %{modules: [LiveSample.Cart]}} = ElixirScope.instrument(LiveSample.Cart)

    assert {:error, %Error{reason: :old_code_in_use} = error} = ElixirScope.uninstrument(LiveSample.Cart)
    assert error.details.processes == [pid]
    assert LiveSample.Cart in ElixirScope.instrumented()
    assert Process.alive?(pid)

    send(pid, :go)
    assert_receive {:done, LiveSample.Cart}
    assert_receive {:DOWN, ^ref, _, _, :normal}
    assert {:ok, %{modules: [LiveSample.Cart]}} = ElixirScope.uninstrument(LiveSample.Cart)
  end

  test "an instrumented copy in front of the code path is not taken for the original", %{dir: dir} do
    {:ok, %{binary: binary}} =
      ElixirScope.Instrumentation.instrument_binary(File.read!(Path.join(dir, "#{LiveSample.Cart}.beam")))

    front = Path.join(dir, "front")
    File.mkdir_p!(front)
    File.write!(Path.join(front, "#{LiveSample.Cart}.beam"), binary)
    Code.prepend_path(front)
    reload(LiveSample.Cart)
    assert LiveSample.Cart in ElixirScope.instrumented()
    assert {:ok, %{unchanged: [LiveSample.Cart]}} = ElixirScope.instrument(LiveSample.Cart)
    assert {:ok, %{modules: [LiveSample.Cart]}} = ElixirScope.uninstrument(LiveSample.Cart)
    refute LiveSample.Cart in ElixirScope.instrumented()
    Code.delete_path(front)
  end

  test "an application is a selection" do
    assert {:ok, %{modules: modules}} = ElixirScope.instrument({:app, :eex})
    assert EEx in modules
    assert {:ok, _} = ElixirScope.uninstrument({:app, :eex})
    refute EEx in ElixirScope.instrumented()
  end

  @tag timeout: 300_000
  test "a thousand changes of plan under load: nobody crashes, no answer is wrong, nothing of ours stays" do
    parent = self()

    workers =
      for _ <- 1..4 do
        spawn_link(fn ->
          send(parent, {:calls, self(), work(parent, 0)})
        end)
      end

    plans = [
      [],
      [capture: :all],
      [
        capture: [:args, :result],
        points: [%{function: {:add, 2}, kinds: [:variables], when: quote(do: a > 1)}]
      ],
      [capture: [], points: [%{function: {:add, 2}, custom: quote(do: a + b)}]],
      [points: [%{function: {:add, 2}, kinds: [:args], when: quote(do: b in [1, 2])}], coverage: true]
    ]

    for n <- 1..div(changes(), 2) do
      # Old code that somebody still runs is left to him: then this one change does not happen.
      case ElixirScope.instrument(LiveSample.Cart, Enum.at(plans, rem(n, length(plans)))) do
        {:ok, _} -> :ok
        {:error, %Error{reason: :old_code_in_use}} -> :ok
      end

      # The author's own upgrade comes in between.
      if rem(n, 7) == 0, do: reload(LiveSample.Cart), else: ElixirScope.uninstrument(LiveSample.Cart)
    end

    for pid <- workers, do: send(pid, :stop)

    calls =
      for pid <- workers do
        assert_receive {:calls, ^pid, calls}, 10_000
        calls
      end

    assert Enum.all?(calls, &(&1 > 0))
    {:ok, _} = ElixirScope.uninstrument(LiveSample.Cart)
    refute LiveSample.Cart in ElixirScope.instrumented()
  end

  defp changes, do: "ELIXIR_SCOPE_CHANGES" |> System.get_env("60") |> String.to_integer()

  defp work(parent, n) do
    try do
      5 = LiveSample.Cart.add(2, 3)
    rescue
      # Between its deletion and its loading the author's own reload leaves nothing to call.
      UndefinedFunctionError -> :ok
    end

    receive do
      :stop -> n
    after
      0 -> work(parent, n + 1)
    end
  end

  test "what means nothing, or is nothing, is an error that says so" do
    for bad <- [nil, 1, %{}, [1], self(), {:app, "x"}, [LiveSample.Cart | :x], <<255>>, {1, 2, 3}] do
      assert {:error, %Error{reason: :invalid_argument}} = ElixirScope.instrument(bad), inspect(bad)
      assert {:error, %Error{reason: :invalid_argument}} = ElixirScope.uninstrument(bad), inspect(bad)
    end

    assert {:error, %Error{reason: :not_found}} = ElixirScope.instrument("NoSuch.*")
    assert {:error, %Error{reason: :not_found}} = ElixirScope.instrument([])
    assert {:error, %Error{reason: :not_found}} = ElixirScope.instrument({:app, :no_such_app})
    assert {:error, %Error{reason: :no_object_code}} = ElixirScope.instrument(NoSuch)
    assert {:error, %Error{reason: :not_instrumentable}} = ElixirScope.instrument(ElixirScope.Probe)
    assert {:error, %Error{reason: :not_instrumentable}} = ElixirScope.instrument(:erlang)
  end

  test "patterns" do
    all = [A, A.B, A.B.C, AB, :erl, A.BC]
    filter = fn pattern -> Selection.filter(all, [pattern], fn _ -> nil end) end
    assert filter.("A.*") == [A, A.B, A.B.C, A.BC]
    assert filter.("A.B.*") == [A.B, A.B.C]
    assert filter.("A.B*") == [A.B, A.B.C, A.BC]
    assert filter.("*C") == [A.B.C, A.BC]
    assert filter.("A") == [A]
    assert filter.(":erl") == [:erl]
    assert filter.("*") == all
    assert filter.("A(") == []
  end
end
