defmodule ElixirScope.Sources.Crash do
  @moduledoc """
  What OTP reports of a failure, in one form: crash reports of `proc_lib`, generic servers that terminate, tasks, supervisors'
  reports, and errors of plain processes.

      %{
        type: :gen_server,          # :gen_statem, :gen_event, :task, :process, :supervisor
        class: :error,              # :exit, :throw
        exception: ArgumentError,   # the module of an exception, else nil
        reason: ...,                # redacted before it is recorded
        frames: [{Shop.Cart, :add, 3, "lib/shop/cart.ex", 12}],
        pid: #PID<...>, name: Shop.Cart, initial_call: {Shop.Cart, :init, 1},
        ancestors: [...],
        child: ..., context: :child_terminated   # of a supervisor's report
      }

  Arguments in stacktraces are left out: only how many there were stays. Fields that a report does not have are absent. A report that
  was too large is cut (`cut: true`): what was kept of it is there, and the reason, as far as it goes, an `ElixirScope.Value.Truncated`.
  """

  alias ElixirScope.Value.Truncated

  @frames_max 64
  @ancestors_max 16

  @type frame :: {module(), atom(), arity(), String.t() | nil, pos_integer() | nil}
  @type t :: %{
          required(:type) => atom(),
          required(:reason) => term(),
          required(:frames) => [frame()],
          optional(atom()) => term()
        }

  @doc "The crash that a `:logger` event is about, or `nil`."
  @spec of_log(map()) :: t() | nil
  def of_log(%{msg: {:report, report}, meta: meta}), do: of_report(report, meta)
  # Newer versions of Logger have translated the report; what it was about stays in the metadata.
  def of_log(%{meta: %{crash_reason: crash} = meta}), do: of_meta(crash, meta)

  def of_log(%{msg: {format, [_ | _] = arguments}, meta: %{error_logger: %{emulator: true}}} = event)
      when format != :string,
      do: of_emulator(arguments, event.meta)

  def of_log(_event), do: nil

  @doc "What was caught, in the same form; its `:type` is `:caught`."
  @spec of_caught(:error | :exit | :throw, term(), Exception.stacktrace()) :: t()
  def of_caught(kind, reason, stacktrace), do: new(:caught, kind, reason, stacktrace, %{pid: self()})

  @doc "What is small in a crash. It is recorded before the rest, so that a large reason leaves it whole."
  @spec facts(t()) :: map()
  def facts(crash), do: Map.drop(crash, [:reason, :frames, :ancestors])

  @doc "The crash in the value of an event, whole or cut; `nil` when it is none."
  @spec of_value(term()) :: t() | nil
  def of_value({source, place, data}) when source in [:crash, :exception], do: recorded(data, place)

  def of_value(%Truncated{kind: :tuple, kept: [source | rest]}) when source in [:crash, :exception],
    do: recorded(Enum.at(rest, 1), Enum.at(rest, 0))

  def of_value(_other), do: nil

  defp recorded(%{type: _, reason: _, frames: frames} = whole, _place) when is_list(frames), do: whole

  defp recorded(cut, %{crash: %{} = facts}) when not is_struct(facts),
    do: cut |> recorded() |> Map.merge(facts)

  defp recorded(cut, _place), do: recorded(cut)

  # What comes after a large reason may be missing.
  defp recorded(cut) do
    kept =
      case cut do
        %Truncated{kind: :map, kept: kept} when is_map(kept) and not is_struct(kept) ->
          kept

        # Two keys of one look were kept as pairs.
        %Truncated{kind: :map, kept: pairs} when is_list(pairs) ->
          for {key, value} <- pairs, into: %{}, do: {key, value}

        %{} = map when not is_struct(map) ->
          map

        _ ->
          %{}
      end

    frames =
      case kept[:frames] do
        frames when is_list(frames) -> frames
        %Truncated{kept: frames} when is_list(frames) -> frames
        _ -> []
      end

    %{
      type: if(is_map_key(kept, :child), do: :supervisor, else: :process),
      class: nil,
      exception: nil,
      reason: %Truncated{by: :bytes},
      cut: true
    }
    |> Map.merge(kept)
    |> Map.put(:frames, Enum.filter(frames, &(is_tuple(&1) and tuple_size(&1) == 5)))
  end

  defp of_report(%{label: {:proc_lib, :crash}, report: [info | _]}, meta) when is_list(info) do
    {class, reason, stack} = Keyword.get(info, :error_info, {:exit, :unknown, []})

    new(:process, class, reason, stack, %{
      pid: info[:pid] || meta[:pid],
      name: name(info[:registered_name]),
      initial_call: initial_call(info[:initial_call]),
      ancestors: ancestors(info[:ancestors])
    })
  end

  defp of_report(%{label: {server, :terminate}} = report, meta)
       when server in [:gen_server, :gen_statem, :gen_event] do
    {class, reason, stack} = reason(report[:reason])
    new(server, class, reason, stack, %{pid: meta[:pid], name: name(report[:name] || report[:handler])})
  end

  defp of_report(%{label: {Task.Supervisor, :terminating}, report: %{reason: reason} = report}, meta) do
    {class, reason, stack} = reason(reason)
    new(:task, class, reason, stack, %{pid: meta[:pid], name: name(report[:name]), starter: report[:starter]})
  end

  defp of_report(%{label: {:supervisor, context}, report: report}, meta)
       when context != :progress and is_list(report) do
    {class, reason, stack} = reason(report[:reason])
    offender = List.wrap(report[:offender])

    new(:supervisor, class, reason, stack, %{
      context: report[:errorContext] || context,
      name: supervisor(report[:supervisor]),
      pid: meta[:pid],
      child: %{id: offender[:id] || offender[:name], pid: offender[:pid], start: start(offender)}
    })
  end

  defp of_report(_report, %{crash_reason: crash} = meta), do: of_meta(crash, meta)
  defp of_report(_report, _meta), do: nil

  defp of_meta({reason, stack}, meta) when is_list(stack) do
    {class, reason} = class(reason)

    new(type(meta), class, reason, stack, %{
      pid: meta[:pid],
      name: name(meta[:registered_name]),
      initial_call: initial_call(meta[:initial_call]),
      ancestors: ancestors(meta[:ancestors])
    })
  end

  defp of_meta(_crash, _meta), do: nil

  # "Error in process ~p with exit value:~n~p~n": the last argument is what it ended with.
  defp of_emulator(arguments, meta) do
    case List.last(arguments) do
      {reason, [frame | _] = stack} when is_tuple(frame) ->
        {class, reason} = class(reason)
        new(:process, class, reason, stack, %{pid: meta[:pid] || Enum.find(arguments, &is_pid/1)})

      _ ->
        nil
    end
  end

  defp type(%{initial_call: {module, _, _}}) when module in [Task.Supervised, Task], do: :task
  defp type(%{mfa: {module, _, _}}) when module in [:gen_server, :gen_statem, :gen_event], do: module
  defp type(%{mfa: {Task.Supervised, _, _}}), do: :task
  defp type(_meta), do: :process

  defp new(type, class, reason, stack, facts) do
    facts = for {key, value} <- facts, value not in [nil, []], into: %{}, do: {key, value}

    Map.merge(facts, %{
      type: type,
      class: class,
      exception: exception(reason),
      reason: reason,
      frames: frames(stack)
    })
  end

  # `{reason, stack}` is an error or exit with a stacktrace, `{{:nocatch, value}, stack}` a throw; else it is an exit.
  defp reason({reason, [frame | _] = stack}) when is_tuple(frame) and tuple_size(frame) == 4 do
    {class, reason} = class(reason)
    {class, reason, stack}
  end

  defp reason(other), do: {:exit, other, []}

  defp class({:nocatch, thrown}), do: {:throw, thrown}
  defp class(reason), do: {:error, reason}

  defp exception(%{__exception__: true, __struct__: module}), do: module

  defp exception(reason) when reason in [:undef, :function_clause],
    do: Exception.normalize(:error, reason, []).__struct__

  defp exception({:badmatch, _}), do: MatchError
  defp exception({:case_clause, _}), do: CaseClauseError
  defp exception({:badkey, _, _}), do: KeyError
  defp exception({:badkey, _}), do: KeyError
  defp exception({:badarity, _}), do: BadArityError
  defp exception({:badfun, _}), do: BadFunctionError
  defp exception(:badarg), do: ArgumentError
  defp exception(:badarith), do: ArithmeticError
  defp exception({:try_clause, _}), do: TryClauseError
  defp exception(:if_clause), do: CondClauseError
  defp exception(:cond_clause), do: CondClauseError
  defp exception(_other), do: nil

  @doc "A stacktrace in a form that holds no values: `{module, function, arity, file, line}`, at most 64."
  @spec frames(Exception.stacktrace()) :: [frame()]
  def frames(stack) when is_list(stack) do
    for {module, name, arity, location} <- stack |> Enum.take(@frames_max), is_atom(module), is_atom(name) do
      arity = if is_list(arity), do: length(arity), else: arity
      location = if is_list(location), do: location, else: []
      {module, name, arity, file(location[:file]), location[:line]}
    end
  rescue
    _ -> []
  end

  def frames(_other), do: []

  defp file(nil), do: nil
  defp file(file), do: file |> to_string()

  defp name([]), do: nil
  defp name(name) when is_atom(name) or is_pid(name), do: name
  defp name({_, name}) when is_atom(name), do: name
  defp name(_other), do: nil

  defp supervisor({:local, name}), do: name
  defp supervisor({pid, module}) when is_pid(pid), do: module
  defp supervisor(other), do: name(other)

  defp initial_call({module, name, arguments}) when is_list(arguments), do: {module, name, length(arguments)}
  defp initial_call({_, _, arity} = mfa) when is_integer(arity), do: mfa
  defp initial_call(_other), do: nil

  defp ancestors(list) when is_list(list),
    do: list |> Enum.filter(&(is_pid(&1) or is_atom(&1))) |> Enum.take(@ancestors_max)

  defp ancestors(_other), do: nil

  defp start(offender) do
    case offender[:mfargs] || offender[:mfa] do
      {module, name, arguments} when is_list(arguments) -> {module, name, length(arguments)}
      {_, _, arity} = mfa when is_integer(arity) -> mfa
      _ -> nil
    end
  end
end
