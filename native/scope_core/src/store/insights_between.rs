//! What goes between functions and processes, as the structs of the Elixir side: failures, messages, spawns.

use crate::capture::points::FunctionKey;
use crate::ingest::EventKind;
use crate::insight::{Analysis, Cascade, How, ProcessEvent, Seen, Spread};
use crate::store::insights::{LIST_MAX, atom_or_nil, list, made, maybe_key};
use crate::store::structs::{date_time, key_value, us, word};
use crate::value::Value;

pub(super) fn cascades(
    analysis: &Analysis,
    own: &dyn Fn(&FunctionKey) -> bool,
    processes: bool,
) -> Value {
    let found = analysis.cascades.of(own);
    let within = found.into_iter().take(LIST_MAX).map(within_process);
    let mut all: Vec<Value> = within.collect();
    if processes {
        let found = analysis.spreads.of(own);
        all.extend(found.iter().take(LIST_MAX).map(between_processes));
    }
    Value::List(all)
}

/// One that went from process to process.
fn between_processes(spread: &Spread) -> Value {
    let exact = spread.how.iter().all(|how| *how == How::Link);
    made(
        "FailureCascade",
        vec![
            ("kind", word("exit")),
            ("reason", Value::text(&spread.reason)),
            ("path", list(&spread.path, |key| maybe_key(*key))),
            ("path_cut", Value::bool(spread.cut)),
            ("count", Value::count(spread.count)),
            ("depth_max", Value::count(spread.processes)),
            ("last_at", date_time(spread.last_ns)),
            (
                "how",
                list(&spread.how, |how| {
                    word(match how {
                        How::Link => "link",
                        How::Call => "call",
                        How::Supervisor => "supervisor",
                    })
                }),
            ),
            ("certainty", word(if exact { "exact" } else { "inferred" })),
            ("restarts", Value::count(spread.restarts)),
            (
                "restart_us",
                spread
                    .restart_ns
                    .checked_div(spread.restarts)
                    .map_or_else(Value::nil, us),
            ),
        ],
    )
}

fn within_process((cascade, seen): (&Cascade, Seen)) -> Value {
    {
        let kind = if cascade.kind == EventKind::Aborted {
            "aborted"
        } else {
            "error"
        };
        made(
            "FailureCascade",
            vec![
                ("kind", word(kind)),
                ("reason", atom_or_nil(cascade.reason)),
                ("path", list(&cascade.path, key_value)),
                ("path_cut", Value::bool(cascade.cut)),
                ("count", Value::count(seen.count)),
                ("depth_max", Value::count(seen.depth_max)),
                ("last_at", date_time(seen.last_ns)),
                ("how", Value::nil()),
                ("certainty", word("exact")),
                ("restarts", Value::nil()),
                ("restart_us", Value::nil()),
            ],
        )
    }
}

const TAGS: [&str; 7] = ["plain", "call", "cast", "reply", "down", "exit", "system"];

pub(super) fn flows(
    analysis: &Analysis,
    own: &dyn Fn(&FunctionKey) -> bool,
    arrivals: bool,
) -> Value {
    let found = analysis.messages.of(own);
    list(found.into_iter().take(LIST_MAX), |(key, flow)| {
        let inbox = key.to.and_then(|to| analysis.messages.inbox(&to));
        let told = inbox.filter(|inbox| inbox.queue_seen > 0);
        let told = told.map(|it| (it.queue_max, it.queue_sum as f64 / it.queue_seen as f64));
        let (senders, more) = inbox.map_or((0, false), |inbox| inbox.senders());
        let answered = flow.replies.count > 0;
        made(
            "ObservedFlow",
            vec![
                ("from", maybe_key(key.from)),
                ("to", maybe_key(key.to)),
                ("kind", word(TAGS[usize::from(key.tag).min(6)])),
                ("count", Value::count(flow.count)),
                ("mean_wait_us", us(flow.wait_ns / flow.count.max(1))),
                ("max_wait_us", us(flow.wait_max_ns)),
                (
                    "pattern",
                    word(match (answered, senders > 1) {
                        (true, _) => "request_reply",
                        (false, true) => "fan_in",
                        (false, false) => "one_way",
                    }),
                ),
                ("senders", Value::count(senders)),
                ("senders_exact", Value::bool(!more)),
                (
                    "replies",
                    if arrivals {
                        Value::count(flow.replies.count)
                    } else {
                        Value::nil()
                    },
                ),
                (
                    "mean_reply_us",
                    flow.replies
                        .ns
                        .checked_div(flow.replies.count)
                        .map_or_else(Value::nil, us),
                ),
                (
                    "max_reply_us",
                    if answered {
                        us(flow.replies.max_ns)
                    } else {
                        Value::nil()
                    },
                ),
                (
                    "queue_max",
                    told.map_or_else(Value::nil, |(most, _)| Value::count(most)),
                ),
                (
                    "queue_mean",
                    told.map_or_else(Value::nil, |(_, mean)| Value::Float(mean)),
                ),
            ],
        )
    })
}

pub(super) fn spawned(analysis: &Analysis, own: &dyn Fn(&FunctionKey) -> bool) -> Value {
    list(analysis.processes.spawns_of(own), |(key, it)| {
        let life = it.lived_ns.checked_div(it.ended).map_or(Value::nil(), us);
        made(
            "ProcessSpawn",
            vec![
                ("function", key_value(&key)),
                ("count", Value::count(it.count)),
                ("ended", Value::count(it.ended)),
                ("failed", Value::count(it.failed)),
                ("mean_life_us", life),
                ("most_alive", Value::count(it.alive_most)),
            ],
        )
    })
}

pub(super) fn supervised(analysis: &Analysis, own: &dyn Fn(&FunctionKey) -> bool) -> Value {
    let by = |event: &ProcessEvent| match event {
        ProcessEvent::Ended { by, .. } | ProcessEvent::Restarted { by, .. } => *by,
    };
    let found = analysis.processes.events.iter();
    let found = found.filter(|event| by(event).is_some_and(|key| own(&key)));
    list(found.take(LIST_MAX), |event| {
        let (kind, at_ns, reason, after) = match event {
            ProcessEvent::Ended { at_ns, reason, .. } => ("failed", *at_ns, reason.clone(), None),
            ProcessEvent::Restarted {
                at_ns, after_ns, ..
            } => ("restarted", *at_ns, None, Some(*after_ns)),
        };
        made(
            "SupervisionEvent",
            vec![
                ("kind", word(kind)),
                ("at", date_time(at_ns)),
                ("function", maybe_key(by(event))),
                (
                    "reason",
                    reason.map_or_else(Value::nil, |text| Value::text(&text)),
                ),
                ("after_us", after.map_or_else(Value::nil, us)),
                (
                    "certainty",
                    word(if kind == "failed" {
                        "exact"
                    } else {
                        "inferred"
                    }),
                ),
            ],
        )
    })
}
