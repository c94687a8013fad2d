defmodule ElixirScope.Capture.SamplingTest do
  # There is one capture in a VM.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture, Export}
  alias ElixirScope.Capture.Sampling

  @compile {:no_warn_undefined, SampledShop}
  @moduletag :tmp_dir

  @code """
  defmodule SampledShop do
    def often(x), do: x + 1
    def whole(x), do: x - 1
  end
  """

  setup %{tmp_dir: dir} do
    source = Path.join(dir, "lib/sampled_shop.ex")
    File.mkdir_p!(Path.dirname(source))
    File.write!(source, @code)
    {:ok, _, _} = Kernel.ParallelCompiler.compile_to_path([source], dir, return_diagnostics: true)
    Code.prepend_path(dir)
    {:module, _} = Code.ensure_loaded(SampledShop)
    {:ok, _} = ElixirScope.instrument(SampledShop)
    {:ok, repository} = ASTRepository.new()
    {:ok, _} = ASTRepository.import_project(repository, dir)
    :ok = Capture.subscribe(repository)
    {:ok, _} = Capture.ungate(:all)
    :ok = Capture.start(overflow: :wait)

    on_exit(fn ->
      Capture.stop()
      Capture.ungate(:all)
      Capture.unsubscribe(repository)
      ElixirScope.uninstrument(SampledShop)
      Code.delete_path(dir)
      :code.purge(SampledShop)
      :code.delete(SampledShop)
    end)

    {:ok, repository: repository}
  end

  defp statistics(repository, name) do
    {:ok, function} = ASTRepository.get_function(repository, {SampledShop, name, 1})
    function.execution_statistics
  end

  test "what is sampled says so, with its rate and what happened, wherever it is told", context do
    %{repository: repository, tmp_dir: dir} = context
    assert Sampling.describe() == "everything that was instrumented"
    {:ok, 1} = Capture.configure({SampledShop, :often, 1}, sampling_rate: 0.2)
    for n <- 1..5_000, do: n |> SampledShop.often() |> SampledShop.whole()
    :ok = Capture.stop()
    :ok = Capture.flush()

    assert %{sampled: true, sampling_rate: rate, calls_seen: 5_000, call_frequency: recorded} =
             statistics(repository, :often)

    # A share is kept in 32 bits.
    assert_in_delta rate, 0.2, 1.0e-6
    assert recorded in 800..1_200
    assert %{seen: 5_000, recorded: ^recorded, scale: scale} = Sampling.of({SampledShop, :often, 1})
    assert round(scale * recorded) == 5_000

    assert %{sampled: false, sampling_rate: nil, calls_seen: nil, call_frequency: 5_000} =
             statistics(repository, :whole)

    {:ok, module} = ASTRepository.get_module(repository, SampledShop)
    assert module.performance_data[{SampledShop, :often, 1}].sampled
    refute module.performance_data[{SampledShop, :whole, 1}].sampled
    {:ok, all} = ASTRepository.PerformanceCorrelator.correlate(repository)
    assert %{"SampledShop.often/1" => %{sampled: true}, "SampledShop.whole/1" => %{sampled: false}} = all

    told = "Of 5000 calls of SampledShop.often/1 #{recorded} were recorded: times are those of a part."
    assert Sampling.notes() == [told]
    path = Path.join(dir, "out.csv")
    {:ok, result} = Export.run(repository, :statistics_csv, path)
    assert result.about.sampling == told
    assert File.read!(path) =~ told
  end
end
