defmodule ElixirScope.Export.RowsTest do
  use ExUnit.Case, async: true

  import ElixirScope.Test.CodeFixtures, only: [repository: 0, parse: 1]

  alias ElixirScope.{ASTRepository, Export}
  alias ElixirScope.ASTRepository.{Maintenance, Query}

  @moduletag :tmp_dir

  # Reads a file by what others wrote, and prints its rows as Elixir terms: 77 when the reader is not installed.
  @reader """
  import csv, json, sys
  kind, path = sys.argv[1:3]
  try:
      if kind == "json":
          rows = json.load(open(path, encoding="utf-8"))
      elif kind == "jsonl":
          rows = [json.loads(line) for line in open(path, encoding="utf-8")]
      elif kind == "csv":
          rows = list(csv.DictReader(open(path, newline="", encoding="utf-8")))
      elif kind == "msgpack":
          import msgpack
          rows = msgpack.unpackb(open(path, "rb").read())
      elif kind == "parquet":
          import pyarrow.parquet
          rows = pyarrow.parquet.read_table(path).to_pylist()
      elif kind == "sums":
          import duckdb
          ask = "select count(*) n, sum(line)::bigint lines, count(name) names, count(*) filter (below) below from"
          made = duckdb.sql(f"{ask} '{path}'")
          rows = [dict(zip(made.columns, row)) for row in made.fetchall()]
      else:
          import duckdb
          made = duckdb.sql(f"select * from '{path}'")
          rows = [dict(zip(made.columns, row)) for row in made.fetchall()]
  except ImportError:
      sys.exit(77)

  def term(value):
      if value is None: return "nil"
      if isinstance(value, bool): return "true" if value else "false"
      if isinstance(value, int): return str(value)
      if isinstance(value, float): return format(value, ".17e")
      if isinstance(value, str): return "<<" + ",".join(str(byte) for byte in value.encode("utf-8")) + ">>"
      if isinstance(value, (list, tuple)): return "[" + ",".join(term(item) for item in value) + "]"
      return "%{" + ",".join(term(key) + " => " + term(item) for key, item in value.items()) + "}"
  sys.stdout.write(term(rows))
  """

  defp read(kind, path) do
    python = System.get_env("ELIXIR_SCOPE_PYTHON") || System.find_executable("python3")

    case python && System.cmd(python, ["-c", @reader, to_string(kind), path]) do
      {text, 0} -> {:ok, text |> Code.eval_string() |> elem(0)}
      _ -> IO.puts(:stderr, "skipped: Python or its reader of #{kind} is not installed") && :missing
    end
  end

  defp filled do
    repository = repository()

    for number <- 1..30 do
      :ok =
        ASTRepository.store_module(
          repository,
          parse("""
          defmodule Out.M#{number} do
            @doc "A \\"quoted\\", text"
            def f(x) when x > #{number}, do: {x, "a,b"}
            def f(_), do: nil
            defp g?(x), do: x
            def h, do: g?(1)
          end
          """)
        )
    end

    # What separates, quotes and ends lines, and is no ASCII.
    :ok =
      ASTRepository.store_function(repository, %ASTRepository.FunctionData{
        module_name: Out.Stored,
        function_name: :"é,\"\n x",
        arity: 0,
        cyclomatic_complexity: 7,
        call_frequency: 3
      })

    repository
  end

  defp plain(atom) when is_atom(atom) and atom not in [nil, true, false],
    do: atom |> Atom.to_string() |> String.replace_prefix("Elixir.", "")

  defp plain(other), do: other

  test "every format says what the query says", %{tmp_dir: dir} do
    repository = filled()

    sql =
      "select function, module_name, function_name, arity, line, visibility, maintainability_index as mi, has_runtime_data as ran, crap from functions order by function"

    {:ok, %{rows: rows}} = ASTRepository.sql(repository, sql)
    expected = for row <- rows, do: Map.new(row, fn {key, value} -> {key, plain(value)} end)
    assert length(expected) == 91

    for format <- Export.Rows.formats() do
      path = Path.join(dir, "functions.#{format}")

      assert {:ok, %Export.Rows{format: ^format, rows: 91, bytes: bytes}} =
               ASTRepository.export_data(repository, sql: sql, path: path)

      assert File.stat!(path).size == bytes

      with {:ok, found} <- read(format, path) do
        if format == :csv, do: assert(found == Enum.map(expected, &texts/1)), else: assert(found == expected)
      end

      if format == :parquet, do: with({:ok, found} <- read(:duckdb, path), do: assert(found == expected))
    end

    assert Path.wildcard(Path.join(dir, "*.tmp")) == []
  end

  # As CSV has it: everything is text.
  defp texts(row), do: Map.new(row, fn {key, value} -> {key, text(value)} end)
  defp text(nil), do: ""
  defp text(float) when is_float(float), do: float |> :erlang.float_to_binary([:short]) |> to_string()
  defp text(other), do: to_string(other)

  test "tables, more rows than a group, nothing at all, and what nests", %{tmp_dir: dir} do
    repository = filled()
    all = Path.join(dir, "nodes.parquet")

    sql =
      "select a.line, b.column, a.line > b.line as below, b.name from ast_nodes a join ast_nodes b on a.kind = b.kind limit 140000"

    assert {:ok, %{rows: 140_000}} = ASTRepository.export_data(repository, sql: sql, path: all)

    # Two groups of rows.
    with {:ok, [%{"n" => 140_000} = found]} <- read(:sums, all) do
      {:ok, %{rows: rows}} = ASTRepository.sql(repository, sql)
      assert found["lines"] == rows |> Enum.map(&(&1["line"] || 0)) |> Enum.sum()
      assert found["names"] == Enum.count(rows, & &1["name"])
      assert found["below"] == Enum.count(rows, & &1["below"])
    end

    for table <- [
          :modules,
          :functions,
          :clauses,
          :ast_nodes,
          :events,
          :activations,
          :edges,
          :processes,
          :findings
        ],
        format <- [:json] do
      path = Path.join(dir, "#{table}.#{format}")
      assert {:ok, %{rows: count}} = ASTRepository.export_data(repository, table: table, path: path)
      with {:ok, found} <- read(format, path), do: assert(length(found) == count)
    end

    nested =
      Query.new()
      |> Query.from(:functions)
      |> Query.select([:function_key, :complexity_metrics])
      |> Query.limit(2)

    for format <- [:json, :msgpack] do
      path = Path.join(dir, "nested.#{format}")
      assert {:ok, %{rows: 2}} = ASTRepository.export_data(repository, query: nested, path: path)

      with {:ok, [first | _]} <- read(format, path) do
        assert [module, name, arity] = first["function_key"]
        assert is_binary(module) and is_binary(name) and is_integer(arity)
        assert first["complexity_metrics"]["cyclomatic_complexity"] >= 1
      end
    end
  end

  test "what is wrong leaves no file, and what was there stays", %{tmp_dir: dir} do
    repository = filled()
    path = Path.join(dir, "kept.csv")
    File.write!(path, "before")

    for {options, reason} <- [
          {[path: path], :invalid_argument},
          {[path: path, table: :functions, sql: "select 1"], :invalid_argument},
          {[path: path, table: :function], :unknown},
          {[path: path, sql: "select nothing from functions"], :unknown},
          {[path: path, table: :functions, format: :xml], :unknown},
          {[path: Path.join(dir, "a.txt"), table: :functions], :unknown},
          {[path: dir, table: :functions], :invalid_argument},
          {[path: path, sql: "select ast from functions"], :invalid_argument},
          {[path: path, table: :functions, tables: 1], :unknown},
          {[table: :functions], :invalid_argument},
          {[path: "/proc/none/x.csv", table: :functions], :not_written},
          {:everything, :invalid_argument}
        ] do
      assert {:error, %{reason: ^reason}} = ASTRepository.export_data(repository, options), inspect(options)
    end

    assert File.read!(path) == "before"
    assert File.ls!(dir) == ["kept.csv"]
  end

  test "optimize and vacuum say what they did, and it is so" do
    repository = filled()
    sql = "select function, crap from functions where visibility = 'private'"
    {:ok, %{rows: rows}} = ASTRepository.sql(repository, sql, cache: true)
    before = bytes(repository)
    assert {:ok, %Maintenance{operation: :optimize, steps: steps} = done} = ASTRepository.optimize(repository)
    assert %{count: made, bytes: made_bytes} = Enum.find(steps, &(&1.what == :columns_prepared))
    assert made > 5 and made_bytes > 0
    assert done.before.total == before
    assert done.after.total == bytes(repository)
    assert {:ok, %Maintenance{operation: :vacuum} = done} = ASTRepository.vacuum(repository, computed: true)
    assert %{count: 1} = Enum.find(done.steps, &(&1.what == :answers_dropped))

    assert %{count: columns, bytes: dropped} =
             Enum.find(done.steps, &(&1.what == :columns_and_indexes_dropped))

    assert columns >= made and dropped >= made_bytes
    assert done.freed_bytes >= dropped
    assert done.after.total == bytes(repository)
    {:ok, %{queries: %{kept_bytes: 0, cache_entries: 0}}} = ASTRepository.get_statistics(repository)
    assert {:ok, %{rows: ^rows, cached?: false}} = ASTRepository.sql(repository, sql)
    assert {:error, %{reason: :unknown}} = ASTRepository.vacuum(repository, all: true)
    assert {:error, %{}} = ASTRepository.optimize(:nobody)
  end

  defp bytes(repository) do
    {:ok, %{total_memory_bytes: bytes}} = ASTRepository.get_statistics(repository)
    bytes
  end
end
