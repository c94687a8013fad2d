defmodule ElixirScope.ASTRepository.PerformanceAnalysis.StatisticsTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository.PerformanceAnalysis.Statistics

  doctest Statistics

  # Figures of scipy 1.x: mannwhitneyu(x, y, method="asymptotic"), spearmanr(x, y), 2 * t.sf(|t|, n), false_discovery_control(p).
  @scipy """
  import json, sys
  from scipy import stats
  def answer(q):
      if q["what"] == "u":
          r = stats.mannwhitneyu(q["x"], q["y"], alternative="two-sided", method="asymptotic")
          return [float(r.statistic), float(r.pvalue)]
      if q["what"] == "rho":
          r = stats.spearmanr(q["x"], q["y"])
          return [float(r.statistic), float(r.pvalue)]
      if q["what"] == "t":
          return [float(2 * stats.t.sf(abs(q["t"]), q["n"]))]
      return [float(p) for p in stats.false_discovery_control(q["p"])]
  questions = json.load(open(sys.argv[1]))
  print(json.dumps([answer(q) for q in questions]))
  """

  describe "textbook values" do
    test "Mann and Whitney" do
      # Hollander, Wolfe, Chicken, "Nonparametric Statistical Methods", example 4.1: permeability of chorioamnion; W = 30 by ranks,
      # so U = 15 of the sample of five.
      x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
      y = [1.15, 0.88, 0.90, 0.74, 1.21]
      assert %{u: 35.0} = Statistics.mann_whitney(x, y)
      assert %{u: 15.0, p: p} = Statistics.mann_whitney(y, x)
      assert_in_delta p, 0.2448, 0.0015
      assert Statistics.mann_whitney([], [1]) == nil
      assert %{p: 1.0} = Statistics.mann_whitney([3, 3, 3], [3, 3])
    end

    test "Student's t" do
      # Tables: t with 10 degrees of freedom is beyond 2.228 in 5 of 100 cases, with 1 beyond 12.706, with 120 beyond 1.980.
      for {t, freedom} <- [{2.2281389, 10}, {12.7062047, 1}, {1.9799304, 120}],
          do: assert_in_delta(Statistics.student_p(t, freedom), 0.05, 1.0e-7)
    end

    test "Benjamini and Hochberg's own example" do
      # Their table of 15 p values, at 0.05: the first four are rejected.
      p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0
      ]

      adjusted = Statistics.benjamini_hochberg(p)
      assert Enum.count(adjusted, &(&1 <= 0.05)) == 4
      assert adjusted == Enum.sort(adjusted)
      assert Statistics.benjamini_hochberg([]) == []
    end
  end

  describe "many functions at once" do
    # Durations as they are: skewed, with a long tail.
    defp durations(n, factor), do: for(_ <- 1..n, do: factor * :math.exp(:rand.normal() * 0.8))

    defp found(factors) do
      factors
      |> Enum.map(&Statistics.mann_whitney(durations(60, 1.0), durations(60, &1)).p)
      |> Statistics.benjamini_hochberg()
      |> Enum.map(&(&1 < 0.05))
    end

    test "of those that are the same, none is told to be slower; of those that are, all" do
      :rand.seed(:exsss, {4, 5, 6})
      # Uncorrected, some 10 of 200 would be.
      told = for _ <- 1..10, do: Enum.count(found(List.duplicate(1.0, 200)), & &1)
      assert Enum.count(told, &(&1 > 0)) <= 2, inspect(told)

      mixed = found(List.duplicate(1.0, 180) ++ List.duplicate(2.5, 20))
      {same, slower} = Enum.split(mixed, 180)
      assert Enum.all?(slower)
      # One in twenty of what is told, as a rule.
      assert Enum.count(same, & &1) <= 4
    end
  end

  @tag :tmp_dir
  test "scipy says the same, of samples with and without ties", %{tmp_dir: dir} do
    :rand.seed(:exsss, {1, 2, 3})
    sample = fn n, spread, shift -> for _ <- 1..n, do: trunc(:rand.uniform() * spread) + shift end

    questions =
      for _ <- 1..60 do
        spread = Enum.random([3, 20, 1_000_000])

        %{
          what: "u",
          x: sample.(Enum.random(1..80), spread, 0),
          y: sample.(Enum.random(1..80), spread, Enum.random(0..2))
        }
      end ++
        for _ <- 1..60 do
          n = Enum.random(4..60)
          x = sample.(n, Enum.random([4, 1_000]), 0)
          %{what: "rho", x: x, y: Enum.map(x, &(&1 * Enum.random(-1..2) + Enum.random(0..50)))}
        end ++
        for(_ <- 1..40, do: %{what: "t", t: :rand.uniform() * 20 - 10, n: Enum.random(1..500)}) ++
        for(_ <- 1..20, do: %{what: "bh", p: for(_ <- 1..Enum.random(1..40), do: :rand.uniform())})

    case scipy(dir, questions) do
      :missing ->
        IO.puts(:stderr, "skipped: scipy is not installed (pip install scipy)")

      answers ->
        for {question, expected} <- Enum.zip(questions, answers), do: check(question, expected)
    end
  end

  defp check(%{what: "u", x: x, y: y}, [u, p]) do
    found = Statistics.mann_whitney(x, y)
    assert found.u == u
    # One value each, or all alike: scipy's figure is no number.
    if p == p and p != nil, do: assert_in_delta(found.p, p, 1.0e-9)
  end

  defp check(%{what: "rho", x: x, y: y}, [rho, p]) do
    case Statistics.spearman(Enum.zip(x, y)) do
      nil ->
        assert rho == nil or rho != rho

      found ->
        assert_in_delta found.rho, rho, 1.0e-9
        assert_in_delta found.p, p, 1.0e-9
    end
  end

  defp check(%{what: "t", t: t, n: n}, [p]), do: assert_in_delta(Statistics.student_p(t, n), p, 1.0e-9)

  defp check(%{what: "bh", p: p}, expected) do
    for {a, b} <- Enum.zip(Statistics.benjamini_hochberg(p), expected), do: assert_in_delta(a, b, 1.0e-12)
  end

  defp scipy(dir, questions) do
    path = Path.join(dir, "questions.json")
    {:ok, text} = ElixirScope.Report.JSON.encode(questions)
    File.write!(path, text)

    with python when is_binary(python) <-
           System.get_env("ELIXIR_SCOPE_PYTHON") || System.find_executable("python3"),
         {_, 0} <- System.cmd(python, ["-c", "import scipy"], stderr_to_stdout: true),
         {answer, 0} <- System.cmd(python, ["-c", @scipy, path]) do
      # JSON of lists of numbers (and NaN) is Elixir.
      {list, _} = answer |> String.replace(["NaN", "Infinity"], "nil") |> Code.eval_string()
      list
    else
      _ -> :missing
    end
  end
end
