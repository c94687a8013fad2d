defmodule ElixirScope.ASTRepository.RuntimeCorrelator.Places do
  @moduledoc false
  # Places that say file, line and function (log records, frames of stacktraces): the innermost node of the line, checked
  # against the function. Where they disagree the code was changed after it was compiled, and the function is all that
  # can be told; how sure that is, the confidence says.

  alias ElixirScope.Core

  @agreed 0.95
  @line_only 0.8
  @without_function 0.6
  @function_only 0.6

  @type found :: {String.t(), :line_based | :pattern_based, float()}

  @doc "The node of a place: `:file`, `:line`, and `:mfa` as `{module, function, arity}`; `:none` when nothing is known of it."
  @spec node(reference(), map()) :: found() | :none
  def node(ref, place) do
    mfa = place |> Map.get(:mfa) |> written()
    function = function(ref, mfa)

    case {function, line(ref, place, mfa)} do
      {:none, :none} -> :none
      {:none, node} -> {node, :line_based, if(mfa, do: @without_function, else: @line_only)}
      {function, :none} -> {function, :pattern_based, @function_only}
      {function, node} -> agreed(function, node)
    end
  end

  defp agreed(function, node) do
    if node == function or String.starts_with?(node, function <> "#"),
      do: {node, :line_based, @agreed},
      else: {function, :pattern_based, @function_only}
  end

  defp function(_ref, nil), do: :none

  defp function(ref, {module, name, arity}) do
    case Core.Repository.correlate_function(ref, module, name, arity) do
      {:ok, id} -> id
      _ -> :none
    end
  end

  defp line(ref, %{file: file, line: line}, mfa) when is_binary(file) and is_integer(line) and line > 0 do
    case Core.Repository.correlate_line(ref, file, line, nil) do
      {:ok, node} -> node
      _ -> line_of_module(ref, mfa, file, line)
    end
  end

  defp line(_ref, _place, _mfa), do: :none

  # A path that several applications have: the module says which.
  defp line_of_module(ref, {module, _, _}, file, line) do
    with {:ok, {_version, fields}} <- Core.Repository.get_module(ref, module, [:source_file]),
         source when is_binary(source) <- Map.new(fields)[:source_file],
         true <- String.ends_with?(source, file),
         {:ok, node} <- Core.Repository.correlate_line(ref, source, line, nil) do
      node
    else
      _ -> :none
    end
  end

  defp line_of_module(_ref, nil, _file, _line), do: :none

  @doc "The function as it is written: that around an anonymous one or a comprehension."
  @spec written(term()) :: {module(), atom(), arity()} | nil
  def written({module, name, arity}) when is_atom(module) and is_atom(name) and is_integer(arity) do
    with "-" <> _ = text <- Atom.to_string(name),
         [_, name, arity] <- Regex.run(~r/\A-(.+)\/(\d+)-/U, text),
         {:ok, name} <- existing(name) do
      {module, name, String.to_integer(arity)}
    else
      _ -> {module, name, arity}
    end
  end

  def written(_other), do: nil

  defp existing(name) do
    {:ok, String.to_existing_atom(name)}
  rescue
    ArgumentError -> :error
  end

  @doc "Frames as `{module, function, arity, file, line}`, of a stacktrace or of such frames; others are left out."
  def frames(stack) when is_list(stack) do
    Enum.flat_map(stack, fn
      {module, name, arity, location} when is_atom(module) and is_atom(name) and is_list(location) ->
        [{module, name, arity(arity), file(location[:file]), location[:line]}]

      {module, name, arity, file, line} when is_atom(module) and is_atom(name) and is_integer(arity) ->
        [{module, name, arity, file(file), line}]

      _ ->
        []
    end)
  end

  defp arity(arguments) when is_list(arguments), do: length(arguments)
  defp arity(arity) when is_integer(arity), do: arity
  defp arity(_other), do: 0

  defp file([_ | _] = file), do: List.to_string(file)
  defp file(file) when is_binary(file) and file != "", do: file
  defp file(_other), do: nil
end
