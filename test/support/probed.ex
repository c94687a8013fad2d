defmodule ElixirScope.Test.Probed do
  @moduledoc false
  # Functions with probes written by hand, as instrumentation would put them in. `register/0` makes the points known.

  alias ElixirScope.{Core, Probe}

  @build 0x5C09E
  @base Bitwise.bsl(@build, 20)

  # clause points
  @leaf @base + 0
  @outer @base + 1
  @loop_again @base + 2
  @loop_done @base + 3
  @raises @base + 4
  @catches @base + 5
  @deep_more @base + 6
  @deep_done @base + 7
  @parked @base + 8
  # tail points
  @loop_tail @base + 9
  # try points
  @catches_try @base + 10

  def register do
    Core.Capture.register_points(__MODULE__, @build, [
      {0, :clause, :leaf, 1, 0, 10, 3, nil},
      {1, :clause, :outer, 1, 0, 20, 3, nil},
      {2, :clause, :loop, 1, 0, 30, 3, nil},
      {3, :clause, :loop, 1, 1, 31, 3, nil},
      {4, :clause, :raises, 1, 0, 40, 3, nil},
      {5, :clause, :catches, 1, 0, 50, 3, nil},
      {6, :clause, :deep, 1, 0, 60, 3, nil},
      {7, :clause, :deep, 1, 1, 61, 3, nil},
      {8, :clause, :parked, 1, 0, 70, nil, nil},
      {9, :tail, :loop, 1, 0, 32, 5, {__MODULE__, :loop, 1}},
      {10, :try, :catches, 1, 0, 51, 5, nil}
    ])
  end

  def leaf_point, do: @leaf

  def leaf(x) do
    token = Probe.enter(@leaf)
    Probe.exit(@leaf, token, x)
  end

  def outer(x) do
    token = Probe.enter(@outer)
    Probe.exit(@outer, token, leaf(leaf(x)))
  end

  def loop(n) when n > 0 do
    token = Probe.enter(@loop_again)
    next = n - 1
    Probe.tail(@loop_tail, token)
    loop(next)
  end

  def loop(n) do
    token = Probe.enter(@loop_done)
    Probe.exit(@loop_done, token, n)
  end

  def raises(how) do
    _token = Probe.enter(@raises)
    how.()
  end

  def catches(fun) do
    token = Probe.enter(@catches)
    mark = Probe.try_enter(@catches_try)

    value =
      try do
        Probe.try_leave(@catches_try, mark, fun.())
      catch
        _kind, reason ->
          Probe.caught(@catches_try, mark, reason)
          {:caught, reason}
      end

    Probe.exit(@catches, token, value)
  end

  def deep(n) when n > 0 do
    token = Probe.enter(@deep_more)
    Probe.exit(@deep_more, token, 1 + deep(n - 1))
  end

  def deep(_) do
    token = Probe.enter(@deep_done)
    Probe.exit(@deep_done, token, 0)
  end

  @doc "Tells `parent`, then waits inside of an activation for `{:go, value}`."
  def parked(parent) do
    token = Probe.enter(@parked)
    send(parent, {:parked, self()})

    receive do
      {:go, value} -> Probe.exit(@parked, token, value)
    end
  end
end
