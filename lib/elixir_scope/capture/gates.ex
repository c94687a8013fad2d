defmodule ElixirScope.Capture.Gates do
  @moduledoc false
  # Gates for whatever people select: the work behind `ElixirScope.Capture.configure/2`, `gates/1` and `ungate/1`.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Capture.{Gate, GateOptions}
  alias ElixirScope.{ASTRepository, Core, Error}
  alias ElixirScope.Instrumentation.Selection

  @doc "Sets gates; `{:ok, points}`."
  def configure(selection, options) do
    with {:ok, parts} <- parts(selection),
         {:ok, {scope, per, changes}} <- GateOptions.validate(options, per(selection)),
         {:ok, shared} <- together(parts, per) do
      each(shared, &Core.Gates.set(&1, scope, per, changes))
    end
  end

  @doc "Takes gates away; `{:ok, points}`."
  def ungate(selection) do
    with {:ok, parts} <- parts(selection), do: each(parts, &Core.Gates.clear/1)
  end

  @doc "The gates of a selection, or why it is none."
  def list(selection) do
    with {:ok, parts} <- parts(selection),
         maps when is_list(maps) <- Core.Gates.list(:all) do
      gates = Enum.map(maps, &Gate.new/1)
      {:ok, if(parts == [:all], do: gates, else: Enum.filter(gates, &in_any?(&1, parts)))}
    end
  end

  defp in_any?(gate, parts) do
    Enum.any?(gate.points, fn point ->
      Enum.any?(parts, fn
        :all -> true
        {_, _, _} = function -> point.function == function
        points when is_list(points) -> point.point in points
        module -> elem(point.function, 0) == module
      end)
    end)
  end

  # Numbers name points, everything else what they are in.
  defp per(point) when is_integer(point), do: :point
  defp per([point | _]) when is_integer(point), do: :point
  defp per({repository, node}) when is_binary(node) and not is_atom(repository), do: :point
  defp per(_), do: :function

  # One gate for all of it: only what one native selection can say.
  defp together(parts, :selection) when length(parts) > 1 do
    points = for part <- parts, {:ok, found} <- [Core.Gates.points(part)], found <- found, do: elem(found, 0)

    {:ok, [points]}
  end

  defp together(parts, _per), do: {:ok, parts}

  defp each(parts, fun) do
    Enum.reduce_while(parts, {:ok, 0}, fn part, {:ok, sum} ->
      case fun.(part) do
        {:ok, count} -> {:cont, {:ok, sum + count}}
        error -> {:halt, error}
      end
    end)
  end

  @doc "What the native side can select: `:all`, a module, a function, or a list of points."
  def parts(:all), do: {:ok, [:all]}
  def parts(point) when is_integer(point) and point > 0, do: {:ok, [[point]]}
  def parts([]), do: {:ok, []}

  def parts({module, name, arity} = function)
      when is_atom(module) and is_atom(name) and is_integer(arity) and arity in 0..255,
      do: {:ok, [function]}

  def parts({repository, node}) when is_binary(node) and not is_atom(repository) do
    with {:ok, points} <- ASTRepository.get_instrumentation_points(repository, node) do
      {:ok, [for(%{point_id: id} <- points, do: String.to_integer(id))]}
    else
      {:error, :not_found} -> none({:node, node})
      error -> error
    end
  end

  def parts([point | _] = points) when is_integer(point) do
    if Enum.all?(points, &(is_integer(&1) and &1 > 0)), do: {:ok, [points]}, else: none(points)
  end

  def parts(list) when is_list(list) do
    Enum.reduce_while(list, {:ok, []}, fn one, {:ok, all} ->
      case parts(one) do
        {:ok, more} -> {:cont, {:ok, all ++ more}}
        error -> {:halt, error}
      end
    end)
  end

  def parts(module) when is_atom(module) and module not in [nil, true, false], do: {:ok, [module]}

  def parts(other) do
    case Selection.validate(other) do
      {:ok, selection} -> resolved(Selection.resolve(selection), other)
      {:error, _} -> none(other)
    end
  end

  defp resolved([], selection), do: none(selection)
  defp resolved(modules, _selection), do: {:ok, modules}

  defp none(selection) do
    {:error,
     %Error{
       reason: :not_found,
       message: "#{Fault.show(selection)} names nothing that could have a gate",
       hint:
         "give :all, a module, {module, function, arity}, a pattern such as \"MyApp.*\", {:app, :my_app}, " <>
           "points, {repository, ast_node_id}, or a list of these",
       details: %{what: :selection}
     }}
  end
end
