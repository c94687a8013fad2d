defmodule ElixirScope.Test.Project do
  @moduledoc """
  Real Mix projects for tests, each in a directory of its own, with this checkout as path dependency.

      project = Project.new(files: %{"lib/a.ex" => "defmodule A do ... end"})
      {output, 0} = Project.mix(project, ["compile"])

  The dependency is compiled once per Mix environment, in a template, and its build is copied: a test pays for its own
  project only.
  """

  defstruct [:dir, :name]

  @root Path.expand("../..", __DIR__)
  @minutes 5

  @doc """
  Writes a project to a fresh directory that is removed when the test ends (call it from a test or its setup).

    * `:files` - map from relative path to content; replaces generated files of the same path
    * `:name` - the application, default `:sample`
    * `:compilers` - Elixir text, default `"[:elixir_scope | Mix.compilers()]"`; `nil` leaves the line out
    * `:deps` - Elixir text of `deps/0`, default the path dependency
  """
  def new(opts \\ []) do
    name = Keyword.get(opts, :name, :sample)

    dir =
      Path.join(
        System.tmp_dir!(),
        "elixir_scope-#{name}-#{System.unique_integer([:positive])}-#{System.pid()}"
      )

    ExUnit.Callbacks.on_exit(fn -> File.rm_rf!(dir) end)

    files =
      Map.merge(
        %{
          "mix.exs" => mix_exs(name, opts),
          "test/test_helper.exs" => "ExUnit.start()\n"
        },
        Map.new(Keyword.get(opts, :files, %{}))
      )

    for {path, content} <- files, do: write(dir, path, content)
    %__MODULE__{dir: dir, name: name}
  end

  @doc "Writes one file of the project."
  def write(%__MODULE__{dir: dir}, path, content), do: write(dir, path, content)

  def write(dir, path, content) when is_binary(dir) do
    target = Path.join(dir, path)
    File.mkdir_p!(Path.dirname(target))
    File.write!(target, content)
  end

  @doc """
  Runs `mix` with these arguments in the project, in a VM of its own: `{output, exit_status}`, standard error included.

    * `:env` - Mix environment, default `"test"` for tasks named test, else `"dev"`
    * `:vars` - further environment variables, `[{name, value}]`
    * `:deps_built` - `false` compiles the dependency from nothing, default `true` copies the template's
  """
  def mix(%__MODULE__{dir: dir}, [task | _] = args, opts \\ []) do
    env = Keyword.get(opts, :env, if(task =~ ~r/(^|\.)test$/, do: "test", else: "dev"))
    if Keyword.get(opts, :deps_built, true), do: copy_dependency(dir, env)
    run(dir, args, env, Keyword.get(opts, :vars, []))
  end

  defp run(dir, args, env, vars) do
    # Nothing of the VM that runs this suite may leak in.
    base = [{"MIX_ENV", env}, {"MIX_BUILD_PATH", nil}, {"MIX_DEPS_PATH", nil}, {"MIX_TARGET", nil}]
    command = System.find_executable("mix") || raise "no mix in the path"

    task =
      Task.async(fn ->
        System.cmd(command, args, cd: dir, env: base ++ vars, stderr_to_stdout: true)
      end)

    Task.await(task, :timer.minutes(@minutes))
  end

  defp copy_dependency(dir, env) do
    target = Path.join([dir, "_build", env, "lib", "elixir_scope"])

    unless File.dir?(target) do
      File.mkdir_p!(Path.dirname(target))
      {_, 0} = System.cmd("cp", ["-a", template(env), Path.dirname(target)])
    end
  end

  defp template(env) do
    :global.trans({{__MODULE__, env}, self()}, fn ->
      key = {__MODULE__, env}
      :persistent_term.get(key, nil) || tap(build_template(env), &:persistent_term.put(key, &1))
    end)
  end

  # Kept in the build path between runs: then it is compiled only for what changed.
  defp build_template(env) do
    dir = Path.join(Mix.Project.build_path(), "scope_project_template")
    write(dir, "mix.exs", mix_exs(:template, compilers: nil))
    {output, status} = run(dir, ["deps.compile"], env, [])
    status == 0 || raise "the dependency does not compile in a fresh project:\n" <> output
    {output, status} = run(dir, ["compile"], env, [])
    status == 0 || raise "a fresh project does not compile:\n" <> output
    Path.join([dir, "_build", env, "lib", "elixir_scope"])
  end

  defp mix_exs(name, opts) do
    compilers =
      case Keyword.get(opts, :compilers, "[:elixir_scope | Mix.compilers()]") do
        nil -> ""
        text -> "compilers: #{text},"
      end

    """
    defmodule #{Macro.camelize(to_string(name))}.MixProject do
      use Mix.Project

      def project do
        [
          app: #{inspect(name)},
          version: "0.1.0",
          #{compilers}
          deps: #{Keyword.get(opts, :deps, ~s([{:elixir_scope, path: #{inspect(@root)}}]))}
        ]
      end

      def application, do: [extra_applications: [:logger]]
    end
    """
  end
end
