//! For whom the code runs: claims of work by processes, and what came of them.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use rustler::{Encoder, Env, LocalPid, NifResult, Term};
use scope_core::capture::points::{FunctionKey, PointInfo, PointKind};
use scope_core::capture::{Capture, Work};
use scope_core::error::{Error, Result};
use scope_core::ingest::attribution::How;
use scope_core::store::{coverage_by, function_number};

use crate::capture::{Vm, capture, existing, pid_word, ring, self_word, word_pid};
use crate::repository::{point_info, repository_of};
use crate::{atoms, error, runtime};

/// How long a claim waits for room in its ring.
const WAIT_MAX: Duration = Duration::from_secs(10);
const SLICE: Work = Work {
    budget: Duration::from_millis(1),
    thorough: false,
};
const PAUSE_BETWEEN: Duration = Duration::from_micros(50);

/// Begins to keep account of who reaches what: `:ok`, or `:busy`.
#[rustler::nif(schedule = "DirtyCpu")]
fn work_attribute(env: Env<'_>) -> Term<'_> {
    match capture().attribute() {
        Ok(()) => atoms::ok().encode(env),
        Err(_) => atoms::busy().encode(env),
    }
}

/// Ends it: `{:ok, reached, points}` or `:busy`. `reached` is `[{owner, :own | :descendant | :meanwhile, literal, count}]` (owner
/// 0 where nobody was at work), `points` `[{literal, mfa, :clause | :branch, clause, line, column}]`.
#[rustler::nif(schedule = "DirtyCpu")]
fn work_attributed(env: Env<'_>) -> NifResult<Term<'_>> {
    let Some(capture) = existing() else {
        return Ok((atoms::ok(), Vec::<u8>::new(), Vec::<u8>::new()).encode(env));
    };
    let Ok(all) = capture.attributed() else {
        return Ok(atoms::busy().encode(env));
    };
    let mut reached = Vec::with_capacity(all.len());
    let mut points: ahash::AHashMap<u32, Option<PointInfo>> = ahash::AHashMap::new();
    for one in all {
        let info = points
            .entry(one.point)
            .or_insert_with(|| capture.points.info(one.point));
        if let Some(info) = info {
            let how = match one.how {
                How::Own => atoms::own(),
                How::Descendant => atoms::descendant(),
                How::Meanwhile => atoms::meanwhile(),
            };
            reached.push((one.owner, how, info.literal(), one.count).encode(env));
        }
    }
    let points = points
        .into_values()
        .flatten()
        .map(|info| {
            let kind = match info.kind {
                PointKind::Branch => atoms::branch(),
                _ => atoms::clause(),
            };
            let key = runtime::encode_key(env, &info.function)?;
            Ok((
                info.literal(),
                key,
                kind,
                info.clause,
                info.line,
                info.column,
            )
                .encode(env))
        })
        .collect::<NifResult<Vec<_>>>()?;
    Ok((atoms::ok(), reached, points).encode(env))
}

/// The calling process works for `owner` (1 and above), of a group (0 for none), from here on, for its life.
#[rustler::nif(schedule = "DirtyCpu")]
fn work_begin(env: Env<'_>, owner: u32, group: u32) -> rustler::Atom {
    claim(env, owner, group, true)
}

/// The work of `owner` is at its end; what other processes do from here on is none of its.
#[rustler::nif(schedule = "DirtyCpu")]
fn work_end(env: Env<'_>, owner: u32) -> rustler::Atom {
    claim(env, owner, 0, false)
}

fn claim(env: Env<'_>, owner: u32, group: u32, begins: bool) -> rustler::Atom {
    let Some(capture) = existing().filter(|capture| capture.is_attributing()) else {
        return atoms::ok();
    };
    let Some(ring) = ring(capture) else {
        return atoms::ok();
    };
    // SAFETY: a NIF that a process has called.
    let process = unsafe { self_word(env.as_c_arg()) };
    let started = Instant::now();
    while capture.work(ring, process, owner, group, begins).is_err() && started.elapsed() < WAIT_MAX
    {
        if capture.ingest(&mut Vm(env), SLICE).is_err() {
            std::thread::sleep(PAUSE_BETWEEN);
        }
    }
    atoms::ok()
}

/// Processes that reported and of which it is not known for whom they work, each named once.
#[rustler::nif(schedule = "DirtyCpu")]
fn work_unknown() -> Vec<LocalPid> {
    let words = existing().and_then(|capture| capture.unknown_workers().ok());
    words
        .unwrap_or_default()
        .into_iter()
        .map(word_pid)
        .collect()
}

/// `pid` was started by or for one of `parents`, nearest first: `:ok` or `:busy`.
#[rustler::nif(schedule = "DirtyCpu")]
fn work_relate(pid: LocalPid, parents: Vec<LocalPid>) -> rustler::Atom {
    let parents: Vec<u64> = parents.iter().map(pid_word).collect();
    match existing().map(|capture| capture.relate_worker(pid_word(&pid), &parents)) {
        Some(Err(_)) => atoms::busy(),
        _ => atoms::ok(),
    }
}

/// What of their functions these points (literals) cover: `{:ok, [{mfa, covered, executable}]}`, for functions whose
/// source the repository holds.
#[rustler::nif(schedule = "DirtyCpu")]
fn work_coverage<'a>(env: Env<'a>, handle: Term<'a>, literals: Vec<u64>) -> Term<'a> {
    let coverage = || -> Result<Vec<Term<'a>>> {
        let repository = repository_of(handle)?;
        let mut points: Vec<PointInfo> = literals.into_iter().filter_map(point_info).collect();
        points.sort_by_key(|point| (point.function, point.build, point.index));
        let mut found = Vec::new();
        for own in
            points.chunk_by(|one, other| (one.function, one.build) == (other.function, other.build))
        {
            let key: FunctionKey = own[0].function;
            let Some((unit, _)) = repository.definition(key.module) else {
                continue;
            };
            let Some(number) = function_number(&unit, &key) else {
                continue;
            };
            if let Some(coverage) = coverage_by(&unit, number, own, repository.runtime()) {
                let key = runtime::encode_key(env, &key).map_err(|_| Error::Invalid {
                    what: "function",
                    detail: "it has no name".into(),
                })?;
                found.push((key, coverage.covered, coverage.executable).encode(env));
            }
        }
        Ok(found)
    };
    error::reply(env, coverage())
}

// Branches

/// Branches that this thread reported lately, by process: what a loop passes a million times is reported rarely.
const LATELY: usize = 4096;

thread_local! {
    static REPORTED: RefCell<Box<[(u64, u32)]>> = RefCell::new(vec![(0, 0); LATELY].into_boxed_slice());
}

/// Whether a branch that has reported once has to report again, because another may be at work now. The answer holds
/// only when there is room in the ring; where there is none, the next passage asks again.
#[cold]
pub fn again(capture: &'static Capture, process: u64, literal: u64) -> Option<u32> {
    let point = capture.points.resolve(literal)?;
    let at =
        (process ^ u64::from(point).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) as usize % LATELY;
    REPORTED.with_borrow_mut(|reported| {
        let slot = reported.get_mut(at)?;
        if *slot == (process, point) {
            return None;
        }
        let room = ring(capture)?.has_room(scope_core::capture::record::RecordKind::Reach);
        if room {
            *slot = (process, point);
        }
        Some(point)
    })
}
