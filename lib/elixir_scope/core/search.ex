defmodule ElixirScope.Core.Search do
  @moduledoc false
  # Structural search. A pattern is what `ElixirScope.ASTRepository.Pattern` compiles to, `wanted` is
  # `{limit or nil, offset, timeout_ms}`.

  alias ElixirScope.{Core, Native}

  def ids(ref, pattern, wanted), do: Core.call(fn -> Native.search_ids(ref, pattern, wanted) end)
  def matches(ref, pattern, wanted), do: Core.call(fn -> Native.search_matches(ref, pattern, wanted) end)
end
