//! Columns that are as narrow as what they hold: times and tokens of one block.

/// Nanoseconds since 1970, in the order of the rows. A block of a busy program spans less than the 4.3 s of 32 bits.
#[derive(Clone, Debug)]
pub(crate) enum Times {
    Narrow { base: u64, offsets: Box<[u32]> },
    Wide(Box<[u64]>),
}

impl Times {
    /// The narrowest column that holds `times`, exactly.
    pub fn narrowest(times: &[u64]) -> Times {
        let base = times.iter().copied().min().unwrap_or(0);
        let last = times.iter().copied().max().unwrap_or(0);
        if last - base > u64::from(u32::MAX) {
            return Times::Wide(times.into());
        }
        let offsets = times.iter().map(|at| (at - base) as u32).collect();
        Times::Narrow { base, offsets }
    }

    #[inline]
    pub fn get(&self, row: usize) -> u64 {
        match self {
            Times::Narrow { base, offsets } => base + u64::from(offsets[row]),
            Times::Wide(times) => times[row],
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Times::Narrow { offsets, .. } => offsets.len() * 4,
            Times::Wide(times) => times.len() * 8,
        }
    }
}

/// The ring that gave a token, and the token's place among those of its ring.
pub(crate) fn ring_of(token: u64) -> u16 {
    (token >> 48) as u16
}

/// Tokens: eight bytes each, or five when few rings gave them.
#[derive(Clone, Debug)]
pub(crate) enum Tokens {
    Narrow {
        /// The smallest token of each ring here; `0` (no activation) is one of its own.
        bases: Box<[u64]>,
        which: Box<[u8]>,
        offsets: Box<[u32]>,
    },
    Wide(Box<[u64]>),
}

/// Tokens of one ring, and the token 0, make a group.
fn same_group(a: u64, b: u64) -> bool {
    (a == 0) == (b == 0) && ring_of(a) == ring_of(b)
}

impl Tokens {
    /// The narrowest column that holds `tokens`, exactly.
    pub fn narrowest(tokens: &[u64]) -> Tokens {
        let wide = || Tokens::Wide(tokens.into());
        let mut groups: Vec<(u64, u64)> = Vec::new();
        let mut which = Vec::with_capacity(tokens.len());
        let mut last = 0;
        for token in tokens {
            let known = match groups.get(last) {
                Some((base, _)) if same_group(*base, *token) => Some(last),
                _ => groups
                    .iter()
                    .position(|(base, _)| same_group(*base, *token)),
            };
            last = known.unwrap_or(groups.len());
            match groups.get_mut(last) {
                Some((first, end)) => {
                    *first = (*first).min(*token);
                    *end = (*end).max(*token);
                }
                None => groups.push((*token, *token)),
            }
            let Ok(group) = u8::try_from(last) else {
                return wide();
            };
            which.push(group);
        }
        if groups
            .iter()
            .any(|(first, end)| end - first > u64::from(u32::MAX))
        {
            return wide();
        }
        let offsets = tokens
            .iter()
            .zip(&which)
            .map(|(token, group)| (token - groups[usize::from(*group)].0) as u32);
        Tokens::Narrow {
            offsets: offsets.collect(),
            bases: groups.iter().map(|(first, _)| *first).collect(),
            which: which.into(),
        }
    }

    #[inline]
    pub fn get(&self, row: usize) -> u64 {
        match self {
            Tokens::Narrow {
                bases,
                which,
                offsets,
            } => bases[usize::from(which[row])] + u64::from(offsets[row]),
            Tokens::Wide(tokens) => tokens[row],
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Tokens::Narrow { bases, which, .. } => bases.len() * 8 + which.len() * 5,
            Tokens::Wide(tokens) => tokens.len() * 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(times: &[u64], tokens: &[u64], narrow: bool) {
        let (at, token) = (Times::narrowest(times), Tokens::narrowest(tokens));
        for (row, expected) in times.iter().enumerate() {
            assert_eq!(at.get(row), *expected);
        }
        for (row, expected) in tokens.iter().enumerate() {
            assert_eq!(token.get(row), *expected);
        }
        assert_eq!(matches!(at, Times::Narrow { .. }), narrow);
        assert_eq!(matches!(token, Tokens::Narrow { .. }), narrow);
    }

    #[test]
    fn columns_give_back_what_went_in() {
        let ring = |ring: u64, sequence: u64| ring << 48 | sequence;
        check(&[], &[], true);
        check(
            &[7, 5, u32::MAX as u64 + 5],
            &[ring(3, 9), 0, ring(1, 4), ring(3, 2)],
            true,
        );
        check(&[0, 1 << 40], &[ring(3, 9), ring(3, 1 << 40)], false);
        let many: Vec<u64> = (1..=300).map(|one| ring(one, 1)).collect();
        check(&[0, u64::MAX], &many, false);
    }
}
