//! One value into bytes (`captured::format`), within its bounds: depth, width, bytes, time.
//!
//! The walk keeps what is open on a stack of its own, and always leaves room to close it, so the bytes are a whole value
//! wherever the budget ends.

use rustler::sys::{ErlNifEnv, ErlNifTerm, ErlNifTermType as T};
use scope_core::capture::config::{CaptureConfig, Mode};
use scope_core::capture::redact::{Class, Rule, secrets};
use scope_core::captured::format::{self, By, Kind, Size, TOKEN_BYTES_MAX};

use super::run::Run;
use super::term::{Heap, Pairs};
use super::text::{self, Bounds};
use crate::atoms;
use crate::capture::term_word;

/// Elements of a list that are counted, after those that are kept.
const COUNTED_MAX: u64 = 1_000;
/// A secret that begins in what is kept of a text is looked at so far beyond.
pub(super) const AHEAD: usize = 8 * 1024;
/// Bytes of one list that are searched, as the text that it may be.
const SEARCHED_MAX: usize = 16 * 1024;
/// A kept buffer; a larger one was for an exceptional value.
const KEPT_BYTES: usize = 256 * 1024;

pub(super) struct Encoder {
    out: Vec<u8>,
    stack: Vec<Open>,
    text: Vec<u8>,
}

enum Open {
    List {
        rest: ErlNifTerm,
        count: u64,
        /// So many elements were searched for secrets, as the text that they may be together. No more are kept.
        searched: u64,
        /// Lists inside were searched with it.
        inside: bool,
    },
    Tuple {
        elements: &'static [ErlNifTerm],
        at: usize,
        /// The first element is a secret name: what follows stands under it.
        secret: bool,
    },
    Map {
        pairs: Pairs,
        count: u64,
        size: u64,
        is_struct: bool,
        class: Option<&'static Class>,
        /// The value of the key that was written.
        value: Option<(ErlNifTerm, Option<Rule>)>,
    },
}

impl Encoder {
    pub const fn new() -> Self {
        Encoder {
            out: Vec::new(),
            stack: Vec::new(),
            text: Vec::new(),
        }
    }

    #[inline]
    pub fn begin(&mut self) {
        if self.out.capacity() > KEPT_BYTES {
            self.out = Vec::new();
        }
        self.out.clear();
        self.stack.clear();
    }

    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Appends one value.
    #[inline]
    pub fn value(&mut self, env: *mut ErlNifEnv, term: ErlNifTerm, config: &CaptureConfig) {
        let limit = self.out.len() + config.bytes as usize;
        let mut run = Run::new(env, config, limit);
        self.walk(&mut run, term);
    }

    /// Appends a list of arguments.
    pub fn arguments(&mut self, env: *mut ErlNifEnv, list: ErlNifTerm, config: &CaptureConfig) {
        let limit = self.out.len() + config.bytes as usize;
        let mut run = Run::new(env, config, limit);
        let mut length = 0;
        let mut rest = list;
        while let Some((_, tail)) = run.heap.uncons(rest) {
            length += 1;
            rest = tail;
        }
        if length == 0 {
            format::put_empty_list(&mut self.out);
            return;
        }
        format::put_list(&mut self.out);
        let mut rest = list;
        while let Some((head, tail)) = run.heap.uncons(rest) {
            // One byte for the end of the list.
            let left = limit.saturating_sub(self.out.len() + 1);
            run.limit = self.out.len() + left / length;
            self.walk(&mut run, head);
            length -= 1;
            rest = tail;
        }
        format::put_end(&mut self.out);
    }

    fn walk(&mut self, run: &mut Run<'_>, term: ErlNifTerm) {
        self.put(run, term, None);
        loop {
            let depth = self.stack.len();
            let Some(open) = self.stack.last_mut() else {
                return;
            };
            match open {
                Open::List {
                    rest,
                    count,
                    searched,
                    ..
                } => match run.heap.uncons(*rest) {
                    Some((head, tail)) => {
                        let unsearched = (*count >= *searched).then_some(By::Bytes);
                        let cut = run.cut(*count, self.out.len(), depth);
                        if let Some(by) = cut.or(unsearched) {
                            self.cut_list(run, by);
                            continue;
                        }
                        if let Some(Open::List { rest, count, .. }) = self.stack.last_mut() {
                            *rest = tail;
                            *count += 1;
                        }
                        self.put(run, head, None);
                    }
                    None => self.end_list(run),
                },
                Open::Tuple {
                    elements,
                    at,
                    secret,
                } => {
                    if *at == elements.len() {
                        self.stack.pop();
                        continue;
                    }
                    let (element, under) = (elements[*at], *secret && *at > 0);
                    let (count, size) = (*at as u64, elements.len() as u64);
                    *at += 1;
                    match run.cut(count, self.out.len(), depth) {
                        Some(by) => {
                            format::put_cut(&mut self.out, by, Size::Exactly(size));
                            self.stack.pop();
                        }
                        None => self.put(run, element, under.then_some(Rule::Key)),
                    }
                }
                Open::Map { .. } => self.map_step(run),
            }
        }
    }

    /// The list's end, or what stands in its place.
    fn end_list(&mut self, run: &mut Run<'_>) {
        let Some(Open::List { rest, .. }) = self.stack.pop() else {
            return;
        };
        if run.heap.is_empty_list(rest) {
            format::put_end(&mut self.out);
        } else {
            format::put_tail(&mut self.out);
            // A tail is no list, so it opens a tuple or a map at most, on top of what is around the list.
            self.put(run, rest, None);
        }
    }

    #[cold]
    fn cut_list(&mut self, run: &mut Run<'_>, by: By) {
        let Some(Open::List { rest, count, .. }) = self.stack.pop() else {
            return;
        };
        let (mut counted, mut rest) = (0, rest);
        while counted < COUNTED_MAX
            && let Some((_, tail)) = run.heap.uncons(rest)
        {
            counted += 1;
            rest = tail;
        }
        let size = match run.heap.is_empty_list(rest) {
            true => Size::Exactly(count + counted),
            false => Size::AtLeast(count + counted),
        };
        format::put_cut(&mut self.out, by, size);
    }

    fn map_step(&mut self, run: &mut Run<'_>) {
        let (length, depth) = (self.out.len(), self.stack.len());
        let Some(Open::Map {
            pairs,
            count,
            size,
            is_struct,
            class,
            value,
        }) = self.stack.last_mut()
        else {
            return;
        };
        if let Some((value, rule)) = value.take() {
            self.put(run, value, rule);
            return;
        }
        if *count == *size {
            self.stack.pop();
            return;
        }
        // Key and value go together: there has to be room for both.
        if let Some(by) = run.cut(*count, length + TOKEN_BYTES_MAX, depth) {
            format::put_cut(&mut self.out, by, Size::Exactly(*size));
            self.stack.pop();
            return;
        }
        let mut pair = pairs.next();
        if *is_struct && pair.is_some_and(|(key, _)| is_struct_key(key)) {
            pair = pairs.next();
        }
        let Some((key, found)) = pair else {
            format::put_cut(&mut self.out, By::Width, Size::Exactly(*size));
            self.stack.pop();
            return;
        };
        *count += 1;
        let rule = match class {
            Some(class) => class.withholds(term_word(key)),
            None if *is_struct => Some(Rule::Unclassified),
            None => None,
        };
        let rule = rule.or_else(|| run.policy.is_secret_key(run.heap, key).then_some(Rule::Key));
        *value = Some((found, rule));
        // Names are kept even where only the shape is.
        if run.heap.is_atom(key) {
            format::put_atom(&mut self.out, term_word(key));
        } else {
            self.put(run, key, None);
        }
    }

    /// One term: a leaf is written, a container opened.
    #[inline]
    fn put(&mut self, run: &mut Run<'_>, term: ErlNifTerm, secret: Option<Rule>) {
        let heap = run.heap;
        let kind = heap.kind(term);
        if let Some(rule) = secret {
            return format::put_redacted(&mut self.out, rule as u8, kind_of(heap, kind, term));
        }
        if !run.has_room(self.out.len(), self.stack.len()) {
            let by = if run.over { By::Time } else { By::Bytes };
            return self.gone(run, by, kind, term);
        }
        if run.config.mode == Mode::Shape
            && !matches!(
                kind,
                T::ERL_NIF_TERM_TYPE_LIST | T::ERL_NIF_TERM_TYPE_TUPLE | T::ERL_NIF_TERM_TYPE_MAP
            )
        {
            return self.gone(run, By::Shape, kind, term);
        }
        match kind {
            T::ERL_NIF_TERM_TYPE_INTEGER => self.integer(run, term),
            T::ERL_NIF_TERM_TYPE_ATOM => {
                if term == atoms::withheld().as_c_arg() {
                    format::put_redacted(&mut self.out, Rule::Name as u8, Kind::Atom);
                } else {
                    format::put_atom(&mut self.out, term_word(term));
                }
            }
            T::ERL_NIF_TERM_TYPE_FLOAT => format::put_float(&mut self.out, heap.float(term)),
            T::ERL_NIF_TERM_TYPE_BITSTRING => self.bits(run, term),
            T::ERL_NIF_TERM_TYPE_LIST => self.list(run, term),
            T::ERL_NIF_TERM_TYPE_TUPLE => self.tuple(run, term),
            T::ERL_NIF_TERM_TYPE_MAP => self.map(run, term),
            T::ERL_NIF_TERM_TYPE_PID => match heap.local_pid(term) {
                Some(word) => format::put_pid(&mut self.out, word),
                None => self.external(run, Kind::Pid, term),
            },
            T::ERL_NIF_TERM_TYPE_PORT => match heap.local_port(term) {
                Some(word) => format::put_port(&mut self.out, word),
                None => self.external(run, Kind::Port, term),
            },
            T::ERL_NIF_TERM_TYPE_REFERENCE => self.external(run, Kind::Reference, term),
            // Never its environment, which may hold anything.
            _ => self.function(run, term),
        }
    }

    #[inline]
    fn integer(&mut self, run: &mut Run<'_>, term: ErlNifTerm) {
        match run.heap.small(term) {
            Some(int) => match u64::try_from(int) {
                Ok(number) if secrets::is_card_number(number) => {
                    let rule = Rule::CardNumber as u8;
                    format::put_redacted(&mut self.out, rule, Kind::Integer);
                }
                _ => format::put_int(&mut self.out, int),
            },
            None => self.external(run, Kind::Integer, term),
        }
    }

    fn bits(&mut self, run: &mut Run<'_>, term: ErlNifTerm) {
        let Some(bytes) = run.heap.binary(term) else {
            return self.external(run, Kind::Bitstring, term);
        };
        let room = run.room(self.out.len(), self.stack.len());
        // Within something, half of what is left: the rest is for what follows.
        let share = if self.stack.is_empty() {
            room
        } else {
            room / 2
        };
        let kept = bytes.len().min(share);
        run.spend(kept / 32);
        self.text.clear();
        let seen = &bytes[..bytes.len().min(kept + AHEAD)];
        match secrets::mask(run.policy.rules(), seen, kept, &mut self.text) {
            Some(rule) => {
                let kept = self.text.len().min(share);
                let text = &self.text[..kept];
                format::put_masked(&mut self.out, rule as u8, bytes.len() as u64, text);
            }
            None if kept == bytes.len() => format::put_binary(&mut self.out, bytes),
            None => {
                format::put_binary_cut(&mut self.out, By::Bytes, bytes.len() as u64, &bytes[..kept])
            }
        }
    }

    fn list(&mut self, run: &mut Run<'_>, term: ErlNifTerm) {
        if run.heap.is_empty_list(term) {
            format::put_empty_list(&mut self.out);
        } else if self.depth_reached(run) {
            self.gone(run, By::Depth, T::ERL_NIF_TERM_TYPE_LIST, term);
        } else {
            // What is in a list that was searched was searched with it.
            let known = match self.stack.last() {
                Some(Open::List { inside: true, .. }) => Ok((u64::MAX, true)),
                _ => self.search(run, term),
            };
            match known {
                Err(rule) => format::put_redacted(&mut self.out, rule as u8, Kind::List),
                Ok((searched, inside)) => {
                    format::put_list(&mut self.out);
                    self.stack.push(Open::List {
                        rest: term,
                        count: 0,
                        searched,
                        inside,
                    });
                }
            }
        }
    }

    /// A list may be text: characters, binaries, and lists of them. What it says is searched as text is: for how many
    /// elements, or which rule found something.
    fn search(&mut self, run: &mut Run<'_>, term: ErlNifTerm) -> Result<(u64, bool), Rule> {
        let room = run.room(self.out.len(), self.stack.len());
        let bounds = Bounds {
            elements: u64::from(run.config.width),
            bytes: room.clamp(256, SEARCHED_MAX),
        };
        let mut text = std::mem::take(&mut self.text);
        let searched = text::put_together(run.heap, term, bounds, &mut text);
        run.spend(searched.steps / 2 + text.len() / 32);
        // Nothing that is shorter is a secret.
        let found = match text.len() {
            0..=4 => None,
            _ => secrets::any(run.policy.rules(), &text),
        };
        self.text = text;
        match found {
            Some(rule) => Err(rule),
            None => Ok((searched.elements, searched.inside)),
        }
    }

    fn tuple(&mut self, run: &mut Run<'_>, term: ErlNifTerm) {
        let elements: &'static [ErlNifTerm] = run.heap.tuple(term).unwrap_or_default();
        if self.depth_reached(run) && !elements.is_empty() {
            return self.gone(run, By::Depth, T::ERL_NIF_TERM_TYPE_TUPLE, term);
        }
        format::put_tuple(&mut self.out, elements.len() as u64);
        if !elements.is_empty() {
            let secret = elements.len() > 1 && run.policy.is_secret_key(run.heap, elements[0]);
            // A name is a key: it stays where only the shape is kept.
            let mut at = 0;
            if elements.len() == 2 && run.heap.is_atom(elements[0]) {
                format::put_atom(&mut self.out, term_word(elements[0]));
                at = 1;
            }
            self.stack.push(Open::Tuple {
                elements,
                at,
                secret,
            });
        }
    }

    fn map(&mut self, run: &mut Run<'_>, term: ErlNifTerm) {
        let heap = run.heap;
        let size = heap.map_size(term).unwrap_or(0) as u64;
        if size == 0 {
            return format::put_map(&mut self.out, 0);
        }
        if self.depth_reached(run) {
            return self.gone(run, By::Depth, T::ERL_NIF_TERM_TYPE_MAP, term);
        }
        let module = heap
            .map_value(term, atoms::__struct__().as_c_arg())
            .filter(|module| heap.is_atom(*module));
        let Some(pairs) = Pairs::new(heap, term) else {
            return self.gone(run, By::Bytes, T::ERL_NIF_TERM_TYPE_MAP, term);
        };
        let mut class = None;
        let size = match module {
            Some(module) => {
                let word = term_word(module);
                class = run.policy.structs.class(word);
                if class.is_none() {
                    run.policy.structs.ask(word);
                }
                format::put_struct(&mut self.out, size - 1);
                format::put_atom(&mut self.out, word);
                size - 1
            }
            None => {
                format::put_map(&mut self.out, size);
                size
            }
        };
        if size > 0 {
            self.stack.push(Open::Map {
                pairs,
                count: 0,
                size,
                is_struct: module.is_some(),
                class,
                value: None,
            });
        }
    }

    fn external(&mut self, run: &mut Run<'_>, kind: Kind, term: ErlNifTerm) {
        let room = run.room(self.out.len(), self.stack.len());
        let out = &mut self.out;
        let rules = run.policy.rules();
        let size = run.heap.external(term, |bytes| {
            // Bits that are no whole bytes may hold text all the same.
            let seen = &bytes[..bytes.len().min(room + AHEAD)];
            if kind == Kind::Bitstring
                && let Some(rule) = secrets::any(rules, seen)
            {
                format::put_redacted(out, rule as u8, kind);
                return None;
            }
            let fits = bytes.len() <= room;
            if fits {
                format::put_external(out, kind, bytes);
            }
            (!fits).then_some(bytes.len() as u64)
        });
        match size {
            Some(None) => {}
            Some(Some(size)) => format::put_gone(out, By::Bytes, kind, Size::Exactly(size)),
            None => format::put_gone(out, By::Bytes, kind, Size::Unknown),
        }
    }

    fn function(&mut self, run: &mut Run<'_>, term: ErlNifTerm) {
        let mut buffer = [0; 1024];
        let text = run.heap.atom_text(term, &mut buffer);
        let room = run.room(self.out.len(), self.stack.len());
        let text = &text[..text.len().min(room).min(300)];
        let text = std::str::from_utf8(text).unwrap_or("#Function<?>");
        format::put_opaque(&mut self.out, Kind::Function, text);
    }

    fn gone(&mut self, run: &Run<'_>, by: By, kind: T, term: ErlNifTerm) {
        let kind = kind_of(run.heap, kind, term);
        let size = match kind {
            Kind::Binary => run.heap.binary(term).map(|bytes| bytes.len() as u64),
            Kind::Tuple => run.heap.tuple(term).map(|elements| elements.len() as u64),
            Kind::Map => run.heap.map_size(term).map(|size| size as u64),
            Kind::Struct => run.heap.map_size(term).map(|size| size as u64 - 1),
            _ => None,
        };
        let size = size.map_or(Size::Unknown, Size::Exactly);
        format::put_gone(&mut self.out, by, kind, size);
    }

    fn depth_reached(&self, run: &Run<'_>) -> bool {
        self.stack.len() >= usize::from(run.config.depth)
    }
}

fn is_struct_key(key: ErlNifTerm) -> bool {
    key == atoms::__struct__().as_c_arg()
}

fn kind_of(heap: Heap, kind: T, term: ErlNifTerm) -> Kind {
    match kind {
        T::ERL_NIF_TERM_TYPE_INTEGER => Kind::Integer,
        T::ERL_NIF_TERM_TYPE_FLOAT => Kind::Float,
        T::ERL_NIF_TERM_TYPE_ATOM => Kind::Atom,
        T::ERL_NIF_TERM_TYPE_LIST => Kind::List,
        T::ERL_NIF_TERM_TYPE_TUPLE => Kind::Tuple,
        T::ERL_NIF_TERM_TYPE_PID => Kind::Pid,
        T::ERL_NIF_TERM_TYPE_PORT => Kind::Port,
        T::ERL_NIF_TERM_TYPE_REFERENCE => Kind::Reference,
        T::ERL_NIF_TERM_TYPE_BITSTRING if heap.binary(term).is_some() => Kind::Binary,
        T::ERL_NIF_TERM_TYPE_BITSTRING => Kind::Bitstring,
        T::ERL_NIF_TERM_TYPE_MAP => {
            let module = heap.map_value(term, atoms::__struct__().as_c_arg());
            match module.is_some_and(|module| heap.is_atom(module)) {
                true => Kind::Struct,
                false => Kind::Map,
            }
        }
        _ => Kind::Function,
    }
}
