defmodule ElixirScope.Core.Values do
  @moduledoc false
  # Recorded values: encoding for whoever has a term, decoding, and the rules of what is withheld.

  alias ElixirScope.{Core, Native}

  # {mode, depth, width, bytes, time_ns}
  @full {:full, 64, 10_000, 65_536, 1_000_000}

  @doc "The bytes that the event log would keep of a term: `{:ok, bytes}`."
  def encode(term, bounds \\ @full), do: Core.call(fn -> Native.value_encode(term, bounds) end)

  @doc "Nanoseconds that encoding a term so often takes, for benchmarks: `{:ok, ns}`."
  def time(term, bounds, times), do: Core.call(fn -> Native.value_time(term, bounds, times) end)

  @doc "The term of such bytes: `{:ok, term}`."
  def decode(bytes), do: Core.call(fn -> Native.value_decode(bytes) end)

  @doc "Such bytes as text, of about `bytes_max` bytes at most."
  def show(bytes, bytes_max \\ 1_000), do: Core.call(fn -> Native.value_show(bytes, bytes_max) end)

  @doc "A text with its secrets masked. Without the library there is nothing to mask with, and nothing is given."
  def redact_text(text) do
    case Core.call(fn -> Native.value_redact_text(text) end) do
      masked when is_binary(masked) -> masked
      _ -> "[REDACTED]"
    end
  end

  @doc "`{key, tag, key_of_from}`: how a message is recognised."
  def message_key(message, from \\ nil), do: Core.call(fn -> Native.value_message_key(message, from) end)

  # what is withheld
  def secret_name?(name), do: Core.call(fn -> Native.redaction_secret_name(name) end) == true

  def configure(parts, wholes, looks, patterns),
    do: Core.call(fn -> Native.redaction_configure(parts, wholes, looks, patterns) end)

  def classify(module, class), do: Core.call(fn -> Native.redaction_classify(module, class) end)

  @doc "All of these hide nothing."
  def classify_plain(modules), do: Core.call(fn -> Native.redaction_classify_plain(modules) end)

  def waiting do
    case Core.call(fn -> Native.redaction_waiting() end) do
      modules when is_list(modules) -> modules
      _ -> []
    end
  end

  def unclassified, do: Core.call(fn -> Native.redaction_unclassified() end)
end
