//! Messages as they were sent and taken: which function's messages which function takes, how many, how long they wait, how many
//! wait with them, from how many processes they come, and how long a caller waits for an answer.
//!
//! A message is known again by its key. Keys of calls are unique; those of plain messages are hashes, so equal messages between the
//! same two processes are matched first in, first out, which is the order in which the BEAM delivers them.

use std::collections::VecDeque;

use ahash::{AHashMap, AHashSet};

use crate::capture::points::FunctionKey;

/// Messages that were sent and not taken yet; the same of those that arrived, and of calls without an answer.
const UNDER_WAY_MAX: usize = 256 * 1024;
const FLOWS_MAX: usize = 64 * 1024;
/// Senders of one function's messages that are told apart.
pub const SENDERS_MAX: usize = 256;

/// How messages are wrapped, as `value` of the NIF crate numbers them.
const CALL: u8 = 1;
const CAST: u8 = 2;
const REPLY: u8 = 3;

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
    /// Of calls: those that were answered, and how long it took, from the sending of the call to the arrival of its answer.
    pub replies: Replies,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Replies {
    pub count: u64,
    pub ns: u64,
    pub max_ns: u64,
}

/// What a function that takes messages has before it.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    pub taken: u64,
    /// Most messages in the mailbox when it took one, that one too; of processes whose arrivals are traced.
    pub queue_max: u64,
    pub queue_sum: u64,
    pub queue_seen: u64,
    senders: AHashSet<u64>,
}

impl Inbox {
    /// Processes whose messages it took, and whether there were more.
    pub fn senders(&self) -> (u64, bool) {
        (self.senders.len() as u64, self.senders.len() >= SENDERS_MAX)
    }
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    from: Option<FunctionKey>,
    by: u64,
    at_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    from: Option<FunctionKey>,
    to: Option<FunctionKey>,
    at_ns: u64,
}

/// What arrived at a process and was not taken, by key.
#[derive(Default)]
struct Mailbox {
    by_key: AHashMap<u64, u32>,
    count: u64,
}

#[derive(Default)]
pub struct Messages {
    /// By receiver (0: not known) and key.
    under_way: AHashMap<(u64, u64), VecDeque<Sent>>,
    waiting: usize,
    mailboxes: AHashMap<u64, Mailbox>,
    lying: usize,
    asked: AHashMap<u64, Asked>,
    flows: AHashMap<FlowKey, Flow>,
    inboxes: AHashMap<FunctionKey, Inbox>,
    pub sent: u64,
    pub matched: u64,
    /// Taken, but nobody was seen sending it.
    pub unmatched: u64,
    /// Not followed, for want of room.
    pub dropped: u64,
}

/// A message at one end.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The function there, and the process.
    pub function: Option<FunctionKey>,
    pub process: u64,
    /// The process at the other end, 0 where it is not known.
    pub peer: u64,
    pub key: u64,
    pub tag: u8,
    pub at_ns: u64,
}

impl Messages {
    pub fn sent(&mut self, end: End) {
        self.sent += 1;
        if self.waiting >= UNDER_WAY_MAX {
            // What was never taken stays for ever; beginning anew forgets what may still come.
            self.dropped += self.waiting as u64;
            self.under_way.clear();
            self.waiting = 0;
        }
        self.waiting += 1;
        let queue = self.under_way.entry((end.peer, end.key)).or_default();
        queue.push_back(Sent {
            from: end.function,
            by: end.process,
            at_ns: end.at_ns,
        });
        if end.tag == CALL {
            if self.asked.len() >= UNDER_WAY_MAX {
                self.dropped += self.asked.len() as u64;
                self.asked.clear();
            }
            let asked = Asked {
                from: end.function,
                to: None,
                at_ns: end.at_ns,
            };
            self.asked.insert(end.key, asked);
        }
    }

    /// What was said to be sent was told once more, better: the first time does not count.
    pub fn unsent(&mut self, peer: u64, key: u64) {
        let Some(queue) = self.under_way.get_mut(&(peer, key)) else {
            return;
        };
        if queue.pop_back().is_some() {
            self.waiting -= 1;
            self.sent -= 1;
        }
        if queue.is_empty() {
            self.under_way.remove(&(peer, key));
        }
    }

    /// A message lies in a mailbox.
    pub fn arrived(&mut self, end: End) {
        if end.tag == REPLY {
            self.answered(end);
            return;
        }
        if end.tag > CAST {
            return;
        }
        if self.lying >= UNDER_WAY_MAX {
            self.dropped += self.lying as u64;
            self.mailboxes.clear();
            self.lying = 0;
        }
        self.lying += 1;
        let mailbox = self.mailboxes.entry(end.process).or_default();
        *mailbox.by_key.entry(end.key).or_default() += 1;
        mailbox.count += 1;
    }

    fn answered(&mut self, end: End) {
        let Some(asked) = self.asked.remove(&end.key) else {
            return;
        };
        let key = FlowKey {
            from: asked.from,
            to: asked.to,
            tag: CALL,
        };
        if let Some(flow) = self.flows.get_mut(&key) {
            let ns = end.at_ns.saturating_sub(asked.at_ns);
            flow.replies.count += 1;
            flow.replies.ns += ns;
            flow.replies.max_ns = flow.replies.max_ns.max(ns);
        }
    }

    /// How many messages lay in the mailbox, this one too, which is taken out; 0 when its arrival was not told.
    fn take_out(&mut self, receiver: u64, key: u64) -> u64 {
        let Some(mailbox) = self.mailboxes.get_mut(&receiver) else {
            return 0;
        };
        let Some(equal) = mailbox.by_key.get_mut(&key) else {
            return 0;
        };
        *equal -= 1;
        if *equal == 0 {
            mailbox.by_key.remove(&key);
        }
        let before = mailbox.count;
        mailbox.count -= 1;
        self.lying -= 1;
        if mailbox.count == 0 {
            self.mailboxes.remove(&receiver);
        }
        before
    }

    pub fn received(&mut self, end: End) {
        let (receiver, key) = (end.process, end.key);
        let queued = self.take_out(receiver, key);
        let found = [(receiver, key), (0, key)].into_iter().find_map(|at| {
            let queue = self.under_way.get_mut(&at)?;
            let sent = queue.pop_front();
            if queue.is_empty() {
                self.under_way.remove(&at);
            }
            sent
        });
        if let Some(to) = end.function
            && (self.inboxes.len() < FLOWS_MAX || self.inboxes.contains_key(&to))
        {
            let inbox = self.inboxes.entry(to).or_default();
            inbox.taken += 1;
            if queued > 0 {
                inbox.queue_max = inbox.queue_max.max(queued);
                inbox.queue_sum += queued;
                inbox.queue_seen += 1;
            }
            let by = found.map_or(end.peer, |sent| sent.by);
            if by != 0 && inbox.senders.len() < SENDERS_MAX {
                inbox.senders.insert(by);
            }
        }
        if let Some(asked) = self.asked.get_mut(&key) {
            asked.to = end.function;
        }
        let Some(sent) = found else {
            self.unmatched += 1;
            return;
        };
        self.waiting -= 1;
        self.matched += 1;
        let key = FlowKey {
            from: sent.from,
            to: end.function,
            tag: end.tag,
        };
        if self.flows.len() >= FLOWS_MAX && !self.flows.contains_key(&key) {
            self.dropped += 1;
            return;
        }
        let flow = self.flows.entry(key).or_default();
        let wait_ns = end.at_ns.saturating_sub(sent.at_ns);
        flow.count += 1;
        flow.wait_ns += wait_ns;
        flow.wait_max_ns = flow.wait_max_ns.max(wait_ns);
    }

    /// A process ended, and its mailbox with it.
    pub fn ended(&mut self, process: u64) {
        if let Some(mailbox) = self.mailboxes.remove(&process) {
            self.lying = self.lying.saturating_sub(mailbox.count as usize);
        }
    }

    pub fn inbox(&self, function: &FunctionKey) -> Option<&Inbox> {
        self.inboxes.get(function)
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::atoms::intern;

    fn end(name: &str, process: u64, peer: u64, key: u64, tag: u8, at_ns: u64) -> End {
        let function = FunctionKey {
            module: intern("Elixir.Mail"),
            name: intern(name),
            arity: 1,
        };
        End {
            function: Some(function),
            process,
            peer,
            key,
            tag,
            at_ns,
        }
    }

    #[test]
    fn queues_senders_and_answers_are_counted() {
        let mut messages = Messages::default();
        // Five ask; all lie there before the first is taken.
        for n in 0..5 {
            messages.sent(end("ask", n + 1, 99, 10 + n, CALL, n));
            messages.arrived(end("serve", 99, 0, 10 + n, CALL, n));
        }
        for n in 0..5 {
            messages.received(end("serve", 99, n + 1, 10 + n, CALL, 100 + n));
            messages.arrived(end("ask", n + 1, 99, 10 + n, REPLY, 200 + n));
        }
        let serve = end("serve", 0, 0, 0, 0, 0).function.unwrap();
        let inbox = messages.inbox(&serve).unwrap();
        assert_eq!((inbox.taken, inbox.queue_max, inbox.queue_sum), (5, 5, 15));
        assert_eq!(inbox.senders(), (5, false));
        let flows = messages.of(|_| true);
        assert_eq!(flows.len(), 1);
        let flow = flows[0].1;
        assert_eq!((flow.count, flow.wait_ns, flow.wait_max_ns), (5, 500, 100));
        assert_eq!(
            (flow.replies.count, flow.replies.ns, flow.replies.max_ns),
            (5, 1_000, 200)
        );
        assert_eq!(
            (messages.waiting, messages.lying, messages.asked.len()),
            (0, 0, 0)
        );
        assert!(messages.under_way.is_empty() && messages.mailboxes.is_empty());
    }

    #[test]
    fn what_is_never_taken_is_bounded_and_dies_with_its_process() {
        let mut messages = Messages::default();
        for n in 0..300_000 {
            messages.sent(end("ask", 1, 2, n, 0, n));
            messages.arrived(end("nobody", 2, 0, n, 0, n));
        }
        assert!(messages.waiting <= UNDER_WAY_MAX && messages.lying <= UNDER_WAY_MAX);
        assert!(messages.dropped > 0);
        messages.ended(2);
        assert_eq!(messages.lying, 0);
        messages.sent(end("ask", 1, 2, 7, 0, 1));
        let before = messages.waiting;
        messages.unsent(2, 7);
        assert_eq!(messages.waiting, before - 1);
    }
}
