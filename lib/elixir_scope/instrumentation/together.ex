defmodule ElixirScope.Instrumentation.Together do
  @moduledoc false
  # Several modules, all of them or none: everything that can be refused is asked before anything is replaced, and the VM
  # takes the code of all modules in one step.

  alias ElixirScope.{Error, Instrumentation}
  alias ElixirScope.Instrumentation.{Carrier, Eligibility, Loader, Registration}

  @typedoc "What was made of a module: see `t:ElixirScope.Instrumentation.t/0`."
  @type prepared :: {module(), {:ok, Instrumentation.t(), charlist()} | {:error, Error.t()}}

  @doc "The instrumented code of each module, which is not loaded, or why there is none."
  @spec prepare([module()], keyword()) :: [prepared()]
  def prepare(modules, options) do
    shaping = Instrumentation.shaping(options)

    modules
    |> Task.async_stream(&{&1, prepare_one(&1, shaping)}, timeout: :infinity, ordered: true)
    |> Enum.map(fn {:ok, prepared} -> prepared end)
  end

  defp prepare_one(module, options) do
    Instrumentation.roomy()

    with :ok <- Eligibility.by_name(module),
         :ok <- Loader.replaceable(module),
         {:ok, beam, file} <- Loader.original(module),
         {:ok, instrumented} <- Instrumentation.instrument_binary(beam, options) do
      {:ok, instrumented, file}
    else
      {:skip, reason} -> Eligibility.error(module, reason)
      {:error, %Error{} = error} -> {:error, error}
      {:error, reason} -> {:error, failed(module, reason)}
    end
  end

  @doc """
  Loads what was prepared. `before` runs when all points are known to the capture and no code is replaced yet; when it
  gives an error, nothing is.

  `{:ok, modules}`, or the error of the first module that refuses: then every module is as it was.
  """
  @spec load([prepared()], (() -> :ok | {:error, Error.t()})) :: {:ok, [module()]} | {:error, Error.t()}
  def load(prepared, before) do
    with {:ok, ready} <- ready(prepared),
         :ok <- each(ready, fn {module, _, _} -> room_for(module) end),
         :ok <- before.(),
         :ok <- swap(ready) do
      # What was current is old now: if nobody runs it, it goes.
      for {module, _, _} <- ready, do: :code.soft_purge(module)
      {:ok, for({module, _, _} <- ready, do: module)}
    end
  end

  defp ready(prepared) do
    # The probes must be there before the first module that could be needed to load them is replaced.
    _ = ElixirScope.Probe.tail(0, 0)

    Enum.reduce_while(prepared, {:ok, []}, fn
      {module, {:ok, %{binary: binary}, file}}, {:ok, ready} ->
        with {:ok, carried} <- Carrier.read(binary),
             :ok <- Loader.load_helpers(carried),
             :ok <- Registration.register(module, carried.build, carried.points) do
          {:cont, {:ok, [{module, file, binary} | ready]}}
        else
          :error -> {:halt, {:error, failed(module, :not_instrumented)}}
          error -> {:halt, error}
        end

      {_module, {:error, error}}, _ready ->
        {:halt, {:error, error}}
    end)
  end

  defp room_for(module) do
    with :ok <- Loader.replaceable(module), do: Loader.purged(module)
  end

  defp swap([]), do: :ok

  defp swap(ready) do
    case :code.atomic_load(ready) do
      :ok -> :ok
      {:error, [{module, reason} | _]} -> {:error, failed(module, reason)}
    end
  end

  defp each(items, fun) do
    Enum.reduce_while(items, :ok, fn {module, _, _} = item, :ok ->
      case fun.(item) do
        :ok -> {:cont, :ok}
        {:skip, reason} -> {:halt, Eligibility.error(module, reason)}
        error -> {:halt, error}
      end
    end)
  end

  defp failed(module, reason) do
    %Error{
      reason: :load_failed,
      message: "the virtual machine refuses the code of #{inspect(module)}: #{inspect(reason)}",
      details: %{module: module, why: reason}
    }
  end
end
