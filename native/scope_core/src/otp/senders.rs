//! The functions that send, as a table.

use super::message::MessageKind;

/// Which argument says to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum To {
    Argument(usize),
    Topic(usize),
    /// The process itself.
    Own,
    /// Whoever waits for the reply.
    Caller,
}

pub(super) struct Sender {
    /// As people write it.
    pub(super) text: &'static str,
    module: &'static str,
    name: &'static str,
    arity: usize,
    pub(super) kind: MessageKind,
    pub(super) to: To,
    /// The argument that is the message.
    pub(super) message: usize,
}

const fn row(
    text: &'static str,
    module: &'static str,
    name: &'static str,
    arity: usize,
    kind: MessageKind,
    to: To,
    message: usize,
) -> Sender {
    Sender {
        text,
        module,
        name,
        arity,
        kind,
        to,
        message,
    }
}

use MessageKind::{Agent, Call, Cast, Info, Reply};
use To::{Argument, Caller, Own, Topic};

const GEN: &str = "Elixir.GenServer";
const ERL: &str = "gen_server";
const STM: &str = "gen_statem";
const GSM: &str = "Elixir.GenStateMachine";
const GST: &str = "Elixir.GenStage";
const PUB: &str = "Elixir.Phoenix.PubSub";
const AGT: &str = "Elixir.Agent";
const PRC: &str = "Elixir.Process";

/// From the documentation of each module.
const SENDERS: &[Sender] = &[
    row("GenServer.call", GEN, "call", 2, Call, Argument(0), 1),
    row("GenServer.call", GEN, "call", 3, Call, Argument(0), 1),
    row("GenServer.cast", GEN, "cast", 2, Cast, Argument(0), 1),
    row(
        "GenServer.multi_call",
        GEN,
        "multi_call",
        2,
        Call,
        Argument(0),
        1,
    ),
    row(
        "GenServer.multi_call",
        GEN,
        "multi_call",
        3,
        Call,
        Argument(1),
        2,
    ),
    row(
        "GenServer.multi_call",
        GEN,
        "multi_call",
        4,
        Call,
        Argument(1),
        2,
    ),
    row("GenServer.abcast", GEN, "abcast", 2, Cast, Argument(0), 1),
    row("GenServer.abcast", GEN, "abcast", 3, Cast, Argument(1), 2),
    row("GenServer.reply", GEN, "reply", 2, Reply, Caller, 1),
    row(":gen_server.call", ERL, "call", 2, Call, Argument(0), 1),
    row(":gen_server.call", ERL, "call", 3, Call, Argument(0), 1),
    row(":gen_server.cast", ERL, "cast", 2, Cast, Argument(0), 1),
    row(
        ":gen_server.send_request",
        ERL,
        "send_request",
        2,
        Call,
        Argument(0),
        1,
    ),
    row(
        ":gen_server.send_request",
        ERL,
        "send_request",
        4,
        Call,
        Argument(0),
        1,
    ),
    row(
        ":gen_server.multi_call",
        ERL,
        "multi_call",
        2,
        Call,
        Argument(0),
        1,
    ),
    row(
        ":gen_server.multi_call",
        ERL,
        "multi_call",
        3,
        Call,
        Argument(1),
        2,
    ),
    row(":gen_server.abcast", ERL, "abcast", 2, Cast, Argument(0), 1),
    row(":gen_server.abcast", ERL, "abcast", 3, Cast, Argument(1), 2),
    row(":gen_server.reply", ERL, "reply", 2, Reply, Caller, 1),
    row(":gen_statem.call", STM, "call", 2, Call, Argument(0), 1),
    row(":gen_statem.call", STM, "call", 3, Call, Argument(0), 1),
    row(":gen_statem.cast", STM, "cast", 2, Cast, Argument(0), 1),
    row(
        ":gen_statem.send_request",
        STM,
        "send_request",
        2,
        Call,
        Argument(0),
        1,
    ),
    row(":gen_statem.reply", STM, "reply", 2, Reply, Caller, 1),
    row("GenStateMachine.call", GSM, "call", 2, Call, Argument(0), 1),
    row("GenStateMachine.call", GSM, "call", 3, Call, Argument(0), 1),
    row("GenStateMachine.cast", GSM, "cast", 2, Cast, Argument(0), 1),
    row("GenStateMachine.reply", GSM, "reply", 2, Reply, Caller, 1),
    row("GenStage.call", GST, "call", 2, Call, Argument(0), 1),
    row("GenStage.call", GST, "call", 3, Call, Argument(0), 1),
    row("GenStage.cast", GST, "cast", 2, Cast, Argument(0), 1),
    row(
        "GenStage.sync_info",
        GST,
        "sync_info",
        2,
        Info,
        Argument(0),
        1,
    ),
    row(
        "GenStage.sync_info",
        GST,
        "sync_info",
        3,
        Info,
        Argument(0),
        1,
    ),
    row(
        "GenStage.async_info",
        GST,
        "async_info",
        2,
        Info,
        Argument(0),
        1,
    ),
    row("GenStage.reply", GST, "reply", 2, Reply, Caller, 1),
    row(
        "Postgrex.SimpleConnection.call",
        "Elixir.Postgrex.SimpleConnection",
        "call",
        2,
        Call,
        Argument(0),
        1,
    ),
    row(
        "Postgrex.SimpleConnection.call",
        "Elixir.Postgrex.SimpleConnection",
        "call",
        3,
        Call,
        Argument(0),
        1,
    ),
    row("send", "Elixir.Kernel", "send", 2, Info, Argument(0), 1),
    row("Process.send", PRC, "send", 3, Info, Argument(0), 1),
    row(
        "Process.send_after",
        PRC,
        "send_after",
        3,
        Info,
        Argument(0),
        1,
    ),
    row(
        "Process.send_after",
        PRC,
        "send_after",
        4,
        Info,
        Argument(0),
        1,
    ),
    row(":erlang.send", "erlang", "send", 2, Info, Argument(0), 1),
    row(":erlang.send", "erlang", "send", 3, Info, Argument(0), 1),
    row(
        ":erlang.send_nosuspend",
        "erlang",
        "send_nosuspend",
        2,
        Info,
        Argument(0),
        1,
    ),
    row(
        ":erlang.send_after",
        "erlang",
        "send_after",
        3,
        Info,
        Argument(1),
        2,
    ),
    row(
        ":erlang.send_after",
        "erlang",
        "send_after",
        4,
        Info,
        Argument(1),
        2,
    ),
    row(
        ":erlang.start_timer",
        "erlang",
        "start_timer",
        3,
        Info,
        Argument(1),
        2,
    ),
    row(
        ":erlang.start_timer",
        "erlang",
        "start_timer",
        4,
        Info,
        Argument(1),
        2,
    ),
    row(
        ":timer.send_interval",
        "timer",
        "send_interval",
        2,
        Info,
        Own,
        1,
    ),
    row(
        ":timer.send_interval",
        "timer",
        "send_interval",
        3,
        Info,
        Argument(1),
        2,
    ),
    row(":timer.send_after", "timer", "send_after", 2, Info, Own, 1),
    row(
        ":timer.send_after",
        "timer",
        "send_after",
        3,
        Info,
        Argument(1),
        2,
    ),
    row("Agent.get", AGT, "get", 2, Agent, Argument(0), 1),
    row("Agent.get", AGT, "get", 3, Agent, Argument(0), 1),
    row("Agent.get", AGT, "get", 4, Agent, Argument(0), 1),
    row("Agent.update", AGT, "update", 2, Agent, Argument(0), 1),
    row("Agent.update", AGT, "update", 3, Agent, Argument(0), 1),
    row("Agent.update", AGT, "update", 4, Agent, Argument(0), 1),
    row(
        "Agent.get_and_update",
        AGT,
        "get_and_update",
        2,
        Agent,
        Argument(0),
        1,
    ),
    row(
        "Agent.get_and_update",
        AGT,
        "get_and_update",
        3,
        Agent,
        Argument(0),
        1,
    ),
    row(
        "Agent.get_and_update",
        AGT,
        "get_and_update",
        4,
        Agent,
        Argument(0),
        1,
    ),
    row("Agent.cast", AGT, "cast", 2, Agent, Argument(0), 1),
    row("Agent.cast", AGT, "cast", 4, Agent, Argument(0), 1),
    row(
        "Phoenix.PubSub.broadcast",
        PUB,
        "broadcast",
        3,
        Info,
        Topic(1),
        2,
    ),
    row(
        "Phoenix.PubSub.broadcast",
        PUB,
        "broadcast",
        4,
        Info,
        Topic(1),
        2,
    ),
    row(
        "Phoenix.PubSub.broadcast!",
        PUB,
        "broadcast!",
        3,
        Info,
        Topic(1),
        2,
    ),
    row(
        "Phoenix.PubSub.broadcast!",
        PUB,
        "broadcast!",
        4,
        Info,
        Topic(1),
        2,
    ),
    row(
        "Phoenix.PubSub.broadcast_from",
        PUB,
        "broadcast_from",
        4,
        Info,
        Topic(2),
        3,
    ),
    row(
        "Phoenix.PubSub.broadcast_from!",
        PUB,
        "broadcast_from!",
        4,
        Info,
        Topic(2),
        3,
    ),
    row(
        "Phoenix.PubSub.local_broadcast",
        PUB,
        "local_broadcast",
        3,
        Info,
        Topic(1),
        2,
    ),
    row(
        "Phoenix.PubSub.local_broadcast_from",
        PUB,
        "local_broadcast_from",
        4,
        Info,
        Topic(2),
        3,
    ),
    row(
        "Phoenix.PubSub.direct_broadcast",
        PUB,
        "direct_broadcast",
        4,
        Info,
        Topic(2),
        3,
    ),
    row(
        "Phoenix.PubSub.direct_broadcast!",
        PUB,
        "direct_broadcast!",
        4,
        Info,
        Topic(2),
        3,
    ),
];

pub(super) fn sender(module: &str, name: &str, arity: usize) -> Option<&'static Sender> {
    // `Process.send/2` does not exist, and an unqualified `send` may stand as local.
    SENDERS
        .iter()
        .find(|one| one.name == name && one.arity == arity && one.module == module)
}

/// What else makes a clause worth reading: functions that start processes, subscribe, monitor.
pub(super) fn is_of_interest(module: &str, name: &str, arity: usize) -> bool {
    match module {
        "Elixir.Kernel" => matches!(name, "send" | "spawn" | "spawn_link" | "spawn_monitor"),
        "Elixir.Process" => matches!(name, "monitor" | "flag" | "send" | "send_after"),
        "erlang" => {
            matches!(name, "monitor" | "open_port") || sender(module, name, arity).is_some()
        }
        "net_kernel" => name == "monitor_nodes",
        "Elixir.Port" => name == "open",
        "Elixir.Task" | "Elixir.Task.Supervisor" => {
            name.starts_with("async") || name.starts_with("start")
        }
        "Elixir.Phoenix.PubSub" => true,
        "Elixir.GenServer"
        | "Elixir.GenStage"
        | "Elixir.Agent"
        | "Elixir.Supervisor"
        | "Elixir.DynamicSupervisor"
        | "Elixir.ConsumerSupervisor"
        | "gen_server"
        | "gen_statem"
        | "supervisor"
        | "Elixir.Postgrex.SimpleConnection"
        | "Elixir.GenStateMachine"
        | "timer" => true,
        _ => {
            module.ends_with(".Endpoint")
                && (name.starts_with("broadcast") || name.starts_with("subscribe"))
                || matches!(
                    name,
                    "start_link" | "start_supervised" | "start_supervised!"
                )
        }
    }
}
