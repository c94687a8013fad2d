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
end
