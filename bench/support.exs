defmodule Bench do
  @moduledoc """
  What every benchmark here shares: time something several times, take the minimum (the least
  disturbed run), and print rows with their ratio to a baseline *of the same run*.

  Figures are never asserted: a benchmark tells, a test decides.
  """

  @doc "Runs `fun` `runs` times after one warm-up and gives the fastest run in nanoseconds."
  def best(runs \\ 5, fun) when is_function(fun, 0) do
    fun.()
    Enum.min(for _ <- 1..runs, do: time(fun))
  end

  @doc "Nanoseconds of one call of `fun`."
  def time(fun) do
    t0 = System.monotonic_time(:nanosecond)
    fun.()
    System.monotonic_time(:nanosecond) - t0
  end

  @doc """
  Times each call of `fun.(input)` on its own and gives `{mean, p50, p95, p99}` in nanoseconds.
  The clock's own cost (about 30 ns) is in each figure.
  """
  def each(inputs, fun) do
    samples =
      inputs
      |> Enum.map(fn input ->
        t0 = System.monotonic_time(:nanosecond)
        fun.(input)
        System.monotonic_time(:nanosecond) - t0
      end)
      |> Enum.sort()
      |> List.to_tuple()

    count = tuple_size(samples)
    at = fn share -> elem(samples, min(count - 1, trunc(count * share))) end
    mean = div(Enum.sum(Tuple.to_list(samples)), count)
    %{mean: mean, p50: at.(0.50), p95: at.(0.95), p99: at.(0.99)}
  end

  @doc "Prints a heading."
  def title(text), do: IO.puts(["\n", text, "\n", String.duplicate("-", String.length(text))])

  @doc "Prints rows (lists of printable cells) as a table that lines up, under `header`."
  def table(header, rows) do
    cells = Enum.map([header | rows], fn row -> Enum.map(row, &to_string/1) end)

    widths =
      cells
      |> Enum.zip_with(& &1)
      |> Enum.map(fn column -> column |> Enum.map(&String.length/1) |> Enum.max() end)

    for row <- cells do
      [first | rest] = Enum.zip(row, widths)
      {text, width} = first
      line = [String.pad_trailing(text, width) | for({t, w} <- rest, do: ["  ", String.pad_leading(t, w)])]
      IO.puts(line)
    end

    :ok
  end

  @doc "A duration for people: nanoseconds in, `\"1.2 ms\"` out."
  def ns(value) when value < 1_000, do: "#{round1(value)} ns"
  def ns(value) when value < 1_000_000, do: "#{round1(value / 1_000)} µs"
  def ns(value) when value < 1_000_000_000, do: "#{round1(value / 1_000_000)} ms"
  def ns(value), do: "#{round1(value / 1_000_000_000)} s"

  @doc "A ratio for people."
  def ratio(value, baseline) when baseline > 0,
    do: "#{:erlang.float_to_binary(value / baseline, decimals: 2)}x"

  def ratio(_, _), do: "-"

  @doc "A count for people."
  def count(value) when value >= 1_000_000, do: "#{round1(value / 1_000_000)} M"
  def count(value) when value >= 1_000, do: "#{round1(value / 1_000)} k"
  def count(value), do: "#{round1(value)}"

  @doc """
  Compiles `source` (one module), writes its beam to a directory of its own on the code path, and loads it
  from there, as a project's module would be. Gives the module.
  """
  def module!(source) do
    dir = Path.join(System.tmp_dir!(), "elixir_scope_bench_#{System.pid()}")
    File.mkdir_p!(dir)
    Code.prepend_path(dir)
    [{module, binary}] = Code.compile_string(source, "bench_target.ex")
    path = Path.join(dir, "#{module}.beam")
    File.write!(path, binary)
    reload!(module)
  end

  @doc "Loads the module's own beam again: whatever was done to the loaded code is gone."
  def reload!(module) do
    :code.purge(module)
    :code.delete(module)
    :code.purge(module)
    {:module, ^module} = :code.load_file(module)
    module
  end

  @doc "What a `{:ok, value}` carries; stops the benchmark with the error otherwise."
  def ok!({:ok, value}), do: value
  def ok!(:ok), do: :ok
  def ok!({:error, error}), do: raise(error)

  @doc "The directory of the Elixir sources, or stops with what to do."
  def elixir_sources! do
    case System.get_env("ELIXIR_SCOPE_ELIXIR_SRC") do
      nil ->
        IO.puts(
          :stderr,
          "This benchmark reads the Elixir sources: set ELIXIR_SCOPE_ELIXIR_SRC (bin/elixir-source fetches them)."
        )

        System.halt(1)

      path ->
        path
    end
  end

  defp round1(value) when is_integer(value), do: value
  defp round1(value), do: :erlang.float_to_binary(value / 1, decimals: 1)
end
