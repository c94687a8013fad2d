defmodule ElixirScope.Property.ConsistentQueriesTest do
  # Questions over several tables while the source is replaced and events come in. Whoever sees two versions at once, or counts of
  # one moment beside events of another, has an answer in which the parts do not fit.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.{FunctionData, IncrementalUpdater}
  alias ElixirScope.Test.Probed

  @moduletag :tmp_dir
  @modules 8

  # Of version n, every module has n rem 5 + 1 functions, each with as many branches, and so many nodes.
  defp source(number, version) do
    count = rem(version, 5) + 1
    branches = Enum.map_join(1..count, "\n", fn n -> "      x > #{n} -> #{n}" end)

    functions =
      Enum.map_join(1..count, "\n", fn n ->
        "  def f#{n}(x) do\n    cond do\n#{branches}\n      true -> x\n    end\n  end"
      end)

    "defmodule Consistent.M#{number} do\n#{functions}\nend\n"
  end

  setup %{tmp_dir: dir} do
    for n <- 1..@modules do
      path = Path.join(dir, "lib/m#{n}.ex")
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, source(n, 0))
    end

    {:ok, repo} = ASTRepository.new()
    on_exit(fn -> ASTRepository.stop(repo) end)
    {:ok, _} = ASTRepository.import_project(repo, dir)
    %{repo: repo}
  end

  @joined """
  SELECT m.module_name, max(m.function_count) AS said, count(*) AS there, min(f.cyclomatic_complexity) AS least,
         max(f.cyclomatic_complexity) AS most
  FROM modules m JOIN functions f ON m.module_name = f.module_name
  GROUP BY m.module_name
  """

  # What does not fit in an answer, or nil.
  defp mixed(rows) do
    facts = for row <- rows, do: {row["said"], row["there"], row["least"], row["most"]}
    one? = match?([{n, n, c, c}] when c == n + 1, Enum.uniq(facts))
    if length(rows) == @modules and one?, do: nil, else: rows
  end

  test "joins over the source see one version", %{repo: repo} do
    {:ok, updater} = IncrementalUpdater.start_link(repo, compiler: false)
    parent = self()
    readers = for _ <- 1..4, do: spawn_link(fn -> read(repo, parent, MapSet.new()) end)

    for version <- 1..60 do
      batch = for n <- 1..@modules, do: {:file_changed, "lib/m#{n}.ex", source(n, version)}
      assert {:ok, %{applied: @modules}} = IncrementalUpdater.process_batch_updates(updater, batch)
      assert {:ok, result} = ASTRepository.sql(repo, @joined)
      assert mixed(result.rows) == nil
      assert hd(result.rows)["there"] == rem(version, 5) + 1
    end

    for reader <- readers, do: send(reader, :stop)
    seen = for _ <- readers, do: assert_receive({:seen, _}, 10_000)
    refute_received {:mixed, _}
    assert Enum.any?(seen, fn {:seen, sizes} -> MapSet.size(sizes) > 2 end), "the readers saw no change"
  end

  test "the check sees a mix when there is one" do
    row = %{"said" => 2, "there" => 2, "least" => 3, "most" => 3}
    rows = for n <- 1..@modules, do: Map.put(row, "module_name", n)
    assert mixed(rows) == nil
    assert mixed(tl(rows))
    assert mixed(List.replace_at(rows, 3, %{row | "there" => 3}))
    assert mixed(List.replace_at(rows, 3, %{row | "most" => 4}))
  end

  defp read(repo, parent, seen) do
    receive do
      :stop -> send(parent, {:seen, seen})
    after
      0 ->
        {:ok, result} = ASTRepository.sql(repo, @joined)
        if bad = mixed(result.rows), do: send(parent, {:mixed, bad})
        read(repo, parent, MapSet.put(seen, hd(result.rows)["there"]))
    end
  end

  # Counts of functions beside the log's events: of one moment, they agree exactly.
  @counted """
  SELECT f.function, max(f.calls) AS counted, count(e.event_id) AS logged
  FROM functions f JOIN events e ON f.function = e.function AND e.event_type = 'call'
  GROUP BY f.function HAVING max(f.calls) <> count(e.event_id)
  """

  test "counts and events are of one moment", %{repo: repo} do
    for name <- [:leaf, :outer],
        do: :ok = ASTRepository.store_function(repo, %FunctionData{function_key: {Probed, name, 1}})

    :ok = Capture.subscribe(repo)
    Probed.register()
    :ok = Capture.start(overflow: :wait)
    # So many that something comes in during every question, and so few that the log holds all of them.
    load =
      spawn_link(fn ->
        for _ <- 1..100_000 do
          for n <- 1..50, do: Probed.outer(n)
          Process.sleep(1)
        end
      end)

    answers =
      for _ <- 1..100 do
        assert {:ok, result} = ASTRepository.sql(repo, @counted)
        assert result.rows == []
        result.scanned
      end

    Process.unlink(load)
    Process.exit(load, :kill)
    :ok = Capture.stop()
    :ok = Capture.flush()
    assert length(Enum.uniq(answers)) > 3, "nothing came in meanwhile"
    assert {:ok, %{rows: []}} = ASTRepository.sql(repo, @counted)
    assert {:ok, %{rows: [%{"n" => n}]}} = ASTRepository.sql(repo, "SELECT sum(calls) n FROM functions")
    assert n > 100
  end
end
