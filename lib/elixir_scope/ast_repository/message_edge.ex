defmodule ElixirScope.ASTRepository.MessageEdge do
  @moduledoc """
  One message, from the code that sent it to the code that took it, as far as each was recorded.

    * `:kind` - `:message`, `:call`, `:cast`, `:reply`, `:timer`, `:down`, `:exit`, `:system`
    * `:site` - instrumented code sent it; `:sent` - the VM saw it sent; `:arrived` - the VM saw it arrive; `:handled` - a `receive`
      or a callback took it. Each a `RuntimeEvent`, or `nil`
    * `:sender`, `:receiver` - pids, `nil` when not known
    * `:certainty` - `:exact`, `:inferred`, or `:open` while one side is missing; `:basis`, `:because` - on what it stands
    * `:alike` - messages that it had to be told from
    * `:to_none` - nobody was there to receive it
    * `:message` - what was sent, where it was recorded: `{:ok, term}`, else `:not_recorded`
  """

  defstruct [
    :kind,
    :site,
    :sent,
    :arrived,
    :handled,
    :sender,
    :receiver,
    :certainty,
    :basis,
    :because,
    :message,
    alike: 0,
    to_none: false
  ]

  @type t :: %__MODULE__{}

  defimpl Inspect do
    def inspect(edge, _opts) do
      message = with {:ok, term} <- edge.message, do: Kernel.inspect(term, limit: 8, printable_limit: 80)
      to = if edge.handled, do: "#{Kernel.inspect(edge.receiver)} (handled)", else: inspect(edge.receiver)

      "#ElixirScope.Message<#{edge.kind} #{Kernel.inspect(edge.sender)} -> #{to}: #{format(message)} (#{edge.certainty})>"
    end

    defp format(:not_recorded), do: "not recorded"
    defp format(text), do: text
  end
end
