//! Chrome's trace event format, as `chrome://tracing` and <https://ui.perfetto.dev> read it.
//!
//! A process of the BEAM is a thread of the trace: begin and end marks of its calls, which nest. What one process caused in another
//! is a flow from one slice to another. Scheduling and garbage collection are processes of the trace of their own, with the same threads.

use std::fmt::Write;

use crate::error::Result;
use crate::export::about::About;
use crate::export::item::{Item, kind_name};
use crate::export::joins::{Joined, Joins, Side};
use crate::export::json;
use crate::export::nested::{Mark, close_all, marks};
use crate::export::replay::{Change, Replay};
use crate::export::{Exporter, Options, Pass, Sink, function_name};
use crate::ingest::EventKind;
use crate::temporal::Basis;

/// The trace's own process: calls.
const CALLS: u32 = 1;
const SCHEDULING: u32 = 2;
const COLLECTIONS: u32 = 3;
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
    joins: Option<Joins<Note>>,
    flows: u64,
    /// By process, since when it has a scheduler, and since when it collects garbage; and on which tracks it was named.
    running: Vec<Option<u64>>,
    collecting: Vec<Option<(u64, u64)>>,
    tracks: Vec<[bool; 4]>,
    shown: [bool; 4],
}

/// Of an event: its thread, and whether a call was open in it.
#[derive(Clone, Copy, Debug)]
struct Note {
    thread: u32,
    within: bool,
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
            joins: None,
            flows: 0,
            running: Vec::new(),
            collecting: Vec::new(),
            tracks: Vec::new(),
            shown: [false; 4],
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
            let text = self.thread_name(self.named, CALLS);
            self.named += 1;
            out.text(&text)?;
        }
        Ok(())
    }

    // What joins processes

    fn flows(&mut self, found: Vec<Joined<Note>>, out: &mut Sink<'_>) -> Result<()> {
        for joined in found {
            match joined {
                Joined::Message {
                    kind,
                    basis,
                    from,
                    to,
                    ..
                } => self.flow("message", kind, basis, (from, to), out)?,
                Joined::Spawn {
                    basis, from, to, ..
                } => self.flow("spawn", "spawn", basis, (from, to), out)?,
                Joined::Restart { .. } => {}
            }
        }
        Ok(())
    }

    fn flow(
        &mut self,
        category: &str,
        name: &str,
        basis: Basis,
        (from, to): (Side<Note>, Side<Note>),
        out: &mut Sink<'_>,
    ) -> Result<()> {
        self.flows += 1;
        let certainty = if basis.is_exact() {
            "exact"
        } else {
            "inferred"
        };
        let mut text = String::new();
        for (phase, side) in [("s", from), ("f\",\"bp\":\"e", to)] {
            let thread = side.note.thread;
            // A flow goes from slice to slice: what code without probes did gets a slice of a nanosecond.
            if !side.note.within {
                let _ = write!(
                    text,
                    ",\n{{\"ph\":\"X\",\"cat\":\"{category}\",\"name\":\"{name}\",\"pid\":{CALLS},\"tid\":{thread},\"dur\":0.001,\"ts\":"
                );
                self.ts(&mut text, side.at_ns);
                text.push('}');
            }
            let _ = write!(
                text,
                ",\n{{\"ph\":\"{phase}\",\"cat\":\"{category}\",\"name\":\"{name}\",\"id\":{},\"pid\":{CALLS},\"tid\":{thread},\"ts\":",
                self.flows
            );
            self.ts(&mut text, side.at_ns);
            let _ = write!(
                text,
                ",\"args\":{{\"certainty\":\"{certainty}\",\"basis\":\"{}\"}}}}",
                basis.name()
            );
        }
        out.text(&text)
    }

    // What the VM did with processes

    fn vm(&mut self, process: u32, item: &Item, out: &mut Sink<'_>) -> Result<()> {
        let at = process as usize;
        let processes = self.replay.stacks.len();
        self.running.resize(processes, None);
        self.collecting.resize(processes, None);
        match item.kind {
            EventKind::ScheduledIn => self.running[at] = Some(item.at_ns),
            EventKind::ScheduledOut => {
                if let Some(since) = self.running[at].take() {
                    self.span(process, SCHEDULING, "running", (since, item.at_ns), "", out)?;
                }
            }
            EventKind::GcBegin => {
                let words = item.collection().map_or(0, |sizes| sizes.0 + sizes.1);
                self.collecting[at] = Some((item.at_ns, words));
            }
            EventKind::GcEnd => {
                if let (Some((since, before)), Some((young, old, minor))) =
                    (self.collecting[at].take(), item.collection())
                {
                    let name = if minor { "minor" } else { "major" };
                    let after = young + old;
                    let words = format!("\"words_before\":{before},\"words_after\":{after}");
                    self.span(process, COLLECTIONS, name, (since, item.at_ns), &words, out)?;
                }
            }
            EventKind::ProcessExit => {
                let mut text = format!(
                    ",\n{{\"ph\":\"i\",\"s\":\"t\",\"cat\":\"process\",\"name\":\"exit\",\"pid\":{CALLS},\"tid\":{},\"ts\":",
                    process + 1
                );
                self.ts(&mut text, item.at_ns);
                text.push_str(",\"args\":{\"reason\":");
                json::string(&mut text, &item.reason_text().unwrap_or_default());
                text.push_str("}}");
                out.text(&text)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn span(
        &mut self,
        process: u32,
        track: u32,
        name: &str,
        (from_ns, to_ns): (u64, u64),
        more: &str,
        out: &mut Sink<'_>,
    ) -> Result<()> {
        let (category, title) = match track {
            SCHEDULING => ("scheduling", "scheduling"),
            _ => ("gc", "garbage collection"),
        };
        let mut text = String::new();
        if !std::mem::replace(&mut self.shown[track as usize], true) {
            let _ = write!(
                text,
                ",\n{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{track},\"args\":{{\"name\":\"{title}\"}}}}"
            );
        }
        self.tracks.resize(self.replay.stacks.len(), [false; 4]);
        if !std::mem::replace(&mut self.tracks[process as usize][track as usize], true) {
            text.push_str(&self.thread_name(process as usize, track));
        }
        let _ = write!(
            text,
            ",\n{{\"ph\":\"X\",\"cat\":\"{category}\",\"name\":\"{name}\",\"pid\":{track},\"tid\":{},\"ts\":",
            process + 1
        );
        self.ts(&mut text, from_ns);
        text.push_str(",\"dur\":");
        json::micros(&mut text, to_ns.saturating_sub(from_ns));
        let _ = write!(text, ",\"args\":{{{more}}}}}");
        out.text(&text)
    }

    fn thread_name(&self, process: usize, track: u32) -> String {
        let stack = &self.replay.stacks[process];
        let name = match stack.local {
            true => (self.options.pid)(stack.word),
            false => format!("process {:x} of an earlier run", stack.word),
        };
        let mut text = format!(
            ",\n{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{track},\"tid\":{},\"args\":{{\"name\":",
            process + 1
        );
        json::string(&mut text, &name);
        text.push_str("}}");
        text
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
        self.joins = about.joins.then(|| Joins::new(about.events_lost > 0));
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
        if let Change::Other { process } = change {
            self.vm(process, item, out)?;
        }
        // An end stands in its own slice, too.
        let process = self.replay.process(item);
        let note = Note {
            thread: process + 1,
            within: !self.replay.frames(process).is_empty(),
        };
        if let Some(joins) = &mut self.joins {
            let found = joins.take(item, note)?;
            self.flows(found, out)?;
        }
        self.count(item.at_ns, out)
    }

    fn pass(&mut self, about: &About, out: &mut Sink<'_>) -> Result<Pass> {
        let open = self.replay.open();
        if let Some(mut joins) = self.joins.take() {
            let found = joins.finish()?;
            self.flows(found, out)?;
        }
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
