defmodule ElixirScope.Export.Result do
  @moduledoc """
  A file that was written.

    * `:format`, `:path`, `:bytes`, `:duration_ms`
    * `:events` - how many the log held; `:events_read` - how many were read, those read twice counted twice; `:passes` - how often
      the log was read to its end
    * `:about` - what the file says of itself, as text: `:from_unix_ns`, `:to_unix_ns`, `:events_lost`, `:events_evicted`,
      `:sampling`, `:complete`, ...
  """

  defstruct [:format, :path, :bytes, :duration_ms, :events, :events_read, :passes, about: %{}]

  @type t :: %__MODULE__{
          format: atom(),
          path: Path.t(),
          bytes: non_neg_integer(),
          duration_ms: non_neg_integer(),
          events: non_neg_integer(),
          events_read: non_neg_integer(),
          passes: pos_integer(),
          about: %{optional(atom()) => String.t()}
        }
end
