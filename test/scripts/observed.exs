# Observed calls against the static graph: run in a project after `mix elixir_scope.test`, as
# `MIX_ENV=test mix run --no-start observed.exs`.
#
# Every call between instrumented functions that a running suite showed has to be an edge of the static graph, or be explained
# by something that the graph marks: a call of the caller that is decided at run time, or a function of a behaviour or protocol
# that code outside calls back (whichever activation was open then). An activation that ended by a tail call, or that the compiler inlined, is not there to be the caller: then the call
# is its caller's, and a path of the graph leads there. And no function that the graph says nothing leads to may have run.

alias ElixirScope.ASTRepository
alias ElixirScope.ASTRepository.GraphBuilder
alias ElixirScope.Core

saved = List.last(Path.wildcard("_build/*/elixir_scope/*.scope")) || raise "run mix elixir_scope.test first"
{:ok, repository} = ASTRepository.load(saved)
# What is compiled is not saved; the files are the same.
{:ok, result} = ASTRepository.import_project(repository, File.cwd!())
{:ok, graph} = GraphBuilder.call_graph(repository, dynamic: true, external: true)
{:ok, observed} = Core.Runtime.edges(repository.ref)

id = fn {module, name, arity} ->
  case Atom.to_string(name) do
    "MACRO-" <> name -> {module, String.to_atom(name), arity - 1}
    _ -> {module, name, arity}
  end
end

nodes = Map.new(graph.nodes, &{&1.id, &1})
out = Enum.group_by(graph.edges, & &1.from)
text = fn {m, f, a} -> Exception.format_mfa(m, f, a) end
# A function that defaults make is its definition.
written = fn {m, f, a} = key ->
  if Map.has_key?(nodes, text.(key)),
    do: text.(key),
    else:
      Enum.find_value((a + 1)..(a + 10), text.(key), fn a ->
        if nodes[text.({m, f, a})], do: text.({m, f, a})
      end)
end

static = for edge <- graph.edges, edge.kind != :observed, into: MapSet.new(), do: {edge.from, edge.to}

# Through what is not instrumented: protocols.
dispatched? = fn from, to ->
  Enum.any?(out[from] || [], fn edge ->
    edge.kind != :observed and Enum.any?(out[edge.to] || [], &(&1.kind == :dispatch and &1.to == to))
  end)
end

dynamic? = fn from -> Enum.any?(out[from] || [], &(&1.kind == :dynamic)) end
callback? = fn to -> match?(%{callback: true}, nodes[to]) or to =~ ~r/\.__struct__\/\d$/ end
certain = Enum.reject(graph.edges, &(&1.kind in [:observed, :dynamic, :quoted]))
next = Enum.group_by(certain, & &1.from, & &1.to)

near = fn from ->
  Enum.reduce(1..4, MapSet.new([from]), fn _, seen ->
    for one <- seen, to <- Map.get(next, one, []), into: seen, do: to
  end)
end

edges =
  for {caller, callee, _kind, _count} <- observed,
      uniq: true,
      do: {written.(id.(caller)), written.(id.(callee))}

sorted =
  Enum.group_by(edges, fn {from, to} ->
    cond do
      from == to or {from, to} in static -> :static
      dispatched?.(from, to) -> :dispatched
      to in near.(from) -> :path
      dynamic?.(from) -> :dynamic
      callback?.(to) -> :called_back
      true -> :missing
    end
  end)

lost = for %{reachable: false, id: id} <- graph.nodes, do: id
ran = for {from, to} <- edges, one <- [from, to], one in lost, uniq: true, do: one
count = fn key -> length(sorted[key] || []) end

IO.puts(
  "#{Path.basename(File.cwd!())}: #{length(edges)} observed edges: #{count.(:static)} in the graph, " <>
    "#{count.(:dispatched)} through dispatch, #{count.(:path)} past a tail call or inlined, #{count.(:dynamic)} of callers marked dynamic, " <>
    "#{count.(:called_back)} called back from outside, #{count.(:missing)} missing; " <>
    "#{length(lost)} functions unreachable, #{length(ran)} of them ran; " <>
    "#{result.compiled} compiled modules (#{length(result.stale)} stale)"
)

for {from, to} <- Enum.sort(sorted[:missing] || []), do: IO.puts("  missing #{from} -> #{to}")
for id <- ran, do: IO.puts("  unreachable, but ran: #{id}")

if System.get_env("SHOW"),
  do: for({from, to} <- Enum.sort(sorted[:dynamic] || []), do: IO.puts("  dynamic #{from} -> #{to}"))

if edges == [] or count.(:missing) > 0 or ran != [], do: System.halt(1)
