//! Gates: what points let through, set and asked for.

use rustler::{Encoder, Env, NifResult, Term};
use scope_core::atoms::intern;
use scope_core::capture::calibrate;
use scope_core::capture::config::Mode;
use scope_core::capture::gate::{
    CaptureChange, Change, GateReport, Order, Per, Priority, Rate, Sampling, Scope, Status, Timing,
    kind_name,
};
use scope_core::capture::points::FunctionKey;
use scope_core::error::{Error, Result};

use crate::capture::{capture, existing, ring, self_word};
use crate::capture_control::decode_selection;
use crate::{atoms, error, probe, runtime, values};

/// The kinds of points that a gate can be asked for.
const KINDS: [&str; 9] = [
    "clause",
    "binding",
    "expression",
    "choice",
    "send",
    "receive",
    "raise",
    "custom",
    "foreign",
];

/// `capture_gates_set(selection, :calls | [kind], :point | :function | :selection, changes)`: `{:ok, how_many_points}`.
///
/// `changes` is a map with any of `:mode`, `:depth`, `:width`, `:bytes`, `:time_ns`, `:sampling_rate`, `:rate`
/// (`{per_second, burst}`), `:hits`, `:for_ns`, `:priority` and `:enabled`; a limit of nil is none. `capture: nil` takes
/// the bounds of values away.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_gates_set<'a>(
    env: Env<'a>,
    selection: Term<'a>,
    scope: Term<'a>,
    per: Term<'a>,
    changes: Term<'a>,
) -> Term<'a> {
    let set = || {
        let order = Order {
            selection: decode_selection(selection)?,
            scope: decode_scope(scope)?,
            per: decode_per(per)?,
            change: decode_change(changes, capture().timing())?,
        };
        capture().configure(&order)
    };
    error::reply(env, set())
}

/// `capture_gates_clear(selection)`: `{:ok, how_many_points_had_one}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_gates_clear<'a>(env: Env<'a>, selection: Term<'a>) -> Term<'a> {
    error::reply(
        env,
        decode_selection(selection).and_then(|it| capture().ungate(&it)),
    )
}

/// All gates, or that of a point, as maps.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_gates<'a>(env: Env<'a>, point: Term<'a>) -> NifResult<Vec<Term<'a>>> {
    let Some(capture) = existing() else {
        return Ok(Vec::new());
    };
    let reports = match point.decode::<u64>() {
        Ok(point) => capture.gate_of(point).into_iter().collect(),
        Err(_) => capture.report(None),
    };
    reports.iter().map(|it| encode_report(env, it)).collect()
}

/// `capture_share(module, name, arity)`: `{sampling, seen, passed}` of the function's calls, nil where all are recorded.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_share(module: Term<'_>, name: Term<'_>, arity: u8) -> Option<(f64, u64, u64)> {
    let atom = |term: Term<'_>| term.atom_to_string().ok().map(|text| intern(&text));
    let function = FunctionKey {
        module: atom(module)?,
        name: atom(name)?,
        arity: arity.into(),
    };
    let share = existing()?.share_of(function)?;
    Some((share.sampling, share.seen, share.passed))
}

/// `capture_limit(changes | nil)`: limits the whole capture, from now on or no longer.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_limit<'a>(env: Env<'a>, changes: Term<'a>) -> Term<'a> {
    let limit = || {
        let settings = match runtime::is_nil(changes) {
            true => None,
            false => {
                let change = decode_change(changes, capture().timing())?;
                Some(change.apply(Default::default(), 0))
            }
        };
        capture().gates.limit(settings);
        Ok(())
    };
    error::reply_ok(env, limit())
}

/// What limits the whole capture, as a map, or nil.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_limits(env: Env<'_>) -> NifResult<Term<'_>> {
    match existing().and_then(|capture| capture.whole_report()) {
        Some(report) => encode_report(env, &report),
        None => Ok(rustler::types::atom::nil().encode(env)),
    }
}

/// Whether the whole capture has used up what it was limited to.
#[rustler::nif]
fn capture_spent() -> bool {
    existing().is_some_and(|capture| capture.is_spent())
}

/// `capture_points(selection)`: `{:ok, [{point, kind, {m, f, a}, clause, line, column | nil}]}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_points<'a>(env: Env<'a>, selection: Term<'a>) -> NifResult<Term<'a>> {
    let selection = match decode_selection(selection) {
        Ok(selection) => selection,
        Err(error) => return Ok(error::encode(env, &error)),
    };
    let found = capture().points.matching(&selection);
    let points: NifResult<Vec<Term<'a>>> = found
        .iter()
        .map(|(_, registered)| {
            let info = &registered.info;
            let function = runtime::encode_key(env, &info.function)?;
            let kind = kind_name(&info.kind);
            Ok((
                info.literal(),
                kind,
                function,
                info.clause,
                info.line,
                info.column,
            )
                .encode(env))
        })
        .collect();
    Ok((atoms::ok(), points?).encode(env))
}

/// `capture_calibrate(rounds, {arguments, small, large})`: what the native halves of probes cost, in picoseconds, measured now:
/// `{:ok, %{enter:, exit:, within:, gate_passed:, gate_refused:, arguments:, value:, large:, message:, pair:, arguments_bytes:,
/// value_bytes:, large_bytes:}}`. `arguments` is a list; the `_bytes` are what the samples take.
#[rustler::nif(schedule = "DirtyCpu")]
fn capture_calibrate<'a>(env: Env<'a>, rounds: u32, samples: Term<'a>) -> NifResult<Term<'a>> {
    let (arguments, small, large): (Term<'a>, Term<'a>, Term<'a>) = samples.decode()?;
    let rounds = rounds.min(1_000_000);
    let mut bench = match calibrate::Bench::new() {
        Ok(bench) => bench,
        Err(error) => return Ok(error::encode(env, &error)),
    };
    let config = calibrate::config();
    let raw = env.as_c_arg();
    let number = rounds.encode(env).as_c_arg();
    // What every probe asks of the VM before and after: numbers in and out, who calls, which ring.
    let asked = || {
        let word = unsafe { (probe::unsigned(raw, number), self_word(raw)) };
        std::hint::black_box((word, ring(capture()).is_some()));
        std::hint::black_box(unsafe { probe::integer(raw, word.1) });
    };
    let costs = bench.costs(rounds, asked);
    let (list, small, large) = (arguments.as_c_arg(), small.as_c_arg(), large.as_c_arg());
    // SAFETY, here and below: terms of this call, and this thread encodes nothing else meanwhile.
    let lengths = unsafe {
        [
            values::encode_list(raw, list, &config).len() as u64,
            values::encode(raw, small, &config).len() as u64,
            values::encode(raw, large, &config).len() as u64,
        ]
    };
    let arguments = bench.fastest(rounds, |capture, ring, literal| unsafe {
        asked();
        let bytes = values::encode_list(raw, list, &config);
        calibrate::begin(capture, ring, literal, Some(bytes));
    });
    let mut within = |rounds: u32, encoded: &dyn Fn() -> &'static [u8]| {
        bench.fastest(rounds, |capture, ring, literal| {
            asked();
            calibrate::within(capture, ring, literal, Some(encoded()));
        })
    };
    let value = within(rounds, &|| unsafe { values::encode(raw, small, &config) });
    let many = within(rounds / 8, &|| unsafe {
        values::encode(raw, large, &config)
    });
    let message = within(rounds, &|| unsafe {
        let (key, tag) = values::message_key(raw, small);
        values::encode_with(raw, values::Head { peer: 1, key, tag }, small, &config)
    });
    let pair = within(rounds, &|| unsafe {
        values::encode_pair(raw, small, small, &config)
    });
    let map = Term::map_from_pairs(
        env,
        &[
            (atoms::enter(), costs.enter),
            (atoms::exit(), costs.exit),
            (atoms::within(), costs.within),
            (atoms::gate_passed(), costs.gate_passed),
            (atoms::gate_refused(), costs.gate_refused),
            (atoms::arguments(), arguments),
            (atoms::value(), value),
            (atoms::large(), many),
            (atoms::message(), message),
            (atoms::pair(), pair),
            (atoms::arguments_bytes(), lengths[0]),
            (atoms::value_bytes(), lengths[1]),
            (atoms::large_bytes(), lengths[2]),
        ],
    )?;
    Ok((atoms::ok(), map).encode(env))
}

fn decode_scope(scope: Term<'_>) -> Result<Scope> {
    if let Ok(atom) = scope.decode::<rustler::Atom>()
        && atom == atoms::calls()
    {
        return Ok(Scope::Calls);
    }
    let kinds: Vec<Term<'_>> = scope
        .decode()
        .map_err(|_| invalid("kinds", "it is a list"))?;
    let known = |kind: &Term<'_>| {
        let text = kind.atom_to_string().ok()?;
        KINDS.iter().find(|known| **known == text).copied()
    };
    let kinds: Option<Vec<&'static str>> = kinds.iter().map(known).collect();
    kinds.map(Scope::Kinds).ok_or_else(|| {
        let detail = format!("a kind is one of {}", KINDS.join(", "));
        invalid("kinds", &detail)
    })
}

fn decode_per(per: Term<'_>) -> Result<Per> {
    match per.atom_to_string().as_deref() {
        Ok("point") => Ok(Per::Point),
        Ok("function") => Ok(Per::Function),
        Ok("selection") => Ok(Per::Selection),
        _ => Err(invalid("per", "it is :point, :function or :selection")),
    }
}

pub fn decode_change(changes: Term<'_>, timing: Timing) -> Result<Change> {
    let pairs =
        rustler::MapIterator::new(changes).ok_or_else(|| invalid("changes", "it is a map"))?;
    let (mut change, mut values) = (Change::default(), CaptureChange::default());
    for (key, value) in pairs {
        let name = key.atom_to_string().unwrap_or_default();
        let wrong = || invalid("changes", &format!("the value of {name} is wrong"));
        let none = runtime::is_nil(value);
        match name.as_str() {
            "capture" if none => change.capture = Some(None),
            "mode" => values.mode = Some(decode_mode(value).ok_or_else(wrong)?),
            "depth" => values.depth = Some(value.decode().map_err(|_| wrong())?),
            "width" => values.width = Some(value.decode().map_err(|_| wrong())?),
            "bytes" => values.bytes = Some(value.decode().map_err(|_| wrong())?),
            "time_ns" => values.time_ns = Some(value.decode().map_err(|_| wrong())?),
            "sampling_rate" => {
                let share: f64 = value.decode().map_err(|_| wrong())?;
                change.sampling = Some(Sampling::of(share));
            }
            "rate" if none => change.rate = Some(None),
            "rate" => {
                let (per_second, burst): (u32, u32) = value.decode().map_err(|_| wrong())?;
                let rate = Rate { per_second, burst };
                change.rate = Some(Some((rate, rate.pace(timing.ticks_per_second))));
            }
            "hits" if none => change.hits = Some(None),
            "hits" => change.hits = Some(Some(value.decode().map_err(|_| wrong())?)),
            "for_ns" if none => change.expires_at = Some(None),
            "for_ns" => {
                let ns = value.decode().map_err(|_| wrong())?;
                change.expires_at = Some(Some(timing.after(ns)));
            }
            "priority" => change.priority = Some(decode_priority(value).ok_or_else(wrong)?),
            "enabled" => change.enabled = Some(value.decode().map_err(|_| wrong())?),
            _ => return Err(invalid("changes", &format!("{name} is no setting"))),
        }
    }
    if values != CaptureChange::default() {
        change.capture = Some(Some(values));
    }
    Ok(change)
}

pub fn decode_mode(term: Term<'_>) -> Option<Mode> {
    match term.atom_to_string().ok()?.as_str() {
        "full" => Some(Mode::Full),
        "truncated" => Some(Mode::Truncated),
        "shape" => Some(Mode::Shape),
        "off" => Some(Mode::Off),
        _ => None,
    }
}

fn mode_name(mode: Mode) -> rustler::Atom {
    match mode {
        Mode::Full => atoms::full(),
        Mode::Truncated => atoms::truncated(),
        Mode::Shape => atoms::shape(),
        Mode::Off => atoms::off(),
    }
}

fn decode_priority(term: Term<'_>) -> Option<Priority> {
    match term.atom_to_string().ok()?.as_str() {
        "low" => Some(Priority::Low),
        "medium" => Some(Priority::Medium),
        "high" => Some(Priority::High),
        "critical" => Some(Priority::Critical),
        _ => None,
    }
}

fn encode_report<'a>(env: Env<'a>, report: &GateReport) -> NifResult<Term<'a>> {
    let (settings, counts) = (&report.settings, &report.counts);
    let refused = Term::map_from_pairs(
        env,
        &[
            (atoms::sampled_out(), counts.sampled_out),
            (atoms::rate_limited(), counts.rate_limited),
            (atoms::hit_limit(), counts.hit_limit),
            (atoms::expired(), counts.expired),
            (atoms::low_priority(), counts.low_priority),
            (atoms::disabled(), counts.disabled),
        ],
    )?;
    let capture = match settings.capture {
        None => rustler::types::atom::nil().encode(env),
        Some(config) => Term::map_from_pairs(
            env,
            &[
                (atoms::mode(), mode_name(config.mode).encode(env)),
                (atoms::depth(), config.depth.encode(env)),
                (atoms::width(), config.width.encode(env)),
                (atoms::bytes(), config.bytes.encode(env)),
                (atoms::time_ns(), config.time_ns.encode(env)),
            ],
        )?,
    };
    let priority = match settings.priority {
        Priority::Low => atoms::low(),
        Priority::Medium => atoms::medium(),
        Priority::High => atoms::high(),
        Priority::Critical => atoms::critical(),
    };
    let per = match report.per {
        Per::Point => atoms::point(),
        Per::Function => atoms::function(),
        Per::Selection => atoms::selection(),
    };
    let status = match report.status {
        Status::Open => atoms::open(),
        Status::Disabled => atoms::disabled(),
        Status::HitLimit => atoms::hit_limit(),
        Status::Expired => atoms::expired(),
    };
    let rate = settings.rate.map(|(rate, _)| (rate.per_second, rate.burst));
    let points: NifResult<Vec<Term<'a>>> = report
        .points
        .iter()
        .map(|point| {
            let function = runtime::encode_key(env, &point.function)?;
            Ok((
                point.literal(),
                kind_name(&point.kind),
                function,
                point.clause,
                point.line,
            )
                .encode(env))
        })
        .collect();
    let pairs = [
        (atoms::per(), per.encode(env)),
        (atoms::status(), status.encode(env)),
        (atoms::capture_config(), capture),
        (
            atoms::sampling_rate(),
            settings.sampling.share().encode(env),
        ),
        (atoms::rate(), rate.encode(env)),
        (atoms::hits_left(), report.hits_left.encode(env)),
        (atoms::priority(), priority.encode(env)),
        (atoms::enabled(), settings.enabled.encode(env)),
        (atoms::passed(), counts.passed.encode(env)),
        (atoms::refused(), refused),
        (atoms::made_at_ns(), report.made_at_ns.encode(env)),
        (
            atoms::last_passed_at_ns(),
            report.last_passed_at_ns.encode(env),
        ),
        (atoms::expires_at_ns(), report.expires_at_ns.encode(env)),
        (atoms::points(), points?.encode(env)),
    ];
    Term::map_from_pairs(env, &pairs)
}

fn invalid(what: &'static str, detail: &str) -> Error {
    Error::Invalid {
        what,
        detail: detail.to_owned(),
    }
}
