defmodule Mix.ElixirScope.ProjectTest do
  use ExUnit.Case, async: false

  alias ElixirScope.Observation.Totals
  alias ElixirScope.Report
  alias Mix.ElixirScope.Project

  test "of two repositories saved within one second, the later one is asked" do
    [first, last] = paths = for name <- ["tie_z", "tie_a"], do: Project.saved(name)
    on_exit(fn -> for path <- paths, file <- [path, path <> ".totals"], do: File.rm(file) end)
    totals = Map.new(Report.totals(), &{&1, 0})
    File.mkdir_p!(Path.dirname(first))

    for path <- paths do
      File.write!(path, "")
      :ok = Totals.keep(path, totals)
      # The clock moves on by at least its own step.
      Process.sleep(1)
    end

    second = System.os_time(:second) + 60
    for path <- paths, do: File.touch!(path, second)
    assert Project.newest_saved() == last
    :ok = Totals.keep(first, totals)
    assert Project.newest_saved() == first
  end
end
