defmodule ElixirScope.ASTRepository.ObservedFlow do
  @moduledoc """
  Messages that one function sent and another took, as they happened.
  `ElixirScope.ASTRepository.MessageFlow` is what the source shows.

    * `:from` - the innermost function that sent; `nil` outside of any
    * `:to` - the one that took
    * `:kind` - `:plain`, `:call`, `:cast`, `:reply`, `:down`, `:exit` or `:system`
    * `:count` - how many
    * `:mean_wait_us` - from sending to taking, in microseconds
    * `:max_wait_us` - the longest
    * `:pattern` - `:request_reply` when any was answered, else `:fan_in` when `:to` takes from several processes, else `:one_way`
    * `:senders` - processes whose messages `:to` took, in all its flows; `:senders_exact` is false when there were more than are
      told apart
    * `:replies` - of calls, how many were answered; `nil` unless the arrival of messages is traced (`ElixirScope.trace/2` with
      `:messages`)
    * `:mean_reply_us`, `:max_reply_us` - from the sending of the call to the arrival of its answer
    * `:queue_max` - most messages in the mailbox when `:to` took one, that one too; `:queue_mean` on average; `nil` unless arrivals are
      traced
  """

  alias ElixirScope.ASTRepository.FunctionData

  defstruct [
    :from,
    :to,
    :kind,
    :count,
    :mean_wait_us,
    :max_wait_us,
    :pattern,
    :senders,
    :senders_exact,
    :replies,
    :mean_reply_us,
    :max_reply_us,
    :queue_max,
    :queue_mean
  ]

  @type t :: %__MODULE__{
          from: FunctionData.key() | nil,
          to: FunctionData.key() | nil,
          kind: atom(),
          count: pos_integer(),
          mean_wait_us: float(),
          max_wait_us: float(),
          pattern: :request_reply | :fan_in | :one_way,
          senders: non_neg_integer(),
          senders_exact: boolean(),
          replies: non_neg_integer() | nil,
          mean_reply_us: float() | nil,
          max_reply_us: float() | nil,
          queue_max: pos_integer() | nil,
          queue_mean: float() | nil
        }
end
