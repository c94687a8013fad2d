defmodule ElixirScope.ASTRepository.ProcessState do
  @moduledoc """
  How a process stood at a moment, worked out from what was recorded.

    * `:pid`, `:at` - the process; the moment, in nanoseconds since 1970
    * `:status` - `:running`, `:waiting`, `:exited`, `:unknown` (nothing of it was recorded up to then)
    * `:stack` - open activations, innermost first: `%{module:, function:, arity:, line:, correlation_id:, arguments:, bindings:, versions:,
      event:}`, with
      `arguments: {:ok, list} | :not_recorded`, `bindings: %{name => {:ok, value} | :not_recorded}` as bound last, and `versions: [{name,
      version, value}]`, all that was bound so far, in that order: a name that was bound again within a `case` or the like has its earlier
      version again after it, which no event tells
    * `:state` - of an OTP behaviour: `{:ok, state}`, from the result of its last callback or the argument of the one that runs; else
      `:not_recorded`. `:state_from` - the event that it is read from
    * `:mailbox` - what had arrived and was not taken yet, oldest first: `RuntimeEvent`s. `:unaccounted` - what arrived and was never seen
      to be taken, by a process that has gone on since: code without probes may have taken it
    * `:links` - pids; `:names` - names it was registered under
    * `:spawned`, `:exited`, `:last_event` - `RuntimeEvent`s or `nil`
    * `:missing` - what is not known, and why: a list of `{what, reason}` with what of `:stack`, `:bindings`, `:state`, `:mailbox`,
      `:links`, `:monitors`, `:past`
  """

  defstruct [
    :pid,
    :at,
    :status,
    :state,
    :state_from,
    :spawned,
    :exited,
    :last_event,
    stack: [],
    mailbox: [],
    unaccounted: [],
    links: [],
    names: [],
    missing: []
  ]

  @type t :: %__MODULE__{}
end
