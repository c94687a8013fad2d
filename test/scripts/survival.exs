# Replays commits of real repositories: what becomes of the ids of nodes, file by file, old to new, against ids made of
# line and code. Prints a table by class of edit; exits with 1 when a class falls short.
#
#     ELIXIR_SCOPE_REPOSITORIES=DIR mix run test/scripts/survival.exs [COMMITS]
#
# DIR holds git repositories: DIR/NAME, DIR/NAME/.git or DIR/NAME/repo.

defmodule Survival do
  alias ElixirScope.ASTRepository.{DifferentialUpdater, Parser}
  alias ElixirScope.Core.Source
  alias ElixirScope.Report.Table

  @files_of_a_commit 12
  @bytes_max 400_000

  def run(dir, commits) do
    repositories = repositories(dir)
    if repositories == [], do: stop("survival: no git repository in #{dir}", 77)
    each = ceil(commits / length(repositories))

    rows =
      repositories
      |> Enum.flat_map(fn git -> git |> commits(each) |> Enum.map(&{git, &1}) end)
      |> Task.async_stream(fn {git, commit} -> replay(git, commit) end, timeout: :infinity, ordered: false)
      |> Enum.map(fn {:ok, rows} -> rows end)

    replayed = Enum.count(rows, &(&1 != []))
    report(List.flatten(rows), replayed, length(repositories))
  end

  defp repositories(dir) do
    for name <- Enum.sort(File.ls!(dir)),
        git =
          Enum.find(["", ".git", "repo", "repo/.git"], &File.regular?(Path.join([dir, name, &1, "HEAD"]))),
        do: Path.join([dir, name, git])
  end

  defp git(git, args) do
    {out, 0} = System.cmd("git", ["--git-dir=#{git}" | args])
    out
  end

  # Evenly over the last commits that change Elixir files.
  defp commits(git, count) do
    all =
      git
      |> git(~w(log -n #{count * 6} --no-merges --diff-filter=M --format=%H -- *.ex *.exs))
      |> String.split("\n", trim: true)

    Enum.take(Enum.take_every(all, max(div(length(all), count), 1)), count)
  end

  defp replay(git, commit) do
    names = git(git, ~w(diff-tree -r -M --no-commit-id --name-status --diff-filter=MR -z #{commit}))

    for {old, new} <- names |> String.split(<<0>>, trim: true) |> pairs() |> Enum.take(@files_of_a_commit),
        before = git(git, ["show", "#{commit}^:#{old}"]),
        now = git(git, ["show", "#{commit}:#{new}"]),
        byte_size(before) + byte_size(now) < @bytes_max,
        {:ok, a} <- [Parser.parse_string(before, file: new)],
        {:ok, b} <- [Parser.parse_string(now, file: new)],
        do: measure(a, b, quoted(before), quoted(now))
  end

  defp pairs(["M", path | rest]), do: elixir(path, path, rest)
  defp pairs(["R" <> _, old, new | rest]), do: elixir(old, new, rest)
  defp pairs([]), do: []

  defp elixir(old, new, rest) do
    if Path.extname(new) in [".ex", ".exs"], do: [{old, new} | pairs(rest)], else: pairs(rest)
  end

  defp quoted(text) do
    {:ok, quoted} = Code.string_to_quoted(text, emit_warnings: false)
    quoted
  end

  # One file

  defp measure(a, b, old, new) do
    {:ok, counts} = DifferentialUpdater.survival(a, b)
    {:ok, before} = Source.ids(a)
    {:ok, now} = Source.ids(b)
    class = classify(old, new)

    counts
    |> Map.merge(lines(old, new))
    |> Map.merge(special(class, before, MapSet.new(now)))
    |> Map.merge(renamed(renames(old, new), a, b, before))
    |> Map.put(:class, class)
  end

  # Of inserted functions: what stands in the old ones.
  defp special(:inserted, before, now) do
    own = Enum.filter(before, &String.contains?(&1, "#"))
    %{special: length(own), special_ok: Enum.count(own, &(&1 in now))}
  end

  defp special(:format, before, now),
    do: %{special: length(before), special_ok: Enum.count(before, &(&1 in now))}

  defp special(:other, _before, _now), do: %{special: 0, special_ok: 0}

  # Of renamed functions, whatever else was edited: what stood in them has to stand in their successors.
  defp renamed(renames, a, b, before) do
    for {old, new} <- renames, reduce: %{renames: 0, renamed: 0, renamed_ok: 0} do
      sums ->
        own = Enum.filter(before, &String.starts_with?(&1, old <> "#"))
        {:ok, forwards} = DifferentialUpdater.forward(a, b, own)
        ok = Enum.count(own, &String.starts_with?(forwards[&1] || "", new <> "#"))
        %{renames: sums.renames + 1, renamed: sums.renamed + length(own), renamed_ok: sums.renamed_ok + ok}
    end
  end

  # Ids made of a line and the code there.
  defp lines(old, new) do
    before = lined(old)
    now = MapSet.new(lined(new))
    %{lined: length(before), lined_ok: Enum.count(before, &(&1 in now))}
  end

  defp lined(quoted) do
    {_, all} = hash(quoted, [])
    all
  end

  defp hash({form, meta, args}, all) when is_list(meta) do
    {form, all} = hash(form, all)
    {args, all} = hash(args, all)
    hash = :erlang.phash2({form, args}, 4_294_967_296)
    {hash, if(meta[:line], do: [{meta[:line], hash} | all], else: all)}
  end

  defp hash({left, right}, all) do
    {left, all} = hash(left, all)
    {right, all} = hash(right, all)
    {{left, right}, all}
  end

  defp hash(list, all) when is_list(list), do: Enum.map_reduce(list, all, &hash/2)
  defp hash(other, all), do: {other, all}

  # What kind of edit it was, by the quoted code alone

  defp classify(old, new) do
    {a, b} = {strip(old), strip(new)}
    {before, now} = {definitions(a), definitions(b)}
    {gone, fresh} = {Map.keys(before) -- Map.keys(now), Map.keys(now) -- Map.keys(before)}
    same = Enum.all?(before, fn {key, clauses} -> now[key] in [nil, clauses] end)

    cond do
      a == b -> :format
      gone == [] and fresh != [] and same and rest(a) -- rest(b) == [] -> :inserted
      true -> :other
    end
  end

  # Functions that went, of which exactly one that came in their module is the same but for its name.
  defp renames(old, new) do
    {before, now} = {definitions(strip(old)), definitions(strip(new))}
    {gone, fresh} = {Map.keys(before) -- Map.keys(now), Map.keys(now) -- Map.keys(before)}

    like? = fn {m, f, n} = a, {other, g, arity} = b ->
      {m, n} == {other, arity} and rename(before[a], f) == rename(now[b], g)
    end

    for a <- gone,
        [b] <- [Enum.filter(fresh, &like?.(a, &1))],
        [_] <- [Enum.filter(gone, &like?.(&1, b))],
        do: {text(a), text(b)}
  end

  defp text({module, name, arity}), do: "#{module}.#{name}/#{arity}"

  defp rename(code, name) do
    Macro.prewalk(code, fn
      {^name, meta, args} -> {:renamed, meta, args}
      other -> other
    end)
  end

  defp strip(quoted) do
    Macro.prewalk(quoted, fn
      {form, meta, args} when is_list(meta) -> {form, [], args}
      other -> other
    end)
  end

  # `%{{module, name, arity} => clauses}`, of modules that stand at the top of the file.
  defp definitions(quoted) do
    for {module, statements} <- modules(quoted), statement <- statements, key = key(statement), reduce: %{} do
      all -> Map.update(all, Tuple.insert_at(key, 0, module), [statement], &(&1 ++ [statement]))
    end
  end

  defp rest(quoted) do
    for {module, statements} <- modules(quoted),
        statement <- statements,
        key(statement) == nil,
        do: {module, statement}
  end

  defp modules({:__block__, _, all}), do: Enum.flat_map(all, &modules/1)

  defp modules({:defmodule, _, [{:__aliases__, _, parts}, [do: body]]}) do
    if Enum.all?(parts, &is_atom/1), do: [{inspect(Module.concat(parts)), statements(body)}], else: []
  end

  defp modules(_), do: []

  defp statements({:__block__, _, all}), do: all
  defp statements(one), do: [one]

  @kinds [:def, :defp, :defmacro, :defmacrop]
  defp key({kind, _, [{:when, _, [head | _]} | rest]}) when kind in @kinds, do: key({kind, [], [head | rest]})

  defp key({kind, _, [{name, _, args} | _]}) when kind in @kinds and is_atom(name) and is_list(args),
    do: {name, length(args)}

  defp key({kind, _, [{name, _, context} | _]}) when kind in @kinds and is_atom(name) and is_atom(context),
    do: {name, 0}

  defp key(_), do: nil

  # Report

  @classes [:format, :inserted, :other]

  defp report(rows, commits, repositories) do
    IO.puts("#{commits} commits of #{repositories} repositories, #{length(rows)} changed files\n")

    columns = [
      {"class", :left},
      {"files", :right},
      {"ids", :right},
      {"unchanged", :right},
      {"forwarded", :right},
      {"gone", :right},
      {"reused", :right},
      {"missed", :right},
      {"by line", :right}
    ]

    table = for class <- @classes, do: row(to_string(class), Enum.filter(rows, &(&1.class == class)))
    IO.puts(Table.render(columns, table ++ [row("all", rows)]))
    IO.puts("")

    of = fn class -> Enum.filter(rows, &(&1.class == class)) end

    fine = [
      judge("comments and layout: all ids", of.(:format), {:special_ok, :special}, 1.0),
      judge("functions inserted: ids in the others", of.(:inserted), {:special_ok, :special}, 1.0),
      judge("#{sum(rows, :renames)} functions renamed: their nodes", rows, {:renamed_ok, :renamed}, 0.95)
    ]

    cond do
      commits < 200 -> stop("survival: only #{commits} commits, 200 are wanted", 1)
      false in fine -> stop("survival: FAILED", 1)
      true -> IO.puts("survival: ok")
    end
  end

  defp row(name, rows) do
    all = sum(rows, :all)

    [name, "#{length(rows)}", "#{all}"] ++
      for(key <- [:unchanged, :forwarded, :gone, :reused, :missed], do: percent(sum(rows, key), all)) ++
      [percent(sum(rows, :lined_ok), sum(rows, :lined))]
  end

  defp judge(label, rows, {good, whole}, least) do
    {ok, all} = {sum(rows, good), sum(rows, whole)}
    # Nothing looked at is nothing shown.
    fine = all > 0 and ok / all >= least
    word = if fine, do: "ok", else: "FAILED"
    IO.puts("#{label}: #{ok} of #{all} (#{percent(ok, all)}), at least #{percent(least * 100, 100)}: #{word}")
    fine
  end

  defp sum(rows, key), do: rows |> Enum.map(&Map.fetch!(&1, key)) |> Enum.sum()
  defp percent(_part, 0), do: "-"
  defp percent(part, all), do: "#{:erlang.float_to_binary(100 * part / all, decimals: 2)} %"

  defp stop(text, status) do
    IO.puts(:stderr, text)
    System.halt(status)
  end
end

{dir, commits} =
  case {System.get_env("ELIXIR_SCOPE_REPOSITORIES"), System.argv()} do
    {dir, []} -> {dir, 500}
    {dir, [count | _]} -> {dir, String.to_integer(count)}
  end

Survival.run(dir, commits)
