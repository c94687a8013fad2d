defmodule ElixirScope.AST.Transformer do
  @moduledoc """
  Instrumentation for quoted code: quoted in, quoted out, to be evaluated or compiled as usual.

      alias ElixirScope.AST

      {module, _} =
        "cart.ex"
        |> File.read!()
        |> Code.string_to_quoted!(columns: true)
        |> AST.Transformer.transform_with_instrumentation(%{correlation_enabled: true})
        |> Code.eval_quoted()

  The code itself is not rewritten. Each `defmodule` gets a hook that runs after the module was compiled, instruments
  what the compiler made of it (`ElixirScope.Instrumentation`), and loads that. So functions, clauses and nodes have the
  ids that they have without it, and code that `use` or other macros bring is instrumented too.
  """

  alias ElixirScope.AST.Transformer.Hook
  alias ElixirScope.{Error, Instrumentation, Suggest}
  alias ElixirScope.Instrumentation.Plan

  @options [:correlation_enabled, :capture_variables, :probe, :capture, :points, :plan]

  @doc """
  Makes every module in `quoted` instrument itself when it is compiled.

  When `quoted` is, or ends with, a module under a plain name, the result evaluates to that module's name, so that
  `{module, _binding} = Code.eval_quoted(transformed)`.

  Options, a map or a keyword list:

    * `:correlation_enabled` - default `true`; `false` gives `quoted` back as it is
    * `:probe` - the module to report to, default `ElixirScope.Probe`
    * `:capture_variables` - `true` to record arguments, results and every variable that is bound
    * `:capture`, `:points`, `:plan` - what else to record, see `ElixirScope.Instrumentation.Plan`

  Raises `ElixirScope.Error` for other options. A module that cannot be instrumented (see
  `ElixirScope.Instrumentation.instrument_binary/2`) is compiled as it is, with a warning.
  """
  @spec transform_with_instrumentation(Macro.t(), map() | keyword()) :: Macro.t()
  def transform_with_instrumentation(quoted, options \\ []) do
    options = validate(options)

    if Keyword.get(options, :correlation_enabled, true),
      do: quoted |> hook(shaping(options)) |> name_last(),
      else: quoted
  end

  @variables [:args, :result, :parameters, :variables]

  defp shaping(options) do
    options =
      if options[:capture_variables],
        do: Keyword.update(options, :capture, @variables, &(List.wrap(&1) ++ @variables)),
        else: options

    case Plan.new(options) do
      {:ok, _} -> Instrumentation.shaping(options)
      {:error, error} -> raise error
    end
  end

  defp validate(options) when is_map(options) and not is_struct(options),
    do: options |> Map.to_list() |> validate()

  defp validate(options) do
    unless Keyword.keyword?(options), do: raise(invalid("options are a map or a keyword list"))

    for {key, _} <- options, key not in @options do
      raise %{invalid("unknown option #{inspect(key)}") | hint: Suggest.hint(key, @options)}
    end

    for key <- [:correlation_enabled, :capture_variables], not is_boolean(Keyword.get(options, key, true)) do
      raise invalid("#{inspect(key)} is true or false")
    end

    options
  end

  defp invalid(message), do: %Error{reason: :invalid_argument, message: message}

  defp hook(quoted, options) do
    Macro.prewalk(quoted, fn
      {:defmodule, meta, [name, [{:do, body} | rest]]} ->
        {:defmodule, meta, [name, [{:do, with_hook(body, options)} | rest]]}

      other ->
        other
    end)
  end

  # Through Module.put_attribute/3 and not `@`, which the module may have excluded from its imports.
  defp with_hook(body, options) do
    put = fn key, value ->
      {{:., [], [{:__aliases__, [alias: false], [:Module]}, :put_attribute]}, [],
       [{:__MODULE__, [], nil}, key, value]}
    end

    expressions =
      case body do
        {:__block__, _, expressions} -> expressions
        single -> [single]
      end

    # Escaped: a plan has quoted code in it.
    shape = if options == [], do: [], else: [put.(Hook.attribute(), Macro.escape(options))]
    # The hook reads the debug information, which test files are compiled without from Elixir 1.15 on.
    hook = [put.(:compile, {:debug_info, true}), put.(:after_compile, {Hook, :instrument})]
    {:__block__, [], hook ++ shape ++ expressions}
  end

  defp name_last({:__block__, meta, [_ | _] = expressions} = block) do
    case name(List.last(expressions)) do
      {:ok, name} -> {:__block__, meta, expressions ++ [name]}
      :error -> block
    end
  end

  defp name_last(single) do
    case name(single) do
      {:ok, name} -> {:__block__, [], [single, name]}
      :error -> single
    end
  end

  defp name({:defmodule, _, [{:__aliases__, _, _} = name, _]}), do: {:ok, name}
  defp name({:defmodule, _, [name, _]}) when is_atom(name), do: {:ok, name}
  defp name(_), do: :error
end
