defmodule ElixirScope.ASTRepository.Lifecycle do
  @moduledoc false
  # How repositories begin and end. A repository without a process lives as long as someone holds its handle.

  alias ElixirScope.ASTRepository.{Config, Fault, Handle, Registry, Repository, Server}
  alias ElixirScope.Core

  @own_options [:name, :repository_id]
  @id_bytes_max 255
  @spill_bytes 1024 * 1024 * 1024

  def new(opts) do
    with {:ok, own, config} <- options(opts),
         {:ok, id} <- id(own[:repository_id]),
         {:ok, ref} <- Core.Repository.new(id, limits(config)) do
      {:ok, handle(id, ref, config)}
    end
  end

  def start_link(opts) do
    # The repository is made here, so that what is wrong is an answer and not the exit of a linked process.
    with {:ok, own, _config} <- options(opts),
         {:ok, server_options} <- name(own[:name]),
         :ok <- Registry.running(),
         {:ok, repository} <- new(opts) do
      start_server(repository, server_options)
    end
  end

  defp start_server(repository, server_options) do
    GenServer.start_link(Server, repository, server_options)
  rescue
    error -> Fault.invalid(:name, server_options[:name], "registering it failed: #{Exception.message(error)}")
  end

  @doc "Adopts a native handle: one that was loaded from a file."
  def adopt(id, ref, config), do: handle(id, ref, config)

  @doc "What the native store is to keep to."
  def limits(%Config{} = config) do
    {config.max_modules, config.max_correlations, log_limits(config, config.event_log)}
  end

  defp log_limits(%{temporal_storage_enabled: false}, _bounds), do: {0, nil, nil, nil}

  defp log_limits(config, bounds) do
    spill = bounds[:spill] && {bounds[:spill], bounds[:spill_bytes] || @spill_bytes}
    {bounds[:bytes] || config.event_log_mb * 1024 * 1024, bounds[:events], bounds[:age_ms], spill}
  end

  def stop(%Repository{pid: nil, ref: ref}) when is_reference(ref), do: Core.Repository.close(ref)
  def stop(%Repository{pid: pid}) when is_pid(pid), do: stop(pid)

  def stop(other) do
    with {:ok, pid} <- Handle.whereis(other),
         # Whatever else the pid may be, it is not ours to stop.
         {:ok, _repository} <- Handle.repository(pid),
         # The registry learns of a death a moment after it.
         {true, _pid} <- {node(pid) != node() or Process.alive?(pid), pid} do
      GenServer.stop(pid)
    else
      {false, pid} -> Fault.not_found(:repository, pid, "it has stopped already")
      error -> error
    end
  catch
    # It ended meanwhile, which is what was asked for.
    :exit, _ -> :ok
  end

  defp handle(id, ref, config) do
    %Repository{
      repository_id: id,
      ref: ref,
      configuration: config,
      creation_timestamp: DateTime.utc_now(),
      version: Repository.schema_version()
    }
  end

  # Settings may come one by one, or as `config: %Config{}`.
  defp options(opts) when is_list(opts) do
    if Keyword.keyword?(opts) do
      with {:ok, config} <- Config.new(config_options(opts)),
           do: {:ok, Keyword.take(opts, @own_options), config}
    else
      Fault.invalid(:options, opts, "give a keyword list")
    end
  end

  defp options(other), do: Fault.invalid(:options, other, "give a keyword list")

  defp config_options(opts) do
    given = Keyword.drop(opts, @own_options)

    case Keyword.pop(given, :config) do
      {nil, given} -> given
      {%Config{} = config, given} -> (config |> Map.from_struct() |> Map.to_list()) ++ given
      {config, given} when is_list(config) -> config ++ given
      {_other, _given} -> [config: :not_a_config]
    end
  end

  defp id(nil), do: {:ok, "repo-" <> Base.encode16(<<:rand.uniform(0xFFFF_FFFF_FFFF)::48>>, case: :lower)}

  defp id(id) when is_binary(id) and id != "" and byte_size(id) <= @id_bytes_max do
    if String.valid?(id), do: {:ok, id}, else: bad_id(id)
  end

  defp id(other), do: bad_id(other)

  defp bad_id(id), do: Fault.invalid(:repository_id, id, "give text of at most #{@id_bytes_max} bytes")

  defp name(nil), do: {:ok, []}
  defp name(name) when is_atom(name) and name not in [true, false, :undefined], do: {:ok, [name: name]}
  defp name({:global, _} = name), do: {:ok, [name: name]}
  defp name({:via, module, _} = name) when is_atom(module), do: {:ok, [name: name]}

  defp name(other) do
    Fault.invalid(:name, other, "give an atom, {:global, term} or {:via, module, term}")
  end
end
