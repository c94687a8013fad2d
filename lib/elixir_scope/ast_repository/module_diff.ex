defmodule ElixirScope.ASTRepository.ModuleDiff do
  @moduledoc """
  What changed between two versions of a module: the answer of
  `ElixirScope.ASTRepository.DifferentialUpdater.calculate_module_diff/2`.

    * `:module_name`, `:old_module_name` - they differ when the module was renamed; `nil` where there is none
    * `:ast_node_id`, `:old_ast_node_id` - of the module in both versions
    * `:status` - `:unchanged`, `:changed`, `:renamed`, `:added` or `:removed`
    * `:change_type`
      * `:structural_changes` - what the module is: its name, kind, type, behaviours, `use`s or struct; or it came or went
      * `:major_changes` - what others meet: a public function came, went, or got another name, arity or visibility;
        imports or requires; or more than a quarter of the nodes is gone
      * `:minor_changes` - everything else: bodies, private functions, docs, attributes, aliases; also nothing at all
    * `:added_functions`, `:removed_functions`, `:modified_functions` - `[{name, arity}]`
    * `:renamed_functions` - `[{{name, arity}, {name, arity}}]`, old and new: another name, another arity, or moved
      from another module of the file
    * `:function_changes` - the same in detail, in the order of the new source: `%{change:, old:, new:,
      old_ast_node_id:, ast_node_id:, old_line:, line:, public:, aspects:}` with `{module, name, arity}` as `old` and
      `new`, and of `:name :arity :module :visibility :kind :clauses :head :body` what differs as `aspects`
    * `:metadata_changes` - `[%{field:, old:, new:}]`, of `:module_name :kind :module_type :behaviours :implements`
      the values, of `:uses :struct :requires :imports :aliases :attributes` the statements (as text) that stand on one
      side only
    * `:correlation_impacts` - `%{broken_correlations:, new_correlations:, maintained_correlations:}`, lists of
      `%{correlation_id:, old_ast_node_id:, ast_node_id:}`: the node is gone; the correlation is of the new version only;
      the node is there, under an id that may be another
    * `:nodes` - counts of the old version's nodes: `%{total:, unchanged:, changed:, gone:}`, `unchanged` with the
      subtree they had, `changed` found again with another one
  """

  defstruct [
    :module_name,
    :old_module_name,
    :ast_node_id,
    :old_ast_node_id,
    status: :unchanged,
    change_type: :minor_changes,
    added_functions: [],
    modified_functions: [],
    removed_functions: [],
    renamed_functions: [],
    function_changes: [],
    metadata_changes: [],
    correlation_impacts: %{broken_correlations: [], new_correlations: [], maintained_correlations: []},
    nodes: %{total: 0, unchanged: 0, changed: 0, gone: 0}
  ]

  @type function_change :: %{
          change: :added | :removed | :modified | :renamed,
          old: {module() | String.t(), atom() | String.t(), arity()} | nil,
          new: {module() | String.t(), atom() | String.t(), arity()} | nil,
          old_ast_node_id: String.t() | nil,
          ast_node_id: String.t() | nil,
          old_line: pos_integer() | nil,
          line: pos_integer() | nil,
          public: boolean(),
          aspects: [atom()]
        }

  @type correlation :: %{
          correlation_id: binary() | integer() | atom(),
          old_ast_node_id: String.t() | nil,
          ast_node_id: String.t() | nil
        }

  @type name_arity :: {atom() | String.t(), arity()}

  @type t :: %__MODULE__{
          module_name: module() | String.t() | nil,
          old_module_name: module() | String.t() | nil,
          ast_node_id: String.t() | nil,
          old_ast_node_id: String.t() | nil,
          status: :unchanged | :changed | :renamed | :added | :removed,
          change_type: :minor_changes | :major_changes | :structural_changes,
          added_functions: [name_arity()],
          modified_functions: [name_arity()],
          removed_functions: [name_arity()],
          renamed_functions: [{name_arity(), name_arity()}],
          function_changes: [function_change()],
          metadata_changes: [%{field: atom(), old: term(), new: term()}],
          correlation_impacts: %{
            broken_correlations: [correlation()],
            new_correlations: [correlation()],
            maintained_correlations: [correlation()]
          },
          nodes: %{
            total: non_neg_integer(),
            unchanged: non_neg_integer(),
            changed: non_neg_integer(),
            gone: non_neg_integer()
          }
        }
end
