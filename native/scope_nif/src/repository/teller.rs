//! Events as `RuntimeEvent`s: a struct is made at once, and what a point says of all its events is made once an answer.

use ahash::AHashMap;
use rustler::{Encoder, Env, Term};
use scope_core::capture::points::{PointInfo, PointKind};
use scope_core::error::{Error, Result};
use scope_core::ingest::{Event, EventKind, Reading, split};
use scope_core::store::{EVENT_TYPES, Repository};
use scope_core::value::Value;

use super::args;
use super::versions::then_value;
use crate::capture::word_pid;
use crate::terms::value_to_term;
use crate::values::decode;

/// The kind of a type's word.
pub(super) fn kind_of(word: &str) -> Option<EventKind> {
    let at = EVENT_TYPES.iter().position(|known| *known == word)?;
    EventKind::ALL.get(at).copied()
}

/// The fields of the struct, as `Field` numbers them.
const FIELDS: [&str; 23] = [
    "__struct__",
    "event_id",
    "event_type",
    "timestamp",
    "duration_ns",
    "result",
    "pid",
    "correlation_id",
    "point",
    "build",
    "module",
    "function",
    "arity",
    "file",
    "line",
    "column",
    "ast_node_id",
    "arguments",
    "result_value",
    "value",
    "variable",
    "peer",
    "metadata",
];

#[derive(Clone, Copy)]
enum Field {
    Struct = 0,
    EventId,
    EventType,
    Timestamp,
    DurationNs,
    Result,
    Pid,
    CorrelationId,
    Point,
    Build,
    Module,
    Function,
    Arity,
    File,
    Line,
    Column,
    AstNodeId,
    Arguments,
    ResultValue,
    Value,
    Variable,
    Peer,
    Metadata,
}

pub(super) struct Teller<'a, 'r> {
    env: Env<'a>,
    repository: &'r Repository,
    reading: &'r Reading<'r>,
    nil: Term<'a>,
    fields: Vec<Term<'a>>,
    types: Vec<Term<'a>>,
    /// What every event begins as.
    blank: Vec<Term<'a>>,
    points: AHashMap<u64, PointTerms<'a>>,
}

/// What all events of a point share.
struct PointTerms<'a> {
    fields: Vec<(Field, Term<'a>)>,
    metadata: Vec<(Term<'a>, Term<'a>)>,
}

impl<'a, 'r> Teller<'a, 'r> {
    pub fn new(
        env: Env<'a>,
        repository: &'r Repository,
        reading: &'r Reading<'r>,
    ) -> Result<Teller<'a, 'r>> {
        let atoms = |words: &[&str]| -> Result<Vec<Term<'a>>> {
            words.iter().map(|word| atom(env, word)).collect()
        };
        let nil = rustler::types::atom::nil().encode(env);
        let mut blank = vec![nil; FIELDS.len()];
        blank[Field::Struct as usize] = atom(env, "Elixir.ElixirScope.ASTRepository.RuntimeEvent")?;
        blank[Field::Metadata as usize] = Term::map_new(env);
        Ok(Teller {
            env,
            repository,
            reading,
            nil,
            fields: atoms(&FIELDS)?,
            types: atoms(&EVENT_TYPES)?,
            blank,
            points: AHashMap::new(),
        })
    }

    /// A `RuntimeEvent` with its values, and in its metadata which of them were recorded: `nil` may be a value too.
    pub fn tell(&mut self, event: &Event) -> Result<Term<'a>> {
        let env = self.env;
        let mut values = self.blank.clone();
        let mut metadata: Vec<(Term<'a>, Term<'a>)> = Vec::new();
        let mut set = |field: Field, value: Term<'a>| values[field as usize] = value;
        set(Field::EventId, event.event_id.encode(env));
        set(Field::Timestamp, event.at_ns.encode(env));
        set(Field::CorrelationId, event.token.encode(env));
        set(Field::EventType, self.types[event.kind as usize]);
        match event.process_is_local {
            true => set(Field::Pid, word_pid(event.process).encode(env)),
            false if event.process != 0 => {
                metadata.push((atom(env, "process")?, past_pid(event.process).encode(env)));
            }
            false => {}
        }
        if let Some(point) = &event.point {
            let shared = self.point(point)?;
            shared
                .fields
                .iter()
                .for_each(|(field, value)| set(*field, *value));
            metadata.extend(&shared.metadata);
        }
        // What is no beginning has no end of its own.
        let ended = match (event.kind, event.ended) {
            (EventKind::Enter, Some(ended)) => self.reading.event(ended)?,
            _ => None,
        };
        let duration = ended
            .as_ref()
            .map_or(event.duration_ns, |ended| ended.duration_ns);
        if let Some(duration) = duration {
            set(Field::DurationNs, duration.encode(env));
        }
        match ended.as_ref().map(|ended| ended.kind) {
            None | Some(EventKind::Lost) => {}
            Some(kind) => set(Field::Result, self.types[kind as usize]),
        }
        if let Some(reason) = ended.as_ref().map_or(event.reason, |ended| ended.reason) {
            metadata.push((atom(env, "reason")?, atom(env, reason.text())?));
        }
        let mut recorded: Vec<Term<'a>> = Vec::new();
        let (head, value) = split(event.kind, event.blob.as_deref().unwrap_or_default());
        let peer = head
            .first_chunk::<8>()
            .map(|word| u64::from_le_bytes(*word));
        let has_peer = !matches!(event.kind, EventKind::GcBegin | EventKind::GcEnd);
        match peer.filter(|peer| has_peer && *peer != 0) {
            Some(peer) if event.process_is_local => set(Field::Peer, word_pid(peer).encode(env)),
            Some(peer) => metadata.push((atom(env, "peer")?, past_pid(peer).encode(env))),
            None => {}
        }
        if !value.is_empty() {
            let field = match event.kind {
                EventKind::Enter => Field::Arguments,
                kind if kind.is_end() => Field::ResultValue,
                _ => Field::Value,
            };
            set(field, decode(env, value)?);
            recorded.push(self.fields[field as usize]);
        }
        if let Some(blob) = ended.and_then(|ended| ended.blob) {
            set(Field::ResultValue, decode(env, &blob)?);
            recorded.push(self.fields[Field::ResultValue as usize]);
        }
        if !recorded.is_empty() {
            metadata.push((atom(env, "recorded")?, recorded.encode(env)));
        }
        if !metadata.is_empty() {
            let (keys, values): (Vec<_>, Vec<_>) = metadata.into_iter().unzip();
            let map = Term::map_from_term_arrays(env, &keys, &values).map_err(odd)?;
            set(Field::Metadata, map);
        }
        Term::map_from_term_arrays(env, &self.fields, &values).map_err(odd)
    }

    fn point(&mut self, point: &PointInfo) -> Result<&PointTerms<'a>> {
        let literal = point.literal();
        if !self.points.contains_key(&literal) {
            let terms = self.point_terms(point)?;
            self.points.insert(literal, terms);
        }
        self.points.get(&literal).ok_or(Error::NotFound {
            what: "the point of an event",
        })
    }

    fn point_terms(&self, point: &PointInfo) -> Result<PointTerms<'a>> {
        let env = self.env;
        let text = |text: &str| value_to_term(env, &Value::text(text));
        let literal = point.literal();
        let place = self.repository.place_of_point(literal, point);
        let then = place.as_ref().ok().and_then(|node| node.then.clone());
        // Where the line of an older version is.
        let file = match &then {
            Some(then) => text(&then.file)?,
            None => match self.repository.definition(point.function.module) {
                Some((unit, _)) => text(unit.file())?,
                None => self.nil,
            },
        };
        let node = match place {
            Ok(node) => text(&node.id)?,
            Err(_) => self.nil,
        };
        let line = match point.line {
            0 => self.nil,
            line => line.encode(env),
        };
        let mut fields = vec![
            (Field::Point, literal.encode(env)),
            (Field::Build, point.build.encode(env)),
            (Field::Module, atom(env, point.function.module.text())?),
            (Field::Function, atom(env, point.function.name.text())?),
            (Field::Arity, point.function.arity.encode(env)),
            (Field::File, file),
            (Field::Line, line),
            (Field::Column, point.column.encode(env)),
            (Field::AstNodeId, node),
        ];
        let mut metadata = Vec::new();
        if let PointKind::Binding { name, version } = point.kind {
            fields.push((Field::Variable, atom(env, name.text())?));
            metadata.push((atom(env, "version")?, version.encode(env)));
        }
        if let Some(then) = &then {
            metadata.push((atom(env, "then")?, value_to_term(env, &then_value(then))?));
        }
        Ok(PointTerms { fields, metadata })
    }
}

fn atom<'a>(env: Env<'a>, name: &str) -> Result<Term<'a>> {
    let atom = rustler::Atom::from_str(env, name).map_err(odd)?;
    Ok(atom.encode(env))
}

pub(super) fn odd<T>(_: T) -> Error {
    args::invalid("event", "it cannot be built")
}

/// How a process of another VM was written there: `#PID<0.123.0>`, if that VM and this one are of one release.
pub(crate) fn past_pid(word: u64) -> String {
    // The word is written, never used: whatever a file says, the tag of a local pid makes it a harmless one.
    crate::export::pid_text(word & !0xF | 0x3)
}
