defmodule ElixirScope.ASTRepository.ConfigTest do
  # The application environment is everybody's.
  use ExUnit.Case, async: false
  doctest ElixirScope.ASTRepository.Config

  alias ElixirScope.ASTRepository.Config
  alias ElixirScope.Error

  setup do
    on_exit(fn -> Application.delete_env(:elixir_scope, ElixirScope.ASTRepository) end)
  end

  test "later wins: defaults, preset, environment, options" do
    assert {:ok, %{max_modules: 10_000, debug_mode: false}} = Config.new()
    Application.put_env(:elixir_scope, ElixirScope.ASTRepository, preset: :development, cache_size_mb: 3)
    assert {:ok, %{max_modules: 1_000, debug_mode: true, cache_size_mb: 3}} = Config.new()
    assert {:ok, %{max_modules: 100, debug_mode: false, cache_size_mb: 3}} = Config.new(preset: :test)
    assert {:ok, %{max_modules: 5, cache_size_mb: 4}} = Config.new(%{max_modules: 5, cache_size_mb: 4})
    Application.put_env(:elixir_scope, ElixirScope.ASTRepository, max_modulez: 1)
    assert {:error, %Error{hint: "did you mean :max_modules?"}} = Config.new()
  end

  test "presets are the specification's" do
    assert %{debug_mode: true, max_modules: 1_000, consistency_level: :strong} = Config.development_config()
    assert %{test_mode: true, max_correlations: 10_000} = Config.test_config()
    assert %{max_modules: 50_000, validation_mode: :relaxed} = Config.production_config()
  end

  test "every setting is checked" do
    for name <- Config.names(), value <- [:no_such, "text", -1, 0, 1.5, [1 | 2]] do
      assert {^name, {:error, %Error{}}} = {name, Config.new([{name, value}])}
    end

    assert {:error, %Error{reason: :not_implemented}} = Config.new(storage_backend: :mnesia)
    assert {:error, %Error{hint: "did you mean :error_rate?"}} = Config.new(alert_thresholds: %{error_rat: 1})

    assert {:ok, %{alert_thresholds: %{error_rate: 0.5, memory_usage_gb: 2.0}}} =
             Config.new(alert_thresholds: [error_rate: 0.5])

    assert_raise Error, fn -> Config.load_config(max_modules: 0) end
  end
end
