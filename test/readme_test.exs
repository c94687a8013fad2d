defmodule ElixirScope.ReadmeTest do
  use ExUnit.Case, async: true

  alias ElixirScope.Report

  @root Path.expand("..", __DIR__)
  @readme File.read!(Path.join(@root, "README.md"))

  test "the JSON that is shown has the keys that are written, in their order" do
    [_, json] = Regex.run(~r/```json\n(.*?)```/s, @readme)
    {name, version} = Report.Document.schema()
    assert json =~ ~s("schema": "#{name}")
    assert json =~ ~s("version": #{version})

    [_, totals] = Regex.run(~r/"totals": \{(.*?)\}/s, json)
    assert keys(totals) == Enum.map(Report.totals(), &to_string/1)
    [_, row] = Regex.run(~r/"functions": \[\s*\{(.*?)\}/s, json)
    assert keys(row) == Enum.map(Report.fields(), &to_string/1)
  end

  test "files and tasks that the README and the map name exist" do
    for document <- ["README.md", "ARCHITECTURE.md"], text = File.read!(Path.join(@root, document)) do
      for [_, path] <- Regex.scan(~r{`((?:lib|native|bin|mix|test|bench|examples)/[\w./-]+)}, text) do
        assert File.exists?(Path.join(@root, path)), "#{document} names #{path}"
      end

      for [_, name] <- Regex.scan(~r/\bmix (elixir_scope\.\w+)/, text) do
        assert Mix.Task.get(name), "#{document} names mix #{name}"
      end
    end
  end

  defp keys(text), do: for([_, key] <- Regex.scan(~r/"(\w+)":/, text), do: key)
end
