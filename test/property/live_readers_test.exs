defmodule ElixirScope.Property.LiveReadersTest do
  # Eight readers against a writer that never pauses. Every batch puts one number into all modules, so whoever sees two
  # numbers has seen two versions.
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{IncrementalUpdater, Query}

  @moduletag :tmp_dir
  @modules 12
  @readers 8

  setup %{tmp_dir: dir} do
    for n <- 1..@modules do
      path = Path.join(dir, "lib/m#{n}.ex")
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, source(n, 0))
    end

    {:ok, repo} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repo, dir)
    {:ok, updater} = IncrementalUpdater.start_link(repo, compiler: false)
    %{repo: repo, updater: updater}
  end

  # The number is in a function's name and in the number of functions: both come from code, through different ways.
  defp source(n, value) do
    "defmodule Live.M#{n} do\n  def v#{value}(x), do: x + #{value}\n  def helper(x), do: v#{value}(x)\nend\n"
  end

  defp batch(value), do: for(n <- 1..@modules, do: {:file_changed, "lib/m#{n}.ex", source(n, value)})

  # All numbers that one query shows, by module.
  defp numbers(repo) do
    query = Query.new() |> Query.from(:functions) |> Query.select([:module_name, :function_name])
    {:ok, result} = ASTRepository.query(repo, query)

    for %{module_name: module, function_name: name} <- result.rows,
        "v" <> number <- [Atom.to_string(name)],
        do: {module, String.to_integer(number)}
  end

  # What is wrong with an answer, or nil.
  defp mixed(rows) do
    values = rows |> Enum.map(&elem(&1, 1)) |> Enum.uniq()
    if length(rows) == @modules and length(values) == 1, do: nil, else: rows
  end

  defp read(repo, parent) do
    reader = fn reader, seen, answers ->
      receive do
        :stop -> send(parent, {:seen, seen, answers})
      after
        0 ->
          rows = numbers(repo)
          if bad = mixed(rows), do: send(parent, {:mixed, bad})
          [{_, value} | _] = rows
          reader.(reader, MapSet.put(seen, value), answers + 1)
      end
    end

    spawn_link(fn -> reader.(reader, MapSet.new(), 0) end)
  end

  test "every answer is of one version, whatever is written meanwhile", %{repo: repo, updater: updater} do
    readers = for _ <- 1..@readers, do: read(repo, self())

    for value <- 1..150 do
      assert {:ok, %{applied: @modules}} = IncrementalUpdater.process_batch_updates(updater, batch(value))
      # Read your own write.
      assert [{_, ^value} | _] = numbers(repo)
    end

    for reader <- readers, do: send(reader, :stop)
    seen = for _ <- readers, do: assert_receive({:seen, _, _}, 5_000)
    refute_received {:mixed, _}
    assert Enum.any?(seen, fn {:seen, values, _} -> MapSet.size(values) > 3 end), "the readers saw no change"
  end

  test "the check sees a mix when there is one", %{repo: repo} do
    # The same files, not as one batch: between two of them, an answer is a mix.
    assert mixed(numbers(repo)) == nil
    {:ok, _} = ASTRepository.update_file(repo, "lib/m3.ex", text: source(3, 1))
    assert mixed(numbers(repo)) != nil
    for n <- 1..@modules, do: {:ok, _} = ASTRepository.update_file(repo, "lib/m#{n}.ex", text: source(n, 1))
    assert mixed(numbers(repo)) == nil
  end

  test "random updates, rollbacks among them, end where doing them one by one ends", %{
    repo: repo,
    updater: updater
  } do
    :rand.seed(:exsss, {1, 2, 3})

    final =
      Enum.reduce(1..120, %{}, fn step, model ->
        n = :rand.uniform(@modules)

        case :rand.uniform(5) do
          1 ->
            :ok = IncrementalUpdater.checkpoint(updater, :only)
            Map.put(model, :checkpoint, Map.delete(model, :checkpoint))

          2 ->
            case model do
              %{checkpoint: kept} ->
                :ok = IncrementalUpdater.rollback(updater, :only)
                Map.put(kept, :checkpoint, kept)

              _ ->
                model
            end

          3 ->
            # One of the two is wrong, so neither is applied.
            bad = [{:file_changed, "lib/m#{n}.ex", source(n, step)}, {:function_removed, {No, :such, 0}}]
            assert {:error, _} = IncrementalUpdater.process_batch_updates(updater, bad)
            model

          _ ->
            :ok = IncrementalUpdater.queue_update(updater, {:file_changed, "lib/m#{n}.ex", source(n, step)})
            Map.put(model, n, step)
        end
      end)

    :ok = IncrementalUpdater.flush(updater)
    expected = for n <- 1..@modules, into: %{}, do: {Module.concat(Live, "M#{n}"), Map.get(final, n, 0)}
    assert Map.new(numbers(repo)) == expected
  end
end
