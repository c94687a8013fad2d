defmodule ElixirScope.Instrumentation.Assemble do
  @moduledoc false
  # Abstract code becomes a binary again, the way its own compiler did it, and takes over what the original binary
  # carried besides code: debug information, documentation, attributes, compile information.

  alias ElixirScope.Error
  alias ElixirScope.Instrumentation.Carrier

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

  # The shortest path from forms to code is the one that Elixir itself takes: straight to Core, without the lint.
  defp compile_forms(%{language: :elixir, forms: forms} = beam) do
    options = [{:source, beam.source} | beam.options]

    with {:ok, core, _warnings} <- :v3_core.module(forms, options) do
      :compile.noenv_forms(
        core,
        [:no_spawn_compiler_process, :from_core, :no_core_prepare, :no_auto_import, :return] ++
          options
      )
    end
  end

  defp compile_forms(%{language: :erlang, forms: forms} = beam) do
    source = if beam.source, do: [{:source, beam.source}], else: []
    :compile.noenv_forms(forms, [:no_spawn_compiler_process, :return] ++ source ++ beam.options)
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
