defmodule ElixirScope.Instrumentation.Result do
  @moduledoc """
  What became of the modules that were to be instrumented, or restored.

    * `:modules` - done now, sorted
    * `:unchanged` - were so already
    * `:skipped` - `{module, error}`: left as they were, with the reason
  """

  defstruct modules: [], unchanged: [], skipped: []

  @type t :: %__MODULE__{
          modules: [module()],
          unchanged: [module()],
          skipped: [{module(), ElixirScope.Error.t()}]
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
