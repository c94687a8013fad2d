# Compares search with ast-grep: the same patterns, the same files, place by place.
#
#     bin/verify.d/search-oracle            every pattern over every corpus
#     bin/verify.d/search-oracle --show     with every difference
#
# ast-grep knows neither aliases nor pipes, so ours looks through neither: what is compared is matching. Then ours looks
# through both, and everything found before must be found again, or be one of the calls whose pipe says otherwise.
alias ElixirScope.ASTRepository
alias ElixirScope.ASTRepository.Pattern

defmodule SearchOracle do
  @moduledoc false

  # Name, patterns of ast-grep, pattern of ours. ast-grep tells apart what the language does not: parentheses and their
  # absence, blocks and keywords. There it gets several patterns, and what any of them finds counts.
  @patterns [
    {"remote call", ["Enum.map($A, $B)", "Enum.map $A, $B"], "Enum.map(_, _)"},
    {"remote call, three arguments", ["Keyword.get($A, $B, $C)"], "Keyword.get(_, _, _)"},
    {"remote call, any arguments", ["Map.put($$$A)"], "Map.put(...)"},
    {"any function of a module", ["String.$F($$$A)"], "String._(...)"},
    {"erlang module", [":ets.$F($$$A)"], ":ets._(...)"},
    {"local call", ["is_nil($X)"], "is_nil(_)"},
    {"local call, two arguments", ["send($A, $B)", "send $A, $B"], "send(_, _)"},
    {"any arguments", ["raise($$$A)", "raise $$$A"], "raise(...)"},
    {"attribute", ["@doc false"], "@doc false"},
    {"attribute of a module", ["@moduledoc false"], "@moduledoc false"},
    {"operator", ["$A <> $B"], "_ <> _"},
    {"operator with a literal", ["$A == nil"], "_ == nil"},
    {"boolean operator", ["$A && $B"], "_ && _"},
    {"boolean word", ["$A and $B"], "_ and _"},
    {"unary operator", ["!$A"], "!_"},
    {"the same twice", ["$A + $A"], "x + x"},
    {"the same around a call", ["$A = Keyword.delete($A, $B)", "$A = Map.put($A, $$$B)"],
     "__any__(x = Keyword.delete(x, _), x = Map.put(x, ...))"},
    {"pipe", ["$A |> $B"], "_ |> _"},
    {"match", ["$A = $B"], "_ = _"},
    {"match of a call", ["$A = Keyword.get($B, $C)"], "_ = Keyword.get(_, _)"},
    {"update of a map", ["%{$A | $$$B}", "%$S{$A | $$$B}"], "%{_ | ...}"},
    {"captured function", ["&$A/1"], "&_/1"},
    {"captured remote function", ["&String.$F/1"], "&String._()/1"},
    {"anonymous function", ["fn $$$A -> $$$B end"], "fn ... -> ... end"},
    {"if",
     [
       "if $C do $$$B end",
       "if $C, do: $A",
       "if($C, do: $A)",
       "if $C, do: $A, else: $B",
       "if($C, do: $A, else: $B)"
     ], "if(_, [{:do, ...}, ...])"},
    {"unless",
     ["unless $C do $$$B end", "unless $C, do: $A", "unless($C, do: $A)", "unless $C, do: $A, else: $B"],
     "unless(_, [{:do, ...}, ...])"},
    {"case", ["case $A do $$$B end", "case $A, do: $B", "case($A, do: $B)"], "case _ do ... end"},
    {"cond", ["cond do $$$B end", "cond do: $B", "cond(do: $B)"], "cond do ... end"},
    {"comprehension", ["for $$$A", "for($$$A)"], "for(_, ...)"},
    {"definition", ["def $F do $$$B end", "def $F, do: $B", "def($F, do: $B)"], "def(_, [{:do, ...}, ...])"},
    {"private definition", ["defp $F do $$$B end", "defp $F, do: $B", "defp($F, do: $B)"],
     "defp(_, [{:do, ...}, ...])"},
    {"module", ["defmodule $M do $$$B end", "defmodule $M, do: $B", "defmodule($M, do: $B)"],
     "defmodule _ do ... end"},
    {"quote", ["quote do $$$B end", "quote do: $B", "quote(do: $B)"], "quote do ... end"},
    {"unquote", ["unquote($X)"], "unquote(_)"},
    {"use", ["use $$$M", "use($$$M)"], "use(...)"},
    {"nested calls", ["Enum.join(Enum.map($A, $B), $C)"], "Enum.join(Enum.map(_, _), _)"},
    {"call in a call", ["inspect(self())", "length(Enum.$F($$$A))"],
     "__any__(inspect(self()), length(Enum._(...)))"},
    {"membership", ["$A in [$$$B]", "$A not in [$$$B]"], "_ in [...]"},
    {"literal", ["IO.puts(\"\")", "String.split($A, \".\")"],
     "__any__(IO.puts(\"\"), String.split(_, \".\"))"}
  ]

  def patterns, do: for({_, _, ours} = pattern <- @patterns, ours != nil, do: pattern)

  def main(args) do
    show = "--show" in args
    corpora = corpora()
    IO.puts("#{length(patterns())} patterns over #{length(corpora)} corpora, against #{version()}")

    results = for {name, dir} <- corpora, do: corpus(name, dir, show)

    totals =
      Enum.zip_reduce(results, [], fn sums, acc -> [sums | acc] end)
      |> Enum.reverse()
      |> Enum.map(&Enum.sum/1)

    IO.puts(row(["together" | totals]))
    if List.last(totals) > 0, do: System.halt(1)
  end

  defp version do
    {text, 0} = System.cmd("ast-grep", ["--version"])
    String.trim(text)
  end

  defp corpora do
    lib = Path.join(System.fetch_env!("ELIXIR_SCOPE_ELIXIR_SRC"), "lib")
    more = "ELIXIR_SCOPE_CORPORA" |> System.get_env("") |> String.split(":", trim: true)

    for(name <- ~w(elixir ex_unit mix iex logger eex), do: {name, Path.join(lib, name)}) ++
      for(dir <- more, do: {Path.basename(dir), dir})
  end

  defp row([name | cells]) do
    IO.iodata_to_binary([
      String.pad_trailing(name, 16) | Enum.map(cells, &String.pad_leading(to_string(&1), 12))
    ])
  end

  defp corpus(name, dir, show) do
    {:ok, repo} = ASTRepository.new()
    {:ok, import} = ASTRepository.import_project(repo, dir, exclude: [])
    unread = MapSet.new(import.errors, & &1.file)

    sums =
      for {title, theirs, ours} <- patterns() do
        theirs =
          theirs |> Enum.flat_map(&ast_grep(&1, dir)) |> Enum.uniq() |> Enum.reject(&(elem(&1, 0) in unread))

        written = ours(repo, ours, resolve: false, pipes: false)
        {less, more} = unpaired(theirs, written)

        unexplained =
          for {sign, places} <- [{"+", more}, {"-", less}], place <- Enum.sort(places), reduce: 0 do
            count ->
              reason = SearchOracle.Reasons.of(sign, title, dir, place)
              line = SearchOracle.Reasons.line(dir, place)

              text =
                "#{sign} #{title}: #{where(place)} #{String.slice(line, 0, 100)}  [#{reason || "UNEXPLAINED"}]"

              if reason == nil or show, do: IO.puts(text)
              if reason, do: count, else: count + 1
          end

        # Through names and pipes: nothing is lost, but what a pipe gives one argument more.
        through = ours(repo, ours, [])
        lost = written -- through
        lost = Enum.reject(lost, &(SearchOracle.Reasons.line(dir, &1) =~ "|>"))

        for place <- lost,
            do: IO.puts("lost #{title}: #{where(place)} #{SearchOracle.Reasons.line(dir, place)}")

        differ = length(more) + length(less)
        [length(theirs), length(written), length(through), differ, unexplained + length(lost)]
      end

    sums = Enum.zip_with(sums, &Enum.sum/1)
    IO.puts(row(["corpus", "ast-grep", "ours", "through", "differ", "unexplained"]))
    IO.puts(row([name | sums]))
    ASTRepository.stop(repo)
    sums
  end

  defp where({file, {line, column}, _end}), do: "#{file}:#{line}:#{column}"

  # Pairs each of their ranges with one of our places in it: the smallest ranges first, which leaves as few as can be.
  # Literals and parentheses have no place in the syntax tree, so beginnings cannot be compared.
  defp unpaired(theirs, ours) do
    ours = Enum.group_by(ours, &elem(&1, 0))

    {less, left} =
      theirs
      |> Enum.sort_by(fn {_file, from, to} -> size(from, to) end)
      |> Enum.reduce({[], ours}, fn {file, from, to} = range, {less, left} ->
        case Enum.find(Map.get(left, file, []), fn {_, place, _} -> from <= place and place <= to end) do
          nil -> {[range | less], left}
          place -> {less, Map.update!(left, file, &List.delete(&1, place))}
        end
      end)

    {less, left |> Map.values() |> List.flatten()}
  end

  defp size({line, column}, {line, last}), do: {0, last - column}
  defp size({line, _}, {last, column}), do: {last - line, column}

  defp ours(repo, pattern, options) do
    {:ok, pattern} = Pattern.new(pattern, options)
    {:ok, found} = ASTRepository.find_ast_nodes_by_pattern(repo, pattern, limit: :infinity, timeout: 60_000)
    for match <- found.matches, do: {match.file, {match.line, match.column}, nil}
  end

  # Lines and columns from 0, in characters; files relative to the corpus.
  defp ast_grep(pattern, dir) do
    {text, _status} =
      System.cmd(
        "ast-grep",
        ["run", "-l", "elixir", "--json=stream", "--no-ignore", "hidden", "-p", pattern, "."],
        cd: dir,
        stderr_to_stdout: false
      )

    for line <- String.split(text, "\n", trim: true) do
      {file, from, to} = SearchOracle.Json.decode(line)
      {String.trim_leading(file, "./"), from, to}
    end
  end
end

defmodule SearchOracle.Json do
  @moduledoc false
  # No JSON library is needed for three fields, which ast-grep writes in one manner.
  def decode(line) do
    [_, file] = Regex.run(~r/"file":"([^"]*)"/, line)

    [_ | numbers] =
      Regex.run(~r/"start":{"line":(\d+),"column":(\d+)},"end":{"line":(\d+),"column":(\d+)}},/, line)

    [row, column, last_row, last_column] = Enum.map(numbers, &(String.to_integer(&1) + 1))
    {file, {row, column}, {last_row, last_column}}
  end
end

defmodule SearchOracle.Reasons do
  @moduledoc false
  # Why a place is only in one of the two. Each reason looks at the text: what it does not see is unexplained.

  def line(dir, {file, {line, _column}, _end}),
    do: dir |> lines(file) |> Enum.at(line - 1, "") |> String.trim()

  @doc "The reason, or nil."
  def of(sign, title, dir, {file, {line, column}, _end}) do
    text = dir |> lines(file) |> Enum.at(line - 1, "")
    rest = String.slice(text, (column - 1)..-1//1)

    Enum.find_value(reasons(), fn {on, titles, holds, reason} ->
      on == sign and title in titles and holds.(text, rest) && reason
    end)
  end

  defp reasons do
    [
      {"+", ["membership"], fn _text, rest -> rest =~ ~r/^(not )?in '/ end, "a charlist is a list"},
      {"+", ["membership"], fn _text, rest -> rest =~ ~r/^(not )?in ~c/ end, "a charlist is a list"},
      {"-", ["cond", "case"], fn text, _rest -> text =~ ~r/do: \(.*\), \w+: / end,
       "more keywords than the pattern has"},
      # `"\#{"` moves the columns of Elixir's tokenizer by one.
      {"+", ["update of a map"], fn text, _rest -> text =~ ~S("\#{") end,
       "the tokenizer's column is off by one"},
      {"-", ["update of a map"], fn text, _rest -> text =~ ~S("\#{") end,
       "the tokenizer's column is off by one"},
      {"-", ["update of a map"], fn text, _rest -> text =~ ~r/@type .* :: %{$/ end,
       "a union in the first value of a type"},
      {"+", ["private definition"], fn text, _rest -> text =~ ~r/:match\)$/ end,
       "a guard on the next line, which ast-grep reads as the end of the call"},
      {"+", ["quote"], fn text, _rest -> text =~ ~r/quote\($/ end,
       "ast-grep does not find keywords that begin on the next line"}
    ]
  end

  defp lines(dir, file) do
    key = {__MODULE__, dir, file}

    case Process.get(key) do
      nil ->
        lines = dir |> Path.join(file) |> File.read!() |> String.split("\n")
        Process.put(key, lines)
        lines

      lines ->
        lines
    end
  end
end

SearchOracle.main(System.argv())
