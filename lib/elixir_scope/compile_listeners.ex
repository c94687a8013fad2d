defmodule ElixirScope.CompileListeners do
  @moduledoc false
  # From the compiler tracer to whoever wants to know what was compiled in this VM. Processes listen while they live;
  # telling costs one lookup when nobody does.
  #
  #   * `{ElixirScope.CompileListeners, {:compiled, path}}` - a module of this file was compiled
  #   * `{ElixirScope.CompileListeners, :finished}` - a compilation came to its end, whatever it compiled

  @registry __MODULE__

  def child_spec(_opts), do: Registry.child_spec(keys: :duplicate, name: @registry)

  @doc "Sends the messages above to the calling process. `:error` when the application is not started."
  def listen do
    if Process.whereis(@registry) do
      {:ok, _owner} = Registry.register(@registry, :compiled, nil)
      :ok
    else
      :error
    end
  end

  @doc "Tells who listens."
  def tell(event) do
    # While dependencies are compiled the application is not running.
    if Process.whereis(@registry) do
      Registry.dispatch(@registry, :compiled, fn listeners ->
        for {pid, _} <- listeners, do: send(pid, {__MODULE__, event})
      end)
    end

    :ok
  end
end
