defmodule ElixirScope.ASTRepository.PatternDetector do
  @moduledoc """
  What in the source is worth a second look: smells within a file, and clones between files.

      {:ok, findings} = PatternDetector.findings(repo)
      for smell <- findings, do: IO.puts("\#{smell.file}:\#{smell.line} \#{smell.kind}: \#{smell.what}")

  A finding is no error. Each says what is there, why it matters, what to do instead, where the rule comes from, and how
  sure the source alone can be (`ElixirScope.ASTRepository.CodeSmell`). Calls are resolved through aliases, imports and
  pipes; what stands in a `quote` runs somewhere else and is left out.

  The kinds: `:long_function`, `:deep_nesting`, `:large_module`, `:god_module`, `:feature_envy`, `:many_parameters`
  (primitive obsession by arity), `:unused_private_function`, `:unreachable_clause`, `:enum_one_pass`, `:enum_chain`, `:n_plus_one`,
  `:process_dictionary`, `:unsupervised_spawn`, `:bare_rescue`, `:atom_from_input`, `:blocking_call` (in `init` and
  `handle_*`), `:clone_exact` (type I) and `:clone_renamed` (type II). `kinds/0` describes each.
  """

  alias ElixirScope.ASTRepository
  alias ElixirScope.ASTRepository.{CodeSmell, Fault, Handle}
  alias ElixirScope.{Core, Error}

  @type kind :: %{
          kind: atom(),
          why: String.t(),
          instead: String.t(),
          source: String.t(),
          thresholds: [%{name: atom(), default: non_neg_integer(), meaning: String.t()}]
        }

  @options ~w(kinds thresholds tests confidence)a

  @doc """
  The findings of a repository, by file, in the order of the source.

    * `kinds: [:long_function]` - these only
    * `thresholds: [long_function_lines: 40]` - instead of the defaults; `kinds/0` has their names
    * `tests: true` - also what stands below `test/`, which is left out by default
    * `confidence: 0.7` - those at least as sure

  Errors: `:unknown` for a kind, a threshold or an option, `:invalid_argument`.
  """
  @spec findings(ASTRepository.repository(), keyword()) :: {:ok, [CodeSmell.t()]} | {:error, Error.t()}
  def findings(repository, opts \\ []) do
    with {:ok, ref} <- Handle.ref(repository),
         {:ok, opts} <- options(opts),
         {:ok, all} <- Core.Metrics.findings(ref, opts.kinds, opts.thresholds, opts.tests) do
      {:ok, Enum.filter(all, &(&1.confidence >= opts.confidence))}
    end
  end

  @doc "What kinds there are: why each matters, what to do instead, where it comes from, its thresholds."
  @spec kinds() :: {:ok, [kind()]} | {:error, Error.t()}
  def kinds, do: Core.Metrics.catalog()

  defp options(opts) do
    with true <- Keyword.keyword?(opts) || Fault.invalid(:options, opts, "give a keyword list"),
         :ok <- known(:option, Keyword.keys(opts), @options),
         {:ok, catalog} <- kinds(),
         {:ok, kinds} <- names(:kind, opts[:kinds] || [], Enum.map(catalog, & &1.kind)),
         {:ok, thresholds} <- thresholds(opts[:thresholds] || [], catalog) do
      check(%{
        kinds: kinds,
        thresholds: thresholds,
        tests: Keyword.get(opts, :tests, false),
        confidence: Keyword.get(opts, :confidence, 0.0)
      })
    end
  end

  defp check(%{tests: tests}) when not is_boolean(tests),
    do: Fault.invalid(:tests, tests, "give true or false")

  defp check(%{confidence: confidence}) when not is_number(confidence),
    do: Fault.invalid(:confidence, confidence, "give a number from 0.0 to 1.0")

  defp check(opts), do: {:ok, opts}

  defp names(what, names, valid) do
    if is_list(names) and not List.improper?(names) and Enum.all?(names, &is_atom/1),
      do: with(:ok <- known(what, names, valid), do: {:ok, names}),
      else: Fault.invalid(what, names, "give a list of atoms")
  end

  defp thresholds(thresholds, catalog) do
    valid = for kind <- catalog, threshold <- kind.thresholds, do: threshold.name

    cond do
      not Keyword.keyword?(thresholds) ->
        Fault.invalid(:thresholds, thresholds, "give a keyword list of integers")

      wrong = Enum.find(thresholds, fn {_, value} -> not (is_integer(value) and value in 0..1_000_000) end) ->
        Fault.invalid(:threshold, wrong, "a threshold is an integer from 0 to 1000000")

      true ->
        with :ok <- known(:threshold, Keyword.keys(thresholds), valid), do: {:ok, thresholds}
    end
  end

  defp known(what, names, valid) do
    case Enum.find(names, &(&1 not in valid)) do
      nil -> :ok
      name -> Fault.unknown(what, name, valid)
    end
  end
end
