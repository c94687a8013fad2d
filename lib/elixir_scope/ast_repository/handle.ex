defmodule ElixirScope.ASTRepository.Handle do
  @moduledoc false
  # From what a caller holds (a pid, a registered name, a `%Repository{}`) to the native handle, without a message.

  alias ElixirScope.ASTRepository.{Config, Fault, Registry, Repository}
  alias ElixirScope.Error

  @doc "The native handle."
  @spec ref(term()) :: {:ok, reference()} | {:error, Error.t()}
  def ref(%Repository{ref: ref}) when is_reference(ref), do: {:ok, ref}

  def ref(pid) when is_pid(pid) do
    case Registry.ref(pid) do
      {:ok, ref} -> {:ok, ref}
      :error -> no_repository(pid)
    end
  end

  def ref(other) do
    with {:ok, pid} <- whereis(other), do: ref(pid)
  end

  @doc "The whole handle."
  @spec repository(term()) :: {:ok, Repository.t()} | {:error, Error.t()}
  def repository(%Repository{ref: ref, configuration: %Config{}} = repository) when is_reference(ref),
    do: {:ok, repository}

  def repository(pid) when is_pid(pid) do
    case Registry.repository(pid) do
      {:ok, repository} -> {:ok, repository}
      :error -> no_repository(pid)
    end
  end

  def repository(other) do
    with {:ok, pid} <- whereis(other), do: repository(pid)
  end

  @doc "The process behind a pid or name; not every repository has one."
  @spec whereis(term()) :: {:ok, pid()} | {:error, Error.t()}
  def whereis(pid) when is_pid(pid), do: {:ok, pid}

  def whereis(name)
      when (is_atom(name) and name not in [nil, true, false, :undefined]) or
             (is_tuple(name) and tuple_size(name) in 2..3 and elem(name, 0) in [:global, :via]) do
    case lookup(name) do
      pid when is_pid(pid) -> {:ok, pid}
      _ -> no_repository(name)
    end
  end

  def whereis(other) do
    Fault.invalid(
      :repository,
      other,
      "give what ElixirScope.ASTRepository.new/1 or start_link/1 gave, its pid, or its registered name"
    )
  end

  # A :via module is the caller's; what it raises is an answer too.
  defp lookup(name) do
    GenServer.whereis(name)
  rescue
    _ -> nil
  catch
    _, _ -> nil
  end

  defp no_repository(who) do
    Fault.not_found(
      :repository,
      who,
      "it is not running on this node; start one with ElixirScope.ASTRepository.start_link/1"
    )
  end
end
