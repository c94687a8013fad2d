defmodule ElixirScope.Sources.ExUnit.Formatter do
  @moduledoc false
  # Hears of results and times. It prints nothing.

  use GenServer

  alias ElixirScope.Sources.ExUnit.Owners

  @default [ExUnit.CLIFormatter]

  @doc "Adds it to the formatters of the runs to come."
  def install do
    formatters = Application.get_env(:ex_unit, :formatters, @default)

    if __MODULE__ not in formatters,
      do: Application.put_env(:ex_unit, :formatters, formatters ++ [__MODULE__])

    :ok
  end

  @doc "Takes it out again."
  def remove do
    formatters = Application.get_env(:ex_unit, :formatters, @default)
    Application.put_env(:ex_unit, :formatters, formatters -- [__MODULE__])
    :ok
  end

  @impl true
  def init(_opts), do: {:ok, nil}

  @impl true
  def handle_cast({:test_finished, %{module: module, name: name, tags: tags} = test}, state) do
    root = Owners.root()

    Owners.learn({module, name}, %{
      describe: text(tags[:describe]),
      file: relative(tags[:file], root),
      line: tags[:line],
      type: tags[:test_type],
      async: tags[:async] == true,
      result: result(test.state),
      time_us: test.time
    })

    {:noreply, state}
  end

  def handle_cast(_other, state), do: {:noreply, state}

  @impl true
  def handle_info(_other, state), do: {:noreply, state}

  defp result(nil), do: :passed
  defp result({:failed, _}), do: :failed
  defp result({:invalid, _}), do: :invalid
  defp result({:skipped, _}), do: :skipped
  defp result({:excluded, _}), do: :excluded
  defp result(_other), do: :unknown

  defp text(nil), do: nil
  defp text(text), do: to_string(text)

  defp relative(file, root) when is_binary(file) and is_binary(root), do: Path.relative_to(file, root)
  defp relative(file, _root), do: file
end
