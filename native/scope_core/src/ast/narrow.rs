//! A column of numbers that are small but for a few: two bytes each, and the others on the side.

use crate::error::Result;

use super::arena::{filled, reserve};

const LARGE: u16 = u16::MAX;

#[derive(Clone, Debug)]
pub(super) struct Narrow {
    small: Box<[u16]>,
    /// Index and number, for numbers that two bytes cannot hold; in order.
    large: Vec<(u32, u32)>,
}

impl Narrow {
    /// A column of `length` numbers, told one after the other by `at`.
    pub(super) fn new(length: usize, mut at: impl FnMut(usize) -> u32) -> Result<Narrow> {
        let mut small = filled(length, 0u16)?;
        let mut large = Vec::new();
        for (index, slot) in small.iter_mut().enumerate() {
            let number = at(index);
            *slot = number.min(u32::from(LARGE)) as u16;
            if *slot == LARGE {
                reserve(&mut large, 1)?;
                large.push((index as u32, number));
            }
        }
        large.shrink_to_fit();
        Ok(Narrow { small, large })
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> u32 {
        let small = self.small[index as usize];
        if small == LARGE {
            self.large(index)
        } else {
            u32::from(small)
        }
    }

    #[cold]
    fn large(&self, index: u32) -> u32 {
        let found = self.large.binary_search_by_key(&index, |&(index, _)| index);
        found.map_or(0, |at| self.large[at].1)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.small.len() * size_of::<u16>() + self.large.capacity() * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large() {
        let numbers = [0, 1, 65_534, 65_535, 65_536, u32::MAX];
        let column = Narrow::new(numbers.len(), |at| numbers[at]).unwrap();
        let read: Vec<u32> = (0..numbers.len() as u32).map(|at| column.get(at)).collect();
        assert_eq!(read, numbers);
        assert_eq!(column.large.len(), 3);
    }
}
