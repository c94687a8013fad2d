defmodule ElixirScope.ASTRepository.TestCase do
  @moduledoc """
  A test that reached a function while `mix elixir_scope.test` observed it: an element of `FunctionData.test_cases`.

    * `:module`, `:name` - the test module and the test, as text: `"ShopTest"`, `"test a cart adds up"`
    * `:describe` - the `describe` block around it, or `nil`
    * `:file`, `:line` - where the test stands, relative to the project
    * `:result` - `:passed`, `:failed`, `:invalid` (its `setup_all` failed), `:skipped`, `:excluded`, or `:unknown`
    * `:time_us` - how long the test took, in microseconds
    * `:how` - how it is known to have reached the function
      * `:own` - its own process called it, its `setup` and `on_exit` callbacks included
      * `:descendant` - a process that descends from the test's called it (`Task`, `start_supervised`, `$callers`,
        `$ancestors`, the parent)
      * `:setup_all` - the `setup_all` of its module called it
      * `:meanwhile` - another process called it while the test ran: a server that tests share, say. With tests that are
        `async`, it may have been for another test
    * `:calls` - how often, from the surest of these on
    * `:coverage` - the share of the function's executable nodes that ran for this test, 0.0 to 1.0
  """

  defstruct [:module, :name, :describe, :file, :line, :result, :time_us, :how, :calls, :coverage]

  @type how :: :own | :descendant | :setup_all | :meanwhile
  @type t :: %__MODULE__{
          module: String.t(),
          name: String.t(),
          describe: String.t() | nil,
          file: String.t() | nil,
          line: pos_integer() | nil,
          result: :passed | :failed | :invalid | :skipped | :excluded | :unknown,
          time_us: non_neg_integer() | nil,
          how: how(),
          calls: non_neg_integer(),
          coverage: float() | nil
        }
end
