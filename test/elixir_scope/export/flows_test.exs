defmodule ElixirScope.Export.FlowsTest do
  # Traces processes.
  use ExUnit.Case, async: false

  alias ElixirScope.Test.{PythonJSON, Supervised}

  @moduletag :tmp_dir
  @moduletag timeout: 300_000
  @oracle Path.expand("../../tools/flows_oracle.py", __DIR__)

  setup_all do
    Supervised.compile!()
    :ok
  end

  setup do
    Supervised.instrument!()
    :ok
  end

  defp exported(recorded, dir) do
    chrome = Path.join(dir, "chrome.json")
    otlp = Path.join(dir, "otlp.json")
    assert {:ok, %{about: %{complete: "yes"}}} = ElixirScope.export(recorded.repository, :perfetto, chrome)
    assert {:ok, _} = ElixirScope.export(recorded.repository, :otlp, otlp)
    {out, status} = System.cmd("python3", [@oracle, chrome, otlp], stderr_to_stdout: true)
    assert status == 0, out
    File.write!(Path.join(dir, "found.json"), out)
    PythonJSON.read_file(Path.join(dir, "found.json"))
  end

  test "flows and traces go from process to process as the messages did", %{tmp_dir: dir} do
    if PythonJSON.available?() do
      flags = [:messages, :processes, :scheduling, :garbage_collection]
      recorded = Supervised.record!(5, 4, 40, flags, [:messages])
      found = exported(recorded, dir)
      flows(found["chrome"], recorded)
      traces(found["otlp"], recorded)
    else
      IO.puts("flows were not read by another tool: there is no python3")
    end
  end

  defp flows(chrome, recorded) do
    assert chrome["problems"] == []
    told = for ["message", _, certainty, from, to] <- chrome["flows"], do: {certainty, from, to}

    messages =
      for %{basis: basis} = edge when basis != nil <- recorded.edges,
          from = edge.site || edge.sent,
          to = edge.handled || edge.arrived,
          do: {to_string(edge.certainty), inspect(from.pid), inspect(to.pid)}

    assert length(messages) > 300
    assert {told -- messages, messages -- told} == {[], []}

    # And of every process that the system says it spawned there is one.
    spawned = for ["spawn", _, "exact", from, to] <- chrome["flows"], do: {from, to}
    for {:spawned, parent, child} <- recorded.truth, do: assert({inspect(parent), inspect(child)} in spawned)
    assert Enum.uniq(spawned) == spawned

    assert chrome["spans"]["scheduling"] > 100
    assert chrome["spans"]["gc"] > 0
  end

  defp traces(otlp, recorded) do
    assert otlp["problems"] == []
    spans = otlp["spans"]

    span = fn token ->
      spans[token |> Integer.to_string(16) |> String.downcase() |> String.pad_leading(16, "0")]
    end

    # What a message began has what sent it for its parent.
    continued =
      for %{certainty: :exact, site: %{correlation_id: from}, handled: %{correlation_id: to}} = edge
          when from != nil and to != nil <- recorded.edges,
          edge.kind in [:call, :cast, :message, :timer],
          edge.handled.function in [:handle_call, :handle_cast, :handle_info, :handle_event],
          sent = span.(from),
          taken = span.(to) do
        assert {edge, taken["parent"]} == {edge, hex(from)}
        assert taken["trace"] == sent["trace"]
        assert {sent["thread"], taken["thread"]} == {inspect(edge.sender), inspect(edge.receiver)}
        edge
      end

    assert length(continued) > 50

    # A trace that a client began goes through servers that called others.
    processes = spans |> Map.values() |> Enum.group_by(& &1["trace"], & &1["thread"])
    assert Enum.any?(processes, fn {_, threads} -> length(Enum.uniq(threads)) > 3 end)

    # What was started for another is linked to it.
    links =
      for {_, span} <- spans,
          [_, linked, "restart"] <- span["links"],
          do: {spans[linked]["thread"], span["thread"]}

    successors = for {:child, id, n, pid, supervisor} <- recorded.truth, do: {{id, supervisor}, n, pid}

    lines =
      for {_, [_ | later] = line} <-
            successors |> Enum.sort_by(&elem(&1, 1)) |> Enum.group_by(&elem(&1, 0), &elem(&1, 2)),
          {before, pid} <- Enum.zip(line, later),
          into: MapSet.new(),
          do: {inspect(before), inspect(pid)}

    assert length(links) > 3
    assert Enum.count(links, &(&1 in lines)) >= 0.6 * length(links)
  end

  defp hex(token), do: token |> Integer.to_string(16) |> String.downcase() |> String.pad_leading(16, "0")
end
