//! Messages as values.

use ahash::AHashMap;

use crate::atoms::Atom;
use crate::otp::{Edge, Handler, Reason, Resolution, Send, Sent, Site, Taker};
use crate::source::Unit;
use crate::store::structs::{structure, word};
use crate::value::Value;

use super::{Processes, function_value, record};

fn certainty(certain: bool) -> Value {
    word(if certain { "certain" } else { "possible" })
}

fn resolution(of: Resolution) -> &'static str {
    match of {
        Resolution::Module => "module",
        Resolution::Name => "name",
        Resolution::Started => "started",
        Resolution::Own => "self",
        Resolution::Client => "client_function",
        Resolution::Topic => "topic",
        Resolution::Shape => "message",
    }
}

fn reason(of: Reason) -> &'static str {
    match of {
        Reason::DynamicTarget => "dynamic_target",
        Reason::UnknownName => "unknown_name",
        Reason::ExternalModule => "external_module",
        Reason::CallingProcess => "calling_process",
        Reason::Caller => "caller",
        Reason::NoSubscriber => "no_subscriber",
    }
}

impl Processes {
    fn send(&self, sent: &Sent) -> &Send {
        &self.unit(sent.unit).otp_facts().sends[sent.send as usize]
    }

    fn handler(&self, number: u32) -> (Site, &Handler) {
        let (unit, at) = self.flow.handlers[number as usize];
        let handler = &self.unit(unit).otp_facts().handlers[at as usize];
        let node = handler.node;
        (Site { unit, node }, handler)
    }

    fn sent_site(&self, sent: &Sent) -> Site {
        Site {
            unit: sent.unit,
            node: self.send(sent).node,
        }
    }

    /// The function of a handler, as `{module, name, arity}`.
    fn taker(&self, site: Site, handler: &Handler) -> Value {
        let unit = self.unit(site.unit);
        match handler.taker {
            Taker::Clause(clause) => function_value(unit, unit.clauses()[clause as usize].function),
            Taker::Receive(_) => self.function(site),
        }
    }

    /// `%MessageSend{}`.
    fn send_value(&self, sent: &Sent) -> Value {
        let send = self.send(sent);
        let site = self.sent_site(sent);
        let to = |edge: &Edge| {
            let (at, handler) = self.handler(edge.handler);
            let mut fields = self.place(at);
            fields.push(("function", self.taker(at, handler)));
            fields.push(("message", Value::text(&handler.pattern.text())));
            fields.push(("certainty", certainty(edge.certain)));
            record(fields)
        };
        let through = send.through.map_or(Value::nil(), |node| {
            Value::text(&self.unit(sent.unit).node_id(node))
        });
        let mut fields = self.place(site);
        fields.extend([
            ("function", self.function(site)),
            ("kind", word(send.kind.text())),
            ("by", Value::text(send.by)),
            ("message", Value::text(&send.message.text())),
            (
                "servers",
                Value::List(sent.servers.iter().map(|one| Value::Atom(*one)).collect()),
            ),
            (
                "resolution",
                sent.resolution
                    .map_or(Value::nil(), |one| word(resolution(one))),
            ),
            (
                "unresolved",
                sent.reason.map_or(Value::nil(), |one| word(reason(one))),
            ),
            ("unhandled", Value::bool(sent.unhandled)),
            ("handled_by", Value::List(sent.to.iter().map(to).collect())),
            ("through", through),
            ("by_runtime", Value::bool(send.by_runtime)),
        ]);
        structure("ElixirScope.ASTRepository.MessageSend", fields)
    }

    /// `%MessageReceive{}`.
    pub(super) fn receive_value(&self, number: u32) -> Value {
        let (site, handler) = self.handler(number);
        let from = |(one, certain): &(u32, bool)| {
            let sent = &self.flow.sent[*one as usize];
            let site = self.sent_site(sent);
            let mut fields = self.place(site);
            fields.push(("function", self.function(site)));
            fields.push(("by", Value::text(self.send(sent).by)));
            fields.push(("certainty", certainty(*certain)));
            record(fields)
        };
        let incoming = &self.flow.incoming[number as usize];
        let mut fields = self.place(site);
        fields.extend([
            ("function", self.taker(site, handler)),
            ("kind", word(handler.kind.text())),
            ("message", Value::text(&handler.pattern.text())),
            ("guarded", Value::bool(handler.guarded)),
            ("catch_all", Value::bool(handler.is_catch_all())),
            (
                "in_receive",
                Value::bool(matches!(handler.taker, Taker::Receive(_))),
            ),
            ("senders", Value::List(incoming.iter().map(from).collect())),
        ]);
        structure("ElixirScope.ASTRepository.MessageReceive", fields)
    }

    /// `%MessageFlow{}` for each edge that begins or ends in a module.
    pub fn module_flows(&self, module: Atom) -> Value {
        let mut all = Vec::new();
        for sent in self.sent_around(module) {
            let from = self.sent_site(sent);
            let sender = self.module_at(from);
            let send = self.send(sent);
            for edge in &sent.to {
                let (to, handler) = self.handler(edge.handler);
                let unit = self.unit(to.unit);
                let receiver = unit.modules()[handler.module as usize].name;
                if sender != Some(module) && receiver != module {
                    continue;
                }
                all.push(structure(
                    "ElixirScope.ASTRepository.MessageFlow",
                    vec![
                        ("kind", word(send.kind.text())),
                        ("by", Value::text(send.by)),
                        ("message", Value::text(&send.message.text())),
                        ("from", self.function(from)),
                        (
                            "from_node",
                            Value::text(&self.unit(from.unit).node_id(from.node)),
                        ),
                        ("to", self.taker(to, handler)),
                        ("to_node", Value::text(&unit.node_id(to.node))),
                        ("to_message", Value::text(&handler.pattern.text())),
                        ("certainty", certainty(edge.certain)),
                        (
                            "resolution",
                            sent.resolution
                                .map_or(Value::nil(), |one| word(resolution(one))),
                        ),
                        ("by_runtime", Value::bool(send.by_runtime)),
                    ],
                ));
            }
        }
        Value::List(all)
    }

    fn module_at(&self, site: Site) -> Option<Atom> {
        let unit = self.unit(site.unit);
        let module = unit.module_of(site.node)?;
        Some(unit.modules()[module as usize].name)
    }

    /// Finds what each module has to do with.
    pub(super) fn index(&mut self) {
        let (mut sent, mut taken) = (AHashMap::new(), AHashMap::new());
        for (one, number) in self.flow.sent.iter().zip(0u32..) {
            let sender = self.module_at(self.sent_site(one));
            let receivers = one
                .to
                .iter()
                .map(|edge| self.module_of_handler(edge.handler));
            for module in sender.into_iter().chain(receivers) {
                let all: &mut Vec<u32> = sent.entry(module).or_default();
                if all.last() != Some(&number) {
                    all.push(number);
                }
            }
        }
        for number in 0..self.flow.handlers.len() as u32 {
            let module = self.module_of_handler(number);
            let all: &mut Vec<u32> = taken.entry(module).or_default();
            all.push(number);
        }
        self.sent_by_module = sent;
        self.taken_by_module = taken;
    }

    fn module_of_handler(&self, number: u32) -> Atom {
        let (site, handler) = self.handler(number);
        self.unit(site.unit).modules()[handler.module as usize].name
    }

    /// What a function sends. The function is a number of its unit.
    pub fn sends_of(&self, unit: &Unit, function: u32) -> Value {
        let Some(number) = self.number_of(unit) else {
            return Value::nil();
        };
        let clauses = &unit.functions()[function as usize].clauses;
        let all = &self.flow.sent;
        let first = all.partition_point(|one| one.unit < number);
        let own = all[first..].iter().take_while(|one| one.unit == number);
        let own = own.filter(|one| {
            let clause = unit.clause_of(self.send(one).node);
            clause.is_some_and(|clause| clauses.contains(&clause))
        });
        Value::List(own.map(|one| self.send_value(one)).collect())
    }

    /// What a function takes: as a callback, and where it waits.
    pub fn receives_of(&self, unit: &Unit, function: u32) -> Value {
        let Some(number) = self.number_of(unit) else {
            return Value::nil();
        };
        let clauses = &unit.functions()[function as usize].clauses;
        let all = &self.flow.handlers;
        let first = all.partition_point(|one| one.0 < number);
        let end = all.partition_point(|one| one.0 <= number);
        let own = (first as u32..end as u32).filter(|&one| match self.handler(one).1.taker {
            Taker::Clause(clause) | Taker::Receive(Some(clause)) => clauses.contains(&clause),
            Taker::Receive(None) => false,
        });
        Value::List(own.map(|one| self.receive_value(one)).collect())
    }

    /// Everything: `%{sends:, receives:, unsent:}`; `unsent` are handlers that nothing in the project sends to.
    pub fn messages_value(&self) -> Value {
        let project = self.project();
        let unsent = self.flow.unsent(&project);
        let unsent = unsent.map(|one| {
            let (site, _) = self.handler(one);
            Value::text(&self.unit(site.unit).node_id(site.node))
        });
        let receives = 0..self.flow.handlers.len() as u32;
        record(vec![
            (
                "sends",
                Value::List(
                    self.flow
                        .sent
                        .iter()
                        .map(|one| self.send_value(one))
                        .collect(),
                ),
            ),
            (
                "receives",
                Value::List(receives.map(|one| self.receive_value(one)).collect()),
            ),
            ("unsent", Value::List(unsent.collect())),
        ])
    }

    pub(super) fn handlers_of(&self, module: Atom) -> &[u32] {
        self.taken_by_module.get(&module).map_or(&[], Vec::as_slice)
    }

    fn sent_around(&self, module: Atom) -> impl Iterator<Item = &Sent> {
        let numbers = self
            .sent_by_module
            .get(&module)
            .map_or(&[][..], Vec::as_slice);
        numbers
            .iter()
            .map(|&number| &self.flow.sent[number as usize])
    }

    /// Functions of a module that send to processes of that module.
    pub(super) fn clients_of(&self, module: Atom) -> Vec<Value> {
        let own = self.sent_around(module).filter(|sent| {
            let send = self.send(sent);
            !send.by_runtime
                && sent.resolution != Some(Resolution::Own)
                && sent.servers.contains(&module)
                && self.module_at(self.sent_site(sent)) == Some(module)
        });
        let client = |sent: &Sent| {
            let send = self.send(sent);
            let site = self.sent_site(sent);
            let mut fields = self.place(site);
            fields.push(("function", self.function(site)));
            fields.push(("kind", word(send.kind.text())));
            fields.push(("message", Value::text(&send.message.text())));
            record(fields)
        };
        own.map(client).collect()
    }
}
