//! Thrift's compact protocol, writing only.

pub const I32: u8 = 5;
const I64: u8 = 6;
pub const BINARY: u8 = 8;
const LIST: u8 = 9;
pub const STRUCT: u8 = 12;

/// The fields of one structure. Fields must be written in the order of their ids.
#[derive(Default)]
pub struct Compact {
    to: Vec<u8>,
    last: i16,
}

impl Compact {
    fn field(&mut self, id: i16, kind: u8) {
        let delta = id - self.last;
        if (1..=15).contains(&delta) {
            self.to.push((delta as u8) << 4 | kind);
        } else {
            self.to.push(kind);
            self.zigzag(i64::from(id));
        }
        self.last = id;
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.to.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.to.push(number as u8);
    }

    pub fn zigzag(&mut self, number: i64) {
        self.varint((number << 1 ^ number >> 63) as u64);
    }

    pub fn bool(&mut self, id: i16, yes: bool) {
        self.field(id, if yes { 1 } else { 2 });
    }

    pub fn byte(&mut self, id: i16, byte: u8) {
        self.field(id, 3);
        self.to.push(byte);
    }

    pub fn i32(&mut self, id: i16, number: i32) {
        self.field(id, I32);
        self.zigzag(i64::from(number));
    }

    pub fn i64(&mut self, id: i16, number: i64) {
        self.field(id, I64);
        self.zigzag(number);
    }

    pub fn text(&mut self, id: i16, text: &str) {
        self.field(id, BINARY);
        self.bytes(text.as_bytes());
    }

    /// An element of a list of binaries.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.to.extend_from_slice(bytes);
    }

    /// The head of a list: its elements follow.
    pub fn list(&mut self, id: i16, kind: u8, len: usize) {
        self.field(id, LIST);
        if len < 15 {
            self.to.push((len as u8) << 4 | kind);
        } else {
            self.to.push(0xf0 | kind);
            self.varint(len as u64);
        }
    }

    /// A structure as an element of a list.
    pub fn element(&mut self, fields: impl FnOnce(&mut Compact)) {
        let outer = std::mem::take(&mut self.last);
        fields(self);
        self.to.push(0);
        self.last = outer;
    }

    /// A structure as a field.
    pub fn structure(&mut self, id: i16, fields: impl FnOnce(&mut Compact)) {
        self.field(id, STRUCT);
        self.element(fields);
    }

    /// The bytes of the outermost structure.
    pub fn stop(mut self) -> Vec<u8> {
        self.to.push(0);
        self.to
    }
}
