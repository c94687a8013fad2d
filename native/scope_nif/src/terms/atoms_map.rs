//! Between the BEAM's atoms and the core's.
//!
//! An atom's word never changes while the VM lives, so both directions are remembered for good.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::RwLock;
use rustler::sys::{self, ErlNifCharEncoding, c_char};
use rustler::{Env, Term};
use scope_core::atoms::{Atom, intern};
use scope_core::error::{Error, Result};

use super::raw::{Heap, Raw};

/// Atoms that this library may add to the BEAM's table, ever. Those of a parsed source are there
/// already; new ones come from the names of modules that were never compiled, and from saved files.
const CREATED_MAX: usize = 100_000;
const CHARACTERS_MAX: usize = 255;

static CREATED: AtomicUsize = AtomicUsize::new(0);

fn to_core() -> &'static DashMap<Raw, Atom, ahash::RandomState> {
    static TO_CORE: OnceLock<DashMap<Raw, Atom, ahash::RandomState>> = OnceLock::new();
    TO_CORE.get_or_init(DashMap::default)
}

/// Words by the core's number; the default is "not known yet" (no term is zero).
fn to_beam() -> &'static RwLock<Vec<Raw>> {
    static TO_BEAM: OnceLock<RwLock<Vec<Raw>>> = OnceLock::new();
    TO_BEAM.get_or_init(Default::default)
}

/// The core's atom of an atom term; `None` when the term is no atom.
#[allow(dead_code)]
pub fn atom_from_term(term: Term<'_>) -> Option<Atom> {
    let heap = Heap::of(term.get_env());
    heap.is_atom(term.as_c_arg())
        .then(|| from_word(heap, term.as_c_arg()).ok())
        .flatten()
}

/// The atom term of a core atom. Fails when the BEAM has no such atom and this library made too many.
#[allow(dead_code)]
pub fn atom_to_term<'a>(env: Env<'a>, atom: Atom) -> Result<Term<'a>> {
    let word = to_word(Heap::of(env), atom)?;
    Ok(unsafe { Term::new(env, word) })
}

/// The same, without making one: `None` when the BEAM has no such atom.
pub fn existing_atom<'a>(env: Env<'a>, atom: Atom) -> Option<Term<'a>> {
    let known = to_beam().read().get(atom.0 as usize).copied();
    let word = match known.filter(|&word| word != Raw::default()) {
        Some(word) => word,
        None => {
            let word = existing(Heap::of(env), atom.text())?;
            remember(atom, word);
            word
        }
    };
    Some(unsafe { Term::new(env, word) })
}

/// Remembers, for one walk, what it has seen: most atoms of a source come many times.
#[derive(Default)]
pub(super) struct AtomCache {
    core: HashMap<Raw, Atom, ahash::RandomState>,
    beam: HashMap<Atom, Raw, ahash::RandomState>,
    /// The last one, which is often the next one too.
    last: Cell<Option<(Raw, Atom)>>,
}

impl AtomCache {
    #[inline]
    pub(super) fn atom(&mut self, heap: Heap, word: Raw) -> Result<Atom> {
        if let Some((last, atom)) = self.last.get()
            && last == word
        {
            return Ok(atom);
        }
        let atom = match self.core.get(&word) {
            Some(&atom) => atom,
            None => {
                let atom = from_word(heap, word)?;
                self.core.insert(word, atom);
                atom
            }
        };
        self.last.set(Some((word, atom)));
        Ok(atom)
    }

    #[inline]
    pub(super) fn word(&mut self, heap: Heap, atom: Atom) -> Result<Raw> {
        if let Some(&word) = self.beam.get(&atom) {
            return Ok(word);
        }
        let word = to_word(heap, atom)?;
        self.beam.insert(atom, word);
        Ok(word)
    }
}

fn from_word(heap: Heap, word: Raw) -> Result<Atom> {
    if let Some(found) = to_core().get(&word) {
        return Ok(*found);
    }
    let atom = intern(&text_of(heap, word)?);
    to_core().insert(word, atom);
    remember(atom, word);
    Ok(atom)
}

fn remember(atom: Atom, word: Raw) {
    let mut words = to_beam().write();
    let at = atom.0 as usize;
    if words.len() <= at {
        words.resize(at + 1, Raw::default());
    }
    words[at] = word;
}

fn to_word(heap: Heap, atom: Atom) -> Result<Raw> {
    let known = to_beam().read().get(atom.0 as usize).copied();
    if let Some(word) = known.filter(|&word| word != Raw::default()) {
        return Ok(word);
    }
    let text = atom.text();
    let word = match existing(heap, text) {
        Some(word) => word,
        None => create(heap, text)?,
    };
    remember(atom, word);
    Ok(word)
}

/// Before NIF 2.17 the API speaks Latin-1 only; what is beyond it goes through external term format.
fn text_of(heap: Heap, word: Raw) -> Result<String> {
    let mut buffer = [0u8; CHARACTERS_MAX + 1];
    let length = unsafe {
        sys::enif_get_atom(
            heap.env(),
            word,
            buffer.as_mut_ptr().cast::<c_char>(),
            buffer.len() as u32,
            ErlNifCharEncoding::ERL_NIF_LATIN1,
        )
    };
    if length > 0 {
        let latin1 = &buffer[..length as usize - 1];
        return Ok(latin1.iter().map(|&byte| char::from(byte)).collect());
    }
    let text = heap.external(word, |bytes| match bytes {
        // SMALL_ATOM_UTF8_EXT and ATOM_UTF8_EXT.
        [131, 119, _, text @ ..] | [131, 118, _, _, text @ ..] => {
            std::str::from_utf8(text).ok().map(str::to_string)
        }
        _ => None,
    })?;
    text.ok_or_else(|| Error::Invalid {
        what: "atom",
        detail: "its text cannot be read".to_string(),
    })
}

fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c as u32).ok()).collect()
}

fn existing(heap: Heap, text: &str) -> Option<Raw> {
    if text.chars().count() > CHARACTERS_MAX {
        return None;
    }
    match latin1(text) {
        Some(bytes) => {
            let mut word = Raw::default();
            let found = unsafe {
                sys::enif_make_existing_atom_len(
                    heap.env(),
                    bytes.as_ptr().cast::<c_char>(),
                    bytes.len(),
                    &mut word,
                    ErlNifCharEncoding::ERL_NIF_LATIN1,
                )
            };
            (found != 0).then_some(word)
        }
        None => heap.internal(&external(text)).ok(),
    }
}

fn create(heap: Heap, text: &str) -> Result<Raw> {
    if text.chars().count() > CHARACTERS_MAX {
        return Err(Error::LimitExceeded {
            what: "characters of an atom",
            limit: CHARACTERS_MAX as u64,
        });
    }
    if CREATED.fetch_add(1, Ordering::Relaxed) >= CREATED_MAX {
        CREATED.fetch_sub(1, Ordering::Relaxed);
        return Err(Error::LimitExceeded {
            what: "atoms made for stored names",
            limit: CREATED_MAX as u64,
        });
    }
    match latin1(text) {
        Some(bytes) => Ok(unsafe {
            sys::enif_make_atom_len(heap.env(), bytes.as_ptr().cast::<c_char>(), bytes.len())
        }),
        None => heap.internal_new_atoms(&external(text)),
    }
}

/// ATOM_UTF8_EXT.
fn external(text: &str) -> Vec<u8> {
    let mut bytes = vec![131, 118];
    bytes.extend_from_slice(&(text.len() as u16).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
