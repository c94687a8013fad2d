defmodule ElixirScope.AST.Transformer.Hook do
  @moduledoc false
  # Runs after the compilation of a module that `ElixirScope.AST.Transformer` has prepared.

  alias ElixirScope.Instrumentation
  alias ElixirScope.Instrumentation.{Eligibility, Loader}

  @attribute :__elixir_scope__

  @doc "The module attribute with the options of the instrumentation, where there are any."
  def attribute, do: @attribute

  @doc "The `@after_compile` callback."
  def instrument(env, binary) do
    options = Module.get_attribute(env.module, @attribute) || []

    with {:ok, instrumented} <- Instrumentation.instrument_binary(binary, options),
         {:ok, _} <- Loader.load_instrumented(env.module, instrumented.binary, file(env.module)) do
      :ok
    else
      {:error, error} -> warn(Exception.message(error), env)
      {:skip, reason} -> warn("#{inspect(env.module)}: " <> Eligibility.explain(reason), env)
    end
  end

  defp file(module) do
    case :code.which(module) do
      file when is_list(file) -> file
      _ -> ~c""
    end
  end

  defp warn(message, env), do: IO.warn(message, Macro.Env.stacktrace(env))
end
