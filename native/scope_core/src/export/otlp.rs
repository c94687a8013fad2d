//! OTLP/JSON: every activation that ended as a span, in the JSON mapping of OpenTelemetry's protocol.
//!
//! Attribute names are those of the semantic conventions for source code, the older ones too: collectors know either.

use std::fmt::Write;

use crate::error::Result;
use crate::export::about::About;
use crate::export::item::{Item, kind_name};
use crate::export::json;
use crate::export::replay::{Change, Replay};
use crate::export::{Exporter, Options, Pass, Sink, function_name};
use crate::ingest::EventKind;

pub struct Otlp {
    options: Options,
    replay: Replay,
    spans: u64,
    /// By process, the trace of its root, which goes on where the root ends with a tail call.
    traces: Vec<(u64, u64)>,
    jumped: Vec<bool>,
}

impl Otlp {
    pub fn new(options: Options) -> Self {
        Otlp {
            options,
            replay: Replay::default(),
            spans: 0,
            traces: Vec::new(),
            jumped: Vec::new(),
        }
    }

    /// A trace is what one root of a stack set off, with what it jumped to at its end.
    fn follow(&mut self, change: &Change) {
        let processes = self.replay.stacks.len();
        self.traces.resize(processes, (0, 0));
        self.jumped.resize(processes, false);
        match *change {
            Change::Opened { process, depth: 0 } => {
                let at = process as usize;
                let root = self.replay.frames(process)[0];
                if !std::mem::take(&mut self.jumped[at]) {
                    self.traces[at] = (root.opened, root.token);
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
        let trace = self.traces[process as usize];
        let mut text = String::from("{\"traceId\":\"");
        let _ = write!(
            text,
            "{:016x}{:016x}\",\"spanId\":\"{:016x}\"",
            trace.0, trace.1, frame.token
        );
        if let Some(below) = depth.checked_sub(1) {
            let _ = write!(text, ",\"parentSpanId\":\"{:016x}\"", frames[below].token);
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
    fn begin(&mut self, _about: &About, out: &mut Sink<'_>) -> Result<()> {
        out.text(
            "{\"resourceSpans\":[{\"scopeSpans\":[{\"scope\":{\"name\":\"elixir_scope\"},\"spans\":[",
        )
    }

    fn take(&mut self, item: &Item, out: &mut Sink<'_>) -> Result<()> {
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
