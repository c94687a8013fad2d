defmodule ElixirScope.ASTRepository.Processes do
  @moduledoc """
  Processes of a project: who supervises whom, who sends what to whom.

  Everything is read from the source; macros are not run, so what a `use` of the project's own brings along is not seen. Whatever
  is not certain says so: `:presence` and `:basis` in the tree, `:certainty`, `:resolution` and `:unresolved` of messages.
  """

  alias ElixirScope.ASTRepository.{Fault, Graph, Handle, MessageReceive, MessageSend, ProcessFacts}
  alias ElixirScope.ASTRepository.SupervisionTree
  alias ElixirScope.ASTRepository.SupervisionTree.Node
  alias ElixirScope.Core
  alias ElixirScope.OTP.Join

  @doc """
  The supervision tree of everything that was imported.

  Read from `mod:` of each `mix.exs`, `start/2` of the application, `init/1` of supervisors, and child specifications in all their forms.

    * `running: true` - joins it to what runs in this VM; see `ElixirScope.OTP.Running.read/2` for `:timeout` and
      `:supervisor_timeout`
  """
  @spec supervision_tree(ElixirScope.ASTRepository.repository(), keyword()) ::
          {:ok, SupervisionTree.t()} | {:error, ElixirScope.Error.t()}
  def supervision_tree(repository, opts \\ []) do
    with :ok <- options(opts, [:running, :timeout, :supervisor_timeout]),
         {:ok, ref} <- Handle.ref(repository),
         {:ok, flat} <- Core.Processes.supervision(ref) do
      tree = SupervisionTree.build(flat)
      {:ok, if(opts[:running], do: Join.join(tree, opts), else: tree)}
    end
  end

  @doc """
  All messages: `%{sends: [MessageSend], receives: [MessageReceive], unsent: [ast_node_id]}`. `:unsent` are clauses that nothing in the
  project sends to (those that take anything, and what the system sends, left out).
  """
  @spec messages(ElixirScope.ASTRepository.repository()) ::
          {:ok, %{sends: [MessageSend.t()], receives: [MessageReceive.t()], unsent: [String.t()]}}
          | {:error, ElixirScope.Error.t()}
  def messages(repository) do
    with {:ok, ref} <- Handle.ref(repository), do: Core.Processes.messages(ref)
  end

  @doc "What a module is as a process. Errors: `:not_found` for a module that is none."
  @spec facts(ElixirScope.ASTRepository.repository(), module()) ::
          {:ok, ProcessFacts.t()} | {:error, ElixirScope.Error.t()}
  def facts(repository, module) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, facts} <- Core.Processes.module(ref, module) do
      if facts,
        do: {:ok, facts},
        else: Fault.not_found(:process, module, "the module defines no callbacks of a process")
    end
  end

  @doc """
  The supervision tree as a graph: an edge from each supervisor to each child, in the order of starting (`label: "1"`, ...).
  Options as of `supervision_tree/2`.
  """
  @spec supervision_graph(ElixirScope.ASTRepository.repository(), keyword()) ::
          {:ok, Graph.t()} | {:error, ElixirScope.Error.t()}
  def supervision_graph(repository, opts \\ []) do
    with {:ok, tree} <- supervision_tree(repository, opts) do
      apps =
        for %{root: root} = app <- tree.applications,
            do: {[app.name || app.module], application_node(app), List.wrap(root)}

      detached = for {node, at} <- Enum.with_index(tree.detached), do: {["detached", at], nil, [node]}

      {nodes, edges} =
        Enum.reduce(apps ++ detached, {[], []}, fn {path, top, roots}, {nodes, edges} ->
          {below, links} = graph_of(roots, path, top && id(path))
          {nodes ++ List.wrap(top) ++ below, edges ++ links}
        end)

      {:ok, Graph.new(:supervision_tree, nodes, edges, %{truncated: tree.truncated, joined: tree.joined})}
    end
  end

  defp application_node(app) do
    path = [app.name || app.module]
    label = if app.name, do: "#{app.name} (#{inspect(app.module)})", else: inspect(app.module)
    place(%{id: id(path), label: label, kind: :application, module: app.module}, app)
  end

  # Ids are paths, since one module may run in several places.
  defp graph_of(children, path, parent) do
    children
    |> Enum.with_index(1)
    |> Enum.reduce({[], []}, fn {%Node{} = node, at}, {nodes, edges} ->
      own = [at | path]

      entry =
        place(
          %{id: id(own), label: label(node), kind: node.kind, presence: node.presence, basis: node.basis},
          node
        )

      entry = if node.module, do: Map.put(entry, :module, node.module), else: entry

      entry =
        if node.status, do: Map.merge(entry, %{status: node.status, pids: length(node.pids)}), else: entry

      link =
        if parent, do: [%{from: parent, to: id(own), kind: node.presence, label: to_string(at)}], else: []

      {below, links} = graph_of(node.children, own, id(own))
      {nodes ++ [entry | below], edges ++ link ++ links}
    end)
  end

  defp id(path),
    do: path |> Enum.reverse() |> Enum.map_join("/", &if(is_atom(&1), do: inspect(&1), else: to_string(&1)))

  defp label(%Node{} = node) do
    name = node.id_text || node.name_text || (node.module && inspect(node.module)) || "?"
    if node.strategy, do: "#{name} (#{node.strategy})", else: name
  end

  defp place(map, %{ast_node_id: nil}), do: map
  defp place(map, from), do: Map.merge(map, Map.take(from, [:ast_node_id, :file, :line, :column]))

  @doc """
  The messages as a graph: functions that send, clauses that take, an edge for each message between them (`:kind` as of
  `ElixirScope.ASTRepository.MessageSend`, `:label` the message, `:certainty`).
  """
  @spec message_graph(ElixirScope.ASTRepository.repository()) ::
          {:ok, Graph.t()} | {:error, ElixirScope.Error.t()}
  def message_graph(repository) do
    with {:ok, %{sends: sends, receives: receives}} <- messages(repository) do
      senders =
        for %{function: {module, name, arity}} <- sends, uniq: true do
          text = Exception.format_mfa(module, name, arity)
          %{id: text, label: text, kind: :function, group: inspect(module)}
        end

      clauses =
        for one <- receives do
          group = with {module, _, _} <- one.function, do: inspect(module)

          place(
            %{
              id: one.ast_node_id,
              label: "#{one.kind} #{one.message}",
              kind: :clause,
              group: group || one.file
            },
            Map.from_struct(one)
          )
        end

      edges =
        for %{function: {module, name, arity}} = send <- sends, to <- send.handled_by do
          %{
            from: Exception.format_mfa(module, name, arity),
            to: to.ast_node_id,
            kind: send.kind,
            label: send.message,
            certainty: to.certainty,
            by: send.by
          }
        end

      unresolved = for %{unresolved: reason} when reason != nil <- sends, do: reason
      meta = %{unresolved: Enum.frequencies(unresolved), unhandled: Enum.count(sends, & &1.unhandled)}
      {:ok, Graph.new(:message_graph, senders ++ clauses, Enum.uniq(edges), meta)}
    end
  end

  defp options(opts, known) do
    cond do
      not Keyword.keyword?(opts) ->
        Fault.invalid(:options, opts, "give a keyword list")

      unknown = Enum.find(Keyword.keys(opts), &(&1 not in known)) ->
        Fault.unknown(:option, unknown, known)

      bad = Enum.find([:timeout, :supervisor_timeout], &bad_timeout?(opts[&1])) ->
        Fault.invalid(bad, opts[bad], "give milliseconds")

      true ->
        :ok
    end
  end

  defp bad_timeout?(nil), do: false
  defp bad_timeout?(ms), do: not (is_integer(ms) and ms > 0)
end
