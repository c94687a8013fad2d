defmodule ElixirScope.TestSelection do
  @moduledoc """
  The tests that a change can make fail, chosen from an observed run of the suite (`ElixirScope.TestSelection.Record`).

      {:ok, record} = ElixirScope.TestSelection.Record.kept("_build/test/elixir_scope/test.scope")
      change = %{path: "lib/shop/cart.ex", old: Record.text(record, "lib/shop/cart.ex"), new: File.read!("lib/shop/cart.ex")}
      selection = ElixirScope.TestSelection.select(record, [change])
      selection.tests
      #=> [%{module: "ShopTest", name: "test a cart adds up", file: "test/shop_test.exs", line: 7,
      #=>    reasons: [{:reaches, "Shop.Cart.add/3"}]}]

  It would rather choose a test too many than one too few:

    * a function differs: the tests that reached it. When it ran while no test did (at the start of the application), all
    * a function is new: the tests that reached its module, since it may stand in the place of a default
    * something outside of functions differs (attributes, `use`, a struct), or a macro: the tests that reached the module
    * a module that others need at compile time, or something that such a module needs: those others differ as a whole;
      likewise for a struct or the list of public functions, and those that expand or import it
    * a test file differs: its tests. A helper of the tests, `mix.exs`, `mix.lock` or the configuration: all
    * docs differ: the module's doctests
    * tests that are new, or failed when they were observed
    * a function ran in a process that tests share: when it fails there, whoever uses such processes may fail with it. So
      all tests that did are chosen, also when one of them is chosen for another reason. `narrow: true` leaves these out

  What cannot be seen: code that was not observed because it runs in other VMs, files that are read at run time without
  being named as `@external_resource`, and tests that depend on each other.
  """

  alias ElixirScope.TestSelection.{Changes, Record}

  defstruct tests: [], files: [], everything: [], changed: [], total: 0

  @typedoc """
  Why a test was chosen: `{:reaches, function}`, `{:reaches_module, module}`, `{:depends_on, module}`, `{:doctests, module}`,
  `{:file_changed, path}`, `{:shares_process, function | nil}`, `:failed`, `{:everything, text}`.
  """
  @type reason :: {atom(), String.t() | nil} | :failed

  @typedoc """
  `:tests` - the chosen ones, by file and line; `:files` - test files of which nothing is known yet, to run as they are;
  `:everything` - why all tests are chosen, as sentences (`[]` when they are not); `:changed` - ids of functions and names of modules
  that differ; `:total` - tests that the record knows and that ran.
  """
  @type t :: %__MODULE__{
          tests: [
            %{
              module: String.t(),
              name: String.t(),
              file: String.t(),
              line: pos_integer() | nil,
              reasons: [reason()]
            }
          ],
          files: [String.t()],
          everything: [String.t()],
          changed: [String.t()],
          total: non_neg_integer()
        }

  @typedoc "A file before and after; `nil` where it is not there."
  @type change :: %{path: String.t(), old: String.t() | nil, new: String.t() | nil}

  @doc """
  The tests to run for these changes. Options: `:narrow` (see above), `:whole` - paths of which everything counts as changed,
  whatever their texts.
  """
  @spec select(Record.t(), [change()], keyword()) :: t()
  def select(%Record{} = record, changes, opts \\ []) do
    whole = Keyword.get(opts, :whole, [])
    effects = Enum.flat_map(changes, &of_file(&1, record)) ++ Enum.flat_map(whole, &of_whole(&1, record))
    effects = effects ++ dependents(effects, record)
    everything = for {:all, why} <- effects, uniq: true, do: why
    ran = Map.filter(record.tests, fn {_, facts} -> facts.result not in [:skipped, :excluded] end)

    reasons =
      effects
      |> Enum.flat_map(&tests_of(&1, record))
      |> Enum.filter(fn {test, _} -> is_map_key(ran, test) end)
      |> Enum.uniq()
      |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
      |> failed(ran)
      |> shared(effects, record, ran, opts[:narrow])
      |> all(everything, ran)

    %__MODULE__{
      tests: reasons |> Enum.map(&chosen(&1, ran)) |> Enum.sort_by(&{&1.file, &1.line, &1.name}),
      files: for({:new_file, path} <- effects, uniq: true, do: path),
      everything: everything,
      changed: changed(effects),
      total: map_size(ran)
    }
  end

  defp chosen({{module, name} = test, reasons}, ran) do
    facts = ran[test]
    %{module: module, name: name, file: facts.file, line: facts.line, reasons: Enum.sort_by(reasons, &rank/1)}
  end

  @ranks [
    :reaches,
    :file_changed,
    :reaches_module,
    :doctests,
    :depends_on,
    :failed,
    :shares_process,
    :everything
  ]
  defp rank(reason),
    do: {Enum.find_index(@ranks, &(&1 == if(is_tuple(reason), do: elem(reason, 0), else: reason))), reason}

  defp changed(effects) do
    Enum.uniq(
      for({:function, id, _new} <- effects, id, do: id) ++
        for({kind, module} <- effects, kind in [:module, :beside], do: module)
    )
  end

  ## From a file to effects

  defp of_file(%{path: path, old: old, new: new} = change, record) do
    cond do
      old == new -> []
      test_file?(path) -> of_test_file(change, record)
      of_all = reason_for_all(path) -> [{:all, of_all}]
      modules = record.externals[path] -> Enum.map(modules, &{:module, &1})
      Path.extname(path) == ".ex" -> of_source(change, record)
      Path.extname(path) in [".exs" | ~w(.erl .hrl .xrl .yrl .eex .heex .leex)] -> [{:all, "#{path} differs"}]
      true -> []
    end
  end

  defp of_whole(path, record) do
    cond do
      test_file?(path) -> of_test_file(%{path: path, new: ""}, record)
      of_all = reason_for_all(path) -> [{:all, of_all}]
      true -> path |> modules_of(record) |> whole(path)
    end
  end

  defp whole([], path), do: [{:all, "#{path} is no file that was observed"}]
  defp whole(modules, _path), do: Enum.flat_map(modules, &[{:module, &1}, {:exports, &1}])

  defp modules_of(path, record) do
    case {record.externals[path], Record.text(record, path)} do
      {[_ | _] = modules, _} ->
        modules

      {_, nil} ->
        []

      {_, text} ->
        case Changes.of(nil, text, path) do
          {:ok, changes} -> changes.modules
          _ -> []
        end
    end
  end

  defp test_file?(path), do: String.ends_with?(path, "_test.exs")

  defp reason_for_all(path) do
    cond do
      Path.basename(path) in ["mix.exs", "mix.lock"] -> "#{path} differs"
      "config" in Path.split(path) and Path.extname(path) == ".exs" -> "#{path} differs"
      "test" in Path.split(path) and Path.extname(path) == ".exs" -> "#{path} differs, which tests may need"
      true -> nil
    end
  end

  defp of_test_file(%{new: nil}, _record), do: []

  defp of_test_file(%{path: path}, record) do
    if Enum.any?(record.tests, fn {_, facts} -> facts.file == path end),
      do: [{:file, path}],
      else: [{:new_file, path}]
  end

  defp of_source(%{path: path, old: old, new: new}, record) do
    case Changes.of(old, new, path) do
      :unchanged -> []
      {:ok, changes} -> of_changes(changes, new, record)
      {:error, _} -> [{:all, "#{path} does not parse"}]
    end
  end

  defp of_changes(changes, new, record) do
    functions = Enum.flat_map(changes.functions, &of_function(&1, changes, record))
    around = if changes.around, do: Enum.flat_map(changes.modules, &[{:module, &1}, {:exports, &1}]), else: []

    docs =
      if changes.docs, do: Enum.map(changes.modules, &{:docs, &1, new != nil and new =~ "iex>"}), else: []

    came = if changes.came ++ changes.went != [], do: of_implementations(new, changes), else: []
    functions ++ around ++ docs ++ came ++ unseen(changes, functions ++ around, record)
  end

  # Of a module that could not be instrumented (a protocol, say) nobody knows who reached it.
  defp unseen(_changes, [], _record), do: []

  defp unseen(changes, _effects, record) do
    for module <- changes.modules -- changes.came,
        module not in record.modules,
        do: {:all, "#{module} was not observed"}
  end

  # A protocol finds its implementations by their names.
  defp of_implementations(new, changes) do
    if new == nil or new =~ "defimpl" or changes.went != [],
      do: Enum.map(changes.went ++ changes.came, &{:exports, &1}) ++ implementation(new),
      else: []
  end

  defp implementation(new) do
    if new && new =~ "defimpl", do: [{:all, "an implementation of a protocol came or went"}], else: []
  end

  defp of_function(%{macro: true} = function, changes, _record),
    do: changes |> homes(function) |> Enum.map(&{:module, &1})

  defp of_function(%{old: nil, new: new} = function, changes, _record) do
    beside = changes |> homes(function) |> Enum.flat_map(&[{:beside, &1}, {:exports, &1}])
    [{:function, nil, new} | beside]
  end

  defp of_function(%{old: old, new: new} = function, changes, record) do
    outside = if old in record.outside, do: [{:all, "#{old} ran while no test did"}], else: []
    exports = if old == new, do: [], else: changes |> homes(function) |> Enum.map(&{:exports, &1})

    if old in record.observed,
      do: [{:function, old, new} | outside] ++ exports,
      else: [{:function, old, new} | changes |> homes(function) |> Enum.map(&{:beside, &1})] ++ exports
  end

  # The modules of the file that the function can be in, by its id.
  defp homes(changes, function) do
    ids = Enum.filter([function.old, function.new], & &1)

    case Enum.filter(changes.modules, fn module -> Enum.any?(ids, &String.starts_with?(&1, module <> ".")) end) do
      [] -> changes.modules
      # Of nested modules the innermost.
      found -> [Enum.max_by(found, &byte_size/1)]
    end
  end

  ## What depends on it

  defp dependents(effects, record) do
    changed = for effect <- effects, module = module_of(effect, record), uniq: true, do: module
    exporting = for {:exports, module} <- effects, uniq: true, do: module

    importers =
      for {from, to, kind} <- record.dependencies,
          to in exporting,
          kind in [:export, :compile],
          uniq: true,
          do: from

    compiled = closure(MapSet.new(changed ++ importers), record.dependencies) |> MapSet.to_list()
    for module <- Enum.uniq(importers ++ (compiled -- changed)), do: {:depends, module}
  end

  defp module_of({:function, old, new}, record), do: record.homes[old] || record.homes[new]
  defp module_of({kind, module}, _record) when kind in [:module, :beside], do: module
  defp module_of(_other, _record), do: nil

  # Whoever needs X at compile time is another when X, or anything that X needs, is.
  defp closure(changed, dependencies) do
    reaching = reaching(changed, dependencies)

    more =
      for {from, to, :compile} <- dependencies,
          MapSet.member?(reaching, to),
          not MapSet.member?(changed, from),
          do: from

    if more == [], do: changed, else: closure(MapSet.union(changed, MapSet.new(more)), dependencies)
  end

  defp reaching(set, dependencies) do
    grown =
      for {from, to, _kind} <- dependencies, MapSet.member?(set, to), not MapSet.member?(set, from), do: from

    if grown == [], do: set, else: reaching(MapSet.union(set, MapSet.new(grown)), dependencies)
  end

  ## From effects to tests

  defp tests_of({:function, old, new}, record) do
    for id <- Enum.uniq([old, new]), id, {test, _} <- reached(record, id), do: {test, {:reaches, id}}
  end

  defp tests_of({kind, module}, record) when kind in [:module, :beside],
    do: in_module(record, module, :reaches_module)

  defp tests_of({:depends, module}, record), do: in_module(record, module, :depends_on)

  defp tests_of({:file, path}, record),
    do: for({test, %{file: ^path}} <- record.tests, do: {test, {:file_changed, path}})

  defp tests_of({:docs, module, examples?}, record) do
    own = for {{_, name} = test, %{type: "doctest"}} <- record.tests, String.contains?(name, module), do: test

    cond do
      own != [] ->
        Enum.map(own, &{&1, {:doctests, module}})

      examples? ->
        for {from, ^module, _} <- record.dependencies,
            test <- of_module(record, from),
            do: {test, {:doctests, module}}

      true ->
        []
    end
  end

  defp tests_of(_other, _record), do: []

  defp in_module(record, module, reason) do
    reaching =
      for {id, ^module} <- record.homes,
          {test, _} <- reached(record, id),
          uniq: true,
          do: {test, {reason, module}}

    reaching ++ for(test <- of_module(record, module), do: {test, {reason, module}})
  end

  # The module is one of tests itself.
  defp of_module(record, module), do: for({{^module, _} = test, _} <- record.tests, do: test)
  defp reached(record, id), do: Map.get(record.reach, id, %{})

  ## What comes on top

  defp failed(reasons, ran) do
    for {test, %{result: result}} <- ran, result in [:failed, :invalid], reduce: reasons do
      all -> Map.update(all, test, [:failed], &[:failed | &1])
    end
  end

  defp shared(reasons, _effects, _record, _ran, true), do: reasons

  defp shared(reasons, effects, record, ran, _narrow) do
    sharing =
      for {_, tests} <- record.reach, {test, %{how: :meanwhile}} <- tests, into: MapSet.new(), do: test

    there =
      for {:function, old, new} <- effects,
          id <- [old, new],
          Enum.any?(reached(record, id), fn {_, own} -> own.how == :meanwhile end),
          do: id

    if there != [] or
         Enum.any?(reasons, fn {test, why} -> why != [:failed] and MapSet.member?(sharing, test) end) do
      for test <- sharing, is_map_key(ran, test), not is_map_key(reasons, test), into: reasons do
        {test, [{:shares_process, List.first(there)}]}
      end
    else
      reasons
    end
  end

  defp all(reasons, [], _ran), do: reasons

  defp all(reasons, [why | _], ran) do
    for {test, _} <- ran, not is_map_key(reasons, test), into: reasons, do: {test, [{:everything, why}]}
  end
end
