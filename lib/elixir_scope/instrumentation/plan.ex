defmodule ElixirScope.Instrumentation.Plan do
  @moduledoc """
  What is to be observed, as data: for modules, functions, clauses and places, the kinds of points, with conditions.

      {:ok, plan} =
        Plan.new(
          capture: [:args, :result],
          points: [
            %{module: Cart, function: {:total, 2}, kinds: [:variables], when: quote(do: length(items) > 3)},
            %{module: Cart, line: 17, kinds: [:expressions]}
          ]
        )

  The options are those of `ElixirScope.instrument/2`, of `Instrumentation.instrument_binary/2` and of the Mix compiler.

  ## Kinds

  | kind | also called | reports |
  |---|---|---|
  | `:calls` | | entry and end of every call (what is there without any plan) |
  | `:args` | `:function_entry` | and the arguments |
  | `:result` | `:function_exit` | and the value; a tail call has none of its own |
  | `:variables` | `:variable_capture` | every variable that is bound inside a function, by version |
  | `:parameters` | | and those of the function's head |
  | `:expressions` | `:expression_trace` | the value of a node: of each call and construct, so of each step of a pipe |
  | `:branches` | `:branch` | the clause that was taken of `case`, `cond`, `if`, `with`, `receive`, `fn`, `try` |
  | `:sends` | `:message_send` | what is sent, called, cast, replied or spawned, at the call |
  | `:receives` | `:message_receive` | the message that a `receive` or a callback of OTP took |
  | `:messages` | | both |
  | `:exceptions` | `:exception` | kind and reason of what arrives at a `rescue`, `catch` or `after` |
  | `:custom` | | code of yours, run at a node with the variables that are visible there |
  | `:all` | | all of them but `:custom` |

  ## Entries

  A plan has entries, for every module or for one:
  `%{target: target, kinds: [kind], condition: quoted | nil, custom: quoted | nil, id: term}`, where `target` is one of

    * `:all`
    * `{:function, name, arity}`
    * `{:clause, name, arity, ordinal}`
    * `{:place, line, column}`; without a column (`nil`), all that begins on the line

  `condition` is a guard over the variables that are visible at the point (those of the head, for entry and result):
  all that Elixir allows in guards, `defguard`s of other modules with the module's name. Where it says no, or fails,
  nothing is recorded, and nothing was encoded. On `:calls` and `:args` it decides over the whole activation.

  The result of instrumenting tells for each `id` which points came of it, or why none did.
  """

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.{Error, Suggest}
  alias ElixirScope.Instrumentation.Plan.Entry

  defstruct capture: [:calls], entries: [], modules: %{}

  @type target ::
          :all
          | {:function, atom(), arity()}
          | {:clause, atom(), arity(), non_neg_integer()}
          | {:place, pos_integer(), pos_integer() | nil}

  @type entry :: %{
          target: target(),
          kinds: [atom()],
          condition: Macro.t() | nil,
          custom: Macro.t() | nil,
          id: term()
        }

  @type t :: %__MODULE__{capture: [atom()], entries: [entry()], modules: %{module() => [entry()]}}

  @doc """
  The plan that options ask for.

    * `:capture` - kinds for everything that is instrumented; default `[:calls]`. A list always has `:calls` in it,
      but for `[]`, with which only `:points` are reported
    * `:points` - a list of maps with `:kinds`, optionally `:module` (default every module that is instrumented),
      `:when` (a condition), `:custom` (code), `:id`, and what is meant: nothing (all of the module), `:function`
      (`{name, arity}`), with it `:clause` (an ordinal), or `:line`, with it `:column`. `:node` (an `ast_node_id`) and
      `:pattern` (code as text) need a repository, so `ElixirScope.instrument/2` takes them, with `repository:`
    * `:plan` - a plan to begin with

  Errors: `:invalid_argument`, with what is wrong.
  """
  @spec new(keyword()) :: {:ok, t()} | {:error, Error.t()}
  def new(options) do
    with {:ok, plan} <- base(Keyword.get(options, :plan)),
         {:ok, plan} <- capture(plan, Keyword.get(options, :capture)) do
      points(plan, Keyword.get(options, :points, []))
    end
  end

  defp base(nil), do: {:ok, %__MODULE__{}}
  defp base(%__MODULE__{} = plan), do: {:ok, plan}
  defp base(_), do: invalid("plan: is what Plan.new/1 gives")

  defp capture(plan, nil), do: {:ok, plan}

  defp capture(plan, kinds) do
    with {:ok, kinds} <- Entry.kinds(List.wrap(kinds)) do
      if :custom in kinds,
        do: invalid("capture: has no :custom: that needs code and a place, so it is said in points:"),
        else: {:ok, %{plan | capture: if(kinds == [], do: [], else: Enum.uniq([:calls | kinds]))}}
    end
  end

  defp points(plan, points) when is_list(points) do
    points
    |> Enum.with_index()
    |> Enum.reduce_while({:ok, plan}, fn {point, index}, {:ok, plan} ->
      case Entry.from_point(point, {:point, index}) do
        {:ok, module, entry} -> {:cont, {:ok, add(plan, module, entry)}}
        error -> {:halt, error}
      end
    end)
  end

  defp points(_plan, _), do: invalid("points: is a list of maps")

  @doc "The names that kinds have, those of the specification too, sorted."
  @spec kinds() :: [atom()]
  def kinds, do: Entry.names()

  @doc "Adds an entry for a module; `nil` for every module that is instrumented with the plan."
  @spec add(t(), module() | nil, entry()) :: t()
  def add(plan, nil, entry), do: %{plan | entries: plan.entries ++ [entry]}

  def add(plan, module, entry),
    do: %{plan | modules: Map.update(plan.modules, module, [entry], &(&1 ++ [entry]))}

  @doc """
  The entries that hold for a module, checked, the general one first (its id is `:capture`).

  Errors: `:invalid_argument` for what is no entry.
  """
  @spec entries(t(), module()) :: {:ok, [entry()]} | {:error, Error.t()}
  def entries(plan, module) do
    general = if plan.capture == [], do: [], else: [Entry.all(plan.capture, :capture)]

    (plan.entries ++ Map.get(plan.modules, module, []))
    |> Enum.reduce_while({:ok, []}, fn entry, {:ok, entries} ->
      case Entry.check(entry) do
        {:ok, entry} -> {:cont, {:ok, [entry | entries]}}
        error -> {:halt, error}
      end
    end)
    |> case do
      {:ok, entries} -> {:ok, general ++ Enum.reverse(entries)}
      error -> error
    end
  end

  @doc false
  # The options of a plan, and nothing else.
  def option_keys, do: [:capture, :points, :plan]

  @doc false
  def invalid(message, hint \\ nil),
    do: {:error, %Error{reason: :invalid_argument, message: message, hint: hint}}

  @doc false
  def unknown(what, key, known),
    do: invalid("#{what} #{Fault.show(key)} is not known", Suggest.hint(key, known))
end
