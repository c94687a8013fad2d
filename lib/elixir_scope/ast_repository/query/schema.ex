defmodule ElixirScope.ASTRepository.Query.Schema do
  @moduledoc """
  The sources that queries know, and their fields.

    * `:modules`, `:functions` - of the source, or stored; the fields of `ElixirScope.ASTRepository.ModuleData` and
      `ElixirScope.ASTRepository.FunctionData`, those inside `complexity_metrics`, `execution_statistics`,
      `performance_profile` and `runtime_insights` too, and besides: `:function` (`"Shop.Cart.add/3"`), `:calls`, `:errors`,
      `:total_us`, `:self_us`, `:p95_us`, `:crap`, `:module_type`, `:has_runtime_data`, ...
    * `:clauses` - of functions
    * `:ast_nodes` - every node; its `:kind` is `:call`, `:call_expression`, `:variable`, `:atom`, `:integer`, `:float`,
      `:binary`, `:list`, `:tuple`, `:map` or `:other`
    * `:events` - of the event log, in its order, with what callers brought left out; times are nanoseconds since 1970
    * `:activations` - calls, from beginning to end: `:outcome` is `:returned`, `:tail`, `:error`, `:aborted`, `:lost` or `:open`
    * `:edges` - who calls whom, as written and as observed
    * `:processes` - of which the log holds events
    * `:findings` - what `ElixirScope.ASTRepository.PatternDetector` finds

  The same are the tables of SQL. `mix elixir_scope.query --fields SOURCE` lists the fields of one.
  """

  alias ElixirScope.ASTRepository.{
    ComplexityMetrics,
    ExecutionStatistics,
    Fault,
    PerformanceProfile,
    RuntimeInsights
  }

  alias ElixirScope.Core

  @nested %{
    complexity_metrics: ComplexityMetrics,
    execution_statistics: ExecutionStatistics,
    performance_profile: PerformanceProfile,
    runtime_insights: RuntimeInsights
  }

  @segments_max 8
  @key {__MODULE__, :tables}

  @typedoc "A field: its name, its SQL type, and whether it changes with the source or with every event."
  @type field_info :: %{name: atom(), type: String.t(), of: :source | :run | :costly}

  @doc false
  def load do
    Enum.each(Map.values(@nested), &Code.ensure_loaded!/1)
    tables()
    :ok
  end

  @doc "The sources."
  @spec sources() :: [atom()]
  def sources, do: Enum.map(tables(), & &1.name)

  @doc "The fields of a source, sorted."
  @spec fields(atom()) :: [atom()]
  def fields(source), do: source |> table() |> Map.fetch!(:names)

  @doc "The fields of a source with their types, in the order of its columns."
  @spec describe(atom()) :: [field_info()]
  def describe(source), do: table(source).fields

  @doc "What a row of a source is."
  @spec what(atom()) :: String.t()
  def what(source), do: table(source).what

  @doc "The fields of a row when `select` names none."
  @spec default_fields(atom()) :: [atom()]
  def default_fields(source), do: table(source).defaults

  @doc "`:ok` when `path` names a field of `source`; otherwise an error that names the nearest."
  @spec check(atom(), [atom() | String.t()]) :: :ok | {:error, ElixirScope.Error.t()}
  def check(source, [field | inner] = path) do
    valid = fields(source)

    cond do
      field not in valid ->
        Fault.unknown(:"field of #{source}", field, valid)

      length(path) > @segments_max ->
        Fault.invalid(:field, path, "a path has at most #{@segments_max} names")

      true ->
        with :ok <- check_inner(field, inner), do: check_names(source, path)
    end
  end

  # A name that no atom exists for is nowhere in the repository.
  defp check_names(source, path) do
    if Enum.all?(path, &is_atom/1),
      do: :ok,
      else: Fault.unknown(:"field of #{source}", Enum.map_join(path, ".", &to_string/1), fields(source))
  end

  defp check_inner(_field, []), do: :ok

  defp check_inner(field, [name | _]) when is_map_key(@nested, field) do
    valid = @nested |> Map.fetch!(field) |> struct() |> Map.from_struct() |> Map.keys() |> Enum.sort()
    if name in valid, do: :ok, else: Fault.unknown(:"field of #{field}", name, valid)
  end

  defp check_inner(_field, _inner), do: :ok

  defp table(source),
    do: Enum.find(tables(), &(&1.name == source)) || raise(ArgumentError, "no source #{inspect(source)}")

  # The native engine's own list. Its names are ours, so the atoms are as many as it is long.
  defp tables do
    case :persistent_term.get(@key, nil) do
      nil ->
        tables = Enum.map(Core.Repository.query_schema(), &read/1)
        :persistent_term.put(@key, tables)
        tables

      tables ->
        tables
    end
  end

  defp read({name, what, columns, defaults}) do
    fields = for {name, type, of} <- columns, do: %{name: atom(name), type: type, of: atom(of)}

    %{
      name: atom(name),
      what: what,
      fields: fields,
      names: fields |> Enum.map(& &1.name) |> Enum.sort(),
      defaults: Enum.map(defaults, &atom/1)
    }
  end

  defp atom(name), do: String.to_atom(name)
end
