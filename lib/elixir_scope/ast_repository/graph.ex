defmodule ElixirScope.ASTRepository.Graph do
  @moduledoc ~S"""
  A directed graph as an answer: nodes, edges, and ways to write it down.

  Every graph of this library is one of these: calls, dependencies, control flow, data flow, supervision, messages.

    * `:kind` - what it is a graph of, as `:call_graph`
    * `:nodes` - maps with `:id` (text or an integer, unique), `:label` (text) and `:kind` (an atom). What else is known stands
      beside: `:ast_node_id`, `:file`, `:line`, `:column` where the node has a place in the source, `:group` (text) where nodes
      belong together, as the functions of one module do
    * `:edges` - maps with `:from`, `:to` (ids of nodes) and `:kind` (an atom); `:label` (text) where there is one. Two nodes may have
      several edges
    * `:meta` - what is true of the whole graph

  The order of nodes and edges is part of the answer, and the same on every machine.

      iex> alias ElixirScope.ASTRepository.Graph
      iex> graph = Graph.new(:call_graph,
      ...>   [%{id: "A.f/0", label: "f/0", kind: :function}, %{id: "B.g/1", label: "g/1", kind: :function}],
      ...>   [%{from: "A.f/0", to: "B.g/1", kind: :remote}])
      iex> Graph.to_mermaid(graph) |> String.split("\n", trim: true)
      ["flowchart LR", ~s(  n0["f/0"]), ~s(  n1["g/1"]), "  n0 --> n1"]
      iex> Graph.successors(graph, "A.f/0")
      ["B.g/1"]
  """

  alias ElixirScope.ASTRepository.Graph.{Dot, Mermaid}
  alias ElixirScope.Report.JSON

  @enforce_keys [:kind]
  defstruct [:kind, nodes: [], edges: [], meta: %{}]

  @type id :: String.t() | integer()
  @type graph_node :: %{
          required(:id) => id(),
          required(:label) => String.t(),
          required(:kind) => atom(),
          optional(atom()) => term()
        }
  @type edge :: %{
          required(:from) => id(),
          required(:to) => id(),
          required(:kind) => atom(),
          optional(atom()) => term()
        }
  @type t :: %__MODULE__{kind: atom(), nodes: [graph_node()], edges: [edge()], meta: map()}

  @doc "A graph. Edges whose ends are not among the nodes are left out."
  @spec new(atom(), [graph_node()], [edge()], map()) :: t()
  def new(kind, nodes, edges, meta \\ %{}) when is_atom(kind) do
    ids = MapSet.new(nodes, & &1.id)
    edges = Enum.filter(edges, &(&1.from in ids and &1.to in ids))
    %__MODULE__{kind: kind, nodes: nodes, edges: edges, meta: meta}
  end

  @doc "The ids that a node's edges lead to, each once, in the order of the edges."
  @spec successors(t(), id()) :: [id()]
  def successors(%__MODULE__{edges: edges}, id) do
    Enum.uniq(for %{from: ^id, to: to} <- edges, do: to)
  end

  @doc "The ids whose edges lead to a node, each once, in the order of the edges."
  @spec predecessors(t(), id()) :: [id()]
  def predecessors(%__MODULE__{edges: edges}, id) do
    Enum.uniq(for %{from: from, to: ^id} <- edges, do: from)
  end

  @doc """
  The part of a graph around some nodes.

    * `:depth` - how many edges away (default: 1)
    * `:direction` - `:both` (default), `:out` or `:in`
  """
  @spec focus(t(), [id()], keyword()) :: t()
  def focus(%__MODULE__{} = graph, ids, opts \\ []) do
    depth = Keyword.get(opts, :depth, 1)
    steps = steps(graph.edges, Keyword.get(opts, :direction, :both))
    start = MapSet.new(ids)
    within = reach(start, MapSet.to_list(start), steps, depth)
    nodes = Enum.filter(graph.nodes, &(&1.id in within))
    new(graph.kind, nodes, graph.edges, graph.meta)
  end

  defp steps(edges, direction) do
    edges
    |> Enum.flat_map(fn %{from: from, to: to} ->
      case direction do
        :out -> [{from, to}]
        :in -> [{to, from}]
        :both -> [{from, to}, {to, from}]
      end
    end)
    |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
  end

  defp reach(seen, _last, _steps, 0), do: seen
  defp reach(seen, [], _steps, _depth), do: seen

  defp reach(seen, last, steps, depth) do
    next = for id <- last, to <- Map.get(steps, id, []), to not in seen, uniq: true, do: to
    reach(MapSet.union(seen, MapSet.new(next)), next, steps, depth - 1)
  end

  @doc "Graphviz: `dot -Tsvg`. Nodes with the same `:group` stand in one box."
  @spec to_dot(t()) :: String.t()
  defdelegate to_dot(graph), to: Dot, as: :render

  @doc "A Mermaid flowchart, as Markdown renderers show it."
  @spec to_mermaid(t()) :: String.t()
  defdelegate to_mermaid(graph), to: Mermaid, as: :render

  @doc """
  JSON: `{"kind", "meta", "nodes", "edges"}`, each node and edge an object with the fields it has.

  What JSON has no form for (tuples, structs) is written as text, as `inspect/1` shows it.
  """
  @spec to_json(t(), keyword()) :: String.t()
  def to_json(%__MODULE__{} = graph, opts \\ []) do
    nodes = Enum.map(graph.nodes, &entry(&1, [:id, :label, :kind]))
    edges = Enum.map(graph.edges, &entry(&1, [:from, :to, :kind]))

    pairs = [kind: graph.kind, meta: plain(graph.meta), nodes: nodes, edges: edges]
    {:ok, json} = pairs |> JSON.ordered() |> JSON.encode(opts)
    json
  end

  defp entry(map, first) do
    rest = map |> Map.drop(first) |> Enum.sort()
    JSON.ordered(for {key, value} <- Enum.map(first, &{&1, map[&1]}) ++ rest, do: {key, plain(value)})
  end

  defp plain(%_{} = struct), do: inspect(struct)
  defp plain(map) when is_map(map), do: Map.new(map, fn {key, value} -> {plain_key(key), plain(value)} end)

  defp plain(list) when is_list(list),
    do: if(List.improper?(list), do: inspect(list), else: Enum.map(list, &plain/1))

  defp plain(atom) when is_atom(atom) do
    if String.starts_with?(Atom.to_string(atom), "Elixir."), do: inspect(atom), else: atom
  end

  defp plain(binary) when is_binary(binary),
    do: if(String.valid?(binary), do: binary, else: inspect(binary))

  defp plain(number) when is_number(number), do: number
  defp plain(other), do: inspect(other)

  defp plain_key(key) when is_atom(key) and key not in [nil, true, false], do: plain(key)
  defp plain_key(key) when is_binary(key), do: plain(key)
  defp plain_key(key), do: inspect(key)
end
