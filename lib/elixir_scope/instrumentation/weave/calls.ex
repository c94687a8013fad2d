defmodule ElixirScope.Instrumentation.Weave.Calls do
  @moduledoc false
  # Which calls send something, and which nodes are worth their value when everything is asked for.

  @doc """
  `{how, to, message}` of a call that sends, else nil. `how` is `:before` (the message is reported, then sent) or
  `:starts` (a process is started; who it is shows afterwards). `to` and `message` are positions of arguments, nil for
  none; of a start with module, function and arguments `message` is the position of the module and a count.
  """
  def sends({{:., _, [module, name]}, _, arguments}) when is_atom(module) and is_atom(name),
    do: sends(module, name, length(arguments))

  def sends(_), do: nil

  defp sends(:erlang, name, n) when name in [:send, :!, :send_nosuspend] and n in 2..3, do: {:before, 0, 1}
  defp sends(:erlang, name, n) when name in [:send_after, :start_timer] and n in 3..4, do: {:before, 1, 2}
  defp sends(Kernel, :send, 2), do: {:before, 0, 1}
  defp sends(Process, :send, n) when n in 2..3, do: {:before, 0, 1}
  defp sends(Process, :send_after, n) when n in 3..4, do: {:before, 0, 1}

  defp sends(module, :call, n) when module in [GenServer, GenStage, :gen_server, :gen_statem] and n in 2..3,
    do: {:before, 0, 1}

  defp sends(module, :cast, 2) when module in [GenServer, GenStage, :gen_server, :gen_statem],
    do: {:before, 0, 1}

  defp sends(module, :reply, 2) when module in [GenServer, GenStage, :gen_server, :gen_statem],
    do: {:before, 0, 1}

  defp sends(:gen_statem, :reply, 1), do: {:before, nil, 0}

  defp sends(module, :send_request, n) when module in [:gen_server, :gen_statem] and n in [2, 4],
    do: {:before, 0, 1}

  defp sends(module, name, 2) when module in [GenServer, :gen_server] and name in [:multi_call, :abcast],
    do: {:before, 0, 1}

  defp sends(module, name, 3) when module in [GenServer, :gen_server] and name in [:multi_call, :abcast],
    do: {:before, 1, 2}

  defp sends(module, :multi_call, 4) when module in [GenServer, :gen_server], do: {:before, 1, 2}
  defp sends(:gen_event, name, 2) when name in [:notify, :sync_notify], do: {:before, 0, 1}
  defp sends(:gen_event, :call, n) when n in 3..4, do: {:before, 0, 2}

  defp sends(Agent, name, n) when name in [:get, :update, :get_and_update] and n in 2..3, do: {:before, 0, 1}
  defp sends(Agent, :cast, 2), do: {:before, 0, 1}

  defp sends(Task, name, 1) when name in [:async, :start, :start_link], do: {:starts, nil, 0}
  defp sends(Task, name, 3) when name in [:async, :start, :start_link], do: {:starts, nil, {0, 3}}

  defp sends(Task.Supervisor, name, n) when name in [:async, :async_nolink, :start_child] and n in 2..3,
    do: {:starts, nil, 1}

  defp sends(Task.Supervisor, name, n) when name in [:async, :async_nolink, :start_child] and n in 4..5,
    do: {:starts, nil, {1, 3}}

  defp sends(Agent, name, n) when name in [:start, :start_link] and n in 1..2, do: {:starts, nil, 0}

  defp sends(module, name, n)
       when module in [:erlang, :proc_lib, Kernel, Node] and
              name in [:spawn, :spawn_link, :spawn_monitor, :spawn_opt],
       do: spawns(n, module == :proc_lib or name == :spawn_opt)

  defp sends(_, _, _), do: nil

  defp spawns(1, _), do: {:starts, nil, 0}
  # With options, or on a node
  defp spawns(2, true), do: {:starts, nil, 0}
  defp spawns(2, false), do: {:starts, nil, 1}
  defp spawns(3, _), do: {:starts, nil, {0, 3}}
  defp spawns(4, true), do: {:starts, nil, {0, 3}}
  defp spawns(4, false), do: {:starts, nil, {1, 3}}
  defp spawns(_, _), do: nil

  @constructs [:case, :cond, :receive, :try, :with, :for, :super]
  @data [:{}, :%{}, :%, :<<>>, :=, :__block__, :fn, :&, :^, :"::", :__aliases__]

  @doc "Is the value of a node told when everything is? Calls and constructs are; data, variables and matches are not."
  def told?({_, meta, args} = node) when is_list(args),
    do: is_integer(meta[:line]) and meta[:line] > 0 and told_form?(node)

  def told?(_), do: false

  defp told_form?({{:., _, _}, _, _}), do: true
  defp told_form?({name, _, _}) when name in @constructs, do: true
  defp told_form?({name, _, _}) when name in @data, do: false
  defp told_form?({name, _, _}), do: is_atom(name)
end
