//! Captured values as bytes: the tokens, and how they are written.
//!
//! A value is one token, or a token that opens a container and what follows until the container is full, ended or cut.
//! The bytes that a probe writes and those of the event log differ in one thing: an atom is the VM's word there, and the
//! core's number here. Saved ones have its text.

use crate::numbered::numbered;

/// What a token begins with. From `SMALL` on, the byte is an integer of 0..=127 itself.
pub(super) mod tag {
    pub const EMPTY_LIST: u8 = 1;
    pub const INT: u8 = 2;
    pub const FLOAT: u8 = 3;
    pub const ATOM: u8 = 4;
    pub const ATOM_TEXT: u8 = 5;
    pub const BINARY: u8 = 6;
    pub const EXTERNAL: u8 = 7;
    pub const PID: u8 = 8;
    pub const PORT: u8 = 9;
    pub const OPAQUE: u8 = 10;
    pub const LIST: u8 = 11;
    pub const END: u8 = 12;
    pub const TAIL: u8 = 13;
    pub const TUPLE: u8 = 14;
    pub const MAP: u8 = 15;
    pub const STRUCT: u8 = 16;
    pub const CUT: u8 = 17;
    pub const BINARY_CUT: u8 = 18;
    pub const MASKED: u8 = 19;
    pub const REDACTED: u8 = 20;
    pub const GONE: u8 = 21;
    pub const SMALL: u8 = 0x80;
}

numbered! {
    /// The type of a term.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    #[repr(u8)]
    pub enum Kind {
        Integer = 1,
        Float = 2,
        Atom = 3,
        Binary = 4,
        Bitstring = 5,
        List = 6,
        Tuple = 7,
        Map = 8,
        Struct = 9,
        Function = 10,
        Pid = 11,
        Port = 12,
        Reference = 13,
    }
}

impl Kind {
    pub fn from_byte(byte: u8) -> Option<Kind> {
        Kind::ALL
            .get(usize::from(byte).checked_sub(1)?)
            .copied()
            .filter(|kind| *kind as u8 == byte)
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Integer => "integer",
            Kind::Float => "float",
            Kind::Atom => "atom",
            Kind::Binary => "binary",
            Kind::Bitstring => "bitstring",
            Kind::List => "list",
            Kind::Tuple => "tuple",
            Kind::Map => "map",
            Kind::Struct => "struct",
            Kind::Function => "function",
            Kind::Pid => "pid",
            Kind::Port => "port",
            Kind::Reference => "reference",
        }
    }
}

numbered! {
    /// Which part of the budget a cut goes back to.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    #[repr(u8)]
    pub enum By {
        Depth = 1,
        Width = 2,
        Bytes = 3,
        Time = 4,
        /// Only the shape was asked for.
        Shape = 5,
    }
}

impl By {
    pub fn from_byte(byte: u8) -> Option<By> {
        By::ALL.into_iter().find(|by| *by as u8 == byte)
    }

    pub fn name(self) -> &'static str {
        match self {
            By::Depth => "depth",
            By::Width => "width",
            By::Bytes => "bytes",
            By::Time => "time",
            By::Shape => "shape",
        }
    }
}

/// How large the thing is that was cut: elements, pairs, or bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Size {
    Unknown,
    Exactly(u64),
    /// Counting ended there.
    AtLeast(u64),
}

impl Size {
    fn to_bits(self) -> u64 {
        match self {
            Size::Unknown => 0,
            Size::Exactly(size) => size << 2 | 1,
            Size::AtLeast(size) => size << 2 | 2,
        }
    }

    pub(super) fn from_bits(bits: u64) -> Option<Size> {
        match bits & 3 {
            0 if bits == 0 => Some(Size::Unknown),
            1 => Some(Size::Exactly(bits >> 2)),
            2 => Some(Size::AtLeast(bits >> 2)),
            _ => None,
        }
    }
}

/// The most bytes that a token without content takes.
pub const TOKEN_BYTES_MAX: usize = 24;
/// The most bytes that closing a container takes.
pub const CLOSE_BYTES_MAX: usize = 12;

#[inline(always)]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline(always)]
pub fn put_int(out: &mut Vec<u8>, int: i64) {
    if (0..=127).contains(&int) {
        out.push(tag::SMALL | int as u8);
    } else {
        out.push(tag::INT);
        put_varint(out, ((int << 1) ^ (int >> 63)) as u64);
    }
}

#[inline]
pub fn put_float(out: &mut Vec<u8>, float: f64) {
    out.push(tag::FLOAT);
    out.extend_from_slice(&float.to_bits().to_le_bytes());
}

/// An atom by a number: the VM's word from a probe, the core's number in the log.
#[inline]
pub fn put_atom(out: &mut Vec<u8>, number: u64) {
    out.push(tag::ATOM);
    put_varint(out, number);
}

pub fn put_atom_text(out: &mut Vec<u8>, text: &str) {
    out.push(tag::ATOM_TEXT);
    put_bytes(out, text.as_bytes());
}

#[inline]
pub fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(tag::BINARY);
    put_bytes(out, bytes);
}

/// The beginning of a binary of `size` bytes.
pub fn put_binary_cut(out: &mut Vec<u8>, by: By, size: u64, kept: &[u8]) {
    out.extend_from_slice(&[tag::BINARY_CUT, by as u8]);
    put_varint(out, size);
    put_bytes(out, kept);
}

/// A binary with what was secret in it replaced.
pub fn put_masked(out: &mut Vec<u8>, rule: u8, size: u64, kept: &[u8]) {
    out.extend_from_slice(&[tag::MASKED, rule]);
    put_varint(out, size);
    put_bytes(out, kept);
}

/// What has no form of its own here, in the VM's external term format.
pub fn put_external(out: &mut Vec<u8>, kind: Kind, bytes: &[u8]) {
    out.extend_from_slice(&[tag::EXTERNAL, kind as u8]);
    put_bytes(out, bytes);
}

/// What cannot be had back, by its text.
pub fn put_opaque(out: &mut Vec<u8>, kind: Kind, text: &str) {
    out.extend_from_slice(&[tag::OPAQUE, kind as u8]);
    put_bytes(out, text.as_bytes());
}

#[inline]
pub fn put_pid(out: &mut Vec<u8>, word: u64) {
    out.push(tag::PID);
    put_varint(out, word);
}

#[inline]
pub fn put_port(out: &mut Vec<u8>, word: u64) {
    out.push(tag::PORT);
    put_varint(out, word);
}

#[inline]
pub fn put_empty_list(out: &mut Vec<u8>) {
    out.push(tag::EMPTY_LIST);
}

/// Opens a list: elements follow, then `put_end`, `put_tail` and the tail, or `put_cut`.
#[inline]
pub fn put_list(out: &mut Vec<u8>) {
    out.push(tag::LIST);
}

#[inline]
pub fn put_end(out: &mut Vec<u8>) {
    out.push(tag::END);
}

/// The tail of an improper list follows, and closes it.
#[inline]
pub fn put_tail(out: &mut Vec<u8>) {
    out.push(tag::TAIL);
}

/// Opens a tuple: as many elements follow, or fewer and `put_cut`.
#[inline]
pub fn put_tuple(out: &mut Vec<u8>, arity: u64) {
    out.push(tag::TUPLE);
    put_varint(out, arity);
}

/// Opens a map: as many keys, each with its value, follow, or fewer and `put_cut`.
#[inline]
pub fn put_map(out: &mut Vec<u8>, size: u64) {
    out.push(tag::MAP);
    put_varint(out, size);
}

/// Opens a struct: its module (an atom) follows, then `fields` keys, each with its value, or fewer and `put_cut`.
#[inline]
pub fn put_struct(out: &mut Vec<u8>, fields: u64) {
    out.push(tag::STRUCT);
    put_varint(out, fields);
}

/// Closes the open container early. `size` is that of the whole container.
#[inline]
pub fn put_cut(out: &mut Vec<u8>, by: By, size: Size) {
    out.extend_from_slice(&[tag::CUT, by as u8]);
    put_varint(out, size.to_bits());
}

/// A value that was withheld, by the rule of this number (`redact::Rule`).
#[inline]
pub fn put_redacted(out: &mut Vec<u8>, rule: u8, kind: Kind) {
    out.extend_from_slice(&[tag::REDACTED, rule, kind as u8]);
}

/// A value of which nothing is kept.
#[inline]
pub fn put_gone(out: &mut Vec<u8>, by: By, kind: Kind, size: Size) {
    out.extend_from_slice(&[tag::GONE, by as u8, kind as u8]);
    put_varint(out, size.to_bits());
}

#[inline]
fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
