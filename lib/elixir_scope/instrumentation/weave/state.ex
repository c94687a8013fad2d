defmodule ElixirScope.Instrumentation.Weave.State do
  @moduledoc false
  # What goes along while a module is marked: which entries hold for the clause at hand, the sites so far, fresh names.

  alias ElixirScope.Instrumentation.Condition

  defstruct [
    :entries,
    :callbacks,
    :function,
    :kind,
    :ordinal,
    :place,
    active: [],
    positions: nil,
    wants: MapSet.new(),
    sites: %{},
    unbound: %{},
    # Entries with code of the user's own that have a node in the clause at hand: it is run once, at the outermost.
    done: MapSet.new(),
    next: 1,
    temporary: 0
  ]

  def new(map, entries) do
    behaviours =
      for {key, values} <- map.attributes,
          key in [:behaviour, :behavior],
          value <- List.wrap(values),
          do: value

    %__MODULE__{entries: entries, callbacks: callbacks(behaviours, map.definitions)}
  end

  # A server's functions, by how many arguments tell what: see `Clauses`.
  defp callbacks([], _definitions), do: :none

  defp callbacks(behaviours, definitions) do
    if Enum.any?(behaviours, &(&1 in [:gen_statem, GenStateMachine])),
      do: if(event_function?(definitions), do: :statem_events, else: :statem_functions),
      else: :server
  end

  defp event_function?(definitions) do
    case List.keyfind(definitions, {:callback_mode, 0}, 0) do
      {_, _, _, clauses} -> mentions?(clauses, :handle_event_function)
      nil -> true
    end
  end

  defp mentions?(atom, atom), do: true
  defp mentions?(tuple, atom) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> mentions?(atom)
  defp mentions?([head | tail], atom), do: mentions?(head, atom) or mentions?(tail, atom)
  defp mentions?(_, _), do: false

  @doc "Begins a clause of a definition."
  def enter(state, {name, arity}, kind, definition_meta, {meta, _, _, _} = clause, ordinal) do
    place = {meta[:line] || definition_meta[:line] || 0, meta[:column] || definition_meta[:column]}
    active = Enum.filter(state.entries, &holds?(&1.target, name, arity, ordinal))

    places? = Enum.any?(active, &match?({:place, _, column} when column != nil, &1.target))

    %{
      state
      | function: {name, arity},
        kind: kind,
        ordinal: ordinal,
        done: MapSet.new(),
        place: place,
        active: active,
        wants: for(entry <- active, kind <- entry.kinds, into: MapSet.new(), do: kind),
        positions: if(places?, do: positions(clause, place), else: MapSet.new())
    }
  end

  defp holds?(:all, _, _, _), do: true
  defp holds?({:function, name, arity}, name, arity, _), do: true
  defp holds?({:clause, name, arity, ordinal}, name, arity, ordinal), do: true
  defp holds?({:place, _, _}, _, _, _), do: true
  defp holds?(_, _, _, _), do: false

  # Exact places of the clause. A node that a macro made has a line only; it is meant by a place on its line that is
  # nobody else's.
  defp positions(form, place), do: form |> positions_in(MapSet.new()) |> MapSet.put(place)

  defp positions_in({name, meta, args}, acc) when is_list(meta),
    do: positions_in(args, positions_in(name, put(acc, meta)))

  defp positions_in(tuple, acc) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> positions_in(acc)
  defp positions_in([head | tail], acc), do: positions_in(tail, positions_in(head, acc))
  defp positions_in(_, acc), do: acc

  defp put(acc, meta) do
    if Keyword.keyword?(meta) and is_integer(meta[:line]) and is_integer(meta[:column]),
      do: MapSet.put(acc, {meta[:line], meta[:column]}),
      else: acc
  end

  @doc "Is there nothing to mark in this clause?"
  def idle?(state), do: state.active == []

  def wants?(state, kind), do: MapSet.member?(state.wants, kind)

  @doc """
  The condition under which a site of a kind is reported, over a scope: `{:ok, site number, condition, state}`, or
  `{:no, state}` when no entry asks for it. `places` are the places by which the site may be meant, the first its own;
  `broad?` says whether entries that mean everything mean this, too.
  """
  def site(state, kind, places, target, scope, options \\ []) do
    with true <- wants?(state, options[:as] || kind),
         entries when entries != [] <-
           wanted(state, options[:as] || kind, places, Keyword.get(options, :broad?, true)),
         {ids, condition, state} when ids != [] <- conditions(entries, scope, state) do
      {number, state} = put_site(state, kind, hd(places), target, ids)
      {:ok, number, condition, state}
    else
      false -> {:no, state}
      [] -> {:no, state}
      {[], _, state} -> {:no, state}
    end
  end

  @doc "The entries that ask for a kind at one of the places."
  def wanted(state, kind, places, broad? \\ true) do
    for entry <- state.active, kind in entry.kinds, meant?(entry.target, places, broad?, state), do: entry
  end

  # A whole line means what everything means.
  defp meant?({:place, line, nil}, places, broad?, _state), do: broad? and List.keymember?(places, line, 0)

  defp meant?({:place, line, column}, places, _broad?, state),
    do: Enum.any?(places, &at?(&1, line, column, state.positions))

  defp meant?(_, _places, broad?, _state), do: broad?

  defp at?({line, column}, line, column, _), do: true
  defp at?({line, nil}, line, column, positions), do: not MapSet.member?(positions, {line, column})
  defp at?(_, _, _, _), do: false

  @doc "Ids of the entries that can decide here, and the condition, over all of them: `{ids, condition, state}`."
  def conditions(entries, scope, state) do
    {ids, guards, state} =
      Enum.reduce(entries, {[], [], state}, fn entry, {ids, guards, state} ->
        case over(entry.condition, scope) do
          {:ok, own} -> {[entry.id | ids], [own | guards], state}
          {:error, name} -> {ids, guards, %{state | unbound: Map.put_new(state.unbound, entry.id, name)}}
        end
      end)

    {Enum.reverse(ids), guards |> Enum.reverse() |> condition(), state}
  end

  defp over(nil, _scope), do: {:ok, true}
  defp over(condition, scope), do: Condition.over(condition, scope)

  defp condition(guards) do
    if true in guards, do: true, else: guards |> Enum.concat() |> decision()
  end

  @doc "An expression that is true when one of the guards is."
  def decision([]), do: false

  def decision(guards) do
    meta = [generated: true]
    any = {:_, [generated: true, version: 0], nil}
    guard = guards |> Enum.reverse() |> Enum.reduce(fn guard, others -> {:when, [], [guard, others]} end)

    {:case, meta,
     [
       true,
       [
         do: [
           {:->, meta, [[{:when, meta, [any, guard]}], true]},
           {:->, meta, [[any], false]}
         ]
       ]
     ]}
  end

  def put_site(state, kind, {line, column}, target, ids) do
    number = state.next
    site = %{kind: kind, line: line, column: column, target: target, ids: ids}
    {number, %{state | next: number + 1, sites: Map.put(state.sites, number, site)}}
  end

  @doc "Keeps with a site which call it is."
  def note(state, number, call), do: put_in(state.sites[number][:call], call)

  # Far from what the compiler counts.
  @versions 1_000_000_000

  @doc "A variable that the code does not have."
  def temporary(state) do
    n = state.temporary + 1
    {{:scope, [generated: true, version: @versions + n], __MODULE__}, %{state | temporary: n}}
  end

  @doc "The call that marks a site."
  def mark(name, arguments), do: {{:., [], [:"$scope", name]}, [], arguments}
end
