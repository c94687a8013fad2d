# Judges the choice of tests for a change: mutates the functions of a project one at a time, runs all tests, and checks that every
# test that fails was chosen.
#
#     elixir test/scripts/selection.exs DIRECTORY [COUNT] [SEED]
#
# The directory is a Mix project with ElixirScope as a dependency, whose suite passes and was observed with `mix elixir_scope.test`
# (with MIX_ENV=test). Files are put back as they were. Prints a line for each mutant that a test noticed, and sums up; exits
# with 1 when a failing test was not chosen.

defmodule Selection do
  @swaps [
    {~r/ \+ /, " - "},
    {~r/ - /, " + "},
    {~r/ \* /, " + "},
    {~r/ >= /, " < "},
    {~r/ <= /, " > "},
    {~r/ > /, " <= "},
    {~r/ < /, " >= "},
    {~r/ == /, " != "},
    {~r/ != /, " == "},
    {~r/ and /, " or "},
    {~r/ or /, " and "},
    {~r/ \|\| /, " && "},
    {~r/\bif /, "unless "},
    {~r/\btrue\b/, "false"},
    {~r/\bfalse\b/, "true"},
    {~r/:ok\b/, ":mutated"},
    {~r/:error\b/, ":mutated"},
    {~r/\b\d+\b/, "7"},
    {~r/do: (?=[a-z\[{%:])/, "do: raise(\"mutant\") || "},
    {~r/^(    )(?=[a-z]\w*(\.|\(| = ))/, "    Process.get(:no_mutant) || raise(\"mutant\")\n    "},
    {~r/Map\.put\(/, "Map.put_new("},
    {~r/Enum\.map\(/, "Enum.each("},
    {~r/Enum\.sum\(/, "Enum.count("},
    {~r/max\(/, "min("}
  ]

  def mutants(dir) do
    for path <- Path.wildcard(Path.join(dir, "lib/**/*.ex")),
        text = File.read!(path),
        lines = String.split(text, "\n"),
        docs = docs(lines),
        {line, number} <- Enum.with_index(lines),
        number not in docs,
        {from, to} <- @swaps,
        {at, ordinal} <- Regex.scan(from, line, return: :index) |> Enum.map(&hd/1) |> Enum.with_index(),
        changed = replace(line, at, Regex.replace(from, part(line, at), to)),
        changed != line do
      %{
        path: path,
        line: number + 1,
        what: "#{String.trim(line)} -> #{String.trim(changed)} (#{ordinal})",
        text: lines |> List.replace_at(number, changed) |> Enum.join("\n")
      }
    end
  end

  # A lookahead is not part of the match: what matched is replaced by itself where the pattern does not hold alone.
  defp part(line, {at, length}), do: binary_part(line, at, length)

  defp replace(line, {at, length}, with),
    do: binary_part(line, 0, at) <> with <> binary_part(line, at + length, byte_size(line) - at - length)

  # Lines of docs, attributes and comments, where a change of a word is none of the code.
  defp docs(lines) do
    {found, _} =
      lines
      |> Enum.with_index()
      |> Enum.reduce({MapSet.new(), false}, fn {line, number}, {found, inside} ->
        trimmed = String.trim(line)
        fences = length(String.split(line, ~s("""))) - 1
        inside_now = if rem(fences, 2) == 1, do: not inside, else: inside

        if inside or fences > 0 or
             String.starts_with?(trimmed, ["#", "@doc", "@moduledoc", "@spec", "@type", "defmodule"]),
           do: {MapSet.put(found, number), inside_now},
           else: {found, inside_now}
      end)

    found
  end

  def judge(dir, mutant, seed) do
    before = File.read!(mutant.path)
    File.write!(mutant.path, mutant.text)

    try do
      {output, _} = mix(dir, ["elixir_scope.tests", "--json", "chosen.json"])
      chosen = chosen(Path.join(dir, "chosen.json"), output)
      {output, status} = mix(dir, ["test", "--seed", "#{seed}"])
      {narrow_output, _} = mix(dir, ["elixir_scope.tests", "--narrow", "--json", "narrow.json"])
      narrow = chosen(Path.join(dir, "narrow.json"), narrow_output)

      cond do
        status == 124 -> :hung
        output =~ "ompilation error" or output =~ "SyntaxError" or output =~ "TokenMissingError" -> :no_code
        true -> {failing(output), chosen, narrow, status}
      end
    after
      File.write!(mutant.path, before)
      File.touch!(mutant.path, System.os_time(:second) + 2)
    end
  end

  defp mix(dir, args) do
    File.rm(Path.join(dir, "chosen.json"))
    System.cmd("timeout", ["90", "mix" | args], cd: dir, stderr_to_stdout: true, env: [{"MIX_ENV", "test"}])
  end

  defp chosen(path, output) do
    case File.read(path) do
      {:ok, json} ->
        for [_, module, name] <-
              Regex.scan(~r/"module":\s*"((?:[^"\\]|\\.)*)",\s*"name":\s*"((?:[^"\\]|\\.)*)"/, json),
            into: MapSet.new(),
            do: {module, name}

      _ ->
        raise "nothing was chosen:\n" <> output
    end
  end

  defp failing(output) do
    if output =~ "Could not start application" do
      :all
    else
      for [_, name, module] <- Regex.scan(~r/^\s+\d+\) (.+) \(([\w.]+)\)$/m, output),
          into: MapSet.new(),
          do: {module, name}
    end
  end
end

[dir | rest] = System.argv()
count = rest |> Enum.at(0, "50") |> String.to_integer()
seed = rest |> Enum.at(1, "1") |> String.to_integer()
:rand.seed(:exsss, {seed, 2, 3})

mutants = dir |> Selection.mutants() |> Enum.shuffle() |> Enum.take(count)

outcomes =
  for mutant <- mutants do
    place = "#{Path.relative_to(mutant.path, dir)}:#{mutant.line} #{mutant.what}"

    case Selection.judge(dir, mutant, seed) do
      {:all, chosen, _narrow, _} ->
        IO.puts("BOOT    #{place}: #{MapSet.size(chosen)} chosen")
        {:boot, MapSet.size(chosen)}

      {failing, chosen, narrow, _} ->
        missed = MapSet.difference(failing, chosen)
        narrowly = MapSet.difference(failing, narrow)
        sizes = {MapSet.size(failing), MapSet.size(chosen), MapSet.size(narrow)}

        cond do
          MapSet.size(missed) > 0 ->
            IO.puts("MISSED  #{place}: #{inspect(MapSet.to_list(missed))}")
            {:missed, sizes}

          MapSet.size(failing) == 0 ->
            {:survived, sizes}

          true ->
            IO.puts(
              "FOUND   #{place}: #{inspect(sizes)}" <>
                if(MapSet.size(narrowly) > 0, do: " narrow misses #{MapSet.size(narrowly)}", else: "")
            )

            {if(MapSet.size(narrowly) > 0, do: :found_not_narrowly, else: :found), sizes}
        end

      other ->
        {other, nil}
    end
  end

IO.puts("\n#{length(outcomes)} mutants: #{inspect(Enum.frequencies_by(outcomes, &elem(&1, 0)))}")

noticed =
  for {kind, {failing, chosen, narrow}} <- outcomes,
      kind in [:found, :found_not_narrowly, :missed],
      do: {failing, chosen, narrow}

sum = fn at -> noticed |> Enum.map(&elem(&1, at)) |> Enum.sum() end

if noticed != [],
  do: IO.puts("of noticed ones: #{sum.(0)} failing, #{sum.(1)} chosen, #{sum.(2)} chosen with --narrow")

if Enum.any?(outcomes, &match?({:missed, _}, &1)), do: System.halt(1)
