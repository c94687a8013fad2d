defmodule ElixirScope.ASTRepository.PerformanceAnalysis do
  @moduledoc """
  Where time goes, what is done again and again, what got slower, what is risky: `ElixirScope.ASTRepository.analyze_performance/2`.

      {:ok, analysis} = ASTRepository.analyze_performance(repo, kinds: [:latency, :n_plus_one], limit: 5)
      for finding <- analysis.findings, do: IO.puts("\#{finding.what}: \#{finding.next_step}")

  ## Kinds

  | kind | what is found | from |
  |---|---|---|
  | `:hotspot_self` | functions with the most time of their own, those last that only wait | statistics of all calls |
  | `:hotspot_inclusive` | functions with the most time, callees included | the same |
  | `:regression` | functions that take longer than in the baseline, significantly and by enough to matter | durations of activations of both |
  | `:improvement` | the same, faster; only when it is asked for | the same |
  | `:latency` | what the time of a function is made of: own work, callees, waiting for messages, garbage collection | the event log |
  | `:n_plus_one` | a function that one activation calls many times | the event log |
  | `:repeated_work` | the same with equal arguments | the event log, with arguments |
  | `:complexity_time` | whether complex functions are the slow ones, and which are both | source and statistics |
  | `:untested` | what ran here and no test reaches | `tests:`, or what `mix elixir_scope.test` stored |
  | `:undocumented` | public functions that ran and have no documentation | source and statistics |
  | `:dead_code` | functions that nothing leads to, and that were never observed | call graph and statistics |
  | `:risk` | complex and hardly tested (CRAP), changed often, failing | source, versions, statistics |

  Durations are microseconds, of the wall clock. In a recursion each activation counts its inclusive time, so that of the function is a
  multiple of what passed. A chain of tail calls of one function and its recursion count as one activation for `:n_plus_one`.

  ## Options

    * `kinds:` - a list (all but `:improvement`)
    * `limit:` - findings of each kind (20), those that weigh most first
    * `baseline:` - for regressions: a repository, or the path of a saved one. Without it the two builds that the event log
      holds last of each function are compared
    * `tests:` - a repository, or the path of a saved one, that observed the tests
    * `from:`, `to:` - only what the log holds between these times, nanoseconds since 1970
    * `alpha:` (0.05), `min_change:` (1.25, the ratio of medians), `min_change_us:` (1.0), `min_samples:` (20 activations on either
      side), `samples:` (2,000 durations kept of each function and build)
    * `repeats:` (10 calls from one activation), `min_share:` (0.05 of the caller's time), `crap:` (30)
    * `timeout:` (ms, 60,000)

  ## Regressions

  Durations of both sides are compared by the test of Mann and Whitney, two-sided; p values of all functions that were compared are
  adjusted after Benjamini and Hochberg. A finding needs an adjusted p below `alpha`, medians that differ by the ratio `min_change` and
  by `min_change_us`. The test takes activations as independent. Those of one run share its machine, its caches and its
  neighbours, so that two runs of the same code can differ, and significantly so: `min_change` is there for that, and several
  runs on a quiet machine are better than one. `evidence.explained_by` names a callee whose own slowdown makes up most of it.

  ## Fields

    * `:findings` - `ElixirScope.ASTRepository.PerformanceAnalysis.Finding`s, kind by kind in the order above
    * `:kinds` - `%{kind => %{examined: n, found: m, unknown: reason | nil}}`; `found` counts those that `limit` cut off, `unknown` says
      why nothing can be told: the log has no messages, no baseline was given
    * `:sources` - which kinds of events the log holds: `%{calls:, values:, scheduling:, collections:, messages:}`
    * `:events` - events that were read; `:from`, `:to` - when they were (`DateTime`s, or `nil`)
    * `:complete?`, `:dropped`, `:evicted` - whether events were lost while recording, or went from the log since: then figures are
      lower bounds, and every confidence is lower by the share of what is missing
    * `:duration_us`
  """

  alias ElixirScope.ASTRepository.PerformanceAnalysis.{
    Facts,
    Finding,
    Hotspots,
    Latency,
    Regressions,
    Repeats,
    Request
  }

  alias ElixirScope.ASTRepository.PerformanceAnalysis.{Reach, Risk}
  alias ElixirScope.Error

  defstruct findings: [],
            kinds: %{},
            sources: %{},
            events: 0,
            from: nil,
            to: nil,
            complete?: true,
            dropped: 0,
            evicted: 0,
            duration_us: 0

  @type kind ::
          :hotspot_self
          | :hotspot_inclusive
          | :regression
          | :improvement
          | :latency
          | :n_plus_one
          | :repeated_work
          | :complexity_time
          | :untested
          | :undocumented
          | :dead_code
          | :risk

  @type t :: %__MODULE__{
          findings: [Finding.t()],
          kinds: %{
            kind() => %{
              examined: non_neg_integer(),
              found: non_neg_integer(),
              unknown: String.t() | nil
            }
          },
          sources: %{optional(atom()) => boolean()},
          events: non_neg_integer(),
          from: DateTime.t() | nil,
          to: DateTime.t() | nil,
          complete?: boolean(),
          dropped: non_neg_integer(),
          evicted: non_neg_integer(),
          duration_us: non_neg_integer()
        }

  @doc "All kinds, in the order of an answer."
  @spec kinds() :: [kind()]
  def kinds, do: Request.kinds()

  @doc false
  @spec run(term(), keyword() | map()) :: {:ok, t()} | {:error, Error.t()}
  def run(repository, request) do
    began = System.monotonic_time(:microsecond)

    with {:ok, request} <- Request.new(request),
         {:ok, facts} <- Facts.read(repository, request),
         {:ok, answers} <- answer(request.kinds, facts, request, []) do
      {:ok,
       %__MODULE__{
         findings:
           for(
             {_kind, %{findings: findings}} <- answers,
             finding <- Enum.take(findings, request.limit),
             do: finding
           ),
         kinds:
           for({kind, answer} <- answers, into: %{}) do
             {kind, %{examined: answer.examined, found: length(answer.findings), unknown: answer.unknown}}
           end,
         sources: facts.causes.sources,
         events: facts.causes.events,
         from: time(facts.causes.first_ns),
         to: facts.causes.first_ns && time(facts.causes.last_ns),
         complete?: facts.dropped == 0 and facts.evicted == 0,
         dropped: facts.dropped,
         evicted: facts.evicted,
         duration_us: System.monotonic_time(:microsecond) - began
       }}
    end
  end

  defp answer([], _facts, _request, done), do: {:ok, Enum.reverse(done)}

  defp answer([kind | rest], facts, request, done) do
    with {:ok, answer} <- find(kind, facts, request),
         do: answer(rest, facts, request, [{kind, answer} | done])
  end

  defp find(kind, facts, request) when kind in [:hotspot_self, :hotspot_inclusive, :complexity_time],
    do: Hotspots.find(kind, facts, request)

  defp find(kind, facts, request) when kind in [:regression, :improvement],
    do: Regressions.find(kind, facts, request)

  defp find(:latency, facts, request), do: Latency.find(facts, request)

  defp find(kind, facts, request) when kind in [:n_plus_one, :repeated_work],
    do: Repeats.find(kind, facts, request)

  defp find(kind, facts, request) when kind in [:untested, :undocumented, :dead_code],
    do: Reach.find(kind, facts, request)

  defp find(:risk, facts, request), do: Risk.find(facts, request)

  defp time(nil), do: nil

  defp time(ns) do
    with {:ok, time} <- DateTime.from_unix(ns, :nanosecond), do: time, else: (_ -> nil)
  end
end
