defmodule ElixirScope.Integration.GraphsTest do
  @moduledoc """
  Graphs of compiled projects, against what others say of them: `mix xref`, and the running program.
  """

  use ExUnit.Case, async: true

  alias ElixirScope.Test.{Project, PythonJSON}

  @moduletag timeout: 600_000

  @root Path.expand("../..", __DIR__)
  @scripts Path.join(@root, "test/scripts")

  # Every way in which one file can need another.
  @files %{
    "lib/schema.ex" => """
    defmodule Needs.Schema do
      defmacro __using__(_) do
        quote do
          import Needs.Schema, only: [field: 1]
          @before_compile Needs.Schema
          def made, do: Needs.Made.by_macro(1)
        end
      end

      defmacro __before_compile__(_), do: quote(do: def(late, do: Needs.Late.run()))
      defmacro field(name), do: quote(do: def(unquote(name)(), do: Needs.Field.get(unquote(name))))
    end
    """,
    "lib/user.ex" => """
    defmodule Needs.User do
      use Needs.Schema
      alias Needs.{Address, Helpers, Unused}
      require Needs.Macros
      import Needs.Imported
      @behaviour Needs.Behaviour
      @at_compile Needs.AtCompile.value()
      defstruct [:address, :at]
      field :name

      @spec address(Needs.Typed.t()) :: Unused.t()
      def address(typed), do: %Address{of: typed}
      def help(x), do: x |> Helpers.first() |> then(&Helpers.second/1)
      def logged(x), do: Needs.Macros.twice(x)
      def imported(x), do: brought(x)
      def at, do: @at_compile
      def applied, do: apply(Needs.Applied, :run, [])
      def named, do: Needs.Named
      def match(%Needs.Matched{}), do: :ok
      @impl true
      def called(x), do: Needs.Proto.show(x)
      defdelegate away(x), to: Needs.Delegated
    end
    """,
    "lib/rest.ex" => """
    defmodule Needs.Made do
      def by_macro(x), do: x
    end
    """,
    "lib/address.ex" => "defmodule Needs.Address do\n  defstruct [:of]\nend",
    "lib/helpers.ex" =>
      "defmodule Needs.Helpers do\n  def first(x), do: second(x)\n  def second(x), do: Needs.User.at() + x\nend",
    "lib/macros.ex" => "defmodule Needs.Macros do\n  defmacro twice(x), do: quote(do: unquote(x) * 2)\nend",
    "lib/imported.ex" => "defmodule Needs.Imported do\n  def brought(x), do: x\nend",
    "lib/behaviour.ex" => "defmodule Needs.Behaviour do\n  @callback called(term) :: term\nend",
    "lib/at_compile.ex" => "defmodule Needs.AtCompile do\n  def value, do: Needs.Helper2.value()\nend",
    "lib/helper2.ex" => "defmodule Needs.Helper2 do\n  def value, do: 2\nend",
    "lib/typed.ex" => "defmodule Needs.Typed do\n  @type t :: integer()\nend",
    "lib/unused.ex" => "defmodule Needs.Unused do\n  @type t :: integer()\nend",
    "lib/applied.ex" => "defmodule Needs.Applied do\n  def run, do: 1\nend",
    "lib/named.ex" => "defmodule Needs.Named do\nend",
    "lib/matched.ex" => "defmodule Needs.Matched do\n  defstruct [:x]\nend",
    "lib/delegated.ex" => "defmodule Needs.Delegated do\n  def away(x), do: x\nend",
    "lib/late.ex" => "defmodule Needs.Late do\n  def run, do: 1\nend",
    "lib/field.ex" => "defmodule Needs.Field do\n  def get(x), do: x\nend",
    "lib/proto.ex" => "defprotocol Needs.Proto do\n  def show(x)\nend",
    # around modules: the implementation stands in no module of its own file
    "lib/impls.ex" => """
    defimpl Needs.Proto, for: Needs.Matched do
      def show(_), do: Needs.Made.by_macro(2)
    end

    defimpl Needs.Proto, for: [Integer, Needs.Address] do
      def show(_), do: 1
    end
    """
  }

  defp script(name), do: Path.join(@scripts, name)

  test "module dependencies equal those of mix xref" do
    project = Project.new(name: :needs, files: @files)
    assert {_, 0} = Project.mix(project, ["compile"])
    assert {output, 0} = Project.mix(project, ["run", "--no-start", script("xref.exs")])
    assert output =~ ~r/0 missing, 0 extra/
    assert [_, count] = Regex.run(~r/(\d+) dependencies of mix xref/, output)
    assert String.to_integer(count) > 20

    # The source moved on: what was compiled of this file is not used any more, and said to be stale.
    Project.write(
      project,
      "lib/helpers.ex",
      "defmodule Needs.Helpers do\n  def first(x), do: Needs.Late.run() + x\nend"
    )

    expression =
      "{:ok, r} = ElixirScope.ASTRepository.new(); {:ok, i} = ElixirScope.ASTRepository.import_project(r, \".\");" <>
        "IO.inspect({:stale, i.stale}); {:ok, g} = ElixirScope.ASTRepository.GraphBuilder.call_graph(r);" <>
        "for %{from: \"Needs.Helpers.first/1\"} = e <- g.edges, do: IO.inspect({:edge, e.to, e.kind})"

    assert {output, 0} = Project.mix(project, ["run", "--no-compile", "--no-start", "-e", expression])
    assert output =~ "{:stale, [Needs.Helpers]}"
    assert output =~ ~s({:edge, "Needs.Late.run/0", :remote})
  end

  test "calls that macros made are in the graph, and told as such" do
    project = Project.new(name: :needs, files: @files)
    assert {_, 0} = Project.mix(project, ["compile"])
    assert {_, 0} = Project.mix(project, ["elixir_scope.graph", "calls", "--dynamic", "--json", "calls.json"])

    graph = PythonJSON.read_file(Path.join(project.dir, "calls.json"))
    edges = for edge <- graph["edges"], do: [edge["from"], edge["kind"], edge["to"]]

    for edge <- [
          ["Needs.User.made/0", "generated", "Needs.Made.by_macro/1"],
          ["Needs.User.late/0", "generated", "Needs.Late.run/0"],
          ["Needs.User.name/0", "generated", "Needs.Field.get/1"],
          ["Needs.User.logged/1", "macro", "Needs.Macros.twice/1"],
          ["Needs.User.help/1", "remote", "Needs.Helpers.first/1"],
          ["Needs.User.help/1", "capture", "Needs.Helpers.second/1"],
          ["Needs.User.away/1", "delegate", "Needs.Delegated.away/1"],
          ["Needs.User.applied/0", "apply", "Needs.Applied.run/0"],
          ["Needs.User", "remote", "Needs.AtCompile.value/0"],
          ["Needs.Proto.show/1", "dispatch", "Needs.Proto.Needs.Matched.show/1"],
          ["Needs.Proto.Needs.Matched.show/1", "remote", "Needs.Made.by_macro/1"]
        ] do
      assert edge in edges, "#{inspect(edge)} is not in #{inspect(edges, limit: :infinity)}"
    end

    assert {output, 0} =
             Project.mix(project, ["elixir_scope.graph", "dependencies", "--focus", "Needs.AtCompile"])

    assert output =~ ~r/^Needs.User +compile +Needs.AtCompile/m
    assert {output, 0} = Project.mix(project, ["elixir_scope.graph", "cycles"])
    assert output =~ "Needs.Helpers -> Needs.User -> Needs.Helpers"
    assert {output, 0} = Project.mix(project, ["elixir_scope.graph", "dependencies", "--format", "dot"])
    assert output =~ ~s("Needs.User" -> "Needs.Schema" [color="red", style="bold"];)
    assert {output, 1} = Project.mix(project, ["elixir_scope.graph", "circles"])
    assert output =~ "there are calls, dependencies, cycles, unreachable"
    assert {output, 0} = Project.mix(project, ["elixir_scope.graph", "--help"])
    assert output =~ "--focus NAME"
  end

  test "no call that the example's suite makes is missing, and nothing unreachable ran" do
    example = Path.join(@root, "examples/shop")

    files =
      for pattern <- ["mix.exs", "{lib,test}/**/*.{ex,exs}"],
          path <- Path.wildcard(Path.join(example, pattern)),
          into: %{} do
        text = String.replace(File.read!(path), ~s(path: "../.."), "path: #{inspect(@root)}")
        {Path.relative_to(path, example), text}
      end

    project = Project.new(name: :shop, files: files)
    assert {_, 0} = Project.mix(project, ["elixir_scope.test"])
    assert {output, 0} = Project.mix(project, ["run", "--no-start", script("observed.exs")], env: "test")
    assert [_, edges, static] = Regex.run(~r/(\d+) observed edges: (\d+) in the graph/, output)
    assert String.to_integer(edges) > 30
    assert String.to_integer(static) > 0.9 * String.to_integer(edges)
    assert output =~ " 0 missing;"
  end
end
