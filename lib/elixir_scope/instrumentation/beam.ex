defmodule ElixirScope.Instrumentation.Beam do
  @moduledoc false
  # What a compiled module says about itself, read from its chunks and brought to one form: Erlang's
  # abstract code. Elixir's own backend does the translation, so every construct arrives here exactly as
  # this Elixir version compiles it (a `with`, a `cond`, a struct update are plain `case`s by then).

  alias ElixirScope.Error
  alias ElixirScope.Instrumentation.Columns

  defstruct [
    :module,
    :language,
    :forms,
    :options,
    :source,
    :digest,
    positions: %{},
    inline: [],
    copies: %{},
    chunks: [],
    attributes: [],
    protocol?: false,
    woven: nil
  ]

  @type t :: %__MODULE__{
          module: module(),
          language: :elixir | :erlang,
          forms: [tuple()],
          options: [term()],
          source: charlist() | nil,
          digest: binary(),
          positions: %{{atom(), arity()} => [{non_neg_integer(), pos_integer() | nil}]},
          inline: [{atom(), arity()}],
          copies: %{{atom(), arity()} => {atom(), arity()}},
          chunks: [{charlist(), binary()}],
          attributes: keyword(),
          protocol?: boolean(),
          woven: term()
        }

  @doc """
  Reads a beam binary, or takes Erlang abstract forms as they are. `weave` is a function from the debug information
  of an Elixir module to the same with something put in, and whatever is to be remembered of that.
  """
  @spec read(binary() | [tuple()], nil | (map() -> {map(), term()})) :: {:ok, t()} | {:error, Error.t()}
  def read(beam, weave \\ nil)

  def read(beam, weave) when is_binary(beam) do
    with {:ok, module, chunks} <- chunks(beam),
         {:ok, backend, data} <- debug_info(module, chunks) do
      {data, woven} = woven(data, weave)

      translated(backend, data, %__MODULE__{
        woven: woven,
        module: module,
        chunks: chunks,
        digest: digest(beam, chunks),
        attributes: term_chunk(chunks, ~c"Attr"),
        source: term_chunk(chunks, ~c"CInf")[:source],
        options: term_chunk(chunks, ~c"CInf")[:options] || []
      })
    end
  end

  def read([form | _] = forms, _weave) when is_tuple(form) do
    case List.keyfind(forms, :module, 2) do
      {:attribute, _, :module, module} ->
        attributes = for {:attribute, _, key, value} <- forms, do: {key, List.wrap(value)}
        digest = :erlang.md5(:erlang.term_to_binary(forms))

        {:ok, erlang(%__MODULE__{module: module, digest: digest, attributes: attributes}, forms, [])}

      _ ->
        invalid()
    end
  end

  def read(_, _weave), do: invalid()

  defp woven({:elixir_v1, %{definitions: _, attributes: _} = map, specs}, weave) when weave != nil do
    {map, woven} = weave.(map)
    {{:elixir_v1, map, specs}, woven}
  end

  defp woven(data, _weave), do: {data, nil}

  defp invalid do
    {:error,
     %Error{
       reason: :invalid_argument,
       message: "expected the binary of a .beam file or a list of Erlang abstract forms"
     }}
  end

  @doc "The name of the module in a binary, or in abstract forms."
  @spec module(binary() | [tuple()]) :: {:ok, module()} | {:error, Error.t()}
  def module(beam) when is_binary(beam) do
    with {:ok, module, _chunks} <- chunks(beam), do: {:ok, module}
  end

  def module([form | _] = forms) when is_tuple(form) do
    case List.keyfind(forms, :module, 2) do
      {:attribute, _, :module, module} -> {:ok, module}
      _ -> invalid()
    end
  end

  def module(_), do: invalid()

  @doc "Name and digest of a compiled module with debug information, without reading on."
  @spec identify(binary()) :: {:ok, module(), binary()} | {:error, Error.t()}
  def identify(beam) do
    with {:ok, module, chunks} <- chunks(beam) do
      if List.keymember?(chunks, ~c"Dbgi", 0),
        do: {:ok, module, digest(beam, chunks)},
        else: {:error, no_debug_info(module)}
    end
  end

  @doc "The persisted attributes of a compiled module."
  @spec attributes(binary()) :: {:ok, keyword()} | {:error, Error.t()}
  def attributes(beam) do
    with {:ok, _module, chunks} <- chunks(beam), do: {:ok, term_chunk(chunks, ~c"Attr")}
  end

  defp chunks(beam) do
    case :beam_lib.all_chunks(beam) do
      {:ok, module, chunks} ->
        {:ok, module, chunks}

      {:error, :beam_lib, reason} ->
        {:error,
         %Error{
           reason: :not_a_beam,
           message: "this is not a compiled module",
           hint: "Give the content of a .beam file, as File.read!/1 or :code.get_object_code/1 return it.",
           details: %{reason: reason}
         }}
    end
  end

  defp debug_info(module, chunks) do
    with {_, binary} <- List.keyfind(chunks, ~c"Dbgi", 0),
         {:debug_info_v1, backend, data} when data not in [:none, {:none, []}] <- decode(binary) do
      {:ok, backend, data}
    else
      _ -> {:error, no_debug_info(module)}
    end
  end

  defp no_debug_info(module) do
    %Error{
      reason: :no_debug_info,
      message: "#{inspect(module)} was compiled without debug information",
      hint:
        "Compile it with debug_info: true (the default of Mix; for Erlang, +debug_info). " <>
          "Modules of Erlang/OTP installed from packages often come without.",
      details: %{module: module}
    }
  end

  # Debug information may be encrypted or damaged: a term that cannot be read is none.
  defp decode(binary) do
    :erlang.binary_to_term(binary)
  rescue
    ArgumentError -> :unreadable
  end

  # Debug information of another release, of a language that is not installed, or damaged: all the same to us.
  defp translated(backend, data, beam) do
    translate(backend, data, beam)
  rescue
    error ->
      known = no_debug_info(beam.module)
      message = "the debug information of #{inspect(beam.module)} cannot be read here"
      {:error, %{known | message: message, details: Map.put(known.details, :why, Exception.message(error))}}
  end

  defp translate(:elixir_erl = backend, {:elixir_v1, map, specs}, beam) do
    columns? = not Columns.native?()
    coded = if columns?, do: Columns.encode(map), else: map

    case backend.debug_info(:erlang_v1, beam.module, {:elixir_v1, coded, specs}, []) do
      {:ok, forms} ->
        {:ok,
         %{
           beam
           | language: :elixir,
             forms: if(columns?, do: Columns.decode(forms), else: forms),
             options: Keyword.delete(map.compile_opts, :debug_info),
             source: to_charlist(map.file),
             positions: Columns.positions(map),
             inline: inline(map.compile_opts),
             protocol?: Keyword.has_key?(map.attributes, :__protocol__)
         }}

      _ ->
        {:error, no_debug_info(beam.module)}
    end
  end

  defp translate(backend, data, beam) do
    case backend.debug_info(:erlang_v1, beam.module, data, []) do
      {:ok, forms} -> {:ok, erlang(beam, forms, beam.options)}
      _ -> {:error, no_debug_info(beam.module)}
    end
  end

  # Transforms have run before the debug information was written; they must not run twice.
  defp erlang(beam, forms, options) do
    forms = Enum.map(forms, &without_transforms/1)

    declared = for {:attribute, _, :compile, value} <- forms, option <- List.wrap(value), do: option

    options = without_transforms_in(options)

    %{
      beam
      | language: :erlang,
        forms: forms,
        options: options,
        inline: inline(options ++ declared)
    }
  end

  defp without_transforms({:attribute, anno, :compile, value}) when is_list(value),
    do: {:attribute, anno, :compile, without_transforms_in(value)}

  defp without_transforms({:attribute, anno, :compile, {:parse_transform, _}}),
    do: {:attribute, anno, :compile, []}

  defp without_transforms(form), do: form

  defp without_transforms_in(options) do
    Enum.reject(
      options,
      &match?({key, _} when key in [:parse_transform, :debug_info, :outdir], &1)
    )
  end

  # Erlang names here: a macro is `{:"MACRO-name", arity + 1}`, and only functions can be inlined anyway.
  defp inline(options) do
    for {:inline, names} <- options, name <- List.wrap(names), do: name
  end

  # The same code compiled with other positions is another build: its points differ.
  defp digest(beam, chunks) do
    {:ok, {_, md5}} = :beam_lib.md5(beam)
    {_, debug_info} = List.keyfind(chunks, ~c"Dbgi", 0)
    :erlang.md5([md5, :erlang.md5(debug_info)])
  end

  defp term_chunk(chunks, id) do
    case List.keyfind(chunks, id, 0) do
      {_, binary} -> :erlang.binary_to_term(binary)
      nil -> []
    end
  end
end
