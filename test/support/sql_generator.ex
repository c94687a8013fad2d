defmodule ElixirScope.Test.SQLGenerator do
  @moduledoc """
  Generates SQL over given tables, by a seed: what ElixirScope understands of it, and DuckDB too. Literals are taken from the
  tables' own values, so that conditions hold for some rows and not for others. A query with a limit is ordered by all that
  it selects, so that there is one right answer.
  """

  @type table :: %{name: String.t(), columns: [{String.t(), String.t()}], rows: [[term()]]}

  @doc "`count` queries."
  @spec queries([table()], integer(), pos_integer()) :: [String.t()]
  def queries(tables, seed, count) do
    :rand.seed(:exsss, {seed, 1, 1})
    for _ <- 1..count, do: query(tables)
  end

  defp query(tables) do
    case :rand.uniform(10) do
      n when n <= 4 -> rows(one(tables))
      n when n <= 8 -> groups(one(tables))
      _ -> joined(tables)
    end
  end

  defp one(tables), do: %{table: Enum.random(tables), prefix: ""}

  # Plain rows

  defp rows(scope) do
    items = for n <- 1..Enum.random(1..4), do: {expr(scope, 2), "c#{n}"}
    distinct = if maybe(4), do: "DISTINCT ", else: ""

    "SELECT #{distinct}#{list(items)} FROM #{scope.table.name}" <>
      where(scope) <> ending(items, distinct == "")
  end

  defp groups(scope) do
    keys = for n <- 1..Enum.random(1..2), do: {key(scope), "k#{n}"}
    figures = for n <- 1..Enum.random(1..3), do: {figure(scope), "f#{n}"}
    keys = if maybe(6), do: [], else: keys
    group = if keys == [], do: "", else: " GROUP BY " <> Enum.map_join(keys, ", ", &elem(&1, 0))
    having = if keys != [] and maybe(3), do: " HAVING count(*) > #{Enum.random(0..3)}", else: ""

    "SELECT #{list(keys ++ figures)} FROM #{scope.table.name}" <>
      where(scope) <> group <> having <> ending(keys ++ figures, false)
  end

  defp joined(tables) do
    pairs =
      for a <- tables,
          b <- tables,
          {name, type} <- a.columns,
          {^name, ^type} <- b.columns,
          type == "VARCHAR" do
        {a, b, name}
      end
      |> Enum.filter(fn {a, b, _} -> length(a.rows) * length(b.rows) < 2_000_000 end)

    {a, b, name} = Enum.random(pairs)
    left = %{table: a, prefix: "a."}
    right = %{table: b, prefix: "b."}
    kind = Enum.random(["JOIN", "LEFT JOIN"])
    more = if maybe(3), do: " AND " <> condition(right, 1), else: ""
    from = "#{a.name} a #{kind} #{b.name} b ON a.#{name} = b.#{name}#{more}"
    where = if maybe(2), do: " WHERE " <> condition(Enum.random([left, right]), 2), else: ""

    if maybe(2) do
      key = key(left)
      figures = [{"count(*)", "n"}, {figure(right), "f"}]

      "SELECT #{key} AS k, #{list(figures)} FROM #{from}#{where} GROUP BY #{key}" <>
        ending([{"k", "k"}], false)
    else
      items = [{expr(left, 1), "x"}, {expr(right, 1), "y"}, {"a.#{name}", "z"}]

      # What is asked is how many there are, and some sum of them: a join of all with all is not sent through JSON.
      "SELECT #{list(items)} FROM #{from}#{where} ORDER BY 1, 2, 3 LIMIT 200"
    end
  end

  defp list(items), do: Enum.map_join(items, ", ", fn {expr, name} -> "#{expr} AS #{name}" end)

  defp where(scope), do: if(maybe(4), do: "", else: " WHERE " <> condition(scope, 3))

  # Ordered by everything, a limit has one right answer; without a limit, order is not compared.
  defp ending(items, _plain?) do
    if maybe(2) do
      keys =
        for n <- 1..length(items),
            do: "#{n}" <> Enum.random(["", " DESC", " DESC NULLS FIRST", " ASC NULLS FIRST"])

      " ORDER BY #{Enum.join(keys, ", ")} LIMIT #{Enum.random(0..20)}" <>
        Enum.random(["", " OFFSET #{Enum.random(0..5)}"])
    else
      ""
    end
  end

  # Expressions

  defp expr(scope, depth) do
    case {depth, :rand.uniform(8)} do
      {0, _} ->
        column(scope)

      {_, 1} ->
        number(scope, depth)

      {_, 2} ->
        "coalesce(#{number(scope, 0)}, #{Enum.random(0..9)})"

      {_, 3} ->
        "CASE WHEN #{condition(scope, 1)} THEN 'yes' WHEN #{condition(scope, 1)} THEN 'other' ELSE 'no' END"

      {_, 4} ->
        "length(#{text(scope)})"

      {_, 5} ->
        Enum.random(["lower", "upper"]) <> "(#{text(scope)})"

      _ ->
        column(scope)
    end
  end

  defp number(scope, 0), do: column(scope, ["BIGINT", "DOUBLE"])

  defp number(scope, depth) do
    case :rand.uniform(7) do
      1 -> "(#{number(scope, depth - 1)} + #{Enum.random(1..9)})"
      2 -> "(#{number(scope, depth - 1)} * #{Enum.random(2..5)})"
      3 -> "(#{number(scope, depth - 1)} - #{number(scope, 0)})"
      4 -> "(#{number(scope, depth - 1)} / #{Enum.random([0, 2, 4])})"
      5 -> "abs(#{number(scope, depth - 1)})"
      6 -> "nullif(#{number(scope, 0)}, #{Enum.random(0..3)})"
      7 -> "greatest(#{number(scope, 0)}, #{Enum.random(0..30)})"
    end
  end

  defp text(scope), do: column(scope, ["VARCHAR"])

  defp key(scope) do
    case :rand.uniform(5) do
      1 -> column(scope, ["BOOLEAN", "VARCHAR"])
      2 -> "length(#{text(scope)})"
      _ -> column(scope, ["VARCHAR", "BIGINT"])
    end
  end

  defp figure(scope) do
    case :rand.uniform(10) do
      1 -> "count(*)"
      2 -> "count(#{column(scope)})"
      3 -> "count(DISTINCT #{column(scope)})"
      4 -> "sum(#{number(scope, 0)})"
      5 -> "avg(#{number(scope, 0)})"
      6 -> "min(#{column(scope)})"
      7 -> "max(#{column(scope)})"
      8 -> "quantile_cont(#{number(scope, 0)}, #{Enum.random([0.5, 0.9, 0.95])})"
      9 -> "count(*) FILTER (WHERE #{condition(scope, 1)})"
      10 -> "sum(#{number(scope, 0)}) + count(*)"
    end
  end

  # Conditions

  defp condition(scope, depth) do
    case {depth, :rand.uniform(9)} do
      {d, 1} when d > 0 -> "(#{condition(scope, d - 1)} AND #{condition(scope, d - 1)})"
      {d, 2} when d > 0 -> "(#{condition(scope, d - 1)} OR #{condition(scope, d - 1)})"
      {d, 3} when d > 0 -> "NOT (#{condition(scope, d - 1)})"
      _ -> simple(scope)
    end
  end

  defp simple(scope) do
    {name, type} = pick(scope, nil)
    column = scope.prefix <> name

    case {type, :rand.uniform(6)} do
      {_, 1} -> "#{column} IS #{Enum.random(["", "NOT "])}NULL"
      {"BOOLEAN", n} when n < 4 -> "#{column} = #{Enum.random(["true", "false"])}"
      {"BOOLEAN", _} -> "#{column} IS #{Enum.random(["TRUE", "NOT TRUE", "FALSE", "NOT FALSE"])}"
      {_, 2} -> "#{column} #{Enum.random(["IN", "NOT IN"])} (#{values(scope, name, type)})"
      {"VARCHAR", 3} -> "#{column} #{Enum.random(["LIKE", "NOT LIKE", "ILIKE"])} #{pattern(scope, name)}"
      {_, 4} -> "#{column} BETWEEN #{literal(scope, name, type)} AND #{literal(scope, name, type)}"
      _ -> "#{column} #{Enum.random(["=", "<>", "<", "<=", ">", ">="])} #{literal(scope, name, type)}"
    end
  end

  defp values(scope, name, type),
    do: Enum.map_join(1..Enum.random(1..5), ", ", fn _ -> literal(scope, name, type) end)

  defp pattern(scope, name) do
    text = value(scope, name) || "x"
    from = :rand.uniform(String.length(text) + 1) - 1
    part = String.slice(text, from, Enum.random(1..4))
    quoted(Enum.random(["%#{part}%", "#{part}%", "%#{part}", String.replace(part, ~r/.$/u, "_") <> "%"]))
  end

  defp literal(scope, name, type) do
    case {type, value(scope, name)} do
      {"VARCHAR", nil} -> "'nothing'"
      {"VARCHAR", text} -> quoted(text)
      {"BOOLEAN", _} -> "true"
      {"DOUBLE", nil} -> "1.5"
      {"DOUBLE", n} -> shown(n)
      {_, nil} -> "#{Enum.random(0..20)}"
      {_, n} -> shown(n)
    end
  end

  defp shown(n) when is_float(n), do: :erlang.float_to_binary(n, decimals: 6)
  defp shown(n), do: "#{n}"

  defp quoted(text), do: "'" <> String.replace(text, "'", "''") <> "'"

  defp value(%{table: table}, name) do
    at = Enum.find_index(table.columns, &(elem(&1, 0) == name))
    if table.rows == [], do: nil, else: table.rows |> Enum.random() |> Enum.at(at)
  end

  defp column(scope, types \\ nil), do: scope.prefix <> elem(pick(scope, types), 0)

  defp pick(%{table: table}, nil), do: Enum.random(table.columns)

  defp pick(%{table: table}, types) do
    case Enum.filter(table.columns, &(elem(&1, 1) in types)) do
      [] -> hd(table.columns)
      some -> Enum.random(some)
    end
  end

  # Once in so many times.
  defp maybe(n), do: :rand.uniform(n) == 1
end
