defmodule ElixirScope.OTP.Join do
  @moduledoc false
  # The supervision tree of the source, joined to the one that runs. A child of the source is the running one with its id; where the
  # source does not tell the id, the one with its module. What is started on request has no id: there the module decides.

  alias ElixirScope.ASTRepository.SupervisionTree
  alias ElixirScope.ASTRepository.SupervisionTree.Node
  alias ElixirScope.OTP.Running

  # What runs below these is their own business.
  @closed [:registry, :task_supervisor]

  def join(%SupervisionTree{} = tree, opts) do
    applications = Enum.map(tree.applications, &application(&1, opts))
    %{tree | applications: applications, detached: Enum.map(tree.detached, &detached(&1, opts)), joined: true}
  end

  defp application(%{name: name, root: %Node{} = root} = application, opts) when name != nil do
    case Running.read({:application, name}, opts) do
      {:ok, running} -> %{application | root: node(root, [running], :running), status: status(running)}
      {:error, %{reason: :timeout}} -> %{application | root: unknown(root), status: :busy}
      {:error, _} -> %{application | root: absent(root), status: :stopped}
    end
  end

  defp application(application, _opts), do: application

  defp status(%{status: :busy}), do: :busy
  defp status(_running), do: :running

  # A supervisor outside of applications is found by its registered name.
  defp detached(%Node{name: name} = root, opts) when is_atom(name) and name != nil do
    case Running.read(name, opts) do
      {:ok, running} -> node(root, [running], :running)
      {:error, _} -> absent(root)
    end
  end

  defp detached(root, _opts), do: absent(root)

  # `known` says whether the supervisor of the node answered.
  defp node(%Node{} = node, [], :unknown), do: unknown(node)
  defp node(%Node{} = node, [], _known), do: absent(node)

  defp node(%Node{} = node, running, _known) do
    children = Enum.flat_map(running, & &1.children)
    busy? = Enum.any?(running, &(&1.status == :busy))
    {own, left} = children(node.children, children, if(busy?, do: :unknown, else: :running))

    %{
      node
      | pids: for(%{pid: pid} when pid != nil <- running, do: pid),
        status: running |> Enum.map(& &1.status) |> status_of(),
        children: own,
        unexpected:
          if(node.kind in @closed, do: [], else: Enum.map(left, &Map.take(&1, [:id, :pid, :type, :modules])))
    }
  end

  defp status_of(all) do
    cond do
      Enum.any?(all, &(&1 in [:running, :busy])) -> :running
      :restarting in all -> :restarting
      true -> :ignored
    end
  end

  # First those whose id is certain, then those with a module, then whatever is left for what is computed.
  defp children(static, running, known) do
    numbered = Enum.with_index(static)

    {by_id, left} =
      take(
        numbered,
        running,
        &(&1.presence != :on_request and &1.id_text != nil and certain?(&1)),
        &same_id?/2
      )

    rest = Enum.reject(numbered, fn {_, at} -> Map.has_key?(by_id, at) end)
    {by_module, left} = take(rest, left, &(&1.module != nil), &same_module?/2)
    found = Map.merge(by_id, by_module)
    {for({node, at} <- numbered, do: node(node, Map.get(found, at, []), known)), left}
  end

  defp certain?(%Node{id: id, id_text: text}), do: id != nil or text == "nil"

  defp take(numbered, running, wanted?, same?) do
    Enum.reduce(numbered, {%{}, running}, fn {node, at}, {found, left} ->
      if wanted?.(node) do
        case split(node, left, same?) do
          {[], left} -> {found, left}
          {own, left} -> {Map.put(found, at, own), left}
        end
      else
        {found, left}
      end
    end)
  end

  defp split(%Node{presence: presence} = node, running, same?) when presence in [:on_request, :dynamic] do
    Enum.split_with(running, &same?.(node, &1))
  end

  defp split(node, running, same?) do
    case Enum.split_while(running, &(not same?.(node, &1))) do
      {before, [own | rest]} -> {[own], before ++ rest}
      {_, []} -> {[], running}
    end
  end

  defp same_id?(node, running), do: node.id == running.id

  defp same_module?(%Node{presence: :on_request} = node, running), do: node.module in modules(running)

  # An id that the source tells is the id, also where it does not run.
  defp same_module?(node, running), do: not certain?(node) and node.module in modules(running)

  defp modules(%{modules: modules}), do: modules

  defp absent(%Node{} = node), do: mark(node, :absent)
  defp unknown(%Node{} = node), do: mark(node, :unknown)

  defp mark(node, status) do
    %{node | status: status, pids: [], unexpected: [], children: Enum.map(node.children, &mark(&1, status))}
  end
end
