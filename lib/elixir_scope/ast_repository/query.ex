defmodule ElixirScope.ASTRepository.Query do
  @moduledoc """
  Questions over source and running program together.

      import ElixirScope.ASTRepository.Query

      new()
      |> select([:module_name, :complexity_metrics, :runtime_insights])
      |> from(:modules)
      |> where({:eq, :module_type, :genserver})
      |> where({:gt, :complexity_metrics.cyclomatic_complexity, 10})
      |> where({:has_runtime_data, true})
      |> order_by(:complexity_metrics.cognitive_complexity, :desc)
      |> limit(50)

  `ElixirScope.ASTRepository.query/2` runs it, `ElixirScope.ASTRepository.explain/3` tells how. Sources are `:modules`,
  `:functions`, `:clauses`, `:ast_nodes`, `:events`, `:activations`, `:edges`, `:processes` and `:findings`;
  `ElixirScope.ASTRepository.Query.Schema` tells of each. `ElixirScope.ASTRepository.sql/3` takes the same as SQL, with joins.

      new()
      |> from(:functions)
      |> group_by([:module_name])
      |> select([:module_name, functions: :count, time: {:sum, :self_us}, worst: {:max, :p95_us}])
      |> having({:gt, :functions, 3})
      |> order_by(:time, :desc)

  ## Fields

  A field is an atom. A field inside a field is a path, written `:complexity_metrics.cyclomatic_complexity`,
  `[:complexity_metrics, :cyclomatic_complexity]` or `"complexity_metrics.cyclomatic_complexity"`. The first form
  is why `where/2` and `order_by/3` are macros: `import` or `require` this module. `add_where/2` and
  `add_order_by/3` are the functions behind them, for conditions built at run time.

  ## Conditions

    * `{:eq | :ne | :gt | :gte | :lt | :lte, field, value}` - integers and floats compare as numbers, an atom equals its text (a
      module's without `Elixir.`); an order between values of different kinds, or with `nil`, is false
    * `{:in, field, values}`
    * `{:like, field, pattern}` - text or the text of an atom, as SQL's `LIKE`: `%` any run, `_` any one character
    * `{:between, field, low, high}` - both included
    * `{:time_range, from, to}` - of events and activations: `DateTime`s, or nanoseconds since 1970
    * `{:matches, pattern}` - code as `ElixirScope.ASTRepository.find_ast_nodes_by_pattern/3` takes it stands in it
    * `{:has_runtime_data, boolean}` - something of it ran, or runtime data was stored for it
    * `{:complexity_above, n}`, `{:execution_frequency_above, n}`
    * `{:and, conditions}`, `{:or, conditions}`, `{:not, condition}`

  Several `where/2` are all to hold.

  ## Order

  `order_by/3` again adds the next key. `nil` comes last, whichever the direction. Without it, rows are ordered by module
  name, then by their place in the source, so that `limit` and `offset` page steadily.

  ## Runtime data

  `join_runtime_data(:inner, condition)` keeps the rows for which the condition holds: `{:correlation_exists}`
  (something of it ran, or a caller stored a correlation for one of its nodes), `{:has_runtime_data}` or
  `{:has_performance_data}` (it ran, so durations are known). `:left` keeps all. Runtime fields can be read
  without a join; they are `nil` or zero where nothing ran.

  Builders never raise. What is wrong with a query is said by `query/2`, or by `validate/1`.
  """

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.ASTRepository.Query.{Path, Plan}
  alias ElixirScope.Error

  defstruct select: nil,
            from: nil,
            where: [],
            join: [],
            order_by: [],
            limit: nil,
            offset: 0,
            group_by: nil,
            having: nil,
            distinct: false,
            options: %{}

  @typedoc "A field, or a path to a field inside a field."
  @type field :: atom() | [atom()] | String.t()
  @type source ::
          :modules
          | :functions
          | :clauses
          | :ast_nodes
          | :events
          | :activations
          | :edges
          | :processes
          | :findings

  @typedoc "A figure of a group of rows."
  @type aggregate ::
          :count
          | {:count | :count_distinct | :sum | :avg | :min | :max | :median | :stddev, field()}
          | {:percentile, field(), float()}
  @type direction :: :asc | :desc

  @type condition ::
          {:eq | :ne | :gt | :gte | :lt | :lte, field(), term()}
          | {:in, field(), [term()]}
          | {:like, field(), String.t()}
          | {:between, field(), term(), term()}
          | {:time_range, integer() | DateTime.t(), integer() | DateTime.t()}
          | {:matches, String.t()}
          | {:has_runtime_data, boolean()}
          | {:complexity_above, number()}
          | {:execution_frequency_above, number()}
          | {:and, [condition()]}
          | {:or, [condition()]}
          | {:not, condition()}

  @type t :: %__MODULE__{
          select: [field() | aggregate() | {atom(), field() | aggregate()}] | nil,
          from: source() | nil,
          where: [condition()],
          join: [{:inner | :left, tuple() | atom()}],
          order_by: [{field(), direction()}],
          limit: non_neg_integer() | nil,
          offset: non_neg_integer(),
          group_by: [field()] | nil,
          having: [condition()] | nil,
          distinct: boolean(),
          options: map()
        }

  @typedoc "A query, or the error of an earlier builder, which every builder hands on."
  @type building :: t() | {:error, Error.t()}

  @doc "An empty query."
  @spec new() :: t()
  def new, do: %__MODULE__{}

  @doc """
  The fields of a row, or figures of groups; `name: ...` gives one a name. Without it, a row has the fields of
  `ElixirScope.ASTRepository.Query.Schema.default_fields/1`, and a group its keys and its `:count`.

      select([:module_name, :count, time: {:sum, :self_us}, slow: {:percentile, :p95_us, 0.9}])
  """
  @spec select(building(), [field() | aggregate() | {atom(), field() | aggregate()}]) :: building()
  def select(query, fields), do: put(query, :select, fields)

  @doc "What the rows are: one of `ElixirScope.ASTRepository.Query.Schema.sources/0`."
  @spec from(building(), source()) :: building()
  def from(query, source), do: put(query, :from, source)

  @doc "Adds a condition. A macro, so that `:a.b` reads as a path; otherwise as `add_where/2`."
  defmacro where(query, condition) do
    quote do
      unquote(__MODULE__).add_where(unquote(query), unquote(Path.in_condition(condition)))
    end
  end

  @doc "Adds a condition built at run time."
  @spec add_where(building(), condition()) :: building()
  def add_where(query, condition), do: append(query, :where, condition)

  @doc """
  Adds a key to sort by: `:asc` (the default) or `:desc`. A macro, so that `:a.b` reads as a path; otherwise
  as `add_order_by/3`.
  """
  defmacro order_by(query, field, direction \\ :asc) do
    quote do
      unquote(__MODULE__).add_order_by(
        unquote(query),
        unquote(Path.in_field(field)),
        unquote(direction)
      )
    end
  end

  @doc "Adds a key to sort by that is known at run time."
  @spec add_order_by(building(), field(), direction()) :: building()
  def add_order_by(query, field, direction \\ :asc), do: append(query, :order_by, {field, direction})

  @doc "At most so many rows."
  @spec limit(building(), non_neg_integer()) :: building()
  def limit(query, count), do: put(query, :limit, count)

  @doc """
  Groups rows that are equal in these fields. `select/2` then takes the fields, and aggregates of the rest.

      new() |> from(:functions) |> group_by([:module_name]) |> select([:module_name, calls: {:sum, :calls}])
  """
  @spec group_by(building(), field() | [field()]) :: building()
  def group_by(query, fields), do: put(query, :group_by, fields)

  @doc "Adds a condition on groups: on a key, an aggregate, or a name given in `select/2`. A macro, as `where/2`."
  defmacro having(query, condition) do
    quote do
      unquote(__MODULE__).add_having(unquote(query), unquote(Path.in_condition(condition)))
    end
  end

  @doc "Adds a condition on groups that was built at run time."
  @spec add_having(building(), condition()) :: building()
  def add_having(query, condition), do: append(query, :having, condition)

  @doc "Each row once."
  @spec distinct(building()) :: building()
  def distinct(query), do: put(query, :distinct, true)

  @doc """
  Options: `timeout:` (ms, with what it waits for others), `max_bytes:` (what it may hold in memory), `count:` (whether rows that a
  limit cuts off are counted in `total`; true, but for events and activations), `cache:` (whether the answer is kept until
  something changes: `true`, `false`, or by default when an expensive question is asked again; see
  `ElixirScope.ASTRepository.QueryEngine.CacheManager`).
  """
  @spec options(building(), keyword() | map()) :: building()
  def options(%__MODULE__{options: before} = query, options)
      when is_map(before) and (is_list(options) or is_map(options)) do
    Map.put(query, :options, Enum.into(options, before))
  rescue
    ArgumentError -> Map.put(query, :options, options)
  end

  def options(query, options), do: put(query, :options, options)

  @doc "Skips so many rows."
  @spec offset(building(), non_neg_integer()) :: building()
  def offset(query, count), do: put(query, :offset, count)

  @doc "Joins what was observed at run time; see the module's documentation."
  @spec join_runtime_data(building(), :inner | :left, tuple() | atom()) :: building()
  def join_runtime_data(query, type, condition), do: append(query, :join, {type, condition})

  @doc """
  Says what is wrong with a query without running it.

      iex> alias ElixirScope.ASTRepository.Query
      iex> {:error, error} = Query.new() |> Query.from(:module) |> Query.validate()
      iex> error.hint
      "did you mean :modules?"
  """
  @spec validate(term()) :: :ok | {:error, Error.t()}
  def validate(query) do
    with {:ok, _plan} <- Plan.build(query), do: :ok
  end

  defp put(%__MODULE__{} = query, key, value), do: Map.put(query, key, value)
  defp put({:error, %Error{}} = error, _key, _value), do: error
  defp put(other, _key, _value), do: not_a_query(other)

  defp append(%__MODULE__{} = query, key, value) do
    list = Map.fetch!(query, key) || []

    if is_list(list) and not List.improper?(list),
      do: Map.put(query, key, list ++ [value]),
      else: Fault.invalid(key, list, "start from ElixirScope.ASTRepository.Query.new()")
  end

  defp append({:error, %Error{}} = error, _key, _value), do: error
  defp append(other, _key, _value), do: not_a_query(other)

  defp not_a_query(other) do
    Fault.invalid(:query, other, "start from ElixirScope.ASTRepository.Query.new()")
  end
end
