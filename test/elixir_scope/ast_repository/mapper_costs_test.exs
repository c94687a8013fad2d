defmodule ElixirScope.ASTRepository.MapperCostsTest do
  # Times things: what is said to cost against what it costs.
  use ExUnit.Case, async: false

  @moduletag timeout: 180_000

  # Measured and estimated are right within this factor, either way. On a quiet machine with a release build they are
  # nearer: see `bench/mapper.exs`, whose figures the README has.
  @tolerance 3.0

  setup_all do
    System.put_env("ELIXIR_SCOPE_BENCH_ONLY_DEFINED", "1")
    Code.require_file("../../../bench/mapper.exs", __DIR__)
    System.delete_env("ELIXIR_SCOPE_BENCH_ONLY_DEFINED")
    parser = Code.get_compiler_option(:parser_options)
    {repository, dir} = apply(Bench.Mapper, :prepare, [])
    Code.put_compiler_option(:parser_options, parser)

    on_exit(fn ->
      ElixirScope.uninstrument(Bench.MapperWork)
      Code.delete_path(dir)
      File.rm_rf!(dir)
    end)

    {:ok, repository: repository}
  end

  for name <- ["calls, no values", "arguments", "arguments and result", "variables", "branches"] do
    test "#{name}: what the mapper says is what a clock says", %{repository: repository} do
      one = Enum.find(apply(Bench.Mapper, :cases, []), &(elem(&1, 0) == unquote(name)))
      # Of a machine that is busy with others, the best of three.
      assert Enum.any?(1..3, fn _ -> near?(apply(Bench.Mapper, :compare, [one, repository])) end)
    end
  end

  defp near?(it) do
    near = fn said -> said / it.timed < @tolerance and it.timed / said < @tolerance end
    it.timed > 0 and near.(it.measured) and near.(it.estimated)
  end
end
