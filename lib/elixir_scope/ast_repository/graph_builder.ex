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
  `:dynamic_calls` counts its calls that are decided at run time; `:callback` is true when it is public and its module
  implements a protocol, or a behaviour of a module outside: then code outside may call it.

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

  @doc """
  How control goes through a function: basic blocks of nodes in the order of evaluation, and the edges between them.

  `function` is its key or its `ast_node_id` (of one of its nodes, too). Nodes have a `:kind` of `:entry`, `:exit`, `:clause`, `:code`,
  `:join`, `:loop` (asks a generator), `:dispatch` (tries `rescue`, `catch` or `else`) or `:after`, what is evaluated in `:nodes`,
  `:reachable`, `:may_raise`, and a `:group`: the function, or a closure in it, which is a graph of its own. Edges are `:next`, `:true`,
  `:false`, `:clause` (its label says which), `:mismatch`, `:timeout`, `:each`, `:done`, `:back`, `:return`, `:raise` (as written),
  `:exception` (something in the block may raise), `:reraise`, `:recursion` and `:tail_recursion`.

  `meta.cyclomatic_complexity` is McCabe's E − N + 2, over the function and its closures; `meta.as_metrics_count` is the same counted as
  `ComplexityMetrics` does (a `for` once, the `else` of a `try` never, quoted code too).

  Errors: `:not_found`, `:invalid_argument`.
  """
  @spec control_flow(ASTRepository.repository(), FunctionData.key() | String.t()) ::
          {:ok, Graph.t()} | {:error, Error.t()}
  def control_flow(repository, function) do
    with {:ok, id} <- function_id(function),
         {:ok, ref} <- Handle.ref(repository),
         {:ok, found} <- Core.Flow.control(ref, id),
         do: {:ok, graph(:control_flow, found)}
  end

  @doc """
  How values go through a function: from what makes them (calls, literals, arguments) to what takes them.

  Nodes are versions of variables (`x@2`, with the kinds of `VariableInfo`), `:call`, `:built` (tuples, lists, maps, binaries), `:literal`,
  `:closure` and `:return`; edges `:binds`, `:destructures`, `:argument` (its label says which), `:part`, `:captured`, `:returns`.
  Control constructs are no nodes: a value passes through them. Errors: as `control_flow/2`.
  """
  @spec data_flow(ASTRepository.repository(), FunctionData.key() | String.t()) ::
          {:ok, Graph.t()} | {:error, Error.t()}
  def data_flow(repository, function) do
    with {:ok, id} <- function_id(function),
         {:ok, ref} <- Handle.ref(repository),
         {:ok, found} <- Core.Flow.data(ref, id),
         do: {:ok, graph(:data_flow, found)}
  end

  @doc """
  How values go between functions: a node for each `:argument` of a function (with `:returned`, whether it comes back, through calls
  too) and one for its `:return`. Edges: `:passed` (an argument to another function's), `:returned` (an argument is given back), `:handed_on`
  (what a call gives is given on), `:chained` (what a call gives is passed to another), each with the `:ast_node_id` of the call.

  Calls are those that the source resolves; the arguments of a call outside of the project lead nowhere. Options: `focus: ids` of
  functions, and `depth: n`, as for `call_graph/2`.
  """
  @spec data_flow_between(ASTRepository.repository(), keyword()) :: {:ok, Graph.t()} | {:error, Error.t()}
  def data_flow_between(repository, opts \\ []) do
    with {:ok, opts} <- options(opts, focus: [], depth: 1),
         {:ok, ref} <- Handle.ref(repository),
         {:ok, found} <- Core.Flow.between(ref),
         do: focus(graph(:data_flow_between, found), opts)
  end

  defp function_id(id) when is_binary(id), do: {:ok, id}

  defp function_id({module, name, arity}) when is_atom(module) and is_atom(name) and is_integer(arity),
    do: {:ok, module |> Exception.format_mfa(name, arity) |> String.replace_prefix("&", "")}

  defp function_id(other),
    do: Fault.invalid(:function, other, "give {module, name, arity} or an ast_node_id")

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
