defmodule ElixirScope.Instrumentation.Build do
  @moduledoc false
  # Instrumented copies of compiled modules, kept up to date in a directory of their own.
  #
  #     target/                 goes in front of the code path
  #     target/Elixir.My.beam
  #     target/impls/           protocol implementations: loaded, but not on the path, because protocol
  #                             consolidation collects implementations from every directory of the path
  #
  # A manifest remembers what each copy was made from, so a run without changes reads file dates only.

  alias ElixirScope.{Error, Instrumentation}
  alias ElixirScope.Instrumentation.{Beam, Eligibility, Selection}

  @manifest_version 1

  defstruct changed: [], removed: [], modules: [], skipped: []

  @type t :: %__MODULE__{
          changed: [module()],
          removed: [module()],
          modules: [%{module: module(), file: Path.t(), original: Path.t(), build: pos_integer()}],
          skipped: [{module(), Error.t()}]
        }

  @doc """
  Brings `target` up to date with the modules of `ebins`, a list of `{app, directory}`.

    * `:modules`, `:except` - validated selections (`Selection.validate/1`); `nil` is all, none
    * `:probe`, `:coverage`, `:capture`, `:points`, `:plan` - as for `Instrumentation.instrument_binary/2`
    * `:force` - instrument even what did not change
  """
  @spec run([{atom(), Path.t()}], Path.t(), Path.t(), keyword()) :: t()
  def run(ebins, target, manifest, options) do
    key = key(options)
    known = read(manifest, key)
    known_entries = if options[:force], do: %{}, else: known.entries
    candidates = candidates(ebins, options)

    entries =
      candidates
      |> Task.async_stream(
        &entry(&1, known_entries, known.written, target, options),
        timeout: :infinity,
        ordered: true
      )
      |> Enum.map(fn {:ok, entry} -> entry end)

    removed = remove(known.entries, entries, target)
    changed = for %{module: module, fresh?: true} <- entries, do: module
    if changed != [] or removed != [] or not known.valid?, do: write(manifest, key, entries)

    %__MODULE__{
      changed: changed,
      removed: removed,
      modules:
        for(
          %{outcome: {:ok, build, impl?}} = entry <- entries,
          do: %{
            module: entry.module,
            file: file(target, entry.module, impl?),
            original: entry.original,
            build: build
          }
        ),
      skipped: for(%{outcome: {:error, error}} = entry <- entries, do: {entry.module, error})
    }
  end

  @doc "Removes all that `run/4` made."
  def clean(target, manifest) do
    File.rm_rf!(target)
    File.rm(manifest)
    :ok
  end

  # What makes every copy stale at once.
  defp key(options) do
    {@manifest_version, Instrumentation.version(), System.version(), :erlang.system_info(:otp_release),
     Instrumentation.shaping(options)}
  end

  defp candidates(ebins, options) do
    all =
      for {app, dir} <- ebins,
          path <- dir |> Path.join("*.beam") |> Path.wildcard() |> Enum.sort(),
          module = path |> Path.basename(".beam") |> String.to_atom(),
          Eligibility.by_name(module) == :ok,
          do: {module, app, path}

    apps = Map.new(all, fn {module, app, _} -> {module, app} end)
    names = for {module, _, _} <- all, do: module
    wanted = if options[:modules], do: Selection.filter(names, options[:modules], &apps[&1]), else: names
    wanted = MapSet.new(wanted -- Selection.filter(names, options[:except] || [], &apps[&1]))

    all |> Enum.filter(fn {module, _, _} -> module in wanted end) |> Enum.uniq_by(&elem(&1, 0))
  end

  defp entry({module, _app, path}, known, written, target, options) do
    stat = File.stat!(path, time: :posix)
    stamp = {path, stat.size, stat.mtime}

    case known do
      # A file as old as the manifest may have been written again within the same second.
      %{^module => %{stamp: ^stamp} = entry} when stat.mtime < written -> reuse(entry, stamp, target, options)
      _ -> fresh(module, path, stamp, known, target, options)
    end
  end

  defp reuse(entry, stamp, target, options) do
    if there?(entry.outcome, entry.module, target),
      do: %{entry | stamp: stamp, fresh?: false},
      else: fresh(entry.module, entry.original, stamp, %{}, target, options)
  end

  defp there?({:ok, _, impl?}, module, target), do: File.exists?(file(target, module, impl?))
  defp there?(_, _, _), do: true

  defp fresh(module, path, stamp, known, target, options) do
    binary = File.read!(path)
    digest = :erlang.md5(binary)

    case known do
      %{^module => %{digest: ^digest, original: ^path} = entry} ->
        reuse(entry, stamp, target, options)

      _ ->
        %{
          module: module,
          original: path,
          stamp: stamp,
          digest: digest,
          fresh?: true,
          outcome: make(module, binary, target, Instrumentation.shaping(options))
        }
    end
  end

  defp make(module, binary, target, options) do
    Instrumentation.roomy()
    # Both kinds of place: a module may have become an implementation, or ceased to be one.
    File.rm(file(target, module, true))
    File.rm(file(target, module, false))

    with {:ok, attributes} <- Beam.attributes(binary),
         false <- Keyword.has_key?(attributes, :__protocol__),
         {:ok, instrumented} <- Instrumentation.instrument_binary(binary, options) do
      impl? = Keyword.has_key?(attributes, :__impl__)
      path = file(target, module, impl?)
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, instrumented.binary)
      {:ok, instrumented.build, impl?}
    else
      true -> Eligibility.error(module, :protocol)
      {:error, error} -> {:error, error}
    end
  end

  defp file(target, module, true), do: Path.join([target, "impls", "#{module}.beam"])
  defp file(target, module, false), do: Path.join(target, "#{module}.beam")

  defp remove(known, entries, target) do
    kept = MapSet.new(entries, & &1.module)

    for {module, %{outcome: outcome}} <- known, module not in kept do
      with {:ok, _, impl?} <- outcome, do: File.rm(file(target, module, impl?))
      module
    end
    |> Enum.sort()
  end

  defp read(manifest, key) do
    with {:ok, content} <- File.read(manifest),
         {^key, entries} <- decode(content),
         {:ok, %{mtime: written}} <- File.stat(manifest, time: :posix) do
      %{entries: Map.new(entries, &{&1.module, &1}), written: written, valid?: true}
    else
      # Made under other conditions: only good for knowing which files are ours.
      {_other_key, entries} when is_list(entries) ->
        %{entries: Map.new(entries, &{&1.module, %{&1 | stamp: nil, digest: nil}}), written: 0, valid?: false}

      _ ->
        %{entries: %{}, written: 0, valid?: false}
    end
  end

  defp decode(content) do
    :erlang.binary_to_term(content)
  rescue
    ArgumentError -> :damaged
  end

  defp write(manifest, key, entries) do
    File.mkdir_p!(Path.dirname(manifest))
    File.write!(manifest, :erlang.term_to_binary({key, entries}, compressed: 1))
  end
end
