defmodule ElixirScope.Capture.Redaction do
  @moduledoc """
  What must not leave the process that has it. It is taken out before anything reaches a buffer, so it is in no event,
  no file, no export.

  Withheld is, in arguments, results, variables, messages, states, exceptions, log records:

    * what stands under a key whose name says so, in maps, structs, keyword lists and other pairs: `:password`,
      `"X-Api-Key"`, `:refresh_token`, ... Case, `_` and `-` say nothing
    * a variable or parameter with such a name
    * fields of structs that `@derive {Inspect, only: ...}` or `except:`, or an `Inspect` implementation of their own
      hides, and fields that an Ecto schema declares with `redact: true`. A struct that is met for the first time shows no
      field until it has been looked at, some milliseconds later; those that are loaded when capture starts have been
    * inside of texts (binaries, charlists): JSON Web Tokens, bearer tokens, keys of known vendors, card numbers (by
      their check digit), private keys, passwords in URLs, `name=value` and `name: value` with such a name

  `ElixirScope.Value.Redacted` stands in its place.

  ## Configuration

      config :elixir_scope, redact: [keys: ["iban_alias"], structs: [MyApp.Vault, {MyApp.User, [:email]}]]

  or, while the system runs, `configure/1`.

    * `:keys` - texts that are looked for within names, of three letters or more, besides the built-in ones
    * `:exact_keys` - whole names
    * `:built_in` - `false` leaves the built-in names out (default `true`)
    * `:looks` - what texts are searched for: `:all` (the default) or some of `:pair`, `:jwt`, `:bearer`, `:api_key`,
      `:card_number`, `:private_key`, `:url`
    * `:patterns` - regular expressions (or their sources, without look-around and back-references) for texts of your own
    * `:structs` - modules whose fields are all withheld, or `{module, fields}`
    * `:plain_structs` - modules that hide nothing, whatever `Inspect` says
  """

  alias ElixirScope.ASTRepository.Fault
  alias ElixirScope.{Core, Error, Suggest}

  @parts ~w(password passwd passphrase passcode secret token authorization credential apikey accesskey privatekey
            signingkey encryptionkey creditcard cardnumber cookie session csrf bearer jwt socialsecurity mnemonic)
  @wholes ~w(pwd pass pin cvv cvc ssn otp totp auth card pan iban seed salt dsn)
  @looks [:pair, :jwt, :bearer, :api_key, :card_number, :private_key, :url]
  @options [:keys, :exact_keys, :built_in, :looks, :patterns, :structs, :plain_structs]

  # What comes with Elixir hides nothing.
  @open [:elixir, :logger, :ex_unit, :eex, :iex, :mix]

  @current {__MODULE__, :options}
  @seen {__MODULE__, :seen}
  @classify_ms 1_000

  @doc """
  Takes over a configuration, whole: what is not given is as by default. Holds for what is recorded from now on.

  Errors: `:invalid_argument`, with what is wrong.
  """
  @spec configure(keyword()) :: :ok | {:error, Error.t()}
  def configure(options \\ Application.get_env(:elixir_scope, :redact, [])) do
    with {:ok, options} <- validate(options),
         :ok <- Core.Values.configure(parts(options), wholes(options), looks(options), patterns(options)) do
      :persistent_term.put(@current, options)
      for {module, class} <- classes(options), do: Core.Values.classify(module, class)
      :ok
    end
  end

  @doc "The configuration in force, with all keys."
  @spec options() :: keyword()
  def options do
    options = :persistent_term.get(@current, [])
    for key <- @options, do: {key, Keyword.get(options, key, default(key))}
  end

  @doc """
  Whether something of this name is withheld.

      iex> ElixirScope.Capture.Redaction.secret_name?(:user_password)
      true
      iex> ElixirScope.Capture.Redaction.secret_name?("name")
      false
  """
  @spec secret_name?(atom() | String.t()) :: boolean()
  def secret_name?(name) when is_atom(name), do: secret_name?(Atom.to_string(name))
  def secret_name?(name) when is_binary(name), do: Core.Values.secret_name?(name)

  @doc """
  A text with its secrets masked.

      iex> ElixirScope.Capture.Redaction.text("password=hunter2 and more")
      "password=[REDACTED] and more"
  """
  @spec text(String.t()) :: String.t()
  def text(text) when is_binary(text), do: Core.Values.redact_text(text)

  @doc """
  What is withheld of a struct: `:plain` (nothing), `{:all, rule}`, or fields with the rule that withholds each. Found out
  anew, and kept for what is recorded from now on.
  """
  @spec classify(module()) :: :plain | {:all, atom()} | [{atom(), atom()}]
  def classify(module) when is_atom(module) do
    class = class(module, :persistent_term.get(@current, []))
    _ = Core.Values.classify(module, class)
    class
  end

  @doc false
  # Structs of all modules that are loaded, and those that come with Elixir, loaded or not: they hide nothing. Each version
  # of a module is looked at once.
  def classify_loaded do
    seen = :persistent_term.get(@seen, %{})

    fresh =
      for {module, _} <- :code.all_loaded(),
          function_exported?(module, :__struct__, 0),
          version = module.module_info(:md5),
          seen[module] != version,
          do: {module, version}

    if seen == %{}, do: classify_elixir()
    for {module, _} <- fresh, seen != %{} or not elixir?(module), do: classify(module)
    if fresh != [], do: :persistent_term.put(@seen, Map.merge(seen, Map.new(fresh)))
    :ok
  end

  defp classify_elixir do
    modules = for app <- @open, module <- Application.spec(app, :modules) || [], do: module
    configured = @current |> :persistent_term.get([]) |> classes() |> Enum.map(&elem(&1, 0))
    Core.Values.classify_plain(modules -- configured)
  end

  defp elixir?(module), do: Application.get_application(module) in @open

  @doc false
  # Structs that were met and are not known. Started by the collector, which calls no code but ours.
  def classify_waiting do
    _ = Core.Capture.ignore(self())
    Core.Values.waiting() |> Enum.each(&classify/1)
  after
    Core.Capture.unignore(self())
  end

  ## Classes

  defp class(module, options) do
    case List.keyfind(classes(options), module, 0) do
      {_, class} -> class
      nil -> found_out(module)
    end
  end

  # In a process of its own, and not for long: what `Inspect` and a schema say is code of other people.
  defp found_out(module) do
    {pid, monitor} =
      spawn_monitor(fn ->
        _ = Core.Capture.ignore(self())

        try do
          exit({:class, look(module)})
        after
          Core.Capture.unignore(self())
        end
      end)

    receive do
      {:DOWN, ^monitor, :process, ^pid, {:class, class}} -> class
      {:DOWN, ^monitor, :process, ^pid, _} -> {:all, :inspect}
    after
      @classify_ms ->
        Process.demonitor(monitor, [:flush])
        Process.exit(pid, :kill)
        {:all, :inspect}
    end
  end

  defp look(module) do
    if Code.ensure_loaded?(module) and function_exported?(module, :__struct__, 0) do
      struct = module.__struct__()
      declared = for field <- redacted_fields(module), do: {field, :schema}
      hidden = hidden(struct, Inspect.impl_for(struct))

      case {declared, hidden} do
        {[], []} -> :plain
        {_, :all} -> {:all, :inspect}
        _ -> Enum.uniq_by(declared ++ Enum.map(hidden, &{&1, :inspect}), &elem(&1, 0))
      end
    else
      # No module of this name, or no struct: a map that only looks like one.
      :plain
    end
  end

  defp redacted_fields(module) do
    if function_exported?(module, :__schema__, 1),
      do: for(field <- List.wrap(module.__schema__(:redact_fields)), is_atom(field), do: field),
      else: []
  end

  defp hidden(_struct, impl) when impl in [nil, Inspect.Any], do: []

  defp hidden(struct, impl) do
    if Application.get_application(impl) in @open, do: [], else: unseen(struct)
  end

  # What is shown of a struct is seen when every field holds something that nothing else holds.
  defp unseen(struct) do
    fields = Map.keys(struct) -- [:__struct__, :__exception__]
    marks = for {field, n} <- Enum.with_index(fields), do: {field, "scopemark#{n}x"}
    text = inspect(struct!(struct, marks), limit: :infinity, printable_limit: :infinity, safe: false)
    for {field, mark} <- marks, not String.contains?(text, mark), do: field
  rescue
    # An implementation that wants something special in its fields shows what it likes.
    _ -> :all
  end

  defp classes(options) do
    plain = for module <- Keyword.get(options, :plain_structs, []), do: {module, :plain}

    plain ++
      for struct <- Keyword.get(options, :structs, []) do
        case struct do
          {module, fields} -> {module, Enum.map(fields, &{&1, :struct})}
          module -> {module, {:all, :struct}}
        end
      end
  end

  ## Options

  defp parts(options), do: built_in(options, @parts) ++ Enum.map(options[:keys] || [], &to_string/1)
  defp wholes(options), do: built_in(options, @wholes) ++ Enum.map(options[:exact_keys] || [], &to_string/1)
  defp built_in(options, names), do: if(Keyword.get(options, :built_in, true), do: names, else: [])

  defp looks(options) do
    case Keyword.get(options, :looks, :all) do
      :all -> Enum.map(@looks, &Atom.to_string/1)
      looks -> Enum.map(looks, &Atom.to_string/1)
    end
  end

  defp patterns(options) do
    for pattern <- Keyword.get(options, :patterns, []) do
      if is_binary(pattern), do: pattern, else: Regex.source(pattern)
    end
  end

  defp default(:built_in), do: true
  defp default(:looks), do: :all
  defp default(_), do: []

  defp validate(options) do
    if Keyword.keyword?(options) do
      Enum.reduce_while(options, {:ok, options}, fn {key, value}, ok ->
        cond do
          key not in @options -> {:halt, unknown(key)}
          valid?(key, value) -> {:cont, ok}
          true -> {:halt, invalid("#{inspect(key)} cannot be #{Fault.show(value)}", expected(key))}
        end
      end)
    else
      invalid("options of redaction are a keyword list", nil)
    end
  end

  defp valid?(:built_in, value), do: is_boolean(value)
  defp valid?(:looks, :all), do: true
  defp valid?(:looks, looks), do: is_list(looks) and Enum.all?(looks, &(&1 in @looks))
  defp valid?(:patterns, all), do: is_list(all) and Enum.all?(all, &(is_binary(&1) or is_struct(&1, Regex)))
  defp valid?(:plain_structs, all), do: is_list(all) and Enum.all?(all, &is_atom/1)
  defp valid?(:structs, all), do: is_list(all) and Enum.all?(all, &struct_entry?/1)
  defp valid?(_keys, all), do: is_list(all) and Enum.all?(all, &(is_binary(&1) or is_atom(&1)))

  defp struct_entry?({module, fields}),
    do: is_atom(module) and is_list(fields) and Enum.all?(fields, &is_atom/1)

  defp struct_entry?(module), do: is_atom(module)

  defp expected(:looks), do: "it is :all or some of #{inspect(@looks)}"
  defp expected(:built_in), do: "it is true or false"
  defp expected(:structs), do: "it is a list of modules and of {module, [field]}"
  defp expected(:patterns), do: "it is a list of regular expressions"
  defp expected(_), do: "it is a list of names"

  defp unknown(key),
    do: invalid("#{inspect(key)} is no option of redaction", Suggest.hint(key, @options))

  defp invalid(message, hint), do: {:error, %Error{reason: :invalid_argument, message: message, hint: hint}}
end
