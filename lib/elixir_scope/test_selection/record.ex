defmodule ElixirScope.TestSelection.Record do
  @moduledoc """
  Which test reached what, of one observed run of a suite, with everything that is needed to choose tests later: the sources
  as they were, which functions would have reported, and what depends on what at compile time. Kept in a file beside the saved
  repository.

    * `:tests` - `%{{module, name} => facts}`, names as text; `facts` has `:file`, `:line`, `:describe`, `:type`, `:async`,
      `:result`, `:time_us`
    * `:reach` - `%{function => %{test => %{how:, calls:, clauses:, coverage:}}}`, functions as `"Shop.Cart.add/3"`, `how` as of
      `ElixirScope.ASTRepository.TestCase`
    * `:outside` - functions that ran while no test did
    * `:observed` - functions that would have reported; `:modules` - the modules that were observed; `:homes` - the module of
      each function: `%{function => module}`
    * `:dependencies` - `[{module, module, :compile | :export | :runtime}]`
    * `:externals` - `%{path => [module]}`, of `@external_resource`
    * `:files` - `%{path => {md5, compressed text}}`
  """

  alias ElixirScope.{ASTRepository, Core, Error}
  alias ElixirScope.ASTRepository.{GraphBuilder, Handle, Query, TestCase}
  alias ElixirScope.Report.Output

  defstruct [
    :at_us,
    tests: %{},
    reach: %{},
    outside: [],
    observed: [],
    homes: %{},
    modules: [],
    dependencies: [],
    externals: %{},
    files: %{}
  ]

  @type test :: {String.t(), String.t()}
  @type t :: %__MODULE__{}

  @format :elixir_scope_test_record_1
  # As of the sources that are imported: what a change of these means is known.
  @directories ~w(lib test config apps)
  @top ~w(mix.exs mix.lock)
  @sources ~w(.ex .exs .erl .hrl .xrl .yrl .eex .heex .leex)
  @file_bytes_max 2_000_000
  @cases_max 100
  # Atoms of a kept record, which another VM has to know before it reads one.
  @words [
    [:describe, :file, :line, :type, :async, :result, :time_us, :how, :calls, :clauses, :coverage],
    [:passed, :failed, :invalid, :skipped, :excluded, :unknown, :compile, :export, :runtime],
    [:own, :descendant, :setup_all, :meanwhile]
  ]
  @sureness %{own: 0, descendant: 1, setup_all: 2, meanwhile: 3}

  @doc """
  Of an account that `ElixirScope.Sources.ExUnit.detach/0` gave, of the repository that was observed into, and of the modules
  that were observed.
  """
  @spec new(ElixirScope.Sources.ExUnit.account(), ASTRepository.repository(), [module()], Path.t()) ::
          {:ok, t()} | {:error, Error.t()}
  def new(account, repository, modules, root) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, defined} <- defined(repository),
         {:ok, dependencies} <- dependencies(repository, account) do
      tests = tests(account, root)
      reach = account.reached |> Enum.reduce(%{}, &reach(&1, &2, account.points, tests)) |> covered(ref)

      {:ok,
       %__MODULE__{
         at_us: System.os_time(:microsecond),
         tests: tests,
         reach: reach,
         outside:
           for({nil, _, literal, _} <- account.reached, uniq: true, do: function(account.points, literal)),
         observed: for({id, _module, share} <- defined, share != nil, do: id),
         homes: homes(defined, account.points),
         modules: Enum.map(modules, &inspect/1),
         dependencies: dependencies,
         externals: externals(modules, root),
         files: files(root)
       }}
    end
  end

  ## Tests

  defp tests(account, root) do
    known = Map.new(account.tests, fn {key, facts} -> {name(key), plain(facts)} end)

    # Without the formatter the hooks alone say which tests there were.
    for {{module, test}, _, _, _} <- account.reached,
        test != :setup_all,
        key = name({module, test}),
        not is_map_key(known, key),
        into: known,
        do: {key, unknown(module, root)}
  end

  defp plain(facts), do: %{facts | type: facts.type && to_string(facts.type)}
  defp name({module, test}), do: {inspect(module), to_string(test)}

  defp unknown(module, root) do
    file = module.module_info(:compile)[:source]

    %{
      file: file && file |> to_string() |> Path.relative_to(root),
      line: nil,
      describe: nil,
      type: nil,
      async: nil,
      result: :unknown,
      time_us: nil
    }
  end

  ## Reach

  defp reach({nil, _how, _literal, _count}, reach, _points, _tests), do: reach

  defp reach({{module, :setup_all}, how, literal, count}, reach, points, tests) do
    module = inspect(module)
    keys = for {{^module, _name} = key, _} <- tests, do: key
    how = if how == :meanwhile, do: :meanwhile, else: :setup_all
    Enum.reduce(keys, reach, &add(&2, points, literal, &1, how, count))
  end

  defp reach({key, how, literal, count}, reach, points, _tests),
    do: add(reach, points, literal, name(key), how, count)

  defp add(reach, points, literal, test, how, count) do
    %{kind: kind, clause: clause} = Map.fetch!(points, literal)
    calls = if kind == :clause, do: count, else: 0
    clauses = if kind == :clause, do: [clause], else: []
    new = %{how: how, calls: calls, clauses: clauses, literals: [literal]}

    reach
    |> Map.put_new(function(points, literal), %{})
    |> update_in([function(points, literal)], fn tests -> Map.update(tests, test, new, &join(&1, new)) end)
  end

  # What is surest says how; calls are those of the surest way.
  defp join(one, other) do
    {sure, _unsure} = if @sureness[one.how] <= @sureness[other.how], do: {one, other}, else: {other, one}

    calls = if one.how == other.how, do: one.calls + other.calls, else: sure.calls

    %{
      how: sure.how,
      calls: calls,
      clauses: Enum.uniq(one.clauses ++ other.clauses),
      literals: one.literals ++ other.literals
    }
  end

  defp function(points, literal) do
    {module, name, arity} = Map.fetch!(points, literal).mfa
    id(module, name, arity)
  end

  @doc "A function as ids name it, `\"Shop.Cart.add/3\"`."
  def id(module, name, arity),
    do: module |> Exception.format_mfa(name, arity) |> String.replace_prefix("&", "")

  # One question for each test and all its functions.
  defp covered(reach, ref) do
    by_test =
      for {function, tests} <- reach, {test, own} <- tests, reduce: %{} do
        all -> Map.update(all, test, [{function, own.literals}], &[{function, own.literals} | &1])
      end

    shares =
      for {test, functions} <- by_test,
          {:ok, covered} <- [Core.Work.coverage(ref, Enum.flat_map(functions, &elem(&1, 1)))],
          {{module, name, arity}, covered, executable} <- covered,
          into: %{},
          do: {{test, id(module, name, arity)}, covered / max(executable, 1)}

    Map.new(reach, fn {function, tests} ->
      {function,
       Map.new(tests, fn {test, own} ->
         {test, own |> Map.delete(:literals) |> Map.put(:coverage, shares[{test, function}])}
       end)}
    end)
  end

  ## The rest

  defp defined(repository) do
    query = %Query{from: :functions, select: [:ast_node_id, :module_name, :test_coverage]}

    with {:ok, %{rows: rows}} <- ASTRepository.query(repository, query),
         do: {:ok, for(row <- rows, do: {row.ast_node_id, inspect(row.module_name), row.test_coverage})}
  end

  # Functions that macros made have no source, and run all the same.
  defp homes(defined, points) do
    ran =
      for {_, %{mfa: {module, name, arity}}} <- points,
          into: %{},
          do: {id(module, name, arity), inspect(module)}

    for {id, module, _share} <- defined, into: ran, do: {id, module}
  end

  # The source alone cannot tell when the code in a `test` runs: of what was compiled with the tests, the compiler knows.
  defp dependencies(repository, account) do
    needs = for {from, to, kind} <- account.needs, from != to, do: {inspect(from), inspect(to), kind}
    compiled = for {{from, _}, _, _, _} <- account.reached, into: MapSet.new(), do: inspect(from)
    compiled = for {from, _, _} <- needs, into: compiled, do: from

    with {:ok, graph} <- GraphBuilder.dependency_graph(repository) do
      known = for %{from: from, to: to, kind: kind} <- graph.edges, from not in compiled, do: {from, to, kind}
      own = MapSet.new(graph.nodes, & &1.id)
      {:ok, known ++ Enum.filter(needs, fn {_, to, _} -> to in own end)}
    end
  end

  defp externals(modules, root) do
    for module <- modules,
        {:external_resource, paths} <- attributes(module),
        path <- paths,
        is_binary(path),
        reduce: %{} do
      all -> Map.update(all, Path.relative_to(path, root), [inspect(module)], &[inspect(module) | &1])
    end
  end

  defp attributes(module) do
    module.module_info(:attributes)
  rescue
    UndefinedFunctionError -> []
  end

  @doc "The files whose changes matter, of the project at `root`, as they are now: `%{path => {md5, compressed}}`."
  def files(root) do
    for path <- paths(root), {:ok, text} <- [File.read(Path.join(root, path))], into: %{} do
      {path, {hash(text), :zlib.zip(text)}}
    end
  end

  @doc "Their paths."
  def paths(root) do
    below =
      for directory <- @directories,
          path <- Path.wildcard(Path.join([root, directory, "**", "*"])),
          relative = Path.relative_to(path, root),
          Path.extname(path) in @sources or String.starts_with?(relative, "config/") or
            Path.basename(path) in @top,
          not String.contains?(relative, ["/_build/", "/deps/", "/node_modules/"]),
          match?({:ok, %{type: :regular, size: size}} when size <= @file_bytes_max, File.stat(path)),
          do: relative

    Enum.uniq(for(path <- @top, File.regular?(Path.join(root, path)), do: path) ++ below)
  end

  @doc false
  def hash(text), do: :erlang.md5(text)

  @doc "The text of a file as it was when the tests ran, or `nil`."
  @spec text(t(), Path.t()) :: String.t() | nil
  def text(record, path) do
    with {_hash, compressed} <- record.files[path], do: :zlib.unzip(compressed)
  end

  ## In the repository

  @doc "Puts the `ElixirScope.ASTRepository.TestCase`s of each function into the repository: at most 100, the surest first."
  @spec store(t(), ASTRepository.repository()) :: :ok | {:error, Error.t()}
  def store(record, repository) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, %{rows: rows}} <-
           ASTRepository.query(repository, %Query{from: :functions, select: [:ast_node_id, :function_key]}) do
      for %{ast_node_id: id, function_key: key} <- rows, is_map_key(record.reach, id) do
        Core.Repository.put_function(ref, key, :patch, nil, nil, test_cases: cases(record, id))
      end

      :ok
    end
  end

  @doc "The tests that reached a function (`\"Shop.Cart.add/3\"`), the surest first."
  @spec cases(t(), String.t(), pos_integer()) :: [TestCase.t()]
  def cases(record, function, limit \\ @cases_max) do
    record.reach
    |> Map.get(function, %{})
    |> Enum.sort_by(fn {test, own} -> {@sureness[own.how], -own.calls, test} end)
    |> Enum.take(limit)
    |> Enum.map(fn {{module, name} = test, own} ->
      facts = Map.get(record.tests, test, %{})

      struct(
        TestCase,
        facts
        |> Map.take([:describe, :file, :line, :result, :time_us])
        |> Map.merge(Map.take(own, [:how, :calls, :coverage]))
        |> Map.merge(%{module: module, name: name})
      )
    end)
  end

  ## On the disk

  @doc "Keeps it beside the repository saved at `path`."
  @spec keep(t(), Path.t()) :: :ok | {:error, Error.t()}
  def keep(record, path),
    do: Output.write(beside(path), :erlang.term_to_binary({@format, Map.from_struct(record)}))

  @doc "The one kept beside the repository at `path`. Errors: `:not_found`, `:corrupt`."
  @spec kept(Path.t()) :: {:ok, t()} | {:error, Error.t()}
  def kept(path) do
    case File.read(beside(path)) do
      {:ok, bytes} -> decode(bytes, path)
      {:error, _} -> none(path, :not_found, "no observed run of the tests is kept")
    end
  end

  defp decode(bytes, path) do
    true = Enum.all?(List.flatten(@words), &is_atom/1)
    {@format, fields} = :erlang.binary_to_term(bytes, [:safe])
    {:ok, struct!(__MODULE__, fields)}
  rescue
    _ -> none(path, :corrupt, "the kept run of the tests cannot be read")
  end

  defp none(path, reason, message) do
    {:error,
     %Error{
       reason: reason,
       message: message,
       hint: "run mix elixir_scope.test once",
       details: %{path: beside(path)}
     }}
  end

  defp beside(path), do: path <> ".tests"
end
