defmodule Mix.Tasks.Compile.ScopeNative do
  @moduledoc """
  Builds the native library with cargo and puts it into the application's `priv/native`.

  It is loaded by `mix.exs` itself: a compiler has to be there before the project that it compiles.

  Nothing happens unless a Rust source, a manifest, `Cargo.lock` or an option changed. The crates are
  found by following `path = "..."` through the manifests, and compared by content.

  Options, first one wins:

    * `ELIXIR_SCOPE_NIF=path` takes a library that was built elsewhere; cargo is not needed then
    * `ELIXIR_SCOPE_NIF_PROFILE=dev`, or `scope_native: [profile: :dev]` in `project/0`: the profile of
      cargo (`:release` in every Mix environment)
    * `CARGO_TARGET_DIR`: where cargo works. By default `target/` of this checkout, shared by all
      that use it, or a directory in the build path when the checkout cannot be written.

  The library goes to the *build* path, which is why this project has no `priv/` directory: Mix would
  link the build's `priv` to it, and several Elixir versions, Mix environments and projects would
  overwrite each other's library.
  """

  use Mix.Task.Compiler

  @recursive true
  @crate "native/scope_nif"

  @impl true
  def run(_args) do
    config = Mix.Project.config()
    root = File.cwd!()
    input = input(config, root)

    # Taken before building: what changes meanwhile is built next time.
    input = Map.put(input, :fingerprint, fingerprint(input))

    if read_manifest() == input.fingerprint and File.regular?(library_path(config)) do
      {:noop, []}
    else
      build(input, config, root)
    end
  end

  @impl true
  def manifests, do: [manifest()]

  @impl true
  def clean do
    File.rm(manifest())
    File.rm_rf(Path.dirname(library_path(Mix.Project.config())))
    :ok
  end

  ## What to build

  defp input(config, root) do
    case System.get_env("ELIXIR_SCOPE_NIF") do
      empty when empty in [nil, ""] ->
        %{kind: :cargo, profile: profile(config), sources: sources(Path.join(root, @crate), root)}

      path ->
        %{kind: :prebuilt, path: find_prebuilt(Path.expand(path))}
    end
  end

  defp profile(config) do
    option = System.get_env("ELIXIR_SCOPE_NIF_PROFILE") || config[:scope_native][:profile]
    to_string(option || :release)
  end

  # `:erlang.load_nif/2` takes the path without its extension, so people pass both.
  defp find_prebuilt(path) do
    Enum.find([path, path <> extension()], path, &File.regular?/1)
  end

  defp fingerprint(%{kind: :cargo} = input) do
    digests = Map.new(input.sources, &{&1, digest(&1)})
    {1, :cargo, input.profile, System.get_env("RUSTFLAGS"), digests}
  end

  defp fingerprint(%{kind: :prebuilt, path: path}), do: {1, :prebuilt, path, digest(path)}

  defp digest(path) do
    case File.read(path) do
      {:ok, content} -> :erlang.md5(content)
      {:error, reason} -> reason
    end
  end

  ## Sources: the crate, the workspace, and every path dependency

  defp sources(crate, root) do
    shared = ~w(Cargo.toml Cargo.lock rust-toolchain rust-toolchain.toml .cargo/config.toml)
    shared = Enum.map(shared, &Path.join(root, &1))
    crates = crates([crate | path_dependencies(root)], MapSet.new())

    Enum.uniq(shared ++ Enum.flat_map(crates, &crate_files/1))
  end

  defp crates([], seen), do: MapSet.to_list(seen)

  defp crates([dir | rest], seen) do
    if MapSet.member?(seen, dir) do
      crates(rest, seen)
    else
      crates(path_dependencies(dir) ++ rest, MapSet.put(seen, dir))
    end
  end

  defp path_dependencies(dir) do
    case File.read(Path.join(dir, "Cargo.toml")) do
      {:ok, toml} ->
        for [_, path] <- Regex.scan(~r/\bpath\s*=\s*"([^"]+)"/, toml),
            crate = Path.expand(path, dir),
            File.regular?(Path.join(crate, "Cargo.toml")),
            do: crate

      {:error, _} ->
        []
    end
  end

  defp crate_files(dir) do
    top = Enum.filter([Path.join(dir, "Cargo.toml"), Path.join(dir, "build.rs")], &File.regular?/1)
    top ++ (dir |> Path.join("src/**/*") |> Path.wildcard() |> Enum.filter(&File.regular?/1))
  end

  ## Building

  defp build(%{kind: :prebuilt, path: path} = input, config, _root) do
    if File.regular?(path) do
      install(path, input, config)
    else
      failure("ELIXIR_SCOPE_NIF is #{path}, and there is no such file.", path)
    end
  end

  defp build(%{kind: :cargo} = input, config, root) do
    case System.find_executable("cargo") do
      nil -> without_cargo(config, root)
      cargo -> cargo(cargo, input, config, root)
    end
  end

  # Whoever compiled once with ELIXIR_SCOPE_NIF need not set it for every later command.
  defp without_cargo(config, root) do
    if match?({_, :prebuilt, _, _}, read_manifest()) and File.regular?(library_path(config)) do
      {:noop, []}
    else
      failure(no_cargo(), Path.join(root, @crate))
    end
  end

  defp cargo(cargo, input, config, root) do
    manifest = Path.join([root, @crate, "Cargo.toml"])
    profile = if input.profile == "dev", do: "dev", else: input.profile

    args =
      ~w(build --manifest-path #{manifest} --profile #{profile} --target-dir #{target_dir(root)}) ++
        ~w(--message-format json-render-diagnostics)

    Mix.shell().info("Building the native library (cargo, profile #{profile})")

    # Messages for people arrive on standard error, which is theirs already; standard output is for us.
    case System.cmd(cargo, args, cd: root) do
      {messages, 0} ->
        case artifact(messages) do
          nil -> failure("cargo succeeded but named no library of #{@crate}.", manifest)
          path -> install(path, with_lock_of_cargo(input, root), config)
        end

      {_, status} ->
        failure(
          "cargo could not build #{@crate} (exit status #{status}); its own words are above.\n" <>
            "The library needs Rust 1.88 or later and a C linker (`apt-get install build-essential`).\n" <>
            "A library built elsewhere can be used with ELIXIR_SCOPE_NIF=path.",
          manifest
        )
    end
  end

  # Cargo itself writes the lock file when it was missing or behind the manifests.
  defp with_lock_of_cargo(%{fingerprint: {1, :cargo, profile, flags, digests}} = input, root) do
    lock = Path.join(root, "Cargo.lock")
    %{input | fingerprint: {1, :cargo, profile, flags, Map.put(digests, lock, digest(lock))}}
  end

  # `{"reason":"compiler-artifact", ... "filenames":["/.../libscope_nif.so"], ...}`, one object a line.
  defp artifact(messages) do
    messages
    |> String.split("\n")
    |> Enum.filter(&String.contains?(&1, ~s("reason":"compiler-artifact")))
    |> Enum.find_value(fn line ->
      case Regex.run(~r/"((?:[^"\\]|\\.)*scope_nif\.(?:so|dylib|dll))"/, line) do
        [_, path] -> String.replace(path, "\\\\", "\\")
        nil -> nil
      end
    end)
  end

  defp target_dir(root) do
    own = Path.join(root, "target")

    cond do
      (dir = System.get_env("CARGO_TARGET_DIR")) not in [nil, ""] -> Path.expand(dir, root)
      writable?(own) -> own
      true -> Path.join(Mix.Project.build_path(), "scope_native_target")
    end
  end

  # Permission bits say nothing about a read-only mount: try it.
  defp writable?(dir) do
    probe = Path.join(dir, ".scope-native-#{System.pid()}")

    with :ok <- File.mkdir_p(dir), :ok <- File.write(probe, "") do
      File.rm(probe)
      true
    else
      _ -> false
    end
  end

  ## Installing

  # A rename replaces the name, not the file: a VM that has the old library mapped keeps it.
  defp install(from, input, config) do
    to = library_path(config)
    temporary = "#{to}.#{System.pid()}"
    File.mkdir_p!(Path.dirname(to))
    File.cp!(from, temporary)
    File.rename!(temporary, to)
    File.mkdir_p!(Path.dirname(manifest()))
    File.write!(manifest(), :erlang.term_to_binary(input.fingerprint))
    {:ok, []}
  end

  defp library_path(config) do
    Path.join([Mix.Project.app_path(config), "priv/native", "scope_nif" <> extension()])
  end

  defp extension, do: if(match?({:win32, _}, :os.type()), do: ".dll", else: ".so")

  defp manifest, do: Path.join(Mix.Project.manifest_path(), "compile.scope_native")

  defp read_manifest do
    with {:ok, binary} <- File.read(manifest()) do
      :erlang.binary_to_term(binary, [:safe])
    end
  rescue
    ArgumentError -> nil
  end

  ## Failing

  defp failure(message, file) do
    Mix.shell().error("** (elixir_scope) " <> message)

    diagnostic = %Mix.Task.Compiler.Diagnostic{
      compiler_name: "scope_native",
      file: file,
      message: message,
      position: 0,
      severity: :error
    }

    {:error, [diagnostic]}
  end

  defp no_cargo do
    "cargo was not found, and ElixirScope has a part written in Rust.\n" <>
      "Install Rust 1.88 or later: https://rustup.rs, or a package of your system that is as new.\n" <>
      "Or use a library that was built elsewhere: ELIXIR_SCOPE_NIF=path/to/scope_nif.so"
  end
end
