defmodule ElixirScope.Capture.Gate do
  @moduledoc """
  What a place lets through, and what became of what came there.

  A gate decides inside the probe, before anything is encoded. What begins an activation asks once, so an activation is
  recorded whole or not at all. Every arrival is counted, exactly, so `:seen` is what happened and `:passed` what was
  recorded of it.

    * `:per` - what shares it: `:point`, `:function` or `:selection`
    * `:status` - `:open`; `:disabled` (counts, lets nothing through); `:hit_limit` or `:expired` (over: its points are off,
      so what came since is not counted)
    * `:capture_config` - bounds of recorded values (`:mode`, `:depth`, `:width`, `:bytes`, `:time_us`), or `nil` for what
      holds elsewhere
    * `:sampling_rate` - the share that passes, 0.0 to 1.0
    * `:rate`, `:burst` - at most so many in any second, of them so many at once; `nil` without a limit
    * `:hits_left` - so many may still pass; `nil` without a limit
    * `:priority` - who stands back first when rings fill up
    * `:enabled`
    * `:seen` - arrivals; `:passed` - let through; `:refused` - `%{reason => count}` with the reasons `:sampled_out`,
      `:rate_limited`, `:hit_limit`, `:expired`, `:low_priority` and `:disabled`. `seen = passed + refused`
    * `:scale` - what recorded counts are to be multiplied with (`seen / passed`), `nil` when nothing passed. Scaled to what was
      seen, counts are exact in sum; shares and times of what was not recorded are estimates
    * `:estimated` - whether anything was refused, so that times, errors and callers are those of a part
    * `:created_at`, `:last_passed_at`, `:expires_at` - `DateTime`s, or `nil`
    * `:functions` - `[{module, name, arity}]`; `:kinds` - what kinds of points it has
    * `:points` - `[%{point, kind, function, clause, line}]`
  """

  defstruct [
    :per,
    :status,
    :capture_config,
    :sampling_rate,
    :rate,
    :burst,
    :hits_left,
    :priority,
    :enabled,
    :seen,
    :passed,
    :refused,
    :scale,
    :estimated,
    :created_at,
    :last_passed_at,
    :expires_at,
    functions: [],
    kinds: [],
    points: []
  ]

  @type t :: %__MODULE__{
          per: :point | :function | :selection,
          status: :open | :disabled | :hit_limit | :expired,
          capture_config: map() | nil,
          sampling_rate: float(),
          rate: pos_integer() | nil,
          burst: pos_integer() | nil,
          hits_left: non_neg_integer() | nil,
          priority: :low | :medium | :high | :critical,
          enabled: boolean(),
          seen: non_neg_integer(),
          passed: non_neg_integer(),
          refused: %{atom() => non_neg_integer()},
          scale: float() | nil,
          estimated: boolean(),
          created_at: DateTime.t() | nil,
          last_passed_at: DateTime.t() | nil,
          expires_at: DateTime.t() | nil,
          functions: [mfa()],
          kinds: [atom()],
          points: [map()]
        }

  # Kinds of points, as the native side calls them and as plans do.
  @kinds %{
    "clause" => :calls,
    "binding" => :variables,
    "expression" => :expressions,
    "choice" => :branches,
    "send" => :sends,
    "receive" => :receives,
    "raise" => :exceptions,
    "custom" => :custom,
    "foreign" => :traced
  }

  @doc false
  def kind(native), do: Map.get(@kinds, native, :other)

  @doc false
  def native_kinds, do: for({native, kind} <- @kinds, into: %{}, do: {kind, String.to_atom(native)})

  @doc false
  # From what the native side tells.
  def new(map) do
    refused = map.refused |> Map.values() |> Enum.sum()
    {rate, burst} = map.rate || {nil, nil}

    points =
      for {point, kind, function, clause, line} <- map.points do
        %{point: point, kind: kind(kind), function: function, clause: clause, line: line}
      end

    %__MODULE__{
      per: map.per,
      status: map.status,
      capture_config: config(map.capture_config),
      sampling_rate: map.sampling_rate,
      rate: rate,
      burst: burst,
      hits_left: map.hits_left,
      priority: map.priority,
      enabled: map.enabled,
      seen: map.passed + refused,
      passed: map.passed,
      refused: map.refused,
      scale: if(map.passed > 0, do: (map.passed + refused) / map.passed),
      estimated: refused > 0,
      created_at: time(map.made_at_ns),
      last_passed_at: time(map.last_passed_at_ns),
      expires_at: time(map.expires_at_ns),
      functions: points |> Enum.map(& &1.function) |> Enum.uniq() |> Enum.sort(),
      kinds: points |> Enum.map(& &1.kind) |> Enum.uniq() |> Enum.sort(),
      points: points
    }
  end

  defp config(nil), do: nil

  defp config(%{time_ns: ns} = config),
    do: config |> Map.delete(:time_ns) |> Map.put(:time_us, div(ns, 1_000))

  defp time(none) when none in [nil, 0], do: nil

  defp time(ns) do
    case DateTime.from_unix(ns, :nanosecond) do
      {:ok, time} -> time
      # Further away than calendars go: never.
      {:error, _} -> nil
    end
  end
end
