//! Content that is no block of events is refused, though its checksum is right: whatever is read of it does no harm, and what
//! is read once is read the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scope_core::ingest::{read_again, written};

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    match how {
        // As it comes.
        0 => _ = read_again(bytes),
        // A right one.
        1 => {
            let content = written(bytes);
            if !content.is_empty() {
                let _ = read_again(&content);
            }
        }
        // A right one with damage: place (16 bits), what to do, byte.
        many => {
            let (damage, events) = bytes.split_at(bytes.len().min(usize::from(*many % 8 + 1) * 4));
            let mut content = written(events);
            for one in damage.chunks_exact(4) {
                let at = usize::from(u16::from_le_bytes([one[0], one[1]]));
                match one[2] % 4 {
                    0 => content.truncate(at),
                    1 if at < content.len() => content.insert(at, one[3]),
                    2 if at < content.len() => content[at] ^= one[3],
                    _ => {
                        if let Some(byte) = content.get_mut(at) {
                            *byte = one[3];
                        }
                    }
                }
            }
            let _ = read_again(&content);
        }
    }
});
