defmodule ElixirScope.Test.CodeFixtures do
  @moduledoc "Sources and repositories that tests of the store share."

  alias ElixirScope.ASTRepository

  @doc "A repository that ends with the test."
  def repository(opts \\ []) do
    {:ok, repository} = ASTRepository.new(opts)
    ExUnit.Callbacks.on_exit(fn -> ASTRepository.stop(repository) end)
    repository
  end

  @doc "Quoted code, parsed as an import would."
  def parse(text), do: Code.string_to_quoted!(text, columns: true, token_metadata: true)

  def cart do
    parse("""
    defmodule Fixture.Cart do
      use GenServer

      def init(state), do: {:ok, state}

      def handle_call({:add, item}, _from, state) when is_map(item) do
        if item.price > 100 and state.limit do
          {:reply, {:error, :dear}, state}
        else
          {:reply, :ok, %{state | items: [item | state.items]}}
        end
      end

      def handle_call(:total, _from, state), do: {:reply, total(state.items), state}

      def total(items, start \\\\ 0), do: Enum.reduce(items, start, &(&1.price + &2))

      defp unused(_), do: nil

      defmacro twice(x), do: quote(do: unquote(x) * 2)
    end
    """)
  end

  @doc "Writes files below `root`, by relative path."
  def write(root, files) do
    for {path, text} <- files do
      full = Path.join(root, path)
      File.mkdir_p!(Path.dirname(full))
      File.write!(full, text)
    end

    root
  end

  @doc "Terms that fit nowhere."
  def hostile do
    [
      nil,
      true,
      :"",
      :no_such_thing,
      "",
      "text",
      <<255, 254, 0>>,
      <<1::3>>,
      String.duplicate("x", 2_000_000),
      0,
      -1,
      1.5,
      Integer.pow(2, 70),
      [],
      [1 | 2],
      [:a, {:b, 1} | :c],
      {},
      {:a},
      {:a, [], [1 | 2]},
      %{},
      %{ref: make_ref()},
      %{"text" => 1},
      self(),
      make_ref(),
      fn -> :ok end,
      fn _ -> raise "never called" end,
      dead_pid(),
      deep(100_000),
      Enum.to_list(1..10_000),
      ~D[2024-01-01],
      %ElixirScope.ASTRepository.Repository{},
      %ElixirScope.ASTRepository.Repository{ref: make_ref()},
      {:global, :nobody},
      {:via, :no_such_module, :x}
    ]
  end

  @doc "Quoted code nested so deep."
  def deep(depth), do: Enum.reduce(1..depth, {:x, [], nil}, fn _, inner -> {:f, [line: 1], [inner]} end)

  def dead_pid do
    {pid, monitor} = spawn_monitor(fn -> :ok end)
    receive do: ({:DOWN, ^monitor, :process, ^pid, _} -> pid)
  end
end
