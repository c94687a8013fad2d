defmodule ElixirScope do
  @moduledoc """
  Source code and the running program in one repository.

  This is what people call at a prompt; each function says where the rest is.
  """

  alias ElixirScope.Error
  alias ElixirScope.Instrumentation.{Live, Loader, Result, Selection}

  @doc """
  Puts probes into loaded modules (or modules that would be loaded when called), while the system runs.

  No process is killed or stopped. What runs at that moment finishes in the old code; the next call of a function
  by its module name enters the new one. The files on disk stay as they are: `uninstrument/1` loads them again.

  ## Options

    * `:except` - modules to leave out, said in the same ways
    * `:probe` - the module to report to, default `ElixirScope.Probe`

  ## Result

  `{:ok, %ElixirScope.Instrumentation.Result{}}` when at least one module is instrumented now or was so already;
  modules that could not be are listed in `:skipped`, each with its error. `{:error, error}` when there is none:

    * `:not_found` - the selection means no module
    * `:no_debug_info`, `:no_object_code` - there is nothing to instrument from
    * `:not_instrumentable` - modules of this kind are left alone; `details.why` says which kind (`:sticky`,
      `:on_load`, `:nif`, ...)
    * `:old_code_in_use` - processes still run a version of the module from before its last change
    * `:invalid_argument`

  ## Example

      {:ok, result} = ElixirScope.instrument("MyApp.Cart.*")
      result.modules
      #=> [MyApp.Cart, MyApp.Cart.Line]
  """
  @spec instrument(Selection.t(), keyword()) :: {:ok, Result.t()} | {:error, Error.t()}
  def instrument(selection, options \\ []), do: Live.instrument(selection, options)

  @doc """
  Loads the original code of instrumented modules; without an argument, of all. Nothing of the probes remains.

  ## Example

      {:ok, _} = ElixirScope.uninstrument("MyApp.Cart.*")
  """
  @spec uninstrument(Selection.t() | :all) :: {:ok, Result.t()} | {:error, Error.t()}
  def uninstrument(selection \\ :all), do: Live.uninstrument(selection)

  @doc "The loaded modules that have probes in them, sorted."
  @spec instrumented() :: [module()]
  def instrumented, do: Loader.instrumented()
end
