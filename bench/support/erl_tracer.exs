defmodule Bench.ErlTracer do
  @moduledoc """
  The least that an `erl_tracer` can be: a module of NIFs that says yes to everything and counts. What the VM itself takes
  for a traced call is seen by it. It is made with the C compiler and Erlang's header; without them there is none.
  """

  @source ~S"""
  #include <erl_nif.h>
  static ERL_NIF_TERM yes, fine;
  static unsigned long seen;
  static ERL_NIF_TERM enabled(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) { return yes; }
  static ERL_NIF_TERM trace(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) { seen++; return fine; }
  static ERL_NIF_TERM count(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) { return enif_make_ulong(env, seen); }
  static int load(ErlNifEnv *env, void **data, ERL_NIF_TERM info) {
    yes = enif_make_atom(env, "trace");
    fine = enif_make_atom(env, "ok");
    return 0;
  }
  static ErlNifFunc functions[] = {{"enabled", 3, enabled}, {"trace", 5, trace}, {"count", 0, count}};
  ERL_NIF_INIT(bench_erl_tracer, functions, load, NULL, NULL, NULL)
  """

  @module :bench_erl_tracer

  @doc "The tracer's module, loaded; `nil` where it cannot be made."
  def load do
    dir = Path.join(System.tmp_dir!(), "elixir_scope_bench_tracer_#{System.pid()}")
    File.mkdir_p!(dir)
    source = Path.join(dir, "tracer.c")
    library = Path.join(dir, "tracer")
    File.write!(source, @source)
    include = Path.join([:code.root_dir(), "usr", "include"])

    with cc when is_binary(cc) <- System.find_executable("cc"),
         true <- File.regular?(Path.join(include, "erl_nif.h")),
         {_, 0} <- System.cmd(cc, ["-O2", "-shared", "-fPIC", "-I", include, "-o", library <> ".so", source]) do
      compile(library)
      @module
    else
      _ -> nil
    end
  end

  def count, do: apply(@module, :count, [])

  defp compile(library) do
    stub = fn name, arity ->
      {:function, 1, name, arity,
       [{:clause, 1, List.duplicate({:var, 1, :_}, arity), [], [{:atom, 1, :undefined}]}]}
    end

    init =
      {:function, 1, :init, 0,
       [
         {:clause, 1, [], [],
          [
            {:call, 1, {:remote, 1, {:atom, 1, :erlang}, {:atom, 1, :load_nif}},
             [{:string, 1, String.to_charlist(library)}, {:integer, 1, 0}]}
          ]}
       ]}

    forms = [
      {:attribute, 1, :module, @module},
      {:attribute, 1, :export, [enabled: 3, trace: 5, count: 0]},
      {:attribute, 1, :on_load, {:init, 0}},
      {:attribute, 1, :nifs, [enabled: 3, trace: 5, count: 0]},
      stub.(:enabled, 3),
      stub.(:trace, 5),
      stub.(:count, 0),
      init
    ]

    {:ok, @module, binary} = :compile.forms(forms)
    {:module, @module} = :code.load_binary(@module, ~c"bench_erl_tracer.beam", binary)
  end
end
