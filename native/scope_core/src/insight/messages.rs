//! Messages as they were sent and taken: which function's messages which function takes, how many, how long they wait.
//!
//! A message is known again by its key. Keys of calls are unique; those of plain messages are hashes, so equal messages between the
//! same two processes are matched first in, first out, which is the order in which the BEAM delivers them.

use std::collections::VecDeque;

use ahash::AHashMap;

use crate::capture::points::FunctionKey;

/// Messages that were sent and not taken yet.
const UNDER_WAY_MAX: usize = 256 * 1024;
const FLOWS_MAX: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FlowKey {
    /// The innermost instrumented function that sent; `None` outside of any.
    pub from: Option<FunctionKey>,
    pub to: Option<FunctionKey>,
    /// How it was wrapped: plain, call, cast, reply, ...
    pub tag: u8,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    pub count: u64,
    /// From the sending to the taking.
    pub wait_ns: u64,
    pub wait_max_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    from: Option<FunctionKey>,
    at_ns: u64,
}

#[derive(Default)]
pub struct Messages {
    /// By receiver (0: not known) and key.
    under_way: AHashMap<(u64, u64), VecDeque<Sent>>,
    waiting: usize,
    flows: AHashMap<FlowKey, Flow>,
    pub sent: u64,
    pub matched: u64,
    /// Taken, but nobody was seen sending it.
    pub unmatched: u64,
    /// Not followed, for want of room.
    pub dropped: u64,
}

impl Messages {
    pub fn sent(&mut self, from: Option<FunctionKey>, to: u64, key: u64, at_ns: u64) {
        self.sent += 1;
        if self.waiting >= UNDER_WAY_MAX {
            // What was never taken stays for ever; beginning anew forgets what may still come.
            self.dropped += self.waiting as u64;
            self.under_way.clear();
            self.waiting = 0;
        }
        self.waiting += 1;
        let queue = self.under_way.entry((to, key)).or_default();
        queue.push_back(Sent { from, at_ns });
    }

    pub fn received(
        &mut self,
        to: Option<FunctionKey>,
        receiver: u64,
        key: u64,
        tag: u8,
        at_ns: u64,
    ) {
        let found = [(receiver, key), (0, key)].into_iter().find_map(|at| {
            let queue = self.under_way.get_mut(&at)?;
            let sent = queue.pop_front();
            if queue.is_empty() {
                self.under_way.remove(&at);
            }
            sent
        });
        let Some(sent) = found else {
            self.unmatched += 1;
            return;
        };
        self.waiting -= 1;
        self.matched += 1;
        let key = FlowKey {
            from: sent.from,
            to,
            tag,
        };
        if self.flows.len() >= FLOWS_MAX && !self.flows.contains_key(&key) {
            self.dropped += 1;
            return;
        }
        let flow = self.flows.entry(key).or_default();
        let wait_ns = at_ns.saturating_sub(sent.at_ns);
        flow.count += 1;
        flow.wait_ns += wait_ns;
        flow.wait_max_ns = flow.wait_max_ns.max(wait_ns);
    }

    /// Flows that begin or end in a function that `of` takes, most frequent first.
    pub fn of(&self, of: impl Fn(&FunctionKey) -> bool) -> Vec<(FlowKey, Flow)> {
        let touches = |key: &FlowKey| key.from.iter().chain(&key.to).any(&of);
        let touching = self.flows.iter().filter(|(key, _)| touches(key));
        let mut found: Vec<_> = touching.map(|(key, flow)| (*key, *flow)).collect();
        found.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0)));
        found
    }
}
