defmodule ElixirScope.ASTRepository.HybridContext do
  @moduledoc """
  What belongs to a question, ranked, redacted, and within a budget: the answer of
  `ElixirScope.ASTRepository.build_hybrid_context/2`.

      {:ok, context} = ElixirScope.ASTRepository.build_hybrid_context(repo, function: {Shop.Cart, :add, 3}, tokens: 2_000)
      IO.puts(context)

    * `:request` - the `ElixirScope.ASTRepository.ContextRequest`
    * `:target` - what was understood: `%{kind:, text:}`; `:seeds` - where the walk began, `[%{ast_node_id:, weight:}]`
    * `:items` - `ElixirScope.ASTRepository.HybridContext.Item`s, best first
    * `:also` - `[%{ast_node_id:, score:}]` of the next ones, for which there was only so much room; `:found` - functions in all
    * `:tokens` - what it takes, of `request.tokens`; see `tokens/1`
    * `:loss` - `%{lost: n, evicted: n, events: n}`: events that figures may miss, those that the log no longer holds, those that
      were seen
    * `:sampling` - `%{gates: n, estimated: n}` of this VM: gates that are set, and those that refused something, so that figures of
      their functions are of a part
    * `:unsettled` - what the ranking left open: no proximity is more than this too small
    * `:as_of` - `%{version:, events:}` of the repository; `:duration_us`

  `to_string/1` and `to_markdown/1` give Markdown, `to_json/1` JSON. Every function stands with its node's id, every recorded call with
  its event's.

  ## Ranking

  A walker begins at the seeds, follows an edge by its weight, and begins again with probability 0.15: personalised PageRank (Page et al.,
  "The PageRank Citation Ranking", 1999; Haveliwala, "Topic-Sensitive PageRank", 2002), found by forward push (Andersen, Chung, Lang,
  2006). Edges lead both ways, to callers at 0.6 by the root of how many they call (a fifth of it to a module's body, where tests stand): written calls (1.0; captures and dispatch 0.7; what macros made 0.4), messages from
  who sends to who takes them (1.0, 0.6 when that is only possible), the module around (0.1), and observed calls (1 to 2, more for what is
  called again and again). An edge weighs more the more interesting its other end is, and the score is the walker's share times that
  interest, times 4 for what alone was asked for (1 + 3·its part of the seeds):

      (1 + 2·failing + 2·origin + 2·swallowed + 2·heat + repeated + change + 2·unheard + finding/2) · (1 - 0.6·idle)

  each from 0 to 1: the share of calls that failed (from 0.5 on), that of failures which came from no function it calls (from 0.5), that of
  calls which went on after one they made had failed (from 0.5), the root of its share of all self time, how often it is called from one call
  (four times and more), whether its code changed (half in a week), whether it sends a message that its receiver takes in no clause,
  whether there is a finding in it, and whether its module ran and it did not.
  """

  alias ElixirScope.ASTRepository.{ContextRequest, HybridContext.Document, HybridContext.Item}
  alias ElixirScope.ASTRepository.HybridContext.Markdown
  alias ElixirScope.Error

  defstruct [
    :request,
    :target,
    :as_of,
    :unsettled,
    :duration_us,
    seeds: [],
    items: [],
    also: [],
    found: 0,
    tokens: 0,
    loss: %{lost: 0, evicted: 0, events: 0},
    sampling: %{gates: 0, estimated: 0}
  ]

  @type t :: %__MODULE__{
          request: ContextRequest.t(),
          target: %{kind: atom(), text: String.t()},
          seeds: [%{ast_node_id: String.t(), weight: float()}],
          items: [Item.t()],
          also: [%{ast_node_id: String.t(), score: float()}],
          found: non_neg_integer(),
          tokens: non_neg_integer(),
          loss: map(),
          sampling: map(),
          unsettled: float(),
          as_of: map(),
          duration_us: non_neg_integer()
        }

  @doc """
  How many tokens a text is counted as: one for each 3.5 bytes, rounded up.

      iex> ElixirScope.ASTRepository.HybridContext.tokens("def add(a, b), do: a + b")
      7
  """
  @spec tokens(iodata()) :: non_neg_integer()
  def tokens(text), do: div(2 * IO.iodata_length(text) + 6, 7)

  @doc "The context as Markdown."
  @spec to_markdown(t()) :: String.t()
  def to_markdown(%__MODULE__{} = context), do: context |> Markdown.render() |> IO.iodata_to_binary()

  @doc """
  The context as JSON, on one line: `{"schema": "elixir_scope.context", "version": 1, "target": {...}, "items": [...], ...}`, with the
  fields of this struct and of `ElixirScope.ASTRepository.HybridContext.Item`, without what is `nil`. Its size is what the budget was counted in when
  the request says `format: :json`.
  """
  @spec to_json(t()) :: {:ok, String.t()} | {:error, Error.t()}
  def to_json(%__MODULE__{} = context), do: Document.encode(context)

  defimpl String.Chars do
    def to_string(context), do: ElixirScope.ASTRepository.HybridContext.to_markdown(context)
  end
end
