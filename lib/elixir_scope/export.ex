defmodule ElixirScope.Export do
  @moduledoc """
  What was recorded, in the formats of other tools.

      {:ok, result} = ElixirScope.export(repository, :speedscope, "cart.speedscope.json")
      result.bytes
      #=> 18422

  ## Formats

  | format | what | opens in |
  |---|---|---|
  | `:folded` | a line for each stack, with nanoseconds of self time | `flamegraph.pl`, inferno, speedscope |
  | `:speedscope` | all processes merged, and the busiest each in the order of time | <https://www.speedscope.app> |
  | `:chrome`, also `:perfetto` | each process as a thread, calls, messages, scheduling, garbage collection | `chrome://tracing`, <https://ui.perfetto.dev> |
  | `:otlp` | a span for each activation that ended, as OTLP/JSON | any OpenTelemetry collector |
  | `:svg`, also `:flamegraph` | a flame graph in one file, with zoom and search | a browser |
  | `:events_csv`, `:events_parquet` | the events of the log, one row each | DuckDB, pandas, a spreadsheet |
  | `:statistics_csv`, `:statistics_parquet` | calls, ends and times of every function | the same |

  `:csv` and `:parquet` mean those of events.

  A file says of itself what it covers, whether anything was lost or dropped from the log, and how much was sampled: as
  comments (folded stacks, CSV), attributes of the resource (OTLP), `otherData` (Chrome), `elixir_scope` (speedscope), metadata
  (Parquet, SVG). Values in it are those of the log, where what is secret was never written.

  In a Chrome trace a flow leads from what sent a message, or spawned a process, to what took it, with `certainty` and `basis` as
  `TemporalBridge.message_edges/2` has them. An OTLP trace goes on in other processes where that is certain: what an exact message
  or a spawn began has the span that sent it for its parent, and what a supervisor started for one that died has a link
  (`elixir_scope.link`: `restart`; `message` where one was taken in the middle of a span). Both need what is joined to be recorded
  (`capture: [:messages]`, `trace: [:messages, :processes]`), and to lie within 20,000 events of each other.

  What is made of activations (all but events and statistics) needs their beginning and end in the log: of those that began before
  it begins, or have not ended, the file says how many there are. Statistics also hold what the log has dropped since.

  The file is written beside its place and renamed when it is whole: whoever looks for it finds all of it or nothing. Memory does
  not grow with the log.
  """

  alias ElixirScope.ASTRepository.{Fault, Handle}
  alias ElixirScope.Capture.Sampling
  alias ElixirScope.{Core, Error}
  alias ElixirScope.Export.Result

  @formats ~w(folded speedscope chrome otlp svg events_csv events_parquet statistics_csv statistics_parquet)a
  @same %{perfetto: :chrome, flamegraph: :svg, csv: :events_csv, parquet: :events_parquet}
  @options ~w(modules functions pid from to title sampling processes memory_bytes timeout progress)a
  @step_ms 50
  @timeout_ms 300_000
  @memory_bytes 64 * 1024 * 1024

  @type format ::
          :folded
          | :speedscope
          | :chrome
          | :perfetto
          | :otlp
          | :svg
          | :flamegraph
          | :csv
          | :parquet
          | :events_csv
          | :events_parquet
          | :statistics_csv
          | :statistics_parquet

  @doc "The formats there are, other names for them not counted."
  @spec formats() :: [format()]
  def formats, do: @formats

  @doc """
  Writes `path`. See the module's documentation for formats.

  ## Options

    * `:modules`, `:functions` - only these: modules, and `{module, name, arity}`. Times of what they call that is left out count as
      theirs
    * `:pid` - only this process
    * `:from`, `:to` - only what happened from and until then: `DateTime`s, or nanoseconds since 1970
    * `:title` - a name for what was recorded
    * `:processes` - how many processes get a profile of their own in a speedscope file: the busiest (200)
    * `:memory_bytes` - what formats that sort events by process may hold of them at a time (64 MiB); with less they read the log
      more often
    * `:timeout` - milliseconds that it may take (300_000)
    * `:progress` - `fn %{events_read: n, events: m, passes: p, bytes: b} -> any end`, called some twenty times a second

  ## Errors

  `:invalid_argument`, `:unknown` (a format), `:not_written` (the directory, the disk), `:timeout`. Then there is no file, and what was
  there before is as it was.
  """
  @spec run(ElixirScope.ASTRepository.repository(), format(), Path.t(), keyword()) ::
          {:ok, Result.t()} | {:error, Error.t()}
  def run(repository, format, path, opts \\ []) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, format} <- format(format),
         :ok <- path(path),
         {:ok, native, opts} <- options(opts) do
      write(ref, format, path, native, opts)
    end
  end

  ## Arguments

  defp format(name) when is_map_key(@same, name), do: {:ok, @same[name]}
  defp format(name) when name in @formats, do: {:ok, name}
  defp format(name), do: Fault.unknown(:format, name, @formats ++ Map.keys(@same))

  defp path(path) when is_binary(path) and path != "" do
    if File.dir?(path),
      do: Fault.invalid(:path, path, "it is a directory; give the name of a file in it"),
      else: :ok
  end

  defp path(other), do: Fault.invalid(:path, other, "give the name of a file")

  defp options(opts) do
    with :ok <- known(opts),
         {:ok, modules} <- list(opts, :modules, &is_atom/1, "a list of modules"),
         {:ok, functions} <- list(opts, :functions, &mfa?/1, "a list of {module, name, arity}"),
         {:ok, pid} <- pid(opts[:pid]),
         {:ok, from} <- time(:from, opts[:from]),
         {:ok, to} <- time(:to, opts[:to]),
         {:ok, processes} <- count(opts, :processes, 200),
         {:ok, memory} <- count(opts, :memory_bytes, @memory_bytes),
         {:ok, timeout} <- count(opts, :timeout, @timeout_ms),
         {:ok, progress} <- progress(opts[:progress]),
         {:ok, title} <- text(opts, :title, "ElixirScope"),
         {:ok, sampling} <- text(opts, :sampling, Sampling.describe()) do
      native = {title, sampling, modules, functions, pid, from, to, processes, memory}
      {:ok, native, %{timeout: timeout, progress: progress}}
    end
  end

  defp known(opts) do
    if Keyword.keyword?(opts) do
      case Keyword.keys(opts) -- @options do
        [] -> :ok
        [name | _] -> Fault.unknown(:option, name, @options)
      end
    else
      Fault.invalid(:options, opts, "give a keyword list")
    end
  end

  defp list(opts, name, right?, what) do
    case opts[name] do
      nil ->
        {:ok, nil}

      one when is_atom(one) or is_tuple(one) ->
        list([{name, [one]}], name, right?, what)

      all when is_list(all) ->
        if Enum.all?(all, right?), do: {:ok, all}, else: Fault.invalid(name, all, "give #{what}")

      other ->
        Fault.invalid(name, other, "give #{what}")
    end
  end

  defp mfa?({module, name, arity}), do: is_atom(module) and is_atom(name) and arity in 0..255
  defp mfa?(_), do: false

  defp pid(nil), do: {:ok, nil}
  defp pid(pid) when is_pid(pid) and node(pid) == node(), do: {:ok, pid}
  defp pid(other), do: Fault.invalid(:pid, other, "give a pid of this node")

  defp time(_name, nil), do: {:ok, nil}
  defp time(_name, ns) when is_integer(ns) and ns >= 0, do: {:ok, ns}
  defp time(_name, %DateTime{} = time), do: {:ok, max(DateTime.to_unix(time, :nanosecond), 0)}
  defp time(name, other), do: Fault.invalid(name, other, "give a DateTime, or nanoseconds since 1970")

  defp count(opts, name, default) do
    case Keyword.get(opts, name, default) do
      count when is_integer(count) and count > 0 -> {:ok, count}
      other -> Fault.invalid(name, other, "give a number from 1 on")
    end
  end

  defp progress(nil), do: {:ok, fn _ -> :ok end}
  defp progress(fun) when is_function(fun, 1), do: {:ok, fun}
  defp progress(other), do: Fault.invalid(:progress, other, "give a function of one argument")

  defp text(opts, name, default) do
    case Keyword.get(opts, name, default) do
      text when is_binary(text) and byte_size(text) <= 1_000 -> {:ok, text}
      other -> Fault.invalid(name, other, "give a text of at most 1000 bytes")
    end
  end

  ## Writing

  defp write(ref, format, path, native, opts) do
    began = System.monotonic_time(:millisecond)
    temporary = "#{path}.#{System.pid()}.#{System.unique_integer([:positive])}.tmp"

    try do
      with :ok <- directory(path),
           {:ok, export} <- Core.Export.open(ref, format, temporary, native) |> not_written(path),
           {:ok, about} <- Core.Export.about(export),
           {:ok, last} <- steps(export, began + opts.timeout, opts) |> not_written(path),
           :ok <- rename(temporary, path) do
        about = Map.new(about, fn {name, value} -> {String.to_atom(name), value} end)
        took = System.monotonic_time(:millisecond) - began
        {:ok, struct(Result, Map.merge(last, %{format: format, path: path, about: about, duration_ms: took}))}
      end
    after
      File.rm(temporary)
    end
  end

  defp steps(export, deadline, opts) do
    left = deadline - System.monotonic_time(:millisecond)

    with {:ok, {done, read, of, passes, bytes}} <- Core.Export.step(export, left |> min(@step_ms) |> max(0)) do
      state = %{events_read: read, events: of, passes: passes, bytes: bytes}
      opts.progress.(state)

      cond do
        done -> {:ok, state}
        System.monotonic_time(:millisecond) < deadline -> steps(export, deadline, opts)
        true -> late(opts.timeout)
      end
    end
  end

  defp late(timeout) do
    {:error,
     %Error{
       reason: :timeout,
       message: "the export was not whole after #{timeout} ms",
       hint: "give a larger :timeout, or less to write with :modules, :from and :to",
       details: %{timeout: timeout}
     }}
  end

  defp directory(path) do
    with {:error, reason} <- File.mkdir_p(Path.dirname(path)), do: refused(path, :file.format_error(reason))
  end

  defp rename(temporary, path) do
    with {:error, reason} <- File.rename(temporary, path), do: refused(path, :file.format_error(reason))
  end

  defp not_written({:error, %Error{reason: :failed, message: message}}, path), do: refused(path, message)
  defp not_written(other, _path), do: other

  defp refused(path, why) do
    {:error,
     %Error{
       reason: :not_written,
       message: "cannot write #{path}: #{why}",
       hint: "give a path in a directory that can be written, on a disk with room",
       details: %{path: path}
     }}
  end
end
