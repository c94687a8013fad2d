defmodule ElixirScope.Report.ProgressTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Report.Progress

  defp run(fun, opts) do
    {:ok, device} = StringIO.open("")
    value = Progress.run("Reading", fun, [device: device] ++ opts)
    {value, device |> StringIO.contents() |> elem(1)}
  end

  test "says nothing of what is quick" do
    assert run(fn -> :done end, terminal: false) == {:done, ""}
  end

  test "says one plain line where there is no terminal" do
    assert run(fn -> Process.sleep(100) end, terminal: false, quiet_ms: 10) == {:ok, "Reading ...\n"}
  end

  test "keeps one line on a terminal, and leaves none" do
    {:ok, text} = run(fn -> Process.sleep(100) end, terminal: true, quiet_ms: 10)
    assert text =~ "\rReading ... 0 s"
    assert String.ends_with?(text, "\r\e[K")
    refute text =~ "\n"
  end

  test "stops when the work fails, and leaves nothing running" do
    {:ok, device} = StringIO.open("")
    before = length(Process.list())

    assert_raise RuntimeError, fn ->
      Progress.run("Reading", fn -> raise "no" end, device: device, terminal: false)
    end

    assert_eventually(fn -> length(Process.list()) <= before + 2 end)
    refute_received _
  end

  defp assert_eventually(check, tries \\ 50) do
    if not check.(),
      do:
        if(tries > 0,
          do:
            (
              Process.sleep(20)
              assert_eventually(check, tries - 1)
            ),
          else: flunk("still true")
        )
  end
end
