defmodule Mix.ElixirScope.Git do
  @moduledoc false
  # What a revision and the working tree differ in. Git is asked and never told: nothing is written.

  @type change :: %{old: String.t() | nil, new: String.t() | nil}

  @doc "Raises when there is no git, no repository, or no such revision; gives the revision's commit, short."
  @spec revision!(String.t()) :: String.t()
  def revision!(rev) do
    System.find_executable("git") ||
      Mix.raise(
        "git was not found; mix elixir_scope.diff compares with what git has kept. Install git and try again"
      )

    if match?({:error, _}, git(["rev-parse", "--is-inside-work-tree"])) do
      Mix.raise("""
      this directory is in no git repository, so there is no older version to compare with. Run

          git init && git add . && git commit

      once, or go to a project that has one
      """)
    end

    # A revision is data: an argument that begins with a dash would be an option.
    case String.starts_with?(rev, "-") ||
           git(["rev-parse", "--short", "--verify", "--quiet", rev <> "^{commit}"]) do
      {:ok, commit} ->
        String.trim(commit)

      _ ->
        Mix.raise("""
        git knows no revision #{inspect(rev)}. Give a commit, a branch or a tag, as

            mix elixir_scope.diff HEAD~1
            mix elixir_scope.diff main
        """)
    end
  end

  @doc "Files below this directory that differ from the revision's (Elixir's, or those of other patterns); renamed ones as one."
  @spec changes!(String.t(), [String.t()]) :: [change()]
  def changes!(rev, patterns \\ ["*.ex", "*.exs"]) do
    patterns = ["--" | patterns]

    tracked =
      ["diff", "--name-status", "-M", "-z", "--relative", "--no-ext-diff", rev | patterns]
      |> git!()
      |> String.split(<<0>>, trim: true)
      |> entries([])

    others = git!(["ls-files", "--others", "--exclude-standard", "-z" | patterns])
    others = for path <- String.split(others, <<0>>, trim: true), do: %{old: nil, new: path}
    Enum.sort_by(tracked ++ others, &(&1.new || &1.old))
  end

  @doc "A file as the revision has it."
  @spec text!(String.t(), String.t()) :: binary()
  def text!(rev, path), do: git!(["show", "#{rev}:./#{path}"])

  defp entries([], changes), do: Enum.reverse(changes)

  defp entries(["R" <> _, old, new | rest], changes), do: entries(rest, [%{old: old, new: new} | changes])
  defp entries(["C" <> _, _old, new | rest], changes), do: entries(rest, [%{old: nil, new: new} | changes])
  defp entries(["A", path | rest], changes), do: entries(rest, [%{old: nil, new: path} | changes])
  defp entries(["D", path | rest], changes), do: entries(rest, [%{old: path, new: nil} | changes])
  defp entries([_other, path | rest], changes), do: entries(rest, [%{old: path, new: path} | changes])

  defp git!(args) do
    case git(args) do
      {:ok, out} -> out
      {:error, out} -> Mix.raise("git #{Enum.join(Enum.take(args, 2), " ")} failed: #{String.trim(out)}")
    end
  end

  defp git(args) do
    # Not even an index is refreshed.
    case System.cmd("git", args, stderr_to_stdout: true, env: [{"GIT_OPTIONAL_LOCKS", "0"}]) do
      {out, 0} -> {:ok, out}
      {out, _} -> {:error, out}
    end
  end
end
