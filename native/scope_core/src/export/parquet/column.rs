//! One column of a row group: its values until they are written, and its pages.

use ahash::AHashMap;

use super::thrift::Compact;

const PLAIN: i32 = 0;
const RLE: i32 = 3;
const RLE_DICTIONARY: i32 = 8;

pub struct Chunk {
    /// Whether a row may be empty; then which are not.
    present: Option<Vec<bool>>,
    numbers: Vec<u64>,
    /// Words by their number in the dictionary.
    indexes: Vec<u32>,
    words: Vec<String>,
    by_word: AHashMap<String, u32>,
    rows: usize,
    /// Numbers are 0 or 1, and written as bits.
    bits: bool,
}

impl Chunk {
    pub fn new(optional: bool) -> Self {
        Chunk {
            present: optional.then(Vec::new),
            numbers: Vec::new(),
            indexes: Vec::new(),
            words: Vec::new(),
            by_word: AHashMap::new(),
            rows: 0,
            bits: false,
        }
    }

    /// Of booleans, any of which may be empty.
    pub fn of_bits() -> Self {
        Chunk {
            bits: true,
            ..Chunk::new(true)
        }
    }

    fn there(&mut self, yes: bool) {
        self.rows += 1;
        if let Some(present) = &mut self.present {
            present.push(yes);
        }
    }

    pub fn number(&mut self, number: u64) {
        self.there(true);
        self.numbers.push(number);
    }

    pub fn word(&mut self, word: String) {
        self.there(true);
        let next = self.words.len() as u32;
        let index = match self.by_word.get(&word) {
            Some(index) => *index,
            None => {
                self.words.push(word.clone());
                self.by_word.insert(word, next);
                next
            }
        };
        self.indexes.push(index);
    }

    pub fn empty(&mut self) {
        self.there(false);
    }

    pub fn clear(&mut self) {
        *self = Chunk {
            bits: self.bits,
            ..Chunk::new(self.present.is_some())
        };
    }

    pub fn dictionary_page(&self) -> Option<Vec<u8>> {
        if self.words.is_empty() {
            return None;
        }
        let mut data = Vec::new();
        for word in &self.words {
            data.extend_from_slice(&(word.len() as u32).to_le_bytes());
            data.extend_from_slice(word.as_bytes());
        }
        let mut head = Compact::default();
        head.i32(1, 2);
        head.i32(2, data.len() as i32);
        head.i32(3, data.len() as i32);
        head.structure(7, |head| {
            head.i32(1, self.words.len() as i32);
            head.i32(2, PLAIN);
        });
        Some(page(head, &data))
    }

    pub fn data_page(&self) -> Vec<u8> {
        let mut data = Vec::new();
        if let Some(present) = &self.present {
            let levels: Vec<u32> = present.iter().map(|yes| u32::from(*yes)).collect();
            let packed = hybrid(&levels, 1);
            data.extend_from_slice(&(packed.len() as u32).to_le_bytes());
            data.extend_from_slice(&packed);
        }
        let encoding = if self.bits {
            // PLAIN booleans: a bit each, the lowest first.
            let bytes = self.numbers.chunks(8).map(|eight| {
                let bits = eight.iter().enumerate();
                bits.fold(0, |byte, (at, bit)| byte | (*bit as u8 & 1) << at)
            });
            data.extend(bytes);
            PLAIN
        } else if self.words.is_empty() {
            for number in &self.numbers {
                data.extend_from_slice(&number.to_le_bytes());
            }
            PLAIN
        } else {
            let width = 32 - (self.words.len() as u32 - 1).leading_zeros();
            data.push(width as u8);
            data.extend_from_slice(&hybrid(&self.indexes, width));
            RLE_DICTIONARY
        };
        let mut head = Compact::default();
        head.i32(1, 0);
        head.i32(2, data.len() as i32);
        head.i32(3, data.len() as i32);
        head.structure(5, |head| {
            head.i32(1, self.rows as i32);
            head.i32(2, encoding);
            head.i32(3, RLE);
            head.i32(4, RLE);
        });
        page(head, &data)
    }
}

fn page(head: Compact, data: &[u8]) -> Vec<u8> {
    let mut page = head.stop();
    page.extend_from_slice(data);
    page
}

/// The hybrid of runs and packed bits: one run where all values are equal, else all packed.
fn hybrid(values: &[u32], width: u32) -> Vec<u8> {
    let mut to = Vec::new();
    let Some(first) = values.first() else {
        return to;
    };
    if values.iter().all(|value| value == first) {
        varint(&mut to, (values.len() as u64) << 1);
        to.extend_from_slice(&first.to_le_bytes()[..width.div_ceil(8) as usize]);
        return to;
    }
    let groups = values.len().div_ceil(8);
    varint(&mut to, (groups as u64) << 1 | 1);
    let (mut bits, mut held) = (0_u64, 0);
    for at in 0..groups * 8 {
        bits |= u64::from(values.get(at).copied().unwrap_or(0)) << held;
        held += width;
        while held >= 8 {
            to.push(bits as u8);
            bits >>= 8;
            held -= 8;
        }
    }
    to
}

fn varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
