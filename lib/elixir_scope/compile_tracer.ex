defmodule ElixirScope.CompileTracer do
  @moduledoc """
  A compiler tracer: notes what the Elixir compiler resolves, while it compiles.

  The `:elixir_scope` Mix compiler installs it by itself, and saves what it noted
  (`ElixirScope.Instrumentation.Facts`). It also works alone:

      def project do
        [elixirc_options: [tracers: [ElixirScope.CompileTracer]], ...]
      end

  Then every module is instrumented and loaded right after it was compiled, in the VM that compiles. Nothing is
  written, so only that VM runs instrumented code: `mix test` after an edit observes the modules it compiled. The
  Mix compiler is what makes it last.

  Noting an event is one insert into an ETS table; everything else happens after the compilation.
  """

  alias ElixirScope.{CompileListeners, Instrumentation}
  alias ElixirScope.Instrumentation.{Beam, Loader}

  @table __MODULE__
  @collecting {__MODULE__, :collecting}

  @typedoc "`{module, kind, target, line, column, caller, file}`; what `target` is depends on the kind. Outside of modules `module` is `nil`."
  @type note ::
          {module() | nil, atom(), term(), non_neg_integer(), pos_integer() | nil, {atom(), arity()} | nil,
           Path.t()}

  @doc false
  def trace(event, env)

  def trace({kind, meta, module, name, arity}, env)
      when kind in [:remote_function, :remote_macro, :imported_function, :imported_macro] do
    note(kind, {module, name, arity}, meta, env)
  end

  def trace({kind, meta, name, arity}, env) when kind in [:local_function, :local_macro] do
    note(kind, {env.module, name, arity}, meta, env)
  end

  # What a macro requires, it is about to expand.
  def trace({:require, meta, module, _}, env) do
    kind = if List.keyfind(meta, :from_macro, 0) == {:from_macro, true}, do: :require_macro, else: :require
    note(kind, module, meta, env)
  end

  def trace({kind, meta, module, _}, env) when kind in [:struct_expansion, :import] do
    note(kind, module, meta, env)
  end

  def trace({:alias_reference, meta, module}, env), do: note(:alias_reference, module, meta, env)

  def trace({:on_module, binary, _}, env) do
    note(:module, nil, [line: env.line], env)
    CompileListeners.tell({:compiled, env.file})
    if :persistent_term.get(@collecting, false), do: :ok, else: instrument(env.module, binary)
  end

  def trace(_event, _env), do: :ok

  defp note(kind, target, meta, env) do
    module = if compiled?(env.module), do: env.module
    row = {module, kind, target, line(meta, env), column(meta), env.function, env.file}

    try do
      :ets.insert(@table, row)
    rescue
      ArgumentError ->
        open()
        :ets.insert(@table, row)
    end

    :ok
  end

  # Around modules there is none. What `defimpl` expands there, the compiler says to be in a module of its own, which is not the
  # one being compiled.
  defp compiled?(nil), do: false
  defp compiled?(module) when module in [Elixir, Kernel, Protocol], do: Module.open?(module)
  defp compiled?(_module), do: true

  defp line(meta, env) do
    case :lists.keyfind(:line, 1, meta) do
      {:line, line} -> line
      false -> env.line
    end
  end

  defp column(meta) do
    case :lists.keyfind(:column, 1, meta) do
      {:column, column} -> column
      false -> nil
    end
  end

  # Compiler processes come and go, so the table belongs to a process that does nothing else.
  defp open do
    parent = self()
    reference = make_ref()

    spawn(fn ->
      try do
        :ets.new(@table, [:named_table, :public, :duplicate_bag, write_concurrency: true])
        send(parent, reference)
        Process.sleep(:infinity)
      rescue
        # another compiler process was faster
        ArgumentError -> send(parent, reference)
      end
    end)

    receive do
      ^reference -> :ok
    end
  end

  # Alone: whoever compiles the module also runs it instrumented. What cannot be instrumented stays as it is.
  defp instrument(module, binary) do
    with {:ok, attributes} <- Beam.attributes(binary),
         false <- Keyword.has_key?(attributes, :__protocol__),
         {:ok, instrumented} <- Instrumentation.instrument_binary(binary) do
      Loader.load_instrumented(module, instrumented.binary, file(module))
    end

    :ok
  end

  defp file(module) do
    case :code.which(module) do
      file when is_list(file) -> file
      _ -> ~c""
    end
  end

  @doc """
  Adds the tracer to the compiler's options and asks for columns; gives the function that undoes both.

  Modules are not instrumented one by one then: the caller does it when all is compiled.
  """
  @spec install() :: (() -> :ok)
  def install do
    tracers = Code.get_compiler_option(:tracers)
    parser_options = Code.get_compiler_option(:parser_options)

    if __MODULE__ not in tracers, do: Code.put_compiler_option(:tracers, [__MODULE__ | tracers])
    Code.put_compiler_option(:parser_options, Keyword.put(parser_options, :columns, true))
    :persistent_term.put(@collecting, true)

    fn ->
      Code.put_compiler_option(:tracers, tracers)
      Code.put_compiler_option(:parser_options, parser_options)
      :persistent_term.erase(@collecting)
      :ok
    end
  end

  @doc "All notes so far, which are forgotten by this."
  @spec take() :: [note()]
  def take do
    case :ets.whereis(@table) do
      :undefined ->
        []

      table ->
        notes = :ets.tab2list(table)
        :ets.delete_all_objects(table)
        notes
    end
  end
end
