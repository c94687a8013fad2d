//! Values for whoever asks from Elixir, and the rules of what is withheld.

use rustler::{Binary, Encoder, Env, NewBinary, NifResult, Term};
use scope_core::capture::config::CaptureConfig;
use scope_core::capture::redact::{Class, LOOKS, Rule, Rules, secrets};
use scope_core::captured::{AtomWords, Names, show, transcode};
use scope_core::error::{Error, Result};

use super::policy::policy;
use crate::capture::{Vm, term_word, word_term};
use crate::error;
use scope_core::capture::Host;

/// Most text that is searched at a time.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// `value_encode(term, {mode, depth, width, bytes, time_ns})`: the bytes that the event log would keep.
#[rustler::nif(schedule = "DirtyCpu")]
fn value_encode<'a>(env: Env<'a>, term: Term<'a>, config: Term<'a>) -> Term<'a> {
    let encoded = config_of(config).and_then(|config| {
        // SAFETY: the environment and the term of this call.
        let raw = unsafe { super::encode(env.as_c_arg(), term.as_c_arg(), &config) };
        let mut bytes = Vec::new();
        let mut vm = Vm(env);
        transcode(
            raw,
            &mut AtomWords::new(),
            &mut |word| vm.atom(word),
            &mut bytes,
        )?;
        Ok(binary(env, &bytes))
    });
    error::reply(env, encoded)
}

/// `{:ok, nanoseconds}` that encoding the term so often takes.
#[rustler::nif(schedule = "DirtyCpu")]
fn value_time<'a>(env: Env<'a>, term: Term<'a>, config: Term<'a>, times: u32) -> Term<'a> {
    let time = config_of(config).map(|config| {
        let started = std::time::Instant::now();
        for _ in 0..times {
            // SAFETY: the environment and the term of this call.
            let raw = unsafe { super::encode(env.as_c_arg(), term.as_c_arg(), &config) };
            std::hint::black_box(raw);
        }
        started.elapsed().as_nanos() as u64
    });
    error::reply(env, time)
}

fn config_of(term: Term<'_>) -> Result<CaptureConfig> {
    let (mode, depth, width, bytes, time_ns): (Term<'_>, u16, u32, u32, u32) =
        term.decode().map_err(|_| odd_config())?;
    let mode = crate::gates::decode_mode(mode).ok_or_else(odd_config)?;
    Ok(CaptureConfig {
        mode,
        depth,
        width,
        bytes,
        time_ns,
    }
    .clamped())
}

fn odd_config() -> Error {
    Error::Invalid {
        what: "bounds",
        detail: "they are {:full | :truncated | :shape | :off, depth, width, bytes, time_ns}"
            .into(),
    }
}

/// The term of such bytes.
#[rustler::nif(schedule = "DirtyCpu")]
fn value_decode<'a>(env: Env<'a>, bytes: Binary<'a>) -> Term<'a> {
    error::reply(env, super::decode(env, bytes.as_slice()))
}

/// As text, of about so many bytes at most.
#[rustler::nif(schedule = "DirtyCpu")]
fn value_show<'a>(env: Env<'a>, bytes: Binary<'a>, bytes_max: usize) -> Term<'a> {
    let names = VmNames(env);
    show(bytes.as_slice(), &names, bytes_max.min(TEXT_BYTES_MAX)).encode(env)
}

/// What pids and ports are called in this VM.
struct VmNames<'a>(Env<'a>);

impl VmNames<'_> {
    fn text(&self, word: u64) -> String {
        // SAFETY: the word of an immediate term of this VM.
        let term = unsafe { Term::new(self.0, word_term(word)) };
        format!("{term:?}")
    }
}

impl Names for VmNames<'_> {
    fn pid(&self, word: u64) -> String {
        self.text(word).replace('<', "#PID<").replacen("##", "#", 1)
    }

    fn port(&self, word: u64) -> String {
        self.text(word)
    }
}

/// A text with its secrets masked, and the text as it is when it has none. What is longer than a megabyte is cut.
#[rustler::nif(schedule = "DirtyCpu")]
fn value_redact_text<'a>(env: Env<'a>, text: Binary<'a>) -> Term<'a> {
    let text = text.as_slice();
    let text = &text[..text.len().min(TEXT_BYTES_MAX)];
    match secrets::masked(policy().rules(), text) {
        Some(masked) => binary(env, &masked).encode(env),
        None => binary(env, text).encode(env),
    }
}

/// Whether something of this name is withheld.
#[rustler::nif]
fn redaction_secret_name(name: &str) -> bool {
    policy().rules().keys.matches(name.as_bytes())
}

/// `redaction_configure(parts, wholes, looks, patterns)`, lists of texts; looks by the names of their rules.
#[rustler::nif(schedule = "DirtyCpu")]
fn redaction_configure<'a>(
    env: Env<'a>,
    parts: Vec<String>,
    wholes: Vec<String>,
    looks: Vec<String>,
    patterns: Vec<String>,
) -> Term<'a> {
    let rules = looks
        .iter()
        .map(|name| look(name))
        .collect::<Result<Vec<Rule>>>()
        .and_then(|looks| Rules::new(&parts, &wholes, &looks, &patterns));
    error::reply_ok(env, rules.map(|rules| policy().set_rules(rules)))
}

fn look(name: &str) -> Result<Rule> {
    let known = LOOKS.into_iter().find(|rule| rule.name() == name);
    known.ok_or_else(|| Error::Invalid {
        what: "looks",
        detail: format!("{name} is none of them"),
    })
}

/// `redaction_classify(module, :plain | {:all, rule} | [{field, rule}])`: whether there was room.
#[rustler::nif(schedule = "DirtyCpu")]
fn redaction_classify<'a>(env: Env<'a>, module: Term<'a>, class: Term<'a>) -> Term<'a> {
    let done = class_of(class).map(|class| {
        policy()
            .structs
            .classify(term_word(module.as_c_arg()), class)
    });
    error::reply(env, done)
}

/// All of these hide nothing: how many there was room for.
#[rustler::nif(schedule = "DirtyCpu")]
fn redaction_classify_plain(modules: Vec<Term<'_>>) -> usize {
    let words = modules.iter().map(|module| term_word(module.as_c_arg()));
    words
        .filter(|word| policy().structs.classify(*word, Class::Plain))
        .count()
}

fn class_of(term: Term<'_>) -> Result<Class> {
    let odd = || Error::Invalid {
        what: "class",
        detail: "it is :plain, {:all, rule} or [{field, rule}]".into(),
    };
    let rule = |term: Term<'_>| {
        let name = term.atom_to_string().map_err(|_| odd())?;
        let known = Rule::ALL.into_iter().find(|rule| rule.name() == name);
        known.ok_or_else(odd)
    };
    if term.is_atom() {
        return Ok(Class::Plain);
    }
    if let Ok((_, named)) = term.decode::<(Term<'_>, Term<'_>)>() {
        return Ok(Class::All(rule(named)?));
    }
    let fields: Vec<(Term<'_>, Term<'_>)> = term.decode().map_err(|_| odd())?;
    let fields = fields
        .into_iter()
        .map(|(field, named)| Ok((term_word(field.as_c_arg()), rule(named)?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(Class::Fields(fields.into()))
}

/// Struct modules that were met and are not classified; each is given once.
#[rustler::nif(schedule = "DirtyCpu")]
fn redaction_waiting(env: Env<'_>) -> NifResult<Vec<Term<'_>>> {
    let words = policy().structs.take_waiting().into_iter();
    // SAFETY: words of atoms, which live as long as the VM.
    Ok(words
        .map(|word| unsafe { Term::new(env, word_term(word)) })
        .collect())
}

/// `{waiting, withheld}`: modules that wait, and how often a struct was withheld because its module was not classified.
#[rustler::nif]
fn redaction_unclassified() -> (usize, u64) {
    policy().structs.unclassified()
}

/// `{key, tag}` of a message, and the key that a callback with this `from` has.
#[rustler::nif]
fn value_message_key<'a>(env: Env<'a>, message: Term<'a>, from: Term<'a>) -> (u64, u8, u64) {
    // SAFETY: the environment and the terms of this call.
    unsafe {
        let (key, tag) = super::message_key(env.as_c_arg(), message.as_c_arg());
        let head = super::handled(env.as_c_arg(), message.as_c_arg(), from.as_c_arg());
        (key, tag, head.key)
    }
}

fn binary<'a>(env: Env<'a>, bytes: &[u8]) -> Binary<'a> {
    let mut binary = NewBinary::new(env, bytes.len());
    binary.as_mut_slice().copy_from_slice(bytes);
    binary.into()
}
