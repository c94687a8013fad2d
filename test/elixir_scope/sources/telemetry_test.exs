defmodule ElixirScope.Sources.TelemetryTest do
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture, Sources}
  alias ElixirScope.ASTRepository.{CallSites, RuntimeCorrelator}

  @source """
  defmodule Emits do
    @prefix [:emits, :kept]

    def once(x) do
      :telemetry.execute([:emits, :once], %{x: x}, %{})
    end

    def two(1), do: :telemetry.execute([:emits, :two], %{x: 1})

    def two(2) do
      :telemetry.execute([:emits, :two], %{x: 2})
    end

    def timed(x) do
      :telemetry.span([:emits, :timed], %{x: x}, fn -> {x, %{}} end)
    end

    def kept, do: :telemetry.execute(@prefix ++ [:done], %{}, %{})

    def open(what) do
      :telemetry.execute([:emits, what, :open], %{}, %{})
    end
  end
  """

  setup_all do
    dir = Path.join(System.tmp_dir!(), "elixir_scope-emits-#{System.pid()}")
    File.mkdir_p!(Path.join(dir, "lib"))
    File.write!(Path.join(dir, "lib/emits.ex"), @source)
    on_exit(fn -> File.rm_rf!(dir) end)
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, dir)
    %{repository: repository, dir: dir}
  end

  defp resolve(repository, name), do: RuntimeCorrelator.resolve(repository, %{event_name: name})
  defp line(repository, id), do: ASTRepository.get_node_location(repository, id) |> elem(1) |> Map.get(:line)

  describe "call sites" do
    test "are found by the names they emit", %{repository: repository} do
      assert Enum.sort(Map.keys(CallSites.telemetry(repository))) ==
               Enum.sort([
                 [:emits, :once],
                 [:emits, :two],
                 [:emits, :timed, :start],
                 [:emits, :timed, :stop],
                 [:emits, :timed, :exception],
                 [:emits, :kept, :done],
                 [:emits, :_, :open]
               ])
    end

    test "one is nearly certain, several share it and say so, an open name is less", %{repository: repository} do
      assert {:ok, %{ast_node_id: id, confidence: 0.95, strategy: :pattern_based} = one} =
               resolve(repository, [:emits, :once])

      refute Map.has_key?(one, :ambiguous)
      assert line(repository, id) == 5
      assert {:ok, ^id} = ASTRepository.correlate_event(repository, %{event_name: [:emits, :once]})

      assert {:ok, %{ambiguous: true, confidence: 0.475, candidates: candidates}} =
               resolve(repository, [:emits, :two])

      assert Enum.sort(for one <- candidates, do: line(repository, one.ast_node_id)) == [8, 11]

      for last <- [:start, :stop, :exception] do
        assert {:ok, %{ast_node_id: id, confidence: 0.95}} = resolve(repository, [:emits, :timed, last])
        assert line(repository, id) == 15
      end

      assert {:ok, %{ast_node_id: id}} = resolve(repository, [:emits, :kept, :done])
      assert line(repository, id) == 18
      assert {:ok, %{confidence: 0.6}} = resolve(repository, [:emits, :anything, :open])
      assert {:error, _} = resolve(repository, [:emits, :nothing])
    end

    test "follow the source", %{repository: _} do
      {:ok, repository} = ASTRepository.new()
      quoted = Code.string_to_quoted!("defmodule A do\n  def f, do: :telemetry.execute([:a, :b], %{})\nend")

      :ok =
        ASTRepository.store_module(repository, %ASTRepository.ModuleData{
          module_name: A,
          ast: quoted,
          source_file: "a.ex"
        })

      assert {:ok, _} = resolve(repository, [:a, :b])
      quoted = Code.string_to_quoted!("defmodule A do\n  def f, do: :telemetry.execute([:a, :c], %{})\nend")

      :ok =
        ASTRepository.store_module(repository, %ASTRepository.ModuleData{
          module_name: A,
          ast: quoted,
          source_file: "a.ex"
        })

      assert {:error, _} = resolve(repository, [:a, :b])
      assert {:ok, _} = resolve(repository, [:a, :c])
    end
  end

  describe "without the library" do
    test "attaching says that it is not there" do
      ElixirScope.Test.Telemetry.away()

      assert {:error, %{reason: :not_found, message: "the telemetry library is not loaded"}} =
               Sources.attach([:telemetry])

      assert %{telemetry: %{attached: false}} = Sources.status()
      assert :ok = Sources.detach()
    end
  end

  describe "with the library" do
    setup do
      ElixirScope.Test.Telemetry.available()
      on_exit(fn -> Sources.detach() end)
    end

    test "listens to what the source emits, and to what others listen to", %{repository: repository} do
      :ok = apply(:telemetry, :attach_many, ["other", [[:other, :event]], fn _, _, _, _ -> :ok end, nil])
      assert :ok = Sources.attach([:telemetry], repository: repository)

      own =
        for %{id: Sources.Telemetry, event_name: name} <- apply(:telemetry, :list_handlers, [[]]), do: name

      assert [:emits, :once] in own and [:emits, :timed, :stop] in own and [:other, :event] in own
      :ok = Sources.detach()
      assert ["other"] = for(%{id: id} <- apply(:telemetry, :list_handlers, [[]]), uniq: true, do: id)
      apply(:telemetry, :detach, ["other"])
    end

    test "each event is a note of the process that emits it; hostile ones take nothing out" do
      {:ok, repository} = ASTRepository.new()
      :ok = Capture.subscribe(repository)
      assert :ok = Sources.attach([:telemetry], events: [[:x, :y]])
      :ok = Capture.start()
      for n <- 1..5, do: apply(:telemetry, :execute, [[:x, :y], %{n: n}, %{}])
      # No map, a map of another kind, something enormous.
      apply(:telemetry, :execute, [[:x, :y], :none, [:no, :map]])

      apply(:telemetry, :execute, [
        [:x, :y],
        %{},
        %{telemetry_span_context: make_ref(), all: Enum.to_list(1..100_000)}
      ])

      :ok = Capture.stop()
      :ok = Capture.flush()
      {:ok, ref} = ASTRepository.Handle.ref(repository)
      {:ok, events} = ElixirScope.Core.call(fn -> ElixirScope.Native.runtime_events(ref, 100) end)
      assert Enum.count(events, &(&1.kind == :note and &1.pid == self())) == 7
      assert Sources.Telemetry.attached?()
      Capture.unsubscribe(repository)
    end

    test "spans are paired by their context" do
      test = self()

      :ok =
        apply(:telemetry, :attach_many, [
          "told",
          for(last <- [:start, :stop, :exception], do: [:s, last]),
          fn name, m, meta, _ -> send(test, Sources.Telemetry.told(name, m, meta)) end,
          nil
        ])

      apply(:telemetry, :span, [
        [:s],
        %{n: 1},
        fn ->
          apply(:telemetry, :span, [[:s], %{n: 2}, fn -> {:inner, %{}} end])
          {:outer, %{}}
        end
      ])

      catch_error(apply(:telemetry, :span, [[:s], %{n: 3}, fn -> raise "no" end]))
      apply(:telemetry, :detach, ["told"])

      events =
        for {data, n} <- Enum.with_index(all()),
            do: %{source: :telemetry, data: data, pid: self(), timestamp: n * 10}

      assert [
               %{name: [:s], outcome: :stop, duration_ns: 30, started: %{data: %{metadata: %{n: 1}}}},
               %{outcome: :stop, duration_ns: 10, started: %{data: %{metadata: %{n: 2}}}},
               %{outcome: :exception, duration_ns: 10}
             ] = Sources.Telemetry.spans(events)

      assert [%{outcome: :open, duration_ns: nil}] = Sources.Telemetry.spans(Enum.take(events, 1))
    end

    defp all do
      receive do
        %{event: _} = data -> [data | all()]
      after
        0 -> []
      end
    end
  end
end
