//! Content that is no repository is refused, though its checksum is right; nothing in it can do harm.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scope_core::limits::LOAD_STACK_BYTES;
use scope_core::store::{Limits, Repository, with_head};

fuzz_target!(|payload: &[u8]| {
    let file = with_head(payload);
    // A sanitizer's frames are several times as large.
    let thread = std::thread::Builder::new().stack_size(8 * LOAD_STACK_BYTES);
    let load = move || {
        if let Ok(repository) = Repository::from_bytes(&file, Limits::default()) {
            for unit in repository.units().iter() {
                unit.each_id(|_, id| assert!(!id.is_empty()));
            }
            let again = repository.to_bytes().expect("what was loaded can be saved");
            assert!(Repository::from_bytes(&again, Limits::default()).is_ok());
        }
    };
    let loaded = thread.spawn(load).expect("a thread").join();
    if let Err(panic) = loaded {
        std::panic::resume_unwind(panic);
    }
});
