defmodule ElixirScope.ASTRepository.VersionsTest do
  # The capture is the VM's.
  use ExUnit.Case, async: false

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.{ASTRepository, Capture, Error}
  alias ElixirScope.ASTRepository.{RuntimeCorrelator, VersionEntry}

  @moduletag :tmp_dir

  @source """
  defmodule Versions.Till do
    def total(items) do
      items |> Enum.map(fn item -> price(item, :full) end) |> Enum.sum()
    end

    def price(item, kind) when kind == :full do
      item * 2 + tax(item, kind)
    end

    def price(item, _kind), do: item

    defp tax(item, :full), do: div(item, 10)
  end
  """

  setup %{tmp_dir: dir} do
    write(dir, %{"lib/till.ex" => @source})
    repo = repository()
    {:ok, %{errors: []}} = ASTRepository.import_project(repo, dir)
    %{repo: repo, dir: dir}
  end

  defp edit(%{repo: repo, dir: dir}, changes) do
    text =
      Enum.reduce(changes, File.read!(Path.join(dir, "lib/till.ex")), fn {from, to}, text ->
        assert text =~ from
        String.replace(text, from, to)
      end)

    write(dir, %{"lib/till.ex" => text})
    {:ok, %{errors: []}} = ASTRepository.import_project(repo, dir)
    text
  end

  # The id of a node, found by its code.
  defp id(repo, code) do
    {:ok, %{ast_node_mapping: nodes}} =
      ASTRepository.get_module(repo, Versions.Till, fields: [:ast_node_mapping])

    {id, _} = Enum.find(nodes, fn {_, ast} -> Macro.to_string(ast) == code end)
    id
  end

  test "an old id gives what its node became", %{repo: repo} = context do
    old = id(repo, "div(item, 10)")
    clause = id(repo, "price(item, _kind)")
    {:ok, before} = ASTRepository.get_ast_node(repo, old)
    edit(context, [{"defp tax(item, :full)", "# a comment\n  defp levy(item, :full)"}, {"+ tax(", "+ levy("}])

    new = id(repo, "div(item, 10)")
    assert new != old
    assert ASTRepository.ast_node_exists?(repo, old)
    assert {:ok, ^new} = ASTRepository.get_present_id(repo, old)
    assert {:ok, ^new} = ASTRepository.get_present_id(repo, new)
    assert {:ok, now} = ASTRepository.get_ast_node(repo, old)
    assert {:ok, ^now} = ASTRepository.get_ast_node(repo, new)
    assert {:ok, %{ast_node_id: ^new, line: 13}} = ASTRepository.get_node_location(repo, old)
    # As it was, with the line that it had.
    assert {:ok, [first, second]} = history(repo)
    assert {:ok, ^before} = ASTRepository.get_ast_node(repo, old, build: first.build)
    assert {:ok, ^before} = ASTRepository.get_ast_node(repo, old, build: String.slice(first.build, 0, 8))
    assert {:ok, ^before} = ASTRepository.get_ast_node(repo, old, at: first.from)
    assert {:ok, ^now} = ASTRepository.get_ast_node(repo, new, at: DateTime.utc_now())
    assert {:error, :not_found} = ASTRepository.get_ast_node(repo, new, build: first.build)
    assert {:error, :not_found} = ASTRepository.get_ast_node(repo, old, build: second.build)
    # What was not edited keeps its id.
    assert {:ok, ^clause} = ASTRepository.get_present_id(repo, clause)
  end

  defp history(repo) do
    with {:ok, %{version_history: entries, compilation_hash: hash}} <-
           ASTRepository.get_module(repo, Versions.Till) do
      assert %VersionEntry{until: nil, build: ^hash, source_file: "lib/till.ex"} = List.last(entries)
      {:ok, entries}
    end
  end

  test "what is gone says what became of it", %{repo: repo} = context do
    old = id(repo, "div(item, 10)")
    edit(context, [{"\n  defp tax(item, :full), do: div(item, 10)\n", ""}, {" + tax(item, kind)", ""}])
    assert {:error, :not_found} = ASTRepository.get_ast_node(repo, old)
    refute ASTRepository.ast_node_exists?(repo, old)
    assert {:error, %Error{reason: :not_found} = error} = ASTRepository.get_present_id(repo, old)
    assert %{file: "lib/till.ex", around: "Versions.Till:" <> _, build: build} = error.details
    assert error.message =~ "removed from lib/till.ex"
    assert {:ok, ast} = ASTRepository.get_ast_node(repo, old, build: build)
    assert Macro.to_string(ast) == "div(item, 10)"
    assert {:error, %Error{reason: :not_found}} = ASTRepository.get_node_location(repo, old)
    # An id that never was is another matter.
    assert {:error, %Error{hint: hint}} = ASTRepository.get_present_id(repo, "Versions.Till.never/0")
    assert hint =~ "ids look like"
  end

  test "correlations and insights follow, also over a file", %{repo: repo, dir: dir} = context do
    old = id(repo, "div(item, 10)")
    :ok = ASTRepository.store_correlation(repo, "c", old)
    :ok = ASTRepository.update_runtime_insights(repo, "Versions.Till.tax/2", %{sample_count: 3})
    edit(context, [{"tax", "levy"}])
    new = id(repo, "div(item, 10)")

    check = fn repo ->
      assert {:ok, ^new} = ASTRepository.get_ast_node_by_correlation(repo, "c")
      assert {:ok, ["c"]} = ASTRepository.get_correlations_for_ast_node(repo, new)
      assert {:ok, ["c"]} = ASTRepository.get_correlations_for_ast_node(repo, old)
      assert {:ok, %{sample_count: 3}} = ASTRepository.get_runtime_insights(repo, "Versions.Till.levy/2")
      assert {:ok, %{sample_count: 3}} = ASTRepository.get_runtime_insights(repo, "Versions.Till.tax/2")
      assert {:ok, ^new} = ASTRepository.get_present_id(repo, old)
      assert {:ok, [_, _]} = history(repo)
    end

    check.(repo)
    path = Path.join(dir, "saved.scope")
    :ok = ASTRepository.save(repo, path)
    {:ok, loaded} = ASTRepository.load(path)
    check.(loaded)
    assert {:ok, %{status: :healthy}} = ASTRepository.health_check(loaded)
  end

  test "hostile versions are errors", %{repo: repo} do
    for opts <- [nil, [build: 0], [build: nil], [at: -1], [at: "x"], [build: "abc"], [nope: 1], [:a], %{}] do
      assert {:error, %Error{reason: :invalid_argument}} =
               ASTRepository.get_ast_node(repo, "Versions.Till.total/1", opts)
    end

    for opts <- [[build: "00000000"], [build: 7], [at: 1]] do
      assert {:error, %Error{reason: :not_found}} =
               ASTRepository.get_ast_node(repo, "Versions.Till.total/1", opts)
    end

    for hostile <- hostile(), not is_binary(hostile) do
      assert {:error, %Error{}} = ASTRepository.get_present_id(repo, hostile)
      assert {:error, %Error{}} = ASTRepository.get_present_id(hostile, "A.f/1")
    end
  end

  describe "what ran" do
    setup %{repo: repo, dir: dir} do
      ebin = Path.join(dir, "ebin")
      File.mkdir_p!(ebin)
      Code.prepend_path(ebin)
      compile(@source, ebin)
      :ok = Capture.subscribe(repo)
      :ok = Capture.start([])
      {:ok, _} = ElixirScope.instrument([Versions.Till])

      on_exit(fn ->
        ElixirScope.uninstrument([Versions.Till])
        Capture.stop()
        Code.delete_path(ebin)
        :code.purge(Versions.Till)
        :code.delete(Versions.Till)
      end)

      %{ebin: ebin}
    end

    defp compile(text, ebin) do
      options = Code.compiler_options(debug_info: true, ignore_module_conflict: true)
      [{module, binary}] = Code.compile_string(text, "lib/till.ex")
      Code.compiler_options(Map.new(options))
      File.write!(Path.join(ebin, "#{module}.beam"), binary)
      :code.purge(module)
      :code.delete(module)
      {:module, _} = :code.load_file(module)
    end

    test "of an older build means the code as it was, and counts for what it became", context do
      %{repo: repo, ebin: ebin} = context
      assert apply(Versions.Till, :total, [[10, 20]]) == 63
      :ok = ASTRepository.flush(repo)
      {:ok, [old_event | _]} = ASTRepository.get_correlated_events(repo, "Versions.Till.price/2")
      then = old_event.ast_node_id
      {:ok, old_ast} = ASTRepository.get_ast_node(repo, then)

      # Everything moves down, one function is renamed, another body changes.
      text =
        edit(context, [
          {"  def total", "  @doc false\n  def free?(item), do: item == 0\n\n  def total"},
          {"price(", "cost("},
          {"item * 2", "item * 3"}
        ])

      assert {:ok, resolution} = RuntimeCorrelator.resolve(repo, old_event, strategy: :correlation_id)
      # The event carries the id it was given then; without it the point decides.
      assert resolution.ast_node_id == then
      event = %{old_event | ast_node_id: nil}
      assert {:ok, %{ast_node_id: now, then: was}} = RuntimeCorrelator.resolve(repo, event)
      assert "Versions.Till.cost/2#" <> _ = now
      assert %{ast_node_id: ^then, gone: false, file: "lib/till.ex"} = was
      assert {:ok, ^now} = ASTRepository.correlate_event(repo, event)
      assert {:ok, ^old_ast} = ASTRepository.get_ast_node(repo, then, build: was.build)
      assert {:ok, ^old_ast} = ASTRepository.get_ast_node(repo, then, build: old_event.build)
      # By its activation, too.
      assert {:ok, %{ast_node_id: ^now, then: ^was}} =
               RuntimeCorrelator.resolve(repo, %{correlation_id: old_event.correlation_id})

      # The renamed function has what its former self did.
      {:ok, cost} = ASTRepository.get_function(repo, {Versions.Till, :cost, 2})
      assert cost.call_frequency == 2
      assert [%{function: {Versions.Till, :total, 1}, count: 2}] = named(cost.called_by)
      assert {:error, :not_found} = ASTRepository.get_function(repo, {Versions.Till, :price, 2})
      {:ok, events} = ASTRepository.get_correlated_events(repo, "Versions.Till.cost/2")
      assert [%{function: :price, ast_node_id: ^now, metadata: %{then: %{ast_node_id: ^then}}}, _] = events
      assert {:ok, [_, _]} = ASTRepository.get_correlated_events(repo, now)
      assert {:ok, [_, _]} = ASTRepository.get_correlated_events(repo, then)

      # And what the new build does adds up.
      ElixirScope.uninstrument([Versions.Till])
      compile(text, ebin)
      {:ok, _} = ElixirScope.instrument([Versions.Till])
      assert apply(Versions.Till, :total, [[10]]) == 31
      :ok = ASTRepository.flush(repo)
      {:ok, cost} = ASTRepository.get_function(repo, {Versions.Till, :cost, 2})
      assert cost.call_frequency == 3
      {:ok, [_, _, newest]} = ASTRepository.get_correlated_events(repo, now)
      assert newest.function == :cost
      assert newest.ast_node_id == now
      refute Map.has_key?(newest.metadata, :then)
    end

    defp named(neighbours), do: Enum.filter(neighbours, &match?(%{function: {Versions.Till, _, _}}, &1))
  end
end
