defmodule Mix.ElixirScope.Console do
  @moduledoc false
  # How the tasks speak: reports as wide as the terminal, errors with what to do next, help.

  alias ElixirScope.{ASTRepository, Error, Report}
  alias ElixirScope.Observation.Totals
  alias ElixirScope.Report.{Document, Progress, Text}

  # Without a terminal: wide enough for tables, narrow enough for a log.
  @width 110
  @width_min 72

  @doc "Columns there are."
  @spec width() :: pos_integer()
  def width do
    with {:error, _} <- :io.columns(), {columns, ""} <- Integer.parse(System.get_env("COLUMNS", "")) do
      max(columns, @width_min)
    else
      {:ok, columns} -> max(columns, @width_min)
      _ -> @width
    end
  end

  @doc "Prints a report."
  @spec report(Report.t(), keyword()) :: :ok
  def report(report, opts) do
    opts = Keyword.merge([width: width(), colors: IO.ANSI.enabled?()], opts)
    Mix.shell().info(["\n", Text.render(report, opts)])
  end

  @doc "Writes the JSON document if `path` asks for one, and says so."
  @spec json(Report.t(), Path.t() | nil) :: :ok
  def json(_report, nil), do: :ok

  def json(report, path) do
    report |> Document.write(path) |> ok!()
    if path != "-", do: Mix.shell().info("JSON written to #{Path.relative_to_cwd(path)}")
    :ok
  end

  @doc "Saves a repository, with the totals of its run, unless `:no_save`."
  @spec save(ASTRepository.repository(), Report.t(), Path.t(), keyword()) :: :ok
  def save(repository, report, path, opts) do
    if not Keyword.get(opts, :no_save, false) do
      progress("Saving", fn ->
        repository |> ASTRepository.save(path) |> ok!()
        path |> Totals.keep(report.totals) |> ok!()
      end)

      if opts[:json] != "-",
        do: Mix.shell().info("Saved to #{Path.relative_to_cwd(path)}; ask it with mix elixir_scope.query")
    end

    :ok
  end

  @doc "What takes long is said on standard error."
  @spec progress(String.t(), (() -> value)) :: value when value: term()
  def progress(label, fun), do: Progress.run(label, fun)

  @doc "The value of a result, or the end of the task with the error's words."
  @spec ok!({:ok, value} | :ok | {:error, Error.t()}) :: value | :ok when value: term()
  def ok!(:ok), do: :ok
  def ok!({:ok, value}), do: value
  def ok!({:error, %Error{} = error}), do: Mix.raise("elixir_scope: " <> Exception.message(error))

  @doc "Prints the documentation of a task, as `mix help` does."
  @spec help(String.t()) :: :ok
  def help(task) do
    Mix.Task.run("help", [task])
    :ok
  end
end
