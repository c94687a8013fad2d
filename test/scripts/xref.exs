# Module dependencies against `mix xref graph`: run in a compiled project as `mix run --no-start xref.exs`.
#
# Compares file by file, with kinds, what Mix's own task says of the project and what the repository does. Prints every difference,
# and fails when there is one.

alias ElixirScope.ASTRepository
alias ElixirScope.ASTRepository.GraphBuilder

# Writes this very file.
Mix.Task.run("xref", ["graph", "--format", "dot"])
dot = File.read!("xref_graph.dot")

expected =
  for [_, from, to | label] <- Regex.scan(~r/^  "([^"]+)" -> "([^"]+)"(?: \[label="\((\w+)\)"\])?$/m, dot),
      into: MapSet.new(),
      do: {from, to, label |> List.first("runtime") |> String.to_atom()}

{:ok, repository} = ASTRepository.new()
{:ok, result} = ASTRepository.import_project(repository, File.cwd!())
{:ok, graph} = GraphBuilder.dependency_graph(repository, level: :files)
# Scripts and tests are not compiled into the application: Mix does not see them.
compiled = for %{id: file} <- graph.nodes, dot =~ ~s("#{file}"), into: MapSet.new(), do: file

found =
  for %{from: from, to: to, kind: kind} <- graph.edges,
      from in compiled and to in compiled,
      into: MapSet.new(),
      do: {from, to, kind}

missing = MapSet.difference(expected, found) |> Enum.sort()
extra = MapSet.difference(found, expected) |> Enum.sort()

IO.puts(
  "#{Path.basename(File.cwd!())}: #{MapSet.size(compiled)} files, #{MapSet.size(expected)} dependencies of mix xref, " <>
    "#{result.compiled} compiled modules (#{length(result.stale)} stale): #{length(missing)} missing, #{length(extra)} extra"
)

for {from, to, kind} <- missing, do: IO.puts("  missing #{from} -> #{to} (#{kind})")
for {from, to, kind} <- extra, do: IO.puts("  extra   #{from} -> #{to} (#{kind})")
if missing != [] or extra != [] or MapSet.size(expected) == 0, do: System.halt(1)
