defmodule ElixirScope.Value.Redacted do
  @moduledoc """
  Stands where a value was withheld, before it was recorded; see `ElixirScope.Capture.Redaction`.

    * `:kind` - what it was: `:binary`, `:map`, ...
    * `:by` - the rule: `:key` (the name of its key), `:name` (of its variable), `:inspect`, `:schema`, `:struct` (its
      struct's), `:unclassified` (its struct was not known yet), or what it looked like: `:jwt`, `:bearer`, `:api_key`,
      `:card_number`, `:private_key`, `:url`, `:pair`, `:pattern`
    * `:kept` - of a text with a secret in it: the text with `[REDACTED]` in the secret's place
  """

  defstruct [:kind, :by, :kept]

  @type t :: %__MODULE__{kind: atom(), by: atom(), kept: binary() | nil}

  defimpl Inspect do
    import Inspect.Algebra

    def inspect(%{kept: nil} = value, _opts), do: "#Redacted<#{value.kind}, by #{value.by}>"

    def inspect(value, opts),
      do: concat(["#Redacted<", to_doc(value.kept, opts), ", by ", Atom.to_string(value.by), ">"])
  end
end
