defmodule ElixirScope.ASTRepository.ModuleMetadata do
  @moduledoc """
  What a module's own source declares: the answer of `ElixirScope.ASTRepository.MetadataExtractor`.

  Everything that stands somewhere is a map with the node that it was read from: `:ast_node_id`, `:file`, `:line`,
  `:column`. Expressions are text that parses again; in types, modules have their full names.

    * `:module_name`, and the module's own node
    * `:moduledoc` - text, `false`, `nil`, or `:computed`; `:moduledoc_status` as in
      `ElixirScope.ASTRepository.Documentation`
    * `:documentation_score` - documented public functions, types and the module itself, over all of them (what
      is hidden leaves the count); `nil` when there is nothing to document
    * `:functions`, `:macros` - what is exported, `[{name, arity}]`, with the arities that defaults make
    * `:generated`, `:generated_macros` - what `defstruct`, `defexception`, `defprotocol`, `defimpl` and `use` add to
      these (`use` as far as the `__using__` is at hand, or is known of Elixir, Plug, Phoenix, Ecto, GenStage and Oban)
    * `:definitions` - `[%{name, arity, public, signature, documentation, ast_node_id}]` of every function, with a
      `FunctionSignature` and a `Documentation`
    * `:attributes` - `[%{name, value}]` of those without a meaning to the compiler
    * `:types` - `[%{kind: :type | :opaque | :typep, name, arity, dynamic, text, doc}]`
    * `:specs` - `[%{kind: :spec, name, arity, dynamic, text}]`
    * `:callbacks` - `[%{kind: :callback | :macrocallback, name, arity, dynamic, text, doc, optional}]`
    * `:behaviours` - `[%{module, by}]`, `:by` being `:attribute` (`@behaviour`), `:use`, `:exception` or `:protocol`
    * `:struct_fields` - `[%{name, default, required}]`; `nil` without a struct, or when its fields are computed
    * `:uses`, `:imports`, `:aliases`, `:requires` - `[%{module, options, in_function}]`
    * `:dependencies` - `[%{module, kind, at, count}]`, one for each module and way to name it, at its first place:
      `:alias`, `:import`, `:require`, `:use`, `:behaviour`, `:protocol`, `:struct` (`%Name{}`), `:call`
      (`Name.function()`), `:type` (in types and specs), `:mention` (the name as a value). `:at` is `:compile_time`
      or `:run_time`

  What is computed when the module is compiled (`def unquote(name)()`, types made in a loop) is `dynamic`, or not there.
  """

  defstruct [
    :module_name,
    :moduledoc,
    :moduledoc_status,
    :documentation_score,
    :struct_fields,
    :ast_node_id,
    :file,
    :line,
    :column,
    functions: [],
    macros: [],
    generated: [],
    generated_macros: [],
    definitions: [],
    attributes: [],
    types: [],
    specs: [],
    callbacks: [],
    behaviours: [],
    uses: [],
    imports: [],
    aliases: [],
    requires: [],
    dependencies: []
  ]

  @typedoc "A map with what was read and the node it was read from."
  @type item :: %{
          required(:ast_node_id) => String.t(),
          required(:file) => String.t() | nil,
          required(:line) => pos_integer() | nil,
          required(:column) => pos_integer() | nil,
          optional(atom()) => term()
        }

  @type t :: %__MODULE__{
          module_name: module(),
          moduledoc: String.t() | false | :computed | nil,
          moduledoc_status: :documented | :missing | :hidden,
          documentation_score: float() | nil,
          functions: [{atom(), arity()}],
          macros: [{atom(), arity()}],
          generated: [{atom(), arity()}],
          generated_macros: [{atom(), arity()}],
          definitions: [map()],
          attributes: [item()],
          types: [item()],
          specs: [item()],
          callbacks: [item()],
          behaviours: [item()],
          struct_fields: [item()] | nil,
          uses: [item()],
          imports: [item()],
          aliases: [item()],
          requires: [item()],
          dependencies: [item()],
          ast_node_id: String.t(),
          file: String.t() | nil,
          line: pos_integer() | nil,
          column: pos_integer() | nil
        }
end
