defmodule ElixirScope.Sources.ExUnit do
  @moduledoc """
  Which test ran which nodes.

  `mix elixir_scope.test` uses this; the questions are answered by `mix elixir_scope.tests`, `FunctionData.test_cases` and
  `ElixirScope.TestSelection`.

      :ok = ElixirScope.Sources.ExUnit.attach()
      # test modules are compiled and run, while capture is on
      {:ok, account} = ElixirScope.Sources.ExUnit.detach()

  How a call is attributed: every test claims its process before its first `setup`, in the stream of events itself, so
  everything that process does is the test's, exactly, `async: true` or not. So is what its descendants do: the VM
  tells who starts whom, and `$callers` says for whom a task of a shared supervisor works. What other processes do meanwhile is counted for every test that runs at that
  moment, and marked `:meanwhile`.

  Tests are reached by a compiler tracer that adds one call in front of the callbacks of each module that uses
  `ExUnit.Case`, while it is attached. It must be attached before test files are compiled. Results and times come
  from a formatter that is added to the configured ones; where a project's test helper sets formatters of its own,
  results are `:unknown`, and everything else is as always.
  """

  alias ElixirScope.{Core, Error}
  alias ElixirScope.Sources.ExUnit.{Formatter, Owners, Tracer}

  @tries 10_000

  @typedoc """
  `:tests` - what is known of each test, by `{module, name}`; `:reached` - `[{{module, name} | {module, :setup_all} | nil, how,
  literal, count}]`, with `nil` where no test ran; `:needs` - `[{module, module, :compile | :export}]`, what the compiled test modules need;
  `:points` - `%{literal => %{mfa:, kind:, clause:, line:, column:}}`.
  """
  @type account :: %{tests: map(), reached: [tuple()], needs: [tuple()], points: map()}

  @doc """
  Begins to keep account of who reaches what. Options:

    * `:root` - the directory that files are relative to (the current one)
    * `:modules` - those of the project. Before OTP 27 a process has one tracer at most: when one of them or of the tests uses
      `:dbg` or `:erlang.trace/3` itself, we do not, and short-lived processes count as `:meanwhile`

  Errors: `:busy` when it is attached already.
  """
  @spec attach(keyword()) :: :ok | {:error, Error.t()}
  def attach(opts \\ []) do
    with {:ok, _} <- Owners.start(Keyword.get(opts, :root, File.cwd!()), Keyword.get(opts, :modules, [])),
         :ok <- seated(&Core.Work.attribute/0) do
      Tracer.install()
      Formatter.install()
    end
  end

  @doc """
  Ends it and gives the account; nothing of it stays: tracer, formatter and process are gone.

  Call `ElixirScope.Capture.flush/1` before, so that everything recorded is counted.
  """
  @spec detach() :: {:ok, account()} | {:error, Error.t()}
  def detach do
    Tracer.remove()
    Formatter.remove()
    Owners.look()

    case seated(&Core.Work.attributed/0) do
      {:ok, reached, points} ->
        {tests, keys, needs} = Owners.stop()

        {:ok,
         %{
           tests: tests,
           needs: needs,
           reached: for({owner, how, literal, count} <- reached, do: {keys[owner], how, literal, count}),
           points:
             Map.new(points, fn {literal, mfa, kind, clause, line, column} ->
               {literal, %{mfa: mfa, kind: kind, clause: clause, line: line, column: column}}
             end)
         }}

      error ->
        Owners.stop()
        error
    end
  end

  # Ingest may be at work: it is done within a millisecond.
  defp seated(ask, tries \\ @tries) do
    case ask.() do
      :busy when tries > 0 ->
        receive do
        after
          1 -> seated(ask, tries - 1)
        end

      :busy ->
        {:error, %Error{reason: :busy, message: "ingest is at work without an end", hint: "try again"}}

      other ->
        other
    end
  end
end
