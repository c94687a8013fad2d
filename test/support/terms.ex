defmodule ElixirScope.Test.Terms do
  @moduledoc "Terms of every type, from a seed: nested, wide, improper, large."

  defmodule Point do
    @moduledoc false
    defstruct [:x, :y, label: "here"]
  end

  # Protocols are consolidated before tests are compiled, so what has an `Inspect` of its own is here.

  defmodule Derived do
    @moduledoc false
    @derive {Inspect, except: [:hidden]}
    defstruct [:shown, :hidden]
  end

  defmodule Only do
    @moduledoc false
    @derive {Inspect, only: [:shown]}
    defstruct [:shown, :hidden]
  end

  defmodule Custom do
    @moduledoc false
    defstruct [:shown, :hidden]

    defimpl Inspect do
      def inspect(custom, _), do: "#Custom<#{custom.shown}>"
    end
  end

  @doc "A term, always the same one for a seed (but for processes and references)."
  def term(seed) do
    :rand.seed(:exsss, {seed, 7, 11})
    make(Enum.random(0..5))
  end

  defp make(0), do: leaf(Enum.random(1..19))

  defp make(depth) do
    inner = fn -> make(depth - 1) end

    case Enum.random(1..8) do
      1 -> for _ <- 1..Enum.random(1..6), do: inner.()
      2 -> for(_ <- 1..Enum.random(1..6), do: inner.()) |> List.to_tuple()
      3 -> Map.new(1..Enum.random(1..5), fn _ -> {inner.(), inner.()} end)
      4 -> %Point{x: inner.(), y: inner.()}
      5 -> [inner.(), inner.() | leaf(Enum.random(1..9))]
      6 -> Map.new(1..40, fn n -> {n, leaf(rem(n, 15) + 1)} end)
      7 -> [name: inner.(), other: inner.()]
      8 -> leaf(Enum.random(1..19))
    end
  end

  defp leaf(1), do: Enum.random(-200..200)
  defp leaf(2), do: Enum.random([0, -1, 1, 127, 128, -64, 0x7FFF_FFFF, -0x8000_0000_0000_0000])
  defp leaf(3), do: Integer.pow(Enum.random(2..9), Enum.random(70..200)) * Enum.random([1, -1])
  defp leaf(4), do: :rand.uniform() * 1.0e6
  defp leaf(5), do: Enum.random([0.0, -1.5, 1.0e300, 5.0e-324])
  defp leaf(6), do: Enum.random([:ok, nil, true, :"an odd one", :ätöm, Enum, :""])
  defp leaf(7), do: String.duplicate("ä-", Enum.random(0..40))
  defp leaf(8), do: for(_ <- 1..Enum.random(1..30), into: <<>>, do: <<Enum.random(128..255)>>)
  defp leaf(9), do: <<Enum.random(0..7)::3>>
  defp leaf(10), do: <<1, 2, 3::5>>
  defp leaf(11), do: self()
  defp leaf(12), do: make_ref()
  defp leaf(13), do: hd(Port.list())
  defp leaf(14), do: []
  defp leaf(15), do: {}
  defp leaf(16), do: %{}
  defp leaf(17), do: ~c"text"
  defp leaf(18), do: ""
  defp leaf(19), do: Date.from_gregorian_days(Enum.random(1..800_000))
end
