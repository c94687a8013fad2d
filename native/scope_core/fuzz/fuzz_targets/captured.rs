//! Bytes that are no captured value are refused, those that are one can be shown, compared, saved and read again; any text can
//! be searched for secrets, and what was masked holds no secret that was found before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scope_core::capture::redact::{Rules, secrets};
use scope_core::captured::{
    AtomWords, canonical, check, from_portable, portable, same, show, transcode,
};
use scope_core::error::Error;

fuzz_target!(|bytes: &[u8]| {
    let mut out = Vec::new();
    let _ = transcode(bytes, &mut AtomWords::new(), &mut |_| None, &mut out);
    assert!(show(bytes, &(), 300).len() < 2_000);
    if check(bytes).is_ok() && canonical(bytes).is_ok() {
        assert!(same(bytes, bytes));
        let (mut saved, mut loaded) = (Vec::new(), Vec::new());
        if portable(bytes, &(), &mut saved).is_ok() {
            match from_portable(&saved, &mut 100, &mut loaded) {
                Ok(()) => assert!(check(&loaded).is_ok()),
                // More new atoms than it may bring.
                Err(error) => assert!(matches!(error, Error::LimitExceeded { .. }), "{error}"),
            }
        }
    }
    let rules = Rules::default();
    for kept in [bytes.len() / 2, bytes.len()] {
        let mut masked = Vec::new();
        let found = secrets::mask(&rules, bytes, kept, &mut masked);
        assert_eq!(found.is_none(), masked.is_empty());
    }
});
