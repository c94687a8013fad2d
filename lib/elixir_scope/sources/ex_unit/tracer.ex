defmodule ElixirScope.Sources.ExUnit.Tracer do
  @moduledoc false
  # Puts our hook behind ExUnit's own callbacks in every module that uses `ExUnit.Case`, while it is compiled. The bodies of
  # functions are expanded when the rest of the module has been evaluated up to them: at the first event from one, ExUnit has
  # registered its own hook, and ours comes after it.

  alias ElixirScope.Sources.ExUnit.{Hook, Owners, Spawns}

  @doc "Traces what is compiled from here on."
  def install do
    tracers = Code.get_compiler_option(:tracers)
    if __MODULE__ not in tracers, do: Code.put_compiler_option(:tracers, [__MODULE__ | tracers])
    :ok
  end

  @doc "No more."
  def remove do
    Code.put_compiler_option(:tracers, Code.get_compiler_option(:tracers) -- [__MODULE__])
    :ok
  end

  @doc false
  def trace(event, env)

  def trace({kind, _, module, _, _}, %{module: from} = env)
      when kind in [:remote_macro, :imported_macro] and from != nil,
      do: need(env, module, :compile)

  def trace({kind, _, module, _}, %{module: from} = env)
      when kind in [:struct_expansion, :import] and from != nil,
      do: need(env, module, :export)

  def trace({:remote_function, _, module, name, _}, %{module: from} = env)
      when module in [:erlang, :dbg] and from != nil do
    if Spawns.tool?(module, name), do: Owners.stand_aside()
    if env.function, do: hook_once(from), else: :ok
  end

  # In the body of the module: it is called while that is compiled.
  def trace({kind, _, module, _, _}, %{module: from, function: nil} = env)
      when kind in [:remote_function, :imported_function] and from != nil,
      do: need(env, module, :compile)

  def trace(_event, %{module: module, function: {_name, _arity}}) when module != nil do
    hook_once(module)
  end

  def trace(_event, _env), do: :ok

  # What test modules need at compile time is known from here only: they are compiled in memory.
  defp need(%{module: from} = env, module, kind) do
    Owners.need(from, module, kind)
    if env.function, do: hook_once(from), else: :ok
  end

  defp hook_once(module), do: if(Process.get(__MODULE__) == module, do: :ok, else: hook(module))

  defp hook(module) do
    if Module.open?(module) and Module.has_attribute?(module, :ex_unit_tests) do
      unless Module.has_attribute?(module, Hook.attribute()) do
        Module.put_attribute(module, Hook.attribute(), true)
        Module.put_attribute(module, :before_compile, Hook)
      end

      Process.put(__MODULE__, module)
    end

    :ok
  end
end
