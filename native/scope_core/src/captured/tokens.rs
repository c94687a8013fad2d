//! Tokens read back, one at a time, whatever the bytes are.

use super::format::{self, By, Kind, Size, tag};
use crate::error::{Error, Result};

/// One token. Slices point into the bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Token<'a> {
    EmptyList,
    Int(i64),
    Float(f64),
    Atom(u64),
    AtomText(&'a str),
    Binary(&'a [u8]),
    External(Kind, &'a [u8]),
    Pid(u64),
    Port(u64),
    Opaque(Kind, &'a str),
    List,
    End,
    Tail,
    Tuple(u64),
    Map(u64),
    /// Its module follows, then as many keys and values.
    Struct(u64),
    Cut(By, Size),
    BinaryCut(By, u64, &'a [u8]),
    Masked(u8, u64, &'a [u8]),
    Redacted(u8, Kind),
    Gone(By, Kind, Size),
}

impl Token<'_> {
    /// Writes the token.
    pub fn put(self, out: &mut Vec<u8>) {
        match self {
            Token::EmptyList => format::put_empty_list(out),
            Token::Int(int) => format::put_int(out, int),
            Token::Float(float) => format::put_float(out, float),
            Token::Atom(number) => format::put_atom(out, number),
            Token::AtomText(text) => format::put_atom_text(out, text),
            Token::Binary(bytes) => format::put_binary(out, bytes),
            Token::External(kind, bytes) => format::put_external(out, kind, bytes),
            Token::Pid(word) => format::put_pid(out, word),
            Token::Port(word) => format::put_port(out, word),
            Token::Opaque(kind, text) => format::put_opaque(out, kind, text),
            Token::List => format::put_list(out),
            Token::End => format::put_end(out),
            Token::Tail => format::put_tail(out),
            Token::Tuple(arity) => format::put_tuple(out, arity),
            Token::Map(size) => format::put_map(out, size),
            Token::Struct(fields) => format::put_struct(out, fields),
            Token::Cut(by, size) => format::put_cut(out, by, size),
            Token::BinaryCut(by, size, kept) => format::put_binary_cut(out, by, size, kept),
            Token::Masked(rule, size, kept) => format::put_masked(out, rule, size, kept),
            Token::Redacted(rule, kind) => format::put_redacted(out, rule, kind),
            Token::Gone(by, kind, size) => format::put_gone(out, by, kind, size),
        }
    }
}

/// Reads tokens from the front of some bytes.
#[derive(Clone, Copy)]
pub struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Tokens { bytes, at: 0 }
    }

    /// How many bytes have been read.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The next token; `None` at the end of the bytes. (No `Iterator`: an error must not be skipped.)
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Token<'a>>> {
        let Some(first) = self.bytes.get(self.at) else {
            return Ok(None);
        };
        self.at += 1;
        self.token(*first).map(Some)
    }

    fn token(&mut self, first: u8) -> Result<Token<'a>> {
        if first >= tag::SMALL {
            return Ok(Token::Int(i64::from(first - tag::SMALL)));
        }
        Ok(match first {
            tag::EMPTY_LIST => Token::EmptyList,
            tag::INT => {
                let folded = self.varint()?;
                Token::Int((folded >> 1) as i64 ^ -((folded & 1) as i64))
            }
            tag::FLOAT => {
                let bytes = self.take(8)?;
                let bits = bytes.try_into().map(u64::from_le_bytes);
                let float = f64::from_bits(bits.map_err(|_| corrupt("a float"))?);
                if !float.is_finite() {
                    return Err(corrupt("a float that is not finite"));
                }
                Token::Float(float)
            }
            tag::ATOM => Token::Atom(self.varint()?),
            tag::ATOM_TEXT => Token::AtomText(self.text()?),
            tag::BINARY => Token::Binary(self.sized()?),
            tag::EXTERNAL => Token::External(self.kind()?, self.sized()?),
            tag::PID => Token::Pid(self.varint()?),
            tag::PORT => Token::Port(self.varint()?),
            tag::OPAQUE => Token::Opaque(self.kind()?, self.text()?),
            tag::LIST => Token::List,
            tag::END => Token::End,
            tag::TAIL => Token::Tail,
            tag::TUPLE => Token::Tuple(self.varint()?),
            tag::MAP => Token::Map(self.varint()?),
            tag::STRUCT => Token::Struct(self.varint()?),
            tag::CUT => Token::Cut(self.by()?, self.size()?),
            tag::BINARY_CUT => Token::BinaryCut(self.by()?, self.varint()?, self.sized()?),
            tag::MASKED => Token::Masked(self.byte()?, self.varint()?, self.sized()?),
            tag::REDACTED => Token::Redacted(self.byte()?, self.kind()?),
            tag::GONE => Token::Gone(self.by()?, self.kind()?, self.size()?),
            _ => return Err(corrupt("a tag that does not exist")),
        })
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.bytes.get(self.at).ok_or_else(cut_off)?;
        self.at += 1;
        Ok(*byte)
    }

    fn kind(&mut self) -> Result<Kind> {
        Kind::from_byte(self.byte()?).ok_or_else(|| corrupt("a type that does not exist"))
    }

    fn by(&mut self) -> Result<By> {
        By::from_byte(self.byte()?).ok_or_else(|| corrupt("a cause that does not exist"))
    }

    fn size(&mut self) -> Result<Size> {
        Size::from_bits(self.varint()?).ok_or_else(|| corrupt("a size"))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(corrupt("a number of more than 64 bits"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or_else(cut_off)?;
        self.at += length;
        Ok(taken)
    }

    fn sized(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.varint()?).map_err(|_| cut_off())?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.sized()?).map_err(|_| corrupt("text that is not UTF-8"))
    }
}

pub(super) fn corrupt(what: &str) -> Error {
    Error::Corrupt {
        detail: format!("a captured value: {what}"),
    }
}

pub(super) fn cut_off() -> Error {
    corrupt("it ends too early")
}
