defmodule ElixirScope.Export.Rows do
  @moduledoc """
  Answers and tables in files: `ElixirScope.ASTRepository.export_data/2`.

  | format | what |
  |---|---|
  | `:json` | one array with an object for each row |
  | `:jsonl` | an object a line |
  | `:csv` | RFC 4180, with a line of names; what is missing is empty, an empty text is `""` |
  | `:msgpack` | one array with a map for each row |
  | `:parquet` | typed columns (booleans, 64-bit integers, doubles, UTF-8), all optional, no compression |

  Atoms and modules are texts, a module without `Elixir.`. What is no plain value (a tuple, a list, a map) nests in JSON and
  MessagePack, and is JSON as text in CSV and Parquet. A float that is no number is `null`. Two columns of one name are `name` and `name_2`.

  The answer is that of one moment. It is written piece by piece beside its place and renamed when it is whole: whoever looks for the
  file finds all of it or nothing.
  """

  alias ElixirScope.ASTRepository.{Fault, Questions}
  alias ElixirScope.ASTRepository.Query.Schema
  alias ElixirScope.{Core, Error}

  defstruct [:format, :path, :rows, :bytes, :columns, :version, :duration_ms, complete?: true, dropped: 0]

  @type format :: :json | :jsonl | :csv | :msgpack | :parquet
  @type t :: %__MODULE__{
          format: format(),
          path: Path.t(),
          rows: non_neg_integer(),
          bytes: non_neg_integer(),
          columns: [String.t()],
          version: non_neg_integer(),
          duration_ms: non_neg_integer(),
          complete?: boolean(),
          dropped: non_neg_integer()
        }

  @formats ~w(json jsonl csv msgpack parquet)a
  @options ~w(format path query sql table timeout max_bytes progress)a
  @step_rows 8_192
  @timeout_ms 300_000
  # What a value is that has others inside, or code.
  @plain ~w(BIGINT DOUBLE VARCHAR BOOLEAN)

  @doc "The formats there are."
  @spec formats() :: [format()]
  def formats, do: @formats

  @doc false
  @spec run(term(), keyword() | map()) :: {:ok, t()} | {:error, Error.t()}
  def run(repository, options) do
    began = System.monotonic_time(:millisecond)

    with {:ok, opts} <- options(options),
         {:ok, question} <- question(opts),
         {:ok, answer} <- Questions.open(repository, question, Map.to_list(opts.bounds)),
         {:ok, {rows, bytes}} <- write(answer.answer, opts, began + opts.bounds.timeout) do
      {:ok,
       %__MODULE__{
         format: opts.format,
         path: opts.path,
         rows: rows,
         bytes: bytes,
         columns: Enum.map(answer.keys, &to_string/1),
         version: elem(answer.as_of, 0),
         complete?: answer.dropped == 0,
         dropped: answer.dropped,
         duration_ms: System.monotonic_time(:millisecond) - began
       }}
    end
  end

  defp options(opts) when is_map(opts) and not is_struct(opts), do: opts |> Map.to_list() |> options()

  defp options(opts) do
    with true <- Keyword.keyword?(opts) || Fault.invalid(:options, opts, "give a keyword list or a map"),
         [] <- Enum.uniq(Keyword.keys(opts)) -- @options,
         {:ok, path} <- path(opts[:path]),
         {:ok, format} <- format(opts[:format], path),
         {:ok, timeout} <- count(:timeout, opts[:timeout] || @timeout_ms),
         {:ok, max_bytes} <- count(:max_bytes, opts[:max_bytes] || 1024 * 1024 * 1024),
         {:ok, progress} <- progress(opts[:progress]) do
      {:ok,
       %{
         path: path,
         format: format,
         progress: progress,
         asked: Keyword.take(opts, [:query, :sql, :table]),
         bounds: %{timeout: timeout, max_bytes: max_bytes}
       }}
    else
      [name | _] -> Fault.unknown(:option, name, @options)
      error -> error
    end
  end

  defp path(path) when is_binary(path) and path != "" do
    if File.dir?(path),
      do: Fault.invalid(:path, path, "it is a directory; give the name of a file in it"),
      else: {:ok, path}
  end

  defp path(other), do: Fault.invalid(:path, other, "give the name of a file")

  # Without a format: what the file's name says.
  defp format(nil, path) do
    extension = path |> Path.extname() |> String.trim_leading(".")

    case Enum.find(@formats, &(Atom.to_string(&1) == extension)) do
      nil -> Fault.unknown(:format, extension, @formats)
      format -> {:ok, format}
    end
  end

  defp format(format, _path) when format in @formats, do: {:ok, format}
  defp format(other, _path), do: Fault.unknown(:format, other, @formats)

  defp count(_name, n) when is_integer(n) and n > 0 and n <= 0xFFFF_FFFF_FFFF, do: {:ok, n}
  defp count(name, other), do: Fault.invalid(name, other, "give a number from 1 on")

  defp progress(nil), do: {:ok, fn _ -> :ok end}
  defp progress(fun) when is_function(fun, 1), do: {:ok, fun}
  defp progress(other), do: Fault.invalid(:progress, other, "give a function of one argument")

  defp question(%{asked: [{:sql, text}]}) when is_binary(text), do: {:ok, text}
  defp question(%{asked: [{:sql, other}]}), do: Fault.invalid(:sql, other, "give the question as text")
  defp question(%{asked: [{:query, query}]}), do: {:ok, query}

  defp question(%{asked: [{:table, table}]}) do
    if is_atom(table) and table in Schema.sources(),
      do: {:ok, "select #{Enum.join(columns(table), ", ")} from #{table}"},
      else: Fault.unknown(:source, table, Schema.sources())
  end

  defp question(%{asked: asked}),
    do: Fault.invalid(:options, asked, "give one of table: :functions, query: ..., sql: \"select ...\"")

  @doc "The columns of a table that a file of it has: those of plain values that cost nothing."
  @spec columns(atom()) :: [atom()]
  def columns(table) do
    for %{name: name, type: type, of: of} <- Schema.describe(table), type in @plain, of != :costly, do: name
  end

  ## Writing

  defp write(answer, opts, deadline) do
    temporary = "#{opts.path}.#{System.pid()}.#{System.unique_integer([:positive])}.tmp"

    try do
      with :ok <- directory(opts.path),
           {:ok, file} <-
             Core.Repository.answer_file(answer, opts.format, temporary) |> not_written(opts.path),
           {:ok, written} <- steps(file, opts, deadline) |> not_written(opts.path),
           :ok <- rename(temporary, opts.path) do
        {:ok, written}
      end
    after
      File.rm(temporary)
    end
  end

  defp steps(file, opts, deadline) do
    with {:ok, {done, rows, bytes}} <- Core.Repository.answer_file_step(file, @step_rows) do
      opts.progress.(%{rows: rows, bytes: bytes})

      cond do
        done -> {:ok, {rows, bytes}}
        System.monotonic_time(:millisecond) < deadline -> steps(file, opts, deadline)
        true -> late(opts.bounds.timeout)
      end
    end
  end

  defp late(timeout) do
    {:error,
     %Error{
       reason: :timeout,
       message: "the export was not whole after #{timeout} ms",
       hint: "give a larger timeout:, or ask for less",
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
