//! Functions that send, and what makes the VM send.

use crate::ast::NodeIx;
use crate::atoms::intern;
use crate::otp::message::{MessageKind, Send, Subscription, Target};
use crate::otp::senders::{To, sender};
use crate::otp::shape::{Shape, Type};

use super::calls::{Argument, Known};
use super::{Eval, Frame};

impl Eval<'_> {
    pub(super) fn sending(
        &mut self,
        frame: &mut Frame,
        ix: NodeIx,
        module: &str,
        name: &str,
        args: &[Argument],
    ) -> Known {
        if let Some(row) = sender(module, name, args.len()) {
            let place = |at: usize| args.get(at).map_or(Shape::Any, |one| one.shape.clone());
            let mut message = place(row.message);
            let target = match row.to {
                To::Argument(at) => Target::Server(place(at)),
                To::Topic(at) => Target::Topic(place(at)),
                To::Own if frame.own => Target::Server(Shape::Own),
                To::Own => Target::Server(Shape::Of(Type::Pid)),
                To::Caller => Target::Caller,
            };
            if name == "start_timer" {
                let timeout = Shape::Atom(intern("timeout"));
                message = Shape::tuple(vec![timeout, Shape::Of(Type::Reference), message]);
            }
            self.record(ix, row.kind, row.text, target, message, false);
            if row.kind == MessageKind::Agent {
                self.elsewhere(frame, args);
                return Known::Done(Shape::Any);
            }
            return Known::Value(match name {
                "send" => place(row.message),
                _ => Shape::Any,
            });
        }
        self.caused(frame, ix, module, name, args)
    }

    /// What makes the VM send to this process, and subscriptions.
    fn caused(
        &mut self,
        frame: &mut Frame,
        ix: NodeIx,
        module: &str,
        name: &str,
        args: &[Argument],
    ) -> Known {
        let place = |at: usize| args.get(at).map_or(Shape::Any, |one| one.shape.clone());
        let atom = |text: &str| Shape::Atom(intern(text));
        let reference = || Shape::Of(Type::Reference);
        // `Process.monitor(pid, tag: term)`, `:erlang.monitor(:process, pid, tag: term)`.
        let tag = || args.last().and_then(|options| options.shape.get("tag"));
        let down = || {
            let process = atom("process");
            Shape::tuple(vec![
                tag().unwrap_or_else(|| atom("DOWN")),
                reference(),
                process,
                Shape::Any,
                Shape::Any,
            ])
        };
        match (module, name, args.len()) {
            ("Elixir.Process", "monitor", 1 | 2) => {
                self.expect(frame, ix, "Process.monitor", down());
                Known::Value(reference())
            }
            ("erlang", "monitor", 2 | 3) => {
                self.expect(frame, ix, ":erlang.monitor", down());
                Known::Value(reference())
            }
            ("Elixir.Process", "flag", 2)
                if place(0) == atom("trap_exit") && !place(1).is_falsy() =>
            {
                let exit = Shape::tuple(vec![atom("EXIT"), Shape::Any, Shape::Any]);
                self.expect(frame, ix, "Process.flag", exit);
                Known::No
            }
            ("net_kernel", "monitor_nodes", _) => {
                for (tag, size) in [
                    ("nodeup", 2),
                    ("nodedown", 2),
                    ("nodeup", 3),
                    ("nodedown", 3),
                ] {
                    let wanted = if args.len() == 1 { 2 } else { 3 };
                    if size == wanted {
                        let mut items = vec![Shape::Any; size];
                        items[0] = atom(tag);
                        self.expect(frame, ix, ":net_kernel.monitor_nodes", Shape::tuple(items));
                    }
                }
                Known::No
            }
            ("Elixir.Port", "open", 2) | ("erlang", "open_port", 2) => {
                let message = Shape::tuple(vec![Shape::Of(Type::Port), Shape::Any]);
                self.expect(frame, ix, "Port.open", message);
                Known::Value(Shape::Of(Type::Port))
            }
            ("Elixir.Task" | "Elixir.Task.Supervisor", "async" | "async_nolink", _) => {
                let result = Shape::tuple(vec![reference(), Shape::Any]);
                let by = if module == "Elixir.Task" {
                    "Task.async"
                } else {
                    "Task.Supervisor.async"
                };
                self.expect(frame, ix, by, result);
                if name == "async_nolink" {
                    self.expect(frame, ix, by, down());
                }
                self.elsewhere(frame, args);
                let task = intern("Elixir.Task");
                Known::Done(Shape::map(Some(task), Vec::new(), true))
            }
            ("Elixir.Task" | "Elixir.Task.Supervisor", _, _)
                if name.starts_with("async") || name.starts_with("start") =>
            {
                self.elsewhere(frame, args);
                Known::Done(Shape::Any)
            }
            ("Elixir.Kernel" | "erlang", "spawn_monitor", _) => {
                self.expect(frame, ix, "spawn_monitor", down());
                self.elsewhere(frame, args);
                Known::Done(Shape::tuple(vec![Shape::Of(Type::Pid), reference()]))
            }
            ("Elixir.Process" | "Elixir.GenServer", "whereis", 1) => Known::Value(place(0)),
            ("global", "whereis_name", 1) => {
                Known::Value(Shape::tuple(vec![atom("global"), place(0)]))
            }
            ("Elixir.Phoenix.PubSub", "subscribe", 2 | 3) => self.subscribe(ix, place(1)),
            _ if module.ends_with(".Endpoint") => self.endpoint(ix, name, args),
            _ => Known::No,
        }
    }

    /// `MyAppWeb.Endpoint.broadcast(topic, event, payload)`.
    fn endpoint(&mut self, ix: NodeIx, name: &str, args: &[Argument]) -> Known {
        let place = |at: usize| args.get(at).map_or(Shape::Any, |one| one.shape.clone());
        let first = match (name, args.len()) {
            ("subscribe", 1 | 2) => return self.subscribe(ix, place(0)),
            ("broadcast" | "broadcast!" | "local_broadcast", 3) => 0,
            ("broadcast_from" | "broadcast_from!" | "local_broadcast_from", 4) => 1,
            _ => return Known::No,
        };
        let parts = ["topic", "event", "payload"];
        let entries = parts.iter().zip(first..);
        let entries = entries.map(|(key, at)| (Shape::Atom(intern(key)), place(at)));
        let name = intern("Elixir.Phoenix.Socket.Broadcast");
        let message = Shape::map(Some(name), entries.collect(), false);
        let target = Target::Topic(place(first));
        self.record(
            ix,
            MessageKind::Info,
            "Endpoint.broadcast",
            target,
            message,
            false,
        );
        Known::Value(Shape::Atom(intern("ok")))
    }

    fn subscribe(&mut self, ix: NodeIx, topic: Shape) -> Known {
        let node = self.through.unwrap_or(ix);
        self.subscriptions.push(Subscription { node, topic });
        Known::Value(Shape::Atom(intern("ok")))
    }

    fn expect(&mut self, frame: &Frame, ix: NodeIx, by: &'static str, message: Shape) {
        if frame.own {
            let target = Target::Server(Shape::Own);
            self.record(ix, MessageKind::Info, by, target, message, true);
        }
    }

    fn record(
        &mut self,
        ix: NodeIx,
        kind: MessageKind,
        by: &'static str,
        target: Target,
        message: Shape,
        by_runtime: bool,
    ) {
        let through = self.through.map(|_| ix);
        let node = self.through.unwrap_or(ix);
        let Some(sends) = &mut self.sends else {
            return;
        };
        let same = |one: &&mut Send| {
            one.node == node && one.through == through && one.kind == kind && one.target == target
        };
        if let Some(known) = sends.iter_mut().find(same) {
            // The same place with another value: in a loop, or in a function that was read again.
            if !by_runtime || known.message == message {
                known.message = std::mem::replace(&mut known.message, Shape::Any).or(message);
                return;
            }
        }
        sends.push(Send {
            node,
            through,
            kind,
            by,
            target,
            message,
            by_runtime,
        });
    }
}
