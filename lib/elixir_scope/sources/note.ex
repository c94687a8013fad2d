defmodule ElixirScope.Sources.Note do
  @moduledoc false
  # One way in for what other sources tell: written into the ring of the calling thread, so that its order with the process's
  # calls is exact, and it belongs to the activation on top of that process. Bounded and redacted before it gets there.

  alias ElixirScope.Core

  @codes %{logger: 1, crash: 2, telemetry: 3, exception: 4, test: 5, caller: 6}

  @type source :: :logger | :crash | :telemetry | :exception | :test | :caller

  @typedoc "Where it happened, as far as that is known."
  @type place :: %{
          optional(:file) => String.t(),
          optional(:line) => pos_integer(),
          optional(:mfa) => {module(), atom(), arity()}
        }

  @doc "The number of a source in a record."
  @spec code(source()) :: pos_integer()
  def code(source), do: Map.fetch!(@codes, source)

  @doc "Whether anybody listens: otherwise there is nothing to prepare."
  @spec wanted?() :: boolean()
  def wanted?, do: Core.Capture.active?()

  @doc "Writes a note. `:ok`, also when there was no room: that is counted."
  @spec put(source(), place(), term()) :: :ok
  def put(source, place, term) do
    _ = Core.Capture.note(code(source), {source, place, term})
    :ok
  end

  @doc "A place from what Elixir and Erlang say of one; only what has the right form."
  @spec place(map()) :: place()
  def place(meta) do
    Map.new(
      Enum.concat([
        with(file when file != nil <- text(meta[:file]), do: [file: file], else: (_ -> [])),
        if(is_integer(meta[:line]) and meta[:line] > 0, do: [line: meta[:line]], else: []),
        case meta[:mfa] do
          {module, name, arity} when is_atom(module) and is_atom(name) and is_integer(arity) ->
            [mfa: {module, name, arity}]

          _ ->
            []
        end
      ])
    )
  end

  defp text(text) when is_binary(text) and byte_size(text) < 4096, do: if(String.valid?(text), do: text)

  defp text([_ | _] = chars) do
    case :unicode.characters_to_binary(chars) do
      text when is_binary(text) -> text(text)
      _ -> nil
    end
  rescue
    _ -> nil
  end

  defp text(_other), do: nil
end
