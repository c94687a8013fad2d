//! speedscope's own format: all processes merged as a sampled profile, and the busiest each as an evented one.
//!
//! A profile holds the events of one process, the log those of all: the log is read once to count, then once for each
//! group of processes whose events fit into the memory given.

use std::fmt::Write;

use ahash::AHashMap;

use crate::capture::points::FunctionKey;
use crate::error::Result;
use crate::export::about::About;
use crate::export::item::Item;
use crate::export::json;
use crate::export::nested::{Mark, close_all, marks};
use crate::export::replay::Replay;
use crate::export::tree::CallTree;
use crate::export::{Exporter, Options, Pass, Sink, function_name};

/// `at`, and the frame with whether it opens.
type Event = (u64, u32);

pub struct Speedscope {
    options: Options,
    tree: CallTree,
    counts: AHashMap<(u64, bool), u64>,
    /// Groups of processes that are still to be written, the next one last.
    groups: Vec<Vec<(u64, bool)>>,
    wanted: AHashMap<(u64, bool), usize>,
    replay: Replay,
    events: Vec<Vec<Event>>,
    numbers: AHashMap<FunctionKey, u32>,
    frames: Vec<FunctionKey>,
    counted: bool,
}

impl Speedscope {
    pub fn new(options: Options) -> Self {
        Speedscope {
            options,
            tree: CallTree::default(),
            counts: AHashMap::new(),
            groups: Vec::new(),
            wanted: AHashMap::new(),
            replay: Replay::default(),
            events: Vec::new(),
            numbers: AHashMap::new(),
            frames: Vec::new(),
            counted: false,
        }
    }

    fn frame(&mut self, key: FunctionKey) -> u32 {
        let next = self.frames.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.frames.push(key);
        }
        number
    }

    /// The busiest processes, in groups of what the memory holds.
    fn group(&mut self) {
        let mut all: Vec<_> = self
            .counts
            .iter()
            .map(|(key, count)| (*count, *key))
            .collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.truncate(self.options.processes_max);
        let most = (self.options.memory_bytes / size_of::<Event>()).max(1) as u64;
        let mut held = 0;
        for (count, key) in all {
            if self.groups.is_empty() || held + count > most {
                self.groups.push(Vec::new());
                held = 0;
            }
            held += count;
            if let Some(group) = self.groups.last_mut() {
                group.push(key);
            }
        }
        self.groups.reverse();
    }

    fn merged(&mut self, out: &mut Sink<'_>) -> Result<()> {
        let nodes: Vec<u32> = (0..self.tree.nodes.len() as u32)
            .filter(|node| self.tree.nodes[*node as usize].calls > 0)
            .collect();
        let total: u64 = self.tree.nodes.iter().map(|node| node.self_ns).sum();
        let mut text = format!(
            "{{\"type\":\"sampled\",\"name\":\"all processes\",\"unit\":\"nanoseconds\",\
             \"startValue\":0,\"endValue\":{total},\"samples\":["
        );
        for (at, node) in nodes.iter().enumerate() {
            text.push_str(if at > 0 { ",[" } else { "[" });
            for (at, node) in self.tree.path(*node).into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                let Some(key) = self.tree.nodes[node as usize].function else {
                    continue;
                };
                let _ = write!(text, "{}", self.frame(key));
            }
            text.push(']');
            if text.len() > 64 * 1024 {
                out.text(&text)?;
                text.clear();
            }
        }
        text.push_str("],\"weights\":[");
        for (at, node) in nodes.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let _ = write!(text, "{comma}{}", self.tree.nodes[*node as usize].self_ns);
        }
        text.push_str("]}");
        out.text(&text)
    }

    fn single(&mut self, key: (u64, bool), events: &[Event], out: &mut Sink<'_>) -> Result<()> {
        let (first, last) = match (events.first(), events.last()) {
            (Some(first), Some(last)) => (first.0, last.0),
            _ => return Ok(()),
        };
        let mut text = String::from(",{\"type\":\"evented\",\"name\":");
        let pid = match key.1 {
            true => (self.options.pid)(key.0),
            false => format!("process {:x} of an earlier run", key.0),
        };
        json::string(&mut text, &pid);
        let _ = write!(
            text,
            ",\"unit\":\"nanoseconds\",\"startValue\":{first},\"endValue\":{last},\"events\":["
        );
        for (at, (ns, frame)) in events.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let kind = if frame & 1 == 1 { 'O' } else { 'C' };
            let _ = write!(
                text,
                "{comma}{{\"type\":\"{kind}\",\"frame\":{},\"at\":{ns}}}",
                frame >> 1
            );
            if text.len() > 64 * 1024 {
                out.text(&text)?;
                text.clear();
            }
        }
        text.push_str("]}");
        out.text(&text)
    }

    fn end(&mut self, about: &About, out: &mut Sink<'_>) -> Result<()> {
        let mut text = String::from("],\"shared\":{\"frames\":[");
        for (at, key) in self.frames.iter().enumerate() {
            text.push_str(if at > 0 { ",{\"name\":" } else { "{\"name\":" });
            json::string(&mut text, &function_name(key));
            if let Some(place) = (self.options.place)(key) {
                text.push_str(",\"file\":");
                json::string(&mut text, &place.file);
                let _ = write!(text, ",\"line\":{}", place.line);
            }
            text.push('}');
        }
        text.push_str("]},\"activeProfileIndex\":0,\"exporter\":");
        json::string(
            &mut text,
            concat!("ElixirScope ", env!("CARGO_PKG_VERSION")),
        );
        text.push_str(",\"name\":");
        json::string(&mut text, &about.title);
        text.push_str(",\"elixir_scope\":");
        let (unmatched, open) = self.tree.left_out();
        let mut pairs = about.pairs();
        let shown = self.counts.len().min(self.options.processes_max);
        pairs.push(("ends_without_beginning", unmatched.to_string()));
        pairs.push(("calls_not_ended", open.to_string()));
        pairs.push(("processes", self.counts.len().to_string()));
        pairs.push(("processes_with_a_profile", shown.to_string()));
        json::object(&mut text, &pairs);
        text.push_str("}\n");
        out.text(&text)
    }
}

impl Exporter for Speedscope {
    fn begin(&mut self, _about: &About, out: &mut Sink<'_>) -> Result<()> {
        out.text(
            "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"profiles\":[",
        )
    }

    fn take(&mut self, item: &Item, _out: &mut Sink<'_>) -> Result<()> {
        let key = (item.process, item.local);
        if !self.counted {
            self.tree.take(item);
            *self.counts.entry(key).or_default() += 1;
            return Ok(());
        }
        if !self.wanted.contains_key(&key) {
            return Ok(());
        }
        let change = self.replay.take(item);
        let mut found = Vec::new();
        let _ = marks(&self.replay, &change, |process, mark| {
            found.push((process, mark));
            Ok::<(), ()>(())
        });
        for (process, mark) in found {
            self.mark(process, &mark);
        }
        Ok(())
    }

    fn pass(&mut self, about: &About, out: &mut Sink<'_>) -> Result<Pass> {
        if !self.counted {
            self.counted = true;
            self.merged(out)?;
            self.group();
        } else {
            let mut found = Vec::new();
            let _ = close_all(&self.replay, |process, mark| {
                found.push((process, mark));
                Ok::<(), ()>(())
            });
            for (process, mark) in found {
                self.mark(process, &mark);
            }
            let events = std::mem::take(&mut self.events);
            let replay = std::mem::take(&mut self.replay);
            let from = about.from_ns.unwrap_or(0);
            for (mut events, stack) in events.into_iter().zip(&replay.stacks) {
                for event in &mut events {
                    event.0 = event.0.saturating_sub(from);
                }
                self.single((stack.word, stack.local), &events, out)?;
            }
        }
        match self.groups.pop() {
            Some(group) => {
                self.wanted = group
                    .into_iter()
                    .enumerate()
                    .map(|(at, key)| (key, at))
                    .collect();
                Ok(Pass::Again)
            }
            None => {
                self.end(about, out)?;
                Ok(Pass::Done)
            }
        }
    }
}

impl Speedscope {
    fn mark(&mut self, process: u32, mark: &Mark) {
        let (key, at_ns, opens) = match mark {
            Mark::Begin { frame, at_ns } => (frame.point.function, *at_ns, 1),
            Mark::End { point, at_ns, .. } => (point.function, *at_ns, 0),
        };
        let frame = self.frame(key);
        let process = process as usize;
        if self.events.len() <= process {
            self.events.resize_with(process + 1, Vec::new);
        }
        self.events[process].push((at_ns, frame << 1 | opens));
    }
}
