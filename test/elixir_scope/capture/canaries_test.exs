defmodule ElixirScope.Capture.CanariesTest do
  # From the instrumented program to everything that is written of it. One capture in a VM.
  use ExUnit.Case, async: false

  alias ElixirScope.{ASTRepository, Capture, Core, Export}

  @compile {:no_warn_undefined, CanarySample}
  @moduletag :tmp_dir

  @code """
  defmodule CanarySample do
    use GenServer
    defstruct [:name, :password]

    def init(state), do: {:ok, state}

    def handle_call({:login, %{password: password} = credentials}, _from, state) do
      result = check(password, credentials)
      {:reply, result, Map.put(state, :session, password)}
    end

    def handle_cast(message, state), do: {:noreply, Map.put(state, :last_token, message)}

    def check(password, %{name: name}), do: {:ok, name, %__MODULE__{name: name, password: password}}

    def header(text) do
      copy = text
      pieces = String.to_charlist(copy)
      {:done, copy, pieces}
    end

    def fail(token) do
      raise ArgumentError, "no such token: \#{inspect(token)}"
    rescue
      error in ArgumentError -> {:failed, error}
    end
  end
  """

  setup %{tmp_dir: dir} do
    source = Path.join(dir, "canary_sample.ex")
    File.write!(source, @code)
    {:ok, _, _} = Kernel.ParallelCompiler.compile_to_path([source], dir, return_diagnostics: true)
    Code.prepend_path(dir)
    {:module, _} = Code.ensure_loaded(CanarySample)

    on_exit(fn ->
      Capture.stop()
      ElixirScope.uninstrument(CanarySample)
      Code.delete_path(dir)
      :code.purge(CanarySample)
      :code.delete(CanarySample)
    end)

    :ok
  end

  defp canary(n), do: "CANARY" <> Base.encode16(<<n::32>>) <> "X"

  test "no canary is in events, saved repositories or exports", %{tmp_dir: dir} do
    {:ok, _} =
      ElixirScope.instrument(CanarySample,
        capture: [:args, :result, :variables, :exceptions, :messages]
      )

    {:ok, repository} = ASTRepository.new()
    :ok = Capture.subscribe(repository)
    :ok = Capture.start(overflow: :wait)
    {:ok, server} = GenServer.start(CanarySample, %{})

    for n <- 1..500 do
      secret = canary(n)
      GenServer.call(server, {:login, %{name: "name#{n}", password: secret}})
      GenServer.cast(server, %{"access_token" => secret})
      CanarySample.header("Authorization: Bearer #{secret}#{n}")
      CanarySample.fail(secret)
    end

    :ok = Capture.stop()
    :ok = Capture.flush(20_000)
    GenServer.stop(server)

    {:ok, ref} = ASTRepository.Handle.ref(repository)
    {:ok, events} = Core.Runtime.events(ref, 100_000)
    shown = inspect(events, limit: :infinity, printable_limit: :infinity)
    # What is not secret was recorded, so the secrets were there to be recorded.
    assert shown =~ "name500" and shown =~ "#Redacted"
    refute shown =~ "CANARY"

    saved = Path.join(dir, "saved")
    :ok = ASTRepository.save(repository, saved)

    files =
      for format <- Export.formats() do
        path = Path.join(dir, "#{format}.out")
        assert {:ok, _} = Export.run(repository, format, path)
        path
      end

    for path <- [saved | files], do: refute(File.read!(path) =~ "CANARY", path)
  end
end
