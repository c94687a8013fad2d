defmodule Mix.Tasks.ElixirScope.Search do
  @shortdoc "Finds code by code"

  @moduledoc """
  Finds code by its structure, and prints each place as `file:line:column:` and the line of the source.

      mix elixir_scope.search PATTERN [PATH] [options]

      mix elixir_scope.search "Enum.map(_, fun) when is_function(fun)"
      mix elixir_scope.search "String.to_atom(_)" lib
      mix elixir_scope.search "Repo.delete(x)" --not-inside "Repo.transaction(...)"
      mix elixir_scope.search "x == x" ../other_project --json -

  A pattern is Elixir code: variables capture, `_` is any one thing, `...` any number of things. Aliases, imports and
  pipes are looked through. `ElixirScope.ASTRepository.Pattern` describes all of it.

  PATH is a directory or a file, the current directory by default. Dependencies and build directories are left out. A
  file that does not parse is named on standard error, and the others are searched. Nothing is compiled or run.

  ## Options

    * `--inside PATTERN`, `--contains PATTERN`, `--follows PATTERN`, `--precedes PATTERN` - what has to be around the
      match, in it, or among the statements before or behind it; `--not-inside` and so on: what must not be. Each may
      be repeated
    * `--captures` - finds `&f/1` as a call of `f/1`, too
    * `--apply` - finds `apply(m, :f, [x])` as a call of `m.f(x)`, too
    * `--no-resolve` - takes names as they are written: no aliases, no imports
    * `--no-pipes` - takes pipes as they are written
    * `--limit N` - at most N places
    * `--count` - only prints how many there are
    * `--json FILE` - writes the answer as JSON (`-` for standard output)
    * `--repository FILE` - searches a saved repository instead of PATH

  The exit status is 1 when nothing is found.

  ## JSON

      {"pattern": "g(x)", "count": 1, "more": false,
       "matches": [{"ast_node_id": "A.f/1#2b9105:5cf441bd.1", "file": "lib/a.ex", "line": 3, "column": 5,
                    "start": [3, 5], "text": "    g(1)", "captures": {"x": {"ast_node_id": "...", "code": "1"}}}]}

  What a `...rest` took is a list; an argument that is not in the source is `null`.
  """

  use Mix.Task

  alias ElixirScope.{ASTRepository, Report}
  alias ElixirScope.ASTRepository.Pattern
  alias Mix.ElixirScope.{Console, Options}

  @name "elixir_scope.search"
  @relations [
    :inside,
    :contains,
    :follows,
    :precedes,
    :not_inside,
    :not_contains,
    :not_follows,
    :not_precedes
  ]
  @options Enum.map(@relations, &{&1, :strings}) ++
             [
               captures: :flag,
               apply: :flag,
               no_resolve: :flag,
               no_pipes: :flag,
               limit: :count,
               count: :flag,
               json: :string,
               repository: :string,
               help: :flag
             ]
  # A search at the command line may take its time.
  @timeout_ms 60_000
  @line_max 500

  @impl true
  def run(args) do
    {opts, arguments} = Options.parse(args, @options, @name)

    cond do
      opts[:help] ->
        Console.help(@name)

      arguments == [] ->
        Mix.raise("mix #{@name} needs a pattern; see mix help #{@name}")

      length(arguments) > 2 ->
        Mix.raise("mix #{@name} takes a pattern and one path: put the pattern in quotes")

      true ->
        search(hd(arguments), Enum.at(arguments, 1), opts)
    end
  end

  defp search(text, path, opts) do
    {:ok, _} = Application.ensure_all_started(:elixir_scope)
    pattern = Console.ok!(Pattern.new(text, pattern_options(opts)))
    {repository, root} = repository(path, opts)

    found =
      Console.ok!(
        ASTRepository.find_ast_nodes_by_pattern(repository, pattern,
          limit: if(opts[:count], do: :infinity, else: opts[:limit] || :infinity),
          timeout: @timeout_ms
        )
      )

    rows = rows(found.matches, root)

    cond do
      opts[:count] -> Mix.shell().info("#{found.count}")
      opts[:json] == "-" -> :ok
      true -> Enum.each(rows, &Mix.shell().info("#{&1.file}:#{&1.line}:#{&1.column}:#{&1.text}"))
    end

    if opts[:json], do: json(text, found, rows, opts[:json])
    if found.more?, do: warn("there are more than #{found.count}")
    if found.count == 0 and opts[:json] == nil, do: exit({:shutdown, 1})
  end

  defp pattern_options(opts) do
    flags = [
      resolve: not Keyword.get(opts, :no_resolve, false),
      pipes: not Keyword.get(opts, :no_pipes, false),
      captures: Keyword.get(opts, :captures, false),
      apply: Keyword.get(opts, :apply, false)
    ]

    flags ++ Keyword.take(opts, @relations)
  end

  # A repository, and where its files are.
  defp repository(nil, opts) do
    case opts[:repository] do
      nil -> repository(".", opts)
      file -> {file |> ASTRepository.load() |> Console.ok!(), "."}
    end
  end

  defp repository(path, opts) do
    if opts[:repository], do: Mix.raise("give PATH or --repository, not both")
    repository = Console.ok!(ASTRepository.new())
    result = Console.ok!(ASTRepository.import_project(repository, Path.expand(path)))
    for error <- result.errors, do: warn("#{error.file}:#{error.line || 1} was not read: #{error.reason}")
    if result.files == 0, do: Mix.raise("#{path} holds no Elixir file (.ex or .exs)")
    {repository, if(File.regular?(path), do: Path.dirname(path), else: path)}
  end

  defp warn(text), do: IO.puts(:stderr, "elixir_scope: " <> text)

  defp rows(matches, root) do
    matches
    |> Enum.chunk_by(& &1.file)
    |> Enum.flat_map(fn [%{file: file} | _] = matches ->
      path = if root == ".", do: file, else: Path.join(root, file)
      lines = lines(path)

      for match <- matches do
        line = if match.line <= tuple_size(lines), do: elem(lines, match.line - 1), else: ""
        match |> Map.from_struct() |> Map.merge(%{file: path, text: String.slice(line, 0, @line_max)})
      end
    end)
  end

  defp lines(path) do
    case File.read(path) do
      {:ok, text} -> text |> String.split(["\r\n", "\n"]) |> List.to_tuple()
      {:error, _gone} -> {}
    end
  end

  defp json(text, found, rows, path) do
    matches =
      for row <- rows do
        Report.JSON.ordered(
          ast_node_id: row.ast_node_id,
          file: row.file,
          line: row.line,
          column: row.column,
          start: Tuple.to_list(row.start),
          text: row.text,
          captures: Map.new(row.captures, fn {name, captured} -> {name, captured(captured)} end)
        )
      end

    document = Report.JSON.ordered(pattern: text, count: found.count, more: found.more?, matches: matches)
    encoded = Console.ok!(Report.JSON.encode(document, pretty: true)) <> "\n"
    if path == "-", do: IO.write(encoded), else: File.write!(path, encoded)
  end

  defp captured(nil), do: nil
  defp captured(list) when is_list(list), do: Enum.map(list, &captured/1)
  defp captured(%{id: id, code: code}), do: %{ast_node_id: id, code: Macro.to_string(code)}
end
