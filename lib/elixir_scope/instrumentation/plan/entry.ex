defmodule ElixirScope.Instrumentation.Plan.Entry do
  @moduledoc false
  # One line of a plan: what people write becomes the plain form, and the plain form is checked.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Instrumentation.Plan

  # Under the names that the specification gives them, too.
  @kinds %{
    calls: [:calls],
    args: [:calls, :args],
    function_entry: [:calls, :args],
    result: [:calls, :result],
    function_exit: [:calls, :result],
    variables: [:variables],
    variable_capture: [:variables],
    parameters: [:parameters],
    expressions: [:expressions],
    expression_trace: [:expressions],
    branches: [:branches],
    branch: [:branches],
    sends: [:sends],
    message_send: [:sends],
    receives: [:receives],
    message_receive: [:receives],
    messages: [:sends, :receives],
    exceptions: [:exceptions],
    exception: [:exceptions],
    custom: [:custom],
    all: [
      :calls,
      :args,
      :result,
      :variables,
      :parameters,
      :expressions,
      :branches,
      :sends,
      :receives,
      :exceptions
    ]
  }

  @names @kinds |> Map.keys() |> Enum.sort()
  @keys [:module, :function, :clause, :line, :column, :kinds, :when, :custom, :id, :node, :pattern, :place]

  @doc "All names of kinds, sorted."
  def names, do: @names

  @doc "The plain kinds that names mean."
  def kinds(names) when is_list(names) do
    Enum.reduce_while(names, {:ok, []}, fn name, {:ok, kinds} ->
      case @kinds do
        %{^name => more} -> {:cont, {:ok, Enum.uniq(kinds ++ more)}}
        _ -> {:halt, Plan.unknown("the kind", name, @names)}
      end
    end)
  end

  def kinds(_), do: Plan.invalid("kinds are a list of atoms")

  def all(kinds, id), do: %{target: :all, kinds: kinds, condition: nil, custom: nil, id: id}

  @doc "`{:ok, module | nil, entry}` of a map of the `points:` option."
  def from_point(point, id) when is_list(point) do
    if Keyword.keyword?(point), do: from_point(Map.new(point), id), else: none(point)
  end

  def from_point(%{} = point, id) do
    with :ok <- known(point),
         {:ok, target} <- target(point) do
      entry = %{
        target: target,
        kinds: Map.get(point, :kinds) || if(point[:custom], do: [:custom], else: [:calls]),
        condition: point[:when],
        custom: point[:custom],
        id: Map.get(point, :id, id)
      }

      with {:ok, entry} <- check(entry), do: {:ok, point[:module], entry}
    end
  end

  def from_point(other, _id), do: none(other)

  defp none(other), do: Plan.invalid("#{Fault.show(other)} is no point: it is a map")

  defp known(point) do
    case Enum.find(Map.keys(point), &(&1 not in @keys)) do
      nil -> :ok
      key -> Plan.unknown("the key", key, @keys)
    end
  end

  defp target(%{node: _}), do: unresolved("node")
  defp target(%{pattern: _}), do: unresolved("pattern")
  defp target(%{place: {line, column}}), do: {:ok, {:place, line, column}}
  defp target(%{line: line} = point), do: {:ok, {:place, line, point[:column]}}
  defp target(%{function: {name, arity}, clause: ordinal}), do: {:ok, {:clause, name, arity, ordinal}}
  defp target(%{function: {name, arity}}), do: {:ok, {:function, name, arity}}
  defp target(%{function: other}), do: Plan.invalid("function: #{Fault.show(other)} is no {name, arity}")
  defp target(_), do: {:ok, :all}

  # A binary knows lines and columns; only a repository knows ids and patterns.
  defp unresolved(key) do
    Plan.invalid(
      "a point with #{key}: has to be resolved in a repository first",
      "Give repository: to ElixirScope.instrument/2, or say module: and line:."
    )
  end

  @doc "A plain entry, checked, with plain kinds."
  def check(%{target: target, kinds: names} = entry) do
    with {:ok, kinds} <- kinds(List.wrap(names)),
         :ok <- target_is(target),
         :ok <- custom_is(kinds, entry[:custom]) do
      {:ok,
       %{
         target: target,
         kinds: kinds,
         condition: entry[:condition],
         custom: entry[:custom],
         id: Map.get(entry, :id)
       }}
    end
  end

  def check(other),
    do: Plan.invalid("#{Fault.show(other)} is no entry of a plan: it has a target and kinds")

  defp target_is(:all), do: :ok
  defp target_is({:function, name, arity}) when is_atom(name) and arity in 0..255, do: :ok

  defp target_is({:clause, name, arity, ordinal})
       when is_atom(name) and arity in 0..255 and is_integer(ordinal) and ordinal >= 0,
       do: :ok

  defp target_is({:place, line, column})
       when is_integer(line) and line > 0 and (is_nil(column) or (is_integer(column) and column > 0)),
       do: :ok

  defp target_is(other) do
    Plan.invalid(
      "#{Fault.show(other)} is no target",
      "Targets are :all, {:function, name, arity}, {:clause, name, arity, ordinal} and {:place, line, column}."
    )
  end

  defp custom_is(kinds, code) do
    case {:custom in kinds, code} do
      {true, nil} -> Plan.invalid("an entry of kind :custom needs custom: with quoted code")
      {false, code} when code != nil -> Plan.invalid("an entry with custom: has :custom among its kinds")
      _ -> :ok
    end
  end
end
