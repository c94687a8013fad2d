defmodule ElixirScope.ASTRepository.PatternMatches do
  @moduledoc """
  The answer to a search.

    * `:matches` - `ElixirScope.ASTRepository.PatternMatch`es, by file, then in the order of the source
    * `:count` - how many these are
    * `:more?` - whether there are more behind the limit
    * `:files` - how many files could have had a match, by their names
    * `:candidates` - how many nodes were looked at
    * `:duration_us` - time in the native engine
  """

  alias ElixirScope.ASTRepository.PatternMatch

  defstruct matches: [], count: 0, more?: false, files: 0, candidates: 0, duration_us: 0

  @type t :: %__MODULE__{
          matches: [PatternMatch.t()],
          count: non_neg_integer(),
          more?: boolean(),
          files: non_neg_integer(),
          candidates: non_neg_integer(),
          duration_us: non_neg_integer()
        }
end
