//! How a failure spreads from process to process: who died, who died of it, and what was started again.
//!
//! Told by links, exits and spawns that the VM traces. A process that was linked to one that died before it, for the same
//! reason, died of it: that is exact. One whose reason has the other's in it, as an exit of `GenServer.call` has, died
//! of it by all appearance; so did one that was shut down when its parent's other child had failed.

use std::collections::VecDeque;

use ahash::{AHashMap, AHashSet};

use crate::capture::points::FunctionKey;

/// Links that are followed, and of one process.
const LINKED_MAX: usize = 64 * 1024;
const LINKS_MAX: usize = 256;
/// Deaths that others may be put down to, and for how long.
const RECENT_MAX: usize = 256;
const WITHIN_NS: u64 = 2_000_000_000;
/// Failures that are kept one by one, and kinds of them when they are summed up.
const OPEN_MAX: usize = 512;
const KINDS_MAX: usize = 1024;
/// Processes of one failure that are told.
const PATH_MAX: usize = 32;

/// Why a process is put down to another's death.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum How {
    /// It was linked to it, and died for the same reason.
    Link,
    /// Its reason has the other's in it: it waited for an answer.
    Call,
    /// Its parent shut it down after another child had failed.
    Supervisor,
}

/// One failure, with all that died of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Spread {
    pub reason: String,
    /// Functions in which processes died, the first one's first: innermost at the end, or the first that ran in the process.
    pub path: Vec<Option<FunctionKey>>,
    /// Of each but the first.
    pub how: Vec<How>,
    pub cut: bool,
    /// Processes that died of it, at most; how often it happened; when last.
    pub processes: u64,
    pub count: u64,
    pub last_ns: u64,
    /// Processes that were started in the place of those that died, and nanoseconds from the first death to each, in sum.
    pub restarts: u64,
    pub restart_ns: u64,
    began_ns: u64,
}

type Kind = (String, Vec<Option<FunctionKey>>, Vec<How>);

#[derive(Clone, Debug)]
struct Death {
    process: u64,
    parent: Option<u64>,
    reason: String,
    at_ns: u64,
    spread: u64,
}

#[derive(Default)]
pub struct Spreads {
    links: AHashMap<u64, AHashSet<u64>>,
    recent: VecDeque<Death>,
    /// By number, from `first` on.
    open: VecDeque<Spread>,
    first: u64,
    done: AHashMap<Kind, Spread>,
    pub untold: u64,
}

/// What is known of a process that ended.
pub struct Ended<'a> {
    pub process: u64,
    pub parent: Option<u64>,
    pub function: Option<FunctionKey>,
    pub reason: Option<&'a str>,
    /// Neither `normal` nor a shutdown.
    pub failed: bool,
    pub at_ns: u64,
}

impl Spreads {
    pub fn linked(&mut self, one: u64, other: u64) {
        if self.links.len() >= LINKED_MAX && !self.links.contains_key(&one) {
            self.untold += 1;
            return;
        }
        for (from, to) in [(one, other), (other, one)] {
            let peers = self.links.entry(from).or_default();
            if peers.len() < LINKS_MAX {
                peers.insert(to);
            } else {
                self.untold += 1;
            }
        }
    }

    pub fn unlinked(&mut self, one: u64, other: u64) {
        // The VM takes links away when a process ends, before who is linked to it dies in turn. They go with the memory of that
        // death, see `ended`.
        let dead = |process| self.recent.iter().any(|death| death.process == process);
        if dead(one) || dead(other) {
            return;
        }
        for (from, to) in [(one, other), (other, one)] {
            if let Some(peers) = self.links.get_mut(&from) {
                peers.remove(&to);
                if peers.is_empty() {
                    self.links.remove(&from);
                }
            }
        }
    }

    pub fn ended(&mut self, ended: &Ended<'_>) {
        let cause = self.cause(ended);
        let reason = ended.reason.unwrap_or_default();
        let number = match cause {
            Some((number, how)) => {
                self.join(number, ended, how);
                number
            }
            None if ended.failed => self.begin(ended, reason),
            None => {
                self.forget(ended.process);
                return;
            }
        };
        if self.recent.len() >= RECENT_MAX
            && let Some(old) = self.recent.pop_front()
        {
            self.forget(old.process);
        }
        // Who starts processes without being linked to them does not mind their death.
        let parent = ended
            .parent
            .filter(|parent| self.is_linked(ended.process, *parent));
        self.recent.push_back(Death {
            process: ended.process,
            parent,
            reason: reason.to_owned(),
            at_ns: ended.at_ns,
            spread: number,
        });
    }

    pub fn is_linked(&self, one: u64, other: u64) -> bool {
        let peers = self.links.get(&one);
        peers.is_some_and(|peers| peers.contains(&other))
    }

    /// The newest death that this one follows from.
    fn cause(&self, ended: &Ended<'_>) -> Option<(u64, How)> {
        let reason = ended.reason.unwrap_or_default();
        let within = |death: &&Death| ended.at_ns.saturating_sub(death.at_ns) <= WITHIN_NS;
        let mut deaths = self.recent.iter().rev().take_while(within);
        deaths.find_map(|death| {
            let how = if ended.failed
                && self.is_linked(ended.process, death.process)
                && death.reason == reason
            {
                How::Link
            } else if ended.failed && wraps(reason, &death.reason) {
                How::Call
            } else if !ended.failed
                && is_stopped(reason)
                && ended.parent.is_some()
                && ended.parent == death.parent
            {
                How::Supervisor
            } else {
                return None;
            };
            Some((death.spread, how))
        })
    }

    fn begin(&mut self, ended: &Ended<'_>, reason: &str) -> u64 {
        if self.open.len() >= OPEN_MAX
            && let Some(old) = self.open.pop_front()
        {
            self.first += 1;
            sum_up(&mut self.done, old, &mut self.untold);
        }
        self.open.push_back(Spread {
            reason: reason.to_owned(),
            path: vec![ended.function],
            how: Vec::new(),
            cut: false,
            processes: 1,
            count: 1,
            last_ns: ended.at_ns,
            restarts: 0,
            restart_ns: 0,
            began_ns: ended.at_ns,
        });
        self.first + self.open.len() as u64 - 1
    }

    fn get(&mut self, number: u64) -> Option<&mut Spread> {
        let at = number.checked_sub(self.first)?;
        self.open.get_mut(usize::try_from(at).ok()?)
    }

    fn join(&mut self, number: u64, ended: &Ended<'_>, how: How) {
        let Some(spread) = self.get(number) else {
            return;
        };
        spread.processes += 1;
        spread.last_ns = spread.last_ns.max(ended.at_ns);
        if spread.path.len() < PATH_MAX {
            spread.path.push(ended.function);
            spread.how.push(how);
        } else {
            spread.cut = true;
        }
    }

    /// A parent of one that died started another.
    pub fn spawned(&mut self, parent: u64, at_ns: u64) {
        let within = |death: &&Death| at_ns.saturating_sub(death.at_ns) <= WITHIN_NS;
        let mut deaths = self.recent.iter().rev().take_while(within);
        let found = deaths.position(|death| death.parent == Some(parent));
        let Some(back) = found else { return };
        let at = self.recent.len() - 1 - back;
        // One is started in the place of one: the next spawn is another's.
        self.recent[at].parent = None;
        let number = self.recent[at].spread;
        if let Some(spread) = self.get(number) {
            spread.restarts += 1;
            spread.restart_ns += at_ns.saturating_sub(spread.began_ns);
        }
    }

    fn forget(&mut self, process: u64) {
        for other in self.links.remove(&process).unwrap_or_default() {
            if let Some(peers) = self.links.get_mut(&other) {
                peers.remove(&process);
                if peers.is_empty() {
                    self.links.remove(&other);
                }
            }
        }
    }

    /// Those that touch a function that `of` takes, the most frequent first.
    pub fn of(&self, of: impl Fn(&FunctionKey) -> bool) -> Vec<Spread> {
        let mut all = self.done.clone();
        let mut untold = 0;
        for open in &self.open {
            sum_up(&mut all, open.clone(), &mut untold);
        }
        let mut found: Vec<Spread> = all
            .into_values()
            .filter(|spread| spread.path.iter().flatten().any(&of))
            .collect();
        found.sort_by(|a, b| {
            let order = b.count.cmp(&a.count).then_with(|| a.path.cmp(&b.path));
            order.then_with(|| a.reason.cmp(&b.reason))
        });
        found
    }
}

fn sum_up(done: &mut AHashMap<Kind, Spread>, one: Spread, untold: &mut u64) {
    let kind = (kind_of(&one.reason), one.path.clone(), one.how.clone());
    if let Some(all) = done.get_mut(&kind) {
        all.count += one.count;
        all.processes = all.processes.max(one.processes);
        all.last_ns = all.last_ns.max(one.last_ns);
        all.restarts += one.restarts;
        all.restart_ns += one.restart_ns;
        all.cut |= one.cut;
    } else if done.len() < KINDS_MAX {
        done.insert(kind, one);
    } else {
        *untold += 1;
    }
}

/// What a reason is, without what differs from one to the next: up to its first values.
fn kind_of(reason: &str) -> String {
    let end = reason.find([',', '"', '#']).unwrap_or(reason.len());
    reason[..end].to_owned()
}

/// Whether one reason is the other with who was called around it: `{reason, {GenServer, :call, ...}}`.
fn wraps(reason: &str, other: &str) -> bool {
    // Long reasons are cut, so their beginnings are compared.
    let head: String = other.chars().take(100).collect();
    let inner = reason.strip_prefix('{');
    !head.is_empty() && reason != other && inner.is_some_and(|inner| inner.starts_with(&head))
}

fn is_stopped(reason: &str) -> bool {
    matches!(reason, ":shutdown" | ":killed") || reason.starts_with("{:shutdown,")
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::atoms::intern;

    fn function(name: &str) -> FunctionKey {
        FunctionKey {
            module: intern("Elixir.Spread"),
            name: intern(name),
            arity: 1,
        }
    }

    fn died<'a>(process: u64, name: &str, reason: &'a str, at_ns: u64) -> Ended<'a> {
        Ended {
            process,
            parent: Some(100),
            function: Some(function(name)),
            reason: Some(reason),
            failed: !is_stopped(reason),
            at_ns,
        }
    }

    fn any(_: &FunctionKey) -> bool {
        true
    }

    #[test]
    fn a_failure_goes_along_links_and_calls_and_is_mended() {
        let mut spreads = Spreads::default();
        for round in 0..3 {
            let (at, base) = (round * 10_000_000_000, round * 10);
            spreads.linked(base + 1, base + 2);
            spreads.linked(base + 2, base + 3);
            for child in [1, 5] {
                spreads.linked(100, base + child);
            }
            spreads.ended(&died(base + 1, "root", ":boom", at));
            spreads.ended(&died(base + 2, "linked", ":boom", at + 10));
            spreads.ended(&died(
                base + 4,
                "caller",
                "{:boom, {GenServer, :call, [1]}}",
                at + 20,
            ));
            spreads.ended(&died(base + 5, "sibling", ":shutdown", at + 30));
            spreads.spawned(100, at + 40);
            spreads.spawned(100, at + 50);
            // Nobody's: one with the same reason and no link, and a linked one with another reason.
            spreads.ended(&died(base + 6, "stranger", ":boom", at + 55));
            spreads.ended(&died(base + 3, "other", ":own", at + 60));
        }
        let all = spreads.of(any);
        assert_eq!(all.len(), 3);
        let names = ["root", "linked", "caller", "sibling"];
        let path: Vec<_> = names.iter().map(|name| Some(function(name))).collect();
        let alone = |name| all.iter().find(|it| it.path == [Some(function(name))]);
        let found = all.iter().find(|it| it.path == path).unwrap();
        assert_eq!(found.how, [How::Link, How::Call, How::Supervisor]);
        assert_eq!((found.count, found.processes, found.restarts), (3, 4, 6));
        assert_eq!(found.restart_ns, 3 * (40 + 50));
        assert_eq!(alone("other").unwrap().count, 3);
        assert_eq!(alone("stranger").unwrap().count, 3);
        assert!(spreads.of(|key| *key == function("nobody")).is_empty());
    }

    #[test]
    fn what_ends_well_is_no_failure_and_nothing_grows() {
        let mut spreads = Spreads::default();
        for process in 0..100_000 {
            spreads.linked(process, process + 1_000_000);
            let mut ended = died(process, "f", ":normal", process);
            ended.failed = false;
            spreads.ended(&ended);
        }
        assert!(spreads.of(any).is_empty() && spreads.links.is_empty());
        for process in 0..10_000_u64 {
            let reason = format!("{{:n, {process}}}");
            spreads.ended(&died(process, "f", &reason, process * WITHIN_NS * 2));
        }
        assert!(spreads.open.len() <= OPEN_MAX && spreads.recent.len() <= RECENT_MAX);
        assert_eq!(
            spreads.of(any).iter().map(|it| it.count).sum::<u64>(),
            10_000
        );
    }
}
