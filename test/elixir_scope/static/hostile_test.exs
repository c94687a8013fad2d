defmodule ElixirScope.Static.HostileTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Core.Source
  alias ElixirScope.Error

  defp same!(term) do
    assert {:ok, source} = Source.build("a.ex", nil, term)
    assert {:ok, again} = Source.quoted(source)
    assert again === term
    source
  end

  defp deep(depth, wrap), do: Enum.reduce(1..depth, 1, fn _, inner -> wrap.(inner) end)

  test "deep terms" do
    for wrap <- [
          &{:f, [line: 1], [&1]},
          &[&1],
          &{&1},
          &{&1, 1},
          &{:a, &1},
          &%{a: &1},
          &%{&1 => 1},
          &{{:., [], [&1]}, [], []},
          &{:defmodule, [], [{:__aliases__, [], [:A]}, [do: &1]]},
          &{:def, [], [{:f, [], []}, [do: &1]]},
          &{:quote, [], [[do: &1]]},
          &{:if, [], [&1, [do: 1]]},
          &{:&&, [], [&1, 1]},
          &{:f, [a: &1], []}
        ],
        wrap.(1) != %{1 => 1} do
      source = Source.build("a.ex", nil, deep(100_000, wrap))

      case source do
        {:ok, source} ->
          assert {:ok, _} = Source.quoted(source)
          assert {:ok, _} = Source.stats(source)

        # Metadata is bounded more tightly than code.
        {:error, error} ->
          assert %Error{reason: :limit_exceeded} = error
      end
    end
  end

  test "improper lists, everywhere" do
    same!([1 | 2])
    same!({:f, [{:line, 1} | :x], [1 | 2]})
    same!({:f, [line: [1 | 2]], []})
    same!({:f, [line: 1], [1 | 2]})
    same!({:defmodule, [], [{:__aliases__, [], [:A | :B]}, [{:do, 1} | 2]]})
    same!({:def, [], [[1 | 2], [do: [3 | 4]]]})
  end

  test "what is no quoted code" do
    for term <- [
          self(),
          make_ref(),
          fn -> 1 end,
          &String.trim/1,
          <<1::3>>,
          Bitwise.bsl(1, 5000),
          -Bitwise.bsl(1, 64),
          -0.0,
          1.0e308,
          {},
          %{},
          {:f, %{}, []},
          {:f, [], %{}},
          {1, [], []},
          {"f", [], []},
          {:f, [line: self()], [make_ref()]},
          {:f, [line: Bitwise.bsl(1, 70), column: 1.5], nil},
          {:f, [line: -1, column: Bitwise.bsl(1, 62)], nil},
          {self(), [], []},
          %{self() => [fn -> 1 end]},
          MapSet.new(1..100),
          Map.new(1..1000, &{&1, {&1, [&1]}}),
          [:größe, :日本, :"", :"\0"],
          ~D[2020-01-01],
          {:{}, [], Enum.to_list(1..1000)}
        ] do
      same!(term)
      same!({:f, [line: 1, extra: term], [term, [do: term]]})
    end
  end

  test "wide terms" do
    same!(List.to_tuple(Enum.to_list(1..100_000)))
    same!({:f, [], Enum.to_list(1..100_000)})
    same!(Map.new(1..100_000, &{&1, &1}))

    # Metadata is bounded more tightly than code.
    assert {:error, %Error{reason: :limit_exceeded}} =
             Source.build("a.ex", nil, {:f, [line: 1, extra: Enum.to_list(1..100_000)], []})
  end

  test "definitions of odd make" do
    for form <- [
          :def,
          :defmodule,
          :defimpl,
          :defprotocol,
          :defdelegate,
          :alias,
          :use,
          :@,
          :quote,
          :defguard,
          :when
        ],
        args <- [
          [],
          [1],
          [nil, nil],
          [[], []],
          [{:when, [], []}],
          [{:when, [], [1]}],
          [[do: 1]],
          [{:f, [], nil}, 1, 2, 3]
        ],
        meta <- [
          [],
          [line: 0],
          [line: -5, column: -5],
          [line: 4_294_967_296],
          [line: 4_294_967_295, end: [line: 3]]
        ] do
      same!({form, meta, args})
      same!({:defmodule, meta, [{:__aliases__, [], [:A]}, [do: {form, meta, args}]]})
      same!({:defmodule, [], [{:__aliases__, meta, args}, [do: 1]]})
      same!({:def, meta, [{form, meta, args}, [do: {form, meta, args}]]})
    end
  end

  test "huge binaries" do
    same!(:binary.copy(<<"x">>, 50_000_000))

    assert {:error, %Error{reason: :limit_exceeded}} =
             Source.build(nil, nil, :binary.copy(<<0>>, 300_000_000))
  end

  test "a small term that is large when written out" do
    bomb = deep(64, &[&1, &1])
    assert {:error, %Error{reason: :limit_exceeded}} = Source.build("a.ex", nil, bomb)
    assert {:error, %Error{reason: :limit_exceeded}} = Source.build("a.ex", nil, {:f, [x: bomb], []})

    assert {:error, %Error{reason: :limit_exceeded}} =
             ElixirScope.Native.value_copy(bomb) |> ElixirScope.Core.wrap()

    deep_bomb =
      deep(60, &[&1, &1]) |> then(fn bomb -> Enum.reduce(1..70, bomb, fn _, inner -> {inner} end) end)

    assert {:error, %Error{reason: :limit_exceeded}} =
             ElixirScope.Native.value_copy(deep_bomb) |> ElixirScope.Core.wrap()
  end

  test "odd arguments are errors" do
    assert {:error, %Error{reason: :invalid_argument}} = Source.build(1, nil, 1)
    assert {:error, %Error{reason: :invalid_argument}} = Source.build(<<255>>, nil, 1)
    assert {:error, %Error{reason: :invalid_argument}} = Source.build("a", :text, 1)
    assert {:error, %Error{reason: :limit_exceeded}} = Source.build(String.duplicate("a", 10_000), nil, 1)

    for source <- [nil, 1, make_ref(), self(), %{}] do
      for call <- [&Source.quoted/1, &Source.outline/1, &Source.ids/1, &Source.stats/1] do
        assert {:error, %Error{reason: :invalid_argument}} = call.(source)
      end
    end
  end

  test "stored fields come back as they were" do
    values = [
      nil,
      1,
      Bitwise.bsl(1, 80),
      1.5,
      "text",
      <<1::3>>,
      [1, [2 | 3]],
      {},
      {1, {2}},
      %{a: %{"b" => [1.0]}},
      ~U[2020-01-01 00:00:00Z],
      self(),
      make_ref(),
      &String.trim/1,
      deep(1000, &[&1]),
      deep(1000, &%{a: &1}),
      deep(100_000, &{&1}),
      Map.new(1..100, &{&1, &1})
    ]

    for value <- values, do: assert({:ok, value} === ElixirScope.Native.value_copy(value))
  end
end
