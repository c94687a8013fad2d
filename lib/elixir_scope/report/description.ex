defmodule ElixirScope.Report.Description do
  @moduledoc """
  What a module is, told: as tables, and as a JSON document.

  Takes what `ElixirScope.ASTRepository.MetadataExtractor` and `ElixirScope.ASTRepository.SemanticAnalyzer` give of one
  module.
  """

  alias ElixirScope.ASTRepository.{ModuleMeaning, ModuleMetadata}
  alias ElixirScope.Error
  alias ElixirScope.Report.{Answer, JSON, Numbers, Table}

  @schema "elixir_scope.module"
  @version 1

  @doc "The tables. Options: `:width`, and `:colors`."
  @spec render(ModuleMetadata.t(), ModuleMeaning.t(), keyword()) :: String.t()
  def render(%ModuleMetadata{} = metadata, %ModuleMeaning{} = meaning, opts \\ []) do
    sections = [
      {"Implements", implements(meaning)},
      {"Functions", functions(metadata)},
      {"Types", types(metadata)},
      {"Concept" <> concept_kind(meaning.concept), fields(meaning.concept)},
      {"Relations", relations(meaning.concept)},
      {"Patterns", patterns(meaning)},
      {"Rules", rules(meaning)},
      {"Depends on", dependencies(metadata)}
    ]

    body = for {title, {columns, [_ | _] = rows}} <- sections, do: section(title, columns, rows, opts)
    Enum.join([head(metadata, meaning, opts) | body], "\n\n") <> "\n"
  end

  @doc """
  The document as text:

      {"schema": "elixir_scope.module", "version": 1, "module": "Shop.Cart", "meaning": {...}, "metadata": {...}}

  The fields are those of `ElixirScope.ASTRepository.ModuleMeaning` and `ElixirScope.ASTRepository.ModuleMetadata`, without
  those that are `nil`; functions are written `name/arity`.
  """
  @spec encode(ModuleMetadata.t(), ModuleMeaning.t()) :: {:ok, String.t()} | {:error, Error.t()}
  def encode(%ModuleMetadata{} = metadata, %ModuleMeaning{} = meaning) do
    document =
      JSON.ordered(
        schema: @schema,
        version: @version,
        module: inspect(metadata.module_name),
        meaning: Answer.plain(meaning),
        metadata: Answer.plain(metadata)
      )

    with {:ok, text} <- JSON.encode(document, pretty: true), do: {:ok, text <> "\n"}
  end

  ## The head

  defp head(metadata, meaning, opts) do
    place = [metadata.file || "no file", metadata.line] |> Enum.reject(&is_nil/1) |> Enum.join(":")
    rows = [judgement("type", meaning.module_type), judgement("role", meaning.role), documented(metadata)]

    table =
      rows
      |> Enum.reject(&is_nil/1)
      |> table([{"", :left}, {"", :left}, {"", :right}, {"", :left, flex: true}], opts)

    # The titles of these columns are blank.
    [_titles | lines] = String.split(table, "\n")
    Enum.join([bold(inspect(metadata.module_name), opts) <> "  " <> place | lines], "\n")
  end

  defp judgement(label, judged), do: [label, to_string(judged.value), sure(judged), judged.why]

  defp documented(%{documentation_score: nil}), do: nil

  defp documented(metadata) do
    functions =
      for %{documentation: %{score: score}} when score != nil <- metadata.definitions, do: score == 1.0

    types = for one <- metadata.types, one.kind != :typep, one.doc != false, do: one.doc != nil

    why =
      "#{share(functions, "public function")}, #{share(types, "type")}, the module itself: #{metadata.moduledoc_status}"

    ["documented", "#{round(100 * metadata.documentation_score)} %", "", why]
  end

  defp share(all, what), do: "#{Enum.count(all, & &1)} of #{Numbers.of(length(all), what)}"

  ## Sections: columns and rows

  defp implements(meaning) do
    by = Enum.group_by(meaning.callbacks, & &1.behaviour, &"#{&1.name}/#{&1.arity}")
    marked = for {nil, names} <- by, do: ["(@impl)", "", Enum.join(names, " "), ""]

    rows =
      for one <- meaning.behaviours do
        names = Map.get(by, one.module, [])
        [inspect(one.module), to_string(one.by), Enum.join(names, " "), line(one)]
      end

    {[{"behaviour", :left}, {"by", :left}, {"callbacks", :left, flex: true}, {"line", :right}],
     rows ++ marked}
  end

  defp functions(metadata) do
    rows =
      for %{public: true} = one <- metadata.definitions do
        documentation = one.documentation
        notes = if documentation.deprecated, do: "deprecated", else: since(documentation.since)
        [one.signature.text, to_string(one.signature.kind), to_string(documentation.status), notes]
      end

    {[{"function", :left, flex: true}, {"kind", :left}, {"docs", :left}, {"", :left}], rows}
  end

  defp since(nil), do: ""
  defp since(version), do: "since #{version}"

  defp types(metadata) do
    rows = for one <- metadata.types, do: [to_string(one.kind), one.text, line(one)]
    {[{"kind", :left}, {"type", :left, flex: true}, {"line", :right}], rows}
  end

  defp concept_kind(nil), do: ""
  defp concept_kind(%{kind: kind, source: nil}), do: ": #{kind}"
  defp concept_kind(%{kind: kind, source: source}), do: ": #{kind} of #{source}"

  defp fields(nil), do: {[], []}

  defp fields(concept) do
    rows = for one <- concept.fields, do: [to_string(one.name), one.type || "", one.default || "", line(one)]

    {[{"field", :left}, {"type", :left, flex: true}, {"default", :left, flex: true}, {"line", :right}], rows}
  end

  defp relations(nil), do: {[], []}

  defp relations(concept) do
    rows =
      for one <- concept.relations do
        to = if one.to, do: inspect(one.to), else: "through #{one.through}"
        [to_string(one.kind), to_string(one.name || ""), to, line(one)]
      end

    {[{"relation", :left}, {"name", :left}, {"to", :left, flex: true}, {"line", :right}], rows}
  end

  defp patterns(meaning) do
    rows = for one <- meaning.patterns, do: [to_string(one.name), sure(one), line(one), one.why]
    {[{"pattern", :left}, {"sure", :right}, {"line", :right}, {"why", :left, flex: true}], rows}
  end

  defp rules(meaning) do
    rows = for one <- meaning.rules, do: [to_string(one.kind), one.name, sure(one), line(one), one.expression]

    {[{"rule", :left}, {"in", :left}, {"sure", :right}, {"line", :right}, {"what", :left, flex: true}], rows}
  end

  # One row for each module: all the ways in which it is named.
  defp dependencies(metadata) do
    rows =
      for {module, all} <-
            Enum.group_by(metadata.dependencies, & &1.module) |> Enum.sort_by(&inspect(elem(&1, 0))) do
        kinds = all |> Enum.map(&to_string(&1.kind)) |> Enum.uniq() |> Enum.join(" ")
        at = if Enum.any?(all, &(&1.at == :run_time)), do: "run time", else: "compile time"
        [inspect(module), kinds, at, all |> Enum.map(&(&1.line || 0)) |> Enum.min() |> to_string()]
      end

    {[{"module", :left, flex: true}, {"how", :left}, {"at", :left}, {"line", :right}], rows}
  end

  ## Parts

  defp section(title, columns, rows, opts), do: bold(title, opts) <> "\n" <> table(rows, columns, opts)

  defp table(rows, columns, opts),
    do: Table.render(columns, rows, [indent: 2] ++ Keyword.take(opts, [:width]))

  defp sure(%{confidence: confidence}), do: :erlang.float_to_binary(confidence, decimals: 2)
  defp line(%{line: line}), do: to_string(line || "")

  defp bold(text, opts), do: if(opts[:colors], do: IO.ANSI.bright() <> text <> IO.ANSI.reset(), else: text)
end
