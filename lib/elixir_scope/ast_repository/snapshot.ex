defmodule ElixirScope.ASTRepository.Snapshot do
  @moduledoc """
  The content of a repository at one moment: a handle to shared, immutable records, so taking one costs
  a pointer for each record. Belongs to this VM; `ElixirScope.ASTRepository.save/2` is what lasts.
  """

  defstruct [:ref, :repository_id, :version, :taken_at]

  @type t :: %__MODULE__{
          ref: reference(),
          repository_id: String.t(),
          version: non_neg_integer(),
          taken_at: DateTime.t()
        }

  defimpl Inspect do
    def inspect(snapshot, _opts) do
      "#ElixirScope.ASTRepository.Snapshot<#{snapshot.repository_id} version #{snapshot.version}>"
    end
  end
end
