defmodule ElixirScope.ASTRepository.SupervisionTree do
  @moduledoc """
  Who supervises whom, as the source says; and, when it was asked for, what of it runs.

    * `:applications` - `[%{name:, module:, root:, ast_node_id:, file:, line:, column:, status:, unexpected:}]`: the applications whose `mix.exs` names a
      module, and modules that are applications otherwise (`name: nil`). `:root` is the top supervisor, a
      `ElixirScope.ASTRepository.SupervisionTree.Node`
    * `:detached` - supervisors that no application of the project starts
    * `:unattached` - places that ask a supervisor for a child when it is not known which: maps with the place, `:function` and the child's
      `:module`
    * `:truncated` - there was more than the limits allow
    * `:joined` - whether it was joined to what runs
  """

  alias __MODULE__.Node

  defstruct applications: [], detached: [], unattached: [], truncated: false, joined: false

  @type application :: %{
          name: atom() | nil,
          module: module(),
          root: Node.t() | nil,
          ast_node_id: String.t() | nil,
          file: String.t() | nil,
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          status: :running | :stopped | :busy | nil
        }

  @type t :: %__MODULE__{
          applications: [application()],
          detached: [Node.t()],
          unattached: [map()],
          truncated: boolean(),
          joined: boolean()
        }

  @doc "The tree of the flat form that the native side gives."
  @spec build(map()) :: t()
  def build(%{nodes: nodes} = flat) do
    numbered = nodes |> Enum.with_index() |> Map.new(fn {node, at} -> {at, node} end)

    children = Enum.group_by(Enum.with_index(nodes), fn {node, _} -> node.parent end, fn {_, at} -> at end)

    node = &nested(&1, numbered, children)

    %__MODULE__{
      applications:
        for application <- flat.applications do
          root = application.root && node.(application.root)
          Map.merge(application, %{root: root, status: nil})
        end,
      detached: Enum.map(flat.detached, node),
      unattached: flat.unattached,
      truncated: flat.truncated
    }
  end

  defp nested(at, numbered, children) do
    fields = Map.delete(numbered[at], :parent)
    own = for child <- Map.get(children, at, []), do: nested(child, numbered, children)
    struct!(Node, Map.put(fields, :children, own))
  end

  @doc "All nodes below (and with) a node, or of a whole tree, parents first."
  @spec nodes(t() | Node.t()) :: [Node.t()]
  def nodes(%__MODULE__{} = tree) do
    roots = for %{root: root} when root != nil <- tree.applications, do: root
    Enum.flat_map(roots ++ tree.detached, &nodes/1)
  end

  def nodes(%Node{} = node), do: [node | Enum.flat_map(node.children, &nodes/1)]
end
