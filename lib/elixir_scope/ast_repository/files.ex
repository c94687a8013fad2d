defmodule ElixirScope.ASTRepository.Files do
  @moduledoc false
  # Single files of imported projects: where they belong, read, parsed, and put in the place of what was stored.

  alias ElixirScope.ASTRepository.{Fault, FileUpdate, Handle, Parser}
  alias ElixirScope.{Core, Error}

  @options [:text, :root]

  def update_file(repository, path, opts) do
    started = now_us()

    with {:ok, ref} <- Handle.ref(repository),
         {:ok, opts} <- options(opts),
         {:ok, place} <- place(ref, path, opts[:root]),
         {:ok, prepared} <- prepare(ref, place, opts[:text]) do
      commit(ref, place, prepared, started)
    end
  end

  def remove_file(repository, path) do
    started = now_us()

    with {:ok, ref} <- Handle.ref(repository),
         {:ok, place} <- place(ref, path, nil),
         {:ok, {_root, _file}} <- Core.Updates.file_place(ref, place.path),
         {:ok, {version, changes}} <- Core.Updates.apply(ref, [{:remove_file, place.path}]) do
      {:ok, result(place, changes, version, %{store_us: now_us() - started}, started)}
    else
      {:error, %Error{reason: :not_found, details: %{what: "file"}}} ->
        Fault.not_found(:file, path, "no such file is stored")

      error ->
        error
    end
  end

  @doc """
  The operation that puts a file in its place, with how long it took to make; `:unchanged` when its text is stored
  already. `text` is `nil` for what is on the disk.
  """
  def prepare(ref, place, text) do
    started = now_us()

    with {:ok, text} <- read(place, text),
         read_us = now_us() - started,
         {:ok, false} <- Core.Repository.unchanged?(ref, place.root, place.file, text),
         {:ok, unit} <- parse(text, place) do
      times = %{read_us: read_us, parse_us: now_us() - started - read_us}
      {:ok, {{:file, place.root, unit, lines(text)}, times}}
    else
      {:ok, true} -> {:ok, :unchanged}
      error -> error
    end
  end

  @doc "Where a file belongs: `%{path:, root:, file:}`."
  def place(ref, path, root) do
    with {:ok, path} <- text(:path, path),
         {:ok, root} <- root(root) do
      # Nearly always a file that is stored, by its absolute path.
      case Path.type(path) == :absolute and Core.Updates.file_place(ref, Path.expand(path)) do
        {:ok, {root, file}} ->
          {:ok, %{path: Path.expand(path), root: root, file: file}}

        _not_stored ->
          with {:ok, roots} <- roots(ref, root), do: find(ref, path, roots)
      end
    end
  end

  defp roots(ref, nil), do: Core.Updates.roots(ref)
  defp roots(_ref, root), do: {:ok, [root]}

  # A relative path is looked for in the projects that were imported, as ids and locations show it.
  defp find(ref, path, roots) do
    candidates =
      if Path.type(path) == :absolute,
        do: [Path.expand(path)],
        else: Enum.map(roots, &Path.expand(path, &1)) ++ [Path.expand(path)]

    absolute =
      Enum.find(candidates, &stored?(ref, &1)) || Enum.find(candidates, hd(candidates), &File.exists?/1)

    case {Core.Updates.file_place(ref, absolute), Enum.filter(roots, &inside?(absolute, &1))} do
      {{:ok, {root, file}}, _roots} ->
        {:ok, %{path: absolute, root: root, file: file}}

      {{:error, %Error{reason: :not_found, details: %{what: "file"}}}, [_ | _] = around} ->
        root = Enum.max_by(around, &byte_size/1)
        {:ok, %{path: absolute, root: root, file: Path.relative_to(absolute, root)}}

      {{:error, %Error{reason: :not_found, details: %{what: "file"}}}, []} ->
        Fault.not_found(
          :project_of_file,
          path,
          "import its project first, or say to which directory it belongs: root: \"path\""
        )

      {error, _roots} ->
        error
    end
  end

  defp stored?(ref, path), do: match?({:ok, _}, Core.Updates.file_place(ref, path))
  defp inside?(path, root), do: String.starts_with?(path, String.trim_trailing(root, "/") <> "/")

  # An AST makes more garbage than anything else here: in a process of its own, with room for all of it, it is gone
  # with that process and never collected.
  defp parse(text, place) do
    fun = fn -> exit({:parsed, Parser.parse_string(text, file: place.file)}) end
    {_pid, monitor} = :erlang.spawn_opt(fun, [:monitor, min_heap_size: heap_words(byte_size(text))])

    receive do
      {:DOWN, ^monitor, :process, _pid, {:parsed, parsed}} -> parsed
      {:DOWN, ^monitor, :process, _pid, crash} -> exit(crash)
    end
  end

  # Tokens and syntax take about 20 words for a byte of source, here on the safe side; at most 16 MB are set aside.
  @heap_words_max 2_000_000
  defp heap_words(bytes), do: min(bytes * 24, @heap_words_max)

  defp read(_place, text) when is_binary(text), do: {:ok, text}

  defp read(place, nil) do
    with {:error, posix} <- File.read(place.path) do
      {:error,
       %Error{
         reason: :file,
         message: "#{place.path} cannot be read: #{:file.format_error(posix)}",
         hint: "remove_file/2 takes a file out that is gone",
         details: %{path: place.path, posix: posix}
       }}
    end
  end

  defp commit(ref, place, :unchanged, started) do
    with {:ok, version} <- Core.Updates.version(ref),
         do: {:ok, result(place, [%{path: place.path, kind: :unchanged}], version, %{}, started)}
  end

  defp commit(ref, place, {operation, times}, started) do
    storing = now_us()

    with {:ok, {version, changes}} <- Core.Updates.apply(ref, [operation]) do
      times = Map.put(times, :store_us, now_us() - storing)
      {:ok, result(place, changes, version, times, started)}
    end
  end

  defp result(place, changes, version, times, started) do
    own = Enum.find(changes, %{kind: :unchanged}, &(&1.path == place.path))

    FileUpdate
    |> struct(place)
    |> struct(change: own.kind, version: version, modules: own[:modules] || [])
    |> struct(functions: own[:functions] || [])
    |> struct(times)
    |> struct(duration_us: now_us() - started)
  end

  # Arguments

  defp options(opts) do
    cond do
      not Keyword.keyword?(opts) ->
        Fault.invalid(:options, opts, "give a keyword list")

      unknown = Enum.find(Keyword.keys(opts), &(&1 not in @options)) ->
        Fault.unknown(:option, unknown, @options)

      not (is_nil(opts[:text]) or is_binary(opts[:text])) ->
        Fault.invalid(:text, opts[:text], "give the source as text")

      true ->
        {:ok, opts}
    end
  end

  defp root(nil), do: {:ok, nil}
  defp root(root), do: with({:ok, root} <- text(:root, root), do: {:ok, Path.expand(root)})

  @path_bytes_max 4_096

  defp text(what, path) when is_binary(path) and path != "" and byte_size(path) <= @path_bytes_max do
    if String.valid?(path) and not String.contains?(path, <<0>>), do: {:ok, path}, else: bad(what, path)
  end

  defp text(what, other), do: bad(what, other)

  defp bad(what, path), do: Fault.invalid(what, path, "give a path, as text")

  defp lines(""), do: 0

  defp lines(text) do
    breaks = text |> :binary.matches("\n") |> length()
    if String.ends_with?(text, "\n"), do: breaks, else: breaks + 1
  end

  defp now_us, do: System.monotonic_time(:microsecond)
end
