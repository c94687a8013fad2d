defmodule ElixirScope.ASTRepository.StorageTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.CodeFixtures

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{FunctionData, ModuleData, Query, Snapshot}
  alias ElixirScope.Error

  @moduletag :tmp_dir

  defp filled do
    repo = repository()

    :ok =
      ASTRepository.store_module(repo, %ModuleData{
        module_name: Fixture.Cart,
        ast: cart(),
        source_file: "lib/cart.ex",
        patterns: [:server, ~D[2024-01-01]]
      })

    :ok = ASTRepository.store_module(repo, %ModuleData{module_name: Bare, patterns: %{deep: [1, {2.5, "x"}]}})

    :ok =
      ASTRepository.store_function(repo, %FunctionData{
        function_key: {Alone, :f, 1},
        ast: {:f, [line: 3], [1]},
        test_coverage: 0.5
      })

    :ok = ASTRepository.update_function_runtime_data(repo, {Fixture.Cart, :total, 2}, %{call_frequency: 7})
    :ok = ASTRepository.update_runtime_insights(repo, "Fixture.Cart.total/2", %{hotspots: [1]})
    for id <- ["text", 42, :atom], do: :ok = ASTRepository.store_correlation(repo, id, "Fixture.Cart.total/2")
    repo
  end

  defp content(repo) do
    modules = for name <- [Fixture.Cart, Bare], do: ASTRepository.get_module(repo, name)

    functions =
      for key <- [{Fixture.Cart, :total, 2}, {Alone, :f, 1}], do: ASTRepository.get_function(repo, key)

    {modules, functions, ASTRepository.get_all_correlations(repo),
     ASTRepository.get_runtime_insights(repo, "Fixture.Cart.total/2")}
  end

  describe "snapshots" do
    test "bring back what was, in this repository and in another" do
      repo = filled()
      before = content(repo)
      assert {:ok, %Snapshot{} = snapshot} = ASTRepository.create_snapshot(repo)
      :ok = ASTRepository.delete_module(repo, Fixture.Cart)
      :ok = ASTRepository.store_module(repo, %ModuleData{module_name: Later})
      :ok = ASTRepository.store_correlation(repo, "text", "elsewhere")
      assert :ok = ASTRepository.restore_snapshot(repo, snapshot)
      assert content(repo) == before
      assert {:error, :not_found} = ASTRepository.get_module(repo, Later)
      assert {:ok, %{status: :healthy}} = ASTRepository.health_check(repo)

      other = repository()
      assert :ok = ASTRepository.restore_snapshot(other, {:ok, snapshot})
      assert content(other) == before
    end

    test "that do not fit change nothing" do
      {:ok, snapshot} = ASTRepository.create_snapshot(filled())
      small = repository(max_modules: 1)
      :ok = ASTRepository.store_module(small, %ModuleData{module_name: Mine})
      assert {:error, %Error{reason: :limit_exceeded}} = ASTRepository.restore_snapshot(small, snapshot)
      assert {:ok, _} = ASTRepository.get_module(small, Mine)
    end

    test "an update that read before a restore is told of it" do
      repo = filled()
      {:ok, snapshot} = ASTRepository.create_snapshot(repo)
      counter = :counters.new(1, [])

      assert :ok =
               ASTRepository.update_module(repo, Bare, fn data ->
                 :counters.add(counter, 1, 1)
                 if :counters.get(counter, 1) == 1, do: :ok = ASTRepository.restore_snapshot(repo, snapshot)
                 %{data | domain_concepts: [:changed]}
               end)

      assert :counters.get(counter, 1) == 2
    end
  end

  describe "files" do
    test "hold everything", %{tmp_dir: dir} do
      repo = filled()
      {:ok, _} = ASTRepository.import_project(repo, "lib/elixir_scope/report")
      :ok = ASTRepository.update_module(repo, ElixirScope.Report.Table, &%{&1 | patterns: [:kept]})
      path = Path.join(dir, "made/on/the/way.scope")
      assert :ok = ASTRepository.save(repo, path)
      assert {:ok, loaded} = ASTRepository.load(path)
      assert content(loaded) == content(repo)
      assert {:ok, %{patterns: [:kept]}} = ASTRepository.get_module(loaded, ElixirScope.Report.Table)
      assert loaded.repository_id == repo.repository_id

      query = %Query{from: :functions, order_by: [{:ast_node_id, :asc}]}
      assert {:ok, %{rows: rows}} = ASTRepository.query(repo, query)
      assert {:ok, %{rows: ^rows}} = ASTRepository.query(loaded, query)
      # An import over what was loaded finds nothing new.
      assert {:ok, %{imported: 0, removed: 0}} =
               ASTRepository.import_project(loaded, "lib/elixir_scope/report")

      # No half-written file is left beside it.
      assert File.ls!(Path.dirname(path)) == ["way.scope"]
    end

    test "that are damaged are refused, wherever the damage is", %{tmp_dir: dir} do
      path = Path.join(dir, "good.scope")
      :ok = ASTRepository.save(filled(), path)
      good = File.read!(path)
      size = byte_size(good)
      bad = Path.join(dir, "bad.scope")
      step = max(div(size, 150), 1)

      for at <- Enum.to_list(0..40) ++ Enum.to_list(41..(size - 1)//step) ++ [size - 1], bit <- [0, 7] do
        <<before::binary-size(at), byte, rest::binary>> = good
        File.write!(bad, [before, Bitwise.bxor(byte, Bitwise.bsl(1, bit)), rest])

        assert {^at, {:error, %Error{reason: :corrupt, details: %{path: ^bad}}}} =
                 {at, ASTRepository.load(bad)}
      end

      for length <- [0, 1, 7, 8, 35, 36, 37, div(size, 2), size - 1] do
        File.write!(bad, binary_part(good, 0, length))
        assert {:error, %Error{reason: :corrupt, hint: hint}} = ASTRepository.load(bad)
        assert is_binary(hint)
      end

      File.write!(bad, [good, 0])
      assert {:error, %Error{reason: :corrupt}} = ASTRepository.load(bad)
      assert {:ok, _} = ASTRepository.load(path)
    end

    # The checksum keeps accidents out; whoever makes a file can make a checksum too. xxh3 is not at hand here, so the
    # native tests do that; these are files of other kinds.
    test "of other kinds are refused", %{tmp_dir: dir} do
      for {name, bytes} <- [
            text: "hello",
            beam: File.read!(:code.which(Enum)),
            zeros: <<0::size(8_000)>>,
            magic: "ELXSCOPE"
          ] do
        path = Path.join(dir, "#{name}")
        File.write!(path, bytes)
        assert {:error, %Error{reason: :corrupt}} = ASTRepository.load(path)
      end

      assert {:error, %Error{reason: :file, details: %{posix: :enoent}}} =
               ASTRepository.load(Path.join(dir, "none"))

      assert {:error, %Error{reason: :file, details: %{posix: :eisdir}}} = ASTRepository.load(dir)
    end

    test "that cannot be written leave the old one", %{tmp_dir: dir} do
      path = Path.join(dir, "x.scope")
      :ok = ASTRepository.save(filled(), path)

      assert {:error, %Error{reason: :file}} =
               ASTRepository.save(repository(), Path.join(path, "below/a/file"))

      assert {:ok, loaded} = ASTRepository.load(path)
      assert {:ok, _} = ASTRepository.get_module(loaded, Bare)
    end

    test "are subject to the limits of who loads them", %{tmp_dir: dir} do
      path = Path.join(dir, "x.scope")
      :ok = ASTRepository.save(filled(), path)
      assert {:error, %Error{reason: :limit_exceeded}} = ASTRepository.load(path, max_modules: 1)
      assert {:error, %Error{reason: :limit_exceeded}} = ASTRepository.load(path, max_correlations: 2)
    end
  end
end
