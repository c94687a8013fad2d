defmodule ElixirScope.Capture.ValuesTest do
  use ExUnit.Case, async: true

  import Bitwise, only: [<<<: 2]

  alias ElixirScope.Capture.Redaction
  alias ElixirScope.Core.Values
  alias ElixirScope.Test.Terms
  alias ElixirScope.Test.Terms.{Custom, Derived, Only}
  alias ElixirScope.Value.{Opaque, Redacted, Truncated}

  # The encoder knows no struct before it was looked at.
  setup_all do
    for struct <- [Terms.Point, Date], do: Redaction.classify(struct)
    :ok
  end

  @default {:full, 8, 64, 1_024, 50_000_000}

  defp back(term, bounds \\ {:full, 64, 10_000, 65_536, 1_000_000_000}) do
    {:ok, bytes} = Values.encode(term, bounds)
    {:ok, decoded} = Values.decode(bytes)
    decoded
  end

  test "what fits comes back as it was, whatever it is" do
    for seed <- 1..2_000 do
      term = Terms.term(seed)
      assert back(term) === term, "seed #{seed}"
    end
  end

  test "what does not fit is marked, with its real size" do
    assert %Truncated{kind: :list, by: :width, size: 100, kept: kept} = back(Enum.to_list(1..100), @default)
    assert kept == Enum.to_list(1..64)

    assert %Truncated{kind: :list, size: {:at_least, at_least}} = back(Enum.to_list(1..100_000), @default)
    assert at_least in 1_000..100_000

    text = String.duplicate("x", 5_000)
    assert %Truncated{kind: :binary, by: :bytes, size: 5_000, kept: kept} = back(text, @default)
    assert String.starts_with?(text, kept) and byte_size(kept) > 800

    assert %Truncated{kind: :map, by: :width, size: 1_000, kept: %{} = kept} =
             back(Map.new(1..1_000, &{&1, &1}), {:full, 8, 16, 10_000, 50_000_000})

    assert map_size(kept) == 16 and Enum.all?(kept, fn {key, value} -> key == value end)

    deep = Enum.reduce(1..20, :core, fn _, inner -> {inner} end)
    assert {{{%Truncated{kind: :tuple, by: :depth, size: 1}}}} = back(deep, {:full, 3, 64, 1_024, 50_000_000})

    assert %Truncated{kind: :struct, module: Terms.Point, size: 3} =
             back(%Terms.Point{x: text, y: text}, {:full, 8, 2, 4_096, 50_000_000})
  end

  test "the shape has sizes and names, and no content" do
    term = %{"key" => [1, 2.5], name: "Ada", nested: {:ok, "private stuff"}}
    {:ok, bytes} = Values.encode(term, {:shape, 8, 64, 1_024, 50_000_000})
    refute bytes =~ "Ada" or bytes =~ "stuff"
    {:ok, shape} = Values.decode(bytes)
    assert %{name: %Truncated{kind: :binary, by: :shape, size: 3}} = shape
    assert {:ok, %Truncated{size: 13}} = shape.nested
  end

  test "nothing is held for values that are off" do
    assert {:ok, ""} = Values.encode("anything", {:off, 8, 64, 1_024, 1_000})
  end

  test "hostile terms stay within their bytes, and cost little" do
    list = Enum.to_list(1..300_000)
    deep = Enum.reduce(1..100_000, [], fn _, inner -> [inner] end)
    map = Map.new(1..100_000, &{&1, &1})
    binary = :binary.copy("y", 10_000_000)

    for term <- [list, deep, map, binary, [binary, list], {map, map}, fn -> binary end, 1 <<< 100_000] do
      {:ok, bytes} = Values.encode(term, @default)
      # A mark may be written after the last thing that fits.
      assert byte_size(bytes) <= 1_024 + 64
      assert {:ok, _} = Values.decode(bytes)
    end
  end

  test "a function never takes its environment along" do
    canary = "canary-#{System.unique_integer()}"
    {:ok, bytes} = Values.encode(fn -> canary end)
    refute bytes =~ canary
    assert {:ok, %Opaque{kind: :function, text: text}} = Values.decode(bytes)
    assert text =~ "ValuesTest"
  end

  test "secrets are withheld by key, by struct and by looks" do
    secret = "s3cr3t-value"

    for term <- [
          %{password: secret},
          %{"api_key" => secret},
          [refresh_token: secret],
          [{"Authorization", secret}],
          {:session_id, secret},
          %{user: %{deep: [%{credit_card: secret}]}},
          "password=#{secret}",
          ~c"password=#{secret}",
          ["pass", "word: \"#{secret}\""],
          "postgres://app:#{secret}@db/shop"
        ] do
      {:ok, bytes} = Values.encode(term)
      refute bytes =~ secret, inspect(term)
    end

    assert %{password: %Redacted{by: :key, kind: :binary}, name: "Ada"} =
             back(%{password: secret, name: "Ada"})

    assert %Redacted{by: :card_number, kind: :integer} = back(4_111_111_111_111_111)
    assert %Redacted{kept: "card [REDACTED]"} = back("card 4111 1111 1111 1111")
  end

  defmodule Schema do
    defstruct [:shown, :hidden]
    def __schema__(:redact_fields), do: [:hidden]
    def __schema__(_), do: []
  end

  defmodule Unseen do
    defstruct [:shown, :hidden]
  end

  test "a struct hides what Inspect and its schema hide; an unknown one hides everything until it was looked at" do
    for module <- [Derived, Only, Custom, Schema] do
      assert [{:hidden, rule}] = Redaction.classify(module)
      assert rule in [:inspect, :schema]
      assert %{shown: 1, hidden: %Redacted{by: ^rule}} = back(struct!(module, shown: 1, hidden: 2))
    end

    assert %Unseen{shown: %Redacted{by: :unclassified}} = back(%Unseen{shown: 1})
    Redaction.classify_waiting()
    assert %Unseen{shown: 1, hidden: nil} = back(%Unseen{shown: 1})
  end

  test "messages are recognised where they are sent and where they are handled" do
    from = {self(), [:alias | make_ref()]}
    {key, 1, key} = Values.message_key({:"$gen_call", from, :request}, from)
    {reply, 3, _} = Values.message_key({elem(from, 1), :reply}, from)
    assert reply == key

    {cast, 2, _} = Values.message_key({:"$gen_cast", {:add, 1}})
    {_, 0, handled} = Values.message_key({:add, 1}, nil)
    assert cast == handled

    keys = for n <- 1..1_000, do: elem(Values.message_key({:tick, n, %{a: [n]}}), 0)
    assert length(Enum.uniq(keys)) == 1_000
    assert Values.message_key({:tick, 1}) == Values.message_key({:tick, 1})
    monitor = make_ref()
    assert {_, 4, _} = Values.message_key({:DOWN, monitor, :process, self(), :normal})
    assert {_, 5, _} = Values.message_key({:EXIT, self(), :normal})
  end

  test "damaged bytes are an error" do
    {:ok, bytes} = Values.encode(%{a: [1, {2, "x"}], b: 2.5})

    for at <- 0..(byte_size(bytes) - 1), byte <- [0, 1, 17, 127, 255] do
      <<before::binary-size(at), _, rest::binary>> = bytes
      assert {tag, _} = Values.decode(<<before::binary, byte, rest::binary>>)
      assert tag in [:ok, :error]
    end

    assert {:error, %ElixirScope.Error{reason: :corrupt}} = Values.decode("")
  end
end
