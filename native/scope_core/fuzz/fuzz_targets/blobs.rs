//! The bytes of an event, whatever they are, are split into what is known and a value, and both can be read: shown, searched,
//! told as cause and effect.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scope_core::captured::{Step, check, show, walk};
use scope_core::ingest::{EventKind, split};

fuzz_target!(|bytes: &[u8]| {
    for kind in EventKind::ALL {
        let (head, value) = split(kind, bytes);
        assert_eq!([head, value].concat(), bytes);
        let shown = show(value, &(), 300);
        assert!(shown.len() < 2_000, "{}", shown.len());
        if check(value).is_ok() {
            let mut steps = 0usize;
            let told = walk(value, |_: Step<'_>| {
                steps += 1;
                Ok(())
            });
            assert!(told.is_ok());
            assert!(steps <= 4 * value.len() + 4);
        }
    }
});
