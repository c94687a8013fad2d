defmodule ElixirScope.ASTRepository.Import do
  @moduledoc false
  # A project's sources: found, parsed each in a task of its own, and put into the store at once, when all names are known.

  alias ElixirScope.ASTRepository.{Expansion, Fault, Handle, ImportResult, Parser}
  alias ElixirScope.{Core, Error}

  @exclude ~w(deps _build node_modules cover doc .git .elixir_ls .lexical .hex)
  @files_max 200_000
  @concurrency_max 256
  @options [:exclude, :progress, :max_concurrency, :compiled]

  def import_project(repository, path, opts) do
    started = System.monotonic_time(:microsecond)

    with {:ok, ref} <- Handle.ref(repository),
         {:ok, opts} <- options(opts),
         {:ok, root, files} <- sources(path, opts[:exclude]),
         {:ok, known} <- Core.Repository.files(ref, root) do
      outcomes = parse(ref, root, files, opts)
      units = for {:parsed, unit, lines} <- outcomes, do: {unit, lines}
      errors = for {:error, error} <- outcomes, do: error
      # Gone from the disk, or no longer to be parsed: either way what is stored of it is not what is there.
      gone = known -- files
      failed = for %{file: file} <- errors, file in known, do: file

      with {:ok, counts} <- Core.Repository.commit_import(ref, root, units, gone ++ failed),
           {:ok, expansion} <- Expansion.run(ref, root, opts[:compiled], opts) do
        {:ok,
         %ImportResult{
           root: root,
           files: length(files),
           imported: length(units),
           unchanged: Enum.count(outcomes, &(&1 == :unchanged)),
           removed: length(gone),
           modules: counts.modules,
           functions: counts.functions,
           nodes: counts.nodes,
           errors: Enum.sort_by(errors, & &1.file),
           compiled: expansion.compiled,
           stale: expansion.stale,
           lines: units |> Enum.map(&elem(&1, 1)) |> Enum.sum(),
           duration_us: System.monotonic_time(:microsecond) - started
         }}
      end
    end
  end

  def index(repository) do
    with {:ok, ref} <- Handle.ref(repository) do
      shares = System.schedulers_online()

      # One more than there are schedulers: the last one also joins what the others computed.
      0..(shares - 1)
      |> Task.async_stream(&Core.Repository.index(ref, &1, shares + 1), timeout: :infinity)
      |> Enum.reduce(:ok, fn {:ok, outcome}, first -> if first == :ok, do: outcome, else: first end)
      |> then(&if(&1 == :ok, do: Core.Repository.index(ref, shares, shares + 1), else: &1))
    end
  end

  # Options

  defp options(opts) do
    cond do
      not Keyword.keyword?(opts) ->
        Fault.invalid(:options, opts, "give a keyword list")

      unknown = Enum.find(Keyword.keys(opts), &(&1 not in @options)) ->
        Fault.unknown(:option, unknown, @options)

      true ->
        defaults = [
          exclude: @exclude,
          progress: nil,
          max_concurrency: System.schedulers_online(),
          compiled: :auto
        ]

        defaults |> Keyword.merge(opts) |> check()
    end
  end

  defp check(opts) do
    cond do
      not (is_nil(opts[:progress]) or is_function(opts[:progress], 1)) ->
        Fault.invalid(:progress, opts[:progress], "give a function of one argument, a map")

      opts[:max_concurrency] not in 1..@concurrency_max ->
        Fault.invalid(
          :max_concurrency,
          opts[:max_concurrency],
          "give an integer from 1 to #{@concurrency_max}"
        )

      not (opts[:compiled] in [:auto, false] or texts?(opts[:compiled])) ->
        Fault.invalid(:compiled, opts[:compiled], "give :auto, false or a list of ebin directories")

      not texts?(opts[:exclude]) ->
        Fault.invalid(:exclude, opts[:exclude], "give a list of directory names")

      true ->
        {:ok, opts}
    end
  end

  defp texts?(list), do: is_list(list) and not List.improper?(list) and Enum.all?(list, &is_binary/1)

  # Files

  defp sources(path, exclude) when is_binary(path) and path != "" do
    if String.valid?(path) and not String.contains?(path, <<0>>) do
      root = Path.expand(path)

      cond do
        File.dir?(root) -> found(root, walk([root], MapSet.new(exclude), []))
        File.regular?(root) -> {:ok, Path.dirname(root), [Path.basename(root)]}
        true -> Fault.not_found(:project, path, "give the path of a directory or a source file that exists")
      end
    else
      bad_path(path)
    end
  end

  defp sources(other, _exclude), do: bad_path(other)

  defp bad_path(path), do: Fault.invalid(:project_path, path, "give the path of a directory, as text")

  defp found(root, files) when length(files) <= @files_max do
    {:ok, root, files |> Enum.map(&Path.relative_to(&1, root)) |> Enum.sort()}
  end

  defp found(root, _files),
    do: Fault.invalid(:project_path, root, "it holds more than #{@files_max} source files")

  # Links to directories are not followed: they lead out of the project, or in circles.
  defp walk([], _exclude, files), do: files

  defp walk([dir | rest], exclude, files) do
    case File.ls(dir) do
      {:ok, names} ->
        {dirs, more} = names |> Enum.reject(&MapSet.member?(exclude, &1)) |> sort_out(dir)
        walk(dirs ++ rest, exclude, more ++ files)

      {:error, _posix} ->
        walk(rest, exclude, files)
    end
  end

  defp sort_out(names, dir) do
    Enum.reduce(names, {[], []}, fn name, {dirs, files} ->
      path = Path.join(dir, name)

      case File.lstat(path) do
        {:ok, %{type: :directory}} ->
          {[path | dirs], files}

        {:ok, %{type: type}} when type in [:regular, :symlink] ->
          {dirs, if(source?(path, type), do: [path | files], else: files)}

        _ ->
          {dirs, files}
      end
    end)
  end

  defp source?(path, type) do
    Path.extname(path) in [".ex", ".exs"] and String.valid?(path) and
      (type == :regular or File.regular?(path))
  end

  # Parsing

  defp parse(ref, root, files, opts) do
    total = length(files)

    files
    |> Task.async_stream(&parse_file(ref, root, &1),
      max_concurrency: opts[:max_concurrency],
      ordered: true,
      timeout: :infinity
    )
    |> Stream.zip(files)
    |> Stream.with_index(1)
    |> Enum.map(fn {{{:ok, outcome}, file}, done} ->
      if opts[:progress], do: opts[:progress].(%{done: done, total: total, file: file})
      outcome
    end)
  end

  defp parse_file(ref, root, file) do
    with {:ok, text} <- File.read(Path.join(root, file)),
         {:ok, false} <- Core.Repository.unchanged?(ref, root, file, text),
         {:ok, unit} <- Parser.parse_string(text, file: file) do
      {:parsed, unit, lines(text)}
    else
      {:ok, true} ->
        :unchanged

      {:error, %Error{} = error} ->
        {:error, parse_error(file, error)}

      {:error, posix} ->
        {:error, %{file: file, line: nil, column: nil, reason: "#{:file.format_error(posix)}"}}
    end
  rescue
    # Whatever one file does to the parser, the others are imported.
    error -> {:error, %{file: file, line: nil, column: nil, reason: Exception.message(error)}}
  end

  defp parse_error(file, error) do
    %{
      file: file,
      line: error.details[:line],
      column: error.details[:column],
      reason: error.details[:message] || error.message
    }
  end

  defp lines(""), do: 0

  defp lines(text) do
    breaks = text |> :binary.matches("\n") |> length()
    if String.ends_with?(text, "\n"), do: breaks, else: breaks + 1
  end
end
