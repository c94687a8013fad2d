defmodule ElixirScope.ASTRepository.BusinessRule do
  @moduledoc """
  Something that the code says may or may not be.

    * `:kind` -
      * `:guard` - a guard that compares values (one that asks for a type only is no rule), or a `defguard`
      * `:validation` - a function that is named for it (`validate_...`, `ensure_...`, `valid?`, ...), or an `if`, `unless`
        or `cond` that ends in an error
      * `:with_chain` - a `with` of two steps or more
      * `:changeset_validation` - a validation or constraint of `Ecto.Changeset`
      * `:database_constraint` - what a migration has the database enforce
      * `:policy` - a clause of a function that decides who may do what
    * `:name` - the function it stands in, `"withdraw/2"`, or the validation's name
    * `:expression` - as it is written
    * `:subjects` - fields or parameters that it is about
    * `:module_name`, `:function` (`{module, name, arity}`)
    * `:confidence` - 0.0 to 1.0, and `:why`
    * `:nodes` - the nodes it was read from, `[%{ast_node_id, file, line, column}]`; the first one's place is in
      `:ast_node_id`, `:file`, `:line` and `:column` too, and its id is the rule's `:id`
  """

  defstruct [
    :id,
    :kind,
    :name,
    :expression,
    :module_name,
    :function,
    :confidence,
    :why,
    :ast_node_id,
    :file,
    :line,
    :column,
    subjects: [],
    nodes: []
  ]

  @type kind ::
          :guard | :validation | :with_chain | :changeset_validation | :database_constraint | :policy

  @type t :: %__MODULE__{
          id: String.t(),
          kind: kind(),
          name: String.t(),
          expression: String.t(),
          subjects: [atom()],
          module_name: module(),
          function: {module(), atom(), arity()} | nil,
          confidence: float(),
          why: String.t(),
          nodes: [map()],
          ast_node_id: String.t(),
          file: String.t() | nil,
          line: pos_integer() | nil,
          column: pos_integer() | nil
        }
end
