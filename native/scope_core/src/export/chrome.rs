//! Chrome's trace event format, as `chrome://tracing` and <https://ui.perfetto.dev> read it.
//!
//! A process of the BEAM is a thread of the trace: begin and end marks of its calls, which nest.

use std::fmt::Write;

use crate::error::Result;
use crate::export::about::About;
use crate::export::item::{Item, kind_name};
use crate::export::json;
use crate::export::nested::{Mark, close_all, marks};
use crate::export::replay::{Change, Replay};
use crate::export::{Exporter, Options, Pass, Sink, function_name};

/// The trace's own process: calls.
const CALLS: u32 = 1;
/// How many values a counter gets over the whole range.
const COUNTER_STEPS: u64 = 1000;

pub struct Chrome {
    options: Options,
    replay: Replay,
    named: usize,
    from_ns: u64,
    step_ns: u64,
    next_ns: u64,
    open: u64,
    last_ns: u64,
}

impl Chrome {
    pub fn new(options: Options) -> Self {
        Chrome {
            options,
            replay: Replay::default(),
            named: 0,
            from_ns: 0,
            step_ns: 1,
            next_ns: 0,
            open: 0,
            last_ns: 0,
        }
    }

    fn ts(&self, text: &mut String, at_ns: u64) {
        json::micros(text, at_ns.saturating_sub(self.from_ns));
    }

    fn mark(&self, process: u32, mark: &Mark) -> String {
        let mut text = String::from(",\n");
        let thread = process + 1;
        match mark {
            Mark::Begin { frame, at_ns } => {
                text.push_str("{\"ph\":\"B\",\"cat\":\"call\",\"name\":");
                json::string(&mut text, &function_name(&frame.point.function));
                let _ = write!(text, ",\"pid\":{CALLS},\"tid\":{thread},\"ts\":");
                self.ts(&mut text, *at_ns);
                let _ = write!(
                    text,
                    ",\"args\":{{\"correlation_id\":{},\"clause\":{},\"line\":{}}}}}",
                    frame.token, frame.point.clause, frame.point.line
                );
            }
            Mark::End {
                at_ns,
                kind,
                reason,
                ..
            } => {
                let _ = write!(
                    text,
                    "{{\"ph\":\"E\",\"pid\":{CALLS},\"tid\":{thread},\"ts\":"
                );
                self.ts(&mut text, *at_ns);
                text.push_str(",\"args\":{\"end\":");
                json::string(&mut text, kind.map_or("goes on", kind_name));
                if let Some(reason) = reason {
                    text.push_str(",\"reason\":");
                    json::string(&mut text, reason.text());
                }
                text.push_str("}}");
            }
        }
        text
    }

    /// A thread's name, when it is first met.
    fn name(&mut self, out: &mut Sink<'_>) -> Result<()> {
        while self.named < self.replay.stacks.len() {
            let stack = &self.replay.stacks[self.named];
            let name = match stack.local {
                true => (self.options.pid)(stack.word),
                false => format!("process {:x} of an earlier run", stack.word),
            };
            self.named += 1;
            let mut text = format!(
                ",\n{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{CALLS},\"tid\":{},\"args\":{{\"name\":",
                self.named
            );
            json::string(&mut text, &name);
            text.push_str("}}");
            out.text(&text)?;
        }
        Ok(())
    }

    fn count(&mut self, at_ns: u64, out: &mut Sink<'_>) -> Result<()> {
        if at_ns < self.next_ns {
            return Ok(());
        }
        self.next_ns = at_ns + self.step_ns;
        let mut text = format!(",\n{{\"ph\":\"C\",\"name\":\"open calls\",\"pid\":{CALLS},\"ts\":");
        self.ts(&mut text, at_ns);
        let _ = write!(text, ",\"args\":{{\"open\":{}}}}}", self.open);
        out.text(&text)
    }
}

impl Exporter for Chrome {
    fn begin(&mut self, about: &About, out: &mut Sink<'_>) -> Result<()> {
        self.from_ns = about.from_ns.unwrap_or(0);
        let span = about.to_ns.unwrap_or(0).saturating_sub(self.from_ns);
        self.step_ns = (span / COUNTER_STEPS).max(1);
        out.text(&format!(
            "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n\
             {{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{CALLS},\"args\":{{\"name\":\"calls\"}}}}"
        ))
    }

    fn take(&mut self, item: &Item, out: &mut Sink<'_>) -> Result<()> {
        let change = self.replay.take(item);
        self.name(out)?;
        match change {
            Change::Opened { .. } => self.open += 1,
            Change::Closed { .. } => self.open -= 1,
            Change::Unmatched | Change::Other { .. } => {}
        }
        self.last_ns = self.last_ns.max(item.at_ns);
        marks(&self.replay, &change, |process, mark| {
            out.text(&self.mark(process, &mark))
        })?;
        self.count(item.at_ns, out)
    }

    fn pass(&mut self, about: &About, out: &mut Sink<'_>) -> Result<Pass> {
        let open = self.replay.open();
        close_all(&self.replay, |process, mark| {
            out.text(&self.mark(process, &mark))
        })?;
        let mut text = String::from("\n],\"otherData\":");
        let mut pairs = about.pairs();
        pairs.push(("ends_without_beginning", self.replay.unmatched.to_string()));
        pairs.push(("calls_not_ended", open.to_string()));
        json::object(&mut text, &pairs);
        text.push_str("}\n");
        out.text(&text)?;
        Ok(Pass::Done)
    }
}
