defmodule ElixirScope.ASTRepository.InstrumentationMapper.Costs do
  @moduledoc """
  What the parts of a probe cost on this machine, in nanoseconds, measured once in a VM.

    * `:call` - a native call from the code to the library and back; `:hop` - a call that ends before that
    * `:enter`, `:exit`, `:within` - the native half of an entry, an exit and of what is recorded between, without values
    * `:arguments` - of an entry with two small arguments; `:value` - with a small value; `:message` - with what tells
      messages apart; `:pair` - kind and reason of an exception
    * `:byte` - each byte of a value beyond those, in containers of numbers, atoms and short texts
    * `:custom` - what stands around code of the user's own
    * `:gate_passed`, `:gate_refused`
    * `:arguments_bytes`, `:value_bytes` - the bytes of the small samples

  The native halves are measured on a ring of their own, of the size that threads have, so the reader's traffic on the same
  memory is not in them.
  """

  alias ElixirScope.Core
  alias ElixirScope.{Error, Probe}

  @rounds 40_000
  @repeats 7
  @small 7
  @scalar_bytes 2
  @large for(n <- 1..40, do: %{id: n, name: "item", ok: true})

  @doc "The costs; the first call in a VM measures, for about a tenth of a second."
  @spec units() :: {:ok, map()} | {:error, Error.t()}
  def units do
    case :persistent_term.get({__MODULE__, :costs}, nil) do
      nil ->
        with {:ok, costs} <- measure() do
          :persistent_term.put({__MODULE__, :costs}, costs)
          {:ok, costs}
        end

      costs ->
        {:ok, costs}
    end
  end

  @doc "Measures anew, for who has changed the machine's load."
  @spec measure() :: {:ok, map()} | {:error, Error.t()}
  def measure do
    with {:ok, native} <- Core.Gates.calibrate(@rounds, {[@small, @small], @small, @large}) do
      {bytes, times} = Map.split(native, [:arguments_bytes, :value_bytes, :large_bytes])
      costs = Map.new(times, fn {name, ps} -> {name, ps / 1_000} end)
      byte = max(costs.large - costs.value, 0.0) / max(bytes.large_bytes - bytes.value_bytes, 1)
      loop = fastest(fn -> empty(@rounds) end)

      {:ok,
       costs
       |> Map.delete(:large)
       |> Map.merge(Map.take(bytes, [:arguments_bytes, :value_bytes]))
       |> Map.merge(%{
         byte: byte,
         call: max(fastest(fn -> calls(@rounds) end) - loop, 0.1),
         hop: max(fastest(fn -> hops(@rounds) end) - loop, 0.1),
         custom: max(fastest(fn -> customs(@rounds) end) - loop, 0.1)
       })}
    end
  end

  @doc false
  # What `customs/1` runs.
  def run, do: :ok

  defp fastest(fun), do: Enum.min(for(_ <- 1..@repeats, do: timed(fun)))

  defp timed(fun) do
    began = :erlang.monotonic_time(:nanosecond)
    fun.()
    (:erlang.monotonic_time(:nanosecond) - began) / @rounds
  end

  defp empty(0), do: :ok
  defp empty(n), do: empty(n - 1)

  defp calls(0), do: :ok

  defp calls(n) do
    Core.Gates.probe_call()
    calls(n - 1)
  end

  defp hops(0), do: :ok

  defp hops(n) do
    Probe.exit(0, 0, n)
    hops(n - 1)
  end

  # Token 1 of point 0 is nobody's: the code runs, and what it gives is recorded nowhere.
  defp customs(0), do: :ok

  defp customs(n) do
    Probe.custom(0, 1, __MODULE__, [])
    customs(n - 1)
  end

  @doc "Nanoseconds of the beginning of a call; `bytes` is the mean size of its arguments, or nil."
  def entry(costs, false, _bytes), do: costs.call + costs.enter

  def entry(costs, true, bytes),
    do: costs.call + costs.arguments + more(costs, bytes, costs.arguments_bytes)

  @doc "Nanoseconds of the end of a call."
  def ending(costs, false, _bytes), do: costs.call + costs.exit
  def ending(costs, true, bytes), do: costs.call + costs.value + more(costs, bytes, costs.value_bytes)

  @doc "Nanoseconds of a report within a call, by the type of its point."
  def within(costs, :branch, _bytes), do: costs.call + costs.within

  def within(costs, type, bytes) when type in [:message_send, :message_receive],
    do: costs.call + costs.message + more(costs, bytes, costs.value_bytes + 17)

  def within(costs, :exception, bytes),
    do: costs.call + costs.pair + more(costs, bytes, 2 * costs.value_bytes)

  def within(costs, :custom, bytes),
    do: costs.custom + costs.call + costs.value + more(costs, bytes, costs.value_bytes)

  def within(costs, _value, bytes), do: costs.call + costs.value + more(costs, bytes, costs.value_bytes)

  defp more(_costs, nil, _base), do: 0.0

  # A number or an atom of some bytes costs no more than one of a single byte: what is beyond that is more values.
  defp more(costs, bytes, base), do: max(bytes - base - @scalar_bytes, 0) * costs.byte
end
