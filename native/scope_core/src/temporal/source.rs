//! From the event log to a window.

use ahash::{AHashMap, AHashSet};

use crate::atoms::{self, Atom};
use crate::capture::points::{FunctionKey, PointInfo, PointKind, TailTarget};
use crate::captured::show;
use crate::error::Result;
use crate::ingest::{EdgeKind, Event, EventKind, RuntimeStore, split};
use crate::temporal::budget::Budget;
use crate::temporal::happening::{Ending, Happening, Tag, What};

/// What precedes the value of a message: the other process, the key, the tag.
pub const HEAD_BYTES: usize = 17;

/// As much of a value as tells what it is.
const SHOWN_MAX: usize = 64;

/// As much of a call to a supervisor as tells what is asked for, and what asks for a child to be started.
const CALL_SHOWN_MAX: usize = 200;
const STARTS: [&str; 3] = [":start_child, ", ":start_task, ", ":restart_child, "];

/// What is known of jumps: those that were observed, from function to function (what begins after such a jump was
/// likely reached by it), and by the place of a clause's entry the only function that the clause jumps to, where that is said in it.
#[derive(Default)]
pub struct Jumps {
    pub observed: AHashSet<(FunctionKey, FunctionKey)>,
    pub only: AHashMap<u64, FunctionKey>,
}

/// The jumps that a store knows of, as far as these events need them.
pub fn jumps(store: &RuntimeStore, events: &[Event]) -> Jumps {
    let edges = store.edges().into_iter();
    let tails = edges.filter(|edge| edge.kind == EdgeKind::Tail);
    let ends = events.iter().filter(|event| event.kind == EventKind::Tail);
    let mut clauses: Vec<PointInfo> = ends.filter_map(|event| event.point).collect();
    clauses.sort_unstable_by_key(PointInfo::literal);
    clauses.dedup();
    Jumps {
        observed: tails.map(|edge| (edge.caller, edge.callee)).collect(),
        only: store.only_jumps(&clauses),
    }
}

/// Events of the log as happenings, in the order given.
pub fn happenings(events: &[Event], jumps: &Jumps, budget: &Budget<'_>) -> Result<Vec<Happening>> {
    let mut left: AHashMap<u64, PointInfo> = AHashMap::new();
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        budget.step()?;
        let mut happening = of_event(event);
        let before = if happening.is_own() {
            left.remove(&event.process)
        } else {
            None
        };
        match (happening.what, event.point) {
            (What::Enter { .. }, Some(point)) => {
                let to = point.function;
                let jumped = before.filter(|from| jumps.observed.contains(&(from.function, to)));
                happening.what = What::Enter {
                    jumped: jumped.is_some(),
                };
                happening.special =
                    jumped.is_some_and(|from| jumps.only.get(&from.literal()) == Some(&to));
            }
            (What::End(Ending::Tail), Some(point)) => {
                left.insert(event.process, point);
            }
            _ => {}
        }
        all.push(happening);
    }
    Ok(all)
}

/// What is known of one event.
pub struct Fact<'a> {
    pub id: u64,
    pub at_ns: u64,
    pub process: u64,
    pub kind: EventKind,
    pub token: u64,
    pub point: Option<PointInfo>,
    pub reason: Option<Atom>,
    /// Its values, in the log's format.
    pub blob: &'a [u8],
}

fn of_event(event: &Event) -> Happening {
    happening(&Fact {
        id: event.event_id,
        at_ns: event.at_ns,
        process: event.process,
        kind: event.kind,
        token: event.token,
        point: event.point,
        reason: event.reason,
        blob: event.blob.as_deref().unwrap_or_default(),
    })
}

/// One event by itself: which beginnings were reached by a jump takes those before it.
pub fn happening(event: &Fact<'_>) -> Happening {
    let mut happening = Happening::new(event.id, event.at_ns, event.process, what(event.kind));
    happening.token = event.token;
    happening.function = event.point.map(|point| point.function);
    happening.callback = happening
        .function
        .is_some_and(|function| callback(&function));
    let blob = event.blob;
    use EventKind::*;
    match event.kind {
        Sent | MessageSent | MessageArrived | SentToNone | Received => {
            message(&mut happening, blob);
        }
        Link | Unlink => {
            happening.peer = word(blob, 0);
            happening.special = !split(event.kind, blob).1.is_empty();
        }
        Spawn | Spawned => spawn(&mut happening, blob),
        ProcessExit => exit(&mut happening, event),
        Register | Unregister => happening.key = content(blob),
        _ => {}
    }
    if event.kind == MessageArrived && happening.tag == Tag::Call {
        let text = show(split(event.kind, blob).1, &(), CALL_SHOWN_MAX);
        happening.special = STARTS.iter().any(|start| text.contains(start));
    }
    match (event.kind, event.point.map(|point| point.kind)) {
        (Sent, Some(PointKind::Send(target))) => site(&mut happening, target),
        (Received, _) => handling(&mut happening),
        _ => {}
    }
    happening
}

fn what(kind: EventKind) -> What {
    match kind {
        EventKind::Enter => What::Enter { jumped: false },
        EventKind::Return => What::End(Ending::Return),
        EventKind::Tail => What::End(Ending::Tail),
        EventKind::Error => What::End(Ending::Error),
        EventKind::Aborted => What::End(Ending::Aborted),
        EventKind::Lost => What::End(Ending::Lost),
        EventKind::Binding | EventKind::Expression | EventKind::Branch | EventKind::Custom => {
            What::Inside
        }
        EventKind::Sent => What::Site,
        EventKind::Received => What::Handled,
        EventKind::Raised => What::Raised,
        EventKind::MessageSent => What::Sent,
        EventKind::MessageArrived => What::Arrived,
        EventKind::SentToNone => What::SentToNone,
        EventKind::Spawn => What::Spawn,
        EventKind::Spawned => What::Spawned,
        EventKind::ProcessExit => What::Exit,
        EventKind::Link => What::Link,
        EventKind::Unlink => What::Unlink,
        EventKind::Register => What::Register,
        EventKind::Unregister => What::Unregister,
        EventKind::ScheduledIn => What::In,
        EventKind::ScheduledOut => What::Out,
        EventKind::Note | EventKind::GcBegin | EventKind::GcEnd | EventKind::ReturnedTo => {
            What::Other
        }
    }
}

fn word(blob: &[u8], at: usize) -> u64 {
    let bytes = blob.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u64::from_le_bytes)
}

fn content(blob: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(blob)
}

fn message(happening: &mut Happening, blob: &[u8]) {
    happening.peer = word(blob, 0);
    happening.key = word(blob, 8);
    happening.tag = Tag::from_byte(blob.get(16).copied().unwrap_or_default());
    // An atom, a small number, an empty list, or a value that was not kept, could be anybody's.
    happening.telling = match blob.get(HEAD_BYTES) {
        None | Some(1..=5) => false,
        Some(byte) => *byte < 0x80,
    };
}

fn spawn(happening: &mut Happening, blob: &[u8]) {
    happening.peer = word(blob, 0);
    let begun = split(EventKind::Spawn, blob).1;
    if !begun.is_empty() {
        happening.key = content(begun);
        let text = show(begun, &(), SHOWN_MAX);
        let supervisors = ["{:supervisor, ", "{DynamicSupervisor, "];
        happening.special = supervisors.iter().any(|start| text.starts_with(start));
        happening.callback = text.ends_with(", :init, 1}");
    }
}

fn exit(happening: &mut Happening, event: &Fact<'_>) {
    let reason = split(EventKind::ProcessExit, event.blob).1;
    if !reason.is_empty() {
        happening.key = content(reason);
        happening.special = show(reason, &(), SHOWN_MAX) == ":normal";
    } else if let Some(reason) = event.reason {
        happening.special = reason.text() == "normal";
    }
}

/// What the function that a site calls makes of it.
fn site(happening: &mut Happening, target: TailTarget) {
    let TailTarget::Function(function) = target else {
        return;
    };
    match atoms::text(function.name) {
        "call" | "multi_call" | "get" | "update" | "get_and_update" | "send_request" => {
            happening.tag = Tag::Call;
        }
        "cast" | "abcast" => happening.tag = Tag::Cast,
        "reply" => happening.tag = Tag::Reply,
        "send_after" | "start_timer" => happening.delayed = true,
        "async" | "async_nolink" | "start" | "start_link" | "start_child" | "spawn"
        | "spawn_link" | "spawn_monitor" | "spawn_opt" => {
            // Not a message: the child is named, when it is known.
            happening.what = What::Spawn;
            happening.key = 0;
        }
        _ => {}
    }
}

/// The callback says which kind of message it takes.
fn handling(happening: &mut Happening) {
    let Some(function) = happening.function else {
        return;
    };
    match (atoms::text(function.name), function.arity) {
        ("handle_continue", 2) => happening.what = What::Inside,
        ("handle_cast", 2) => happening.tag = Tag::Cast,
        ("handle_call", 3) => happening.tag = Tag::Call,
        _ => {}
    }
}

fn callback(function: &FunctionKey) -> bool {
    matches!(
        (atoms::text(function.name), function.arity),
        ("init", 1)
            | ("handle_call", 3)
            | ("handle_cast", 2)
            | ("handle_info", 2)
            | ("handle_continue", 2)
            | ("handle_event", 2 | 4)
            | ("terminate", 2 | 3)
            | ("code_change", 3 | 4)
    )
}
