//! From a probe's bytes to those of the log: atoms get the core's numbers.

use ahash::AHashMap;

use super::format::put_atom;
use super::tokens::{Token, Tokens};
use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::limits;

/// The core's atoms of the VM's words, remembered: a word means the same atom as long as the VM lives.
#[derive(Default)]
pub struct AtomWords {
    known: AHashMap<u64, Atom>,
}

impl AtomWords {
    pub fn new() -> Self {
        Self::default()
    }

    /// The atom of a word. `resolve` is asked when it is new.
    #[inline]
    pub fn get(&mut self, word: u64, resolve: &mut dyn FnMut(u64) -> Option<Atom>) -> Option<Atom> {
        match self.known.get(&word) {
            Some(atom) => Some(*atom),
            None => {
                let atom = resolve(word)?;
                if self.known.len() >= limits::ATOM_WORDS_MAX {
                    self.known.clear();
                }
                self.known.insert(word, atom);
                Some(atom)
            }
        }
    }
}

/// Appends to `out` what the log keeps of the value `raw`. On an error nothing is
/// appended. `raw` may be empty: then nothing is kept.
pub fn transcode(
    raw: &[u8],
    words: &mut AtomWords,
    resolve: &mut dyn FnMut(u64) -> Option<Atom>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let before = out.len();
    let mut copied = 0;
    let mut tokens = Tokens::new(raw);
    loop {
        let at = tokens.at();
        let token = match tokens.next() {
            Ok(Some(token)) => token,
            Ok(None) => break,
            Err(error) => {
                out.truncate(before);
                return Err(error);
            }
        };
        let Token::Atom(word) = token else { continue };
        let Some(atom) = words.get(word, resolve) else {
            out.truncate(before);
            return Err(Error::Corrupt {
                detail: "a captured value: an atom that the VM does not have".to_owned(),
            });
        };
        out.extend_from_slice(&raw[copied..at]);
        put_atom(out, u64::from(atom.0));
        copied = tokens.at();
    }
    out.extend_from_slice(&raw[copied..]);
    Ok(())
}
