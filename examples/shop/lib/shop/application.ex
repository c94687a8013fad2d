defmodule Shop.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args) do
    children = [
      {Registry, keys: :unique, name: Shop.CartRegistry},
      Shop.Catalog,
      Shop.Ledger,
      Shop.CartSupervisor,
      {Task.Supervisor, name: Shop.PaymentTasks}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
end
