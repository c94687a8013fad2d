defmodule ElixirScope.ASTRepository.PerformanceAnalysis.Statistics do
  @moduledoc """
  Tests of significance, for who compares durations. Plain functions of numbers.

    * `mann_whitney/2` - whether values of one sample tend to be larger than those of another, whatever their distribution:
      H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than the other", Ann. Math.
      Stat. 18 (1947), 50-60; by its normal approximation, corrected for ties and for continuity
    * `benjamini_hochberg/1` - p values adjusted for many tests, so that of what is reported at 0.05 at most one in twenty is
      expected to be false: Y. Benjamini, Y. Hochberg, J. R. Stat. Soc. B 57 (1995), 289-300
    * `spearman/1` - whether two figures grow together: C. Spearman, Am. J. Psychol. 15 (1904), 72-101, with average ranks for ties and
      the p value of Student's t
    * `student_p/2` - two-sided p of Student's t, by the continued fraction of the incomplete beta function (Lentz's
      method; DLMF 8.17.22)
  """

  @type sample :: [number()]

  @doc """
  `%{u:, z:, p:, superiority:}` of two samples: `u` of the first, `p` two-sided, `superiority` the probability that a value of the
  second is larger than one of the first (ties count half). `nil` when one is empty.

      iex> alias ElixirScope.ASTRepository.PerformanceAnalysis.Statistics
      iex> %{u: u, superiority: 1.0} = Statistics.mann_whitney([1, 2, 3], [4, 5, 6])
      iex> u
      0.0
  """
  @spec mann_whitney(sample(), sample()) ::
          %{u: float(), z: float(), p: float(), superiority: float()} | nil
  def mann_whitney([], _), do: nil
  def mann_whitney(_, []), do: nil

  def mann_whitney(first, second) do
    {m, n} = {length(first), length(second)}

    {ranked, ties} = ranks(Enum.map(first, &{&1, 1}) ++ Enum.map(second, &{&1, 2}))

    sum = for({_value, 1, rank} <- ranked, do: rank) |> Enum.sum()
    u = sum - m * (m + 1) / 2
    total = m + n
    mean = m * n / 2
    tied = ties |> Enum.map(&(&1 * &1 * &1 - &1)) |> Enum.sum()
    deviation = :math.sqrt(max(m * n / 12 * (total + 1 - tied / (total * max(total - 1, 1))), 0.0))
    # The larger of both, as the continuity correction wants it.
    above = max(u, m * n - u) - mean - 0.5
    z = if deviation > 0, do: above / deviation, else: 0.0
    p = if deviation > 0, do: min(:math.erfc(z / :math.sqrt(2)), 1.0), else: 1.0
    %{u: u * 1.0, z: z * sign(mean - u), p: p, superiority: 1.0 - u / (m * n)}
  end

  defp sign(n) when n < 0, do: -1.0
  defp sign(_), do: 1.0

  # `[{value, label, rank}]` with average ranks, and how many values each run of equal ones has.
  defp ranks(labelled) do
    labelled
    |> Enum.sort_by(&elem(&1, 0))
    |> Enum.chunk_by(&(elem(&1, 0) * 1.0))
    |> Enum.reduce({[], [], 0}, fn run, {ranked, ties, before} ->
      count = length(run)
      rank = before + (count + 1) / 2

      {Enum.reduce(run, ranked, fn {value, label}, all -> [{value, label, rank} | all] end), [count | ties],
       before + count}
    end)
    |> then(fn {ranked, ties, _} -> {ranked, ties} end)
  end

  @doc """
  Adjusted p values, in the order given.

      iex> ElixirScope.ASTRepository.PerformanceAnalysis.Statistics.benjamini_hochberg([0.01, 0.04, 0.03])
      [0.03, 0.04, 0.04]
  """
  @spec benjamini_hochberg([float()]) :: [float()]
  def benjamini_hochberg(values) do
    count = length(values)

    values
    |> Enum.with_index()
    |> Enum.sort(:desc)
    |> Enum.with_index()
    |> Enum.map_reduce(1.0, fn {{p, at}, above}, least ->
      adjusted = min(least, p * count / (count - above))
      {{at, adjusted}, adjusted}
    end)
    |> elem(0)
    |> Enum.sort()
    |> Enum.map(&elem(&1, 1))
  end

  @doc """
  `%{rho:, p:, n:}` of pairs; `nil` of fewer than three, or when one side is the same everywhere.

      iex> ElixirScope.ASTRepository.PerformanceAnalysis.Statistics.spearman([{1, 10}, {2, 20}, {3, 30}])
      %{n: 3, p: 0.0, rho: 1.0}
  """
  @spec spearman([{number(), number()}]) :: %{rho: float(), p: float(), n: pos_integer()} | nil
  def spearman(pairs) do
    n = length(pairs)
    pairs = Enum.with_index(pairs)
    by_place = fn side -> ranked(for {pair, at} <- pairs, do: {elem(pair, side), at}) end
    {xs, ys} = {by_place.(0), by_place.(1)}
    mean = (n + 1) / 2
    covariance = Enum.zip_with(xs, ys, fn x, y -> (x - mean) * (y - mean) end) |> Enum.sum()
    spread = fn ranks -> ranks |> Enum.map(&((&1 - mean) * (&1 - mean))) |> Enum.sum() end
    {of_x, of_y} = {spread.(xs), spread.(ys)}

    if n < 3 or of_x == 0 or of_y == 0 do
      nil
    else
      rho = (covariance / :math.sqrt(of_x * of_y)) |> min(1.0) |> max(-1.0)
      rest = 1.0 - rho * rho
      p = if rest <= 1.0e-15, do: 0.0, else: student_p(rho * :math.sqrt((n - 2) / rest), n - 2)
      %{rho: rho, p: p, n: n}
    end
  end

  defp ranked(labelled) do
    {ranked, _ties} = ranks(labelled)
    ranked |> Enum.sort_by(&elem(&1, 1)) |> Enum.map(&elem(&1, 2))
  end

  @doc "The two-sided p value of Student's t with so many degrees of freedom."
  @spec student_p(float(), pos_integer()) :: float()
  def student_p(t, freedom), do: beta(freedom / (freedom + t * t), freedom / 2, 0.5)

  # The regularised incomplete beta function.
  defp beta(x, _a, _b) when x <= 0, do: 0.0
  defp beta(x, _a, _b) when x >= 1, do: 1.0

  defp beta(x, a, b) do
    front =
      :math.exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * :math.log(x) + b * :math.log(1 - x))

    if x < (a + 1) / (a + b + 2),
      do: front * fraction(x, a, b) / a,
      else: 1.0 - front * fraction(1 - x, b, a) / b
  end

  @tiny 1.0e-300
  @rounds 300

  defp fraction(x, a, b) do
    d = 1 / away(1 - (a + b) * x / (a + 1))
    rounds(1, x, a, b, 1.0, d, d)
  end

  defp rounds(m, _x, _a, _b, _c, _d, h) when m > @rounds, do: h

  defp rounds(m, x, a, b, c, d, h) do
    even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    {c, d} = {away(1 + even / c), 1 / away(1 + even * d)}
    h = h * c * d
    odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    {c, d} = {away(1 + odd / c), 1 / away(1 + odd * d)}
    step = c * d
    if abs(step - 1) < 1.0e-15, do: h * step, else: rounds(m + 1, x, a, b, c, d, h * step)
  end

  defp away(n) when abs(n) < @tiny, do: @tiny
  defp away(n), do: n

  # C. Lanczos, SIAM J. Numer. Anal. B 1 (1964), 86-96, with the coefficients for g = 7 and nine terms.
  @lanczos [
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7
  ]

  defp log_gamma(x) when x < 0.5,
    do: :math.log(:math.pi() / abs(:math.sin(:math.pi() * x))) - log_gamma(1 - x)

  defp log_gamma(x) do
    x = x - 1

    sum =
      @lanczos
      |> Enum.with_index(1)
      |> Enum.reduce(0.99999999999980993, fn {term, at}, sum -> sum + term / (x + at) end)

    t = x + 7.5
    0.5 * :math.log(2 * :math.pi()) + (x + 0.5) * :math.log(t) - t + :math.log(sum)
  end

  @doc "The value in the middle; the mean of both, of an even number. `nil` of none."
  @spec median(sample()) :: float() | nil
  def median([]), do: nil

  def median(values) do
    sorted = Enum.sort(values)
    {count, half} = {length(values), div(length(values), 2)}

    if rem(count, 2) == 1,
      do: Enum.at(sorted, half) * 1.0,
      else: (Enum.at(sorted, half - 1) + Enum.at(sorted, half)) / 2
  end
end
