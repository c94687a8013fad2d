defmodule ElixirScope.ASTRepository.Config do
  @moduledoc """
  The settings of one repository, validated once, into a struct.

      iex> {:ok, config} = ElixirScope.ASTRepository.Config.new(max_modules: 500)
      iex> config.max_modules
      500

  Later wins: the defaults, the preset (`preset: :development | :test | :production`), the application environment
  (`config :elixir_scope, ElixirScope.ASTRepository, max_modules: 500`), the options given.

  In force now:

    * `:max_modules` (10_000) - modules one repository holds; storing more is refused
    * `:max_correlations` (1_000_000) - correlations that callers store; storing more is refused
    * `:query_timeout_ms` (30_000) - a query past it is cancelled
    * `:max_concurrent_queries` (100) - questions answered at a time, never more than the VM's dirty CPU schedulers but one (with one
      or two: one), which is left for the ingest; others wait for their turn until their timeout
    * `:cache_enabled` (true), `:cache_size_mb` (512) - whether answers of expensive questions are kept until something changes,
      and what they may take
    * `:correlation_enabled` (true) - when false, `correlate_event` and `store_correlation` are refused
    * `:temporal_storage_enabled` (true), `:event_log_mb` (64) - the event log and its size
    * `:event_log` - bounds of the event log one by one: `bytes:` in memory (instead of `:event_log_mb`), `events:`, `age_ms:`,
      `spill: directory` (nil: what memory has no room for is dropped) and `spill_bytes:` (1 GiB) on the disk.
      Spilled events are read back like others, and go with the repository.
    * `:alert_thresholds` - what `health_check/1` compares with: `:query_latency_p95_ms`, `:correlation_accuracy`,
      `:memory_usage_gb`, `:error_rate`
    * `:storage_backend` (`:ets`) - the in-memory engine, which here is native; `:mnesia` and `:postgres` are refused
      until they exist

  Accepted and kept, without an effect yet: `:cleanup_interval_ms`, `:correlation_timeout_ms`,
  `:index_optimization_interval`, `:max_concurrent_updates`, `:deadlock_timeout_ms`,
  `:transaction_timeout_ms`, `:consistency_level`, `:validation_mode`, `:repair_inconsistencies`, `:metrics_enabled`,
  `:health_check_interval_ms`, `:incremental_updates_enabled`, `:debug_mode`, `:test_mode`,
  `:profiling_enabled`.
  """

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Error

  @thresholds %{
    query_latency_p95_ms: 100,
    correlation_accuracy: 0.95,
    memory_usage_gb: 2.0,
    error_rate: 0.01
  }

  defstruct storage_backend: :ets,
            max_modules: 10_000,
            max_correlations: 1_000_000,
            cleanup_interval_ms: 300_000,
            query_timeout_ms: 30_000,
            correlation_timeout_ms: 5_000,
            cache_size_mb: 512,
            event_log_mb: 64,
            event_log: [],
            index_optimization_interval: 3_600,
            max_concurrent_queries: 100,
            max_concurrent_updates: 10,
            deadlock_timeout_ms: 10_000,
            transaction_timeout_ms: 60_000,
            consistency_level: :eventual,
            validation_mode: :strict,
            repair_inconsistencies: true,
            metrics_enabled: true,
            health_check_interval_ms: 30_000,
            alert_thresholds: @thresholds,
            correlation_enabled: true,
            temporal_storage_enabled: true,
            incremental_updates_enabled: true,
            cache_enabled: true,
            debug_mode: false,
            test_mode: false,
            profiling_enabled: false

  @type t :: %__MODULE__{
          storage_backend: :ets,
          max_modules: pos_integer(),
          max_correlations: pos_integer(),
          cleanup_interval_ms: pos_integer(),
          query_timeout_ms: pos_integer(),
          correlation_timeout_ms: pos_integer(),
          cache_size_mb: pos_integer(),
          event_log_mb: pos_integer(),
          event_log: keyword(),
          index_optimization_interval: pos_integer(),
          max_concurrent_queries: pos_integer(),
          max_concurrent_updates: pos_integer(),
          deadlock_timeout_ms: pos_integer(),
          transaction_timeout_ms: pos_integer(),
          consistency_level: :eventual | :strong,
          validation_mode: :strict | :relaxed,
          repair_inconsistencies: boolean(),
          metrics_enabled: boolean(),
          health_check_interval_ms: pos_integer(),
          alert_thresholds: map(),
          correlation_enabled: boolean(),
          temporal_storage_enabled: boolean(),
          incremental_updates_enabled: boolean(),
          cache_enabled: boolean(),
          debug_mode: boolean(),
          test_mode: boolean(),
          profiling_enabled: boolean()
        }

  @presets %{
    development: [
      debug_mode: true,
      max_modules: 1_000,
      cache_size_mb: 128,
      consistency_level: :strong,
      validation_mode: :strict
    ],
    test: [
      test_mode: true,
      max_modules: 100,
      max_correlations: 10_000,
      cache_size_mb: 32,
      cleanup_interval_ms: 1_000,
      health_check_interval_ms: 1_000
    ],
    production: [
      max_modules: 50_000,
      max_correlations: 10_000_000,
      cache_size_mb: 2_048,
      consistency_level: :eventual,
      validation_mode: :relaxed,
      metrics_enabled: true,
      profiling_enabled: false
    ]
  }

  @counts ~w(max_modules max_correlations cleanup_interval_ms query_timeout_ms correlation_timeout_ms cache_size_mb
             event_log_mb index_optimization_interval max_concurrent_queries max_concurrent_updates
             deadlock_timeout_ms transaction_timeout_ms health_check_interval_ms)a
  @switches ~w(repair_inconsistencies metrics_enabled correlation_enabled temporal_storage_enabled
               incremental_updates_enabled cache_enabled debug_mode test_mode profiling_enabled)a
  @choices %{
    storage_backend: [:ets, :mnesia, :postgres],
    consistency_level: [:eventual, :strong],
    validation_mode: [:strict, :relaxed]
  }
  # Counts cross to the native store as 64-bit integers; nothing sane is larger.
  @count_max 1_000_000_000_000

  @doc """
  The settings for `opts` (a keyword list or a map), or the first thing that is wrong with them.

      iex> {:error, error} = ElixirScope.ASTRepository.Config.new(max_module: 5)
      iex> error.hint
      "did you mean :max_modules?"
  """
  @spec new(keyword() | map() | t()) :: {:ok, t()} | {:error, Error.t()}
  def new(opts \\ [])

  def new(%__MODULE__{} = config), do: config |> Map.from_struct() |> Map.to_list() |> build()

  def new(opts) do
    with {:ok, opts} <- pairs(opts, :options),
         {:ok, env} <-
           pairs(Application.get_env(:elixir_scope, ElixirScope.ASTRepository, []), :application_environment),
         {preset, opts} = Keyword.pop(opts, :preset, Keyword.get(env, :preset)),
         {:ok, base} <- preset(preset) do
      build(base ++ Keyword.delete(env, :preset) ++ opts)
    end
  end

  @doc "The settings for `opts`; raises `ElixirScope.Error` when they are wrong."
  @spec load_config(keyword() | map()) :: t()
  def load_config(opts \\ []) do
    case new(opts) do
      {:ok, config} -> config
      {:error, error} -> raise error
    end
  end

  @doc "Settings for work at the desk: fewer modules, strong consistency, debug output."
  @spec development_config() :: t()
  def development_config, do: struct!(__MODULE__, @presets.development)

  @doc "Settings for a test suite: small limits."
  @spec test_config() :: t()
  def test_config, do: struct!(__MODULE__, @presets.test)

  @doc "Settings for a live system: large limits."
  @spec production_config() :: t()
  def production_config, do: struct!(__MODULE__, @presets.production)

  @doc "The names of all settings."
  @spec names() :: [atom()]
  def names, do: %__MODULE__{} |> Map.from_struct() |> Map.keys() |> Enum.sort()

  defp preset(nil), do: {:ok, []}

  defp preset(name) do
    case @presets do
      %{^name => settings} -> {:ok, settings}
      _ -> Fault.unknown(:preset, name, Map.keys(@presets))
    end
  end

  defp pairs(map, what) when is_map(map) and not is_struct(map), do: map |> Map.to_list() |> pairs(what)

  defp pairs(list, what) do
    if Keyword.keyword?(list),
      do: {:ok, list},
      else: Fault.invalid(what, list, "give a keyword list or a map with atom keys")
  end

  defp build(pairs) do
    Enum.reduce_while(pairs, {:ok, %__MODULE__{}}, fn {name, value}, {:ok, config} ->
      case check(name, value) do
        {:ok, value} -> {:cont, {:ok, Map.put(config, name, value)}}
        error -> {:halt, error}
      end
    end)
  end

  defp check(name, value) when name in @counts do
    if is_integer(value) and value > 0 and value <= @count_max,
      do: {:ok, value},
      else: Fault.invalid(name, value, "give an integer from 1 to #{@count_max}")
  end

  defp check(name, value) when name in @switches do
    if is_boolean(value), do: {:ok, value}, else: Fault.invalid(name, value, "give true or false")
  end

  defp check(:storage_backend, value) when value in [:mnesia, :postgres] do
    Fault.not_implemented("storage_backend: #{inspect(value)}", "use :ets, the native in-memory engine")
  end

  defp check(name, value) when is_map_key(@choices, name) do
    if value in @choices[name], do: {:ok, value}, else: Fault.unknown(name, value, @choices[name])
  end

  defp check(:event_log, value) do
    with {:ok, pairs} <- pairs(value, :event_log) do
      Enum.reduce_while(pairs, {:ok, pairs}, fn {name, bound}, ok ->
        case log_bound(name, bound) do
          :ok -> {:cont, ok}
          error -> {:halt, error}
        end
      end)
    end
  end

  defp check(:alert_thresholds, value) do
    with {:ok, pairs} <- pairs(value, :alert_thresholds) do
      Enum.reduce_while(pairs, {:ok, @thresholds}, fn {name, limit}, {:ok, all} ->
        cond do
          not is_map_key(@thresholds, name) ->
            {:halt, Fault.unknown(:alert_threshold, name, Map.keys(@thresholds))}

          not is_number(limit) or limit < 0 ->
            {:halt, Fault.invalid(name, limit, "give a number, zero or more")}

          true ->
            {:cont, {:ok, Map.put(all, name, limit)}}
        end
      end)
    end
  end

  defp check(name, _value), do: Fault.unknown(:setting, name, names())

  @log_bounds ~w(bytes events age_ms spill spill_bytes)a

  defp log_bound(:bytes, value) when is_integer(value) and value >= 0 and value <= @count_max, do: :ok

  defp log_bound(name, value)
       when name in [:bytes, :spill_bytes] and is_integer(value) and value > 0 and value <= @count_max,
       do: :ok

  defp log_bound(name, value)
       when name in [:events, :age_ms] and
              (is_nil(value) or (is_integer(value) and value > 0 and value <= @count_max)),
       do: :ok

  defp log_bound(:spill, value) when is_nil(value) or (is_binary(value) and value != ""), do: :ok

  defp log_bound(:spill, value),
    do: Fault.invalid(:event_log_spill, value, "give the path of a directory, or nil")

  defp log_bound(name, value) when name in @log_bounds,
    do: Fault.invalid(:event_log, value, "give an integer from 1 to #{@count_max}")

  defp log_bound(name, _value), do: Fault.unknown(:event_log, name, @log_bounds)
end
