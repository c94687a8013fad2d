defmodule ElixirScope.Trace.Plan do
  @moduledoc false
  # What a trace is to do, checked: everything is known before the VM is touched.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Capture.GateOptions
  alias ElixirScope.{Error, Suggest}
  alias ElixirScope.Instrumentation.Loader
  alias ElixirScope.Trace.Condition

  defstruct functions: [],
            measured: [],
            measure: [],
            processes: [],
            flags: [],
            options: [],
            bounds: %{},
            limits: nil,
            inherit: false,
            owner: nil,
            skipped: []

  @options [
    :functions,
    :processes,
    :flags,
    :measure,
    :returns,
    :return_to,
    :values,
    :capture_config,
    :inherit,
    :count,
    :rate,
    :on_rate,
    :time_ms,
    :owner
  ]
  @flags [:calls, :messages, :processes, :scheduling, :garbage_collection]
  @values [:arguments, :results, :messages]
  @measures [:count, :time, :memory]
  @count 10_000
  @count_max 1_000_000_000
  @time_ms 60_000
  @time_max_ms 24 * 3_600_000

  @doc "`{:ok, plan}` or an error that says what to write instead."
  def new(targets, options) do
    with {:ok, given} <- given(targets, options),
         :ok <- known(given),
         {:ok, limits} <- limits(given),
         {:ok, flags} <- choices(given, :flags, default_flags(given), @flags),
         {:ok, measure} <- choices(given, :measure, [], @measures),
         :ok <- measurable(measure),
         {:ok, values} <- choices(given, :values, [], @values),
         {:ok, bounds} <- GateOptions.changes(Keyword.take(given, [:capture_config])),
         {:ok, functions, skipped} <- functions(List.wrap(given[:functions])),
         {:ok, processes} <- processes(given, flags),
         {:ok, owner} <- owner(Keyword.get(given, :owner, self())),
         :ok <- something(functions, skipped, flags, measure) do
      ends = if Keyword.get(given, :returns, true), do: [:ends], else: []

      {:ok,
       %__MODULE__{
         functions: if(:calls in flags, do: functions, else: []),
         measured: if(measure == [], do: [], else: Enum.map(functions, &elem(&1, 0))),
         measure: measure,
         processes: processes,
         flags: vm_flags(flags, measure, values, given) ++ if(given[:inherit], do: [:set_on_spawn], else: []),
         options: ends ++ values,
         bounds: bounds,
         limits: limits,
         inherit: given[:inherit] == true,
         owner: owner,
         skipped: skipped
       }}
    end
  end

  defp given(targets, options) do
    cond do
      not Keyword.keyword?(options) ->
        invalid("the limits are no keyword list", "write count: 100, time_ms: 5_000")

      is_list(targets) and targets != [] and Keyword.keyword?(targets) and
          hd(Keyword.keys(targets)) in @options ->
        {:ok, targets ++ options}

      true ->
        {:ok, [functions: List.wrap(targets)] ++ options}
    end
  end

  defp known(given) do
    case Keyword.keys(given) -- @options do
      [] ->
        :ok

      [unknown | _] ->
        invalid("#{inspect(unknown)} is no option of a trace", Suggest.hint(unknown, @options))
    end
  end

  ## Limits

  defp limits(given) do
    count = Keyword.get(given, :count, @count)
    time_ms = Keyword.get(given, :time_ms, @time_ms)

    with :ok <- within(:count, count, @count_max),
         :ok <- within(:time_ms, time_ms, @time_max_ms),
         {:ok, rate, window_ms} <- rate(given[:rate]),
         {:ok, rate_ends} <- on_rate(Keyword.get(given, :on_rate, :stop)) do
      {:ok, {count, rate, window_ms, rate_ends, time_ms}}
    end
  end

  defp within(_name, value, max) when is_integer(value) and value > 0 and value <= max, do: :ok

  defp within(name, value, max) do
    invalid(
      "#{name}: #{Fault.show(value)} is no limit",
      "a trace always ends: give a whole number from 1 to #{max}"
    )
  end

  defp rate(nil), do: {:ok, 0, 1}

  defp rate({n, ms}) when is_integer(n) and n > 0 and is_integer(ms) and ms > 0, do: {:ok, n, ms}

  defp rate(other),
    do:
      invalid(
        "rate: #{Fault.show(other)} is no rate",
        "write rate: {1_000, 100}: a thousand events within 100 ms"
      )

  defp on_rate(:stop), do: {:ok, true}
  defp on_rate(:skip), do: {:ok, false}
  defp on_rate(other), do: invalid("on_rate: #{Fault.show(other)} is unknown", "it is :stop or :skip")

  ## Choices

  defp choices(given, name, default, allowed) do
    chosen = List.wrap(Keyword.get(given, name, default))

    case chosen -- allowed do
      [] ->
        {:ok, Enum.uniq(chosen)}

      [other | _] ->
        invalid(
          "#{Fault.show(other)} is none of #{name}",
          "#{name} are #{Enum.map_join(allowed, ", ", &inspect/1)}"
        )
    end
  end

  defp default_flags(given) do
    if given[:functions] in [nil, []] or given[:measure] not in [nil, []], do: [], else: [:calls]
  end

  defp measurable(measure) do
    if :memory in measure and otp() < 26,
      do:
        {:error,
         %Error{
           reason: :unsupported,
           message: "memory per function needs OTP 26",
           hint: "measure: [:count, :time]"
         }},
      else: :ok
  end

  def otp, do: :erlang.system_info(:otp_release) |> List.to_integer()

  defp vm_flags(flags, measure, values, given) do
    calls = if :calls in flags or measure != [], do: [:call], else: []
    arity = if calls != [] and :arguments not in values, do: [:arity], else: []

    return_to = if :calls in flags and given[:return_to] == true, do: [:return_to], else: []

    calls ++
      arity ++
      return_to ++
      Enum.flat_map(flags, fn
        :calls -> []
        :messages -> [:send, :receive]
        :processes -> [:procs]
        :scheduling -> [:running]
        :garbage_collection -> [:garbage_collection]
      end)
  end

  defp something(functions, skipped, flags, measure) do
    cond do
      functions == [] and skipped != [] and (:calls in flags or measure != []) ->
        invalid(
          "all of these modules are instrumented: #{Enum.map_join(skipped, ", ", &inspect/1)}",
          "their probes report their calls: ElixirScope.Capture.start()"
        )

      functions == [] and (:calls in flags or measure != []) ->
        invalid("no function is named", "write functions: [{MyApp.Cart, :add, 2}]")

      flags == [] and measure == [] ->
        invalid("nothing is to be traced", "name functions, or give flags: [:messages]")

      true ->
        :ok
    end
  end

  ## Functions

  # Every function by its name: what is set is known, and can be taken away.
  defp functions(patterns) do
    Enum.reduce_while(patterns, {:ok, [], []}, fn pattern, {:ok, found, skipped} ->
      with {:ok, {module, name, arity, condition}} <- pattern(pattern),
           {:ok, heads} <- Condition.compile(condition),
           {:ok, functions} <- of_module(module, name, arity) do
        cond do
          functions == :instrumented ->
            {:cont, {:ok, found, [module | skipped]}}

          heads_fit?(heads, functions) ->
            {:cont, {:ok, found ++ Enum.map(functions, &{&1, heads}), skipped}}

          true ->
            {:halt,
             invalid(
               "the condition takes another number of arguments than the function",
               "one pattern for each argument"
             )}
        end
      else
        error -> {:halt, error}
      end
    end)
    |> case do
      {:ok, found, skipped} -> {:ok, Enum.uniq_by(found, &elem(&1, 0)), Enum.uniq(skipped)}
      error -> error
    end
  end

  defp pattern(module) when is_atom(module) and module != :_, do: {:ok, {module, :_, :_, nil}}
  defp pattern({module, name}) when is_atom(module) and is_atom(name), do: pattern({module, name, :_, nil})

  defp pattern({module, name, arity}) when is_integer(arity) or arity == :_,
    do: pattern({module, name, arity, nil})

  defp pattern({module, name, condition}), do: pattern({module, name, :_, condition})

  defp pattern({module, name, arity, condition})
       when is_atom(module) and module != :_ and is_atom(name) and (is_integer(arity) or arity == :_) do
    {:ok, {module, name, arity, condition}}
  end

  defp pattern(other) do
    invalid(
      "#{Fault.show(other)} names no function",
      "write Module, {Module, :name}, {Module, :name, arity} or {Module, :name, arity, condition}"
    )
  end

  defp of_module(module, name, arity) do
    case Code.ensure_loaded(module) do
      {:module, _} ->
        if instrumented?(module), do: {:ok, :instrumented}, else: matching(module, name, arity)

      {:error, _} ->
        {:error,
         %Error{reason: :not_found, message: "#{inspect(module)} is no module that can be loaded", hint: nil}}
    end
  end

  defp instrumented?(module), do: Loader.loaded_build(module) != nil

  defp matching(module, name, arity) do
    found =
      for {own, own_arity} <- module.module_info(:functions),
          name in [:_, own] and arity in [:_, own_arity],
          do: {module, own, own_arity}

    if found == [],
      do:
        {:error,
         %Error{reason: :not_found, message: "#{inspect(module)} has no function #{name}/#{arity}", hint: nil}},
      else: {:ok, found}
  end

  defp heads_fit?(heads, functions) do
    Enum.any?(functions, fn {_, _, arity} ->
      Enum.any?(heads, fn {head, _} -> head == :_ or length(head) == arity end)
    end)
  end

  ## Processes

  defp processes(given, _flags) do
    case given[:processes] do
      nil ->
        invalid(
          "it is not said which processes to trace",
          "processes: pids or names, or :new, :existing, or :all for every process of the VM"
        )

      given ->
        given |> List.wrap() |> Enum.reduce_while({:ok, []}, &process/2)
    end
  end

  defp process(all, {:ok, found}) when all in [:all, :new, :existing], do: {:cont, {:ok, found ++ [all]}}

  defp process(pid, {:ok, found}) when is_pid(pid) do
    if node(pid) == node() and Process.alive?(pid),
      do: {:cont, {:ok, found ++ [pid]}},
      else: {:halt, missing(pid)}
  end

  defp process(name, {:ok, found}) when is_atom(name) do
    case Process.whereis(name) do
      pid when is_pid(pid) -> {:cont, {:ok, found ++ [pid]}}
      _ -> {:halt, missing(name)}
    end
  end

  defp process(other, _),
    do: {:halt, invalid("#{Fault.show(other)} is no process", "a pid, a name, :new, :existing or :all")}

  defp missing(who) do
    {:error,
     %Error{reason: :not_found, message: "#{inspect(who)} is no living process of this node", hint: nil}}
  end

  defp owner(pid) when is_pid(pid) or pid == :nobody, do: {:ok, pid}
  defp owner(other), do: invalid("owner: #{Fault.show(other)} is no process", "a pid, or :nobody")

  defp invalid(message, hint), do: {:error, %Error{reason: :invalid_argument, message: message, hint: hint}}
end
