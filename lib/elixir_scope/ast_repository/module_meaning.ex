defmodule ElixirScope.ASTRepository.ModuleMeaning do
  @moduledoc """
  What a module is: the answer of `ElixirScope.ASTRepository.SemanticAnalyzer`.

    * `:module_type` - a judgement (below) of `:genserver`, `:supervisor`, `:application`, `:agent`, `:task`, `:gen_statem`,
      `:gen_stage`, `:gen_event`, `:phoenix_controller`, `:phoenix_live_view`, `:phoenix_channel`, `:phoenix_router`, `:plug`,
      `:ecto_schema`, `:ecto_repo`, `:ecto_migration`, `:protocol`, `:protocol_impl`, `:behaviour`, `:exception`,
      `:struct`, `:mix_task`, `:mix_project`, `:ex_unit_case`, `:plain`
    * `:role` - a judgement of its role in the application: `:controller`, `:view`, `:context`, `:service`, `:repository`,
      `:schema`, `:middleware`, `:worker`, `:adapter`, `:interface`, `:library`, ...
    * `:patterns` - `[ElixirScope.ASTRepository.ArchPattern]`, the surest first
    * `:behaviours` - `[%{module, by}]`, `:by` being `:attribute`, `:use`, `:exception` or `:protocol`
    * `:callbacks` - `[%{name, arity, behaviour, marked}]` of the functions that implement one; `:marked` with `@impl`
    * `:concept` - the `ElixirScope.ASTRepository.DomainConcept` that the module defines, or `nil`
    * `:concepts` - the modules of the concepts that it is, leads to, or works on; its own first
    * `:rules` - `[ElixirScope.ASTRepository.BusinessRule]` in the order of the source

  A judgement is `%{value, confidence, why, nodes}`: how sure it is from 0.0 to 1.0, and the nodes it was read from.
  Everything that stands somewhere has `:ast_node_id`, `:file`, `:line` and `:column`.
  """

  alias ElixirScope.ASTRepository.{ArchPattern, BusinessRule, DomainConcept}

  defstruct [
    :module_name,
    :module_type,
    :role,
    :concept,
    :ast_node_id,
    :file,
    :line,
    :column,
    patterns: [],
    behaviours: [],
    callbacks: [],
    concepts: [],
    rules: []
  ]

  @typedoc "A value with the nodes it was read from."
  @type judgement(value) :: %{value: value, confidence: float(), why: String.t(), nodes: [map()]}

  @type t :: %__MODULE__{
          module_name: module(),
          module_type: judgement(atom()),
          role: judgement(atom()),
          patterns: [ArchPattern.t()],
          behaviours: [map()],
          callbacks: [map()],
          concept: DomainConcept.t() | nil,
          concepts: [module()],
          rules: [BusinessRule.t()],
          ast_node_id: String.t(),
          file: String.t() | nil,
          line: pos_integer() | nil,
          column: pos_integer() | nil
        }
end
