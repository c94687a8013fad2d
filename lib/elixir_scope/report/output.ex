defmodule ElixirScope.Report.Output do
  @moduledoc false
  # Text for other programs: to standard output (`-`), or to a file, whole or not at all, so that a reader never
  # sees half a document.

  alias ElixirScope.Error

  @spec write(Path.t(), iodata()) :: :ok | {:error, Error.t()}
  def write("-", text), do: IO.write(text)

  def write(path, text) do
    temporary = "#{path}.#{System.pid()}.tmp"

    with :ok <- File.mkdir_p(Path.dirname(path)),
         :ok <- File.write(temporary, text),
         :ok <- File.rename(temporary, path) do
      :ok
    else
      {:error, reason} ->
        File.rm(temporary)

        {:error,
         %Error{
           reason: :not_written,
           message: "cannot write #{path}: #{:file.format_error(reason)}",
           hint: "give a path in a directory that can be written",
           details: %{path: path, posix: reason}
         }}
    end
  end
end
