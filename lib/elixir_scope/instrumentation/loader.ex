defmodule ElixirScope.Instrumentation.Loader do
  @moduledoc false
  # Puts binaries into the running VM, gently: no process is ever killed, and a module is either replaced or as it was.

  alias ElixirScope.Error
  alias ElixirScope.Instrumentation.{Carrier, Registration}

  @doc "The build of the instrumented code that is loaded under this name; nil when none is."
  def loaded_build(module) do
    if :erlang.module_loaded(module), do: module.module_info(:compile)[:elixir_scope]
  end

  @doc "Loaded modules that are instrumented, sorted."
  def instrumented do
    for({module, _} <- :code.all_loaded(), loaded_build(module), do: module) |> Enum.sort()
  end

  @doc "Loads an instrumented binary in the place of the module that came from `file`."
  def load_instrumented(module, binary, file) do
    with {:ok, carried} <- Carrier.read(binary),
         :ok <- ready(),
         :ok <- load_helpers(carried),
         :ok <- Registration.register(module, carried.build, carried.points) do
      if loaded_build(module) == carried.build, do: {:ok, :unchanged}, else: load(module, binary, file)
    end
  end

  @doc false
  # The user's own code that goes with an instrumented binary. The same code has the same name, and what is there is not replaced.
  def load_helpers(carried) do
    for {helper, binary} <- Map.get(carried, :helpers, []), not :erlang.module_loaded(helper) do
      {:module, ^helper} = :code.load_binary(helper, ~c"custom", binary)
    end

    :ok
  end

  # The probes and their library must be there before the first module that could be needed to load them is replaced.
  # Token 0 belongs to nothing, so this call does nothing else.
  defp ready do
    _ = ElixirScope.Probe.tail(0, 0)
    :ok
  end

  def load(module, binary, file) do
    with :ok <- replaceable(module),
         :ok <- purged(module),
         do: replace(module, binary, file)
  end

  @doc "Whether code of this name may be replaced at all."
  def replaceable(module) do
    cond do
      :code.is_sticky(module) -> {:skip, :sticky}
      :code.which(module) == :preloaded -> {:skip, :preloaded}
      :code.which(module) == :cover_compiled -> {:skip, :cover_compiled}
      true -> :ok
    end
  end

  @doc "Makes room for new code: old code that nobody runs goes."
  def purged(module), do: if(:code.soft_purge(module), do: :ok, else: {:error, old_code(module)})

  defp replace(module, binary, file) do
    case :code.load_binary(module, file, binary) do
      {:module, ^module} ->
        # What was current is old now. If nobody runs it, let it go: the next change then finds nothing in its way.
        _ = :code.soft_purge(module)
        {:ok, :loaded}

      {:error, reason} ->
        {:error,
         %Error{
           reason: :load_failed,
           message: "the virtual machine refuses the code of #{inspect(module)}: #{inspect(reason)}",
           details: %{module: module, why: reason}
         }}
    end
  end

  defp old_code(module) do
    users = for pid <- Process.list(), :erlang.check_process_code(pid, module) == true, do: pid

    %Error{
      reason: :old_code_in_use,
      message:
        "#{inspect(module)} cannot be replaced: #{length(users)} process(es) still run a version of it from " <>
          "before the last change",
      hint:
        "They let go of it at their next call of #{inspect(module)} through its name. Stop them, or try again later.",
      details: %{module: module, processes: users}
    }
  end

  @doc "The binary of a module as its author compiled it, and the file it is in."
  def original(module) do
    case :code.get_object_code(module) do
      {^module, binary, file} ->
        if Carrier.instrumented?(binary), do: behind(module, file), else: {:ok, binary, file}

      :error ->
        {:error, no_object_code(module)}
    end
  end

  # An ebin with instrumented code is in front: the next one on the path has the original.
  defp behind(module, _file) do
    name = Atom.to_charlist(module) ++ ~c".beam"

    Enum.find_value(:code.get_path(), {:error, no_object_code(module)}, fn dir ->
      file = :filename.join(dir, name)

      with {:ok, binary, _} <- :erl_prim_loader.get_file(file),
           false <- Carrier.instrumented?(binary) do
        {:ok, binary, file}
      else
        _ -> nil
      end
    end)
  end

  defp no_object_code(module) do
    %Error{
      reason: :no_object_code,
      message: "no .beam file of #{inspect(module)} is on the code path",
      hint:
        "Code that was only evaluated (in IEx, with Code.eval_*) has no file. " <>
          "Check the name, or use ElixirScope.AST.Transformer for quoted code.",
      details: %{module: module}
    }
  end
end
