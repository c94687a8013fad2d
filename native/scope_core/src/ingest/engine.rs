//! From records to activations: what began, how and when it ended, who called it.
//!
//! Rules, per process and in the order of its records:
//! - a beginning is pushed; an end or a jump pops the frame of its token. What lies above it was unwound without a
//!   word (an exception passed through): it ends as an error at that moment;
//! - a catch ends everything above its mark as an error, with the reason; leaving a `try` removes the mark;
//! - a jump ends the activation; the beginning that follows next in the process, when the jump's target admits it, has
//!   the jumping function as its caller;
//! - a death ends everything as aborted.
//!
//! So every activation ends exactly once, and the memory of a loop of jumps is constant.
//!
//! **Known limit.** When *uninstrumented* code catches an exception and goes on, no lower frame reports, and the
//! unwound frames stay: what that process calls next seems called by them. They end with the next frame below them
//! that reports, or with the process, or when the process has been silent for a while and a look at its real stack shows
//! them to be gone (`suspects`, `retire`). Their number is bounded by the limit on frames, where beginnings are counted
//! and end at once as `Lost`.

mod foreign;
mod lifetime;
mod within;

use ahash::AHashMap;

use crate::capture::clock::Calibration;
use crate::capture::points::{
    FunctionKey, PointInfo, PointKind, PointRegistry, Registered, TailTarget,
};
use crate::capture::record::{Record, RecordKind};
use crate::captured::AtomWords;
use crate::ingest::bytes::{self, Names};
use crate::ingest::edges::{EdgeKey, EdgeKind, EdgeTable};
use crate::ingest::effect::{Batch, Effect, EventKind, NONE};
use crate::ingest::process::{Frame, Jump, Process};
use crate::ingest::store::RuntimeStore;
use crate::limits;
use crate::sync::Arc;

/// Accounts of the engine. All but the first three only grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EngineCounts {
    /// Open activations and `try` marks; processes that have any, or that are watched.
    pub open: u64,
    pub marks: u64,
    pub processes: u64,
    /// Activations begun and ended.
    pub began: u64,
    pub ended: u64,
    /// Ends of what is not open (any more).
    pub orphans: u64,
    /// Records of a kind or point that does not exist.
    pub malformed: u64,
    /// Beginnings that were counted but not kept, at the limit on frames or processes.
    pub untracked: u64,
    /// Activations whose end is not known: it was dropped, or nobody reports it (`unended`, `untracked`).
    pub lost: u64,
    /// Of functions that the VM traces: their end was not traced, or not any more.
    pub unended: u64,
    /// Activations that ended because the real stack no longer held them.
    pub retired: u64,
    /// Edges that were not counted, at the limit.
    pub edges_refused: u64,
    /// Values that could not be read.
    pub values_refused: u64,
}

pub struct Engine {
    points: Vec<Option<Registered>>,
    functions: Vec<Option<FunctionKey>>,
    processes: Vec<Process>,
    free: Vec<u32>,
    by_word: AHashMap<u64, u32>,
    /// The process of the last record: a process's records come in runs.
    last: Option<(u64, u32)>,
    touched: Vec<u32>,
    dying: Vec<u32>,
    edges: EdgeTable,
    reasons: AHashMap<u32, u32>,
    effects: Vec<Effect>,
    /// The bytes that belong to `effects`.
    bytes: Vec<u8>,
    words: AtomWords,
    /// Event id of the first of `effects`.
    first_event_id: u64,
    stores: Vec<Arc<RuntimeStore>>,
    counts: EngineCounts,
    /// Ends that rings refused, and those that an activation was ended for as `Lost`.
    lost_ends: u64,
    frames_max: usize,
}

/// Effects handed to the stores at a time.
const BATCH: usize = 1024;
/// The same in bytes of what belongs to them.
const BATCH_BYTES: usize = 256 * 1024;

impl Engine {
    /// Its first event gets the given id; it follows at most `frames_max` activations at a time.
    pub fn new(first_event_id: u64, frames_max: usize) -> Self {
        Engine {
            points: Vec::new(),
            functions: Vec::new(),
            processes: Vec::new(),
            free: Vec::new(),
            by_word: AHashMap::new(),
            last: None,
            touched: Vec::new(),
            dying: Vec::new(),
            edges: EdgeTable::new(),
            reasons: AHashMap::new(),
            effects: Vec::with_capacity(BATCH),
            bytes: Vec::new(),
            words: AtomWords::new(),
            first_event_id,
            stores: Vec::new(),
            counts: EngineCounts::default(),
            lost_ends: 0,
            frames_max,
        }
    }

    pub fn counts(&self) -> EngineCounts {
        EngineCounts {
            processes: self.by_word.len() as u64,
            edges_refused: self.edges.refused,
            ..self.counts
        }
    }

    /// The stores that get what follows.
    pub(crate) fn stores(&mut self) -> &mut Vec<Arc<RuntimeStore>> {
        &mut self.stores
    }

    /// Learns the points registered since the last time.
    pub fn catch_up(&mut self, registry: &PointRegistry) {
        let known = self.points.len();
        registry.catch_up(&mut self.points);
        for registered in self.points[known..].iter().flatten() {
            let at = registered.function as usize;
            if self.functions.len() <= at {
                self.functions.resize(at + 1, None);
            }
            self.functions[at] = Some(registered.info.function);
        }
    }

    /// How many ends the rings have refused so far.
    pub fn note_lost_ends(&mut self, lost_ends: u64) {
        self.lost_ends = lost_ends;
    }

    /// Takes one record, in the order of the drain.
    #[inline]
    pub fn record(
        &mut self,
        record: &Record,
        blob: &[u8],
        time: &Calibration,
        names: &mut impl Names,
    ) {
        let at_ns = time.to_ns(record.at);
        let start = self.bytes.len();
        if !blob.is_empty() {
            let words = &mut self.words;
            if !bytes::append(&mut self.bytes, record.kind, blob, words, names) {
                self.counts.values_refused += 1;
            }
        }
        let blob = (start as u32, (self.bytes.len() - start) as u32);
        match record.kind {
            RecordKind::Enter => self.enter(record, at_ns, blob),
            RecordKind::Exit if self.is_foreign(record.point) => {
                self.foreign_end(record, at_ns, EventKind::Return, NONE, blob);
            }
            RecordKind::Exit => {
                self.end(record, at_ns, EventKind::Return, blob);
            }
            RecordKind::ForeignError => {
                let reason = self.reason(record.reason, names);
                self.foreign_end(record, at_ns, EventKind::Error, reason, blob);
            }
            RecordKind::TraceClosed => self.trace_closed(record.payload as u8, at_ns),
            RecordKind::Tail => self.tail(record, at_ns),
            RecordKind::TryEnter => self.try_enter(record, at_ns),
            RecordKind::TryLeave => self.try_leave(record, at_ns),
            RecordKind::Caught => {
                let reason = self.reason(record.reason, names);
                self.caught(record, at_ns, reason);
            }
            RecordKind::Down => self.down(record.process, at_ns),
            RecordKind::Pause => self.pause(record.process, time.span_ns(record.payload)),
            RecordKind::Reach => self.reach(record),
            // Of the consumer's account.
            RecordKind::WorkBegin | RecordKind::WorkEnd => {}
            kind => match EventKind::of_record(kind) {
                Some(kind) => self.within(record, at_ns, kind, blob),
                None => self.counts.malformed += 1,
            },
        }
        if self.effects.len() >= BATCH || self.bytes.len() >= BATCH_BYTES {
            self.deliver();
        }
    }

    fn enter(&mut self, record: &Record, at_ns: u64, blob: (u32, u32)) {
        let Some(registered) = self.points.get(record.point as usize).copied().flatten() else {
            self.counts.malformed += 1;
            return;
        };
        let function = registered.function;
        let full = self.counts.open + self.counts.marks >= self.frames_max as u64;
        let Some(number) = self.process(record.process) else {
            self.enter_untracked(record, at_ns, NONE, NONE, blob);
            return;
        };
        let process = &mut self.processes[number as usize];
        let jump = process
            .jump
            .take()
            .filter(|jump| jump.target.admits(&registered.info.function));
        let edge = match (jump, process.caller()) {
            (Some(jump), _) => EdgeKey {
                caller: jump.from,
                callee: function,
                kind: EdgeKind::Tail,
            },
            (None, Some(caller)) => EdgeKey {
                caller,
                callee: function,
                kind: EdgeKind::Call,
            },
            (None, None) => EdgeKey {
                caller: NONE,
                callee: function,
                kind: EdgeKind::Call,
            },
        };
        let edge = if edge.caller == NONE {
            NONE
        } else {
            self.edges.number(edge)
        };
        if full {
            process.untracked += 1;
            self.enter_untracked(record, at_ns, number, edge, blob);
            return;
        }
        let began_ns = process.clock_ns(at_ns);
        let (outermost_function, outermost_clause) = process.outermost(function, record.point);
        let (trace, ends) = Self::trace_of(record);
        process.push(Frame {
            token: record.payload,
            point: record.point,
            function,
            trace,
            began_ns,
            children_ns: 0,
            opened: self.first_event_id + self.effects.len() as u64,
            outermost_function,
            outermost_clause,
        });
        self.counts.open += 1;
        self.counts.began += 1;
        self.effects.push(Effect {
            kind: EventKind::Enter,
            outermost_function,
            outermost_clause,
            at_ns,
            process: number,
            process_word: record.process,
            token: record.payload,
            point: record.point,
            edge,
            inclusive_ns: 0,
            self_ns: 0,
            opened: 0,
            reason: NONE,
            blob,
        });
        if !ends {
            self.foreign_endless(number, at_ns);
        }
    }

    /// No room to follow it: its call counts, its end and time are unknown.
    #[cold]
    fn enter_untracked(
        &mut self,
        record: &Record,
        at_ns: u64,
        process: u32,
        edge: u32,
        blob: (u32, u32),
    ) {
        self.counts.untracked += 1;
        self.counts.began += 1;
        self.counts.ended += 1;
        self.counts.lost += 1;
        let opened = self.first_event_id + self.effects.len() as u64;
        let began = Effect {
            kind: EventKind::Enter,
            outermost_function: false,
            outermost_clause: false,
            at_ns,
            process,
            process_word: record.process,
            token: record.payload,
            point: record.point,
            edge,
            inclusive_ns: 0,
            self_ns: 0,
            opened,
            reason: NONE,
            blob,
        };
        self.effects.push(began);
        self.effects.push(Effect {
            kind: EventKind::Lost,
            edge: NONE,
            blob: (0, 0),
            ..began
        });
    }

    fn end(
        &mut self,
        record: &Record,
        at_ns: u64,
        kind: EventKind,
        blob: (u32, u32),
    ) -> Option<u32> {
        let Some((number, at)) = self.find(record) else {
            self.orphan(record);
            return None;
        };
        let process = &mut self.processes[number as usize];
        if process.frames[at].is_mark() {
            self.counts.orphans += 1;
            return None;
        }
        process.jump = None;
        let function = process.frames[at].function;
        self.unwind(number, at + 1, at_ns, None, NONE);
        self.close_top(number, at_ns, kind, NONE, blob);
        Some(function)
    }

    fn tail(&mut self, record: &Record, at_ns: u64) {
        if let Some(from) = self.end(record, at_ns, EventKind::Tail, (0, 0)) {
            let target = match self.points.get(record.point as usize).copied().flatten() {
                Some(Registered {
                    info:
                        PointInfo {
                            kind: PointKind::Tail(target),
                            ..
                        },
                    ..
                }) => target,
                _ => TailTarget::Unknown,
            };
            if let Some((_, number)) = self.last {
                self.processes[number as usize].jump = Some(Jump { from, target });
            }
        }
    }

    fn try_enter(&mut self, record: &Record, at_ns: u64) {
        let full = self.counts.open + self.counts.marks >= self.frames_max as u64;
        let Some(number) = self.process(record.process) else {
            return;
        };
        let process = &mut self.processes[number as usize];
        process.jump = None;
        if full {
            process.untracked += 1;
            self.counts.untracked += 1;
            return;
        }
        let began_ns = process.clock_ns(at_ns);
        process.push(Frame {
            token: record.payload,
            point: NONE,
            function: NONE,
            trace: 0,
            began_ns,
            children_ns: 0,
            opened: 0,
            outermost_function: false,
            outermost_clause: false,
        });
        self.counts.marks += 1;
    }

    fn try_leave(&mut self, record: &Record, at_ns: u64) {
        match self.find(record) {
            Some((number, at)) if self.processes[number as usize].frames[at].is_mark() => {
                self.processes[number as usize].jump = None;
                self.unwind(number, at, at_ns, None, NONE);
            }
            _ => self.orphan(record),
        }
    }

    fn caught(&mut self, record: &Record, at_ns: u64, reason: u32) {
        match self.find(record) {
            Some((number, at)) if self.processes[number as usize].frames[at].is_mark() => {
                self.processes[number as usize].jump = None;
                self.unwind(number, at, at_ns, Some(EventKind::Error), reason);
            }
            _ => self.orphan(record),
        }
    }

    fn down(&mut self, word: u64, at_ns: u64) {
        if let Some(number) = self.by_word.get(&word).copied() {
            self.unwind(number, 0, at_ns, Some(EventKind::Aborted), NONE);
            self.forget(number);
        }
    }

    fn pause(&mut self, word: u64, span_ns: u64) {
        // A process that is not known has nothing open whose time this could be.
        if let Some(number) = self.by_word.get(&word) {
            self.processes[*number as usize].paused_ns += span_ns;
        }
    }

    /// Ends every frame from `keep` upwards. Without a kind nobody said why they are gone: an exception passed, or
    /// their ends were dropped while a ring was full.
    #[inline]
    fn unwind(
        &mut self,
        number: u32,
        keep: usize,
        at_ns: u64,
        kind: Option<EventKind>,
        reason: u32,
    ) {
        while self.processes[number as usize].frames.len() > keep {
            let Some(top) = self.processes[number as usize].frames.last().copied() else {
                return;
            };
            if top.is_mark() {
                self.processes[number as usize].pop();
                self.counts.marks -= 1;
                continue;
            }
            let counts = &mut self.counts;
            let kind = match kind {
                Some(kind) => kind,
                None if counts.lost - counts.untracked - counts.unended < self.lost_ends => {
                    EventKind::Lost
                }
                // The VM would have told of an exception.
                None if top.trace != 0 => {
                    counts.unended += 1;
                    EventKind::Lost
                }
                None => EventKind::Error,
            };
            self.close_top(number, at_ns, kind, reason, (0, 0));
            if self.effects.len() >= BATCH {
                self.deliver();
            }
        }
    }

    #[inline]
    fn close_top(
        &mut self,
        number: u32,
        at_ns: u64,
        kind: EventKind,
        reason: u32,
        blob: (u32, u32),
    ) {
        let process = &mut self.processes[number as usize];
        let ended_ns = process.clock_ns(at_ns);
        let Some(frame) = process.pop() else { return };
        let inclusive_ns = ended_ns - frame.began_ns;
        process.charge_caller(inclusive_ns);
        self.counts.open -= 1;
        self.counts.ended += 1;
        self.counts.lost += u64::from(kind == EventKind::Lost);
        self.effects.push(Effect {
            kind,
            outermost_function: frame.outermost_function,
            outermost_clause: frame.outermost_clause,
            at_ns,
            process: number,
            process_word: process.word,
            token: frame.token,
            point: frame.point,
            edge: NONE,
            inclusive_ns,
            self_ns: inclusive_ns.saturating_sub(frame.children_ns),
            opened: frame.opened,
            reason,
            blob,
        });
    }

    fn orphan(&mut self, record: &Record) {
        if let Some((_, number)) = self.last.filter(|(word, _)| *word == record.process) {
            let process = &mut self.processes[number as usize];
            if process.untracked > 0 {
                process.untracked -= 1;
                return;
            }
        }
        self.counts.orphans += 1;
    }

    #[inline]
    fn find(&mut self, record: &Record) -> Option<(u32, usize)> {
        let number = self.known(record.process)?;
        let process = &self.processes[number as usize];
        let at = match record.payload {
            // The VM's tracing knows the function, not the activation.
            0 => process.innermost(self.function_of(record.point)?)?,
            token => process.find(token)?,
        };
        Some((number, at))
    }

    #[inline]
    fn known(&mut self, word: u64) -> Option<u32> {
        if let Some((last, number)) = self.last
            && last == word
        {
            return Some(number);
        }
        let number = *self.by_word.get(&word)?;
        self.last = Some((word, number));
        self.touch(number);
        Some(number)
    }

    /// The number of a process, made when new; `None` at the limit.
    #[inline]
    fn process(&mut self, word: u64) -> Option<u32> {
        match self.known(word) {
            Some(number) => Some(number),
            None => self.new_process(word),
        }
    }

    fn new_process(&mut self, word: u64) -> Option<u32> {
        let number = match self.free.pop() {
            Some(number) => {
                self.processes[number as usize] = Process::new(word);
                number
            }
            None if self.processes.len() < limits::PROCESSES_MAX => {
                self.processes.push(Process::new(word));
                self.processes.len() as u32 - 1
            }
            None => return None,
        };
        self.by_word.insert(word, number);
        self.last = Some((word, number));
        self.touch(number);
        Some(number)
    }

    fn reason(&mut self, class: u32, names: &mut impl Names) -> u32 {
        match self.reasons.get(&class) {
            Some(atom) => *atom,
            None => {
                let atom = names.reason(class).map_or(NONE, |atom| atom.0);
                self.reasons.insert(class, atom);
                atom
            }
        }
    }

    /// Hands what happened to the stores.
    pub fn deliver(&mut self) {
        if !self.effects.is_empty() {
            let batch = Batch {
                effects: &self.effects,
                bytes: &self.bytes,
                first_event_id: self.first_event_id,
                points: &self.points,
                functions: &self.functions,
                edges: &self.edges,
            };
            for store in &self.stores {
                store.apply(&batch);
            }
            self.first_event_id += self.effects.len() as u64;
            self.effects.clear();
        }
        self.bytes.clear();
    }
}
