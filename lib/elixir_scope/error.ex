defmodule ElixirScope.Error do
  @moduledoc """
  What every function of ElixirScope returns in `{:error, error}`, and what its bang functions raise.

    * `:reason` - an atom to match on, such as `:not_found`, `:invalid_argument`, `:conflict`
    * `:message` - what happened, for people
    * `:hint` - what to do next, or `nil`
    * `:details` - a map with what else is known (`%{}` when nothing is)
  """

  defexception [:reason, :message, :hint, details: %{}]

  @type t :: %__MODULE__{
          reason: atom(),
          message: String.t(),
          hint: String.t() | nil,
          details: map()
        }

  @impl true
  def message(%__MODULE__{message: message, hint: nil}), do: message
  def message(%__MODULE__{message: message, hint: hint}), do: message <> "\n\n" <> hint
end
