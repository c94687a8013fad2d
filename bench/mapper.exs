# Does the mapper know what observing costs? The same work unobserved and observed, timed here, against what
# `InstrumentationMapper.measure/1` and `estimate/2` say of it.
#
#     mix run bench/mapper.exs
#
# Work is done in batches that rings have room for, and what they hold is read between batches, untimed: the price of a
# report is what is compared, not that of an overflow. Each figure is the lower quartile of many batches. "timed" is observed
# minus unobserved; the last columns are what the mapper says over that (1.00 would be exact).
Code.require_file("support.exs", __DIR__)

defmodule Bench.Mapper do
  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.InstrumentationMapper, as: Mapper
  alias ElixirScope.Capture

  # They are compiled while this runs.
  @compile {:no_warn_undefined, [Bench.MapperDriver]}

  @code """
  defmodule Bench.MapperWork do
    def call(a, b), do: {a, b}
    def variables(a) do
      b = a + 1
      c = b * 2
      d = c - a
      d
    end
    def branches(n) do
      case rem(n, 4) do
        0 -> :a
        1 -> :b
        _ -> if n > 100, do: :c, else: :d
      end
    end
    def large(list), do: hd(list)
  end
  """

  @driver """
  defmodule Bench.MapperDriver do
    def call(0), do: :ok
    def call(n), do: (Bench.MapperWork.call(n, 1); call(n - 1))
    def variables(0), do: :ok
    def variables(n), do: (Bench.MapperWork.variables(n); variables(n - 1))
    def branches(0), do: :ok
    def branches(n), do: (Bench.MapperWork.branches(n); branches(n - 1))
    def large(0, _), do: :ok
    def large(n, list), do: (Bench.MapperWork.large(list); large(n - 1, list))
  end
  """

  @batch 500
  @batches 300

  def prepare do
    dir = Path.join(System.tmp_dir!(), "elixir_scope_bench_mapper_#{System.pid()}")
    File.mkdir_p!(dir)
    Code.put_compiler_option(:parser_options, columns: true)
    source = Path.join(dir, "work.ex")
    File.write!(source, @code)
    [{module, binary}] = Code.compile_string(@code, source)
    File.write!(Path.join(dir, "#{module}.beam"), binary)
    Code.compile_string(@driver)
    Code.prepend_path(dir)
    :code.purge(module)
    :code.delete(module)
    {:module, ^module} = :code.load_file(module)
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, dir)
    {repository, dir}
  end

  def cases do
    list = Enum.to_list(1..20)
    off = [mode: :off]

    [
      {"calls, no values", :call,
       [%{function: {Bench.MapperWork, :call, 2}, types: [:function_entry], capture_config: off}],
       fn -> Bench.MapperDriver.call(@batch) end},
      {"arguments", :call, [%{function: {Bench.MapperWork, :call, 2}, types: [:function_entry]}],
       fn -> Bench.MapperDriver.call(@batch) end},
      {"arguments and result", :call,
       [%{function: {Bench.MapperWork, :call, 2}, types: [:function_entry, :function_exit]}],
       fn -> Bench.MapperDriver.call(@batch) end},
      {"variables", :variables, [%{function: {Bench.MapperWork, :variables, 1}, types: [:variable_capture]}],
       fn -> Bench.MapperDriver.variables(@batch) end},
      {"branches", :branches, [%{function: {Bench.MapperWork, :branches, 1}, types: [:branch]}],
       fn -> Bench.MapperDriver.branches(@batch) end},
      {"calls, 1 % of them", :call,
       [
         %{
           function: {Bench.MapperWork, :call, 2},
           types: [:function_entry, :function_exit],
           sampling_rate: 0.01
         }
       ], fn -> Bench.MapperDriver.call(@batch) end},
      {"a list of 20 as argument", :large,
       [%{function: {Bench.MapperWork, :large, 1}, types: [:function_entry]}],
       fn -> Bench.MapperDriver.large(@batch, list) end}
    ]
  end

  @doc "Nanoseconds of one unit of work."
  def timed(work) do
    spent =
      for _ <- 1..@batches do
        t0 = System.monotonic_time(:nanosecond)
        work.()
        spent = System.monotonic_time(:nanosecond) - t0
        if Capture.active?(), do: :ok = Capture.flush()
        spent
      end

    # The lower quarter: what was not put off its core meanwhile.
    spent |> Enum.sort() |> Enum.at(div(@batches, 4)) |> Kernel./(@batch)
  end

  @doc "`%{plain:, observed:, timed:, measured:, estimated:, hits:}`, nanoseconds a unit of work."
  def compare({name, _function, specs, work}, repository) do
    {:ok, points} = Mapper.plan(repository, specs)
    [] = Mapper.unmatched(points)
    timed(work)
    plain = timed(work)
    {:ok, applied} = Mapper.apply(points)
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    observed = timed(work)
    Capture.stop()
    :ok = Capture.flush()
    Capture.unsubscribe(repository)
    {:ok, measured} = Mapper.measure(applied)
    # One call of which nothing is known yet.
    {:ok, fresh} = ASTRepository.new()
    {:ok, estimated} = Mapper.estimate(fresh, points)
    {:ok, _} = Mapper.revert(applied)
    units = @batch * @batches
    sum = fn points -> points |> Enum.map(& &1.overhead_estimate) |> Enum.sum() end

    %{
      name: name,
      plain: plain,
      observed: observed,
      timed: observed - plain,
      measured: sum.(measured) / units,
      estimated: sum.(estimated),
      hits: measured |> Enum.map(& &1.trigger_count) |> Enum.max() |> Kernel./(units)
    }
  end
end

unless System.get_env("ELIXIR_SCOPE_BENCH_ONLY_DEFINED") do
  {repository, dir} = Bench.Mapper.prepare()
  {:ok, costs} = ElixirScope.ASTRepository.InstrumentationMapper.unit_costs()

  Bench.title("Parts of a probe, ns")
  Bench.table(["part", "ns"], for({name, ns} <- Enum.sort(costs), do: [name, Float.round(ns / 1, 2)]))

  rows =
    for one <- Bench.Mapper.cases() do
      it = Bench.Mapper.compare(one, repository)

      [
        it.name,
        Bench.ns(it.plain),
        Bench.ns(it.observed),
        Bench.ns(it.timed),
        Bench.ns(it.measured),
        Bench.ns(it.estimated)
      ] ++
        [
          Float.round(it.measured / it.timed, 2),
          Float.round(it.estimated / it.timed, 2),
          Float.round(it.hits, 2)
        ]
    end

  Bench.title("One unit of work")

  Bench.table(
    [
      "what is observed",
      "plain",
      "observed",
      "timed",
      "measured",
      "estimated",
      "measured/timed",
      "estimated/timed",
      "reports"
    ],
    rows
  )

  File.rm_rf!(dir)
end
