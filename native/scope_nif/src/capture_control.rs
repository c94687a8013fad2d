//! Control of the capture: switches, points, subscribers, the consumer's slices, the accounts.

use std::time::Duration;

use rustler::{Encoder, Env, ListIterator, LocalPid, NifResult, Term};
use scope_core::capture::points::{FunctionKey, PointInfo, PointKind, Selection, TailTarget};
use scope_core::capture::{Accounts, Overflow, Work};
use scope_core::error::{Error, Result};
use scope_core::limits;

use crate::capture::{Vm, capture, existing, pid_word, word_pid};
use crate::{atoms, error, runtime};

/// A slice never takes longer than this, whatever is asked for.
const BUDGET_MAX: Duration = Duration::from_millis(10);

/// `capture_start(:drop | :wait)`.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_start<'a>(env: Env<'a>, overflow: Term<'a>) -> Term<'a> {
    let overflow = match overflow.decode::<rustler::Atom>() {
        Ok(atom) if atom == atoms::drop() => Ok(Overflow::Drop),
        Ok(atom) if atom == atoms::wait() => Ok(Overflow::Wait),
        _ => Err(invalid("overflow", "it is :drop or :wait")),
    };
    error::reply_ok(env, overflow.map(|overflow| capture().start(overflow)))
}

#[rustler::nif]
fn capture_stop() -> rustler::Atom {
    if let Some(capture) = existing() {
        capture.stop();
    }
    atoms::ok()
}

#[rustler::nif]
fn capture_active() -> bool {
    existing().is_some_and(|capture| capture.is_active())
}

#[rustler::nif(schedule = "DirtyCpu")]
fn capture_subscribe<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    error::reply_ok(
        env,
        runtime::store_of(handle).map(|store| capture().subscribe(&store)),
    )
}

/// `{:ok, was_subscribed}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_unsubscribe<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    error::reply(
        env,
        runtime::store_of(handle).map(|store| capture().unsubscribe(&store)),
    )
}

/// `capture_ignore(pid, true | false)`.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_ignore<'a>(env: Env<'a>, pid: LocalPid, ignored: bool) -> Term<'a> {
    let list = &capture().ignored;
    let done = match ignored {
        true => list.add(pid_word(&pid)),
        false => {
            list.remove(pid_word(&pid));
            Ok(())
        }
    };
    error::reply_ok(env, done)
}

/// One slice of ingest: `{:ok, more?}`, or `:busy` while somebody else has the seat. `thorough` also looks for processes
/// that died without a word yet.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_ingest(env: Env<'_>, budget_us: u64, thorough: bool) -> Term<'_> {
    let budget = Duration::from_micros(budget_us).min(BUDGET_MAX);
    match capture().ingest(&mut Vm(env), Work { budget, thorough }) {
        Ok(slice) => (atoms::ok(), slice.more).encode(env),
        Err(_) => atoms::busy().encode(env),
    }
}

/// The clock, in ticks: what `capture_visible` is asked about.
#[rustler::nif]
fn capture_now() -> u64 {
    existing().map_or(0, |capture| capture.clock.now())
}

/// Whether everything recorded before `ticks` has reached the stores.
#[rustler::nif]
fn capture_visible(ticks: u64) -> bool {
    existing().is_none_or(|capture| capture.watermark() >= ticks)
}

/// Whether what is open could overflow a ring by ending, while nobody reads them.
#[rustler::nif]
fn capture_pending() -> bool {
    existing().is_some_and(|capture| capture.needs_watching())
}

/// Up to `limit` pids that have something open and have been silent for `quiet_ms`.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_suspects(quiet_ms: u64, limit: usize) -> Vec<LocalPid> {
    let words = existing().and_then(|it| {
        it.suspects(Duration::from_millis(quiet_ms), limit.min(64))
            .ok()
    });
    words
        .unwrap_or_default()
        .into_iter()
        .map(word_pid)
        .collect()
}

/// `capture_retire(pid, [{m, f, a}], ticks)`: `{:ok, how_many}`, or `:busy`.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_retire<'a>(env: Env<'a>, pid: LocalPid, stack: Vec<Term<'a>>, seen: u64) -> Term<'a> {
    let stack: Vec<FunctionKey> = stack
        .into_iter()
        .filter_map(runtime::function_key)
        .collect();
    match capture().retire(pid_word(&pid), &stack, seen) {
        Ok(retired) => (atoms::ok(), retired).encode(env),
        Err(_) => atoms::busy().encode(env),
    }
}

/// `capture_register(module, build, points)`: `{:ok, count}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_register<'a>(
    env: Env<'a>,
    module: Term<'a>,
    build: u64,
    points: ListIterator<'a>,
) -> Term<'a> {
    let registered = decode_points(module, build, points)
        .and_then(|points| capture().register(build, &points))
        .map(|range| range.count);
    error::reply(env, registered)
}

/// `capture_since(module)`: `{:ok, ns | nil}`, when points of the module were registered first.
#[rustler::nif]
fn capture_since<'a>(env: Env<'a>, module: Term<'a>) -> Term<'a> {
    let since = runtime::core_atom(module).and_then(|module| existing()?.points.since(module));
    (atoms::ok(), since).encode(env)
}

/// `capture_switch(:all | module | {m, f, a} | [literal], on?)`: `{:ok, how_many_points}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_switch<'a>(env: Env<'a>, selection: Term<'a>, on: bool) -> Term<'a> {
    error::reply(
        env,
        decode_selection(selection).map(|it| capture().points.switch(&it, on)),
    )
}

/// Where the memory of all rings is, `{address, bytes}` each: for who looks at it from outside.
#[rustler::nif]
fn capture_memory() -> Vec<(usize, usize)> {
    let rings = existing().map(|capture| capture.threads.all());
    let rings = rings.unwrap_or_default();
    rings.iter().flat_map(|ring| ring.memory()).collect()
}

/// The accounts, as a map.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_accounts(env: Env<'_>) -> NifResult<Term<'_>> {
    let accounts = existing()
        .map(|capture| capture.accounts())
        .unwrap_or_default();
    let clock = existing().map_or("none", |capture| capture.clock.name());
    encode_accounts(env, &accounts, clock)
}

fn encode_accounts<'a>(env: Env<'a>, accounts: &Accounts, clock: &str) -> NifResult<Term<'a>> {
    let dropped = Term::map_from_pairs(
        env,
        &[
            (atoms::ring_full(), accounts.ring_full),
            (atoms::unregistered(), accounts.unregistered),
            (atoms::no_ring(), accounts.no_ring),
        ],
    )?;
    let values = &accounts.values;
    let values = Term::map_from_pairs(
        env,
        &[
            (atoms::offered(), values.offered),
            (atoms::stored(), values.stored),
            (atoms::in_flight(), values.in_flight),
            (atoms::dropped(), values.dropped),
        ],
    )?;
    let engine = &accounts.engine;
    let counts = [
        (atoms::offered(), accounts.offered),
        (atoms::stored(), accounts.stored),
        (atoms::in_flight(), accounts.in_flight),
        (atoms::rings(), accounts.rings),
        (atoms::points(), accounts.points),
        (atoms::builds(), accounts.builds),
        (atoms::open(), engine.open),
        (atoms::processes(), engine.processes),
        (atoms::began(), engine.began),
        (atoms::ended(), engine.ended),
        (atoms::orphans(), engine.orphans),
        (atoms::malformed(), engine.malformed),
        (atoms::untracked(), engine.untracked),
        (atoms::lost(), engine.lost),
        (atoms::retired(), engine.retired),
        (atoms::unended(), engine.unended),
        (atoms::edges_refused(), engine.edges_refused),
    ];
    Term::map_from_pairs(env, &counts)?
        .map_put(atoms::dropped(), dropped)?
        .map_put(atoms::values(), values)?
        .map_put(atoms::clock(), clock)
}

fn decode_points(module: Term<'_>, build: u64, points: ListIterator<'_>) -> Result<Vec<PointInfo>> {
    let module = runtime::core_atom(module).ok_or_else(|| invalid("module", "it is an atom"))?;
    let mut decoded = Vec::new();
    for point in points {
        if decoded.len() >= limits::POINTS_PER_BUILD_MAX {
            let limit = limits::POINTS_PER_BUILD_MAX as u64;
            return Err(Error::LimitExceeded {
                what: "points of a module",
                limit,
            });
        }
        let point = decode_point(module, build, point).ok_or_else(|| {
            let detail = format!("entry {} of the list is none", decoded.len());
            Error::Invalid {
                what: "point",
                detail,
            }
        })?;
        decoded.push(point);
    }
    Ok(decoded)
}

/// `{index, kind, name, arity, clause, line, column, target}`; the target of a binding is its variable.
fn decode_point(module: scope_core::atoms::Atom, build: u64, point: Term<'_>) -> Option<PointInfo> {
    let fields = rustler::types::tuple::get_tuple(point).ok()?;
    let [index, kind, name, arity, clause, line, column, target] = fields[..] else {
        return None;
    };
    let kind = kind.decode::<rustler::Atom>().ok()?;
    let kind = if kind == atoms::clause() {
        PointKind::Clause
    } else if kind == atoms::try_() {
        PointKind::Try
    } else if kind == atoms::branch() {
        PointKind::Branch
    } else if kind == atoms::binding() {
        decode_binding(target)?
    } else if kind == atoms::expression() {
        PointKind::Expression
    } else if kind == atoms::choice() {
        PointKind::Choice
    } else if kind == atoms::send() {
        PointKind::Send(decode_target(target)?)
    } else if kind == atoms::receive() {
        PointKind::Receive
    } else if kind == atoms::raise() {
        PointKind::Raise
    } else if kind == atoms::custom() {
        PointKind::Custom
    } else if kind == atoms::tail() {
        PointKind::Tail(decode_target(target)?)
    } else {
        return None;
    };
    let function = FunctionKey {
        module,
        name: runtime::core_atom(name)?,
        arity: arity.decode().ok()?,
    };
    Some(PointInfo {
        build,
        index: index.decode().ok()?,
        function,
        kind,
        clause: clause.decode().ok()?,
        line: line.decode().ok()?,
        column: column.decode().ok(),
    })
}

/// `{nil, name, version}` of a variable.
fn decode_binding(target: Term<'_>) -> Option<PointKind> {
    let (_, name, version): (Term<'_>, Term<'_>, u32) = target.decode().ok()?;
    let name = runtime::core_atom(name)?;
    Some(PointKind::Binding { name, version })
}

/// `nil`, `{nil, name, arity}` or `{module, name, arity}`.
fn decode_target(target: Term<'_>) -> Option<TailTarget> {
    if runtime::is_nil(target) {
        return Some(TailTarget::Unknown);
    }
    let (module, name, arity): (Term<'_>, Term<'_>, u32) = target.decode().ok()?;
    let name = runtime::core_atom(name)?;
    Some(match runtime::is_nil(module) {
        true => TailTarget::AnyModule { name, arity },
        false => TailTarget::Function(FunctionKey {
            module: runtime::core_atom(module)?,
            name,
            arity,
        }),
    })
}

pub fn decode_selection(selection: Term<'_>) -> Result<Selection> {
    if let Ok(literals) = selection.decode::<Vec<u64>>() {
        return Ok(Selection::Points(literals));
    }
    if let Some(function) = runtime::function_key(selection) {
        return Ok(Selection::Function(function));
    }
    match runtime::core_atom(selection) {
        Some(atom) if atom.text() == "all" => Ok(Selection::All),
        Some(module) => Ok(Selection::Module(module)),
        None => Err(invalid(
            "selection",
            "it is :all, a module, {module, function, arity} or a list of points",
        )),
    }
}

fn invalid(what: &'static str, detail: &str) -> Error {
    Error::Invalid {
        what,
        detail: detail.to_owned(),
    }
}
