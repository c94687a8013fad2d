defmodule ElixirScope.ASTRepository.Coverage do
  @moduledoc """
  What of a function or a module ran while it was observed, node by node.

      {:ok, coverage} = Coverage.of(repository, {MyApp.Cart, :total, 1})
      coverage.coverage
      #=> 0.75
      coverage.missed
      #=> [%{ast_node_id: "MyApp.Cart.total/1#5f2a1c:9be02d41.1", file: "lib/my_app/cart.ex", line: 12, column: 9}]

    * `:coverage` - the share of executable nodes that ran, 0.0 to 1.0
    * `:covered`, `:executable` - how many ran, and how many there are: calls, operators, special forms and variables
      outside patterns and quotes, and each clause itself
    * `:missed` - where what did not run begins: one entry for each clause or branch, in the order of the source

    * `:lines` - `%{line => {covered, executable}}`, of nodes

  Branches inside clauses are told apart when the code was instrumented with `coverage: true`, which the Mix compiler
  does in the environment `:test`. Without, a clause that was entered counts as a whole. What an exception left out
  of a branch that had begun counts as run. Macros run in the compiler and are left out; a module is counted over all
  its other functions.

  Where several versions of a module were observed, the one that ran last counts. `FunctionData.test_coverage` and
  `ModuleData.test_coverage` are the same share, and the query field `:crap` is made of it.
  """

  alias ElixirScope.ASTRepository.{FunctionData, Handle}
  alias ElixirScope.{Core, Error}

  defstruct [:coverage, :covered, :executable, missed: [], lines: %{}]

  @type t :: %__MODULE__{
          coverage: float(),
          covered: non_neg_integer(),
          executable: pos_integer(),
          lines: %{pos_integer() => {non_neg_integer(), pos_integer()}},
          missed: [
            %{
              ast_node_id: String.t(),
              file: String.t(),
              line: pos_integer() | nil,
              column: pos_integer() | nil
            }
          ]
        }

  @doc """
  Of a module, or of a function as `{module, name, arity}`.

  Errors: `:not_found` when the repository does not hold its source, or when it was not instrumented during a run that
  the repository observed.
  """
  @spec of(repository :: term(), module() | FunctionData.key()) ::
          {:ok, t()} | {:error, Error.t()}
  def of(repository, target) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, fields} <- Core.Repository.coverage(ref, target),
         do: {:ok, struct(__MODULE__, fields)}
  end
end
