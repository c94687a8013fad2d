defmodule ElixirScope.Capture.Limited do
  @moduledoc false
  # Instrumenting with limits: the gates are set before the code with probes is, so that nothing runs without them.

  alias ElixirScope.Capture.{GateOptions, Gates, Leases}
  alias ElixirScope.ASTRepository.InstrumentationMapper.Targets
  alias ElixirScope.{Core, Instrumentation}
  alias ElixirScope.Instrumentation.{Live, Selection}

  @doc "As `ElixirScope.instrument/2`, with the options of `ElixirScope.Capture.configure/2` too."
  def instrument(selection, options) do
    with {:ok, options} <- resolved(options) do
      case GateOptions.split(options) do
        {[], options} -> Live.instrument(selection, options)
        {limits, options} -> limited(selection, limits, options)
      end
    end
  end

  # Only a repository knows where nodes and patterns are.
  defp resolved(options) do
    case Keyword.pop(options, :repository) do
      {nil, options} ->
        {:ok, options}

      {repository, options} ->
        with {:ok, points} <- Targets.of_points(Keyword.get(options, :points, []), repository),
             do: {:ok, Keyword.put(options, :points, points)}
    end
  end

  defp limited(selection, limits, options) do
    with {:ok, _} <- GateOptions.validate(limits, :function),
         {:ok, modules} <- modules(selection, options),
         {:ok, _points} <- Gates.configure(modules, limits) do
      case Live.instrument(selection, options) do
        {:ok, result} ->
          done = result.modules ++ result.unchanged
          clear(modules -- done)
          with :ok <- lease(done, limits), do: {:ok, result}

        error ->
          clear(modules)
          error
      end
    end
  end

  defp modules(selection, options) do
    with {:ok, parts} <- Selection.validate(selection),
         {:ok, except} <- Selection.validate(Keyword.get(options, :except, [])) do
      {:ok, Selection.resolve(parts) -- Selection.resolve(except)}
    end
  end

  @doc "What was instrumented with a limit of time or hits removes itself when it is over."
  def lease(modules, limits) do
    if limits[:for] || limits[:hits],
      do: Leases.add(modules, limits[:for], limits[:hits] != nil),
      else: :ok
  end

  defp clear(modules), do: Enum.each(modules, &Core.Gates.clear/1)

  @doc "As `ElixirScope.uninstrument/1`; the gates of what is restored go too."
  def uninstrument(selection) do
    with {:ok, result} <- Live.uninstrument(selection) do
      clear(result.modules)
      Leases.drop(result.modules)
      {:ok, result}
    end
  end

  @doc false
  def option_names, do: GateOptions.names() ++ Instrumentation.Plan.option_keys()
end
