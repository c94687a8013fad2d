defmodule ElixirScope.Test.Resident do
  @moduledoc false
  # Memory of this operating system process, as the system counts it.

  @status "/proc/self/status"

  @doc """
  Begins to measure: gives a function that tells how many kB the peak since then lies above what was there when it
  began. 0 where the system does not tell.
  """
  def peak_kb do
    for pid <- Process.list(), do: :erlang.garbage_collect(pid)

    case read("VmRSS") do
      nil ->
        fn -> 0 end

      began ->
        # The peak is from now on; a system that cannot forget the old one tells of that, too high.
        _ = File.write("/proc/self/clear_refs", "5")
        fn -> read("VmHWM") - began end
    end
  end

  defp read(name) do
    with {:ok, text} <- File.read(@status),
         [_, kb] <- Regex.run(~r/#{name}:\s+(\d+) kB/, text) do
      String.to_integer(kb)
    else
      _ -> nil
    end
  end
end
