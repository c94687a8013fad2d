defmodule ElixirScope.ASTRepository.GraphBuilder do
  @moduledoc """
  The graphs of a repository, each a `ElixirScope.ASTRepository.Graph`.

      {:ok, graph} = GraphBuilder.call_graph(repo)
      File.write!("calls.dot", Graph.to_dot(graph))

  They are kept by the native side and mended when a file changes: only its own edges are found anew, and those of files
  that name a module whose definitions changed.

  Calls come from the compiled modules of the project where these are fresh (what macros made is exact then), and from the source
  where they are not: `ElixirScope.ASTRepository.import_project/3` finds them by itself, and says which are stale.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{Fault, Graph, Handle, Processes}
  alias ElixirScope.Core
  alias ElixirScope.Error

  @doc """
  Who calls whom. Nodes are functions (`:kind` is `:function`, `:macro`, `:generated` by a macro, or `:module_body`), grouped by
  module; edges have the kinds of `ElixirScope.ASTRepository.FunctionCall`, with `:sites` (how many calls), the `:line` and
  `:ast_node_id` of the first, and `:observed`, how often the running program was seen to make it.

  A node's `:reachable` is false when neither a public function, nor a callback, nor the body of a module leads to it;
  `:dynamic_calls` counts its calls that are decided at run time.

  Options:

    * `external: true` - also functions of modules outside of the project
    * `dynamic: true` - also calls decided at run time, as edges to `?.name/arity`, with edges of kind `:dispatch` from there
      to the functions of behaviours that it may be
    * `focus: ids` - only what is near these nodes (ids of functions, or names of modules), `depth: n` edges away (1)
  """
  @spec call_graph(ASTRepository.repository(), keyword()) :: {:ok, Graph.t()} | {:error, Error.t()}
  def call_graph(repository, opts \\ []) do
    with {:ok, opts} <- options(opts, external: false, dynamic: false, focus: [], depth: 1),
         {:ok, ref} <- Handle.ref(repository),
         {:ok, found} <- Core.Graph.calls(ref, opts[:external], opts[:dynamic]),
         do: focus(graph(:call_graph, found), opts)
  end

  @doc """
  Who needs whom, with the kinds of `mix xref`: `:compile` (recompiled whenever the other changes), `:export` (when the
  other's struct or public functions change), `:runtime`. Of several the strongest.

  Options:

    * `level: :modules` (default) or `:files`
    * `external: true` - also modules outside of the project
    * `focus: ids`, `depth: n` - as for `call_graph/2`
  """
  @spec dependency_graph(ASTRepository.repository(), keyword()) :: {:ok, Graph.t()} | {:error, Error.t()}
  def dependency_graph(repository, opts \\ []) do
    with {:ok, opts} <- options(opts, level: :modules, external: false, focus: [], depth: 1),
         {:ok, ref} <- Handle.ref(repository),
         {:ok, found} <- Core.Graph.dependencies(ref, opts[:level], opts[:external]),
         do: focus(graph(:dependency_graph, found), opts)
  end

  @doc """
  Who supervises whom: an edge from each supervisor to each child, in the order of starting. `running: true` joins it to what runs;
  see `ElixirScope.ASTRepository.Processes.supervision_tree/2`.
  """
  @spec supervision_tree(ASTRepository.repository(), keyword()) :: {:ok, Graph.t()} | {:error, Error.t()}
  defdelegate supervision_tree(repository, opts \\ []), to: Processes, as: :supervision_graph

  @doc "Who sends what to whom: functions that send, clauses that take. See `ElixirScope.ASTRepository.Processes.messages/1`."
  @spec message_graph(ASTRepository.repository()) :: {:ok, Graph.t()} | {:error, Error.t()}
  defdelegate message_graph(repository), to: Processes

  @typedoc """
  Nodes each of which reaches each. `:shortest` is a shortest cycle among them, whose last node leads back to the first;
  `:cut` is its edge with the fewest calls or modules behind it: changing that one breaks this cycle at the least cost.
  """
  @type cycle :: %{
          members: [String.t()],
          shortest: [String.t()],
          edges: [%{from: String.t(), to: String.t(), kind: atom()}],
          cut: %{from: String.t(), to: String.t(), kind: atom()}
        }

  @doc """
  Cycles, the largest first.

  Options:

    * `of: :modules` (default), `:files` or `:functions`
    * `kind: :compile | :export | :runtime` - only dependencies at least as strong (default `:runtime`: all)
  """
  @spec cycles(ASTRepository.repository(), keyword()) :: {:ok, [cycle()]} | {:error, Error.t()}
  def cycles(repository, opts \\ []) do
    with {:ok, opts} <- options(opts, of: :modules, kind: :runtime),
         {:ok, ref} <- Handle.ref(repository),
         do: Core.Graph.cycles(ref, opts[:of], opts[:kind])
  end

  @doc "The functions of the project that nothing leads to: private, and neither called nor captured by what can run."
  @spec unreachable(ASTRepository.repository()) :: {:ok, [Graph.graph_node()]} | {:error, Error.t()}
  def unreachable(repository) do
    with {:ok, graph} <- call_graph(repository),
         do: {:ok, Enum.filter(graph.nodes, &(Map.get(&1, :reachable) == false))}
  end

  defp graph(kind, found), do: Graph.new(kind, found.nodes, found.edges, found.meta)

  defp options(opts, defaults) do
    cond do
      not Keyword.keyword?(opts) ->
        Fault.invalid(:options, opts, "give a keyword list")

      unknown = Enum.find(Keyword.keys(opts), &(not Keyword.has_key?(defaults, &1))) ->
        Fault.unknown(:option, unknown, Keyword.keys(defaults))

      true ->
        {:ok, Keyword.merge(defaults, opts)}
    end
  end

  defp focus(graph, opts) do
    wanted = opts[:focus] |> List.wrap() |> Enum.map(&id/1)
    near = for node <- graph.nodes, node.id in wanted or Map.get(node, :group) in wanted, do: node.id

    missing =
      Enum.find(wanted, fn id -> not Enum.any?(graph.nodes, &(&1.id == id or Map.get(&1, :group) == id)) end)

    cond do
      wanted == [] ->
        {:ok, graph}

      missing ->
        Fault.unknown(:node, missing, Enum.map(graph.nodes, & &1.id))

      not (is_integer(opts[:depth]) and opts[:depth] >= 0) ->
        Fault.invalid(:depth, opts[:depth], "give an integer from 0 on")

      true ->
        {:ok, Graph.focus(graph, near, depth: opts[:depth])}
    end
  end

  defp id(module) when is_atom(module), do: inspect(module)
  defp id(other), do: other
end
