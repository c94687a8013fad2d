defmodule ElixirScope.Sources.ExUnit.Tracer do
  @moduledoc false
  # Puts our hook behind ExUnit's own callbacks in every module that uses `ExUnit.Case`, while it is compiled. The bodies of
  # functions are expanded when the rest of the module has been evaluated up to them: at the first event from one, ExUnit has
  # registered its own hook, and ours comes after it.

  alias ElixirScope.Sources.ExUnit.Hook

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
  def trace(_event, %{module: module, function: {_name, _arity}}) when module != nil do
    if Process.get(__MODULE__) == module, do: :ok, else: hook(module)
  end

  def trace(_event, _env), do: :ok

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
