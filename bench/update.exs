# One edited file in a repository of 1,000 modules: until what is it visible, and how long does each step take?
#
#     mix run bench/update.exs [modules]
#
# The project is generated: every file has about 660 lines, as the mean of the specification's "medium module", and calls
# three others, so that there is something to mend. Budget: an edit is visible within 10 ms.
Code.require_file("support.exs", __DIR__)

alias ElixirScope.ASTRepository
alias ElixirScope.ASTRepository.{IncrementalUpdater, Query}
require Query

modules = String.to_integer(List.first(System.argv()) || "1000")

defmodule Bench.Update do
  # 50 functions of 13 lines.
  def source(n, modules, value) do
    functions =
      for f <- 1..50 do
        other = rem(n * 7 + f * 13, modules) + 1

        """
          @doc "Function #{f}."
          def f#{f}(list, opts \\\\ []) do
            limit = Keyword.get(opts, :limit, #{value + f})

            list
            |> Enum.filter(fn %{value: x} -> x > limit and rem(x, 2) == 0 end)
            |> Enum.map(&Big.M#{other}.f#{rem(f, 50) + 1}([&1], opts))
            |> case do
              [] -> {:error, :empty}
              [one | _] when is_list(one) -> {:ok, helper(one, limit)}
            end
          end

        """
      end

    """
    defmodule Big.M#{n} do
      @moduledoc "Module #{n}."
      alias Big.M#{rem(n, modules) + 1}, as: Next

    #{functions}  defp helper(x, y), do: Next.f1(x, limit: y)
    end
    """
  end

  def percentiles(us) do
    sorted = Enum.sort(us)
    at = fn share -> Enum.at(sorted, max(ceil(share * length(sorted)) - 1, 0)) end
    {at.(0.5), at.(0.95)}
  end

  def row(name, us) do
    {p50, p95} = percentiles(us)
    [name, Bench.ns(p50 * 1_000), Bench.ns(p95 * 1_000)]
  end
end

dir = Path.join(System.tmp_dir!(), "elixir_scope-bench-update-#{System.pid()}")
File.mkdir_p!(Path.join(dir, "lib"))
path = fn n -> Path.join(dir, "lib/m#{n}.ex") end

try do
  for n <- 1..modules, do: File.write!(path.(n), Bench.Update.source(n, modules, 0))
  lines = path.(1) |> File.read!() |> String.split("\n") |> length()
  repository = Bench.ok!(ASTRepository.new(max_modules: modules * 2))
  {import_us, _} = :timer.tc(fn -> Bench.ok!(ASTRepository.import_project(repository, dir)) end)
  Bench.title("#{modules} modules of #{lines} lines, imported in #{Bench.ns(import_us * 1_000)}")

  # Brings the join of all files up to date, and asks little of it.
  callers = fn -> Bench.ok!(ElixirScope.Core.Graph.stats(repository.ref)) end

  # The join of all files, once.
  callers.()

  edit = fn n, value, text ->
    File.write!(path.(n), text.(Bench.Update.source(n, modules, value)))
    started = System.monotonic_time(:microsecond)
    update = Bench.ok!(ASTRepository.update_file(repository, path.(n)))
    visible = System.monotonic_time(:microsecond) - started

    Bench.ok!(
      ASTRepository.get_module(repository, Module.concat(Big, "M#{n}"), fields: [:complexity_metrics])
    )

    analysed = System.monotonic_time(:microsecond) - started
    callers.()
    mended = System.monotonic_time(:microsecond) - started
    %{update: update, visible: visible, analysed: analysed, mended: mended}
  end

  rounds = 200
  # What the whole VM computed meanwhile: says more than the clock on a machine that has other things to do.
  cpu_ms = fn -> elem(:erlang.statistics(:runtime), 0) end
  cpu = cpu_ms.()
  code = for k <- 1..rounds, do: edit.(rem(k * 37, modules) + 1, k, & &1)
  cpu = cpu_ms.() - cpu
  :modified = hd(code).update.change
  computed = fn -> ElixirScope.Core.Updates.computed() end
  before = computed.()
  comments = for k <- 1..rounds, do: edit.(rem(k * 37, modules) + 1, k, &("# edit #{k}\n" <> &1))
  :reformatted = hd(comments).update.change
  recomputed = computed.() - before

  for {name, edits} <- [{"an edit of code", code}, {"an edit of a comment", comments}] do
    Bench.title("#{name}, #{rounds} times")

    Bench.table(["", "p50", "p95"], [
      Bench.Update.row("read", Enum.map(edits, & &1.update.read_us)),
      Bench.Update.row("parse and encode", Enum.map(edits, & &1.update.parse_us)),
      Bench.Update.row("put in its place", Enum.map(edits, & &1.update.store_us)),
      Bench.Update.row("all of it", Enum.map(edits, & &1.update.duration_us)),
      Bench.Update.row("visible", Enum.map(edits, & &1.visible)),
      Bench.Update.row("and its metrics read", Enum.map(edits, & &1.analysed)),
      Bench.Update.row("and the call graph mended", Enum.map(edits, & &1.mended))
    ])
  end

  IO.puts("processor time of an edit of code, all steps: #{Bench.ns(cpu * 1_000_000 / rounds)}")
  IO.puts("facts of files computed again for the comments: #{recomputed}")

  again =
    for k <- 1..5 do
      File.write!(path.(1), Bench.Update.source(1, modules, 1_000 + k))
      {us, _} = :timer.tc(fn -> Bench.ok!(ASTRepository.import_project(repository, dir)) end)
      us
    end

  Bench.title("the other ways")
  visible = code |> Enum.map(& &1.visible) |> Bench.Update.percentiles() |> elem(0)

  Bench.table(["", "p50", "against one edit"], [
    ["update_file", Bench.ns(visible * 1_000), "1.00x"],
    [
      "import_project again, one file changed",
      Bench.ns(elem(Bench.Update.percentiles(again), 0) * 1_000),
      Bench.ratio(elem(Bench.Update.percentiles(again), 0), visible)
    ],
    ["import into an empty repository", Bench.ns(import_us * 1_000), Bench.ratio(import_us, visible)]
  ])

  # Sustained, with readers: each reader asks a question and checks that all of its answer is of one version.
  {:ok, updater} = IncrementalUpdater.start_link(repository, compiler: false)
  small = fn n, value -> "defmodule Small.M#{n} do\n  def v#{value}, do: #{value}\nend\n" end
  query = Query.new() |> Query.from(:modules) |> Query.select([:module_name, :exports])
  query = Query.where(query, {:like, :module_name, "%Small.M%"})
  put = fn value -> for n <- 1..10, do: {:file_changed, "lib/small#{n}.ex", small.(n, value)} end

  for n <- 1..10, do: File.write!(Path.join(dir, "lib/small#{n}.ex"), small.(n, 0))
  Bench.ok!(IncrementalUpdater.process_batch_updates(updater, put.(0)))
  parent = self()

  reader = fn loop, answers, mixed ->
    receive do
      :stop -> send(parent, {:answers, answers, mixed})
    after
      0 ->
        rows = Bench.ok!(ASTRepository.query(repository, query)).rows
        one = rows |> Enum.map(& &1.exports) |> Enum.uniq() |> length()
        loop.(loop, answers + 1, mixed + if(one == 1 and length(rows) == 10, do: 0, else: 1))
    end
  end

  readers = for _ <- 1..8, do: spawn_link(fn -> reader.(reader, 0, 0) end)
  seconds = 5
  until = System.monotonic_time(:millisecond) + seconds * 1_000

  writer = fn loop, batches ->
    if System.monotonic_time(:millisecond) < until do
      Bench.ok!(IncrementalUpdater.process_batch_updates(updater, put.(batches + 1)))
      loop.(loop, batches + 1)
    else
      batches
    end
  end

  batches = writer.(writer, 0)
  for pid <- readers, do: send(pid, :stop)

  {answers, mixed} =
    Enum.reduce(readers, {0, 0}, fn _, {a, m} -> receive(do: ({:answers, b, n} -> {a + b, m + n})) end)

  Bench.title("#{seconds} s of batches of 10 small files, with 8 readers")

  Bench.table(["", ""], [
    ["files updated", "#{Bench.count(batches * 10 / seconds)}/s"],
    ["questions answered", "#{Bench.count(answers / seconds)}/s"],
    ["answers that were a mix of versions", "#{mixed}"]
  ])
after
  File.rm_rf!(dir)
end
