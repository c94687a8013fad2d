//! OTLP/JSON: every activation that ended as a span, in the JSON mapping of OpenTelemetry's protocol.
//!
//! A trace goes on in another process where that is certain: what a message or a spawn began there has the span that sent it
//! for its parent, and a process that was started for one that died is linked to what died. For this the log is read twice.
//!
//! Attribute names are those of the semantic conventions for source code, the older ones too: collectors know either.

use std::fmt::Write;

use ahash::{AHashMap, AHashSet};

use crate::error::Result;
use crate::export::about::About;
use crate::export::item::{Item, kind_name};
use crate::export::joins::{Joined, Joins};
use crate::export::json;
use crate::export::replay::{Change, Replay};
use crate::export::{Exporter, Options, Pass, Sink, function_name};
use crate::ingest::EventKind;

/// Activations whose cause in another process is remembered: some 50 bytes each.
const CAUSES_MAX: usize = 1024 * 1024;
/// Links of one span.
const LINKS_MAX: usize = 16;

type Trace = (u64, u64);

pub struct Otlp {
    options: Options,
    replay: Replay,
    spans: u64,
    /// By process, the trace of its root, which goes on where the root ends with a tail call, and what caused it elsewhere.
    traces: Vec<(Trace, Option<u64>)>,
    jumped: Vec<bool>,
    /// The first reading, which finds what joins processes.
    joins: Option<Joins<()>>,
    parents: AHashMap<u64, u64>,
    links: AHashMap<u64, Vec<(u64, &'static str)>>,
    /// Activations that are named by others, and, once they have begun, their traces.
    wanted: AHashSet<u64>,
    trace_of: AHashMap<u64, Trace>,
    causes_left_out: u64,
}

impl Otlp {
    pub fn new(options: Options) -> Self {
        Otlp {
            options,
            replay: Replay::default(),
            spans: 0,
            traces: Vec::new(),
            jumped: Vec::new(),
            joins: None,
            parents: AHashMap::new(),
            links: AHashMap::new(),
            wanted: AHashSet::new(),
            trace_of: AHashMap::new(),
            causes_left_out: 0,
        }
    }

    fn join(&mut self, found: Vec<Joined<()>>) {
        for joined in found {
            match joined {
                Joined::Message {
                    kind: "message" | "call" | "cast" | "timer",
                    basis,
                    from,
                    to,
                    begins,
                } if basis.is_exact() => match begins {
                    true => self.parent(to.token, from.token),
                    false => self.link(to.token, from.token, "message"),
                },
                Joined::Spawn {
                    basis, from, first, ..
                } if basis.is_exact() => self.parent(first, from.token),
                Joined::Restart { dead, first } => self.link(first, dead, "restart"),
                _ => {}
            }
        }
    }

    fn has_room(&mut self, one: u64, other: u64) -> bool {
        let room = self.wanted.len() < CAUSES_MAX;
        self.causes_left_out += u64::from(!room);
        room && one != 0 && other != 0 && one != other
    }

    fn parent(&mut self, token: u64, parent: u64) {
        if self.has_room(token, parent) {
            self.parents.entry(token).or_insert(parent);
            self.wanted.insert(parent);
        }
    }

    fn link(&mut self, token: u64, to: u64, why: &'static str) {
        if self.has_room(token, to) {
            let links = self.links.entry(token).or_default();
            if links.len() < LINKS_MAX {
                links.push((to, why));
                self.wanted.insert(to);
            }
        }
    }

    /// A trace is what one root of a stack set off, with what it jumped to at its end, and what it caused elsewhere.
    fn follow(&mut self, change: &Change) {
        let processes = self.replay.stacks.len();
        self.traces.resize(processes, ((0, 0), None));
        self.jumped.resize(processes, false);
        match *change {
            Change::Opened { process, depth } => {
                let at = process as usize;
                let frame = self.replay.frames(process)[depth];
                if depth == 0 {
                    let jumped = std::mem::take(&mut self.jumped[at]);
                    let parent = self.parents.get(&frame.token).copied();
                    let cause =
                        parent.and_then(|parent| Some((*self.trace_of.get(&parent)?, parent)));
                    match cause {
                        Some((trace, parent)) => self.traces[at] = (trace, Some(parent)),
                        None if jumped => {}
                        None => self.traces[at] = ((frame.opened, frame.token), None),
                    }
                }
                if self.wanted.contains(&frame.token) {
                    self.trace_of.insert(frame.token, self.traces[at].0);
                }
            }
            Change::Closed {
                process,
                depth: 0,
                kind,
                ..
            } => self.jumped[process as usize] = kind == EventKind::Tail,
            _ => {}
        }
    }

    fn links(&self, text: &mut String, token: u64) {
        let links = self.links.get(&token).into_iter().flatten();
        let known = links.filter_map(|(to, why)| Some((self.trace_of.get(to)?, to, why)));
        let before = text.len();
        for (trace, to, why) in known {
            text.push_str(if text.len() == before {
                ",\"links\":["
            } else {
                ","
            });
            let _ = write!(
                text,
                "{{\"traceId\":\"{:016x}{:016x}\",\"spanId\":\"{to:016x}\",\"attributes\":[",
                trace.0, trace.1
            );
            attribute(text, "elixir_scope.link", "stringValue", |to| {
                json::string(to, why)
            });
            text.pop();
            text.push_str("]}");
        }
        if text.len() > before {
            text.push(']');
        }
    }

    fn span(&self, change: &Change) -> Option<String> {
        let Change::Closed {
            process,
            frame,
            depth,
            kind,
            at_ns,
            self_ns,
            reason,
            ..
        } = *change
        else {
            return None;
        };
        let frames = self.replay.frames(process);
        let (trace, cause) = self.traces[process as usize];
        let mut text = String::from("{\"traceId\":\"");
        let _ = write!(
            text,
            "{:016x}{:016x}\",\"spanId\":\"{:016x}\"",
            trace.0, trace.1, frame.token
        );
        let parent = depth.checked_sub(1).map(|below| frames[below].token);
        if let Some(parent) = parent.or(cause) {
            let _ = write!(text, ",\"parentSpanId\":\"{parent:016x}\"");
        }
        let function = frame.point.function;
        text.push_str(",\"name\":");
        json::string(&mut text, &function_name(&function));
        let _ = write!(
            text,
            ",\"kind\":1,\"startTimeUnixNano\":\"{}\",\"endTimeUnixNano\":\"{at_ns}\",\"attributes\":[",
            frame.began_ns
        );
        let name = function_name(&function);
        let place = (self.options.place)(&function);
        let stack = &self.replay.stacks[process as usize];
        let mut texts = vec![
            ("code.function.name", name),
            (
                "code.function",
                format!("{}/{}", function.name.text(), function.arity),
            ),
            (
                "code.namespace",
                function
                    .module
                    .text()
                    .trim_start_matches("Elixir.")
                    .to_owned(),
            ),
            ("elixir_scope.end", kind_name(kind).to_owned()),
        ];
        if stack.local {
            texts.push(("thread.name", (self.options.pid)(stack.word)));
        }
        if let Some(place) = place {
            texts.push(("code.file.path", place.file.clone()));
            texts.push(("code.filepath", place.file));
        }
        for (name, value) in &texts {
            attribute(&mut text, name, "stringValue", |to| json::string(to, value));
        }
        let numbers = [
            ("thread.id", u64::from(process) + 1),
            ("code.line.number", u64::from(frame.point.line)),
            ("code.lineno", u64::from(frame.point.line)),
            ("elixir_scope.clause", u64::from(frame.point.clause)),
            ("elixir_scope.correlation_id", frame.token),
            ("elixir_scope.self_ns", self_ns),
        ];
        for (name, value) in numbers {
            attribute(&mut text, name, "intValue", |to| {
                let _ = write!(to, "\"{value}\"");
            });
        }
        text.pop();
        text.push(']');
        self.links(&mut text, frame.token);
        self.status(&mut text, kind, reason.map(|reason| reason.text()), at_ns);
        text.push('}');
        Some(text)
    }

    fn status(&self, text: &mut String, kind: EventKind, reason: Option<&str>, at_ns: u64) {
        match kind {
            EventKind::Error | EventKind::Aborted => {
                let message = match kind {
                    EventKind::Aborted => "its process died",
                    _ => reason.unwrap_or("an exception, throw or exit"),
                };
                text.push_str(",\"status\":{\"code\":2,\"message\":");
                json::string(text, message);
                text.push('}');
                if kind == EventKind::Error {
                    let _ = write!(
                        text,
                        ",\"events\":[{{\"timeUnixNano\":\"{at_ns}\",\"name\":\"exception\",\"attributes\":["
                    );
                    let class = reason.unwrap_or("unknown");
                    let class = class.trim_start_matches("Elixir.");
                    attribute(text, "exception.type", "stringValue", |to| {
                        json::string(to, class);
                    });
                    text.pop();
                    text.push_str("]}]");
                }
            }
            EventKind::Return | EventKind::Tail => text.push_str(",\"status\":{\"code\":1}"),
            _ => text.push_str(",\"status\":{\"code\":0}"),
        }
    }
}

/// With a comma behind it.
fn attribute(text: &mut String, name: &str, kind: &str, value: impl FnOnce(&mut String)) {
    let _ = write!(text, "{{\"key\":\"{name}\",\"value\":{{\"{kind}\":");
    value(text);
    text.push_str("}},");
}

impl Exporter for Otlp {
    fn begin(&mut self, about: &About, out: &mut Sink<'_>) -> Result<()> {
        self.joins = about.joins.then(|| Joins::new(about.events_lost > 0));
        out.text(
            "{\"resourceSpans\":[{\"scopeSpans\":[{\"scope\":{\"name\":\"elixir_scope\"},\"spans\":[",
        )
    }

    fn take(&mut self, item: &Item, out: &mut Sink<'_>) -> Result<()> {
        if let Some(joins) = &mut self.joins {
            let found = joins.take(item, ())?;
            self.join(found);
            return Ok(());
        }
        let change = self.replay.take(item);
        self.follow(&change);
        if let Some(span) = self.span(&change) {
            out.text(if self.spans > 0 { ",\n" } else { "\n" })?;
            out.text(&span)?;
            self.spans += 1;
        }
        Ok(())
    }

    fn pass(&mut self, about: &About, out: &mut Sink<'_>) -> Result<Pass> {
        if let Some(mut joins) = self.joins.take() {
            let found = joins.finish()?;
            self.join(found);
            return Ok(Pass::Again);
        }
        let mut text = String::from("\n]}],\"resource\":{\"attributes\":[");
        let own = [
            ("service.name", about.title.clone()),
            ("telemetry.sdk.name", "elixir_scope".to_owned()),
            ("telemetry.sdk.language", "erlang".to_owned()),
        ];
        for (name, value) in &own {
            attribute(&mut text, name, "stringValue", |to| json::string(to, value));
        }
        let mut pairs = about.pairs();
        pairs.push(("ends_without_beginning", self.replay.unmatched.to_string()));
        pairs.push(("calls_not_ended", self.replay.open().to_string()));
        pairs.push(("causes_left_out", self.causes_left_out.to_string()));
        for (name, value) in &pairs {
            let name = format!("elixir_scope.{name}");
            attribute(&mut text, &name, "stringValue", |to| {
                json::string(to, value)
            });
        }
        text.pop();
        text.push_str("]}}]}\n");
        out.text(&text)?;
        Ok(Pass::Done)
    }
}
