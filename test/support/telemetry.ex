defmodule ElixirScope.Test.Telemetry do
  @moduledoc """
  A stand-in for the telemetry library, with its API as far as it is used here, compiled when a test asks for it: this project has no
  hex dependency. As the library does, it takes out a handler that raises.
  """

  @source """
  defmodule :telemetry do
    @table :telemetry_stand_in

    def open do
      if :ets.whereis(@table) == :undefined do
        parent = self()
        spawn(fn ->
          :ets.new(@table, [:named_table, :public])
          send(parent, :opened)
          Process.sleep(:infinity)
        end)
        receive do: (:opened -> :ok)
      end
      :ok
    end

    def attach_many(id, events, fun, config) do
      if :ets.member(@table, id) do
        {:error, :already_exists}
      else
        :ets.insert(@table, {id, events, fun, config})
        :ok
      end
    end

    def detach(id) do
      if :ets.member(@table, id), do: (:ets.delete(@table, id); :ok), else: {:error, :not_found}
    end

    def list_handlers(prefix) do
      for {id, events, fun, config} <- :ets.tab2list(@table), name <- events, List.starts_with?(name, prefix),
          do: %{id: id, event_name: name, function: fun, config: config}
    end

    def execute(name, measurements, metadata \\\\ %{}) do
      for {id, events, fun, config} <- :ets.tab2list(@table), name in events do
        try do
          fun.(name, measurements, metadata, config)
        catch
          _, _ -> detach(id)
        end
      end
      :ok
    end

    def span(prefix, start_metadata, fun) do
      context = make_ref()
      execute(prefix ++ [:start], %{system_time: System.system_time()}, Map.put(start_metadata, :telemetry_span_context, context))
      try do
        {result, stop_metadata} = fun.()
        execute(prefix ++ [:stop], %{duration: 1}, Map.put(stop_metadata, :telemetry_span_context, context))
        result
      catch
        kind, reason ->
          execute(prefix ++ [:exception], %{duration: 1}, Map.merge(start_metadata, %{kind: kind, reason: reason, telemetry_span_context: context}))
          :erlang.raise(kind, reason, __STACKTRACE__)
      end
    end
  end
  """

  @doc "Makes `:telemetry` available to this VM."
  def available do
    unless Code.ensure_loaded?(:telemetry), do: Code.compile_string(@source)
    apply(:telemetry, :open, [])
  end

  @doc "Takes it away again."
  def away do
    :code.purge(:telemetry)
    :code.delete(:telemetry)
    :code.purge(:telemetry)
  end
end
