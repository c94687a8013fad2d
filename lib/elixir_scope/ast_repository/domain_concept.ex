defmodule ElixirScope.ASTRepository.DomainConcept do
  @moduledoc """
  A thing that the application is about: a schema, a struct, or a context over schemas.

    * `:id` - the module; `:name` - its last part
    * `:kind` - `:schema`, `:embedded_schema` (of Ecto), `:struct`, `:context` (a module that reads and writes schemas for
      others)
    * `:source` - the table of a schema
    * `:fields` - `[%{name, type, default, virtual, redact}]`, types and defaults as text; foreign keys and timestamps
      included
    * `:relations` - `[%{kind, name, to, through, confidence}]`: `:belongs_to`, `:has_one`, `:has_many`, `:many_to_many`,
      `:embeds_one`, `:embeds_many`; `:refers` where a field's type names another struct or schema of the project;
      `:manages` from a context to its schemas
    * `:confidence` - 0.0 to 1.0, and `:why`
    * `:nodes` - the nodes it was read from. Fields and relations have `:ast_node_id`, `:file`, `:line` and `:column` of
      their own
  """

  defstruct [
    :id,
    :name,
    :kind,
    :source,
    :confidence,
    :why,
    :ast_node_id,
    :file,
    :line,
    :column,
    fields: [],
    relations: [],
    nodes: []
  ]

  @type t :: %__MODULE__{
          id: module(),
          name: String.t(),
          kind: :schema | :embedded_schema | :struct | :context,
          source: String.t() | nil,
          fields: [map()],
          relations: [map()],
          confidence: float(),
          why: String.t(),
          nodes: [map()],
          ast_node_id: String.t(),
          file: String.t() | nil,
          line: pos_integer() | nil,
          column: pos_integer() | nil
        }
end
