//! Small values in a register: what most variables, arguments and results are.
//!
//! The same bytes as [`format`](super::format) writes, without a buffer in memory that is written byte by byte and then read word by word,
//! which makes the processor wait for itself. What does not fit, or has to be looked at more closely, is refused, and
//! goes the general way.

use super::format::tag;

/// Up to sixteen bytes of tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Short {
    word: u128,
    len: usize,
}

/// Larger numbers may be those of payment cards.
const PLAIN_MAX: u64 = 1 << 41;

impl Short {
    pub const ROOM: usize = 16;

    #[inline(always)]
    pub const fn new() -> Self {
        Short { word: 0, len: 0 }
    }

    /// Whether there was room. What was refused is not there in part either.
    #[inline(always)]
    fn add(&mut self, token: u128, len: usize) -> bool {
        if self.len + len > Short::ROOM {
            return false;
        }
        self.word |= token << (8 * self.len);
        self.len += len;
        true
    }

    /// An integer that is not large.
    #[inline(always)]
    pub fn int(&mut self, int: i64) -> bool {
        if (0..=127).contains(&int) {
            return self.add(u128::from(tag::SMALL | int as u8), 1);
        }
        if int.unsigned_abs() >= PLAIN_MAX {
            return false;
        }
        self.tagged(tag::INT, ((int << 1) ^ (int >> 63)) as u64)
    }

    /// An atom, by the VM's word.
    #[inline(always)]
    pub fn atom(&mut self, word: u64) -> bool {
        self.tagged(tag::ATOM, word)
    }

    #[inline(always)]
    pub fn empty_list(&mut self) -> bool {
        self.add(u128::from(tag::EMPTY_LIST), 1)
    }

    /// Opens a list; `end` closes it.
    #[inline(always)]
    pub fn list(&mut self) -> bool {
        self.add(u128::from(tag::LIST), 1)
    }

    #[inline(always)]
    pub fn end(&mut self) -> bool {
        self.add(u128::from(tag::END), 1)
    }

    /// A tag and a number as a varint of at most seven bytes.
    #[inline(always)]
    fn tagged(&mut self, tag: u8, number: u64) -> bool {
        if number >= 1 << 49 {
            return false;
        }
        let (mut token, mut len, mut rest) = (u64::from(tag), 1, number);
        while rest >= 0x80 {
            token |= (rest & 0x7F | 0x80) << (8 * len);
            rest >>= 7;
            len += 1;
        }
        token |= rest << (8 * len);
        self.add(u128::from(token), len + 1)
    }

    /// How many of the bytes are the value's.
    #[inline(always)]
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub const fn to_bytes(&self) -> [u8; Short::ROOM] {
        self.word.to_le_bytes()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::capture::redact::secrets::is_card_number;
    use crate::captured::format;

    fn bytes(short: &Short) -> Vec<u8> {
        short.to_bytes()[..short.len()].to_vec()
    }

    fn numbers() -> impl Iterator<Item = i64> {
        let edges =
            (0..63).flat_map(|bit| [1i64 << bit, (1 << bit) - 1, -(1 << bit), 1 - (1 << bit)]);
        edges.chain([
            i64::MIN,
            i64::MAX,
            4_111_111_111_111_111,
            378_282_246_310_005,
        ])
    }

    #[test]
    fn what_is_short_is_what_the_general_way_writes() {
        let mut taken = 0;
        for int in numbers() {
            let (mut short, mut long) = (Short::new(), Vec::new());
            format::put_int(&mut long, int);
            if short.int(int) {
                assert_eq!(bytes(&short), long, "{int}");
                assert!(u64::try_from(int).map_or(true, |int| !is_card_number(int)));
                taken += 1;
            }
        }
        assert!(taken > 100);
        for word in [0x0B, 0x4B, 0x3F_FFCB, u64::MAX >> 15] {
            let (mut short, mut long) = (Short::new(), Vec::new());
            format::put_atom(&mut long, word);
            assert!(short.atom(word));
            assert_eq!(bytes(&short), long);
        }
        assert!(!Short::new().atom(1 << 49));
    }

    #[test]
    fn a_list_of_short_values_is_a_list_and_what_has_no_room_is_not_there() {
        let (mut short, mut long) = (Short::new(), Vec::new());
        assert!(short.list() && short.int(3) && short.int(-70_000) && short.atom(0x1234B));
        format::put_list(&mut long);
        format::put_int(&mut long, 3);
        format::put_int(&mut long, -70_000);
        format::put_atom(&mut long, 0x1234B);
        assert_eq!(bytes(&short), long);
        assert!(short.int(2_000_000) && !short.int(2_000_000));
        format::put_int(&mut long, 2_000_000);
        assert_eq!(bytes(&short), long);
        assert!(short.end());
        format::put_end(&mut long);
        assert_eq!(bytes(&short), long);
        assert_eq!(short.len(), Short::ROOM);
        assert!(!short.end() && !short.empty_list());
    }
}
