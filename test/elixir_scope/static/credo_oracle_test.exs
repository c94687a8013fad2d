defmodule ElixirScope.Static.CredoOracleTest do
  # Credo's own checks, from a checkout named by ELIXIR_SCOPE_CREDO_SRC, asked about every clause of Elixir's sources
  # and of Credo's.
  use ExUnit.Case, async: false

  alias ElixirScope.ASTRepository.Parser
  alias ElixirScope.Core.Source
  alias ElixirScope.Test.Source, as: Sources

  @moduletag :elixir_sources
  @moduletag timeout: 600_000

  @credo System.get_env("ELIXIR_SCOPE_CREDO_SRC")

  if @credo == nil or Sources.elixir_sources() == nil do
    IO.puts(
      :stderr,
      "SKIPPED: Credo's figures for every clause; ELIXIR_SCOPE_CREDO_SRC names a checkout of rrrene/credo, " <>
        "ELIXIR_SCOPE_ELIXIR_SRC Elixir's sources"
    )

    @moduletag skip: "ELIXIR_SCOPE_CREDO_SRC or ELIXIR_SCOPE_ELIXIR_SRC is not set"
  end

  # What the two checks need of the rest of Credo.
  @stubs """
  defmodule Credo.Check do
    defmacro __using__(_) do
      quote do
        @before_compile Credo.Check
        alias Credo.{Check.Context, Severity, SourceFile}
      end
    end

    defmacro __before_compile__(_) do
      quote do
        def format_issue(_context, fields), do: fields
        def put_issue(context, _issue), do: context
        def put_param(context, _name, _value), do: context
      end
    end
  end

  defmodule Credo.SourceFile, do: defstruct([:filename])

  defmodule Credo.Code do
    def prewalk(ast, fun, acc), do: ast |> Macro.prewalk(acc, fun) |> elem(1)
  end
  """

  @abc Credo.Check.Refactor.ABCSize
  @cyclomatic Credo.Check.Refactor.CyclomaticComplexity
  @ecto ~w(where from select join)

  setup_all do
    ExUnit.CaptureIO.capture_io(:stderr, fn ->
      Code.compile_string(@stubs)

      for file <- ~w(code/block check/refactor/abc_size check/refactor/cyclomatic_complexity),
          do: Code.compile_file(Path.join([@credo, "lib/credo", file <> ".ex"]))
    end)

    :ok
  end

  test "cyclomatic complexity and ABC size are Credo's, for every clause" do
    {_dir, files} = Sources.elixir_sources()
    files = files ++ Path.wildcard(Path.join(@credo, "**/*.{ex,exs}"))

    counts =
      files
      |> Task.async_stream(&check/1, timeout: :infinity, ordered: false)
      |> Enum.map(fn {:ok, count} -> count end)

    IO.puts(:stderr, "Credo's figures: #{Enum.sum(counts)} clauses of #{length(files)} files agree")
    assert Enum.sum(counts) > 13_000
  end

  defp check(path) do
    # A file of Credo's that is there to not be parsed has no clauses.
    case Parser.parse_file(path, file: Path.basename(path)) do
      {:ok, source} -> source |> compare(path) |> length()
      {:error, _} -> 0
    end
  end

  defp compare(source, path) do
    {:ok, outline} = Source.outline(source)
    {:ok, quoted} = Source.quoted(source)
    excluded = if imports_ecto?(quoted), do: @ecto, else: []

    for module <- outline, function <- module.functions, function.kind in ~w(def defp defmacro)a do
      for clause <- function.clauses do
        {:ok, ast} = Source.quoted(source, clause.id)
        ours = {clause.metrics.credo_cyclomatic, clause.metrics.credo_abc_size}

        theirs = {
          round(apply(@cyclomatic, :complexity_for, [ast])),
          apply(@abc, :abc_size_for, [ast, excluded]) * 1.0
        }

        assert {path, clause.id, ours} == {path, clause.id, theirs}
      end
    end
    |> List.flatten()
  end

  defp imports_ecto?(quoted) do
    {_, found} =
      Macro.prewalk(quoted, false, fn
        {:import, _, [{:__aliases__, _, [:Ecto, :Query]} | _]} = node, _ -> {node, true}
        node, found -> {node, found}
      end)

    found
  end
end
