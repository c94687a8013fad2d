defmodule ElixirScope.ASTRepository.Query.DuckDBTest do
  # The capture is the VM's.
  use ExUnit.Case, async: false

  import ElixirScope.Test.CodeFixtures, only: [repository: 0]

  alias ElixirScope.{ASTRepository, Capture}
  alias ElixirScope.ASTRepository.Query.Schema
  alias ElixirScope.Report.JSON
  alias ElixirScope.Test.SQLGenerator

  @moduletag :tmp_dir
  @tool Path.expand("../../../tools/duckdb_oracle.py", __DIR__)
  @tables ~w(modules functions clauses events activations edges processes findings)a
  # Rows of the oracle's copy of a table: JSON and Python are slow.
  @rows_max 1_500

  describe "SQL answers as DuckDB does, over real data" do
    test("some queries", context, do: check(context, 400, 1))

    @tag :long
    @tag timeout: 3_600_000
    test "ten thousand", context do
      for seed <- 2..11, do: check(context, 1_000, seed)
    end
  end

  defp check(%{tmp_dir: dir}, count, seed) do
    repo = observed(dir)
    tables = tables(repo)
    queries = SQLGenerator.queries(tables, seed, count)

    case duckdb(dir, tables, queries) do
      :missing ->
        IO.puts(:stderr, "skipped: DuckDB is not installed (pip install duckdb)")

      answers ->
        results =
          for {query, answer} <- Enum.zip(queries, answers) do
            {query, compare(query, ASTRepository.sql(repo, query), answer)}
          end

        wrong = for {query, {:wrong, ours, theirs}} <- results, do: {query, ours, theirs}
        refused = for {query, {:refused, message}} <- results, do: {query, message}
        equal = Enum.count(results, &match?({_, :equal}, &1))

        for {query, ours, theirs} <- Enum.take(wrong, 5),
            do:
              IO.puts(
                :stderr,
                "\n#{query}\nours   #{inspect(ours, limit: 20)}\nDuckDB #{inspect(theirs, limit: 20)}"
              )

        for {query, message} <- Enum.take(refused, 3), do: IO.puts(:stderr, "\n#{query}\n#{message}")
        assert length(wrong) == 0
        assert equal >= count * 0.85, "only #{equal} of #{count} were answered by both"
    end
  end

  # The example, at work, and some more source.
  defp observed(dir) do
    shop = Path.expand("examples/shop/lib")
    ebin = Path.join(dir, "ebin")
    File.mkdir_p!(ebin)
    debug_info = Code.get_compiler_option(:debug_info)
    Code.put_compiler_option(:debug_info, true)
    {:ok, modules, _} = Kernel.ParallelCompiler.compile_to_path(Path.wildcard(shop <> "/**/*.ex"), ebin)
    Code.put_compiler_option(:debug_info, debug_info)
    Code.prepend_path(ebin)
    # Nothing of it is to stay for other tests.
    on_exit(fn ->
      ElixirScope.uninstrument()
      Code.delete_path(ebin)
      for module <- modules, do: :code.purge(module) && :code.delete(module) && :code.purge(module)
    end)

    repo = repository()
    {:ok, _} = ASTRepository.import_project(repo, Path.dirname(shop))
    {:ok, _} = ASTRepository.import_project(repo, Path.expand("lib/elixir_scope/instrumentation"))
    :ok = Capture.subscribe(repo)
    {:ok, _} = ElixirScope.instrument(modules)
    :ok = Capture.start(overflow: :wait)
    start_supervised!(%{id: Shop, start: {Shop.Application, :start, [:normal, []]}, type: :supervisor})
    apply(Shop.Load, :run, [8, 2])
    stop_supervised!(Shop)
    :ok = Capture.stop()
    :ok = Capture.flush()
    {:ok, _} = ElixirScope.uninstrument()
    repo
  end

  # What both have: the columns of plain types.
  defp tables(repo) do
    for source <- @tables do
      columns =
        for %{name: name, type: type, of: of} <- Schema.describe(source),
            of != :costly and type in ["BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN"],
            do: {to_string(name), type}

      names = Enum.map(columns, &elem(&1, 0))
      {:ok, result} = ASTRepository.sql(repo, "SELECT #{Enum.join(names, ", ")} FROM #{source}")
      assert result.count > 0, "no rows in #{source}"
      assert result.count <= @rows_max, "#{result.count} rows in #{source}"
      rows = for row <- result.rows, do: for({name, type} <- columns, do: plain(row[name], type))
      %{name: to_string(source), columns: columns, rows: rows}
    end
  end

  defp plain(value, _type) when value in [nil, true, false], do: value

  defp plain(atom, "VARCHAR") when is_atom(atom),
    do: atom |> Atom.to_string() |> String.replace_prefix("Elixir.", "")

  defp plain(value, _type), do: value

  defp duckdb(dir, tables, queries) do
    paths = for name <- ~w(tables.json queries.json answers.jsonl), do: Path.join(dir, name)
    [tables_path, queries_path, answers_path] = paths

    tables =
      for table <- tables, into: %{} do
        columns = for {name, type} <- table.columns, do: [name, type]
        {table.name, %{"columns" => columns, "rows" => table.rows}}
      end

    File.write!(tables_path, json!(tables))
    File.write!(queries_path, json!(queries))

    case System.cmd("python3", [@tool | paths], stderr_to_stdout: true) do
      {_, 77} ->
        :missing

      {_, 0} ->
        answers_path |> File.stream!() |> Enum.map(&read/1)

      {output, status} ->
        flunk("the oracle ended with #{status}: #{output}")
    end
  end

  defp json!(term) do
    {:ok, json} = JSON.encode(term)
    json
  end

  # JSON as Elixir's terms: Python wrote it, so it is regular.
  defp read(line) do
    {term, ""} = json(String.trim(line))
    term
  end

  defp compare(query, {:ok, result}, %{"rows" => theirs}) do
    ours = for row <- result.rows, do: for(name <- result.columns, do: plain(row[name], "VARCHAR"))
    {ours, theirs} = {Enum.map(ours, &rounded/1), Enum.map(theirs, &rounded/1)}
    # Without an order, rows come as they like.
    {ours, theirs} = if query =~ "ORDER BY", do: {ours, theirs}, else: {Enum.sort(ours), Enum.sort(theirs)}
    if close?(ours, theirs), do: :equal, else: {:wrong, ours, theirs}
  end

  defp compare(_query, {:error, error}, %{"rows" => _}), do: {:refused, Exception.message(error)}
  defp compare(_query, _ours, %{"error" => _message}), do: :not_theirs

  defp rounded(row), do: Enum.map(row, fn n -> if is_float(n) and trunc(n) == n, do: trunc(n), else: n end)

  defp close?(ours, theirs) when is_list(ours) and is_list(theirs) and length(ours) == length(theirs),
    do: Enum.zip(ours, theirs) |> Enum.all?(fn {a, b} -> close?(a, b) end)

  defp close?(a, b) when is_number(a) and is_number(b),
    do: abs(a - b) <= 1.0e-9 * max(abs(a), abs(b)) + 1.0e-9

  defp close?(a, b), do: a == b

  # A reader of JSON for what `json.dumps` writes.

  defp json("null" <> rest), do: {nil, rest}
  defp json("true" <> rest), do: {true, rest}
  defp json("false" <> rest), do: {false, rest}
  defp json("[]" <> rest), do: {[], rest}
  defp json("[" <> rest), do: items(rest, [])
  defp json("{" <> rest), do: pairs(rest, %{})
  defp json("\"" <> rest), do: string(rest, [])

  defp json(text) do
    [number] = Regex.run(~r/^-?[0-9.eE+-]+/, text)
    rest = binary_part(text, byte_size(number), byte_size(text) - byte_size(number))
    float? = number =~ ~r/[.eE]/

    number =
      if number =~ ~r/[eE]/ and not (number =~ "."), do: String.replace(number, ~r/[eE]/, ".0e"), else: number

    {if(float?, do: String.to_float(number), else: String.to_integer(number)), rest}
  end

  defp items(text, done) do
    case json(text) do
      {item, ", " <> rest} -> items(rest, [item | done])
      {item, "]" <> rest} -> {Enum.reverse([item | done]), rest}
    end
  end

  defp pairs("\"" <> text, done) do
    {key, ": " <> rest} = string(text, [])

    case json(rest) do
      {value, ", " <> rest} -> pairs(rest, Map.put(done, key, value))
      {value, "}" <> rest} -> {Map.put(done, key, value), rest}
    end
  end

  defp string("\"" <> rest, done), do: {done |> Enum.reverse() |> IO.iodata_to_binary(), rest}

  defp string("\\u" <> <<hex::binary-size(4), rest::binary>>, done) do
    case {String.to_integer(hex, 16), rest} do
      {high, "\\u" <> <<low::binary-size(4), rest::binary>>} when high in 0xD800..0xDBFF ->
        low = String.to_integer(low, 16)
        string(rest, [<<0x10000 + (high - 0xD800) * 0x400 + (low - 0xDC00)::utf8>> | done])

      {code, rest} ->
        string(rest, [<<code::utf8>> | done])
    end
  end

  defp string("\\n" <> rest, done), do: string(rest, ["\n" | done])
  defp string("\\t" <> rest, done), do: string(rest, ["\t" | done])
  defp string("\\r" <> rest, done), do: string(rest, ["\r" | done])
  defp string("\\" <> <<char::utf8, rest::binary>>, done), do: string(rest, [<<char::utf8>> | done])
  defp string(<<char::utf8, rest::binary>>, done), do: string(rest, [<<char::utf8>> | done])
end
