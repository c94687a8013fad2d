//! Names that say "secret".

use ahash::AHashSet;

use crate::error::{Error, Result};

/// Parts of names, wherever they stand: `password` is found in `:user_password`, `"Password-Hash"` and `newPassword`.
pub const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "authorization",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "creditcard",
    "cardnumber",
    "cookie",
    "session",
    "csrf",
    "bearer",
    "jwt",
    "socialsecurity",
    "mnemonic",
];

/// Whole names.
pub const WHOLES: &[&str] = &[
    "pwd", "pass", "pin", "cvv", "cvc", "ssn", "otp", "totp", "auth", "card", "pan", "iban",
    "seed", "salt", "dsn",
];

const NAME_BYTES_MAX: usize = 128;

pub struct Keys {
    parts: Vec<Box<[u8]>>,
    wholes: AHashSet<Box<[u8]>>,
    /// The first two letters of every part, folded to six bits each: most names are refused by them.
    begins: Box<[u64; 64]>,
}

impl Default for Keys {
    fn default() -> Self {
        let owned =
            |names: &[&str]| -> Vec<String> { names.iter().map(|it| it.to_string()).collect() };
        Keys::new(&owned(PARTS), &owned(WHOLES))
            .unwrap_or_else(|_| unreachable!("they are long enough"))
    }
}

impl Keys {
    /// Case, `_`, `-`, spaces and the like say nothing, in what is given as in what is asked for.
    pub fn new(parts: &[String], wholes: &[String]) -> Result<Keys> {
        let mut keys = Keys {
            parts: Vec::new(),
            wholes: AHashSet::new(),
            begins: Box::new([0; 64]),
        };
        for part in parts {
            let squeezed = squeezed(part)?;
            if squeezed.len() < 3 {
                return Err(Error::Invalid {
                    what: "key",
                    detail: format!(
                        "{part:?} has fewer than three letters, and would be found in too many names"
                    ),
                });
            }
            let (row, bit) = place(squeezed[0], squeezed[1]);
            keys.begins[row] |= bit;
            keys.parts.push(squeezed);
        }
        for whole in wholes {
            keys.wholes.insert(squeezed(whole)?);
        }
        Ok(keys)
    }

    /// Whether what stands under this name is to be withheld.
    pub fn matches(&self, name: &[u8]) -> bool {
        let mut buffer = [0u8; NAME_BYTES_MAX];
        let mut length = 0;
        for byte in name {
            if let Some(letter) = letter(*byte) {
                // Of a long name the beginning counts: it is text rather than a name.
                if length == NAME_BYTES_MAX {
                    break;
                }
                buffer[length] = letter;
                length += 1;
            }
        }
        let name = &buffer[..length];
        if self.wholes.contains(name) {
            return true;
        }
        name.windows(2).enumerate().any(|(at, two)| {
            let (row, bit) = place(two[0], two[1]);
            self.begins[row] & bit != 0
                && self.parts.iter().any(|part| name[at..].starts_with(part))
        })
    }
}

#[inline(always)]
fn letter(byte: u8) -> Option<u8> {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' | 0x80.. => Some(byte),
        b'A'..=b'Z' => Some(byte | 0x20),
        _ => None,
    }
}

#[inline(always)]
fn place(first: u8, second: u8) -> (usize, u64) {
    (usize::from(first & 63), 1 << (second & 63))
}

fn squeezed(text: &str) -> Result<Box<[u8]>> {
    let letters: Box<[u8]> = text
        .bytes()
        .filter_map(letter)
        .take(NAME_BYTES_MAX)
        .collect();
    if letters.is_empty() {
        return Err(Error::Invalid {
            what: "key",
            detail: format!("{text:?} has no letter"),
        });
    }
    Ok(letters)
}
