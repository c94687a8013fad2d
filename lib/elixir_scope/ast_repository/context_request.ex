defmodule ElixirScope.ASTRepository.ContextRequest do
  @moduledoc """
  What `ElixirScope.ASTRepository.build_hybrid_context/2` is asked for: a symptom or a place, and how much may be said of it.

  Where to begin; at least one, and several add up:

    * `:target` - text that says by itself what it is: a function (`"Shop.Cart.add/3"`, `"Shop.Cart.add"`), a module, the id of a node,
      `"lib/shop/cart.ex:12"`, an error or stacktrace as printed, the number of an activation, or a question in words
    * `:function` - `{module, name, arity}`; `:module` - a module; `:node` - an `ast_node_id`
    * `:file` and `:line` - a place; in a test, the block around it
    * `:error` - an exception, a reason, or the text of either; `:stacktrace` - as `__STACKTRACE__`, or its text
    * `:trace` - a `correlation_id`: an activation with all in it, or what was stored with `store_correlation/3`
    * `:test` - `{module, name}` as ExUnit has them, or `"test/cart_test.exs:12"`
    * `:question` - words, looked for in names and documentation

  How much:

    * `:tokens` - the budget (4,000; from 150 to 1,000,000). It holds for what is rendered, counted as a token for each 3.5 bytes,
      rounded up: more than the tokenizers of language models need for code and English, so the real number is smaller
    * `:format` - what the budget is counted in: `:markdown` (the default) or `:json`
    * `:items` - functions at most (40, up to 200)
    * `:events` - recorded calls shown of each of the first twelve functions (3; 0 for none)
    * `:code` - whether the source text is in it (true)

  Errors of `new/1`: `:invalid_argument`, `:unknown` for an option, with the nearest one.

      iex> alias ElixirScope.ASTRepository.ContextRequest
      iex> {:ok, request} = ContextRequest.new(function: {Shop.Cart, :add, 3}, tokens: 2_000)
      iex> {request.tokens, request.events, request.format}
      {2000, 3, :markdown}
      iex> {:error, error} = ContextRequest.new(function: {Shop.Cart, :add, 3}, token: 2_000)
      iex> {error.reason, error.details.nearest}
      {:unknown, :tokens}
  """

  alias ElixirScope.ASTRepository.{Fault, Schema}
  alias ElixirScope.Error

  defstruct [
    :target,
    :function,
    :module,
    :node,
    :file,
    :line,
    :error,
    :stacktrace,
    :trace,
    :test,
    :question,
    tokens: 4_000,
    format: :markdown,
    items: 40,
    events: 3,
    code: true
  ]

  @type t :: %__MODULE__{
          target: String.t() | nil,
          function: {module(), atom(), arity()} | nil,
          module: module() | nil,
          node: String.t() | nil,
          file: String.t() | nil,
          line: pos_integer() | nil,
          error: Exception.t() | term(),
          stacktrace: Exception.stacktrace() | String.t() | nil,
          trace: integer() | binary() | nil,
          test: {module() | String.t(), atom() | String.t()} | String.t() | nil,
          question: String.t() | nil,
          tokens: pos_integer(),
          format: :markdown | :json,
          items: pos_integer(),
          events: non_neg_integer(),
          code: boolean()
        }

  @starts [:target, :function, :module, :node, :file, :error, :stacktrace, :trace, :test, :question]
  @fields @starts ++ [:line, :tokens, :format, :items, :events, :code]
  @tokens 150..1_000_000
  @text_bytes_max 256 * 1024

  @doc "The request of what a caller gives: a struct, a keyword list, a map, or one of `:target`, `:function`, `:module` as it is."
  @spec new(t() | keyword() | map() | String.t() | tuple() | module()) :: {:ok, t()} | {:error, Error.t()}
  def new(%__MODULE__{} = request), do: request |> Map.from_struct() |> check()
  def new(%{} = map) when not is_struct(map), do: check(map)
  def new(text) when is_binary(text), do: check(%{target: text})
  def new({_, _, _} = key), do: check(%{function: key})
  def new([]), do: nothing([])

  def new(list) when is_list(list) do
    if Keyword.keyword?(list), do: check(Map.new(list)), else: invalid(list)
  end

  def new(module) when is_atom(module) and module not in [nil, true, false], do: check(%{module: module})
  def new(%{__exception__: true} = error), do: check(%{error: error})
  def new(other), do: invalid(other)

  defp invalid(other) do
    Fault.invalid(
      :request,
      other,
      "give a ContextRequest, a keyword list such as [function: {MyApp.Cart, :add, 3}], or text"
    )
  end

  defp nothing(given) do
    Fault.invalid(:request, given, "say where to begin: one of #{Enum.map_join(@starts, ", ", &inspect/1)}")
  end

  defp check(map) do
    given = for {key, value} <- map, value != nil, into: %{}, do: {key, value}

    with :ok <- known(Map.keys(map)),
         :ok <- begins(given),
         :ok <- each(given) do
      {:ok, struct(__MODULE__, given)}
    end
  end

  defp known(keys) do
    case Enum.find(keys, &(&1 not in @fields)) do
      nil -> :ok
      other -> Fault.unknown(:option, other, @fields)
    end
  end

  defp begins(given) do
    cond do
      Map.has_key?(given, :line) and not Map.has_key?(given, :file) ->
        Fault.invalid(:line, given.line, "give the file too")

      Map.has_key?(given, :file) and not Map.has_key?(given, :line) ->
        Fault.invalid(:file, given.file, "give the line too; a module or a function is found by its name")

      not Enum.any?(@starts, &Map.has_key?(given, &1)) ->
        nothing(given)

      true ->
        :ok
    end
  end

  defp each(given) do
    Enum.reduce_while(given, :ok, fn {key, value}, :ok ->
      case field(key, value) do
        :ok -> {:cont, :ok}
        error -> {:halt, error}
      end
    end)
  end

  defp field(key, value) when key in [:target, :question], do: text(key, value)
  defp field(:function, value), do: Schema.function_key(value)
  defp field(:module, value), do: Schema.module_name(value)
  defp field(:node, value), do: Schema.node_id(value)
  defp field(:file, value), do: text(:file, value)
  defp field(:line, line) when is_integer(line) and line in 1..0xFFFF_FFFF, do: :ok
  defp field(:line, other), do: Fault.invalid(:line, other, "give a line from 1 on")
  defp field(:error, value) when is_binary(value), do: text(:error, value)
  defp field(:error, _value), do: :ok
  defp field(:stacktrace, value) when is_binary(value), do: text(:stacktrace, value)

  defp field(:stacktrace, value) when is_list(value) do
    if List.improper?(value), do: bad_stack(value), else: :ok
  end

  defp field(:stacktrace, other), do: bad_stack(other)
  defp field(:trace, value), do: Schema.correlation_id(value)

  defp field(:test, {module, name})
       when (is_atom(module) or is_binary(module)) and (is_atom(name) or is_binary(name)) do
    with :ok <- text(:test, to_string(module)), do: text(:test, to_string(name))
  end

  defp field(:test, value) when is_binary(value), do: text(:test, value)

  defp field(:test, other),
    do: Fault.invalid(:test, other, ~s(give {module, name} or "test/cart_test.exs:12"))

  defp field(:tokens, tokens) when is_integer(tokens) and tokens in @tokens, do: :ok

  defp field(:tokens, other) do
    Fault.invalid(:tokens, other, "give a budget from #{@tokens.first} to #{@tokens.last} tokens")
  end

  defp field(:format, format) when format in [:markdown, :json], do: :ok
  defp field(:format, other), do: Fault.unknown(:format, other, [:markdown, :json])
  defp field(:items, items) when is_integer(items) and items in 1..200, do: :ok
  defp field(:items, other), do: Fault.invalid(:items, other, "give a number from 1 to 200")
  defp field(:events, events) when is_integer(events) and events in 0..20, do: :ok
  defp field(:events, other), do: Fault.invalid(:events, other, "give a number from 0 to 20")
  defp field(:code, code) when is_boolean(code), do: :ok
  defp field(:code, other), do: Fault.invalid(:code, other, "give true or false")

  defp bad_stack(other),
    do: Fault.invalid(:stacktrace, other, "give a list of frames, as __STACKTRACE__ is, or their text")

  defp text(what, text) when is_binary(text) and text != "" and byte_size(text) <= @text_bytes_max do
    if String.valid?(text), do: :ok, else: Fault.invalid(what, text, "give UTF-8 text")
  end

  defp text(what, other), do: Fault.invalid(what, other, "give text of at most #{@text_bytes_max} bytes")
end
