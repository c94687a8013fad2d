defmodule ElixirScope.Sources.ExUnit.Hook do
  @moduledoc false
  # What a test module calls before its callbacks, in the process that runs them. Nothing that goes wrong here reaches a
  # test.

  alias ElixirScope.Core
  alias ElixirScope.Sources.ExUnit.Owners

  @compile {:no_warn_undefined, ExUnit.Callbacks}

  @doc "The attribute of a module that has the hook."
  def attribute, do: :__elixir_scope_tests__

  defmacro __before_compile__(env) do
    if Module.defines?(env.module, {:__ex_unit__, 2}) do
      quote do
        defoverridable __ex_unit__: 2

        @doc false
        def __ex_unit__(kind, context) do
          unquote(__MODULE__).begin(kind, context)
          super(kind, context)
        end
      end
    end
  end

  @doc "The calling process runs a test, or a module's `setup_all`."
  def begin(kind, context) do
    with {_module, _name} = key <- key(kind, context) do
      number = Owners.number(key)
      group = Owners.number({elem(key, 0), :setup_all})
      Core.Work.begin(number, group)
      Owners.follow()
      # Callbacks run in the reverse order of their registration: this one is the last.
      ExUnit.Callbacks.on_exit({__MODULE__, number}, fn -> finish(number, group) end)
    end

    :ok
  rescue
    _ -> :ok
  catch
    _, _ -> :ok
  end

  # The process of the `on_exit` callbacks has done all its work by now, and it was for this test.
  defp finish(number, group) do
    Core.Work.begin(number, group)
    Core.Work.finish(number)
    :ok
  end

  defp key(:setup, %{module: module, test: test}), do: {module, test}
  defp key(:setup_all, %{module: module}), do: {module, :setup_all}
  defp key(_kind, _context), do: nil
end
