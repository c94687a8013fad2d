defmodule ElixirScope.ASTRepository.CoverageTest do
  @moduledoc """
  Coverage by node against `:cover`'s coverage by line: the same program, compiled for both, run the same way.
  """

  # Capture and :cover belong to the whole VM.
  use ExUnit.Case, async: false

  @compile {:no_warn_undefined, :cover}

  alias ElixirScope.{ASTRepository, Capture, Instrumentation}
  alias ElixirScope.ASTRepository.Coverage
  alias ElixirScope.Instrumentation.Loader

  @source """
  defmodule NAME do
    def sign(n) when n > 0 do
      abs(n)
    end

    def sign(0), do: :zero

    def sign(n) do
      -n
    end

    def choose(x) do
      y =
        case x do
          {:ok, v} ->
            String.length(v)

          {:error, reason} ->
            inspect(reason)

          _ ->
            nil
        end

      if y do
        {:some, to_string(y)}
      else
        send(self(), :none)
      end
    end

    def nested(list, deep?) do
      Enum.map(list, fn
        n when n > 2 ->
          cond do
            deep? ->
              n * 2

            rem(n, 2) == 0 ->
              div(n, 2)

            true ->
              -n
          end

        n ->
          abs(n)
      end)
    end

    def chain(a) do
      with {:ok, b} <- fetch(a),
           {:ok, c} <- fetch(b) do
        c + 1
      else
        :error ->
          byte_size("no")

        other ->
          inspect(other)
      end
    end

    defp fetch(n) when n > 1, do: {:ok, n - 1}
    defp fetch(1), do: :error
    defp fetch(n), do: {:odd, n}

    def guarded(f) do
      f.()
    rescue
      e in ArgumentError ->
        Exception.message(e)

      e in RuntimeError ->
        String.upcase(e.message)
    catch
      thrown ->
        inspect(thrown)
    after
      send(self(), :done)
    end

    def logic(a, b) do
      a &&
        String.valid?(b) ||
        is_nil(b)
    end

    def both(a, b) do
      is_integer(a) and
        b > a
    end

    def lists(n) do
      for i <- 1..n,
          rem(i, 2) == 0 do
        i * i
      end
    end

    def filtered(n) do
      for i <- 1..n, i > 100, reduce: 0 do
        acc ->
          acc + i
      end
    end

    def waits(timeout) do
      receive do
        {:never, x} ->
          abs(x)
      after
        timeout ->
          to_string(timeout)
      end
    end

    def captured(list) do
      Enum.map(list, &(
        &1 +
          1))
    end

    def never(a) do
      b = a + 1
      to_string(b)
    end

    def raises(x) do
      unless x do
        raise "no"
      end

      try do
        throw(x)
      catch
        :other ->
          abs(1)

        y ->
          inspect(y)
      end
    end

    def piped(text) do
      text
      |> String.split()
      |> Enum.filter(fn word ->
        String.length(word) > 3
      end)
      |> case do
        [] ->
          String.length(text)

        [one | _] ->
          String.upcase(one)
      end
    end
  end
  """

  # What is run of it: some branches are left out on purpose.
  defp exercise(module) do
    module.sign(4)
    module.sign(0)
    module.choose({:ok, "four"})
    module.choose(:other)
    module.nested([1, 4, 3], false)
    module.chain(2)
    module.chain(3)
    module.guarded(fn -> raise ArgumentError, "x" end)
    module.guarded(fn -> :fine end)
    module.logic(nil, nil)
    module.both(:a, 1)
    module.lists(1)
    module.filtered(3)
    module.waits(0)
    module.captured([])
    module.raises(:y)
    module.piped("a b c")
  end

  defp source(name), do: String.replace(@source, "NAME", name)

  # Lines of code after all branches run, for a second round with the same oracle.
  defp exercise_more(module) do
    module.sign(-3)
    module.choose({:error, :bad})
    module.nested([5, 4], true)
    module.chain(9)
    module.chain(0)
    module.guarded(fn -> raise "boom" end)
    module.guarded(fn -> throw(:x) end)
    module.logic(true, "text")
    module.both(1, 2)
    module.lists(4)
    module.filtered(102)
    send(self(), {:never, 3})
    module.waits(0)
    module.captured([1])
    module.never(1)
    module.piped("some longer text")
  end

  setup do
    for module <- [ElixirScope.CoverSample, ElixirScope.OwnSample] do
      :code.purge(module)
      :code.delete(module)
    end

    previous = Code.get_compiler_option(:parser_options)
    Code.put_compiler_option(:parser_options, columns: true)
    # Newer versions of Mix take what no dependency names off the code path.
    if function_exported?(Mix, :ensure_application!, 1), do: apply(Mix, :ensure_application!, [:tools])
    {:ok, _} = Application.ensure_all_started(:tools)

    on_exit(fn ->
      Code.put_compiler_option(:parser_options, previous)
      :cover.stop()
    end)
  end

  defp compile(name) do
    [{module, binary}] = Code.compile_string(source(name), "lib/sample.ex")
    {module, binary}
  end

  defp observed(name, options, run) do
    {module, binary} = compile(name)
    {:ok, instrumented} = Instrumentation.instrument_binary(binary, options)
    {:ok, _} = Loader.load_instrumented(module, instrumented.binary, ~c"lib/sample.ex")

    {:ok, repository} = ASTRepository.new()
    {:ok, quoted} = Code.string_to_quoted(source(name), columns: true, token_metadata: true)
    :ok = ASTRepository.store_module(repository, quoted)
    :ok = Capture.subscribe(repository)
    :ok = Capture.start()
    run.(module)
    :ok = Capture.flush()
    :ok = Capture.stop()
    {module, repository}
  end

  # line => did anything on it run
  defp covered(name, run) do
    {module, binary} = compile(name)
    dir = Path.join(System.tmp_dir!(), "elixir_scope_cover_#{System.unique_integer([:positive])}")
    File.mkdir_p!(dir)
    on_exit(fn -> File.rm_rf!(dir) end)
    path = Path.join(dir, "#{module}.beam")
    File.write!(path, binary)
    :code.purge(module)
    :code.delete(module)
    {:ok, ^module} = :cover.compile_beam(String.to_charlist(path))
    run.(module)
    {:ok, lines} = :cover.analyse(module, :calls, :line)
    for {{^module, line}, calls} <- lines, line > 0, do: {line, calls > 0}, into: %{}
  end

  defp differences(run) do
    lines = covered("ElixirScope.CoverSample", run)
    {module, repository} = observed("ElixirScope.OwnSample", [coverage: true], run)
    {:ok, coverage} = Coverage.of(repository, module)
    text = source("X") |> String.split("\n")

    both =
      for {line, {ran, _}} <- coverage.lines, is_map_key(lines, line) do
        {line, ran > 0, lines[line], Enum.at(text, line - 1)}
      end

    assert length(both) > 40
    {for({_, own, theirs, _} = one <- both, own != theirs, do: one), coverage, both}
  end

  test "the lines that ran are those that :cover saw" do
    {differences, coverage, both} = differences(&exercise/1)
    assert differences == []
    assert Enum.any?(both, fn {_, ran, _, _} -> not ran end)
    assert coverage.coverage > 0.4 and coverage.coverage < 0.9
  end

  test "and when everything ran" do
    {differences, coverage, _} =
      differences(fn module ->
        exercise(module)
        exercise_more(module)
        catch_error(module.raises(nil))
      end)

    assert differences == []
    missed = for %{line: line} <- coverage.missed, do: line
    # what `catch :other` would do is never run
    assert coverage.coverage > 0.97, inspect(missed)
    assert coverage.coverage < 1.0
  end
end
