defmodule ElixirScope.Test.Canaries do
  @moduledoc """
  Looks for texts where what was recorded lies: in the memory of the rings as the operating system shows it, in spilled segments, in
  files. Nothing of the library reads for us: only addresses are asked for.
  """

  alias ElixirScope.Core

  @doc "Those of `needles` that are in `bytes`, as they are or as the characters of a list are encoded (a byte with its top bit set)."
  def within(bytes, needles) do
    for needle <- needles, contains?(bytes, needle) or contains?(bytes, characters(needle)), do: needle
  end

  defp contains?(bytes, needle), do: :binary.match(bytes, needle) != :nomatch
  defp characters(text), do: for(<<byte <- text>>, into: "", do: <<byte + 128>>)

  @doc "The memory of all rings, of their records and of what belongs to these."
  def rings do
    {:ok, file} = :file.open(~c"/proc/self/mem", [:read, :raw, :binary])

    try do
      for {address, bytes} <- Core.Capture.memory() do
        {:ok, memory} = :file.pread(file, address, bytes)
        ^bytes = byte_size(memory)
        memory
      end
    after
      :file.close(file)
    end
  end

  @doc "What spilled segments hold: their files have no name any more, but are open in this process."
  def spilled do
    for fd <- File.ls!("/proc/self/fd"),
        path = "/proc/self/fd/#{fd}",
        {:ok, target} <- [File.read_link(path)],
        target =~ ~r{/elixir_scope-\d+-\d+\.events},
        {:ok, bytes} <- [File.read(path)],
        do: blocks(bytes)
  end

  @doc "A file as it is, and the blocks of events in it decompressed."
  def file(path) do
    bytes = File.read!(path)
    [bytes, blocks(bytes)]
  end

  # `magic, raw length, compressed length, checksum, LZ4`, wherever in the bytes.
  defp blocks(bytes) do
    for {at, 4} <- :binary.matches(bytes, "ESB1"),
        <<"ESB1", raw::32-little, packed::32-little, _::64, block::binary-size(packed), _::binary>> <-
          [binary_part(bytes, at, byte_size(bytes) - at)],
        into: "" do
      content = lz4(block, "")
      ^raw = byte_size(content)
      content
    end
  end

  # <https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>
  defp lz4("", out), do: out

  defp lz4(<<literals::4, match::4, rest::binary>>, out) do
    {literals, rest} = length_of(literals, rest)
    out = out <> binary_part(rest, 0, literals)
    rest = binary_part(rest, literals, byte_size(rest) - literals)

    case rest do
      "" ->
        out

      <<distance::16-little, rest::binary>> ->
        {match, rest} = length_of(match, rest)
        lz4(rest, copy(out, distance, match + 4))
    end
  end

  defp length_of(15, rest), do: longer(15, rest)
  defp length_of(length, rest), do: {length, rest}
  defp longer(length, <<255, rest::binary>>), do: longer(length + 255, rest)
  defp longer(length, <<byte, rest::binary>>), do: {length + byte, rest}

  defp copy(out, distance, length) do
    piece = binary_part(out, byte_size(out) - distance, min(distance, length))
    out <> binary_part(String.duplicate(piece, div(length, byte_size(piece)) + 1), 0, length)
  end
end
