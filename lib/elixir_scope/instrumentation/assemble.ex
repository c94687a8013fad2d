defmodule ElixirScope.Instrumentation.Assemble do
  @moduledoc false
  # Abstract code becomes a binary again, the way its own compiler did it, and takes over what the original binary
  # carried besides code: debug information, documentation, attributes, compile information.

  alias ElixirScope.Error
  alias ElixirScope.Instrumentation.{Carrier, Inlined}

  # What the compiler writes about code stays new; all other chunks are the original's.
  @code_chunks [
    ~c"AtU8",
    ~c"Atom",
    ~c"Code",
    ~c"StrT",
    ~c"ImpT",
    ~c"ExpT",
    ~c"FunT",
    ~c"LitT",
    ~c"LocT",
    ~c"Line",
    ~c"Type",
    ~c"Meta"
  ]

  @doc """
  Compiles `beam.forms`. The build is noted in the compile information, as `elixir_scope: build`, where loaded
  code can be asked for it; `carried` goes along in a chunk.
  """
  def compile(beam, carried) do
    case compile_forms(beam) do
      {:ok, _module, binary, _warnings} when is_binary(binary) -> {:ok, chunks(binary, beam, carried)}
      other -> {:error, failed(beam.module, other)}
    end
  end

  defp compile_forms(beam) do
    with {:ok, core, options} <- core(beam) do
      {core, options} = Inlined.finish(core, beam, options)
      :compile.noenv_forms(core, [:from_core, :no_core_prepare, :return | options])
    end
  end

  # The shortest path from forms to Core is the one that Elixir itself takes, without the lint.
  defp core(%{language: :elixir} = beam) do
    options = [:no_spawn_compiler_process, :no_auto_import, {:source, beam.source} | beam.options]
    with {:ok, core, _warnings} <- :v3_core.module(beam.forms, options), do: {:ok, core, options}
  end

  # Erlang's has records to expand first.
  defp core(%{language: :erlang} = beam) do
    source = if beam.source, do: [{:source, beam.source}], else: []
    options = [:no_spawn_compiler_process | source] ++ beam.options

    with {:ok, _module, core, _warnings} <- :compile.noenv_forms(beam.forms, [:to_core0, :return | options]),
         do: {:ok, core, options}
  end

  defp chunks(binary, beam, carried) do
    {:ok, _, new} = :beam_lib.all_chunks(binary)
    code = Enum.filter(new, fn {id, _} -> id in @code_chunks end)
    others = Enum.reject(beam.chunks, fn {id, _} -> id in @code_chunks or id == Carrier.id() end)
    others = if others == [], do: new -- code, else: others
    noted = Enum.map(others, &note(&1, carried.build))
    {:ok, binary} = :beam_lib.build_module(code ++ noted ++ [Carrier.chunk(carried)])
    binary
  end

  defp note({~c"CInf", information}, build) do
    information = :erlang.binary_to_term(information)
    {~c"CInf", :erlang.term_to_binary(Keyword.put(information, :elixir_scope, build))}
  end

  defp note(chunk, _build), do: chunk

  @doc "The error for code that does not compile."
  def failed(module, result) do
    %Error{
      reason: :compilation_failed,
      message: "the instrumented code of #{inspect(module)} does not compile",
      hint:
        "This is a defect of ElixirScope. Leave the module out (except: [#{inspect(module)}]) and report it.",
      details: %{module: module, result: result}
    }
  end
end
