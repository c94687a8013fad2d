defmodule ElixirScope.ASTRepository.Pattern do
  @moduledoc """
  Code to look for, with places left open: what `ElixirScope.ASTRepository.find_ast_nodes_by_pattern/2` takes.

  A pattern is Elixir code, as text or quoted. It matches code of the same structure, whatever its layout.

      iex> {:ok, pattern} = ElixirScope.ASTRepository.Pattern.new("Enum.map(list, fun) when is_function(fun)")
      iex> pattern.captures
      ["list", "fun"]
      iex> inspect(pattern)
      "#ElixirScope.ASTRepository.Pattern<Enum.map(list, fun) when is_function(fun)>"

  ## What is left open

  | in a pattern | matches |
  |---|---|
  | `_`, `_name` | any one thing |
  | `x` (any other variable) | any one thing, and captures it. The same name twice: equal code |
  | `...` | any number of arguments, elements or statements, none too |
  | `...rest` | the same, captured |
  | `^x` | what `x` captures elsewhere in the pattern; if nothing else captures `x`, the pin operator of the code |
  | `_(...)`, `Mod._(...)` | a call of any name |
  | `__any__(p, q, ...)` | what one of the patterns matches |
  | `__not__(p)` | any one thing that `p` does not match |
  | `__deep__(p)` | something that `p` matches, or that has such a thing in it |
  | `var!(x)` | the variable `x` itself |
  | `__literal__(code)` | the code as it is written: variables are variables, `...` is `...` |

  `@name` is the attribute of that name, `&name/1` the capture of that function. `f(a: 1, ...)` is no Elixir: write
  `f([{:a, 1}, ...])`. A `...` as a body (`do ... end`, `-> ...`) is any body. A pattern of several statements matches
  such statements side by side, in any block; its matches are named by their first.

  Numbers of arguments count: `f(_)` is `f/1`. So do clauses and options: `if x do ... end` has no `else`.

  ## What is looked through

  | the pattern | finds, too | unless |
  |---|---|---|
  | `Enum.map(_, _)` | `E.map(a, b)` under `alias Enum, as: E`; `map(a, b)` under `import Enum`; `__MODULE__.f()` | `resolve: false` |
  | `f(a, b)` | `a \|> f(b)` | `pipes: false` |
  | `Enum.map(_, _)` | `&Enum.map/2` | only with `captures: true` |
  | `Enum.map(_, _)` | `apply(Enum, :map, [a, b])` | only with `apply: true` |
  | `if(c, do: x)` | `if c do x end`, and the other way round | |
  | `f(x)` | `f x` | |

  Modules in a pattern are written in full. A local function that hides an import is not the imported one, and a
  variable is no call. Macros are not run: what a `use` imports or aliases is not seen. Of a module that is imported
  whole, `Mod.f(_)` is taken to be `f(_)`; `Mod._(...)` is not.

  A pipe is one call, from its first value on: `a |> f(b)` is found as a whole, and `f(b)` in it is no `f/1`.
  `{:a, 1}` is also found in `[a: 1]`, which is the same code; the `do` of a block is not.

  ## Guards

  A `when` around the whole pattern says more of its captures (for a `when` in the code: `def f(x) when g`; around
  everything, `(p when g) when true`):

    * `is_atom(x)`, and the same with `boolean nil integer float number binary list keyword tuple map struct module
      variable call local_call remote_call function block literal pin`
    * `x == :ok`, `!=`, `<`, `<=`, `>`, `>=` with a literal; `x == y` and `x != y` of two captures; `x in [1, 2]`
    * `x =~ ~r/^get_/` - the name of a call, a variable, an atom, a module (in full), or a string's content. Flag `i`
      is understood
    * `length(rest) > 2` - of what `...rest` took, or of a list
    * `inside(p)` - something around the match matches `p`; `contains(p)` - something in it does; `contains(x, p)` - `x`,
      or something in it
    * `follows(p)` - in the block around the match, an earlier statement matches `p`; `precedes(p)` - a later one
    * `and`, `or`, `not`

  `__match__` is the match itself. Captures in the patterns of a guard that the pattern has too have to be equal.

      Repo.delete(x) when not inside(Repo.transaction(...))
      def name(...) do ... end when contains(IO.inspect(...))
      x = y when x == y
      def head do body end when head =~ ~r/^handle_/ and contains(body, Process.sleep(_))

  ## What it costs

  Matching never recurses and is bounded by the search's timeout, whatever the pattern. A pattern whose outermost
  thing has a name (a call, an operator, a key) is looked up by that name. Others, such as `[_, _]` or `x`, look at
  every node.
  """

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.ASTRepository.Pattern.{Guard, Steps, Text}

  @enforce_keys [:source, :captures, :program]
  defstruct [:source, :captures, :program, options: []]

  @typedoc "`captures` are the names of what it captures; `program` is what the native matcher runs."
  @type t :: %__MODULE__{source: String.t(), captures: [String.t()], program: term(), options: keyword()}

  @nodes_max 4_096
  @shown_max 200
  @through [resolve: true, pipes: true, captures: false, apply: false]
  @relations [:inside, :contains, :follows, :precedes]
  @negations for relation <- @relations, into: %{}, do: {:"not_#{relation}", relation}
  @options Keyword.keys(@through) ++ @relations ++ Map.keys(@negations)

  @doc """
  Compiles a pattern: text or quoted code. A pattern is data, it may be kept and sent.

  Options:

    * `resolve: false` - names are only what is written: no aliases, no imports
    * `pipes: false` - a pipe is only a pipe
    * `captures: true`, `apply: true` - `&f/1` and `apply(m, :f, [x])` are calls, too
    * `inside:`, `contains:`, `follows:`, `precedes:` - a pattern (text or quoted), as in a guard; `not_inside:` and so
      on are their opposites. Captures that both have must be equal

  Errors: `:invalid_argument` for what is no pattern, `:unknown` for an option, `:limit_exceeded` for more than
  4,096 nodes.
  """
  @spec new(t() | String.t() | Macro.t(), keyword()) :: {:ok, t()} | {:error, ElixirScope.Error.t()}
  def new(pattern, options \\ [])
  def new(%__MODULE__{} = pattern, []), do: {:ok, pattern}

  def new(%__MODULE__{}, _options),
    do: Text.wrong("its options were given when it was made", "give them to Pattern.new/2")

  def new(pattern, options) do
    with :ok <- check(options),
         {:ok, quoted} <- quoted(pattern) do
      compile(quoted, pattern, options)
    end
  catch
    {:wrong, error} -> error
  end

  @doc "The names of the options of `new/2`."
  @spec options() :: [atom()]
  def options, do: @options

  defp check(options) do
    cond do
      not (is_list(options) and Keyword.keyword?(options)) ->
        Fault.invalid(:options, options, "give a keyword list")

      name = Enum.find(Keyword.keys(options), &(&1 not in @options)) ->
        Fault.unknown(:option, name, @options)

      true ->
        :ok
    end
  end

  defp quoted(text) when is_binary(text), do: Text.read(text)
  defp quoted(quoted), do: {:ok, quoted}

  defp compile(quoted, pattern, options) do
    {code, guard} =
      case quoted do
        {:when, _, [code, guard]} -> {code, guard}
        code -> {code, true}
      end

    guard = Enum.reduce(options, guard, &with_option/2)
    through = Enum.map(@through, fn {name, default} -> Keyword.get(options, name, default) == true end)

    state = %{
      slots: %{},
      free: Steps.free(code),
      resolve: Keyword.get(options, :resolve, true),
      pipes: Keyword.get(options, :pipes, true),
      literal: false
    }

    {steps, state} = code |> statements() |> Steps.compile(state)
    captures = state.slots |> Enum.sort_by(&elem(&1, 1)) |> Enum.map(&elem(&1, 0))
    {tests, roots, state} = Guard.compile(guard, 1, state)

    roots = [steps | roots]
    nodes = roots |> Enum.map(&length/1) |> Enum.sum()

    if nodes > @nodes_max do
      {:error,
       %ElixirScope.Error{
         reason: :limit_exceeded,
         message: "the pattern has #{nodes} nodes; the limit is #{@nodes_max}",
         hint: "search for a part of it",
         details: %{what: :pattern, limit: @nodes_max}
       }}
    else
      program = {roots, tests, map_size(state.slots) + 1, List.to_tuple(through)}
      {:ok, %__MODULE__{source: source(pattern), captures: captures, program: program, options: options}}
    end
  end

  # Statements are looked for side by side, with whatever follows them.
  defp statements({:__block__, meta, [_, _ | _] = statements}),
    do: {:__block__, meta, statements ++ [{:..., [], []}]}

  defp statements(code), do: code

  defp with_option({name, patterns}, guard) when name in @relations do
    patterns |> List.wrap() |> Enum.reduce(guard, &both(&2, {name, [], [relation(&1)]}))
  end

  defp with_option({name, patterns}, guard) when is_map_key(@negations, name) do
    patterns
    |> List.wrap()
    |> Enum.reduce(guard, &both(&2, {:not, [], [{@negations[name], [], [relation(&1)]}]}))
  end

  defp with_option({_name, flag}, guard) when is_boolean(flag), do: guard

  defp with_option({name, value}, _guard),
    do: throw({:wrong, Fault.invalid(name, value, "give true or false")})

  defp relation(text) when is_binary(text) do
    case Text.read(text) do
      {:ok, quoted} -> quoted
      error -> throw({:wrong, error})
    end
  end

  defp relation(quoted), do: quoted

  defp both(true, guard), do: guard
  defp both(one, other), do: {:and, [], [one, other]}

  defp source(text) when is_binary(text), do: text

  defp source(quoted) do
    Macro.to_string(quoted)
  rescue
    # Whatever is in it, it is shown somehow.
    _ -> Fault.show(quoted)
  end

  @doc false
  def shown(%__MODULE__{source: source}), do: String.slice(source, 0, @shown_max)

  defimpl Inspect do
    def inspect(pattern, _opts) do
      "#ElixirScope.ASTRepository.Pattern<#{ElixirScope.ASTRepository.Pattern.shown(pattern)}>"
    end
  end
end
