defmodule ElixirScope.ASTRepository.Query.Admission do
  @moduledoc false
  # Questions run on the dirty schedulers, which the ingest needs too: no more than some at a time. Those beyond wait here, in
  # their own process, for as long as their timeout allows. The native side counts; nobody queues on a scheduler.

  alias ElixirScope.Error

  # A question takes a fraction of a millisecond, as a rule.
  @yields 4
  @sleep_ms 1
  @sleep_max_ms 8

  @doc "How many questions run at a time at most, in this VM."
  @spec running_max(map()) :: pos_integer()
  def running_max(handle) do
    dirty = :erlang.system_info(:dirty_cpu_schedulers_online)
    min(handle.configuration.max_concurrent_queries, max(dirty - 1, 1))
  end

  @doc "Asks, again and again while others are at it, until the timeout. `ask` takes what is left of it, in ms, and the bound."
  @spec run(map(), map(), ({non_neg_integer(), pos_integer()} -> result)) :: result when result: term()
  def run(handle, options, ask) do
    timeout = Map.get(options, :timeout, handle.configuration.query_timeout_ms)
    attempt(ask, timeout, now() + timeout, running_max(handle), 0)
  end

  defp attempt(ask, timeout, deadline, running_max, tries) do
    left = max(deadline - now(), 0)

    case ask.({left, running_max}) do
      {:error, %Error{reason: :busy}} when left > 0 ->
        wait(tries, left)
        attempt(ask, timeout, deadline, running_max, tries + 1)

      {:error, %Error{reason: :busy} = error} ->
        {:error,
         %{
           error
           | message:
               "#{running_max} of the repository's questions were being answered, and for #{timeout} ms none ended",
             hint: "ask again later, with a larger timeout:, or see what takes so long in get_statistics/1",
             details: Map.merge(error.details, %{running_max: running_max, timeout: timeout})
         }}

      # What is left of a timeout is not what the caller gave.
      {:error, %Error{reason: :timeout} = error} ->
        {:error,
         %{
           error
           | message: "#{error.details[:what] || "query"} took longer than #{timeout} ms",
             details: Map.put(error.details, :limit_ms, timeout)
         }}

      other ->
        other
    end
  end

  defp wait(tries, _left) when tries < @yields, do: :erlang.yield()

  defp wait(tries, left) do
    Process.sleep(min(left, min(@sleep_max_ms, @sleep_ms * (1 + div(tries - @yields, 8)))))
  end

  defp now, do: System.monotonic_time(:millisecond)
end
