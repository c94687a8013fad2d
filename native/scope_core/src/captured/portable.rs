//! For saving: the same value without anything that means something in one VM only.

use super::format::{Kind, put_atom, put_atom_text, put_external, put_opaque};
use super::show::{Names, reference_text};
use super::tokens::{Token, Tokens, corrupt};
use super::walk::check;
use crate::atoms::{Atom, intern};
use crate::error::{Error, Result};
use crate::limits;

/// Appends the value as it can be saved: atoms as text; pids, ports and references, which name nothing in another VM, as
/// what they look like.
pub fn portable(log: &[u8], names: &dyn Names, out: &mut Vec<u8>) -> Result<()> {
    rewrite(log, out, |token, out| {
        match token {
            Token::Atom(number) => put_atom_text(out, atom(number)?.text()),
            Token::Pid(word) => put_opaque(out, Kind::Pid, &names.pid(word)),
            Token::Port(word) => put_opaque(out, Kind::Port, &names.port(word)),
            Token::External(Kind::Reference, bytes) => {
                put_opaque(out, Kind::Reference, &reference_text(bytes));
            }
            Token::External(kind @ (Kind::Pid | Kind::Port), _) => {
                put_opaque(out, kind, "of another node");
            }
            _ => return Ok(false),
        }
        Ok(true)
    })
}

/// Appends the value of saved bytes, which are checked. Atoms that the core does not know yet are interned, which is
/// counted in `atoms_left`.
pub fn from_portable(bytes: &[u8], atoms_left: &mut usize, out: &mut Vec<u8>) -> Result<()> {
    check(bytes)?;
    rewrite(bytes, out, |token, out| {
        match token {
            Token::AtomText(text) => put_atom(out, u64::from(saved_atom(text, atoms_left)?.0)),
            Token::Atom(_) | Token::Pid(_) | Token::Port(_) => {
                return Err(corrupt("something of another VM"));
            }
            // Only what is a value in every VM may be read back as a term.
            Token::External(kind @ (Kind::Reference | Kind::Pid | Kind::Port), _) => {
                put_opaque(out, kind, "of another VM");
            }
            Token::External(kind, bytes) => put_external(out, kind, bytes),
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn saved_atom(text: &str, atoms_left: &mut usize) -> Result<Atom> {
    if let Some(known) = crate::atoms::existing(text) {
        return Ok(known);
    }
    if text.len() > limits::ATOM_BYTES_MAX {
        return Err(corrupt("an atom that is too long"));
    }
    *atoms_left = atoms_left.checked_sub(1).ok_or(Error::LimitExceeded {
        what: "atoms of a saved value",
        limit: limits::AST_SAVED_ATOMS_MAX as u64,
    })?;
    Ok(intern(text))
}

/// Copies all tokens but those that `replace` writes itself.
fn rewrite<'a>(
    bytes: &'a [u8],
    out: &mut Vec<u8>,
    mut replace: impl FnMut(Token<'a>, &mut Vec<u8>) -> Result<bool>,
) -> Result<()> {
    let before = out.len();
    let mut tokens = Tokens::new(bytes);
    let mut result = Ok(());
    loop {
        let at = tokens.at();
        let token = match tokens.next() {
            Ok(Some(token)) => token,
            Ok(None) => break,
            Err(error) => {
                result = Err(error);
                break;
            }
        };
        match replace(token, out) {
            Ok(true) => {}
            Ok(false) => out.extend_from_slice(&bytes[at..tokens.at()]),
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// The core's atom of a number in the log's bytes.
pub(super) fn atom(number: u64) -> Result<Atom> {
    u32::try_from(number)
        .ok()
        .filter(|number| (*number as usize) < crate::atoms::count())
        .map(Atom)
        .ok_or_else(|| corrupt("an atom that does not exist"))
}
