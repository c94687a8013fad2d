defmodule ElixirScope.ASTRepository.ImportResult do
  @moduledoc """
  What `ElixirScope.ASTRepository.import_project/3` did.

    * `:root` - the directory, absolute
    * `:files` - source files found
    * `:imported` - files parsed and stored by this import
    * `:unchanged` - files skipped because their text is what is stored already
    * `:removed` - files that were stored before and are gone
    * `:modules`, `:functions`, `:nodes` - what is stored of this project now
    * `:errors` - files that could not be read or parsed: `[%{file:, line:, column:, reason:}]`, sorted by file.
      What was stored of such a file before is dropped: a stale module would answer for code that is not there
    * `:compiled` - compiled modules of the project that were found and read: they say what macros expanded to
    * `:stale` - those of them whose source has changed since they were compiled: what they say is not used
    * `:lines` - source lines of the imported files
    * `:duration_us` - wall time
  """

  defstruct [
    :root,
    files: 0,
    imported: 0,
    unchanged: 0,
    removed: 0,
    modules: 0,
    functions: 0,
    nodes: 0,
    errors: [],
    compiled: 0,
    stale: [],
    lines: 0,
    duration_us: 0
  ]

  @type file_error :: %{
          file: String.t(),
          line: pos_integer() | nil,
          column: pos_integer() | nil,
          reason: String.t()
        }

  @type t :: %__MODULE__{
          root: String.t(),
          files: non_neg_integer(),
          imported: non_neg_integer(),
          unchanged: non_neg_integer(),
          removed: non_neg_integer(),
          modules: non_neg_integer(),
          functions: non_neg_integer(),
          nodes: non_neg_integer(),
          errors: [file_error()],
          compiled: non_neg_integer(),
          stale: [module()],
          lines: non_neg_integer(),
          duration_us: non_neg_integer()
        }
end
