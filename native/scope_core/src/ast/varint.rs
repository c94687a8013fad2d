//! Integers in as few bytes as they need: seven bits a byte, lowest first; signs folded in (zigzag).

pub(super) fn push(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads at `*at` and moves it behind. `None` at the end of the bytes or after ten of them.
#[inline]
pub(super) fn read(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut bytes = Vec::new();
        let all = [0, 1, -1, 63, 64, -64, -65, 1 << 40, i64::MAX, i64::MIN];
        for value in all {
            push(&mut bytes, zigzag(value));
        }
        let mut at = 0;
        for value in all {
            assert_eq!(read(&bytes, &mut at).map(unzigzag), Some(value));
        }
        assert_eq!(read(&bytes, &mut at), None);
        assert_eq!(read(&[0xff; 32], &mut 0), None);
    }
}
