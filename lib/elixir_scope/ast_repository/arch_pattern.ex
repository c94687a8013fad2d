defmodule ElixirScope.ASTRepository.ArchPattern do
  @moduledoc """
  A pattern of architecture or design that a module follows.

    * `:id` - `"MyApp.Cart:facade"`
    * `:name` - `:adapter`, `:background_job`, `:builder`, `:cache`, `:concurrent_tasks`,
      `:configured_implementation`, `:container`, `:context`, `:contract`, `:crud`, `:data_access`, `:facade`,
      `:instrumented`, `:macro_dsl`, `:middleware`, `:observer`, `:plug_pipeline`, `:polymorphism`, `:producer_consumer`,
      `:pub_sub`, `:query`, `:registered_process`, `:shared_table`, `:singleton_process`, `:state_machine`,
      `:stateful_process`, `:supervision`, `:unit_of_work`
    * `:module_name`
    * `:confidence` - 0.0 to 1.0, and `:why`
    * `:nodes` - the nodes it was read from; the first one's place is in the struct too
  """

  defstruct [
    :id,
    :name,
    :module_name,
    :confidence,
    :why,
    :ast_node_id,
    :file,
    :line,
    :column,
    nodes: []
  ]

  @type t :: %__MODULE__{
          id: String.t(),
          name: atom(),
          module_name: module(),
          confidence: float(),
          why: String.t(),
          nodes: [map()],
          ast_node_id: String.t(),
          file: String.t() | nil,
          line: pos_integer() | nil,
          column: pos_integer() | nil
        }
end
