defmodule ElixirScope.Instrumentation.Custom do
  @moduledoc false
  # Code of the user's own, for a point of kind `:custom`: a helper module with one function, whose parameters are the
  # variables that the code reads. The probe calls it with what these are at the point.

  alias ElixirScope.{Core, Error}
  alias ElixirScope.Instrumentation.Condition

  defstruct [:module, :binary, :names, :free]

  @type t :: %__MODULE__{module: module(), binary: binary(), names: [atom()], free: [atom()]}

  @doc "The helper module of an entry; nil when it has none."
  def compile(%{custom: nil}, _module), do: {:ok, nil}

  def compile(%{custom: quoted}, module) do
    names = Condition.names(quoted)
    name = name(quoted, module)
    parameters = for name <- names, do: {name, [generated: true], nil}
    body = quote(do: def(run(unquote_splicing(parameters)), do: unquote(Condition.plain(quoted))))

    with {:ok, binary} <- Condition.compile_module(name, body, :keep),
         {_, arguments, _, code} = Condition.clause_of(binary, :run, length(names)) do
      {:ok, %__MODULE__{module: name, binary: binary, names: names, free: free(arguments, code)}}
    else
      {:error, message} -> {:error, invalid(quoted, message)}
    end
  end

  @doc "The name of the helper module of code at a module's points."
  def name(quoted, module),
    do: Module.concat(ElixirScope.CustomCode, "C#{:erlang.phash2({quoted, module}, 4_294_967_296)}")

  # Names that the code reads before it binds them itself: these must be visible at the point.
  defp free(arguments, code) do
    used = versions(code, MapSet.new())
    for {name, meta, _} <- arguments, meta[:version] in used, do: name
  end

  defp versions({name, meta, context}, used) when is_atom(name) and is_atom(context) and is_list(meta),
    do: MapSet.put(used, meta[:version])

  defp versions(tuple, used) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> versions(used)
  defp versions([head | tail], used), do: versions(tail, versions(head, used))
  defp versions(_, used), do: used

  defp shown(quoted), do: quoted |> Macro.to_string() |> Core.Values.redact_text() |> String.slice(0, 80)

  defp invalid(quoted, message) do
    %Error{
      reason: :invalid_custom_code,
      message: "the custom code #{shown(quoted)} does not compile: #{message}",
      hint:
        "It is compiled as the body of a function whose parameters are the variables visible at the point."
    }
  end
end
