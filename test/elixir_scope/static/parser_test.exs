defmodule ElixirScope.ASTRepository.ParserTest do
  use ExUnit.Case, async: true

  alias ElixirScope.ASTRepository.Parser
  alias ElixirScope.Core.Source
  alias ElixirScope.Error

  @moduletag :tmp_dir

  test "a file is known by its path in the project", %{tmp_dir: dir} do
    path = Path.join(dir, "lib/a.ex")
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, "x = 1")
    assert {:ok, source} = Parser.parse_file(path, root: dir)
    assert {:ok, ["lib/a.ex:" <> _ | _]} = Source.ids(source)
    assert {:ok, source} = Parser.parse_file(path, file: "other.ex")
    assert {:ok, ["other.ex:" <> _ | _]} = Source.ids(source)
  end

  test "what does not parse says where" do
    assert {:error, %Error{reason: :parse_error, details: details} = error} =
             Parser.parse_string("defmodule A do\n  def f, do: 1 +* 2\nend", file: "lib/a.ex")

    assert %{file: "lib/a.ex", line: 2, column: column} = details
    assert is_integer(column)
    assert Exception.message(error) =~ "lib/a.ex:2:"
  end

  test "invalid UTF-8 says where" do
    assert {:error, %Error{reason: :parse_error, details: %{line: 2, column: 3, file: "nofile"}}} =
             Parser.parse_string("a\nbc" <> <<255>> <> "\nd")
  end

  test "unreadable files", %{tmp_dir: dir} do
    for path <- [Path.join(dir, "absent.ex"), dir] do
      assert {:error, %Error{reason: :parse_error, details: %{posix: posix}}} = Parser.parse_file(path)
      assert posix in [:enoent, :eisdir]
    end
  end

  test "odd arguments are errors" do
    for path <- [nil, :a, 1, %{}, <<255>>, self()] do
      assert {:error, %Error{}} = Parser.parse_file(path)
      assert {:error, %Error{}} = Parser.parse_string("1", file: path)
    end

    for text <- [nil, 1, ["a"], %{}] do
      assert {:error, %Error{reason: :invalid_argument}} = Parser.parse_string(text)
    end
  end

  test "malformed literals do not raise" do
    for text <- ["\"\\x{FFFFFFFF}\"", "?", "0b2", "\0", "~", String.duplicate("a", 300), "<<", "%{", "'"] do
      assert {:error, %Error{reason: :parse_error, details: %{file: "nofile"}}} = Parser.parse_string(text)
    end
  end

  test "a long message is cut" do
    assert {:error, error} = Parser.parse_string(String.duplicate("é", 100_000))
    assert byte_size(error.message) < 10_000
  end
end
