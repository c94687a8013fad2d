defmodule ElixirScope.FlightRecorder.Hold do
  @moduledoc false
  # Capture and sources are of the whole VM, and several recorders may need them. The first switches on what is off, and the
  # last switches off what the first one had to switch on.

  alias ElixirScope.{Capture, Sources}

  @key {__MODULE__, :held}
  @none %{holders: [], capture: false, sources: []}

  @doc "From now on `pid` needs capture and `sources`."
  def acquire(pid, sources) do
    locked(fn ->
      held = held()
      missing = missing(sources)

      with :ok <- if(missing == [], do: :ok, else: Sources.attach(missing)),
           {:ok, started} <- start() do
        put(%{
          holders: [pid | held.holders],
          capture: held.capture or started,
          sources: Enum.uniq(missing ++ held.sources)
        })
      else
        error ->
          if missing != [], do: Sources.detach(missing)
          error
      end
    end)
  end

  @doc "`pid` needs them no more."
  def release(pid) do
    locked(fn ->
      held = held()

      case List.delete(held.holders, pid) do
        [] ->
          if held.capture and Capture.active?(), do: Capture.stop()
          if held.sources != [], do: Sources.detach(held.sources)
          :persistent_term.erase(@key)
          :ok

        holders ->
          put(%{held | holders: holders})
      end
    end)
  end

  defp start do
    if Capture.active?(),
      do: {:ok, false},
      else: with(:ok <- Capture.start(), do: {:ok, true})
  end

  defp missing(sources) do
    case Sources.status() do
      %{} = status -> Enum.reject(sources, &match?(%{attached: true}, status[&1]))
      {:error, _} -> sources
    end
  end

  defp held, do: :persistent_term.get(@key, @none)
  defp put(held), do: :persistent_term.put(@key, held)
  defp locked(fun), do: :global.trans({@key, self()}, fun, [node()])
end
