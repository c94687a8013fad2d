defmodule ElixirScope.Property.ASTRoundtripTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Core.Source

  @rounds 3000

  test "any term comes back, and no id comes twice" do
    seed = :rand.seed_s(:exsss, {1, 2, 3})

    Enum.reduce(1..@rounds, seed, fn _, seed ->
      {term, seed} = term(5, seed)
      assert {:ok, source} = Source.build("a.ex", nil, term)
      assert {:ok, again} = Source.quoted(source)
      assert again === term
      assert {:ok, ids} = Source.ids(source)
      assert ids == Enum.uniq(ids)
      seed
    end)
  end

  defp term(depth, seed) do
    {kind, seed} = below(if(depth == 0, do: 7, else: 15), seed)
    make(kind, depth - 1, seed)
  end

  defp make(0, _, seed), do: pick([:a, :def, nil, :do, :größe, true, :__aliases__], seed)

  defp make(1, _, seed),
    do: pick([0, -1, 2_147_483_648, -9_223_372_036_854_775_808, Bitwise.bsl(1, 90)], seed)

  defp make(2, _, seed), do: pick([0.0, -0.0, 1.5, 1.0e-300], seed)
  defp make(3, _, seed), do: pick(["", "text", <<255, 0>>, <<1::5>>, "größe"], seed)
  defp make(4, _, seed), do: pick([self(), make_ref(), &String.trim/1], seed)
  defp make(5, _, seed), do: pick([[], {}, %{}, [97, 98]], seed)
  defp make(6, _, seed), do: pick([{:x, [line: 1, column: 2], nil}, {:x, [], Elixir}], seed)
  defp make(7, depth, seed), do: terms(depth, seed)

  defp make(8, depth, seed) do
    {items, seed} = terms(depth, seed)
    {List.to_tuple(items), seed}
  end

  defp make(9, depth, seed) do
    {head, seed} = term(depth, seed)
    {[head | :tail], seed}
  end

  defp make(10, depth, seed) do
    {items, seed} = terms(depth, seed)
    {value, seed} = term(depth, seed)
    {Map.new(items, &{&1, value}), seed}
  end

  defp make(11, depth, seed) do
    {meta, seed} = term(depth, seed)
    {args, seed} = term(depth, seed)
    {{:f, meta, args}, seed}
  end

  defp make(12, depth, seed) do
    {form, seed} = term(depth, seed)
    {args, seed} = terms(depth, seed)
    {{form, [line: 3], args}, seed}
  end

  defp make(_, depth, seed) do
    {name, seed} = pick([:def, :defmodule, :if, :quote, :alias, :f, :__block__, :defimpl, :->], seed)
    {line, seed} = below(100_000, seed)
    {args, seed} = terms(depth, seed)
    {body, seed} = term(depth, seed)
    {{name, [closing: [line: line + 1], line: line, column: 1], args ++ [[do: body]]}, seed}
  end

  defp terms(depth, seed) do
    {count, seed} = below(4, seed)
    Enum.map_reduce(List.duplicate(depth, count), seed, &term/2)
  end

  defp pick(list, seed) do
    {at, seed} = below(length(list), seed)
    {Enum.at(list, at), seed}
  end

  defp below(bound, seed) do
    {number, seed} = :rand.uniform_s(bound, seed)
    {number - 1, seed}
  end
end
