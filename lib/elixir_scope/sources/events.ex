defmodule ElixirScope.Sources.Events do
  @moduledoc false
  # Reads what other sources told back from a repository's event log.

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.Sources.Note

  @sources [:logger, :crash, :telemetry, :exception, :test, :caller]
  @limit 1_000

  def read(repository, opts) do
    with {:ok, opts} <- options(opts) do
      read(repository, opts[:source] |> List.wrap(), opts[:limit])
    end
  end

  defp options(opts) do
    cond do
      not Keyword.keyword?(opts) ->
        Fault.invalid(:options, opts, "give a keyword list")

      unknown = Enum.find(Keyword.keys(opts), &(&1 not in [:source, :limit])) ->
        Fault.unknown(:option, unknown, [:source, :limit])

      unknown = Enum.find(List.wrap(opts[:source]), &(&1 not in @sources)) ->
        Fault.unknown(:source, unknown, @sources)

      true ->
        {:ok, Keyword.merge([source: @sources, limit: @limit], opts)}
    end
  end

  defp read(_repository, _sources, _limit), do: {:error, {Note, :todo}}
end
