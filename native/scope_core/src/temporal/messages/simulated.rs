//! A small VM to test the matcher against: processes with mailboxes that send, call, wait, set timers, take in order or
//! selectively, by code with probes or without a word, and die. It notes which message every event belongs to: the truth.

use ahash::AHashMap;

use crate::temporal::happening::{Happening, Tag, What};

/// What is recorded, and how the program behaves.
#[derive(Clone, Copy, Debug)]
pub struct World {
    pub processes: usize,
    pub steps: usize,
    /// Different contents: few make many equal messages.
    pub contents: u64,
    /// The VM reports sends and arrivals, and the senders of what arrives.
    pub traced: bool,
    pub senders_told: bool,
    /// Of 100 times, how often code without probes sends, and takes.
    pub silent_sends: u32,
    pub silent_takes: u32,
    /// Of 100 times, how often the receiver is addressed by a name that the site does not resolve.
    pub named: u32,
    pub timers: bool,
    /// Events before this one are not recorded.
    pub from_step: usize,
    /// Of 1000 events, how many are dropped.
    pub dropped: u32,
}

impl World {
    /// Everything is instrumented and traced from the beginning.
    pub fn seen() -> Self {
        World {
            processes: 6,
            steps: 400,
            contents: 3,
            traced: true,
            senders_told: true,
            silent_sends: 30,
            silent_takes: 0,
            named: 20,
            timers: false,
            from_step: 0,
            dropped: 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Mail {
    uid: u64,
    from: u64,
    key: u64,
    tag: Tag,
}

struct Process {
    word: u64,
    /// Signals that have not been fetched, and messages that can be taken.
    outer: Vec<Mail>,
    inner: Vec<Mail>,
    waits_for: Option<u64>,
    /// The call that it waits for was made by code with probes, or everything is traced.
    may_give_up: bool,
    token: u64,
    alive: bool,
}

pub struct Run {
    pub events: Vec<Happening>,
    /// The message of each event, by the event's id.
    pub truth: AHashMap<u64, u64>,
}

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound.max(1)
    }

    fn percent(&mut self, share: u32) -> bool {
        self.below(100) < u64::from(share)
    }
}

/// Whether it takes messages as a behaviour's loop does; the others look for what they want.
fn in_order(process: u64) -> bool {
    process.is_multiple_of(3)
}

struct Sim {
    world: World,
    random: Random,
    run: Run,
    processes: Vec<Process>,
    next: u64,
    /// When, to whom, what.
    timers: Vec<(usize, usize, Mail)>,
    step: usize,
}

pub fn simulate(world: World, seed: u64) -> Run {
    let mut sim = Sim {
        world,
        random: Random(seed.wrapping_mul(77).wrapping_add(1)),
        run: Run {
            events: Vec::new(),
            truth: AHashMap::new(),
        },
        processes: Vec::new(),
        next: 1,
        timers: Vec::new(),
        step: 0,
    };
    for _ in 0..world.processes {
        sim.spawn();
    }
    while sim.step < world.steps {
        sim.step += 1;
        sim.tick();
    }
    // Everybody reads what is left, so that only what nobody takes stays.
    let mut moved = true;
    while std::mem::take(&mut moved) {
        for at in 0..sim.processes.len() {
            if sim.processes[at].alive {
                moved |= sim.fetch(at);
                moved |= sim.give_up(at);
                moved |= sim.processes[at].waits_for.is_none() && sim.take(at);
            }
        }
    }
    sim.run
}

impl Sim {
    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn emit(&mut self, process: u64, what: What, mail: Mail, peer: u64, token: u64) {
        let id = self.fresh();
        self.run.truth.insert(id, mail.uid);
        let seen = self.step >= self.world.from_step
            && (self.random.below(1000) >= u64::from(self.world.dropped));
        if !seen {
            return;
        }
        let mut event = Happening::new(id, id, process, what);
        event.peer = peer;
        event.key = mail.key;
        event.tag = mail.tag;
        event.token = token;
        event.callback = in_order(process);
        self.run.events.push(event);
    }

    fn spawn(&mut self) {
        let word = 1000 + self.fresh();
        self.processes.push(Process {
            word,
            outer: Vec::new(),
            inner: Vec::new(),
            waits_for: None,
            may_give_up: true,
            token: word * 10,
            alive: true,
        });
        let none = Mail {
            uid: 0,
            from: 0,
            key: 0,
            tag: Tag::Plain,
        };
        if self.world.traced {
            self.emit(word, What::Spawned, none, 0, 0);
        }
    }

    fn tick(&mut self) {
        let now = self.step;
        let due: Vec<_> = self
            .timers
            .iter()
            .filter(|timer| timer.0 <= now)
            .copied()
            .collect();
        self.timers.retain(|timer| timer.0 > now);
        for (_, to, mail) in due {
            self.processes[to].outer.push(mail);
        }
        let at = self.random.below(self.processes.len() as u64) as usize;
        if !self.processes[at].alive {
            return;
        }
        match self.random.below(10) {
            0..=3 if self.processes[at].waits_for.is_none() => self.send(at),
            4..=6 => {
                self.fetch(at);
            }
            7..=8 if self.processes[at].waits_for.is_none() => {
                self.take(at);
            }
            0..=3 if self.random.percent(3) => {
                self.give_up(at);
            }
            9 if self.random.percent(4) => {
                self.processes[at].alive = false;
                self.spawn();
            }
            _ => {}
        }
    }

    fn send(&mut self, at: usize) {
        let to = self.random.below(self.processes.len() as u64) as usize;
        let uid = self.fresh();
        let content = self.random.below(self.world.contents);
        let (from, receiver) = (self.processes[at].word, self.processes[to].word);
        let mut mail = Mail {
            uid,
            from,
            key: content + 1,
            tag: Tag::Plain,
        };
        let kind = self.random.below(4);
        let timer = kind == 3 && self.world.timers;
        let silent = self.random.percent(self.world.silent_sends);
        let named = self.random.percent(self.world.named);
        let token = self.processes[at].token;
        let known = if named { 0 } else { receiver };
        if kind == 1 {
            mail.tag = Tag::Cast;
        }
        if kind == 2 && to != at {
            mail.tag = Tag::Call;
        }
        if !silent {
            self.emit(from, What::Site, mail, known, token);
            if let Some(site) = self
                .run
                .events
                .last_mut()
                .filter(|event| event.what == What::Site)
            {
                site.delayed = timer;
            }
        }
        if timer {
            // Nobody sends it when its time has come.
            let due = self.step + 5 + self.random.below(20) as usize;
            self.timers.push((due, to, Mail { from: 0, ..mail }));
            return;
        }
        if mail.tag == Tag::Call {
            mail.key = 1_000_000 + uid;
            if self.processes[to].alive {
                self.processes[at].waits_for = Some(uid);
                self.processes[at].may_give_up = !silent || self.world.traced;
            }
        }
        if self.world.traced {
            let what = if self.processes[to].alive {
                What::Sent
            } else {
                What::SentToNone
            };
            let peer = if self.random.percent(10) {
                known
            } else {
                receiver
            };
            self.emit(from, what, mail, peer, 0);
        }
        if self.processes[to].alive {
            self.processes[to].outer.push(mail);
        }
    }

    /// A call that nobody answered in time raises.
    fn give_up(&mut self, at: usize) -> bool {
        // What probes alone cannot tell, and the matcher does not claim to: a call that code without probes gave up.
        if !self.processes[at].may_give_up {
            return false;
        }
        let waited = self.processes[at].waits_for.take().is_some();
        if waited {
            let none = Mail {
                uid: 0,
                from: 0,
                key: 0,
                tag: Tag::Plain,
            };
            self.emit(
                self.processes[at].word,
                What::Raised,
                none,
                0,
                self.processes[at].token,
            );
        }
        waited
    }

    fn fetch(&mut self, at: usize) -> bool {
        let mails = std::mem::take(&mut self.processes[at].outer);
        for mail in &mails {
            if self.world.traced {
                let peer = match (self.world.senders_told, mail.tag) {
                    (_, Tag::Call) | (true, _) => mail.from,
                    _ => 0,
                };
                self.emit(self.processes[at].word, What::Arrived, *mail, peer, 0);
            }
            if mail.tag == Tag::Reply {
                if self.processes[at].waits_for.map(|uid| uid + 1_000_000) != Some(mail.key) {
                    continue;
                }
                // The caller takes it without a word, and goes on.
                self.processes[at].waits_for = None;
                let token = self.processes[at].token;
                let none = Mail {
                    uid: 0,
                    from: 0,
                    key: 0,
                    tag: Tag::Plain,
                };
                self.emit(self.processes[at].word, What::Inside, none, 0, token);
            } else {
                self.processes[at].inner.push(*mail);
            }
        }
        !mails.is_empty()
    }

    fn take(&mut self, at: usize) -> bool {
        if self.processes[at].inner.is_empty() {
            return false;
        }
        // In order, or selectively: the oldest of one content.
        let selective = !in_order(self.processes[at].word);
        let wanted = match self.random.below(3) {
            0 if selective => {
                let len = self.processes[at].inner.len() as u64;
                let chosen = self.processes[at].inner[self.random.below(len) as usize];
                let same = |mail: &Mail| mail.key == chosen.key && mail.tag == chosen.tag;
                self.processes[at].inner.iter().position(same).unwrap_or(0)
            }
            _ => 0,
        };
        // Calls are taken in order, as a behaviour's loop does.
        let first_call = |mail: &Mail| mail.tag == Tag::Call;
        let wanted = match self.processes[at].inner[wanted].tag {
            Tag::Call => self.processes[at]
                .inner
                .iter()
                .position(first_call)
                .unwrap_or(wanted),
            _ => wanted,
        };
        let mail = self.processes[at].inner.remove(wanted);
        let (word, token) = (self.processes[at].word, self.processes[at].token);
        if mail.tag == Tag::Call {
            self.emit(word, What::Handled, mail, mail.from, token);
            self.reply(at, mail);
        } else if !self.random.percent(self.world.silent_takes) {
            self.emit(word, What::Handled, mail, 0, token);
        }
        true
    }

    fn reply(&mut self, at: usize, call: Mail) {
        let Some(to) = self
            .processes
            .iter()
            .position(|one| one.word == call.from && one.alive)
        else {
            return;
        };
        let word = self.processes[at].word;
        let mail = Mail {
            uid: self.fresh(),
            from: word,
            key: call.key,
            tag: Tag::Reply,
        };
        if self.world.traced {
            // A reply goes to an alias.
            self.emit(word, What::Sent, mail, 0, 0);
        }
        self.processes[to].outer.push(mail);
    }
}
