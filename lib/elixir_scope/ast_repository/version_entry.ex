defmodule ElixirScope.ASTRepository.VersionEntry do
  @moduledoc """
  One version of a module's file, as `ModuleData.version_history` lists them, oldest first.

    * `:build` - its id: the digest of the file's text, as in `ModuleData.compilation_hash`. Give it (or its first eight
      characters or more) to `ElixirScope.ASTRepository.get_ast_node/3` as `build:`
    * `:source_file` - the file it stood in, relative to its project
    * `:from`, `:until` - when it was the present one (`:until` is `nil` while it is)
    * `:function_count`, `:node_count` - of the whole file

  Old versions are kept up to a bound (64 MiB for each repository); the oldest go first.
  """

  defstruct [:build, :source_file, :from, :until, function_count: 0, node_count: 0]

  @type t :: %__MODULE__{
          build: String.t(),
          source_file: String.t(),
          from: DateTime.t(),
          until: DateTime.t() | nil,
          function_count: non_neg_integer(),
          node_count: non_neg_integer()
        }
end
