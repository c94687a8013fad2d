# Stands in for a project's mix.exs (MIX_EXS) when `bin/demo PATH` observes a project that knows nothing of ElixirScope.
# ElixirScope is in the code path of the VM; what it needs is loaded now, because Mix takes foreign directories out of the
# code path before it compiles (Elixir 1.15 and later).
:ok = Application.load(:elixir_scope)
{:ok, modules} = :application.get_key(:elixir_scope, :modules)
Enum.each(modules, &({:module, _} = Code.ensure_loaded(&1)))
{:ok, _} = Application.ensure_all_started(:elixir_scope)

# Only this VM's project is replaced: not those of its dependencies, nor of processes that it starts.
System.delete_env("MIX_EXS")
Code.compile_file(Path.expand("mix.exs"))
