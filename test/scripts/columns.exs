# elixir columns.exs SOURCES OUT APP...
#
# Recompiles applications of Elixir's own sources with columns, each into a directory of its own: the installed ones were compiled
# without. In a VM of its own, because Elixir's modules are loaded anew on the way.
[sources, out | applications] = System.argv()
Code.put_compiler_option(:parser_options, columns: true)
Code.put_compiler_option(:ignore_module_conflict, true)

for application <- applications do
  dir = Path.join(out, application)
  File.mkdir_p!(dir)
  files = Path.wildcard("#{sources}/lib/#{application}/lib/**/*.ex")
  {:ok, modules, _warnings} = Kernel.ParallelCompiler.compile_to_path(files, dir)
  IO.puts("#{application}: #{length(modules)} modules")
end
