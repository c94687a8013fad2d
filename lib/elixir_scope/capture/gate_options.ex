defmodule ElixirScope.Capture.GateOptions do
  @moduledoc false
  # The options of `ElixirScope.Capture.configure/2`, checked, as the native side takes them.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Capture.Gate
  alias ElixirScope.{Error, Suggest}

  @settings [
    :capture_config,
    :sampling_rate,
    :rate,
    :burst,
    :hits,
    :for,
    :priority,
    :enabled
  ]
  @own @settings ++ [:kinds, :per]
  @config [:mode, :depth, :width, :bytes, :time_us]
  @priorities [:low, :medium, :high, :critical]
  @modes [:full, :truncated, :shape, :off]
  @pers [:point, :function, :selection]
  # A month of milliseconds: who wants longer wants no limit.
  @for_max_ms 31 * 24 * 3_600_000
  @u32 0xFFFF_FFFF

  @doc "The names of all options."
  def names, do: @own

  @doc "`{ours, others}` of a keyword list."
  def split(options), do: Keyword.split(options, @own)

  @doc "`{:ok, {scope, per, changes}}`; `per` is what to take when none is given."
  def validate(options, per) do
    with {:ok, options} <- keyword(options),
         :ok <- known(options, @own, "option"),
         {:ok, scope} <- kinds(options[:kinds]),
         {:ok, per} <- choice(:per, Keyword.get(options, :per, per), @pers),
         {:ok, changes} <- changes(options) do
      {:ok, {scope, per, changes}}
    end
  end

  @doc "`{:ok, changes | nil}` of the limits of a whole capture; nil when there are none."
  def whole(options) do
    with :ok <- known(options, [:max_events, :max_seconds, :rate, :burst], "limit"),
         {:ok, seconds} <- seconds(options[:max_seconds]) do
      limits =
        [hits: options[:max_events], for: seconds, rate: options[:rate], burst: options[:burst]]
        |> Enum.reject(fn {_, value} -> value == nil end)

      if limits == [], do: {:ok, nil}, else: changes(limits)
    end
  end

  defp seconds(nil), do: {:ok, nil}

  defp seconds(n) when is_number(n) and n > 0 and n * 1_000 <= @for_max_ms,
    do: {:ok, max(round(n * 1_000), 1)}

  defp seconds(other), do: wrong(:max_seconds, other, "give a number of seconds above 0, at most a month")

  @doc "The settings among options, as a map for the native side."
  def changes(options) do
    Enum.reduce_while(options, {:ok, %{}}, fn option, {:ok, changes} ->
      case change(option, options) do
        {:ok, more} -> {:cont, {:ok, Map.merge(changes, more)}}
        error -> {:halt, error}
      end
    end)
  end

  defp change({:sampling_rate, share}, _) when is_number(share) and share >= 0 and share <= 1,
    do: {:ok, %{sampling_rate: share / 1}}

  defp change({:sampling_rate, other}, _),
    do: wrong(:sampling_rate, other, "give a share from 0.0 (nothing) to 1.0 (all)")

  defp change({:rate, nil}, _), do: {:ok, %{rate: nil}}

  defp change({:rate, rate}, options) when is_integer(rate) and rate > 0 and rate <= @u32 do
    case Keyword.get(options, :burst) || max(div(rate, 8), 1) do
      burst when is_integer(burst) and burst > 0 and burst <= rate -> {:ok, %{rate: {rate, burst}}}
      other -> wrong(:burst, other, "give a count from 1 to the rate, #{rate}")
    end
  end

  defp change({:rate, other}, _), do: wrong(:rate, other, "give how many in a second, from 1, or nil")

  defp change({:burst, burst}, options) do
    if is_integer(options[:rate]),
      do: {:ok, %{}},
      else: wrong(:burst, burst, "a burst belongs to a rate: give rate: too")
  end

  defp change({:hits, nil}, _), do: {:ok, %{hits: nil}}

  defp change({:hits, hits}, _) when is_integer(hits) and hits > 0 and hits <= @u32 * @u32,
    do: {:ok, %{hits: hits}}

  defp change({:hits, other}, _), do: wrong(:hits, other, "give how many, from 1, or nil")

  defp change({:for, nil}, _), do: {:ok, %{for_ns: nil}}

  defp change({:for, ms}, _) when is_integer(ms) and ms > 0 and ms <= @for_max_ms,
    do: {:ok, %{for_ns: ms * 1_000_000}}

  defp change({:for, other}, _), do: wrong(:for, other, "give milliseconds, from 1 to a month, or nil")
  defp change({:enabled, on}, _) when is_boolean(on), do: {:ok, %{enabled: on}}
  defp change({:enabled, other}, _), do: wrong(:enabled, other, "give true or false")

  defp change({:priority, priority}, _) do
    with {:ok, priority} <- choice(:priority, priority, @priorities), do: {:ok, %{priority: priority}}
  end

  defp change({:capture_config, nil}, _), do: {:ok, %{capture: nil}}

  defp change({:capture_config, %{} = config}, options) when not is_struct(config),
    do: change({:capture_config, Map.to_list(config)}, options)

  defp change({:capture_config, config}, _) do
    with {:ok, config} <- keyword(config),
         :ok <- known(config, @config, "bound of values") do
      Enum.reduce_while(config, {:ok, %{}}, fn bound, {:ok, bounds} ->
        case bound(bound) do
          {:ok, name, value} -> {:cont, {:ok, Map.put(bounds, name, value)}}
          error -> {:halt, error}
        end
      end)
    end
  end

  defp change({name, _}, _) when name in [:kinds, :per], do: {:ok, %{}}

  defp bound({:mode, mode}) do
    with {:ok, mode} <- choice(:mode, mode, @modes), do: {:ok, :mode, mode}
  end

  defp bound({:depth, n}) when is_integer(n) and n in 0..0xFFFF, do: {:ok, :depth, n}
  defp bound({:width, n}) when is_integer(n) and n in 0..@u32, do: {:ok, :width, n}
  defp bound({:bytes, n}) when is_integer(n) and n in 0..@u32, do: {:ok, :bytes, n}
  defp bound({:time_us, n}) when is_integer(n) and n in 1..1_000_000, do: {:ok, :time_ns, n * 1_000}
  defp bound({name, other}), do: wrong(name, other, "give a count of 0 or more (microseconds: 1 to a second)")

  defp kinds(nil), do: {:ok, :calls}

  defp kinds(kinds) do
    native = Gate.native_kinds()

    kinds
    |> List.wrap()
    |> Enum.reduce_while({:ok, []}, fn kind, {:ok, known} ->
      case native do
        %{^kind => name} -> {:cont, {:ok, [name | known]}}
        _ -> {:halt, unknown("kind", kind, native |> Map.keys() |> Enum.sort())}
      end
    end)
  end

  defp choice(name, value, valid) do
    if value in valid, do: {:ok, value}, else: unknown(to_string(name), value, valid)
  end

  defp keyword(options) do
    if Keyword.keyword?(options), do: {:ok, options}, else: wrong(:options, options, "give a keyword list")
  end

  defp known(options, valid, what) do
    case Enum.find(Keyword.keys(options), &(&1 not in valid)) do
      nil -> :ok
      name -> unknown(what, name, valid)
    end
  end

  defp unknown(what, name, valid) do
    {:error,
     %Error{
       reason: :unknown,
       message: "unknown #{what} #{Fault.show(name)}",
       hint: Suggest.hint(name, valid),
       details: %{what: what, nearest: Suggest.nearest(name, valid)}
     }}
  end

  defp wrong(name, value, hint) do
    {:error,
     %Error{
       reason: :invalid_argument,
       message: "#{name}: #{Fault.show(value)} is not possible",
       hint: hint,
       details: %{what: name}
     }}
  end
end
