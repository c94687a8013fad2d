defmodule ElixirScope.Test.PythonJSON do
  @moduledoc """
  Python's JSON parser, as an oracle that was not written here: strict (no `NaN`, no duplicate keys), with the types kept.
  """

  @script """
  import json, sys

  def pairs(items):
      keys = [key for key, _ in items]
      if len(set(keys)) != len(keys):
          raise ValueError("duplicate key")
      return dict(items)

  def constant(name):
      raise ValueError(name)

  def binary(text):
      return "<<" + ",".join(str(byte) for byte in text.encode("utf-8")) + ">>"

  def term(value):
      if value is None:
          return "nil"
      if isinstance(value, bool):
          return "true" if value else "false"
      if isinstance(value, int):
          return str(value)
      if isinstance(value, float):
          return format(value, ".17e")
      if isinstance(value, str):
          return binary(value)
      if isinstance(value, list):
          return "[" + ",".join(term(item) for item in value) + "]"
      return "%{" + ",".join(binary(key) + " => " + term(item) for key, item in value.items()) + "}"

  text = sys.stdin.buffer.read() if len(sys.argv) < 2 else open(sys.argv[1], "rb").read()
  value = json.loads(text.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
  sys.stdout.write(term(value))
  """

  @doc "Is there a python3?"
  def available?, do: System.find_executable("python3") != nil

  @doc "What Python reads from JSON text, as Elixir terms."
  def read(text) do
    path =
      Path.join(System.tmp_dir!(), "elixir_scope-#{System.pid()}-#{System.unique_integer([:positive])}.json")

    File.write!(path, text)

    try do
      read_file(path)
    after
      File.rm(path)
    end
  end

  @doc "What Python reads from a JSON file, as Elixir terms."
  def read_file(path) do
    case System.cmd("python3", ["-c", @script, path], stderr_to_stdout: true) do
      {term, 0} -> term |> Code.eval_string() |> elem(0)
      {message, _} -> raise "Python refuses #{path}: #{message}"
    end
  end
end
