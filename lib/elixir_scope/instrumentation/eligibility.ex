defmodule ElixirScope.Instrumentation.Eligibility do
  @moduledoc false
  # Which modules are left alone, and why. Each reason is an atom to match on and a sentence to read.

  alias ElixirScope.Error

  @reasons %{
    elixir_scope: "it belongs to ElixirScope, which does not observe itself",
    runtime: "instrumented code and the virtual machine need it at all times",
    on_load: "it has an @on_load function (usually a NIF), which must not run a second time",
    nif: "it loads a NIF, whose functions replace its own",
    parse_transform: "it is compiled with a parse transform",
    inline_all: "it is compiled with :inline, so its functions do not exist one by one",
    protocol: "it is a protocol that Mix consolidates later; its implementations are instrumented",
    sticky: "it belongs to Erlang/OTP's kernel, stdlib or compiler (a sticky directory)",
    preloaded: "it is built into the virtual machine",
    cover_compiled: "it is cover-compiled at the moment",
    not_elixir: "it is no Elixir module"
  }

  @runtime [:erlang, :init, :erl_prim_loader, :prim_file, :erts_internal, :error_handler]

  def explain(reason), do: Map.fetch!(@reasons, reason)

  @doc "By name alone: `:ok` or the reason against it."
  def by_name(module) when module in @runtime, do: {:skip, :runtime}

  def by_name(module) do
    case Atom.to_string(module) do
      "Elixir.ElixirScope" -> {:skip, :elixir_scope}
      "Elixir.ElixirScope." <> _ -> {:skip, own(module)}
      "Elixir.Mix.Tasks.Compile.ElixirScope" -> {:skip, :elixir_scope}
      "Elixir.Mix.Tasks.ElixirScope" <> _ -> {:skip, :elixir_scope}
      _ -> :ok
    end
    |> case do
      {:skip, nil} -> :ok
      other -> other
    end
  end

  # Our own tests, and projects that happen to be named so, may define modules under the same name.
  defp own(module) do
    case :application.get_key(:elixir_scope, :modules) do
      {:ok, modules} -> if module in modules, do: :elixir_scope
      _ -> :elixir_scope
    end
  end

  @doc "By what the module's beam says."
  def by_beam(beam) do
    cond do
      Keyword.has_key?(beam.attributes, :on_load) -> {:skip, :on_load}
      Enum.any?(beam.forms, &match?({:attribute, _, :on_load, _}, &1)) -> {:skip, :on_load}
      loads_nif?(beam.chunks) -> {:skip, :nif}
      :inline in beam.options -> {:skip, :inline_all}
      List.keymember?(parse_transforms(beam), :parse_transform, 0) -> {:skip, :parse_transform}
      true -> :ok
    end
  end

  defp parse_transforms(%{language: :elixir, options: options}),
    do: Enum.filter(options, &is_tuple/1)

  defp parse_transforms(_), do: []

  defp loads_nif?([]), do: false

  defp loads_nif?(chunks) do
    {:ok, binary} = :beam_lib.build_module(chunks)
    {:ok, {_, imports: imports}} = :beam_lib.chunks(binary, [:imports])
    {:erlang, :load_nif, 2} in imports
  end

  @doc "The error that says so."
  def error(module, reason) do
    {:error,
     %Error{
       reason: :not_instrumentable,
       message: "#{inspect(module)} is not instrumented: #{explain(reason)}",
       details: %{module: module, why: reason}
     }}
  end
end
