defmodule ElixirScope.Test.DeclaredOracle do
  @moduledoc """
  What the compiler made of Elixir's own sources, against what `MetadataExtractor` reads from them.

  Types and specs are compared as Erlang's abstract format: the extracted text goes through Elixir's own translation once
  more, in a module of another name, and must give the forms that are in the installed `.beam`.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{MetadataExtractor, SemanticAnalyzer}
  alias ElixirScope.Test.Source

  # What a protocol and its implementations get without writing it.
  @made ~w(__impl__ __protocol__ impl_for impl_for!)a

  @applications [:elixir, :mix, :ex_unit, :eex, :iex, :logger]

  @doc "`[{kind, module, what, :equal | {:differs, expected, found}}]`."
  def run do
    {dir, _} = Source.elixir_sources()

    {:ok, repository} = ASTRepository.new()
    {:ok, %{errors: []}} = ASTRepository.import_project(repository, Path.join(dir, "lib"))

    compiled =
      for application <- @applications,
          beam <- Path.wildcard(Path.join(:code.lib_dir(application), "ebin/Elixir.*.beam")),
          module = beam |> Path.basename(".beam") |> String.to_atom(),
          {:ok, own} <- [MetadataExtractor.extract(repository, module)],
          {:module, ^module} <- [Code.ensure_loaded(module)],
          do: {module, beam, own}

    Enum.flat_map(compiled, fn {module, beam, own} ->
      docs(module, beam, own) ++
        exports(module, own) ++
        behaviours(module, own) ++ callbacks(repository, module, own) ++ forms(module, File.read!(beam), own)
    end)
  end

  def print(results) do
    for {kind, all} <- Enum.group_by(results, &elem(&1, 0)) do
      {equal, different} = Enum.split_with(all, &match?({_, _, _, :equal}, &1))
      IO.puts("#{kind}: #{length(equal)} of #{length(all)} equal")

      for {_, module, what, {:differs, expected, found}} <- different do
        IO.puts(
          "  #{inspect(module)} #{inspect(what)}\n    compiled #{short(expected)}\n    read     #{short(found)}"
        )
      end
    end
  end

  defp short(term), do: inspect(term, limit: 30, printable_limit: 160, width: 300)

  defp result(kind, module, what, same, same), do: {kind, module, what, :equal}
  defp result(kind, module, what, expected, found), do: {kind, module, what, {:differs, expected, found}}

  ## Docs

  defp docs(module, beam, own) do
    case Code.fetch_docs(beam) do
      {:docs_v1, _, _, _, moduledoc, _, entries} ->
        functions = for entry <- entries, elem(elem(entry, 0), 0) in [:function, :macro], do: entry
        types = for entry <- entries, elem(elem(entry, 0), 0) == :type, do: entry
        callbacks = for entry <- entries, elem(elem(entry, 0), 0) in [:callback, :macrocallback], do: entry

        [result(:moduledoc, module, nil, text(moduledoc), plain(own.moduledoc))] ++
          Enum.flat_map(functions, &function_docs(module, own, &1)) ++
          Enum.map(types, &item_doc(:typedoc, module, own.types, &1)) ++
          Enum.map(callbacks, &item_doc(:callback_doc, module, own.callbacks, &1))

      {:error, _} ->
        []
    end
  end

  defp function_docs(module, own, {{kind, name, arity}, _, [signature], doc, meta}) do
    macro = kind == :macro

    found =
      Enum.find(own.definitions, fn one ->
        one.name == name and one.arity == arity and one.public and
          one.signature.kind in [:defmacro, :defguard] == macro
      end)

    if found do
      documentation = found.documentation
      signed = Code.string_to_quoted(found.signature.text)

      [
        result(:doc_presence, module, {name, arity}, presence(doc), documentation.status),
        result(:doc_text, module, {name, arity}, text(doc), plain(documentation.text, documentation.status)),
        result(:signature, module, {name, arity}, strip(Code.string_to_quoted(signature)), strip(signed)),
        result(:doc_meta, module, {name, arity}, {meta[:since], meta[:deprecated]}, {
          documentation.since,
          documentation.deprecated
        })
      ]
    else
      made = {name, arity} in own.generated

      [
        result(
          :doc_presence,
          module,
          {name, arity},
          presence(doc),
          if(made, do: presence(doc), else: :absent)
        )
      ]
    end
  end

  defp function_docs(_module, _own, _entry), do: []

  defp item_doc(kind, module, items, {{_, name, arity}, _, _, doc, _}) do
    found = Enum.find(items, &(&1.name == name and &1.arity == arity))
    result(kind, module, {name, arity}, text(doc), if(found, do: plain(found.doc), else: :absent))
  end

  defp text(%{"en" => text}), do: text
  defp text(other), do: other

  # What is silent is hidden where it is an implementation, and nothing elsewhere.
  defp plain(_text, :hidden), do: :hidden
  defp plain(text, _status), do: plain(text)
  defp plain(nil), do: :none
  defp plain(false), do: :hidden
  defp plain(text), do: text

  defp presence(%{}), do: :documented
  defp presence(:hidden), do: :hidden
  defp presence(:none), do: :missing

  defp strip({:ok, quoted}), do: Macro.prewalk(quoted, &Macro.update_meta(&1, fn _ -> [] end))
  defp strip(error), do: error

  ## Exports and behaviours

  defp exports(module, own) do
    [
      result(
        :functions,
        module,
        nil,
        Enum.sort(module.__info__(:functions)),
        Enum.sort(own.functions ++ own.generated)
      ),
      result(
        :macros,
        module,
        nil,
        Enum.sort(module.__info__(:macros)),
        Enum.sort(own.macros ++ own.generated_macros)
      )
    ]
  end

  defp behaviours(module, own) do
    declared = for {:behaviour, all} <- module.module_info(:attributes), one <- all, do: one
    found = for one <- own.behaviours, do: one.module
    [result(:behaviours, module, nil, Enum.sort(Enum.uniq(declared)), Enum.sort(found))]
  end

  # What its behaviours ask for, as far as it is written in the module.
  defp callbacks(repository, module, own) do
    {:ok, meaning} = SemanticAnalyzer.analyze(repository, module)

    asked =
      for {:behaviour, all} <- module.module_info(:attributes),
          behaviour <- all,
          {:module, _} <- [Code.ensure_loaded(behaviour)],
          callback <- behaviour.behaviour_info(:callbacks),
          callback in own.functions,
          do: callback

    found = for one <- meaning.callbacks, do: {one.name, one.arity}
    [result(:callbacks_implemented, module, nil, Enum.sort(Enum.uniq(asked)), Enum.sort(found))]
  end

  ## Types and specs

  # A spec of a function is put through as a callback: that needs no function. The kinds are told apart by name.
  defp forms(module, beam, own) do
    types = for one <- own.types, not one.dynamic, do: {one.kind, one.text}
    callbacks = for one <- own.callbacks, not one.dynamic, do: one
    macros = MapSet.new(module.__info__(:macros))

    [
      compare(
        :type,
        module,
        fetched(Code.Typespec.fetch_types(beam)),
        translated(module, own, types, specs(own, macros), &types/1)
      ),
      compare(
        :spec,
        module,
        fetched(Code.Typespec.fetch_specs(beam)),
        translated(module, own, types, specs(own, macros), &callbacks/1)
      ),
      compare(
        :callback,
        module,
        fetched(Code.Typespec.fetch_callbacks(beam)),
        translated(module, own, types, Enum.map(callbacks, &{&1.kind, &1.text}), &callbacks/1)
      )
    ]
    |> List.flatten()
  end

  defp specs(own, macros) do
    for one <- own.specs, not one.dynamic do
      {if({one.name, one.arity} in macros, do: "macrocallback", else: "callback"), one.text}
    end
  end

  defp fetched({:ok, all}), do: all
  defp fetched(:error), do: []

  defp types(binary), do: fetched(Code.Typespec.fetch_types(binary))
  defp callbacks(binary), do: fetched(Code.Typespec.fetch_callbacks(binary))

  defp translated(module, own, types, specs, fetch) do
    name = Module.concat(ElixirScope.Test.Translated, module)
    struct = if own.generated[:__struct__] == 0, do: "defstruct #{inspect(fields(module), limit: :infinity)}"

    attributes =
      for {kind, text} <- types ++ specs, do: "@#{kind} #{text |> written() |> own_name(module, name)}"

    text = "defmodule #{inspect(name)} do\n#{struct}\n#{Enum.join(attributes, "\n")}\nend"

    compiled =
      ExUnit.CaptureIO.with_io(:stderr, fn ->
        try do
          Code.compile_string(text)
        rescue
          error -> {:error, Exception.message(error)}
        end
      end)

    with {[{^name, binary}], _} <- compiled do
      found = binary |> fetch.() |> renamed(name, module)
      :code.purge(name)
      :code.delete(name)
      found
    else
      {{:error, message}, _} -> [{:failed, message}]
    end
  end

  # What is computed while the module is compiled is not known from the source: it stays to be seen in the types.
  defp written(text), do: Regex.replace(~r/^(\w+(?:\(.*\))?) :: unquote\(.*$/, text, "\\1 :: :computed")

  # A struct may get its fields from a record: its types are compared all the same.
  defp fields(module), do: module.__struct__() |> Map.from_struct() |> Map.keys()

  # The module itself has another name while its types are translated.
  defp own_name(text, module, name),
    do: Regex.replace(~r/(?<![\w.])#{Regex.escape(inspect(module))}(?!\w|\.[A-Z])/, text, inspect(name))

  defp renamed(term, from, to) when is_tuple(term),
    do: term |> Tuple.to_list() |> Enum.map(&renamed(&1, from, to)) |> List.to_tuple()

  defp renamed(list, from, to) when is_list(list), do: Enum.map(list, &renamed(&1, from, to))
  defp renamed(from, from, to), do: to
  defp renamed(other, _from, _to), do: other

  # By name: one result for each type, function or callback that either side has.
  defp compare(kind, module, expected, found) do
    [expected, found] =
      for forms <- [expected, found], do: forms |> Enum.map(&plain_forms/1) |> Enum.group_by(&key/1)

    for key <- Enum.uniq(Map.keys(expected) ++ Map.keys(found)), elem(key, 0) not in @made do
      result(kind, module, key, expected[key], found[key])
    end
  end

  defp key({:failed, message}), do: {:failed, message}
  defp key({name, arity, _forms}), do: {name, arity}
  defp key({_kind, name, _form, vars}), do: {name, length(vars)}

  # Lines are of two different files.
  defp plain_forms({:failed, _} = failed), do: failed

  defp plain_forms({kind, {name, form, vars}}) when is_atom(kind),
    do: {kind, name, without_lines(form), without_lines(vars)}

  defp plain_forms({{name, arity}, forms}), do: {name, arity, Enum.map(forms, &without_lines/1)}

  defp without_lines({name, _line, a}), do: {name, 0, without_lines_in(a)}
  defp without_lines({name, _line, a, b}), do: {name, 0, without_lines_in(a), without_lines_in(b)}
  defp without_lines(list) when is_list(list), do: Enum.map(list, &without_lines/1)
  defp without_lines(other), do: other

  defp without_lines_in(list) when is_list(list), do: Enum.map(list, &without_lines/1)
  defp without_lines_in(tuple) when is_tuple(tuple), do: without_lines(tuple)
  defp without_lines_in(other), do: other
end
