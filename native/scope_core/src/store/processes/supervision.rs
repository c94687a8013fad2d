//! The supervision tree as values: flat, each node with its parent.

use crate::atoms::{Atom, intern};
use crate::otp::{Basis, Node, Presence, ProcessKind, Site};
use crate::store::structs::word;
use crate::value::Value;

use super::{Processes, exact, record};

impl Processes {
    /// `%{applications:, nodes:, detached:, unattached:, truncated:}`; nodes are named by their place in `nodes`.
    pub fn supervision_value(&self) -> Value {
        let number = |n: u32| Value::Int(i64::from(n));
        let applications = self.tree.applications.iter().map(|one| {
            let mut fields = vec![
                ("name", one.name.map_or(Value::nil(), Value::Atom)),
                ("module", Value::Atom(one.module)),
                ("root", one.root.map_or(Value::nil(), number)),
            ];
            fields.extend(self.maybe_place(one.project));
            record(fields)
        });
        let unattached = self.tree.unattached.iter().map(|(site, module)| {
            let mut fields = self.place(*site);
            fields.push(("function", self.function(*site)));
            fields.push(("module", module.map_or(Value::nil(), Value::Atom)));
            record(fields)
        });
        record(vec![
            ("applications", Value::List(applications.collect())),
            (
                "nodes",
                Value::List(self.tree.nodes.iter().map(|one| self.node(one)).collect()),
            ),
            (
                "detached",
                Value::List(self.tree.detached.iter().map(|&one| number(one)).collect()),
            ),
            ("unattached", Value::List(unattached.collect())),
            ("truncated", Value::bool(self.tree.truncated)),
        ])
    }

    fn maybe_place(&self, site: Option<Site>) -> Vec<(&'static str, Value)> {
        match site {
            Some(site) => self.place(site),
            None => ["ast_node_id", "file", "line", "column"]
                .map(|name| (name, Value::nil()))
                .to_vec(),
        }
    }

    fn node(&self, node: &Node) -> Value {
        let maybe_int = |n: Option<i64>| n.map_or(Value::nil(), Value::Int);
        let maybe_atom = |atom: Option<Atom>| atom.map_or(Value::nil(), Value::Atom);
        let known = |shape: &Option<crate::otp::Shape>| {
            shape.as_ref().and_then(exact).unwrap_or_else(Value::nil)
        };
        let text = |shape: &Option<crate::otp::Shape>| match shape {
            Some(shape) => Value::text(&shape.text()),
            None => Value::nil(),
        };
        let start = node.start.map_or(Value::nil(), |(module, name, arity)| {
            Value::Tuple(vec![
                Value::Atom(module),
                Value::Atom(name),
                Value::Int(i64::from(arity)),
            ])
        });
        let restart = node.restart.filter(|_| node.parent.is_some());
        let mut fields = vec![
            (
                "parent",
                node.parent
                    .map_or(Value::nil(), |n| Value::Int(i64::from(n))),
            ),
            ("id", known(&node.id)),
            ("id_text", text(&node.id)),
            ("kind", word(node.kind.map_or("unknown", ProcessKind::text))),
            ("module", maybe_atom(node.module)),
            ("name", known(&node.name)),
            ("name_text", text(&node.name)),
            (
                "type",
                word(if node.is_supervisor {
                    "supervisor"
                } else {
                    "worker"
                }),
            ),
            ("start", start),
            ("restart", maybe_atom(restart)),
            ("shutdown", known(&node.shutdown)),
            ("strategy", maybe_atom(node.strategy)),
            ("max_restarts", maybe_int(node.max_restarts)),
            ("max_seconds", maybe_int(node.max_seconds)),
            (
                "presence",
                word(match (node.on_request, node.presence) {
                    (true, _) => "on_request",
                    (_, Presence::Always) => "always",
                    (_, Presence::Maybe) => "conditional",
                    (_, Presence::Many) => "dynamic",
                }),
            ),
            (
                "basis",
                word(match node.basis {
                    _ if node.parent.is_none() => "written",
                    Basis::Written => "written",
                    Basis::Assumed => "assumed",
                    Basis::Unknown => "unknown",
                }),
            ),
        ];
        fields.extend(self.maybe_place(node.spec_site.or(node.start_site)));
        let all = fields
            .into_iter()
            .map(|(name, value)| (intern(name), value));
        Value::record(all.collect())
    }
}
