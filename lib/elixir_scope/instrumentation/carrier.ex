defmodule ElixirScope.Instrumentation.Carrier do
  @moduledoc false
  # An instrumented binary carries its own point table, in a chunk of its own, and the digest of what it was made
  # from. So whoever loads it can register its points, and nobody can pair it with the wrong table.

  @chunk ~c"EScp"

  def id, do: @chunk

  @doc "Chunk to put into an instrumented binary."
  def chunk(content), do: {@chunk, :erlang.term_to_binary(content, [:compressed])}

  @doc "`%{build:, points:, left_out:, digest:}` of an instrumented binary; `:error` for any other."
  def read(binary) do
    with {:ok, {_, [{_, content}]}} when is_binary(content) <- chunk_of(binary) do
      {:ok, :erlang.binary_to_term(content)}
    else
      _ -> :error
    end
  end

  defp chunk_of(binary), do: :beam_lib.chunks(binary, [@chunk])

  def instrumented?(binary), do: match?({:ok, {_, [_]}}, chunk_of(binary))
end
