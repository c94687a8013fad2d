defmodule ElixirScope.Capture.SecretsTest do
  # Secrets in odd places: none is in what is encoded, whatever the budget.
  use ExUnit.Case, async: true

  alias ElixirScope.Capture.Redaction
  alias ElixirScope.Core.Values
  alias ElixirScope.Test.Terms.{Custom, Derived, Only}

  setup_all do
    for struct <- [Derived, Only, Custom, RuntimeError, KeyError, URI, MapSet], do: Redaction.classify(struct)
    :ok
  end

  @budgets [
    {:full, 8, 64, 1_024, 50_000_000},
    {:full, 64, 10_000, 65_536, 1_000_000_000},
    {:truncated, 5, 16, 512, 50_000_000},
    {:truncated, 3, 4, 128, 50_000_000},
    {:shape, 8, 64, 1_024, 50_000_000}
  ]

  # What is looked for: the middle of each secret.
  defp jwt(n), do: "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiJ#{canary(n)}In0.c2lnbmF0dXJl#{n}"
  defp canary(n), do: "CANARY" <> Base.encode16(<<n::32>>) <> "X"

  # By its name: any text may be secret. By its looks: in any place.
  defp named(n, secret) do
    case rem(n, 12) do
      0 -> %{password: secret}
      1 -> %{"user" => %{"api_key" => secret, "n" => n}}
      2 -> [n: n, refresh_token: secret]
      3 -> [{"Set-Cookie", secret}, {"x", 1}]
      4 -> {:session_token, secret}
      5 -> {:set_password, n, secret, [secret]}
      6 -> struct!(Enum.at([Derived, Only, Custom], rem(n, 3)), shown: n, hidden: secret)
      7 -> %{~c"password" => secret}
      8 -> "{\"a\": 1, \"client_secret\": \"#{secret}\", \"b\": 2}"
      9 -> "GET /x?access_token=#{secret}&page=2"
      10 -> %RuntimeError{message: "cannot log in with password: #{inspect(secret)}"}
      11 -> %KeyError{key: :x, term: %{credentials: {secret, n}}, message: "in %{secret: \"#{secret}\"}"}
    end
  end

  defp looking(n, secret) do
    case rem(n, 11) do
      0 ->
        secret

      1 ->
        String.to_charlist(secret)

      2 ->
        [:a, {n, n} | String.to_charlist(secret)]

      3 ->
        [
          String.slice(secret, 0, 20),
          [String.to_charlist(String.slice(secret, 20, 10))] | String.slice(secret, 30..-1//1)
        ]

      4 ->
        %{secret => n}

      5 ->
        %{{n, secret} => 1, [secret] => 2}

      6 ->
        String.duplicate("before ", rem(n, 200)) <> secret <> " after"

      7 ->
        String.to_charlist(String.duplicate("before ", rem(n, 90)) <> secret)

      8 ->
        <<secret <> "tail"::binary, 5::3>>

      9 ->
        MapSet.new([secret, n])

      10 ->
        [1 | [[[secret]]]]
    end
  end

  defp around(n, term) do
    case rem(n, 7) do
      0 -> term
      1 -> [term, n]
      2 -> {:ok, term}
      3 -> %{n => term}
      4 -> [state: %{list: [n, term]}]
      5 -> [n | term]
      6 -> {:noreply, %{deep: {1, [2, %{three: term}]}}}
    end
  end

  test "10,000 canaries, by name and by looks, in odd places: none comes through" do
    for n <- 1..10_000 do
      {term, canary} =
        if rem(n, 2) == 0,
          do: {named(div(n, 2), canary(n)), canary(n)},
          else: {looking(div(n, 2), jwt(n)), canary(n)}

      term = around(div(n, 3), term)
      {:ok, bytes} = Values.encode(term, Enum.at(@budgets, rem(n, 5)))
      # As it is, and as characters of a list are encoded.
      refute bytes =~ canary, "number #{n}: #{inspect(term)}"
      refute bytes =~ chars(canary), "number #{n}: #{inspect(term)}"
      assert {:ok, _} = Values.decode(bytes)
    end
  end

  defp chars(text), do: for(<<byte <- text>>, into: "", do: <<byte + 128>>)

  test "without its name, or its looks, the canary is there: the search can fail" do
    {:ok, bytes} = Values.encode(%{name: canary(1)})
    assert bytes =~ canary(1)
    {:ok, bytes} = Values.encode(String.to_charlist(canary(1)))
    assert bytes =~ chars(canary(1))
  end

  test "what is cut in the middle of a secret shows no part of it" do
    for length <- 80..600//7 do
      text = String.duplicate("x", 300) <> " " <> jwt(7)
      {:ok, bytes} = Values.encode(text, {:full, 8, 64, length, 50_000_000})
      refute bytes =~ "eyJhb"
    end
  end

  test "modules are no secret names, and what is kept beside a secret is kept" do
    {:ok, bytes} = Values.encode({ElixirScope.SessionSupervisor, "options", %{token: 1, name: "Ada"}})
    text = Values.show(bytes)
    assert text =~ "options" and text =~ "Ada"
    assert text =~ "#Redacted<integer by key>"
  end

  test "keys that were withheld alike are all there" do
    {:ok, bytes} = Values.encode(%{jwt(1) => 1, jwt(2) => 2, :a => 3})
    assert {:ok, decoded} = Values.decode(bytes)

    assert %ElixirScope.Value.Truncated{kind: :map, size: 3, kept: [_, _, _]} = decoded
  end

  test "work is bounded: time is looked at in long texts, too" do
    hostile = [
      for(_ <- 1..5_000, do: ~c"a long list of characters, again and again"),
      List.duplicate("password " <> String.duplicate("y", 2_000), 3_000),
      String.duplicate("-----BEGIN PRIVATE KEY-----", 400_000),
      Map.new(1..50_000, &{"key #{&1}", [&1]})
    ]

    for term <- hostile do
      times =
        for _ <- 1..7 do
          {us, {:ok, bytes}} = :timer.tc(fn -> Values.encode(term, {:full, 64, 100_000, 65_536, 100_000}) end)
          assert byte_size(bytes) <= 65_536 + 64
          us
        end

      # A tenth of a millisecond, and what a dirty call, transcoding and a busy machine add; a sanitizer's code is slower.
      assert Enum.min(times) < if(System.get_env("ASAN_OPTIONS"), do: 200_000, else: 20_000)
    end
  end
end
