defmodule ElixirScope.Instrumentation.Result do
  @moduledoc """
  What became of the modules that were to be instrumented, or restored.

    * `:modules` - done now, sorted
    * `:unchanged` - were so already
    * `:skipped` - `{module, error}`: left as they were, with the reason
    * `:placed` - for the id of each entry of the plan the points that came of it, in all modules
    * `:unplaced` - `{id, module, reason}`: entries of which nothing came in a module they were meant for, see
      `t:ElixirScope.Instrumentation.t/0`
  """

  defstruct modules: [], unchanged: [], skipped: [], placed: %{}, unplaced: []

  @type t :: %__MODULE__{
          modules: [module()],
          unchanged: [module()],
          skipped: [{module(), ElixirScope.Error.t()}],
          placed: %{term() => [pos_integer()]},
          unplaced: [{term(), module(), term()}]
        }

  alias ElixirScope.Error
  alias ElixirScope.Instrumentation.Eligibility

  @doc false
  def new(outcomes) do
    result = Enum.reduce(outcomes, %__MODULE__{}, &add/2)

    %__MODULE__{
      modules: Enum.reverse(result.modules),
      unchanged: Enum.reverse(result.unchanged),
      skipped: Enum.reverse(result.skipped)
    }
  end

  @doc false
  # `told` is what instrumenting each module said about the entries of the plan. An entry for all modules need not
  # have a place in each.
  def with_plan(result, told) do
    placed =
      for {_module, %{placed: placed}} <- told, {id, points} <- placed, reduce: %{} do
        all -> Map.update(all, id, points, &(&1 ++ points))
      end

    unplaced = for {module, %{unplaced: unplaced}} <- told, {id, reason} <- unplaced, do: {id, module, reason}
    %{result | placed: placed, unplaced: unplaced}
  end

  defp add({module, {:ok, :unchanged}}, result), do: %{result | unchanged: [module | result.unchanged]}
  defp add({module, {:ok, _}}, result), do: %{result | modules: [module | result.modules]}

  defp add({module, {:error, %Error{} = error}}, result),
    do: %{result | skipped: [{module, error} | result.skipped]}

  defp add({module, {:error, reason}}, result) do
    error = %Error{
      reason: :load_failed,
      message: "#{inspect(module)} could not be read: #{inspect(reason)}",
      details: %{module: module, why: reason}
    }

    %{result | skipped: [{module, error} | result.skipped]}
  end

  defp add({module, {:skip, reason}}, result) do
    {:error, error} = Eligibility.error(module, reason)
    %{result | skipped: [{module, error} | result.skipped]}
  end
end
