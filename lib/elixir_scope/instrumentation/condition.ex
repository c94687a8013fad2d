defmodule ElixirScope.Instrumentation.Condition do
  @moduledoc false
  # A guard that somebody wrote, as the compiler expands it, to be put into a probe.
  #
  # A module of one function with this guard is compiled by Elixir itself; its debug information has the guard expanded,
  # whatever it was made of (`in`, `is_struct`, `user.id`, a `defguard`). At a point, its variables are replaced by
  # those that are visible there under the same names.

  alias ElixirScope.Error

  defstruct [:names, :guards]

  @type t :: %__MODULE__{names: %{non_neg_integer() => atom()}, guards: [Macro.t()]}

  @doc """
  Expands a quoted guard. `module` is the one to be observed: guards that it exports may be used by their bare names.
  """
  @spec compile(Macro.t(), module()) :: {:ok, t()} | {:error, Error.t()}
  def compile(quoted, module) do
    quoted = plain(quoted)
    names = names(quoted)
    name = Module.concat(__MODULE__, "C#{:erlang.phash2({quoted, module}, 4_294_967_296)}")

    imports = imports(quoted, module)
    # What other modules define may be defined anew.
    how = if imports == [], do: :keep, else: :anew

    body =
      quote do
        unquote_splicing(imports)
        def c(unquote_splicing(for name <- names, do: {name, [], nil})) when unquote(quoted), do: true
      end

    with {:ok, definition} <- compile_apart(name, body, :c, length(names), how) do
      {_meta, arguments, guards, _body} = definition
      by_version = for {name, meta, nil} <- arguments, into: %{}, do: {Keyword.fetch!(meta, :version), name}
      {:ok, %__MODULE__{names: by_version, guards: guards}}
    else
      {:error, message} -> {:error, invalid(quoted, message)}
    end
  end

  @doc """
  The guards over the variables of a scope (a map from name to variable), or `:error` with the name that it lacks.
  """
  def over(condition, scope) do
    case Enum.find(condition.names, fn {_, name} -> not is_map_key(scope, name) end) do
      nil -> {:ok, Enum.map(condition.guards, &replace(&1, condition.names, scope))}
      {_, name} -> {:error, name}
    end
  end

  defp replace({_name, meta, context} = var, names, scope) when is_atom(context) and is_list(meta) do
    case Map.fetch(names, meta[:version]) do
      {:ok, name} -> Map.fetch!(scope, name)
      :error -> var
    end
  end

  defp replace(tuple, names, scope) when is_tuple(tuple),
    do: tuple |> Tuple.to_list() |> replace(names, scope) |> List.to_tuple()

  defp replace([head | tail], names, scope), do: [replace(head, names, scope) | replace(tail, names, scope)]
  defp replace(other, _names, _scope), do: other

  @doc """
  Compiles a module of one function, and gives that function's clause as the compiler expanded it.
  """
  def compile_apart(name, body, function, arity, how) do
    with {:ok, binary} <- compile_module(name, body, how), do: {:ok, clause_of(binary, function, arity)}
  end

  @doc "The only clause of a function, as the compiler expanded it."
  def clause_of(binary, function, arity) do
    {:ok, {_, [{_, debug}]}} = :beam_lib.chunks(binary, [~c"Dbgi"])
    {:debug_info_v1, _, {:elixir_v1, map, _}} = :erlang.binary_to_term(debug)
    {{^function, ^arity}, _, _, [clause]} = List.keyfind(map.definitions, {function, arity}, 0)
    clause
  end

  @doc """
  Compiles a module of ours, which does not stay loaded. Gives its binary, or what the compiler says. With `:keep`, it is
  compiled once in the life of this VM: whoever runs it by then is not disturbed.
  """
  def compile_module(name, body, how \\ :anew)

  def compile_module(name, body, :keep) do
    with nil <- :persistent_term.get({__MODULE__, name}, nil),
         {:ok, binary} <- compile_module(name, body, :anew) do
      :persistent_term.put({__MODULE__, name}, {:ok, binary})
      {:ok, binary}
    end
  end

  def compile_module(name, body, :anew) do
    quoted =
      quote do
        defmodule unquote(name) do
          @moduledoc false
          @compile {:debug_info, true}
          unquote(body)
        end
      end

    # One at a time: the name may be the same, and the compiler's options are everybody's.
    :global.trans({__MODULE__, self()}, fn -> quietly(fn -> compile_quoted(name, quoted) end) end, [node()])
  end

  defp compile_quoted(name, quoted) do
    [{^name, binary} | _] = Code.compile_quoted(quoted, "condition")
    :code.purge(name)
    :code.delete(name)
    :code.purge(name)
    {:ok, binary}
  rescue
    error -> {:error, Exception.message(error)}
  end

  # What the compiler says about a guard is told where the error is, and warnings about one are nobody's business.
  defp quietly(fun) do
    parent = self()

    {pid, monitor} =
      spawn_monitor(fn ->
        # Diagnostics can be caught from Elixir 1.15 on.
        result = if function_exported?(Code, :with_diagnostics, 1), do: diagnosed(fun), else: fun.()
        send(parent, {self(), result})
      end)

    receive do
      {^pid, result} ->
        Process.demonitor(monitor, [:flush])
        result

      {:DOWN, ^monitor, _, _, reason} ->
        {:error, inspect(reason)}
    end
  end

  defp diagnosed(fun) do
    {result, diagnostics} = apply(Code, :with_diagnostics, [fun])

    case result do
      {:error, message} ->
        {:error,
         Enum.map_join(
           [message | for(%{severity: :error, message: text} <- diagnostics, do: text)],
           "; ",
           & &1
         )}

      ok ->
        ok
    end
  end

  # Variables are meant by name, whatever module they were quoted in.
  # Marked as generated: what the compiler has to say about it helps nobody.
  @doc false
  def plain(quoted) do
    Macro.prewalk(quoted, fn
      {name, meta, context} when is_atom(name) and is_atom(context) ->
        {name, Keyword.put(meta, :generated, true), nil}

      other ->
        other
    end)
  end

  @special [:__MODULE__, :__ENV__, :__DIR__, :__CALLER__, :__STACKTRACE__, :_]

  @doc "The names of the variables in quoted code, sorted."
  def names(quoted) do
    {_, names} =
      Macro.prewalk(quoted, [], fn
        {name, _, context} = node, names when is_atom(name) and is_atom(context) and name not in @special ->
          {node, [name | names]}

        node, names ->
          {node, names}
      end)

    names |> Enum.uniq() |> Enum.sort()
  end

  defp imports(quoted, module) do
    {_, {remote, local}} =
      Macro.prewalk(quoted, {[], []}, fn
        {{:., _, [{:__aliases__, _, _} = other, _]}, _, _} = node, {remote, local} ->
          {node, {[other | remote], local}}

        {{:., _, [other, _]}, _, [_ | _]} = node, {remote, local} when is_atom(other) ->
          {node, {[other | remote], local}}

        {name, _, args} = node, {remote, local} when is_atom(name) and is_list(args) ->
          {node, {remote, [{name, length(args)} | local]}}

        node, acc ->
          {node, acc}
      end)

    own = for {name, arity} <- Enum.uniq(local), exported_guard?(module, name, arity), do: {name, arity}
    own = if own == [], do: [], else: [quote(do: import(unquote(module), only: unquote(own)))]

    for(other <- Enum.uniq(remote), do: quote(do: require(unquote(other)))) ++ own
  end

  defp exported_guard?(module, name, arity) do
    Code.ensure_loaded?(module) and function_exported?(module, :"MACRO-#{name}", arity + 1)
  end

  defp invalid(quoted, message) do
    %Error{
      reason: :invalid_condition,
      message: "#{Macro.to_string(quoted)} is no condition: #{message}",
      hint: "A condition is what Elixir allows in a guard, over variables that are visible at the point."
    }
  end
end
