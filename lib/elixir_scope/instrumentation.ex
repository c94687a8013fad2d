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
  alias ElixirScope.Instrumentation.{Assemble, Beam, Context, Eligibility, Functions}

  # Part of the build: a release that puts its points elsewhere must not be taken for this one.
  @version 6

  @typedoc """
  `{index, kind, name, arity, clause, line, column, target}`

    * `index` - from 0, dense, in the order of the compiled module
    * `kind` - `:clause`, `:tail`, `:try` or `:branch`
    * `name`, `arity` - the function as its author names it (a macro without the compiler's additions)
    * `clause` - ordinal of the clause in the function, from 0
    * `line`, `column` - of the clause, the call or the `try`; `column` is `nil` when unknown (the code was
      compiled without `parser_options: [columns: true]`)
    * `target` - of a `:tail` point: `{module, name, arity}`, `{nil, name, arity}` when only the run knows the
      module, `nil` when it is a function value
  """
  @type point ::
          {index :: non_neg_integer(), :clause | :tail | :try | :branch, atom(), arity(),
           clause :: non_neg_integer(), line :: non_neg_integer(), column :: pos_integer() | nil,
           target :: {module() | nil, atom(), arity()} | nil}

  @typedoc """
  An instrumented module. `left_out` lists functions without probes, `{name, arity, reason}`, the reason being
  `:maybe_expression` (Erlang's `maybe`, whose tail positions depend on the release).
  """
  @type t :: %{
          module: module(),
          binary: binary(),
          build: pos_integer(),
          points: [point()],
          left_out: [{atom(), arity(), atom()}]
        }

  @doc """
  Instruments the binary of a compiled module (or Erlang abstract forms).

  ## Options

    * `:probe` - the module that the code reports to, with the functions of `ElixirScope.Probe` (the default)
    * `:coverage` - mark the branches inside clauses too, for test coverage by node (default `false`; a mark costs
      what a probe that is off costs, once it was reached)

  ## Errors

    * `:not_a_beam`, `:invalid_argument` - the input is no compiled module
    * `:no_debug_info` - it was compiled without debug information
    * `:not_instrumentable` - its kind of module is left alone; `details.why` says which (`:on_load`, `:nif`,
      `:inline_all`, `:parse_transform`, `:elixir_scope`, `:runtime`)
    * `:too_many_points` - more than #{Context.points_max()} points
    * `:compilation_failed` - a defect here

  ## Example

      {Cart, beam, _file} = :code.get_object_code(Cart)
      {:ok, %{binary: binary, points: points}} = ElixirScope.Instrumentation.instrument_binary(beam)
  """
  @spec instrument_binary(binary() | [tuple()], keyword()) :: {:ok, t()} | {:error, Error.t()}
  def instrument_binary(beam_or_forms, options \\ []) do
    with {:ok, beam} <- Beam.read(beam_or_forms),
         :ok <- eligible(beam) do
      rewrite(beam, probe(options), coverage?(options))
    end
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
         do: {:ok, build_of(module, digest, probe(options), coverage?(options))}
  end

  @doc false
  # What of a caller's options shapes the code.
  def shaping(options), do: Keyword.take(options, [:probe, :coverage])

  defp probe(options), do: Keyword.get(options, :probe, ElixirScope.Probe)
  defp coverage?(options), do: Keyword.get(options, :coverage, false)

  defp build_of(module, digest, probe, coverage?),
    do: Context.build(module, digest, {@version, probe, coverage?})

  defp eligible(beam) do
    with :ok <- Eligibility.by_name(beam.module), :ok <- Eligibility.by_beam(beam) do
      :ok
    else
      {:skip, reason} -> Eligibility.error(beam.module, reason)
    end
  end

  defp rewrite(beam, probe, coverage?) do
    build = build_of(beam.module, beam.digest, probe, coverage?)
    context = %Context{build: build, probe: probe, coverage: coverage?}
    {rewritten, points, left_out} = Functions.rewrite(beam, context)
    carried = %{build: build, points: points, left_out: left_out, digest: beam.digest}

    with {:ok, binary} <- Assemble.compile(rewritten, carried) do
      {:ok, %{module: beam.module, binary: binary, build: build, points: points, left_out: left_out}}
    end
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
