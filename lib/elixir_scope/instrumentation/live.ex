defmodule ElixirScope.Instrumentation.Live do
  @moduledoc false
  # Instruments and restores modules of the running VM.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.{Error, Instrumentation}
  alias ElixirScope.Instrumentation.{Eligibility, Loader, Plan, Result, Selection}

  def instrument(selection, options) do
    with {:ok, _plan} <- Plan.new(options),
         {:ok, parts} <- Selection.validate(selection),
         {:ok, except} <- Selection.validate(Keyword.get(options, :except, [])),
         [_ | _] = modules <- Selection.resolve(parts) -- Selection.resolve(except) do
      prepared = prepare(modules, Instrumentation.shaping(options))

      prepared
      |> Enum.map(fn {module, prepared} -> {module, apply_one(module, prepared)} end)
      |> result(fn -> nothing(selection) end)
      |> with_plan(prepared)
    else
      [] -> {:error, nothing(selection)}
      error -> error
    end
  end

  # Compiling is most of the work and touches nothing; loading is done afterwards, by one process.
  defp prepare(modules, options) do
    modules
    |> Task.async_stream(&{&1, prepare_one(&1, options)}, timeout: :infinity, ordered: true)
    |> Enum.map(fn {:ok, prepared} -> prepared end)
  end

  defp prepare_one(module, options) do
    Instrumentation.roomy()

    with :ok <- Eligibility.by_name(module),
         {:ok, beam, file} <- Loader.original(module),
         {:ok, build} <- Instrumentation.build(beam, options) do
      # What is loaded already is only made again to tell where a plan's points are.
      if Loader.loaded_build(module) == build and not planned?(options),
        do: :unchanged,
        else: instrument_one(beam, file, options)
    end
  end

  defp planned?(options) do
    {:ok, plan} = Plan.new(options)
    plan.entries != [] or plan.modules != %{}
  end

  defp instrument_one(beam, file, options) do
    with {:ok, instrumented} <- Instrumentation.instrument_binary(beam, options),
         do: {:ok, instrumented, file}
  end

  defp with_plan({:ok, result}, prepared) do
    told = for {module, {:ok, instrumented, _}} <- prepared, do: {module, instrumented}
    {:ok, Result.with_plan(result, told)}
  end

  defp with_plan(error, _prepared), do: error

  defp apply_one(module, {:ok, instrumented, file}),
    do: Loader.load_instrumented(module, instrumented.binary, file)

  defp apply_one(_module, :unchanged), do: {:ok, :unchanged}
  defp apply_one(_module, other), do: other

  def uninstrument(selection) do
    with {:ok, parts} <- if(selection == :all, do: {:ok, :all}, else: Selection.validate(selection)) do
      instrumented = Loader.instrumented()
      modules = if parts == :all, do: instrumented, else: Selection.resolve(parts)

      modules
      |> Enum.map(fn module -> {module, restore(module, module in instrumented)} end)
      |> result(fn -> %Error{reason: :not_found, message: "nothing was restored"} end)
    end
  end

  defp restore(_module, false), do: {:ok, :unchanged}

  defp restore(module, true) do
    with {:ok, beam, file} <- Loader.original(module), do: Loader.load(module, beam, file)
  end

  defp result(outcomes, otherwise) do
    result = Result.new(outcomes)

    case result do
      %Result{modules: [], unchanged: [], skipped: [{_, error}]} -> {:error, error}
      %Result{modules: [], unchanged: [], skipped: [_ | _] = all} -> {:error, none_of(all, otherwise.())}
      _ -> {:ok, result}
    end
  end

  defp none_of(skipped, error) do
    %{error | message: error.message <> ": none of #{length(skipped)} modules", details: %{skipped: skipped}}
  end

  defp nothing(selection) do
    %Error{
      reason: :not_found,
      message: "#{Fault.show(selection)} means no module that could be instrumented",
      hint: "Patterns look at loaded modules and at the modules of loaded applications."
    }
  end
end
