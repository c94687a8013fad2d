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
    if ours?(Atom.to_string(module)) and shipped?(module), do: {:skip, :elixir_scope}, else: :ok
  end

  defp ours?("Elixir.ElixirScope"), do: true
  defp ours?("Elixir.ElixirScope." <> _), do: true
  defp ours?("Elixir.Mix.Tasks.ElixirScope" <> _), do: true
  defp ours?("Elixir.Mix.Tasks.Compile.ElixirScope"), do: true
  defp ours?("Elixir.Mix.ElixirScope" <> _), do: true
  defp ours?(_), do: false

  # Modules of others (and of tests) may stand under the same name.
  defp shipped?(module) do
    _ = Application.load(:elixir_scope)

    case :application.get_key(:elixir_scope, :modules) do
      {:ok, modules} -> module in modules
      :undefined -> true
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
