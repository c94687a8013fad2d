defmodule ElixirScope.ASTRepository.FileUpdate do
  @moduledoc """
  What `ElixirScope.ASTRepository.update_file/3` and `ElixirScope.ASTRepository.remove_file/2` did.

    * `:path` - the file, absolute
    * `:root` - the imported directory it belongs to; `:file` - its path in there, as ids and locations show it
    * `:change` - what became of it:
      * `:added`, `:modified`, `:removed`
      * `:reformatted` - comments, layout or positions only: nothing computed from the code is computed again
      * `:unchanged` - the very text that is stored
    * `:modules` - `[{name, :added | :modified | :removed}]`, the modules of the file that are not as they were
    * `:functions` - `[{{module, name, arity}, :added | :modified | :removed}]`, likewise
    * `:version` - of the repository, in which the change is visible
    * `:read_us`, `:parse_us`, `:store_us` - microseconds for reading the file, for parsing and encoding it, and for
      putting it in its place; `:duration_us` - for all of it
  """

  defstruct [
    :path,
    :root,
    :file,
    :change,
    :version,
    modules: [],
    functions: [],
    read_us: 0,
    parse_us: 0,
    store_us: 0,
    duration_us: 0
  ]

  @type kind :: :added | :modified | :removed

  @type t :: %__MODULE__{
          path: Path.t(),
          root: Path.t(),
          file: Path.t(),
          change: :added | :modified | :removed | :reformatted | :unchanged,
          version: pos_integer(),
          modules: [{module(), kind()}],
          functions: [{ElixirScope.ASTRepository.FunctionData.key(), kind()}],
          read_us: non_neg_integer(),
          parse_us: non_neg_integer(),
          store_us: non_neg_integer(),
          duration_us: non_neg_integer()
        }
end
