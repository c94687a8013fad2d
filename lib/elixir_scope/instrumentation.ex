defmodule ElixirScope.Instrumentation do
  @moduledoc """
  Compiled modules are compiled again, with probes in them.

  The debug information that the Elixir compiler leaves in every `.beam` file (the fully expanded code) is
  translated by Elixir's own backend to Erlang's abstract code, probes are put in, and the result is compiled.
  There is no source rewriting, no macro, no wrapper function. What the code does stays the same:

    * a tail call stays a tail call: the jump is reported, then made, so loops run in constant memory;
    * exceptions pass as before: no `try` is added around a function, and stacktraces have the same frames;
    * guards, patterns, `receive`, comprehensions, captures, anonymous functions, `super`, default arguments and
      macros mean what they meant; what `@compile inline: [...]` inlines is inlined, and not counted as a call;
    * documentation, debug information, attributes and compile information of the module stay in the binary.

  Each place that reports is a *point*: a clause (its entry and its exits), a call in tail position, a `try`, and
  where it was asked for a branch.
  The literal in the code is `build <<< 20 ||| index`, where `build` names this version of this module.

  This module turns binaries into binaries. `ElixirScope.instrument/2` does it to loaded modules, the
  `:elixir_scope` Mix compiler to projects, `ElixirScope.AST.Transformer` to quoted code.
  """

  alias ElixirScope.Error
  alias ElixirScope.Instrumentation.{Assemble, Beam, Context, Eligibility, Functions, Plan, Weave}
  alias ElixirScope.Instrumentation.Plan.Outcome

  # Part of the build: a release that puts its points elsewhere must not be taken for this one.
  @version 8

  @typedoc """
  `{index, kind, name, arity, clause, line, column, target}`

    * `index` - from 0, dense, in the order of the compiled module
    * `kind` - `:clause`, `:tail`, `:try` or `:branch`; and what a plan asks for: `:binding`, `:expression`,
      `:choice`, `:send`, `:receive`, `:raise`, `:custom`
    * `name`, `arity` - the function as its author names it (a macro without the compiler's additions)
    * `clause` - ordinal of the clause in the function, from 0
    * `line`, `column` - of the clause, the call or the `try`; `column` is `nil` when unknown (the code was
      compiled without `parser_options: [columns: true]`)
    * `target` - of a `:tail` point: `{module, name, arity}`, `{nil, name, arity}` when only the run knows the
      module, `nil` when it is a function value; of a `:binding` the variable, `{nil, name, version}`; of a `:choice`
      the construct and the ordinal of the clause, `{nil, :case, 0}`
  """
  @type point ::
          {index :: non_neg_integer(), kind(), atom(), arity(), clause :: non_neg_integer(),
           line :: non_neg_integer(), column :: pos_integer() | nil,
           target :: {module() | nil, atom(), non_neg_integer()} | nil}

  @type kind ::
          :clause
          | :tail
          | :try
          | :branch
          | :binding
          | :expression
          | :choice
          | :send
          | :receive
          | :raise
          | :custom

  @typedoc """
  An instrumented module. `left_out` lists functions without probes, `{name, arity, reason}`, the reason being
  `:maybe_expression` (Erlang's `maybe`, whose tail positions depend on the release). `placed` has for the id of each
  entry of the plan the points (literals of the code) that came of it, `unplaced` the entries of which none came, with the
  reason:

    * `:no_such_function`, `:no_such_clause`, `:nothing_there` - the target is not in the module, or nothing of these
      kinds is there
    * `{:not_visible, name}` - the condition or the code names a variable that is not visible there
    * `:tail_call` - the value of a call in tail position never comes back to where it could be recorded
    * `:erlang` - in modules that are not written in Elixir only calls, arguments and results are told, of everything, a
      function or a clause, without conditions
  """
  @type t :: %{
          module: module(),
          binary: binary(),
          build: pos_integer(),
          points: [point()],
          left_out: [{atom(), arity(), atom()}],
          placed: %{term() => [pos_integer()]},
          unplaced: [{term(), atom() | {:not_visible, atom()}}]
        }

  @doc """
  Instruments the binary of a compiled module (or Erlang abstract forms).

  ## Options

    * `:probe` - the module that the code reports to, with the functions of `ElixirScope.Probe` (the default)
    * `:coverage` - mark the branches inside clauses too, for test coverage by node (default `false`; a mark costs
      what a probe that is off costs, once it was reached)

    * `:capture`, `:points`, `:plan` - what to record beyond calls, see `ElixirScope.Instrumentation.Plan`

  ## Errors

    * `:not_a_beam`, `:invalid_argument` - the input is no compiled module
    * `:no_debug_info` - it was compiled without debug information
    * `:not_instrumentable` - its kind of module is left alone; `details.why` says which (`:on_load`, `:nif`,
      `:inline_all`, `:parse_transform`, `:elixir_scope`, `:runtime`)
    * `:invalid_condition`, `:invalid_custom_code` - what the compiler says about code of the plan
    * `:too_many_points` - more than #{Context.points_max()} points
    * `:compilation_failed` - a defect here

  ## Example

      {Cart, beam, _file} = :code.get_object_code(Cart)
      {:ok, %{binary: binary, points: points}} = ElixirScope.Instrumentation.instrument_binary(beam)
  """
  @spec instrument_binary(binary() | [tuple()], keyword()) :: {:ok, t()} | {:error, Error.t()}
  def instrument_binary(beam_or_forms, options \\ []) do
    with {:ok, plan} <- Plan.new(options),
         {:ok, module} <- Beam.module(beam_or_forms),
         {:ok, entries} <- Plan.entries(plan, module),
         {:ok, prepared, helpers} <- Weave.prepare(entries, module),
         {:ok, beam} <- Beam.read(beam_or_forms, weave(prepared, helpers)),
         :ok <- eligible(beam) do
      rewrite(beam, entries, options)
    end
  end

  defp weave(entries, helpers) do
    if Weave.needed?(entries), do: &Weave.definitions(&1, entries, helpers)
  end

  @doc false
  def version, do: @version

  # 8 MB. The compiler makes garbage by the megabyte; a process that begins with room saves a tenth of its time.
  @heap_words 1_000_000

  @doc false
  # For a process that is there to instrument one module.
  def roomy, do: Process.flag(:min_heap_size, @heap_words)

  @doc "The build that `instrument_binary/2` would make of a binary, without making it."
  @spec build(binary(), keyword()) :: {:ok, pos_integer()} | {:error, Error.t()}
  def build(beam, options \\ []) do
    with {:ok, module, digest} <- Beam.identify(beam),
         {:ok, plan} <- Plan.new(options),
         {:ok, entries} <- Plan.entries(plan, module),
         do: {:ok, build_of(module, digest, entries, options)}
  end

  @doc false
  # What of a caller's options shapes the code.
  def shaping(options), do: Keyword.take(options, [:probe, :coverage | Plan.option_keys()])

  defp probe(options), do: Keyword.get(options, :probe, ElixirScope.Probe)
  defp coverage?(options), do: Keyword.get(options, :coverage, false)

  defp build_of(module, digest, entries, options),
    do: Context.build(module, digest, {@version, probe(options), coverage?(options), entries})

  defp eligible(beam) do
    with :ok <- Eligibility.by_name(beam.module), :ok <- Eligibility.by_beam(beam) do
      :ok
    else
      {:skip, reason} -> Eligibility.error(beam.module, reason)
    end
  end

  defp rewrite(beam, entries, options) do
    build = build_of(beam.module, beam.digest, entries, options)
    woven = beam.woven || %Weave{}

    context = %Context{
      build: build,
      probe: probe(options),
      coverage: coverage?(options),
      plan: entries,
      sites: woven.sites
    }

    {rewritten, context, left_out} = Functions.rewrite(beam, context)
    {placed, unplaced} = Outcome.of(entries, context, beam)

    result = %{
      build: build,
      points: Enum.reverse(context.points),
      left_out: left_out,
      placed: placed,
      unplaced: unplaced
    }

    carried = Map.merge(result, %{digest: beam.digest, helpers: woven.customs})

    with {:ok, binary} <- Assemble.compile(rewritten, carried),
         do: {:ok, Map.merge(result, %{module: beam.module, binary: binary})}
  rescue
    # forms that are no code
    error -> {:error, Assemble.failed(beam.module, error)}
  catch
    {:too_many_points, module} ->
      {:error,
       %Error{
         reason: :too_many_points,
         message: "#{inspect(module)} has more than #{Context.points_max()} places to observe",
         hint: "Leave it out with except: [#{inspect(module)}].",
         details: %{module: module}
       }}
  end
end
