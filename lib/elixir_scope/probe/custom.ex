defmodule ElixirScope.Probe.Custom do
  @moduledoc """
  Code of the user's own, as it runs inside of the program: what it did, how long it took, and when it is too much.

  It runs in the process that reached the point, so that it sees what is there. Whatever it raises, throws or exits with is
  counted and goes no further. It cannot be interrupted: no process of the BEAM can stop another's function and let that
  process go on. So it is timed, and code that is slow too often is switched off: a run of more than `run_us` microseconds
  is slow, and after `slow_max` slow runs the code is run no more until `reset/1`. A run that never ends holds its process
  for ever, and what it does to the process itself (its links, mailbox, dictionary, heap) is done.

      config :elixir_scope, custom: [run_us: 1_000, slow_max: 10]

  are the defaults. `all/0` tells what became of each piece of code.
  """

  @runs 1
  @failures 2
  @slow 3
  @off 4
  @time 5
  @longest 6
  @counters 6

  @run_us 1_000
  @slow_max 10

  @typedoc """
  `:code` is the helper module that holds the code. `:runs` that began, `:failures` and `:slow` ones of them, `:ns` that they
  took in all and `:longest_ns`; `:off` when it was switched off.
  """
  @type account :: %{
          code: module(),
          runs: non_neg_integer(),
          failures: non_neg_integer(),
          slow: non_neg_integer(),
          ns: non_neg_integer(),
          longest_ns: non_neg_integer(),
          off: boolean()
        }

  @doc false
  # `{:ok, value}`, `{:failed, kind, reason}` or `:off`. Never raises.
  def run(module, values) do
    {counters, run_native, slow_max} = account(module)

    if :counters.get(counters, @off) == 0 do
      :counters.add(counters, @runs, 1)
      began = :erlang.monotonic_time()

      result =
        try do
          {:ok, apply(module, :run, values)}
        catch
          kind, reason ->
            :counters.add(counters, @failures, 1)
            {:failed, kind, reason}
        end

      took = :erlang.monotonic_time() - began
      :counters.add(counters, @time, took)
      if took > :counters.get(counters, @longest), do: :counters.put(counters, @longest, took)
      if took > run_native, do: slow(counters, slow_max)
      result
    else
      :off
    end
  end

  defp slow(counters, slow_max) do
    :counters.add(counters, @slow, 1)
    if :counters.get(counters, @slow) >= slow_max, do: :counters.put(counters, @off, 1)
  end

  defp account(module) do
    case :persistent_term.get({__MODULE__, module}, nil) do
      nil -> open(module)
      account -> account
    end
  end

  # Two at once may both make one: what the one that is put first counted is lost, a run or two.
  defp open(module) do
    limits = Application.get_env(:elixir_scope, :custom, [])
    limits = if Keyword.keyword?(limits), do: limits, else: []
    run_us = positive(limits[:run_us], @run_us)

    account =
      {:counters.new(@counters, []), :erlang.convert_time_unit(run_us, :microsecond, :native),
       positive(limits[:slow_max], @slow_max)}

    :persistent_term.put({__MODULE__, module}, account)
    account
  end

  defp positive(n, _default) when is_integer(n) and n > 0, do: n
  defp positive(_other, default), do: default

  @doc "What became of one piece of code; `nil` when it never ran."
  @spec of(module()) :: account() | nil
  def of(module) do
    case :persistent_term.get({__MODULE__, module}, nil) do
      nil -> nil
      {counters, _, _} -> told(module, counters)
    end
  end

  @doc "What became of all code that ran in this VM."
  @spec all() :: [account()]
  def all do
    for({{__MODULE__, module}, {counters, _, _}} <- :persistent_term.get(), do: told(module, counters))
    |> Enum.sort_by(& &1.code)
  end

  @doc "How often code of the user's own has failed in this VM."
  @spec failures() :: non_neg_integer()
  def failures, do: all() |> Enum.map(& &1.failures) |> Enum.sum()

  @doc "Lets code run again that was switched off, and counts from the beginning. New limits hold from now on."
  @spec reset(module()) :: :ok
  def reset(module) do
    _ = :persistent_term.erase({__MODULE__, module})
    :ok
  end

  defp told(module, counters) do
    ns = &:erlang.convert_time_unit(:counters.get(counters, &1), :native, :nanosecond)

    %{
      code: module,
      runs: :counters.get(counters, @runs),
      failures: :counters.get(counters, @failures),
      slow: :counters.get(counters, @slow),
      ns: ns.(@time),
      longest_ns: ns.(@longest),
      off: :counters.get(counters, @off) != 0
    }
  end
end
